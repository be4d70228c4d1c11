"""Pure steps from Job to Job that come between reading and running."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any, Final

from mediaglot.gateway.faults import NotFound
from mediaglot.gateway.mapping import is_empty
from mediaglot.gateway.memory import recur, recurs, remember
from mediaglot.gateway.model import Audio, Average, FrameRate, Job, Output, Preset, Video, attributes
from mediaglot.gateway.model.change import replace

_MERGED: Final[dict[tuple[int, int], tuple[Any, Any, Any]]] = {}
"""By the ids of two objects that recur, and that live as long as their entry."""


def merge(base: Any, top: Any) -> Any:
    """``top`` laid over ``base``: what top leaves at its default comes from base, objects are merged in depth."""
    if top is None or not is_dataclass(top) or isinstance(top, type) or type(base) is not type(top):
        return base if top is None else top
    key = id(base), id(top)
    if (known := _MERGED.get(key)) is not None:
        return known[2]
    merged = _merged(base, top)
    if recurs(base) and recurs(top):
        remember(_MERGED, key, (base, top, merged))
        recur((merged,))
    return merged


def _merged(base: Any, top: Any) -> Any:
    changes = {}
    for attribute in attributes(type(top)):
        mine, theirs = getattr(top, attribute.name), getattr(base, attribute.name)
        changes[attribute.name] = theirs if mine == attribute.silence else merge(theirs, mine)
    return type(base)(**changes)


def resolve_presets(job: Job, find: Mapping[str, Preset] | Callable[[str], Preset | None]) -> Job:
    """Outputs that name a preset get its settings under their own. Raises NotFound for an unknown one."""
    if not any(output.preset is not None for output in job.outputs):
        return job
    look_up = find.get if isinstance(find, Mapping) else find

    def resolve(output: Output) -> Output:
        if output.preset is None:
            return output
        preset = look_up(output.preset)
        if preset is None:
            raise NotFound(kind="preset", id=output.preset)
        merged: Output = merge(preset.output, output)
        own = {key: value for key, value in output.document.items() if not is_empty(value)}
        return replace(merged, extras=output.extras, document={**preset.output.document, **own})

    return replace(job, outputs=tuple(resolve(output) for output in job.outputs))


def preset_names(job: Job) -> frozenset[str]:
    return frozenset(output.preset for output in job.outputs if output.preset is not None)


def capped(bounds: Output, own: Output, merged: Output) -> Output:
    """``merged`` from ``bounds`` and a job's ``own`` settings, where what the bounds say is the most in any case."""
    sound, most = merged.audio, bounds.audio.bitrate if isinstance(bounds.audio, Audio) else None
    if isinstance(sound, Audio) and isinstance(sound.bitrate, int) and isinstance(most, int) and most < sound.bitrate:
        merged = replace(merged, audio=replace(sound, bitrate=most))
    if not isinstance(merged.video, Video):
        return merged
    limit, asked = (one.video if isinstance(one.video, Video) else Video() for one in (bounds, own))
    rate, frame_rate = merged.video.rate, merged.video.frame_rate
    if isinstance(rate, Average):
        most = limit.rate.most if isinstance(limit.rate, Average) else None
        rate = replace(rate, most=min((bits for bits in (most, rate.bitrate) if isinstance(bits, int)), default=None))
    if asked.frame_rate is not None and limit.frame_rate is not None:
        frame_rate = FrameRate(value=min(asked.frame_rate.value, limit.frame_rate.value))
    if rate == merged.video.rate and frame_rate == merged.video.frame_rate:
        return merged
    return replace(merged, video=replace(merged.video, rate=rate, frame_rate=frame_rate))
