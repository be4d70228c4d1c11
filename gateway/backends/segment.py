"""One set of segments that FFmpeg left, measured: a variant of a package, or a sound that variants share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

from mediaglot.gateway.backends.seal import Pair, Sealed, seal
from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media import box, playlist, rfc6381, skim
from mediaglot.gateway.media.box import Fragment
from mediaglot.gateway.media.parts import Layout, Place
from mediaglot.gateway.media.playlist import Segment
from mediaglot.gateway.model import MediaFacts
from mediaglot.gateway.transfer.disk import in_thread

Probe = Callable[[Path], Awaitable[MediaFacts]]

HEAD: Final = 1 << 16
"""How far into a segment the parameters of its tracks come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is ``sealed`` lies in ``room``."""

    place: Place
    room: Path
    facts: MediaFacts
    sealed: Sealed
    codecs: tuple[str, ...]
    """Empty where one of the tracks has no such word."""
    timescale: int = 1
    fragments: tuple[Fragment, ...] = ()
    """The segments' own words on their times, of fragmented MP4 with one track."""
    found: skim.Found = ()
    """The key frames of each segment."""

    @property
    def segments(self) -> tuple[Segment, ...]:
        return self.sealed.segments

    @property
    def independent(self) -> bool:
        return all(one.sync for one in self.fragments)


async def measured(folder: Path, layout: Layout, place: Place, probe: Probe, pair: Pair | None) -> Part:
    """Raises EncodingFailed for what is missing. ``pair`` encrypts what is there, and sizes are measured after it."""
    room = (folder / place.path).parent
    segments = await asyncio.to_thread(_segments, folder / place.path)
    sample, head = await asyncio.to_thread(_sample, room, layout.init, segments[0].name)
    timescale, fragments = 1, tuple[Fragment, ...]()
    if layout.manifest is not None and layout.init is not None:
        names = [segment.name for segment in segments]
        timescale, fragments = await asyncio.to_thread(_fragments, room, layout.init, names)
        lengths = [Fraction(one.duration, timescale) for one in fragments]
        segments = tuple(replace(segment, duration=length) for segment, length in zip(segments, lengths, strict=True))
    facts = await probe(sample)
    words = [rfc6381.video(track, head) for track in facts.video[:1]] + [rfc6381.audio(one) for one in facts.audio[:1]]
    found: skim.Found = ()
    if place.i_frames:
        found = await asyncio.to_thread(skim.skim, room, segments, layout.init)
    sealed = await in_thread(seal, room, segments, layout, place, pair)
    return Part(
        place=place,
        room=room,
        facts=_whole(facts, sealed.segments),
        sealed=sealed,
        codecs=tuple(word for word in words if word) if all(words) else (),
        timescale=timescale,
        fragments=fragments,
        found=found,
    )


def _segments(path: Path) -> tuple[Segment, ...]:
    try:
        listed = playlist.listed(path.read_text())
        found = tuple(replace(one, size=(path.parent / one.name).stat().st_size) for one in listed)
    except FileNotFoundError as error:
        raise EncodingFailed(reason="no_output") from error
    if not found or not all(segment.size for segment in found):
        raise EncodingFailed(reason="no_output")
    return found


def _fragments(room: Path, init: str, names: Sequence[str]) -> tuple[int, tuple[Fragment, ...]]:
    """The timescale, and each segment on it."""
    with (room / init).open("rb") as file:
        track = box.track(file)
    found = []
    for name in names:
        with (room / name).open("rb") as file:
            found.append(box.fragment(file, track))
    return track.timescale, tuple(found)


def _sample(room: Path, init: str | None, first: str) -> tuple[Path, bytes]:
    """A file to probe, and its beginning. A segment of fragmented MP4 says nothing without its beginning."""
    sample = room / first
    if init is not None:
        sample = room / "sample.mp4"
        with sample.open("wb") as whole:
            for name in (init, first):
                with (room / name).open("rb") as part:
                    while block := part.read(1 << 20):
                        whole.write(block)
    with sample.open("rb") as file:
        return sample, file.read(HEAD)


def _whole(sample: MediaFacts, segments: Sequence[Segment]) -> MediaFacts:
    """The facts of all segments, from those of the first."""
    duration = sum((segment.duration for segment in segments), Fraction(0))
    return replace(
        sample,
        container="hls",
        size=sum(segment.size for segment in segments),
        duration=duration,
        bitrate=playlist.average(segments),
        start=Fraction(0),
        video=tuple(replace(track, duration=duration, bitrate=None, frames=None) for track in sample.video),
        audio=tuple(replace(track, duration=duration) for track in sample.audio),
    )
