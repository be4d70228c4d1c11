"""Jobs that wait for memory: between probing and encoding, in their order, cancelled, and after a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mediaglot.gateway import exchange
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.model import Output, Phase, Status

pytestmark = pytest.mark.usefixtures("craft")


@pytest.fixture
def narrow(works: Any) -> Any:
    """Room for 100 bytes."""
    works.shift.gate = Gate(100)
    return works


@pytest.fixture
def single(works: Any) -> Any:
    """One job is encoded at a time, and another one is in hand meanwhile."""
    gate = works.shift.gate = Gate(seats=1)
    works.engine = EmbeddedEngine(works.store, works.clock, workers=2, gate=gate)
    works.shift.engine = works.desk.engine = works.engine
    return works


def at(status: Status, phase: Phase | None) -> Any:
    return lambda ticket: (ticket.status, ticket.phase) == (status, phase)


async def two(works: Any, craft: Any) -> tuple[str, str]:
    """One job that encodes until it is let go, and one that needs the room of it."""
    jobs = [await works.add(Output(container="mp4")) for _ in range(2)]
    craft.needs |= dict.fromkeys(jobs, 60)
    return jobs[0], jobs[1]


async def test_a_job_waits_for_the_memory_of_another_one(narrow: Any, craft: Any) -> None:
    let = craft.hold_at("make")
    first, second = await two(narrow, craft)
    async with narrow.running():
        await narrow.until(first, at(Status.RUNNING, Phase.ENCODING))
        waiting = await narrow.until(second, at(Status.RUNNING, Phase.WAITING))
        assert [source.facts is not None for source in waiting.sources] == [True]
        assert craft.log.count("make") == 1
        let.set()
        done = await narrow.until(second, at(Status.FINISHED, None))
    phases = [step.phase for step in done.history]
    assert phases[-4:] == [Phase.WAITING, Phase.ENCODING, Phase.STORING, None]
    assert (await narrow.ticket(first)).status is Status.FINISHED
    assert narrow.shift.gate.used == 0


async def test_a_job_that_fits_beside_another_one_does_not_wait(narrow: Any, craft: Any) -> None:
    let = craft.hold_at("make")
    first, second = await two(narrow, craft)
    craft.needs[second] = 40
    async with narrow.running():
        for job in (first, second):
            await narrow.until(job, at(Status.RUNNING, Phase.ENCODING))
        let.set()
        ended = await narrow.until(second, at(Status.FINISHED, None))
    assert Phase.WAITING not in [step.phase for step in ended.history]


async def test_a_waiting_job_is_cancelled(narrow: Any, craft: Any) -> None:
    let = craft.hold_at("make")
    first, second = await two(narrow, craft)
    async with narrow.running():
        await narrow.until(second, at(Status.RUNNING, Phase.WAITING))
        await narrow.ask(exchange.CancelJob(id=second))
        assert (await narrow.ticket(second)).status is Status.CANCELLED
        assert narrow.shift.gate.waiting == 0
        let.set()
        await narrow.until(first, at(Status.FINISHED, None))
    assert craft.log.count("make") == 1


async def test_a_job_that_waited_when_the_server_stopped_runs_after_its_start(narrow: Any, craft: Any) -> None:
    let = craft.hold_at("make")
    first, second = await two(narrow, craft)
    async with narrow.running():
        await narrow.until(second, at(Status.RUNNING, Phase.WAITING))
    assert (narrow.shift.gate.used, narrow.shift.gate.waiting) == (0, 0)
    let.set()
    await narrow.shift.recover()
    narrow.engine._stopping = False
    async with narrow.running():
        for job in (first, second):
            await narrow.until(job, at(Status.FINISHED, None))


async def test_a_job_larger_than_all_the_room_runs_alone(narrow: Any, craft: Any) -> None:
    job = await narrow.add(Output(container="mp4"))
    craft.needs[job] = 10**12
    async with asyncio.timeout(10), narrow.running():
        await narrow.until(job, at(Status.FINISHED, None))


async def test_the_next_one_is_made_ready_during_an_encoding_and_encoded_while_that_is_measured(
    single: Any, craft: Any
) -> None:
    encode, measure = craft.hold_at("make"), craft.hold_at("measure")
    first, second = await two(single, craft)
    async with single.running():
        await single.until(first, at(Status.RUNNING, Phase.ENCODING))
        ready = await single.until(second, at(Status.RUNNING, Phase.WAITING))
        assert ready.sources[0].facts is not None
        encode.set()
        await single.until(second, at(Status.RUNNING, Phase.ENCODING))
        assert (await single.ticket(first)).status is Status.RUNNING
        measure.set()
        for job in (first, second):
            await single.until(job, at(Status.FINISHED, None))
    assert single.shift.gate.used == 0


async def test_a_greater_priority_goes_before_one_that_is_ready(single: Any, craft: Any) -> None:
    let = craft.hold_at("make")
    first, plain = await two(single, craft)
    async with single.running():
        await single.until(first, at(Status.RUNNING, Phase.ENCODING))
        await single.until(plain, at(Status.RUNNING, Phase.WAITING))
        like = await single.add(Output(container="mp4"))
        high = await single.add(Output(container="mp4"), priority=5)
        await single.until(high, at(Status.RUNNING, Phase.WAITING))
        assert (await single.ticket(like)).status is Status.QUEUED, "as great as one that is ready already"
        let.set()
        for job in (first, plain, like, high):
            await single.until(job, at(Status.FINISHED, None))
    assert craft.made == [first, high, plain, like]
