"""Sets of small numbers as the database keeps them: positions of tickets, ``CHUNK`` to a row.

Few are written as two bytes each after an ``s``, many as a bit each after a ``d``; none is the empty text. In memory
a set is an int, so that sets are counted, joined and cut at the speed of memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

CHUNK: Final = 8192
"""Numbers that one row can hold; the SQL has it as 13 bits."""
FEW: Final = 24
PIECE: Final = 64
"""Bytes of a set that are counted in one go."""


def pack(bits: int) -> bytes:
    count = bits.bit_count()
    if count <= FEW:
        return _pack_few([*positions(bits)])
    return b"d" + bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def unpack(packed: bytes) -> int:
    return union((packed,))


def union(sets: Iterable[bytes]) -> int:
    """What any of the rows has."""
    bits, room = 0, bytearray()
    for packed in sets:
        if packed[:1] == b"d":
            bits |= int.from_bytes(packed[1:], "little")
        else:
            room = room or bytearray(CHUNK // 8)
            for position in _few(packed):
                room[position >> 3] |= 1 << (position & 7)
    return bits | int.from_bytes(room, "little") if room else bits


def _pack_few(numbers: list[int]) -> bytes:
    return b"s" + struct.pack(f"<{len(numbers)}H", *numbers) if numbers else b""


def _few(packed: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(packed) // 2}H", packed[1:])


def positions(bits: int) -> Iterator[int]:
    """The numbers in a set, from the smallest on."""
    words = (bits.bit_length() + 63) // 64
    for start, word in enumerate(struct.unpack(f"<{words}Q", bits.to_bytes(words * 8, "little"))):
        left = word
        while left:
            lowest = left & -left
            yield start * 64 + lowest.bit_length() - 1
            left ^= lowest


def part(bits: int, offset: int, limit: int) -> list[int]:
    """So many numbers of a set, the first ``offset`` left out."""
    data = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    found: list[int] = []
    for start in range(0, len(data), PIECE):
        piece = int.from_bytes(data[start : start + PIECE], "little")
        count = piece.bit_count()
        if count > offset:
            found += [start * 8 + position for position in positions(piece)][offset : offset + limit - len(found)]
        if len(found) == limit:
            break
        offset = max(0, offset - count)
    return found


def one_bit(position: int) -> bytes:
    return b"s" + struct.pack("<H", position)


def with_bits(packed: bytes, more: bytes) -> bytes:
    if packed[:1] == more[:1] == b"s" and len(packed) + len(more) < 2 * FEW:
        return _pack_few(sorted({*_few(packed), *_few(more)}))
    return pack(unpack(packed) | unpack(more))


def without_bit(packed: bytes, position: int) -> bytes:
    if packed[:1] == b"s":
        return _pack_few([number for number in _few(packed) if number != position])
    return pack(unpack(packed) & ~(1 << position))


FUNCTIONS: Final[tuple[Callable[..., Any], ...]] = (one_bit, with_bits, without_bit)
"""What the database's triggers call, by their own names."""
