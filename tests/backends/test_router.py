"""Who makes what of a job with several providers, and that work which comes back here waits for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.backends import Over, Product, Report, unheard
from mediaglot.gateway.backends.agent import Aside
from mediaglot.gateway.backends.book import OURS
from mediaglot.gateway.backends.router import KIND, Router
from mediaglot.gateway.backends.rules import LOCAL, Rule
from mediaglot.gateway.backends.sim import SimulatedCraft
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.engine.aside import aside
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.faults import Fault, ProviderFailed, SourceUnreadable
from mediaglot.gateway.model import Delivery, Input, Job, Location, Made, Output, Source, Status, Step, Ticket
from mediaglot.gateway.store import Key, Work
from mediaglot.gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(inputs=(Input(location=Location(url="https://x.test/bars-1s.mp4")),), outputs=(Output(container="mp4"),))


TWO = replace(JOB, outputs=(Output(container="mp4", destinations=(Location(url="file:///a"),)),) * 2)
OVERDUE = ProviderFailed(provider="far", reason="timeout")
BAD = SourceUnreadable(url="https://x.test/bars-1s.mp4")


class Far(SimulatedCraft):
    """A provider that fails jobs, or some of their outputs, and notes what it is asked to make and to deliver."""

    def __init__(self, clock: RealClock, fault: Fault = OVERDUE, outputs: Mapping[int, Fault] | None = None) -> None:
        super().__init__(clock, speed=100)
        self.fault, self.outputs = fault, outputs
        self.wanted: list[frozenset[int]] = []
        self.delivered: list[int] = []

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        self.wanted.append(wanted)
        if self.outputs is None:
            raise self.fault
        return {**await super().make(ticket, wanted - self.outputs.keys(), report, over), **self.outputs}

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        self.delivered.append(index)


class Here(SimulatedCraft):
    """Notes how many jobs it makes at the same time, and how many have their sources here."""

    now = most = held = most_held = 0

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int | None:
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        return await super().fetch(ticket, index, report)

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await super().make(ticket, wanted, report, over)
        finally:
            self.now -= 1
            self.held -= 1


def ticket(number: int, job: Job = JOB) -> Ticket:
    made = Made(
        id="1",
        created=NOW,
        history=(Step(at=NOW, status=Status.QUEUED),),
        deliveries=(Delivery(location=Location(url="file:///a")),),
    )
    return Ticket(
        id=str(number),
        account="me",
        dialect="encoding_com",
        job=job,
        created=NOW,
        updated=NOW,
        sources=(Source(id="0"),),
        outputs=(made,) * len(job.outputs),
        ids={"folder": f"folder-{number}"},
    )


async def test_work_that_comes_back_waits_for_a_seat(tmp_path: Path) -> None:
    clock = RealClock()
    here = Here(clock, speed=100)
    async with await SqliteStore.open(tmp_path) as store:
        router = Router({"far": Far(clock), LOCAL: here}, (Rule(to=("far", LOCAL)),), store, Aside())
        router.reconcile(Gate(seats=2), 3)
        found = await asyncio.gather(
            *(router.make(ticket(number), frozenset({0}), lambda *_: None) for number in range(6))
        )
    assert [list(made) for made in found] == [[0]] * 6
    assert (here.most, here.most_held) == (2, 3)


async def test_work_that_goes_on_from_here_leaves_its_seat(tmp_path: Path) -> None:
    clock, gate, seats = RealClock(), Gate(seats=1), list[int]()
    here, far = Far(clock, ProviderFailed(provider=LOCAL, reason="failed")), Far(clock, outputs={})

    async def other() -> None:
        async with gate.room(0):
            seats.append(len(far.wanted))

    async def made(*asked: Any) -> Any:
        await asyncio.create_task(other())
        return await Far.make(far, *asked)

    far.make = made  # type: ignore[method-assign]
    async with await SqliteStore.open(tmp_path) as store, asyncio.timeout(20):
        router = Router({"far": far, LOCAL: here}, (Rule(to=(LOCAL, "far")),), store, Aside())
        async with gate.room(0) as leave:
            await router.make(ticket(1), frozenset({0}), lambda *_: None, leave)
    assert seats == [0]


class Dripping(SimulatedCraft):
    """The first source hardly comes, until all are there."""

    def __init__(self, clock: RealClock, many: int) -> None:
        super().__init__(clock, speed=100)
        self._left, self._there = many, asyncio.Event()

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int | None:
        self._left -= 1
        if self._left:
            with aside():
                await self._there.wait()
        self._there.set()
        return await super().fetch(ticket, index, report)


async def test_work_that_comes_back_keeps_nobody_waiting_whose_source_comes(tmp_path: Path) -> None:
    clock = RealClock()
    here = Dripping(clock, 3)
    async with await SqliteStore.open(tmp_path) as store, asyncio.timeout(20):
        router = Router({"far": Far(clock), LOCAL: here}, (Rule(to=("far", LOCAL)),), store, Aside())
        router.reconcile(Gate(seats=2), 1)
        found = await asyncio.gather(
            *(router.make(ticket(number), frozenset({0}), lambda *_: None) for number in range(3))
        )
    assert [list(made) for made in found] == [[0]] * 3


async def test_work_that_comes_back_has_its_place_in_the_queue(tmp_path: Path) -> None:
    clock, order, all_there = RealClock(), list[int](), asyncio.Event()
    gate, back = Gate(seats=0), ticket(2)
    here = Far(clock, outputs={})
    gate.watch(lambda: all_there.set() if gate.waiting == 3 else None)

    async def wait_here(place: int) -> None:
        async with gate.room(0, place=place):
            order.append(len(here.wanted))

    async with await SqliteStore.open(tmp_path) as store, asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        router = Router({"far": Far(clock), LOCAL: here}, (Rule(to=("far", LOCAL)),), store, Aside())
        router.reconcile(gate, running=lambda: (Work(key=Key.of(back), place=2),))
        tasks.create_task(router.make(back, frozenset({0}), lambda *_: None))
        for place in (3, 1):
            tasks.create_task(wait_here(place))
        await all_there.wait()
        gate.seats = 1
        async with gate.room(0):
            pass
    assert order == [0, 1], "one goes before it, and one after it"


async def test_jobs_wait_for_the_providers_that_they_may_still_come_to(tmp_path: Path) -> None:
    clock = RealClock()
    rules = (Rule(to=("far",), when={"least_outputs": "2"}), Rule(to=("far", LOCAL)))
    async with await SqliteStore.open(tmp_path) as store:
        crafts = {"far": Far(clock), LOCAL: SimulatedCraft(clock, speed=100)}
        router, again = (Router(crafts, rules, store, Aside()) for _ in range(2))
        one, other = ticket(1), ticket(2, TWO)
        async with store.write() as tx:
            await tx.add(one)
            await tx.add(other)
        assert [await router.lane(Key.of(each)) for each in (one, other)] == ["far > local", "far"]
        await router.make(one, frozenset({0}), lambda *_: None)
        assert await again.lane(Key.of(one)) == await router.lane(Key.of(one)) == "local"
        assert await router.lane(Key("encoding_com", "me", "gone")) == LOCAL
        async with store.write() as tx:
            await tx.put_thing(OURS, "", KIND, "folder-1/0", {"step": 1, "makers": {}})
        assert await again.lane(Key.of(one)) == "local", "as an earlier version has written it down"


class Half(SimulatedCraft):
    """A provider that never makes the second output."""

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        lacking = ProviderFailed(provider="half", reason="no_files")
        return {**await super().make(ticket, wanted - {1}, report, over), **dict.fromkeys(wanted & {1}, lacking)}


class Stuck(SimulatedCraft):
    """Dies over what it is asked for first, and does only that after a new start."""

    asked: frozenset[int] = frozenset()

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        if not self.asked:
            self.asked = wanted
            raise asyncio.CancelledError
        assert wanted == self.asked
        return await super().make(ticket, wanted, report, over)


async def test_after_a_crash_each_provider_gives_what_it_has_made(tmp_path: Path) -> None:
    clock, job = RealClock(), replace(ticket(1), job=replace(JOB, outputs=JOB.outputs * 2))
    job, both = replace(job, outputs=job.outputs * 2), frozenset({0, 1})
    half, stuck = Half(clock), Stuck(clock, speed=100)
    crafts = {"half": half, "stuck": stuck, LOCAL: Here(clock, speed=100)}
    async with await SqliteStore.open(tmp_path) as store:
        rules = (Rule(to=("half", "stuck", LOCAL)),)
        with pytest.raises(asyncio.CancelledError):
            await Router(crafts, rules, store, Aside()).make(job, both, lambda *_: None)
        made = await Router(crafts, rules, store, Aside()).make(job, both, lambda *_: None)
    assert stuck.asked == {1}
    assert {index: isinstance(each, tuple) for index, each in made.items()} == {0: True, 1: True}


async def test_a_job_whose_provider_is_not_configured_any_more_is_done_by_the_last_one(tmp_path: Path) -> None:
    clock, wanted = RealClock(), frozenset({0})
    crafts = {"far": Far(clock), "stuck": Stuck(clock), LOCAL: Here(clock, speed=100)}
    async with await SqliteStore.open(tmp_path) as store:
        with pytest.raises(asyncio.CancelledError):
            await Router(crafts, (Rule(to=("far", "stuck")),), store, Aside()).make(ticket(1), wanted, lambda *_: None)
        made = await Router(crafts, (), store, Aside()).make(ticket(1), wanted, lambda *_: None)
    assert list(made) == [0]


async def test_who_is_taken_out_of_the_configuration_is_left_out_and_nobody_else(tmp_path: Path) -> None:
    """A job goes on where it is: what the provider has begun for it is not made by the next one as well."""
    clock, wanted = RealClock(), frozenset({0})
    stuck, here = Stuck(clock, speed=100), Far(clock, outputs={})
    crafts = {"far": Far(clock), "stuck": stuck, LOCAL: here}
    async with await SqliteStore.open(tmp_path) as store:
        before, after = (
            Router(crafts, (Rule(to=to),), store, Aside()) for to in (("far", "stuck", LOCAL), ("stuck", LOCAL))
        )
        with pytest.raises(asyncio.CancelledError):
            await before.make(ticket(1), wanted, lambda *_: None)
        made = await after.make(ticket(1), wanted, lambda *_: None)
    assert (list(made), stuck.asked, here.wanted) == ([0], wanted, [])


async def test_what_is_remembered_of_a_job_goes_with_all_its_turns(tmp_path: Path) -> None:
    """A job that is changed has another turn, and nobody asks for the one before any more."""
    clock, job = RealClock(), ticket(1)
    async with await SqliteStore.open(tmp_path) as store:
        router = Router({"far": Far(clock), LOCAL: Here(clock)}, (Rule(to=("far", LOCAL)),), store, Aside())
        await router.make(job, frozenset({0}), lambda *_: None)
        assert len(await store.list_things(OURS, "", KIND)) == 1
        router.clear(replace(job, ids={**job.ids, "turn": "1"}))
        async with asyncio.timeout(10):
            while await store.list_things(OURS, "", KIND):
                pass


async def made(tmp_path: Path, job: Job, far: Far, near: Far) -> Mapping[int, tuple[Product, ...] | Fault]:
    """What comes of a job's outputs, all of which are then delivered."""
    asked, wanted = ticket(1, job), frozenset(range(len(job.outputs)))
    async with await SqliteStore.open(tmp_path) as store:
        router = Router({"far": far, LOCAL: near}, (Rule(to=("far", LOCAL)),), store, Aside())
        found = await router.make(asked, wanted, lambda *_: None)
        for index, products in found.items():
            if not isinstance(products, Fault):
                await router.deliver(asked, index, 0, products)
    return found


async def test_a_job_that_fails_for_its_source_fails_where_it_is(tmp_path: Path) -> None:
    far, near = Far(RealClock(), BAD), Far(RealClock(), outputs={})
    with pytest.raises(SourceUnreadable):
        await made(tmp_path, JOB, far, near)
    assert near.wanted == []


async def test_where_nobody_is_left_the_last_ones_fault_is_the_jobs(tmp_path: Path) -> None:
    far, near = Far(RealClock()), Far(RealClock(), ProviderFailed(provider="near", reason="timeout"))
    with pytest.raises(ProviderFailed) as failed:
        await made(tmp_path, JOB, far, near)
    assert failed.value.data["provider"] == "near"
    found = await made(tmp_path / "some", TWO, Far(RealClock()), Far(RealClock(), outputs={1: OVERDUE}))
    assert {index: isinstance(one, Fault) for index, one in found.items()} == {0: False, 1: True}


async def test_only_outputs_that_failed_for_the_providers_reasons_go_on(tmp_path: Path) -> None:
    job = replace(TWO, outputs=TWO.outputs[:1] * 3)
    far, near = Far(RealClock(), outputs={0: OVERDUE, 1: BAD}), Far(RealClock(), outputs={})
    found = await made(tmp_path, job, far, near)
    assert near.wanted == [frozenset({0})]
    assert {index: isinstance(one, Fault) for index, one in found.items()} == {0: False, 1: True, 2: False}


async def test_whoever_made_an_output_delivers_it(tmp_path: Path) -> None:
    far, near = Far(RealClock(), outputs={0: OVERDUE}), Far(RealClock(), outputs={})
    await made(tmp_path, TWO, far, near)
    assert (far.delivered, near.delivered) == ([1], [0])


async def test_work_that_begins_here_has_waited_already(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store, asyncio.timeout(10):
        router = Router({LOCAL: Here(RealClock(), speed=100)}, (), store, Aside())
        full = Gate(seats=0)
        router.reconcile(full)
        assert list(await router.make(ticket(1), frozenset({0}), lambda *_: None)) == [0]
    assert full.waiting == 0
