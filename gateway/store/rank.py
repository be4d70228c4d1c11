"""Totals and pages in order of creation, from bitmaps: what they cost hardly depends on how many tickets there are.

It works for accounts whose tickets were created in the order in which they were added, which is to say unless the
machine's clock was set back, and for filters by status, facets, containers and time of creation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Final

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.model import Status
from mediaglot.gateway.store.bitmap import CHUNK, part, unpack
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rows import CONTAINER, as_json, ticks

STATUS: Final = ":status"
RANKED: Final = frozenset({"created", "status"})

Chunks = dict[int, int]
"""A set of serials: bits by the number of their chunk."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """The serials that a filter lets through, by status in alphabetical order."""

    by_status: tuple[Chunks, ...]

    @property
    def total(self) -> int:
        return sum(bits.bit_count() for chunks in self.by_status for bits in chunks.values())

    def page(self, window: Window) -> list[int]:
        """The serials on a page by creation, or by status and creation."""
        runs = self.by_status if window.sort == "status" else (_either(self.by_status),)
        total = self.total
        size = max(0, total - window.offset if window.limit is None else min(window.limit, total - window.offset))
        if not window.descending:
            return _part(runs, window.offset, size)
        return _part(runs, total - window.offset - size, size)[::-1]


def facets_of(wanted: Filter) -> list[tuple[str, str]]:
    """The names and values that a filter wants, the container among them."""
    own = [(CONTAINER, wanted.container.lower())] if wanted.container is not None else []
    return [*own, *wanted.facets.items()]


async def rank(reader: Connection, owner: dict[str, str], wanted: Filter) -> Ranks | None:
    """None where the bitmaps don't tell."""
    plain = replace(wanted, statuses=None, facets={}, container=None, created_from=None, created_to=None)
    if plain != Filter():
        return None
    statuses = sorted(status.value for status in (Status if wanted.statuses is None else wanted.statuses))
    facets = facets_of(wanted)
    lists = [*((STATUS, status) for status in statuses), *facets]
    read: defaultdict[int, Chunks] = defaultdict(dict)
    ordered = True
    for key, chunk, bits in await reader.rows(statements("bitmap")["read"], **owner, lists=as_json(lists)):
        if bits is None:
            ordered = bool(chunk)
        else:
            read[key][chunk] = unpack(bits)
    if not ordered:
        return None
    span = await _span(reader, owner, wanted.created_from, wanted.created_to)
    others = [read[len(statuses) + number] for number in range(len(facets))]
    return Ranks(tuple(_cut(read[number], others, span) for number in range(len(statuses))))


async def ids_of(reader: Connection, owner: dict[str, str], serials: list[int]) -> list[str]:
    """In the order of ``serials``; those that are gone meanwhile are left out."""
    rows = await reader.rows(statements("bitmap")["ids"], **owner, serials=as_json(serials))
    ids = {row[0]: row[1] for row in rows}
    return [ids[serial] for serial in serials if serial in ids]


async def _span(
    reader: Connection, owner: dict[str, str], since: datetime | None, until: datetime | None
) -> tuple[int, int | None]:
    """The first and the last serial of a time, the last None where it is open; (1, 0) where there is none."""
    sql, first, last = statements("bitmap"), 1, None
    if since is not None:
        row = await reader.row(sql["first"], **owner, time=ticks(since))
        if row is None:
            return 1, 0
        first = row[0]
    if until is not None:
        row = await reader.row(sql["last"], **owner, time=ticks(until))
        last = row[0] if row else 0
    return first, last


def _cut(chunks: Chunks, others: Sequence[Chunks], span: tuple[int, int | None]) -> Chunks:
    """What all of the sets have, within a span of serials."""
    first, last = span
    found = {}
    for chunk, bits in chunks.items():
        both = reduce(and_, (other.get(chunk, 0) for other in others), bits)
        start = chunk * CHUNK
        if first > start:
            both = both >> (first - start) << (first - start)
        if last is not None and last < start + CHUNK:
            both &= (1 << max(0, last + 1 - start)) - 1
        if both:
            found[chunk] = both
    return found


def _either(sets: Sequence[Chunks]) -> Chunks:
    found: defaultdict[int, int] = defaultdict(int)
    for chunks in sets:
        for chunk, bits in chunks.items():
            found[chunk] |= bits
    return found


def _part(runs: Sequence[Chunks], offset: int, size: int) -> list[int]:
    found: list[int] = []
    for chunk, bits in _in_order(runs):
        count = bits.bit_count()
        if offset < count and len(found) < size:
            found += [chunk * CHUNK + position for position in part(bits, offset, size - len(found))]
        if len(found) >= size:
            break
        offset = max(0, offset - count)
    return found


def _in_order(runs: Sequence[Chunks]) -> Iterator[tuple[int, int]]:
    return (pair for chunks in runs for pair in sorted(chunks.items()))
