"""The boxes of MP4 (ISO/IEC 14496-12), and what fragments say of their times. Only headers are read, no media."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from mediaglot.gateway.faults import EncodingFailed

MOST: Final = 1 << 26
"""Bytes of one header box; that of a segment grows with its number of samples."""
MOST_SAMPLES: Final = 1 << 22
NOT_SYNC: Final = 0x10000
DURATION, SIZE, FLAGS, OFFSET = 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True)
class Box:
    """Where the content of a box begins and ends."""

    inner: int
    end: int


@dataclass(frozen=True, slots=True)
class Track:
    """``timescale`` is ticks per second; the others stand in where fragments are silent."""

    timescale: int
    duration: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Fragment:
    """``start`` is when its first sample is shown, in ticks as ``duration``; ``sync`` that players can begin there."""

    start: int
    duration: int
    sync: bool


def tops(file: BinaryIO, wanted: bytes) -> Iterator[tuple[int, bytes]]:
    """The boxes of one kind at the top of a file: where each begins, and its bytes, header and all.

    One that is larger than ``MOST`` is passed over, as are all others: nothing of them is read.
    """
    start = 0
    while len(head := file.read(16)) >= 8:
        size, kind = struct.unpack_from(">I4s", head)
        size = int.from_bytes(head[8:16]) if size == 1 else size
        if size < 8:
            return
        if kind == wanted and size <= MOST:
            file.seek(start)
            yield start, file.read(size)
        start += size
        file.seek(start)


def inside(data: bytes, wanted: bytes, outer: Box | None = None) -> Iterator[Box]:
    """The boxes of one kind directly within ``outer``, or at the top."""
    at, end = (outer.inner, outer.end) if outer else (0, len(data))
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        wide = size == 1 and at + 16 <= end
        size = int.from_bytes(data[at + 8 : at + 16]) if wide else size
        if size < 8 + 8 * wide or at + size > end:
            return
        if kind == wanted:
            yield Box(at + 8 + 8 * wide, at + size)
        at += size


def within(data: bytes, *path: bytes) -> Box:
    """The first box at the end of a path. Raises StopIteration."""
    found = None
    for kind in path:
        found = next(inside(data, kind, found))
    assert found is not None  # noqa: S101 - no path is empty
    return found


def track(file: BinaryIO) -> Track:
    """The only track of an initialization segment. Raises EncodingFailed."""
    try:
        moov = next(tops(file, b"moov"))[1]
        header = _body(moov, within(moov, b"moov", b"trak", b"mdia", b"mdhd"))
        timescale = struct.unpack_from(">I", header, 20 if header[0] else 12)[0]
        extends = _body(moov, within(moov, b"moov", b"mvex", b"trex"))
        _, _, _, duration, _, flags = struct.unpack_from(">6I", extends)
    except (StopIteration, struct.error, IndexError, ValueError) as error:
        raise EncodingFailed(reason="unplayable") from error
    return Track(timescale=timescale or 1, duration=duration, flags=flags)


def fragment(file: BinaryIO, track: Track) -> Fragment:
    """A whole segment, of one track and one or more movie fragments. Raises EncodingFailed."""
    try:
        found = [_moof(data, track) for _, data in tops(file, b"moof")]
        return Fragment(found[0].start, sum(one.duration for one in found), found[0].sync)
    except (StopIteration, struct.error, IndexError, ValueError) as error:
        raise EncodingFailed(reason="unplayable") from error


def _body(data: bytes, box: Box) -> bytes:
    return data[box.inner : box.end]


def _moof(data: bytes, track: Track) -> Fragment:
    traf = within(data, b"moof", b"traf")
    duration, flags = _defaults(_body(data, next(inside(data, b"tfhd", traf))), track)
    decode = _body(data, next(inside(data, b"tfdt", traf)))
    moment = struct.unpack_from(">Q" if decode[0] else ">I", decode, 4)[0]
    begin, sync = moment, True
    shown: list[int] = []
    for run in inside(data, b"trun", traf):
        for number, (length, mark, offset) in enumerate(_samples(_body(data, run), duration, flags)):
            if not shown and not number:
                sync = not mark & NOT_SYNC
            shown.append(moment + offset)
            moment += length
    return Fragment(min(shown), moment - begin, sync)


def _defaults(header: bytes, track: Track) -> tuple[int, int]:
    """A fragment's duration and flags of samples that have none of their own."""
    given, place = int.from_bytes(header[1:4], "big"), 8
    values = {0x08: track.duration, 0x20: track.flags}
    for bit, width in ((0x01, 8), (0x02, 4), (0x08, 4), (0x10, 4), (0x20, 4)):
        if given & bit:
            if bit in values:
                values[bit] = struct.unpack_from(">I", header, place)[0]
            place += width
    return values[0x08], values[0x20]


def _samples(run: bytes, duration: int, flags: int) -> Iterator[tuple[int, int, int]]:
    """Each sample's duration, flags, and time from its decoding to its showing."""
    given, count = int.from_bytes(run[1:4], "big"), struct.unpack_from(">I", run, 4)[0]
    if count > MOST_SAMPLES:
        raise EncodingFailed(reason="unplayable")
    place = 8 + 4 * bool(given & 0x1)
    first = None
    if given & 0x4:
        first, place = struct.unpack_from(">I", run, place)[0], place + 4
    present = [bit for bit in (DURATION, SIZE, FLAGS, OFFSET) if given & bit]
    for number in range(count):
        said = {}
        for bit in present:
            said[bit] = struct.unpack_from(">i" if bit == OFFSET and run[0] else ">I", run, place)[0]
            place += 4
        mark = first if first is not None and not number else said.get(FLAGS, flags)
        yield said.get(DURATION, duration), mark, said.get(OFFSET, 0)
