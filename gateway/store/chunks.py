"""Sets of serials in memory: an int of bits for each chunk of ``bitmap.CHUNK`` numbers that has any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_, or_
from typing import TypeAlias

from mediaglot.gateway.store.bitmap import CHUNK, part, positions

Chunks: TypeAlias = dict[int, int]


def size(chunks: Chunks) -> int:
    return sum(bits.bit_count() for bits in chunks.values())


def of(serials: Iterable[int]) -> Chunks:
    found: defaultdict[int, bytearray] = defaultdict(lambda: bytearray(CHUNK // 8))
    for serial in serials:
        chunk, position = divmod(serial, CHUNK)
        found[chunk][position >> 3] |= 1 << (position & 7)
    return {chunk: int.from_bytes(bits, "little") for chunk, bits in found.items()}


def members(chunks: Chunks) -> list[int]:
    return [chunk * CHUNK + position for chunk, bits in sorted(chunks.items()) for position in positions(bits)]


def either(sets: Iterable[Chunks]) -> Chunks:
    found: defaultdict[int, int] = defaultdict(int)
    for chunks in sets:
        for chunk, bits in chunks.items():
            found[chunk] = or_(found[chunk], bits)
    return found


def both(chunks: Chunks, others: Sequence[Chunks]) -> Chunks:
    """What all of the sets have."""
    common = {chunk: reduce(and_, (other.get(chunk, 0) for other in others), bits) for chunk, bits in chunks.items()}
    return {chunk: bits for chunk, bits in common.items() if bits}


def without(chunks: Chunks, others: Chunks) -> Chunks:
    return {chunk: left for chunk, bits in chunks.items() if (left := bits & ~others.get(chunk, 0))}


def within(chunks: Chunks, first: int, last: int | None) -> Chunks:
    """What lies from ``first`` to ``last``; None is the end."""
    found = {}
    for chunk, bits in chunks.items():
        low, high = first - chunk * CHUNK, None if last is None else last + 1 - chunk * CHUNK
        kept = bits >> low << low if low > 0 else bits
        if kept := kept if high is None else kept & ((1 << min(max(high, 0), CHUNK)) - 1):
            found[chunk] = kept
    return found


def slice_of(runs: Sequence[Chunks], offset: int, count: int) -> list[int]:
    """So many members of the sets, one set after the other, the first ``offset`` left out."""
    found: list[int] = []
    for chunk, bits in (pair for chunks in runs for pair in sorted(chunks.items())):
        there = bits.bit_count()
        if offset < there:
            found += [chunk * CHUNK + position for position in part(bits, offset, count - len(found))]
        if len(found) >= count:
            break
        offset = max(0, offset - there)
    return found
