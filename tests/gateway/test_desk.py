"""The desk: every verb on jobs, in every state that a job can be in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway.exchange import (
    CancelJob,
    CreateJob,
    DeleteJobs,
    GetAccount,
    GetJob,
    GetJobs,
    Health,
    ListJobs,
    RetryJob,
    StartJob,
    UpdateJob,
)
from mediaglot.gateway.faults import Conflict, NotFound, UnknownEncoder
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.model import (
    Event,
    Job,
    Location,
    Notification,
    Output,
    Phase,
    Preset,
    Status,
    Ticket,
)
from mediaglot.gateway.store import Key

MP4, WEBM = Output(container="mp4"), Output(container="webm")
DELIVERED = Output(container="mp4", destinations=(Location(url="ftp://h/a"), Location(url="ftp://h/b")))


STATES = (Status.QUEUED, Status.HELD, Status.RUNNING, Status.FINISHED, Status.FAILED, Status.CANCELLED)

# --- create -----------------------------------------------------------------------------------------


async def test_what_a_client_is_told_is_in_the_store(works: Any, everything: Any) -> None:
    ledger = Ledger()
    ledger.note(Kind.UNREAD, "odd")
    job = Job(outputs=(MP4, DELIVERED), priority=7, label="mine", notifications=everything)
    ticket = await works.ask(CreateJob(job=job), ledger=ledger)
    stored = await works.store.get(Key.of(ticket))
    assert stored == ticket
    assert (ticket.id, [made.id for made in ticket.outputs]) == ("100", ["900", "901"])
    assert ticket.created == works.clock.now()
    assert [delivery.location.url for delivery in ticket.outputs[1].deliveries] == ["ftp://h/a", "ftp://h/b"]
    assert [loss.path for loss in ticket.losses] == ["odd"]
    assert len(ticket.ids["folder"]) > 15
    (work,) = await works.store.queue()
    assert (work.key, work.priority) == (Key.of(ticket), 7)
    assert await works.letters("100") == ["queued 100 waiting"]


async def test_ids_are_unique_and_accounts_are_apart(works: Any) -> None:
    mine, other = await works.add(MP4), await works.add(MP4, account="bob")
    assert mine != other
    with pytest.raises(NotFound):
        await works.ask(GetJob(id=mine), "bob")
    page = await works.ask(ListJobs(), "bob")
    assert [ticket.id for ticket in page.items] == [other]


async def test_nothing_is_kept_of_a_job_whose_presets_are_unknown(works: Any) -> None:
    with pytest.raises(NotFound):
        await works.ask(CreateJob(job=Job(outputs=(Output(preset="none"),)), presets=(Preset(name="p", output=MP4),)))
    assert await works.store.live() == ()
    assert await works.desk.cabinet.presets(works.caller()) == works.toy.presets


async def test_presets_of_the_house_of_the_account_and_of_the_request_are_found(works: Any) -> None:
    own = Preset(name="own", output=Output(container="mov"))
    asked = tuple(Output(preset=name) for name in ("house", "own"))
    ticket = await works.ask(CreateJob(job=Job(outputs=asked), presets=(own,)))
    assert [output.container for output in ticket.job.outputs] == ["webm", "mov"]
    later = await works.ask(CreateJob(job=Job(outputs=(Output(preset="own"),))))
    assert later.job.outputs[0].container == "mov"
    with pytest.raises(NotFound):
        await works.ask(CreateJob(job=Job(outputs=(Output(preset="own"),))), "bob")


async def test_a_job_of_which_nothing_can_be_made_is_refused(works: Any) -> None:
    works.craft.refused = {0: UnknownEncoder(codec="x")}
    with pytest.raises(UnknownEncoder):
        await works.add(MP4)
    assert await works.store.live() == ()


async def test_a_job_of_which_something_can_be_made_is_taken(works: Any, everything: Any) -> None:
    works.craft.refused = {1: UnknownEncoder(codec="x")}
    job = await works.add(MP4, WEBM, notifications=everything)
    ticket = await works.ticket(job)
    assert [made.status for made in ticket.outputs] == [Status.QUEUED, Status.FAILED]
    assert await works.letters(job) == ["queued 100 waiting", "output_failed 100 waiting 901"]
    await works.run_once()
    ticket = await works.ticket(job)
    assert works.craft.wanted == [{0}]
    assert (ticket.status, ticket.trouble.code) == (Status.FAILED, "unknown_encoder")


async def test_a_job_that_cannot_be_stored_leaves_nothing(works: Any, everything: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(works.toy, "facets", lambda ticket: 1 / 0, raising=False)
    with pytest.raises(ZeroDivisionError):
        await works.add(MP4, notifications=everything)
    assert await works.store.live() == ()
    assert await works.store.queue() == ()


# --- reading ----------------------------------------------------------------------------------------


async def test_a_ticket_is_read_alone_in_a_row_and_in_a_list(works: Any) -> None:
    first, second = await works.add(MP4), await works.add(MP4)
    assert (await works.ask(GetJob(id=first))).id == first
    assert [ticket.id for ticket in await works.ask(GetJobs(ids=(second, "nope", first)))] == [second, first]
    page = await works.ask(ListJobs())
    assert (page.total, {ticket.id for ticket in page.items}) == (2, {first, second})
    for unknown in (GetJob(id="nope"), GetJobs(ids=("nope", "neither"))):
        with pytest.raises(NotFound):
            await works.ask(unknown)


async def test_only_a_job_in_memory_is_recalled(works: Any) -> None:
    job = await works.add(MP4)
    caller = works.caller()
    assert works.desk.recall(GetJob(id=job), caller) is await works.store.get(works.key(job))
    assert works.desk.recall(GetJob(id="nope"), caller) is None
    assert works.desk.recall(GetJobs(ids=(job,)), caller) is None
    assert works.desk.recall(GetJob(id=job), works.caller("bob")) is None
    await works.ask(DeleteJobs(ids=(job,)))
    assert works.desk.recall(GetJob(id=job), caller) is None


async def test_an_account_knows_what_runs_and_what_waits(works: Any) -> None:
    await works.in_state(Status.FINISHED)
    await works.in_state(Status.RUNNING)
    await works.add(MP4)
    facts = await works.ask(GetAccount())
    assert (facts.id, facts.workers, facts.running, facts.waiting, facts.healthy) == ("ann", 2, 1, 1, True)
    assert (await works.ask(Health(), "bob")).running == 0


# --- update -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATES)
async def test_new_outputs_replace_the_old_ones_at_once(works: Any, status: Status) -> None:
    job = await works.in_state(status)
    await works.clock.advance(60)
    ticket = await works.ask(UpdateJob(id=job, outputs=(WEBM, DELIVERED)))
    assert (ticket.status, ticket.phase, ticket.started) == (Status.QUEUED, None, works.clock.now())
    assert [made.id for made in ticket.outputs] == ["901", "902"]
    assert {made.status for made in ticket.outputs} == {Status.QUEUED}
    assert (ticket.progress, ticket.trouble, ticket.finished, ticket.stored) == (0, None, None, None)
    assert not ticket.job.hold
    assert works.craft.log == ["discard"], "the results of the old ones are not wanted any more"
    async with works.store.write() as tx:
        await tx.release_all()
    await works.run_once()
    ended = await works.ticket(job)
    assert (ended.status, len(ended.outputs)) == (Status.FINISHED, 2)


async def test_an_update_stops_what_is_being_made(works: Any) -> None:
    job = await works.add(MP4)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        await works.ask(UpdateJob(id=job, outputs=(WEBM,)))
        works.craft.hold_at("make").set()
        ticket = await works.until(job, lambda ticket: ticket.status is Status.FINISHED)
    assert [made.id for made in ticket.outputs] == ["901"]
    assert works.craft.log.count("make") == 2


async def test_an_update_keeps_whom_to_tell_unless_it_names_others(works: Any, everything: Any) -> None:
    job = await works.add(MP4, notifications=everything)
    assert (await works.ask(UpdateJob(id=job, outputs=(MP4,)))).job.notifications == everything
    others = (Notification(target=Location(url="https://new/"), events=frozenset(Event)),)
    assert (await works.ask(UpdateJob(id=job, outputs=(MP4,), notifications=others))).job.notifications == others


async def test_an_update_that_cannot_be_leaves_the_job_alone(works: Any) -> None:
    job = await works.add(MP4)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        works.craft.refused = {0: UnknownEncoder(codec="x")}
        for outputs, fault in (((MP4,), UnknownEncoder), ((Output(preset="nope"),), NotFound)):
            with pytest.raises(fault):
                await works.ask(UpdateJob(id=job, outputs=outputs))
        assert (await works.ticket(job)).phase is Phase.ENCODING
        works.craft.hold_at("make").set()
        await works.until(job, lambda ticket: ticket.status is Status.FINISHED)
    assert works.craft.log.count("fetch") == 1


async def test_what_an_update_loses_is_noted(works: Any) -> None:
    first, second = Ledger(), Ledger()
    first.note(Kind.UNREAD, "a")
    second.note(Kind.UNREAD, "b")
    job = (await works.ask(CreateJob(job=Job(outputs=(MP4,))), ledger=first)).id
    ticket = await works.ask(UpdateJob(id=job, outputs=(MP4,)), ledger=second)
    assert [loss.path for loss in ticket.losses] == ["a", "b"]


# --- start, cancel, delete ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATES)
async def test_only_a_held_job_can_be_let_go(works: Any, status: Status) -> None:
    job = await works.in_state(status)
    if status is not Status.HELD:
        with pytest.raises(Conflict) as caught:
            await works.ask(StartJob(id=job))
        assert caught.value.data["state"] == status.value
        return
    ticket = await works.ask(StartJob(id=job))
    assert (ticket.status, ticket.phase, ticket.job.hold) == (Status.QUEUED, Phase.WAITING, False)
    await works.run_once()
    assert (await works.ticket(job)).status is Status.FINISHED


async def test_a_held_job_without_outputs_has_nothing_to_start(works: Any) -> None:
    job = await works.add(hold=True)
    await works.run_once()
    with pytest.raises(Conflict):
        await works.ask(StartJob(id=job))
    await works.ask(RetryJob(id=job))
    await works.run_once()
    assert (await works.ticket(job)).status is Status.HELD, "a second fetch does not make a job of it either"
    await works.ask(UpdateJob(id=job, outputs=(MP4,)))
    await works.run_once()
    assert (await works.ticket(job)).status is Status.FINISHED


@pytest.mark.parametrize("status", STATES)
async def test_what_goes_on_can_be_cancelled(works: Any, status: Status, everything: Any) -> None:
    job = await works.in_state(status, notifications=everything)
    before = await works.letters(job)
    if status in (Status.FINISHED, Status.FAILED, Status.CANCELLED):
        with pytest.raises(Conflict):
            await works.ask(CancelJob(id=job))
        return
    ticket = await works.ask(CancelJob(id=job))
    assert (ticket.status, ticket.finished, ticket.left) == (Status.CANCELLED, works.clock.now(), 0)
    assert [made.status for made in ticket.outputs] == [Status.CANCELLED]
    assert await works.letters(job) == [*before, "cancelled 100 unknown"]
    assert works.craft.log == ["clear"]
    await works.run_once()
    assert (await works.ticket(job)).status is Status.CANCELLED


@pytest.mark.parametrize("keep_saved", [True, False])
async def test_a_stopped_job_with_something_saved_may_count_as_finished(
    works: Any, everything: Any, keep_saved: bool
) -> None:
    job = await works.add(DELIVERED, MP4, notifications=everything)
    works.craft.hold_at("deliver ftp://h/b")
    async with works.running():
        await works.craft.reached("deliver ftp://h/b")
        ticket = await works.ask(CancelJob(id=job, keep_saved=keep_saved))
    assert ticket.status is (Status.FINISHED if keep_saved else Status.CANCELLED)
    assert [delivery.saved for delivery in ticket.outputs[0].deliveries] == [True, False]
    assert (await works.letters(job))[-1].startswith("finished" if keep_saved else "cancelled")


async def test_nothing_saved_is_not_finished(works: Any) -> None:
    job = await works.in_state(Status.RUNNING)
    assert (await works.ask(CancelJob(id=job, keep_saved=True))).status is Status.CANCELLED


async def test_a_cancelled_job_is_left_by_its_worker_before_the_answer(works: Any) -> None:
    job = await works.add(MP4)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        await works.ask(CancelJob(id=job))
        assert works.engine.running == ()
    assert (await works.ticket(job)).status is Status.CANCELLED


@pytest.mark.parametrize("status", STATES)
async def test_a_deleted_job_is_gone_for_its_account(works: Any, status: Status) -> None:
    job = await works.in_state(status)
    done = await works.ask(DeleteJobs(ids=(job,)))
    assert done.names == (job,)
    assert works.craft.log == ["clear", "discard"]
    for verb in (GetJob(id=job), CancelJob(id=job), RetryJob(id=job), StartJob(id=job), DeleteJobs(ids=(job,))):
        with pytest.raises(NotFound):
            await works.ask(verb)
    assert (await works.ask(ListJobs())).total == 0
    (ticket,) = await works.ask(GetJobs(ids=(job,)))
    assert ticket.deleted == works.clock.now()
    await works.run_once()
    assert works.craft.log == ["clear", "discard"]


async def test_several_are_deleted_together_or_not_at_all(works: Any) -> None:
    first, second = await works.add(MP4), await works.add(MP4)
    with pytest.raises(NotFound):
        await works.ask(DeleteJobs(ids=(first, "nope")))
    assert (await works.ask(GetJob(id=first))).deleted is None
    await works.ask(DeleteJobs(ids=(first, second, first)))
    assert (await works.ask(ListJobs())).total == 0


# --- at the same time -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [UpdateJob, CancelJob, RetryJob, StartJob])
async def test_every_verb_needs_a_job_of_the_account(works: Any, verb: Any) -> None:
    job = await works.add(MP4)
    more = {"outputs": (MP4,)} if verb is UpdateJob else {}
    for account, job_id in (("bob", job), ("ann", "nope")):
        with pytest.raises(NotFound) as caught:
            await works.ask(verb(id=job_id, **more), account)
        assert caught.value.data == {"kind": "job", "id": job_id}
    assert (await works.ticket(job)).revision == 0


async def test_verbs_on_one_job_take_turns(works: Any) -> None:
    job = await works.add(MP4)
    async with works.running():
        answers = await asyncio.gather(
            works.ask(UpdateJob(id=job, outputs=(WEBM,))),
            works.ask(RetryJob(id=job)),
            works.ask(UpdateJob(id=job, outputs=(MP4, WEBM))),
            works.ask(CancelJob(id=job)),
            return_exceptions=True,
        )
        tickets = [answer for answer in answers if isinstance(answer, Ticket)]
        assert all(isinstance(answer, (Ticket, Conflict)) for answer in answers)
    assert len({ticket.revision for ticket in tickets}) == len(tickets)
    ended = await works.ticket(job)
    assert ended.status is Status.CANCELLED or isinstance(answers[3], Conflict)


async def test_a_verb_whose_change_fails_puts_the_work_back(works: Any, monkeypatch: Any) -> None:
    job = await works.add(MP4)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        monkeypatch.setattr(works.toy, "output_ids", replace(works.toy.output_ids, counter="\ud800"), raising=False)
        with pytest.raises(UnicodeEncodeError):
            await works.ask(UpdateJob(id=job, outputs=(MP4,)))
        works.craft.hold_at("make").set()
        ticket = await works.until(job, lambda ticket: ticket.status is Status.FINISHED)
    assert [made.id for made in ticket.outputs] == ["900"]
