"""Pages of tickets: every filter, every sort, totals, both directions, compared with a plain Python answer."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.model import Status, Ticket
from mediaglot.gateway.store import Key, gram, listing
from mediaglot.gateway.store.listing import SORTS
from mediaglot.gateway.store.sqlite import SqliteStore

STATUSES = [Status.FINISHED, Status.FAILED, Status.FINISHED, Status.RUNNING, Status.QUEUED]


@pytest.fixture(params=["in order", "in no order"])
async def crowd(request: pytest.FixtureRequest, store: SqliteStore, make: Callable[..., Ticket]) -> list[Ticket]:
    """Sixty tickets of Ann, some created in the same minute, and some of other people."""
    tickets = []
    async with store.write() as tx:
        for number in range(60):
            minute = (number if request.param == "in order" else number * 37 % 60) // 3
            ticket = make(
                number, minute=minute, status=STATUSES[number % 5], containers=("mp4", ["webm", "MOV"][number % 2])
            )
            if ticket.status is not Status.QUEUED:
                ticket = replace(ticket, started=ticket.created + timedelta(seconds=number * 13 % 60))
            if ticket.status is Status.FINISHED:
                ticket = replace(ticket, finished=ticket.created + timedelta(hours=number * 7 % 60))
            tickets.append(await tx.add(ticket, facets_of(ticket)))
            await tx.add(make(number, account="bob"), {"drm": "yes"})
    return tickets


def facets_of(ticket: Ticket) -> dict[str, str]:
    number = int(ticket.id.split("-")[1])
    return {"drm": "yes" if number % 3 else "no", "zone": str(number % 2), "part:id": ticket.id}


def passes(ticket: Ticket, wanted: Filter) -> bool:
    containers = {(output.container or "").lower() for output in ticket.job.outputs}
    tests = {
        "statuses": lambda value: ticket.status in value,
        "created_from": lambda value: ticket.created >= value,
        "created_to": lambda value: ticket.created <= value,
        "id": lambda value: ticket.id == value,
        "output_id": lambda value: value in {made.id for made in ticket.outputs},
        "container": lambda value: value.lower() in containers,
        "parts": lambda value: all(part in facets_of(ticket)[name] for name, part in value.items()),
        "facets": lambda value: value.items() <= facets_of(ticket).items(),
    }
    return all(getattr(wanted, name) is None or test(getattr(wanted, name)) for name, test in tests.items())


def rank(ticket: Ticket, sort: str) -> tuple[Any, ...]:
    value = ticket.job.inputs[0].location.url if sort == "source" else getattr(ticket, sort)
    first = (value is not None, value) if value is not None else (False,)
    return (*first, ticket.created, ticket.serial) if sort == "status" else (*first, ticket.serial)


@pytest.fixture(params=["few", "many"])
def seeming(request, monkeypatch):
    """Some ways are only gone with many tickets."""
    if request.param == "many":
        monkeypatch.setattr(listing, "FEW", 1)
        monkeypatch.setattr(gram, "FEW", 0)
        monkeypatch.setattr(gram, "MANY", 3)
        monkeypatch.setattr(gram, "ALIKE", 0)


@pytest.mark.heavy
async def test_every_filter_sort_and_window_gives_what_sorting_by_hand_gives(store, crowd, seeming):
    middle = crowd[30].created
    filters = [
        Filter(),
        Filter(statuses=frozenset({Status.FINISHED})),
        Filter(statuses=frozenset({Status.FAILED, Status.RUNNING, Status.QUEUED})),
        Filter(statuses=frozenset()),
        Filter(created_from=middle),
        Filter(created_to=middle, statuses=frozenset({Status.FINISHED, Status.FAILED})),
        Filter(created_from=middle, created_to=middle + timedelta(minutes=5), container="WebM"),
        Filter(id="job-7"),
        Filter(output_id="out-9-1"),
        Filter(container="mov"),
        Filter(parts={"part:id": "job-1"}),
        Filter(parts={"part:id": "%"}),
        Filter(parts={"part:id": "-4"}, statuses=frozenset({Status.FINISHED})),
        Filter(parts={"part:id": "b-1"}, created_from=middle),
        Filter(parts={"part:id": "ob-1", "zone": "1"}),
        Filter(parts={"part:id": "b-59"}),
        Filter(parts={"part:id": "7"}, facets={"zone": "1"}),
        Filter(facets={"drm": "yes"}),
        Filter(facets={"drm": "yes", "zone": "1"}),
        Filter(facets={"drm": "no"}, statuses=frozenset({Status.FINISHED}), parts={"part:id": "3"}),
        Filter(facets={"drm": "maybe"}),
        Filter(facets={"zone": "0"}, container="mp4", id="job-8"),
    ]
    windows = [(0, None), (0, 7), (5, 7), (40, 7), (55, 7), (59, 1), (60, 5), (200, 5)]
    for wanted, sort, descending, (offset, limit) in itertools.product(filters, SORTS, (False, True), windows):
        expected = sorted(filter(lambda ticket: passes(ticket, wanted), crowd), key=lambda t: rank(t, sort))
        expected = expected[::-1] if descending else expected
        window = Window(offset=offset, limit=limit, sort=sort, descending=descending)
        page = await store.list("acme", "ann", wanted, window)
        end = None if limit is None else offset + limit
        assert [t.id for t in page.items] == [t.id for t in expected[offset:end]], (wanted, window)
        assert (page.total, page.offset, page.limit) == (len(expected), offset, limit)


async def test_a_repeated_page_shows_what_changed_meanwhile(store, crowd, make, add):
    window = Window(limit=5, descending=True)
    running = Filter(statuses=frozenset({Status.RUNNING}))
    before = [await store.list("acme", "ann", wanted, window) for wanted in (Filter(), running)]
    (key,) = await add(make(99, minute=500, status=Status.RUNNING))
    after = [await store.list("acme", "ann", wanted, window) for wanted in (Filter(), running)]
    assert [page.total for page in after] == [page.total + 1 for page in before]
    assert all(page.items[0].id == "job-99" for page in after)
    store.touch(key, lambda ticket: replace(ticket, left=7))
    assert (await store.list("acme", "ann", running, window)).items[0].left == 7
    async with store.write() as tx:
        await tx.put(replace(await tx.get(key), status=Status.FINISHED))
    assert (await store.list("acme", "ann", running, window)).total == before[1].total


async def test_deleted_tickets_are_hidden_in_every_list(store, crowd):
    key = Key.of(crowd[0])
    filters = [
        Filter(),
        Filter(statuses=frozenset({crowd[0].status})),
        Filter(container="mp4"),
        Filter(facets={"drm": "no"}),
    ]
    filters += [Filter(parts={"part:id": "job"}), Filter(id=crowd[0].id), Filter(output_id="out-0-0")]
    before = [(await store.list("acme", "ann", wanted, Window())).total for wanted in filters]
    async with store.write() as tx:
        ticket = await tx.get(key)
        await tx.put(replace(ticket, deleted=ticket.created))
    for wanted, total in zip(filters, before, strict=True):
        page = await store.list("acme", "ann", wanted, Window())
        assert page.total == total - 1
        assert crowd[0].id not in {ticket.id for ticket in page.items}
    assert (await store.get(key)).deleted is not None


async def test_facets_and_containers_can_be_replaced(store, make, add):
    (key,) = await add(make(1), facets={"drm": "no", "zone": "a"})

    async def total(wanted: Filter) -> int:
        return (await store.list("acme", "ann", wanted, Window())).total

    async with store.write() as tx:
        ticket = await tx.get(key)
        await tx.put(replace(ticket, job=make(1, containers=("flv",)).job))
    assert [await total(Filter(container=name)) for name in ("mp4", "flv")] == [0, 1]
    assert await total(Filter(facets={"drm": "no"})) == 1
    async with store.write() as tx:
        await tx.put(await tx.get(key), {"drm": "yes"})
    assert [await total(Filter(facets=facets)) for facets in ({"drm": "no"}, {"zone": "a"}, {"drm": "yes"})] == [
        0,
        0,
        1,
    ]
    assert await total(Filter(container="flv")) == 1


async def test_an_unknown_sort_is_refused(store, crowd):
    with pytest.raises(Invalid):
        await store.list("acme", "ann", Filter(), Window(sort="color"))
