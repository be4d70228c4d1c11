"""A variant's key frames alone, as the segments of a playlist for seeking and fast forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mediaglot.gateway.media import fragment, transport
from mediaglot.gateway.media.playlist import Segment
from mediaglot.gateway.media.transport import WRAP, KeyFrame

Found = tuple[tuple[KeyFrame, ...], ...]
"""The key frames of each segment."""


def skim(room: Path, segments: Sequence[Segment], init: str | None) -> Found:
    """Reads the segments in ``room``, which must not be encrypted yet."""
    if init is None:
        return tuple(transport.key_frames(room / segment.name) for segment in segments)
    return tuple(fragment.key_frames(room / segment.name, room / init) for segment in segments)


def listed(segments: Sequence[Segment], found: Found) -> tuple[Segment, ...]:
    """Each key frame as a range of bytes of its segment, which lasts until the next one, the last to the end."""
    if not any(found):
        return ()
    frames = [(segment, frame) for segment, frames in zip(segments, found, strict=True) for frame in frames]
    first = frames[0][1].time
    times = [(frame.time - first) % WRAP for _, frame in frames]
    whole = sum((segment.duration for segment in segments), Fraction(0))
    ends = [*times[1:], max(whole, times[-1])]
    return tuple(
        replace(segment, duration=end - time, size=frame.size, offset=(segment.offset or 0) + frame.offset)
        for (segment, frame), time, end in zip(frames, times, ends, strict=True)
    )


def count(found: Found, most: int) -> int:
    """How many key frames the last ``most`` segments have; 0 stands for all."""
    return sum(map(len, found[-most:])) if most else 0
