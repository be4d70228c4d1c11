"""A shift: a job's way through its phases, and what it leaves behind wherever it stops."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import exchange
from mediaglot.gateway.backends import step
from mediaglot.gateway.faults import DeliveryFailed, EncodingFailed, Killed, SourceMissing, SourceUnreadable
from mediaglot.gateway.model import Event, Location, Notification, Output, Phase, Status
from mediaglot.gateway.store import Key, Work
from mediaglot.gateway.store.transaction import SqliteTransaction

MP4 = Output(container="mp4")
TO_A = Location(url="ftp://h/a")
TO_B = Location(url="ftp://h/b")
DELIVERED = Output(container="mp4", destinations=(TO_A, TO_B))


async def test_a_job_goes_through_every_phase_to_its_end(works: Any, everything: tuple[Notification, ...]) -> None:
    job = await works.add(MP4, DELIVERED, notifications=everything)
    await works.clock.advance(5)
    await works.run_once()
    ticket = await works.ticket(job)
    assert ticket.status is Status.FINISHED
    assert [entry.phase for entry in ticket.history[:-1]] == [
        Phase.FETCHING,
        Phase.PROBING,
        Phase.ENCODING,
        Phase.STORING,
    ]
    assert [made.status for made in ticket.outputs] == [Status.FINISHED, Status.FINISHED]
    assert ticket.outputs[0].files[0].path == "kept/0.mp4"
    assert [delivery.saved for delivery in ticket.outputs[1].deliveries] == [True, True]
    assert (ticket.sources[0].size, ticket.progress, ticket.started) == (1000, 1, works.clock.now())
    assert works.craft.log == [
        "fetch",
        "probe",
        "make",
        "measure",
        "keep",
        "deliver ftp://h/a",
        "deliver ftp://h/b",
        "clear",
    ]
    assert await works.letters(job) == [
        "queued 100 waiting",
        "started 100 working",
        "delivered 100 working 901",
        "delivered 100 working 901",
        "finished 100 done",
    ]


@pytest.mark.parametrize(
    ("place", "fault", "kept"),
    [
        ("fetch", SourceMissing(status=404), Status.QUEUED),
        ("probe", SourceUnreadable(), Status.QUEUED),
        ("make", Killed(signal=9), Status.FAILED),
    ],
)
async def test_a_fault_ends_the_job_and_is_told(
    works: Any, everything: tuple[Notification, ...], place: str, fault: Any, kept: Status
) -> None:
    job = await works.add(MP4, notifications=everything)
    works.craft.failing[place] = fault
    await works.run_once()
    ticket = await works.ticket(job)
    assert (ticket.status, ticket.trouble, ticket.finished) == (Status.FAILED, fault.trouble(), works.clock.now())
    assert ticket.outputs[0].status is kept
    lost = ["output_failed 100 broken 900"] if kept is Status.FAILED else []
    assert (await works.letters(job))[2:] == [*lost, "failed 100 broken"]
    assert works.craft.log[-1] == "clear"
    assert await works.store.queue() == ()


async def test_a_mistake_of_ours_is_logged_and_stored_without_its_words(
    works: Any, caplog: pytest.LogCaptureFixture
) -> None:
    job = await works.add(MP4)
    works.craft.failing["make"] = ZeroDivisionError("secret detail")
    with caplog.at_level(logging.ERROR):
        await works.run_once()
    ticket = await works.ticket(job)
    assert ticket.status is Status.FAILED
    assert ticket.trouble is not None
    assert (ticket.trouble.code, "secret detail" in str(ticket.trouble)) == ("internal", False)
    assert "ZeroDivisionError" in caplog.text


async def test_one_output_that_fails_does_not_lose_the_others(works: Any, everything: Any) -> None:
    job = await works.add(MP4, MP4, MP4, notifications=everything)
    works.craft.lost[1] = EncodingFailed()
    await works.run_once()
    ticket = await works.ticket(job)
    assert [made.status for made in ticket.outputs] == [Status.FINISHED, Status.FAILED, Status.FINISHED]
    assert ticket.outputs[1].trouble == EncodingFailed().trouble()
    assert (ticket.status, ticket.trouble) == (Status.FAILED, EncodingFailed().trouble())
    assert (await works.letters(job))[2:] == ["output_failed 100 working 901", "failed 100 broken"]


async def test_one_delivery_that_fails_fails_its_output_only(works: Any, everything: Any) -> None:
    job = await works.add(DELIVERED, MP4, notifications=everything)
    works.craft.failing["deliver ftp://h/a"] = DeliveryFailed(reason="full")
    await works.run_once()
    ticket = await works.ticket(job)
    first = ticket.outputs[0]
    assert [(delivery.saved, delivery.trouble) for delivery in first.deliveries] == [
        (False, DeliveryFailed(reason="full").trouble()),
        (True, None),
    ]
    assert [made.status for made in ticket.outputs] == [Status.FAILED, Status.FINISHED]
    assert ticket.stored is not None
    letters = await works.letters(job)
    assert [letter for letter in letters if "output_failed" in letter] == ["output_failed 100 working 900"]


async def test_a_held_job_stops_after_probing_and_says_that_it_is_ready(works: Any, everything: Any) -> None:
    job = await works.add(MP4, hold=True, notifications=everything)
    await works.run_once()
    ticket = await works.ticket(job)
    assert (ticket.status, ticket.phase) == (Status.HELD, None)
    assert ticket.sources[0].facts is not None
    assert works.craft.log == ["fetch", "probe"]
    assert (await works.letters(job))[-1] == "ready 100 held"
    assert await works.store.queue() == ()


async def test_a_job_that_is_to_be_held_is_fetched_until_it_may_be_let_go(works: Any) -> None:
    """Encoding.com calls it ready from the next phase on, and clients let it go when they read that."""
    job = await works.add(MP4, hold=True)
    probed, working = works.craft.hold_at("probe"), asyncio.create_task(works.run_once())
    await works.craft.reached("probe")
    assert (await works.ticket(job)).phase is Phase.FETCHING
    probed.set()
    await working
    assert [(entry.status, entry.phase) for entry in (await works.ticket(job)).history[-2:]] == [
        (Status.RUNNING, Phase.FETCHING),
        (Status.HELD, None),
    ]


@pytest.mark.parametrize("status", [Status.FINISHED, Status.FAILED, Status.CANCELLED, Status.HELD])
async def test_work_for_a_ticket_that_wants_none_does_nothing(works: Any, status: Status) -> None:
    job = await works.add(MP4)
    async with works.store.write() as tx:
        await tx.put(replace(await works.ticket(job), status=status))
    await works.shift.work(Work(key=works.key(job), attempt=1))
    assert works.craft.log == []
    await works.shift.work(Work(key=works.key("no-such"), attempt=1))


async def test_an_interrupted_shift_leaves_the_ticket_and_the_next_one_goes_on(works: Any) -> None:
    job = await works.add(MP4, DELIVERED)
    works.craft.hold_at("deliver ftp://h/b")
    async with works.store.write() as tx:
        work = await tx.claim()
    running = asyncio.create_task(works.shift.work(work))
    await works.craft.reached("deliver ftp://h/b")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    ticket = await works.ticket(job)
    assert (ticket.status, ticket.phase) == (Status.RUNNING, Phase.STORING)
    assert [made.status for made in ticket.outputs] == [Status.FINISHED, Status.RUNNING]

    assert await works.shift.recover() == 1
    ticket = await works.ticket(job)
    assert (ticket.status, ticket.phase) == (Status.QUEUED, Phase.WAITING)
    works.craft.hold_at("deliver ftp://h/b").set()
    async with works.store.write() as tx:
        await tx.release_all()
    works.craft.log.clear()
    await works.run_once()
    assert (await works.ticket(job)).status is Status.FINISHED
    assert works.craft.wanted[-1] == {1}, "what is done stays done"
    assert "deliver ftp://h/a" not in works.craft.log, "what is delivered is not delivered again"


async def test_recovery_touches_only_what_was_running(works: Any) -> None:
    waiting, held = await works.add(MP4), await works.add(MP4, hold=True)
    async with works.store.write() as tx:
        await tx.put(step.hold(step.begin(await works.ticket(held), works.clock.now(), attempt=1), works.clock.now()))
    before = [await works.ticket(job) for job in (waiting, held)]
    live = {ticket.ids["folder"] for ticket in before}
    works.craft.folders = {*live, "of-a-job-that-is-gone"}
    assert await works.shift.recover() == 0
    assert works.craft.folders == live, "what belongs to jobs that go on is spared"
    assert [await works.ticket(job) for job in (waiting, held)] == before


async def test_recovery_does_not_look_at_jobs_that_just_wait(works: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be very many."""
    waiting = [await works.add(MP4) for _ in range(3)]
    running = await works.add(MP4)
    async with works.store.write() as tx:
        await tx.put(step.begin(await works.ticket(running), works.clock.now(), attempt=1))
    works.craft.folders = {(await works.ticket(running)).ids["folder"]}
    seen, get = [], works.store.get

    async def watched(key: Key) -> Any:
        seen.append(key)
        return await get(key)

    monkeypatch.setattr(works.store, "get", watched)
    assert await works.shift.recover() == 1
    assert {*seen} == {works.key(running)}
    works.craft.folders = {(await works.ticket(waiting[1])).ids["folder"]}
    seen.clear()
    await works.shift.recover()
    assert [key.id for key in seen] == waiting[:2], "no further than to whom it belongs"
    assert len(works.craft.folders) == 1


async def test_a_job_that_was_not_begun_can_not_be_why_the_process_died(works: Any) -> None:
    job = await works.add(MP4)
    for _ in range(5):
        async with works.store.write() as tx:
            work = await tx.claim()
        await works.shift.recover()
    assert [work.attempt for work in await works.store.queue()] == [0]
    for _ in range(2):
        async with works.store.write() as tx:
            work = await tx.claim()
            await tx.put(step.begin(await works.ticket(job), works.clock.now(), attempt=work.attempt))
        await works.shift.recover()
    assert [work.attempt for work in await works.store.queue()] == [2], "else it would take it down for ever"


async def test_a_job_that_is_made_elsewhere_can_not_be_why_the_process_died_either(works: Any) -> None:
    """It may come back here, and has all its attempts then."""
    job = await works.add(MP4)
    works.craft.needs[job] = None
    for _ in range(5):
        async with works.store.write() as tx:
            work = await tx.claim()
            await tx.put(step.begin(await works.ticket(job), works.clock.now(), attempt=work.attempt))
        await works.shift.recover()
    assert [work.attempt for work in await works.store.queue()] == [0]


async def test_a_job_whose_change_died_with_the_process_goes_on(works: Any) -> None:
    """To be changed it is taken out of the queue; when its worker has let go, the change is written down."""
    job, waiting = await works.add(MP4), await works.add(MP4)
    works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        assert await works.engine.cancel(works.key(job))
    async with works.store.write() as tx:
        await tx.unqueue(works.key(waiting))
    assert await works.store.queue() == ()
    works.craft.hold_at("make").set()
    passed = replace(await works.ticket(waiting), id="passed", ids={"folder": "f", "passed": "elsewhere"})
    async with works.store.write() as tx:
        await tx.add(passed)
    await works.shift.recover()
    assert {work.key.id for work in await works.store.queue()} == {job, waiting}, "others do what is passed on"
    await works.run_once()
    assert [(await works.ticket(name)).status for name in (job, waiting)] == [Status.FINISHED] * 2


async def test_progress_is_seen_at_once_and_written_with_the_next_step(works: Any) -> None:
    works.craft.reports["make"] = (0.5, 12.0)
    job = await works.add(MP4)
    gate = works.craft.hold_at("make")
    async with works.store.write() as tx:
        work = await tx.claim()
    running = asyncio.create_task(works.shift.work(work))
    await works.craft.reached("make")
    seen = works.store.peek(works.key(job))
    assert (seen.phase_progress, seen.progress, seen.left) == (Fraction(1, 2), Fraction(1, 2), 12)
    assert seen.outputs[0].progress == Fraction(1, 2)
    gate.set()
    await running
    assert (await works.ticket(job)).progress == 1


async def test_time_left_is_estimated_from_the_time_passed(works: Any) -> None:
    job = await works.add(MP4)
    async with works.store.write() as tx:
        await tx.put(step.begin(await works.ticket(job), works.clock.now(), attempt=1))
    report = works.shift._reporter(works.key(job), Phase.FETCHING, 1, 2)
    await works.clock.advance(30)
    report(0.25)
    seen = works.store.peek(works.key(job))
    assert (seen.phase_progress, seen.left) == (Fraction(625, 1000), 90)


async def test_the_end_of_work_that_has_a_new_owner_is_not_written(works: Any) -> None:
    job = await works.add(MP4)
    async with works.store.write() as tx:
        old = await tx.claim()
    async with works.store.write() as tx:
        await tx.enqueue(Work(key=works.key(job)))
    await works.shift.work(old)
    assert (await works.ticket(job)).status is Status.RUNNING
    async with works.store.write() as tx:
        await tx.release(old)
    await works.run_once()
    assert (await works.ticket(job)).status is Status.FINISHED


async def test_a_job_that_takes_its_worker_down_is_given_up(
    works: Any, everything: Any, caplog: pytest.LogCaptureFixture
) -> None:
    job = await works.add(MP4, notifications=everything)
    async with works.store.write() as tx:
        work = await tx.claim()
    await works.shift.give_up(work, None)
    assert f"job {job} of toy is given up" in caplog.text
    ticket = await works.ticket(job)
    assert (ticket.status, ticket.trouble.code) == (Status.FAILED, "internal")
    assert (await works.letters(job))[-1] == "failed 100 broken"


async def test_a_job_that_is_made_elsewhere_goes_on_however_often_its_worker_died(works: Any) -> None:
    job = await works.add(MP4)
    works.craft.needs[job] = None
    async with works.store.write() as tx:
        work = await tx.claim()
    await works.shift.give_up(work, None)
    assert (await works.ticket(job)).status is Status.FINISHED


async def test_a_dialect_without_words_does_not_keep_a_job_from_its_end(
    works: Any, everything: Any, caplog: pytest.LogCaptureFixture
) -> None:
    works.toy.explodes = True
    job = await works.add(MP4, notifications=everything)
    await works.run_once()
    assert (await works.ticket(job)).status is Status.FINISHED
    assert await works.letters(job) == []
    assert "no message about finished" in caplog.text


async def test_a_letter_is_posted_with_the_change_or_not_at_all(works: Any, everything: Any, monkeypatch: Any) -> None:
    job = await works.add(MP4, notifications=everything)
    plain, before = SqliteTransaction.post, await works.letters(job)

    async def post(self: Any, letter: Any) -> Any:
        if letter.event == "started":
            raise OSError("disk full")
        return await plain(self, letter)

    monkeypatch.setattr(SqliteTransaction, "post", post)
    async with works.store.write() as tx:
        work = await tx.claim()
    await works.shift.work(work)
    ticket = await works.ticket(job)
    assert Phase.FETCHING not in [entry.phase for entry in ticket.history]
    assert await works.letters(job) == [*before, "failed 100 broken"]


async def test_signs_of_life_keep_the_lease(works: Any) -> None:
    job = await works.add(MP4)
    gate = works.craft.hold_at("make")
    async with works.running():
        await works.craft.reached("make")
        for _ in range(5):
            await works.clock.advance(60)
        assert await works.engine.reap() == ()
        gate.set()
        assert (await works.until(job, lambda ticket: ticket.status is Status.FINISHED)).attempt == 1
    assert works.clock.now() - (await works.ticket(job)).created == timedelta(seconds=300)


async def test_the_standing_wishes_of_an_account_are_heard(works: Any, toy_class: type[Any]) -> None:
    def subscription(thing: exchange.Thing) -> Notification:
        return Notification(target=Location(url=thing.document["url"]), events=frozenset({Event.FINISHED}))

    works.toy.standing = "hook"
    works.toy.subscription = subscription
    for url in ({"url": "https://s/"}, {}):
        works.toy.thing_ids = {"hook": works.toy.job_ids}
        await works.ask(exchange.PutThing(kind="hook", document=url))
    mine, other = await works.add(MP4), await works.add(MP4, account="bob")
    await works.run_once()
    assert [letter.url.reveal() for letter in await works.letter_objects(mine)] == ["https://s/"]
    assert await works.store.letters(works.key(other, "bob")) == ()


async def test_a_clock_that_is_set_back_lets_no_job_end_before_it_began(works: Any) -> None:
    jobs = [await works.add(DELIVERED), await works.add(MP4)]
    made = works.craft.hold_at("make")
    await works.clock.set(works.clock.now() - timedelta(hours=1))
    await works.ask(exchange.CancelJob(id=jobs[1]))
    working = asyncio.create_task(works.run_once())
    await works.craft.reached("make")
    await works.clock.set(works.clock.now() - timedelta(days=365))
    made.set()
    await working
    for ticket in [await works.ticket(job) for job in jobs]:
        (output,) = ticket.outputs
        times = [ticket.created, ticket.started, output.created, output.started, output.finished, ticket.finished]
        assert [time for time in times if time] == sorted(time for time in times if time)
        assert [each.at for each in ticket.history] == sorted(each.at for each in ticket.history)
        assert ticket.status in (Status.FINISHED, Status.CANCELLED)
