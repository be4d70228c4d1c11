"""What of a job can't be made, as far as that is known before its source is: planned for a source that stands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.backends.latest import Latest
from mediaglot.gateway.faults import CodecMismatch, Fault
from mediaglot.gateway.media.parts import Note, Plan
from mediaglot.gateway.media.size import MAX_SIDE
from mediaglot.gateway.model import (
    COPY,
    Audio,
    AudioFacts,
    Edges,
    Input,
    Job,
    Location,
    MediaFacts,
    Output,
    Skip,
    Video,
    VideoFacts,
)

KEPT: Final = 16
NOWHERE: Final = Location(url="")
Draw = Callable[[Job, Sequence[MediaFacts]], Plan]
Question = tuple[list[Input], tuple[Output, ...], Sequence[MediaFacts]]
"""All that a plan depends on; where a source lies is not of it."""


LENGTH: Final = Fraction(60)
STAND_IN: Final = MediaFacts(
    container="mov",
    size=1_000_000,
    duration=LENGTH,
    bitrate=2_000_000,
    video=(
        VideoFacts(codec="h264", width=1280, height=720, frame_rate=Fraction(30), bitrate=1_800_000, duration=LENGTH),
    ),
    audio=(AudioFacts(codec="aac", sample_rate=48_000, channels=2, bitrate=128_000, duration=LENGTH),),
)
"""A source without oddities."""


def stand_in(job: Job) -> MediaFacts:
    """A source so long and so large that all parts of it are there: what can't be made of it can't be made of any."""
    clips = (*(source.clip for source in job.inputs), *(output.clip for output in job.outputs))
    later = sum((max(clip.start or Fraction(0), Fraction(0)) for clip in clips if clip is not None), Fraction(0))
    cut = max((max(edge.left + edge.right, edge.top + edge.bottom) for edge in _crops(job)), default=0)
    off = min(max(cut, 0), MAX_SIDE)
    if not later and not off:
        return STAND_IN
    (video,), (audio,), duration = STAND_IN.video, STAND_IN.audio, LENGTH + later
    larger = replace(video, width=video.width + off, height=video.height + off, duration=duration)
    return replace(STAND_IN, duration=duration, video=(larger,), audio=(replace(audio, duration=duration),))


def hangs(fault: Fault, output: Output) -> bool:
    """Whether this hangs on the source: another one may have the track, or one that can be copied as it is."""
    if not isinstance(fault, CodecMismatch):
        return "track" in fault.data
    copied = any(not isinstance(track, Skip) and track.codec == COPY for track in _tracks(output))
    return copied and fault.data["codec"] in {STAND_IN.video[0].codec, STAND_IN.audio[0].codec}


def _tracks(output: Output) -> Iterator[Video | Audio | Skip]:
    variants = output.package.variants if output.package is not None else ()
    tracks = (output.video, output.audio, *(one.video for one in variants), *(one.audio for one in variants))
    return (track for track in tracks if track is not None)


def _crops(job: Job) -> Iterator[Edges]:
    for video in (track for output in job.outputs for track in _tracks(output)):
        if isinstance(video, Video) and video.crop is not None:
            yield video.crop


class Trials:
    """Clients ask for the same again and again: of the latest jobs without a fault it is remembered what was noted."""

    def __init__(self) -> None:
        self._good: Latest[Question, tuple[Note, ...]] = Latest(KEPT)

    def find(self, job: Job, sources: Sequence[MediaFacts], draw: Draw) -> tuple[Mapping[int, Fault], tuple[Note, ...]]:
        """The outputs that can't be made, with the reason, and notes on those that are made otherwise than asked."""
        question = [replace(source, location=NOWHERE) for source in job.inputs], job.outputs, sources
        if (notes := self._good.find(question)) is not None:
            return {}, notes
        drawn = draw(job, sources)
        if not drawn.faults:
            self._good.keep(question, drawn.notes)
        return drawn.faults, drawn.notes
