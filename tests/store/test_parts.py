"""Tickets by a part of a facet, compared with looking at each: any texts, after any changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.model import Status
from mediaglot.gateway.store import Key, gram, listing
from mediaglot.gateway.store.sqlite import SqliteStore

NAME = "part:name"
LETTERS = st.text("ab\u00e9%" + gram.MARK, max_size=7)
TEXTS = st.text("ab\u00e9%" + gram.MARK, min_size=1, max_size=6)
FEWER = settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=[(500, 4000), (0, 4000), (0, 3), (0, 0)], ids=["looked at", "doubted", "read", "all read"])
def way(request, monkeypatch):
    few, many = request.param
    monkeypatch.setattr(gram, "FEW", few)
    monkeypatch.setattr(gram, "MANY", many)


async def found(store: SqliteStore, wanted: Filter) -> list[str]:
    page = await store.list("acme", "ann", wanted, Window(descending=True))
    assert page.total == len(page.items)
    return sorted(ticket.id for ticket in page.items)


@pytest.mark.heavy
@FEWER
@given(
    values=st.lists(LETTERS, min_size=1, max_size=12),
    texts=st.lists(TEXTS, min_size=1, max_size=6),
    changes=st.lists(st.tuples(st.integers(0, 11), LETTERS | st.none()), max_size=5),
)
async def test_parts_are_found_as_by_looking_at_each(make, way, values, texts, changes):
    with TemporaryDirectory() as folder:
        async with await SqliteStore.open(Path(folder)) as store:
            present = {f"job-{number}": value for number, value in enumerate(values)}
            async with store.write() as tx:
                for number, value in enumerate(values):
                    status = Status.FAILED if number % 2 else Status.FINISHED
                    await tx.add(make(number, minute=number % 5, status=status), {NAME: value})
            async with store.write() as tx:
                for number, value in changes:
                    ticket = await tx.get(Key("acme", "ann", f"job-{number}"))
                    if ticket is None or ticket.deleted is not None:
                        continue
                    if value is None:
                        await tx.put(replace(ticket, deleted=ticket.created))
                        del present[ticket.id]
                    else:
                        await tx.put(ticket, {NAME: value})
                        present[ticket.id] = value
            for text in texts:
                expected = sorted(id_ for id_, value in present.items() if text in value)
                assert await found(store, Filter(parts={NAME: text})) == expected
                failed = Filter(parts={NAME: text}, statuses=frozenset({Status.FAILED}))
                assert await found(store, failed) == [id_ for id_ in expected if int(id_[4:]) % 2]


async def test_letters_apart_are_not_the_text(store, make, add, way):
    names = ["abcd", "abc bcd", "abcabcd", "bcd", "abcx bcd abcd", "ABCD", "abc"]
    for number, name in enumerate(names):
        await add(make(number), facets={NAME: name})
    assert await found(store, Filter(parts={NAME: "abcd"})) == ["job-0", "job-2", "job-4"]
    assert await found(store, Filter(parts={NAME: "bc"})) == [f"job-{n}" for n in (0, 1, 2, 3, 4, 6)]
    assert await found(store, Filter(parts={NAME: f"abc{gram.MARK}"})) == []
    assert await found(store, Filter(parts={NAME: "abc\0"})) == []


async def test_a_list_of_statuses_by_end_walks_over_no_others(store, make, add, monkeypatch):
    asked = []
    rows = store._reader.rows

    async def listen(sql, **values):
        asked.append((sql, values))
        return await rows(sql, **values)

    monkeypatch.setattr(listing, "FEW", 1)
    monkeypatch.setattr(store._reader, "rows", listen)
    ended = [make(n, status=Status.FAILED, finished=make(n).created) for n in range(5)]
    await add(*ended, *(make(n, status=Status.FINISHED, finished=make(n).created) for n in range(5, 10)))
    wanted = Filter(statuses=frozenset({Status.FAILED, Status.CANCELLED}))
    page = await store.list("acme", "ann", wanted, Window(sort="finished", descending=True, offset=1, limit=2))
    assert [ticket.id for ticket in page.items] == ["job-3", "job-2"]
    sql, values = next((sql, values) for sql, values in asked if "UNION ALL" in sql and "OFFSET" in sql)
    plan = [row[3] for row in await rows(f"EXPLAIN QUERY PLAN {sql}", **values)]
    assert sum("tickets_by_end (owner=? AND status=?)" in step for step in plan) == 2, plan
