"""Pages of tickets: what a filter lets through is known as a set (``rank.py``), what is left is its order.

By creation that is the order of the set. Otherwise few are sorted, and among many an index is walked: every sort has
one that holds all it needs, so skipping a row costs some 35 ns; a page beyond the middle is read from the other end.
"""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rank import RANKED, facets_of, ids_of, rank
from mediaglot.gateway.store.rows import as_json, ticks

SORTS: Final = {
    "created": ("created",),
    "started": ("started",),
    "finished": ("finished",),
    "status": ("status", "created"),
    "id": ("id",),
    "source": ("source",),
}
FACET: Final = "facet:"
JOIN: Final = "CROSS JOIN tickets AS t ON t.number = f.ticket"
FEW: Final = 1000
"""Tickets that are rather sorted than looked for along an index."""


async def find(reader: Connection, owner: dict[str, str], wanted: Filter, window: Window) -> tuple[list[str], int]:
    """The ids on a page, in order, and the total. Raises Invalid for a sort that does not exist."""
    if window.sort not in SORTS and not window.sort.startswith(FACET):
        raise Invalid(field="sort", value=window.sort)
    ranks = await rank(reader, owner, wanted)
    total = ranks.total
    size = max(0, total - window.offset)
    if window.limit is not None:
        size = min(size, window.limit)
    if size == 0:
        return [], total
    if window.sort in RANKED and ranks.ordered:
        page = ranks.page(window.sort, window.offset, size, descending=window.descending)
        return await ids_of(reader, owner, page), total
    backwards = window.offset + size > total - window.offset
    offset = total - window.offset - size if backwards else window.offset
    few = total <= FEW
    conditions, values = ([], {"serials": as_json(ranks.serials())}) if few else _conditions(wanted)
    rows = _rows(window.sort, conditions, few=few)
    if window.sort == "finished" and wanted.statuses is not None and not few:
        rows, statuses = _runs(rows, wanted)
        values |= statuses
    sql = _paged(rows, window.sort, descending=window.descending is not backwards)
    values |= owner | {"by": window.sort.removeprefix(FACET)}
    found = await reader.rows(sql, **values, limit=size, offset=offset)
    ids = [row[0] for row in found]
    return (ids[::-1] if backwards else ids), total


def _paged(rows: str, sort: str, *, descending: bool) -> str:
    direction = " DESC" if descending else ""
    names = [*(f"r{index}" for index in range(len(_columns(sort)))), "number"]
    inner = ", ".join(f"{name}{direction}" for name in names)
    outer = ", ".join(f"p.{name}{direction}" for name in names)
    return statements("listing")["page"].format(rows=rows, inner=inner, outer=outer)


def _rows(sort: str, conditions: list[str], *, few: bool) -> str:
    """Numbers of tickets, and r0, r1 ... that they are sorted by."""
    ranks = ", ".join(f"{column} AS r{index}" for index, column in enumerate(_columns(sort)))
    name = ("few" if few else "all") + ("_by_facet" if sort.startswith(FACET) else "")
    join = JOIN if conditions else ""
    conditions = [f" AND {each}" for each in conditions]
    return statements("listing")[name].format(ranks=ranks, join=join, conditions="".join(conditions))


def _runs(rows: str, wanted: Filter) -> tuple[str, dict[str, str]]:
    """The same rows as a merge of one run for each status, every one in order by an index of its own."""
    values = {f"status{index}": status.value for index, status in enumerate(sorted(wanted.statuses or ()))}
    return " UNION ALL ".join(f"{rows} AND t.status = :{name}" for name in values), values


def _columns(sort: str) -> tuple[str, ...]:
    return ("f.value", "f.created") if sort.startswith(FACET) else tuple(f"t.{column}" for column in SORTS[sort])


def _conditions(wanted: Filter) -> tuple[list[str], dict[str, Any]]:
    """For filters that let many through: not those for one job or output.

    A plus keeps the database from another index than that of the sort.
    """
    sql = statements("listing")
    offered: dict[str, tuple[str, Any]] = {
        "created_from": ("+t.created >= :created_from", ticks(wanted.created_from)),
        "created_to": ("+t.created <= :created_to", ticks(wanted.created_to)),
        "ended_from": ("(+t.finished IS NULL OR +t.finished >= :ended_from)", ticks(wanted.ended_from)),
    }
    conditions = [condition for condition, value in offered.values() if value is not None]
    values = {name: value for name, (_, value) in offered.items() if value is not None}
    if wanted.statuses is not None:
        conditions.append("+t.status IN (SELECT value FROM json_each(:statuses))")
        values["statuses"] = as_json([status.value for status in wanted.statuses])
    for kind, pairs in (("equal", facets_of(wanted)), ("part", [*wanted.parts.items()])):
        for index, (name, value) in enumerate(pairs):
            conditions.append(sql[kind].format(index=index))
            values |= {f"{kind}_name{index}": name, f"{kind}_value{index}": value}
    return conditions, values
