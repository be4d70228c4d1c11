"""Work that comes back from a provider waits for its turn here, like all other work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from mediaglot.gateway.backends import Over, Product, Report, unheard
from mediaglot.gateway.backends.agent import Aside
from mediaglot.gateway.backends.book import OURS
from mediaglot.gateway.backends.router import KIND, Router
from mediaglot.gateway.backends.rules import LOCAL, Rule
from mediaglot.gateway.backends.sim import SimulatedCraft
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.faults import Fault, ProviderFailed
from mediaglot.gateway.model import Input, Job, Location, Made, Output, Source, Status, Step, Ticket
from mediaglot.gateway.store.sqlite import SqliteStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Job(inputs=(Input(location=Location(url="https://x.test/bars-1s.mp4")),), outputs=(Output(container="mp4"),))


class Dead(SimulatedCraft):
    """A provider that gets nothing done."""

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        raise ProviderFailed(provider="far", reason="breaker")


class Here(SimulatedCraft):
    """Notes how many jobs it makes at the same time."""

    now = most = 0

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await super().make(ticket, wanted, report, over)
        finally:
            self.now -= 1


def ticket(number: int) -> Ticket:
    made = Made(id="1", created=NOW, history=(Step(at=NOW, status=Status.QUEUED),))
    return Ticket(
        id=str(number),
        account="me",
        dialect="encoding_com",
        job=JOB,
        created=NOW,
        updated=NOW,
        sources=(Source(id="0"),),
        outputs=(made,),
        ids={"folder": f"folder-{number}"},
    )


async def test_work_that_comes_back_waits_for_a_seat(tmp_path: Path) -> None:
    clock = RealClock()
    here = Here(clock, speed=100)
    async with await SqliteStore.open(tmp_path) as store:
        router = Router({"far": Dead(clock), LOCAL: here}, (Rule(to=("far", LOCAL)),), store, Aside())
        router.reconcile(Gate(seats=2))
        found = await asyncio.gather(
            *(router.make(ticket(number), frozenset({0}), lambda *_: None) for number in range(6))
        )
    assert [list(made) for made in found] == [[0]] * 6
    assert here.most == 2


async def test_what_is_remembered_of_a_job_goes_with_all_its_turns(tmp_path: Path) -> None:
    """A job that is changed has another turn, and nobody asks for the one before any more."""
    clock, job = RealClock(), ticket(1)
    async with await SqliteStore.open(tmp_path) as store:
        router = Router({"far": Dead(clock), LOCAL: Here(clock)}, (Rule(to=("far", LOCAL)),), store, Aside())
        await router.make(job, frozenset({0}), lambda *_: None)
        assert len(await store.list_things(OURS, "", KIND)) == 1
        router.clear(replace(job, ids={**job.ids, "turn": "1"}))
        async with asyncio.timeout(10):
            while await store.list_things(OURS, "", KIND):
                pass
