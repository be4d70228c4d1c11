"""Pages of tickets: by bitmaps (``rank.py``), or a Filter and a Window as SQL that walks one index and nothing else.

Every sort has an index that holds all it needs, so skipping a row costs some 35 ns, and a page beyond the
middle is read from the other end. Totals come from counters where the filter is one status set or one facet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.store.query import Connection, Row, statements
from mediaglot.gateway.store.rank import RANKED, facets_of, ids_of, rank
from mediaglot.gateway.store.rows import ticks

SORTS: Final = {
    "created": ("created",),
    "started": ("started",),
    "finished": ("finished",),
    "status": ("status", "created"),
    "id": ("id",),
    "source": ("source",),
}
FACET: Final = "facet:"
PART: Final = (
    "t.number IN (SELECT ticket FROM facets WHERE name = :facet{n} AND instr(value, :part{n}) AND owner ="
    " (SELECT number FROM owners WHERE dialect = :dialect AND account = :account))"
)
JOIN: Final = (
    "CROSS JOIN facets AS f{n} ON f{n}.owner = f0.owner AND f{n}.name = :name{n} AND f{n}.value = :value{n}"
    " AND f{n}.created = f0.created AND f{n}.ticket = f0.ticket"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The rows of a list without order and limit, as SQL with its values."""

    rows: str
    values: dict[str, Any]


async def find(reader: Connection, owner: dict[str, str], wanted: Filter, window: Window) -> tuple[list[str], int]:
    """The ids on a page, in order, and the total. Raises Invalid for a sort that does not exist."""
    if window.sort not in SORTS and not window.sort.startswith(FACET):
        raise Invalid(field="sort", value=window.sort)
    ranks = await rank(reader, owner, wanted)
    if ranks is not None and window.sort in RANKED:
        return await ids_of(reader, owner, ranks.page(window)), ranks.total
    facets = facets_of(wanted)
    total = ranks.total if ranks is not None else await _total(reader, owner, wanted, facets)
    size = max(0, total - window.offset)
    if window.limit is not None:
        size = min(size, window.limit)
    if size == 0:
        return [], total
    backwards = window.offset + size > total - window.offset
    offset = total - window.offset - size if backwards else window.offset
    selection = _select(owner, wanted, facets, window.sort)
    sql = _paged(selection.rows, window.sort, descending=window.descending is not backwards)
    found = await reader.rows(sql, **selection.values, limit=size, offset=offset)
    ids = [row[0] for row in found]
    return (ids[::-1] if backwards else ids), total


def _paged(rows: str, sort: str, *, descending: bool) -> str:
    direction = " DESC" if descending else ""
    names = [*(f"r{index}" for index in range(len(_columns(sort)))), "number"]
    inner = ", ".join(f"{name}{direction}" for name in names)
    outer = ", ".join(f"p.{name}{direction}" for name in names)
    return statements("listing")["page"].format(rows=rows, inner=inner, outer=outer)


async def _total(reader: Connection, owner: dict[str, str], wanted: Filter, facets: list[tuple[str, str]]) -> int:
    narrow = wanted.id, wanted.output_id, wanted.text, wanted.created_from, wanted.created_to, wanted.ended_from
    sql = statements("listing")
    row: Row | None
    if (
        wanted.parts
        or any(value is not None for value in narrow)
        or len(facets) > 1
        or (facets and wanted.statuses is not None)
    ):
        selection = _select(owner, wanted, facets, None)
        row = await reader.row(sql["total"].format(rows=selection.rows), **selection.values)
    elif facets:
        row = await reader.row(sql["facet_total"], **owner, name0=facets[0][0], value0=facets[0][1])
    else:
        counts = await reader.rows(statements("tickets")["counts"], **owner)
        return sum(n for status, n in counts if wanted.statuses is None or status in wanted.statuses)
    return int(row[0]) if row else 0


def _select(owner: dict[str, str], wanted: Filter, facets: list[tuple[str, str]], sort: str | None) -> Selection:
    """``sort`` None is for counting."""
    by_facet = sort is not None and sort.startswith(FACET)
    conditions, values = _conditions(wanted, "f0" if facets or by_facet else "t")
    names = {f"status{index}": status.value for index, status in enumerate(sorted(wanted.statuses or ()))}
    values |= owner | names
    if wanted.statuses is not None and sort == "created" and not facets:
        # Each status by itself comes out of its index in order; the database merges them.
        branches = [_of_tickets([*conditions, f"t.status = :{name}"], sort) for name in names]
        return Selection(rows=" UNION ALL ".join(branches), values=values)
    if wanted.statuses is not None:
        conditions.append(f"t.status IN ({', '.join(f':{name}' for name in names)})")
    if sort is not None and by_facet:
        return _of_facets(conditions, values, [(sort.removeprefix(FACET), None), *facets], sort)
    if facets:
        return _of_facets(conditions, values, facets, sort)
    return Selection(rows=_of_tickets(conditions, sort), values=values)


def _conditions(wanted: Filter, created: str) -> tuple[list[str], dict[str, Any]]:
    offered: dict[str, tuple[str, Any]] = {
        "created_from": (f"{created}.created >= :created_from", ticks(wanted.created_from)),
        "created_to": (f"{created}.created <= :created_to", ticks(wanted.created_to)),
        "ended_from": ("(t.finished IS NULL OR t.finished >= :ended_from)", ticks(wanted.ended_from)),
        "id": ("t.id = :id", wanted.id),
        "output": ("t.number IN (SELECT ticket FROM outputs WHERE id = :output AND owner = t.owner)", wanted.output_id),
        "text": ("instr(lower(t.id), :text)", None if wanted.text is None else wanted.text.lower()),
    }
    for index, (name, part) in enumerate(wanted.parts.items()):
        offered[f"part{index}"] = PART.format(n=index), part
        offered[f"facet{index}"] = "TRUE", name
    used = {name: pair for name, pair in offered.items() if pair[1] is not None}
    return [sql for sql, _ in used.values()], {name: value for name, (_, value) in used.items()}


def _of_tickets(conditions: list[str], sort: str | None) -> str:
    ranks = _ranks(sort, {})
    return statements("listing")["of_tickets"].format(ranks=ranks, conditions=_all_of(conditions))


def _of_facets(
    conditions: list[str], values: dict[str, Any], facets: Sequence[tuple[str, str | None]], sort: str | None
) -> Selection:
    """A first facet without a value is there for the order only."""
    joins = [JOIN.format(n=index) for index in range(1, len(facets))]
    by_column = sort in SORTS and sort != "created"
    if by_column or any("t." in condition for condition in conditions):
        joins.append("CROSS JOIN tickets AS t ON t.number = f0.ticket")
    for index, (name, value) in enumerate(facets):
        values |= {f"name{index}": name, f"value{index}": value}
    if facets[0][1] is not None:
        conditions = ["f0.value = :value0", *conditions]
    rows = statements("listing")["of_facets"].format(
        ranks=_ranks(sort, {"created": "f0", "value": "f0"}), joins=" ".join(joins), conditions=_all_of(conditions)
    )
    return Selection(rows=rows, values=values)


def _ranks(sort: str | None, tables: dict[str, str]) -> str:
    columns = _columns(sort) if sort else ()
    return ", ".join(f"{tables.get(name, 't')}.{name} AS r{index}" for index, name in enumerate(columns)) or "NULL"


def _columns(sort: str) -> tuple[str, ...]:
    return ("value", "created") if sort.startswith(FACET) else SORTS[sort]


def _all_of(conditions: list[str]) -> str:
    return "".join(f" AND {condition}" for condition in conditions)
