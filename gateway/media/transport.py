"""Where the key frames of an MPEG transport stream are, by its packets' headers (ISO/IEC 13818-1)."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final

PACKET: Final = 188
TICKS: Final = 90_000
"""Of its clock a second."""
WRAP: Final = Fraction(1 << 33, TICKS)
"""Seconds after which the clock begins anew."""
VIDEO_TYPES: Final = frozenset({0x01, 0x02, 0x10, 0x1B, 0x24})
PAT: Final = 0
BARE: Final = bytes(byte & 0x5F for byte in range(256))
"""The second byte of a packet without its error and priority bits."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """``offset`` and ``size`` are its bytes in the file, ``time`` its seconds on the file's clock."""

    offset: int
    size: int
    time: Fraction


def key_frames(path: Path) -> tuple[KeyFrame, ...]:
    """Those of the first video track, in their order. Each begins with the program's tables where they precede it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(_Track(data).key_frames())


class _Track:
    """Two bytes of each packet are looked at, and few packets more closely."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.heads, self.lows = data[1::PACKET].translate(BARE), data[2::PACKET]
        self.count = len(data) // PACKET
        self.tables, self.video = self._programs()

    def key_frames(self) -> Iterator[KeyFrame]:
        if self.video is None:
            return
        starts = [*self._starts(self.video), self.count]
        for start, after in pairwise(starts):
            if self._is_key(start):
                first = self._with_tables(start)
                last = next(at for at in range(after - 1, start - 1, -1) if self._pid(at) == self.video)
                yield KeyFrame(first * PACKET, (last + 1 - first) * PACKET, self._time(start))

    def _starts(self, pid: int) -> Iterator[int]:
        """The packets with which the track's frames begin."""
        head, low = 0x40 | pid >> 8, pid & 0xFF
        at = self.heads.find(head)
        while 0 <= at < self.count:
            if self.lows[at] == low:
                yield at
            at = self.heads.find(head, at + 1)

    def _with_tables(self, start: int) -> int:
        """The first of the packets before ``start`` that tell what there is to play."""
        at = first = start
        while at and self._pid(at - 1) in self.tables:
            at -= 1
            first = at if self._pid(at) == PAT else first
        return first

    def _pid(self, at: int) -> int:
        return (self.heads[at] & 0x1F) << 8 | self.lows[at]

    def _packet(self, at: int) -> bytes:
        return self.data[at * PACKET : (at + 1) * PACKET]

    def _payload(self, at: int) -> bytes:
        packet = self._packet(at)
        return packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]

    def _is_key(self, at: int) -> bool:
        packet = self._packet(at)
        return bool(packet[3] & 0x20 and packet[4] and packet[5] & 0x40)

    def _time(self, at: int) -> Fraction:
        """The presentation time in the header of the frame."""
        stamp = self._payload(at)[9:14]
        ticks = (stamp[0] >> 1 & 7) << 30 | (int.from_bytes(stamp[1:3]) >> 1) << 15 | int.from_bytes(stamp[3:5]) >> 1
        return Fraction(ticks, TICKS)

    def _programs(self) -> tuple[frozenset[int], int | None]:
        """The tables' packets, and the first video track of the first program."""
        for at in self._starts(PAT):
            table = self._section(at)
            program = int.from_bytes(table[10:12]) & 0x1FFF
            for place in self._starts(program):
                return frozenset({PAT, program}), _first_video(self._section(place))
        return frozenset(), None

    def _section(self, at: int) -> bytes:
        payload = self._payload(at)
        section = payload[1 + payload[0] :]
        return section[: 3 + (int.from_bytes(section[1:3]) & 0xFFF)]


def _first_video(table: bytes) -> int | None:
    at = 12 + (int.from_bytes(table[10:12]) & 0xFFF)
    while at + 5 <= len(table) - 4:
        if table[at] in VIDEO_TYPES:
            return int.from_bytes(table[at + 1 : at + 3]) & 0x1FFF
        at += 5 + (int.from_bytes(table[at + 3 : at + 5]) & 0xFFF)
    return None
