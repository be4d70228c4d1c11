"""Which tickets a filter lets through, as sets of serials: what it costs hardly depends on how many there are.

The order of serials is the order of creation, unless the machine's clock was set back meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mediaglot.gateway.exchange import Filter
from mediaglot.gateway.model import Status
from mediaglot.gateway.store import chunks, gram
from mediaglot.gateway.store.chunks import Chunks
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rows import CONTAINER, as_json, ticks
from mediaglot.gateway.store.sets import read, span

STATUS: Final = ":status"
RANKED: Final = frozenset({"created", "status"})


@dataclass(frozen=True, slots=True)
class Ranks:
    """The serials that a filter lets through, by status in alphabetical order."""

    by_status: tuple[Chunks, ...]
    ordered: bool
    """Whether the order of serials is that of creation."""

    @property
    def total(self) -> int:
        return sum(chunks.size(each) for each in self.by_status)

    def serials(self) -> list[int]:
        return chunks.members(chunks.either(self.by_status))

    def page(self, sort: str, offset: int, count: int, *, descending: bool) -> list[int]:
        """The serials on a page by creation, or by status and creation."""
        runs = self.by_status if sort == "status" else (chunks.either(self.by_status),)
        if not descending:
            return chunks.slice_of(runs, offset, count)
        return chunks.slice_of(runs, self.total - offset - count, count)[::-1]


def facets_of(wanted: Filter) -> list[tuple[str, str]]:
    """The names and values that a filter wants, the container among them."""
    own = [(CONTAINER, wanted.container.lower())] if wanted.container is not None else []
    return [*own, *wanted.facets.items()]


async def rank(reader: Connection, owner: dict[str, str], wanted: Filter) -> Ranks:
    statuses = sorted(status.value for status in (Status if wanted.statuses is None else wanted.statuses))
    facets = facets_of(wanted)
    parts = [each for name, text in wanted.parts.items() for each in gram.spans(name, text)]
    singles = [*((STATUS, status) for status in statuses), *facets]
    sets, ordered = await read(reader, owner, [*(span(*pair) for pair in singles), *parts])
    narrow = [sets[number] for number in range(len(statuses), len(singles) + len(parts))]
    narrow += [await _serials(reader, owner, name, **values) for name, values in _conditions(wanted, ordered)]
    by_status = [chunks.both(sets[number], narrow) for number in range(len(statuses))]
    if ordered and (wanted.created_from or wanted.created_to):
        first, last = await _span(reader, owner, wanted)
        by_status = [chunks.within(each, first, last) for each in by_status]
    for name, text in wanted.parts.items():
        found = await gram.having_part(reader, owner, name, text, chunks.either(by_status))
        by_status = [chunks.both(each, [found]) for each in by_status]
    return Ranks(tuple(by_status), ordered)


def _conditions(wanted: Filter, ordered: bool) -> list[tuple[str, dict[str, Any]]]:
    """The statements that find few tickets, with their values."""
    found: list[tuple[str, dict[str, Any]]] = []
    if wanted.id is not None:
        found.append(("of_id", {"id": wanted.id}))
    if wanted.output_id is not None:
        found.append(("of_output", {"output": wanted.output_id}))
    if wanted.ended_from is not None:
        found.append(("of_ended", {"time": ticks(wanted.ended_from)}))
    if not ordered and (wanted.created_from or wanted.created_to):
        found.append(("of_created", {"since": ticks(wanted.created_from), "until": ticks(wanted.created_to)}))
    return found


async def _serials(reader: Connection, owner: dict[str, str], name: str, **values: Any) -> Chunks:
    return chunks.of(row[0] for row in await reader.rows(statements("bitmap")[name], **owner, **values))


async def ids_of(reader: Connection, owner: dict[str, str], serials: list[int]) -> list[str]:
    """In the order of ``serials``; those that are gone meanwhile are left out."""
    rows = await reader.rows(statements("bitmap")["ids"], **owner, serials=as_json(serials))
    ids = {row[0]: row[1] for row in rows}
    return [ids[serial] for serial in serials if serial in ids]


async def _span(reader: Connection, owner: dict[str, str], wanted: Filter) -> tuple[int, int | None]:
    """The first and the last serial of a time, the last None where it is open; (1, 0) where there is none."""
    sql, first, last = statements("bitmap"), 1, None
    if wanted.created_from is not None:
        row = await reader.row(sql["first"], **owner, time=ticks(wanted.created_from))
        if row is None:
            return 1, 0
        first = row[0]
    if wanted.created_to is not None:
        row = await reader.row(sql["last"], **owner, time=ticks(wanted.created_to))
        last = row[0] if row else 0
    return first, last
