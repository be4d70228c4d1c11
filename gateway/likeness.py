"""What jobs mean, however they say it: where a file ends up, and which part of the source it shows."""

from __future__ import annotations

from fractions import Fraction
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from mediaglot.gateway.address import BARE
from mediaglot.gateway.model import Clip, Job, Location, Output
from mediaglot.gateway.model.change import replace

ALL: Final = Fraction(0), None
"""The whole of a source's timeline."""


def landing(output: Output, place: Location) -> str:
    """The URL that an output's one file gets. A place that ends in a slash is a folder, any other the file itself."""
    ending = output.extension or output.container
    if not place.url.endswith("/") or output.package or output.stills or not (output.name and ending):
        return place.url
    return f"{place.url}{output.name}.{ending}"


def span(source: Clip | None, own: Clip | None) -> tuple[Fraction, Fraction | None]:
    """Where an output begins and ends on the source's timeline: its own clip counts within that of the source."""
    if source is None and own is None:
        return ALL
    start, end = _extent(source)
    after, until = _extent(own)
    ends = [each for each in (end, None if until is None else start + until) if each is not None]
    return start + after, min(ends, default=None)


def _extent(clip: Clip | None) -> tuple[Fraction, Fraction | None]:
    if clip is None:
        return Fraction(0), None
    start = clip.start or Fraction(0)
    return start, start + clip.duration if clip.end is None and clip.duration is not None else clip.end


def cut(url: str) -> tuple[str, str, str]:
    """The root of a URL's host, the folder below it, and the name of the file in there."""
    if match := BARE.fullmatch(url):
        host, path = match["host"], match["path"]
    else:
        parts = urlsplit(url)
        host, path = urlunsplit((parts.scheme, parts.netloc, "", "", "")), parts.path
    folder, _, name = path.lstrip("/").rpartition("/")
    return f"{host}/", f"{folder}/" if folder else "", unquote(name)


def trimmed(job: Job) -> Job:
    """The same, with the beginning cut off its source and the end off each output; outputs must begin alike for that.

    An output that ends before it begins has neither.
    """
    spans = [span(job.inputs[0].clip, output.clip) for output in job.outputs]
    if len(job.inputs) != 1 or len({start for start, _ in spans}) != 1:
        return job
    start = spans[0][0] if all(end is None or end > start for start, end in spans) else None
    lengths = (None if end is None or not end > start else Clip(duration=end - start) for start, end in spans)
    outputs = (replace(output, clip=clip) for output, clip in zip(job.outputs, lengths, strict=True))
    return replace(
        job, inputs=(replace(job.inputs[0], clip=Clip(start=start) if start else None),), outputs=tuple(outputs)
    )


def bounded(job: Job) -> Job:
    """The same, for those who give a source both ends or none: a beginning alone becomes that of each output."""
    source = job.inputs[0] if len(job.inputs) == 1 else None
    if source is None or source.clip is None or source.clip.start is None or not job.outputs:
        return job
    spans = [span(source.clip, output.clip) for output in job.outputs]
    ends = [end for start, end in spans if end is not None and end > start]
    if len(ends) == len(spans):
        return replace(job, inputs=(replace(source, clip=Clip(start=source.clip.start, end=max(ends))),))
    clips = [Clip(start=start, duration=None if end is None else end - start) for start, end in spans]
    outputs = tuple(replace(output, clip=clip) for output, clip in zip(job.outputs, clips, strict=True))
    return replace(job, inputs=(replace(source, clip=None),), outputs=outputs)


def alike(wanted: Job, got: Job) -> frozenset[str]:
    """The paths of what two jobs say differently and mean alike."""
    pairs = list(enumerate(zip(wanted.outputs, got.outputs, strict=False)))
    found = {
        f"outputs.{number}.destinations.{place}.url"
        for number, (one, other) in pairs
        for place, (here, there) in enumerate(zip(one.destinations, other.destinations, strict=False))
        if unquote(landing(one, here)) == unquote(landing(other, there))
    }
    if len(wanted.inputs) == len(got.inputs) == 1:
        source, again = wanted.inputs[0].clip, got.inputs[0].clip
        same = {
            f"outputs.{number}.clip"
            for number, (one, other) in pairs
            if span(source, one.clip) == span(again, other.clip)
        }
        found |= same | ({"inputs.0.clip"} if len(same) == max(len(wanted.outputs), len(got.outputs)) else set())
    return frozenset(found)
