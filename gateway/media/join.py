"""One timeline from several sources (or from a still picture): brought to one size, rate and sound, then joined."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media import field, tone
from mediaglot.gateway.media.parts import Memo, number, ratio
from mediaglot.gateway.media.scene import JOINED_SAMPLE_RATE, Part, Scene, upright
from mediaglot.gateway.media.size import frame
from mediaglot.gateway.model import Fit, Size

VIDEO: Final = "jv"
AUDIO: Final = "ja"
"""The labels of the joined streams."""

_SOUND: Final = f"aresample={JOINED_SAMPLE_RATE},aformat=sample_fmts=fltp:channel_layouts=stereo"
_SILENCE: Final = f"anullsrc=sample_rate={JOINED_SAMPLE_RATE}:channel_layout=stereo"


def chains(scene: Scene, feeds: Mapping[int, int], *, video: bool, audio: bool) -> Iterator[str]:
    """``feeds`` is source index to feed index. Only the kinds that somebody takes are joined."""
    pads = ""
    for part in scene.parts:
        if video:
            yield f"{_picture(part, scene, feeds[part.index])}[jv{part.index}]"
            pads += f"[jv{part.index}]"
        if audio:
            yield f"{_sound(part, feeds[part.index])}[ja{part.index}]"
            pads += f"[ja{part.index}]"
    ends = (f"[{VIDEO}]" if video else "") + (f"[{AUDIO}]" if audio else "")
    yield f"{pads}concat=n={len(scene.parts)}:v={int(video)}:a={int(audio)}{ends}"


def _length(part: Part) -> str:
    """The concat filter stretches what is too short, so the least will do where nothing is known."""
    return number(part.duration or Fraction(1, 10))


def _picture(part: Part, scene: Scene, feed: int) -> str:
    assert scene.video is not None  # noqa: S101 - somebody takes the video
    width, height, rate = scene.video.width, scene.video.height, scene.frame_rate
    if part.video is None:
        return f"color=color=black:size={width}x{height}:rate={ratio(rate)}:duration={_length(part)},format=yuv420p"
    size = Size(width=width, height=height, fit=Fit.PAD)
    early = _early(part, "trim", "setpts")
    filters, _ = frame(size, upright(part.video), Memo(f"inputs.{part.index}"))
    filters += tone.mapped(part.video) if scene.maps_tones else []
    if part.image:
        filters += ["loop=loop=-1:size=1", f"settb={ratio(1 / rate)}", "setpts=N", f"trim=duration={_length(part)}"]
    ending = (f"fps={ratio(rate)}", "setsar=1", "format=yuv420p")
    return f"[{feed}:V:0]" + ",".join((*early, *field.whole(part.video), *filters, *ending))


def _sound(part: Part, feed: int) -> str:
    if part.audio is None or part.image:
        return f"{_SILENCE},atrim=duration={_length(part)},{_SOUND}"
    return f"[{feed}:a:0]" + ",".join((*_early(part, "atrim", "asetpts"), _SOUND))


def _early(part: Part, cut: str, stamp: str) -> tuple[str, ...]:
    """What was opened before the part begins goes away."""
    early = part.opened()[1]
    return (f"{cut}=start={number(early)}", f"{stamp}=PTS-{number(early)}/TB") if early else ()
