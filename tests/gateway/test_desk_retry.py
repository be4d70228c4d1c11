"""The desk, when a job or a part of it is to run again."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.exchange import RetryJob
from mediaglot.gateway.faults import Conflict, EncodingFailed, NotFound, SourceMissing
from mediaglot.gateway.model import Location, Output, Status

MP4, WEBM = Output(container="mp4"), Output(container="webm")
DELIVERED = Output(container="mp4", destinations=(Location(url="ftp://h/a"), Location(url="ftp://h/b")))
STATES = (Status.QUEUED, Status.HELD, Status.RUNNING, Status.FINISHED, Status.FAILED, Status.CANCELLED)


@pytest.mark.parametrize("status", STATES)
async def test_a_job_can_be_run_again_from_the_start(works: Any, status: Status) -> None:
    job = await works.in_state(status)
    await works.clock.advance(9)
    ticket = await works.ask(RetryJob(id=job))
    assert (ticket.status, ticket.phase, ticket.fetched, ticket.stored) == (Status.QUEUED, None, None, None)
    assert (ticket.sources[0].size, ticket.trouble, ticket.finished, ticket.progress) == (None, None, None, 0)
    assert works.craft.log == ["clear", "discard"], "the source is fetched again"
    async with works.store.write() as tx:
        await tx.release_all()
    await works.run_once()
    ended = await works.ticket(job)
    assert (ended.status, ended.started) == (Status.FINISHED, works.clock.now())


async def test_only_what_failed_is_made_again(works: Any) -> None:
    job = await works.add(MP4, WEBM)
    works.craft.lost[1] = EncodingFailed()
    await works.run_once()
    works.craft.lost.clear()
    before = await works.ticket(job)
    ticket = await works.ask(RetryJob(id=job, failed_only=True))
    assert [made.status for made in ticket.outputs] == [Status.FINISHED, Status.QUEUED]
    assert (ticket.outputs[0], ticket.outputs[1].trouble) == (before.outputs[0], None)
    await works.run_once()
    assert works.craft.wanted == [{0, 1}, {1}]
    assert (await works.ticket(job)).status is Status.FINISHED


async def test_a_job_that_never_got_its_source_is_all_failure(works: Any) -> None:
    works.craft.failing["fetch"] = SourceMissing(status=404)
    job = await works.add(MP4, WEBM)
    await works.run_once()
    works.craft.failing.clear()
    await works.ask(RetryJob(id=job, failed_only=True))
    await works.run_once()
    assert works.craft.wanted == [{0, 1}]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.HELD, Status.FINISHED, Status.CANCELLED])
async def test_where_nothing_failed_there_is_nothing_to_repair(works: Any, status: Status) -> None:
    job = await works.in_state(status)
    with pytest.raises(Conflict):
        await works.ask(RetryJob(id=job, failed_only=True))
    assert (await works.ticket(job)).status is status


async def test_a_refused_repair_does_not_disturb_the_work(works: Any) -> None:
    job = await works.add(MP4)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        with pytest.raises(Conflict):
            await works.ask(RetryJob(id=job, failed_only=True))
        with pytest.raises(NotFound):
            await works.ask(RetryJob(id=job, output_id="nope"))
        works.craft.hold_at("make").set()
        await works.until(job, lambda ticket: ticket.status is Status.FINISHED)
    assert works.craft.log.count("make") == 1


async def test_one_output_is_made_again_and_the_others_stay(works: Any) -> None:
    job = await works.add(MP4, WEBM)
    await works.run_once()
    before = await works.ticket(job)
    ticket = await works.ask(RetryJob(id=job, output_id="901"))
    assert (ticket.outputs[0], ticket.outputs[1].files) == (before.outputs[0], ())
    assert [made.id for made in ticket.outputs] == ["900", "901"]
    await works.run_once()
    assert works.craft.wanted == [{0, 1}, {1}]


async def test_outputs_that_were_being_made_wait_again_with_the_one_that_is_asked_for(works: Any) -> None:
    job = await works.add(MP4, WEBM)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        ticket = await works.ask(RetryJob(id=job, output_id="900"))
        assert [made.status for made in ticket.outputs] == [Status.QUEUED, Status.QUEUED]
        works.craft.hold_at("make").set()
        await works.until(job, lambda ticket: ticket.status is Status.FINISHED)
    assert works.craft.wanted[-1] == {0, 1}


async def test_deliveries_are_open_again_after_a_retry(works: Any) -> None:
    job = await works.add(DELIVERED)
    await works.run_once()
    ticket = await works.ask(RetryJob(id=job))
    assert [delivery.saved for delivery in ticket.outputs[0].deliveries] == [False, False]
