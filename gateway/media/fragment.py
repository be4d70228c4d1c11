"""Where the key frames of fragmented MP4 are, by its boxes (ISO/IEC 14496-12). No samples are read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from mediaglot.gateway.media.box import Box, inside, tops
from mediaglot.gateway.media.transport import KeyFrame

NOT_SYNC: Final = 0x10000


@dataclass(frozen=True, slots=True)
class Track:
    """The video track as the file's beginning describes it; ``size`` and ``flags`` are its samples' defaults."""

    id: int
    ticks: int
    size: int = 0
    flags: int = 0


def key_frames(path: Path, init: Path) -> tuple[KeyFrame, ...]:
    """The first picture of each fragment that is a key frame, with the header that describes it.

    Pictures further on in a fragment can't be had without those before them: the header counts from the first.
    """
    track = video_track(init.read_bytes())
    if track is None:
        return ()
    with path.open("rb") as file:
        found = [_first(data, start, track) for start, data in tops(file, b"moof")]
    return tuple(frame for frame in found if frame is not None)


def video_track(head: bytes) -> Track | None:
    for moov in inside(head, b"moov"):
        for trak in inside(head, b"trak", moov):
            for mdia in inside(head, b"mdia", trak):
                if any(head[box.inner + 8 : box.inner + 12] == b"vide" for box in inside(head, b"hdlr", mdia)):
                    number, ticks = _number(head, trak), _ticks(head, mdia)
                    return _with_defaults(head, moov, Track(number, ticks))
    return None


def _number(head: bytes, trak: Box) -> int:
    (box,) = inside(head, b"tkhd", trak)
    return _u32(head, box.inner + (20 if head[box.inner] else 12))


def _ticks(head: bytes, mdia: Box) -> int:
    (box,) = inside(head, b"mdhd", mdia)
    return _u32(head, box.inner + (20 if head[box.inner] else 12))


def _with_defaults(head: bytes, moov: Box, track: Track) -> Track:
    for mvex in inside(head, b"mvex", moov):
        for box in inside(head, b"trex", mvex):
            if _u32(head, box.inner + 4) == track.id:
                return Track(track.id, track.ticks, _u32(head, box.inner + 16), _u32(head, box.inner + 20))
    return track


def _first(data: bytes, start: int, track: Track) -> KeyFrame | None:
    for traf in inside(data, b"traf", next(inside(data, b"moof"), None)):
        (header,) = inside(data, b"tfhd", traf)
        if _u32(data, header.inner + 4) == track.id:
            run, time = (next(inside(data, kind, traf), None) for kind in (b"trun", b"tfdt"))
            return _sample(data, start, header, run, time, track) if run and time else None
    return None


def _sample(data: bytes, start: int, header: Box, run: Box, time: Box, track: Track) -> KeyFrame | None:
    base, size, flags = _defaults(data, start, header, track)
    said, count = _u32(data, run.inner) & 0xFFFFFF, _u32(data, run.inner + 4)
    values = _Reader(data, run.inner + 8)
    offset = values.take(said & 0x1, signed=True) or 0
    flags = values.take(said & 0x4) if said & 0x4 else flags
    values.take(said & 0x100)
    size = values.take(said & 0x200) if said & 0x200 else size
    flags = values.take(said & 0x400) if said & 0x400 else flags
    late = values.take(said & 0x800, signed=bool(data[run.inner]))
    if not count or flags & NOT_SYNC:
        return None
    wide = 8 if data[time.inner] else 4
    decoded = int.from_bytes(data[time.inner + 4 : time.inner + 4 + wide])
    return KeyFrame(start, base + offset + size - start, Fraction(decoded + late, track.ticks))


def _defaults(data: bytes, start: int, header: Box, track: Track) -> tuple[int, int, int]:
    """Where the fragment's offsets count from; a sample's size and flags."""
    said = _u32(data, header.inner) & 0xFFFFFF
    values = _Reader(data, header.inner + 8)
    base = values.take(said & 0x1) << 32 | values.take(said & 0x1)
    values.take(said & 0x2)
    values.take(said & 0x8)
    size = values.take(said & 0x10) if said & 0x10 else track.size
    flags = values.take(said & 0x20) if said & 0x20 else track.flags
    return (base if said & 0x1 else start), size, flags


class _Reader:
    """Takes numbers of four bytes, those that are there."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def take(self, present: int, *, signed: bool = False) -> int:
        if not present:
            return 0
        self._at += 4
        return int.from_bytes(self._data[self._at - 4 : self._at], signed=signed)


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4])
