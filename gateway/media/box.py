"""What fragmented MP4 says of its times (ISO/IEC 14496-12). Only headers are read, never the media themselves."""

from __future__ import annotations

import os
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


def track(file: BinaryIO) -> Track:
    """The only track of an initialization segment. Raises EncodingFailed."""
    try:
        moov = next(body for kind, body in _top(file) if kind == b"moov")
        header = _within(moov, b"trak", b"mdia", b"mdhd")
        timescale = struct.unpack_from(">I", header, 20 if header[0] else 12)[0]
        extends = _within(moov, b"mvex", b"trex")
        _, _, _, duration, _, flags = struct.unpack_from(">6I", extends)
    except (StopIteration, struct.error, IndexError, ValueError) as error:
        raise EncodingFailed(reason="unplayable") from error
    return Track(timescale=timescale or 1, duration=duration, flags=flags)


def fragment(file: BinaryIO, track: Track) -> Fragment:
    """A whole segment, of one track and one or more movie fragments. Raises EncodingFailed."""
    try:
        found = [_moof(body, track) for kind, body in _top(file) if kind == b"moof"]
        return Fragment(found[0].start, sum(one.duration for one in found), found[0].sync)
    except (StopIteration, struct.error, IndexError, ValueError) as error:
        raise EncodingFailed(reason="unplayable") from error


def _moof(body: bytes, track: Track) -> Fragment:
    header = _within(body, b"traf", b"tfhd")
    duration, flags = _defaults(header, track)
    decode = _within(body, b"traf", b"tfdt")
    moment = struct.unpack_from(">Q" if decode[0] else ">I", decode, 4)[0]
    begin, sync = moment, True
    shown: list[int] = []
    for run in _all(_within(body, b"traf"), b"trun"):
        for number, (length, mark, offset) in enumerate(_samples(run, duration, flags)):
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


def _top(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The boxes of a file that hold others, by kind and content."""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        rest = size - 8
        if size == 1:
            rest = struct.unpack(">Q", file.read(8))[0] - 16
        if size == 0 or rest < 0:
            return
        if kind not in (b"moov", b"moof"):
            file.seek(rest, os.SEEK_CUR)
        elif rest > MOST:
            raise EncodingFailed(reason="unplayable")
        else:
            yield kind, file.read(rest)


def _all(body: bytes, wanted: bytes) -> Iterator[bytes]:
    place = 0
    while place + 8 <= len(body):
        size, kind = struct.unpack_from(">I4s", body, place)
        if size < 8:
            return
        if kind == wanted:
            yield body[place + 8 : place + size]
        place += size


def _within(body: bytes, *path: bytes) -> bytes:
    """The first box at the end of a path. Raises StopIteration."""
    for kind in path:
        body = next(_all(body, kind))
    return body
