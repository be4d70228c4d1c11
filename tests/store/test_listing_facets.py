"""Lists by a part of a facet, in the order of a facet, and of what is unfinished or ended lately."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.model import Job, Status, Ticket
from mediaglot.gateway.store.sqlite import SqliteStore

START = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = ("beta clip.mov", "alpha.mp4", "gamma.mov", "alpha two.mov")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(tmp_path) as opened:
        for number, name in enumerate(NAMES):
            ticket = Ticket(
                id=str(number), account="a", dialect="d", job=Job(), created=START + timedelta(seconds=number)
            )
            if number:
                ended = START + timedelta(minutes=number)
                ticket = replace(ticket, status=Status.FINISHED, finished=ended)
            async with opened.write() as tx:
                await tx.add(ticket, {"name": name, "kind": "odd" if number % 2 else "even"})
        yield opened


async def ids(store: SqliteStore, wanted: Filter, window: Window | None = None) -> list[str]:
    page = await store.list("d", "a", wanted, window or Window())
    assert page.total == len((await store.list("d", "a", wanted, Window())).items)
    return [ticket.id for ticket in page.items]


async def test_by_a_part(store: SqliteStore) -> None:
    assert await ids(store, Filter(parts={"name": "alpha"})) == ["1", "3"]
    assert await ids(store, Filter(parts={"name": ".mov"}, facets={"kind": "even"})) == ["0", "2"]
    assert await ids(store, Filter(parts={"name": "alpha", "kind": "even"})) == []
    assert await ids(store, Filter(parts={"name": "%"})) == []


async def test_in_the_order_of_a_facet(store: SqliteStore) -> None:
    by_name = Window(sort="facet:name")
    assert await ids(store, Filter(), by_name) == ["3", "1", "0", "2"]
    assert await ids(store, Filter(), replace(by_name, descending=True)) == ["2", "0", "1", "3"]
    assert await ids(store, Filter(facets={"kind": "odd"}), by_name) == ["3", "1"]
    assert await ids(store, Filter(statuses=frozenset({Status.FINISHED})), by_name) == ["3", "1", "2"]
    assert await ids(store, Filter(), replace(by_name, offset=1, limit=2)) == ["1", "0"]


async def test_unfinished_or_ended_lately(store: SqliteStore) -> None:
    assert await ids(store, Filter(ended_from=START + timedelta(minutes=2))) == ["0", "2", "3"]
    assert await ids(store, Filter(ended_from=START + timedelta(hours=2), parts={"name": "beta"})) == ["0"]
