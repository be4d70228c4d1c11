"""The pure changes of a shift: what each phase does to a ticket and its outputs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from mediaglot.gateway.backends import step
from mediaglot.gateway.faults import Conflict, DeliveryFailed, Killed, UnknownEncoder
from mediaglot.gateway.loss import Kind, Loss
from mediaglot.gateway.model import Delivery, File, Location, MediaFacts, Phase, Source, Status, Ticket

FACTS = MediaFacts(container="mov", size=5)
FILES = (File(path="a.mp4", size=5),)


@pytest.fixture
def fresh(ticket: Ticket) -> Ticket:
    places = tuple(Delivery(location=Location(url=f"ftp://h/{name}")) for name in "ab")
    outputs = (replace(ticket.outputs[0], deliveries=places), ticket.outputs[1])
    return replace(ticket, sources=(Source(id="0"),), outputs=outputs)


def encoding(ticket: Ticket) -> Ticket:
    now = ticket.created
    ticket = step.begin(ticket, now, attempt=1)
    ticket = step.fetched(ticket, now, sizes=[5])
    return step.begin_encoding(step.probed(ticket, now, sizes=[5], facts=[FACTS]), now)


def test_the_way_of_a_job_that_goes_well(fresh: Ticket) -> None:
    now = fresh.created + timedelta(seconds=1)
    ticket = step.begin_storing(encoding(fresh), now)
    for index in range(2):
        if index == 0:
            for number in range(2):
                ticket = step.delivered(ticket, now, index=0, number=number, files=FILES, fault=None)
        ticket = step.finish_output(ticket, now, index=index, files=FILES)
    done = step.finish(ticket, now)
    assert [(entry.status, entry.phase) for entry in done.history] == [
        (Status.RUNNING, Phase.FETCHING),
        (Status.RUNNING, Phase.PROBING),
        (Status.RUNNING, Phase.ENCODING),
        (Status.RUNNING, Phase.STORING),
        (Status.FINISHED, None),
    ]
    assert done.sources == (Source(id="0", size=5, facts=FACTS),)
    assert [made.status for made in done.outputs] == [Status.FINISHED, Status.FINISHED]
    assert (done.progress, done.left, done.stored, done.finished, done.attempt) == (1, 0, now, now, 1)
    assert [made.files for made in done.outputs] == [FILES, FILES]


def test_the_start_of_a_first_run_stays(fresh: Ticket) -> None:
    first = step.begin(fresh, fresh.created, attempt=1)
    again = step.begin(step.back(first, fresh.created), fresh.created + timedelta(hours=1), attempt=2)
    assert (again.started, again.attempt) == (fresh.created, 2)


def test_an_output_with_a_failed_delivery_has_failed(fresh: Ticket) -> None:
    now = fresh.created
    ticket = step.begin_storing(encoding(fresh), now)
    ticket = step.delivered(ticket, now, index=0, number=0, files=FILES, fault=DeliveryFailed(reason="full"))
    assert ticket.stored is None
    ticket = step.delivered(ticket, now, index=0, number=1, files=FILES, fault=None)
    ticket = step.finish_output(ticket, now, index=0, files=FILES)
    made = ticket.outputs[0]
    assert [delivery.saved for delivery in made.deliveries] == [False, True]
    assert made.status is Status.FAILED
    assert made.trouble == DeliveryFailed(reason="full").trouble()
    assert ticket.stored == now


def test_one_lost_output_fails_the_job_and_leaves_the_other(fresh: Ticket) -> None:
    now = fresh.created
    ticket = step.lose_output(step.begin_storing(encoding(fresh), now), now, index=0, fault=UnknownEncoder(codec="x"))
    done = step.finish(step.finish_output(ticket, now, index=1, files=FILES), now)
    assert [made.status for made in done.outputs] == [Status.FAILED, Status.FINISHED]
    assert (done.status, done.trouble) == (Status.FAILED, UnknownEncoder(codec="x").trouble())


def test_a_lost_output_got_no_further_than_it_had_come(fresh: Ticket) -> None:
    now = fresh.created
    ticket = step.progressed(encoding(fresh), Phase.ENCODING, 0.25, None)
    ticket = step.begin_storing(ticket, now, lost={0})
    ticket = step.lose_output(ticket, now, index=0, fault=UnknownEncoder(codec="x"))
    assert [made.progress for made in ticket.outputs] == [Fraction(1, 4), 1]


def test_what_is_lost_of_a_source_is_told_once_beside_what_was_lost_before(fresh: Ticket) -> None:
    read = Loss(kind=Kind.UNREAD, path="x")
    damage = Loss(kind=Kind.APPROXIMATED, path="inputs.0", wanted="4 s", got="3 s")
    ticket = replace(encoding(fresh), losses=(read,))
    for _ in range(2):
        ticket = step.begin_storing(ticket, fresh.created, losses=[damage, damage])
    assert ticket.losses == (read, damage)


def test_outputs_that_have_ended_are_not_begun_again(fresh: Ticket) -> None:
    ended = replace(fresh, outputs=(replace(fresh.outputs[0], status=Status.FINISHED), fresh.outputs[1]))
    assert [made.status for made in encoding(ended).outputs] == [Status.FINISHED, Status.RUNNING]
    assert [made.status for made in step.back(encoding(ended), fresh.created).outputs] == [
        Status.FINISHED,
        Status.QUEUED,
    ]


@pytest.mark.parametrize(("fetched", "phase"), [(False, None), (True, Phase.WAITING)])
def test_back_in_the_queue_it_waits_where_it_was(fresh: Ticket, fetched: bool, phase: Phase | None) -> None:
    ticket = step.begin(fresh, fresh.created, attempt=1)
    if fetched:
        ticket = step.fetched(ticket, fresh.created, sizes=[1])
    assert (step.back(ticket, fresh.created).status, step.back(ticket, fresh.created).phase) == (Status.QUEUED, phase)


def test_a_failed_job_says_why(fresh: Ticket) -> None:
    failed = step.fail(encoding(fresh), fresh.created, fault=Killed(signal=9))
    assert (failed.status, failed.trouble, failed.finished) == (
        Status.FAILED,
        Killed(signal=9).trouble(),
        fresh.created,
    )
    with pytest.raises(Conflict):
        step.finish(replace(fresh, status=Status.CANCELLED), fresh.created)


def test_a_held_job_has_nothing_left(fresh: Ticket) -> None:
    held = step.hold(replace(step.begin(fresh, fresh.created, attempt=1), left=4), fresh.created)
    assert (held.status, held.phase, held.left) == (Status.HELD, None, None)


# --- progress ---------------------------------------------------------------------------------------


def test_progress_is_of_its_phase_and_never_goes_back(fresh: Ticket) -> None:
    ticket = encoding(fresh)
    half = step.progressed(ticket, Phase.ENCODING, 0.5, 7.4)
    assert (half.phase_progress, half.progress) == (Fraction(1, 2), Fraction(1, 2))
    assert (half.left, half.phase_left, half.revision) == (7, 7, ticket.revision + 1)
    assert [made.progress for made in half.outputs] == [Fraction(1, 2)] * 2
    back = step.progressed(half, Phase.ENCODING, 0.25, None)
    assert (back.phase_progress, back.progress, back.left) == (half.phase_progress, half.progress, 7)


@pytest.mark.parametrize("share", [-1.0, 0.0, 1.0, 99.0])
def test_wild_reports_stay_within_bounds(fresh: Ticket, share: float) -> None:
    after = step.progressed(encoding(fresh), Phase.ENCODING, share, None)
    assert 0 <= after.phase_progress <= 1
    assert Fraction(5, 100) <= after.progress <= Fraction(95, 100)


def test_the_whole_grows_over_all_phases(fresh: Ticket) -> None:
    now, seen = fresh.created, []
    ticket = step.begin(fresh, now, attempt=1)
    for phase in (Phase.FETCHING, Phase.ENCODING, Phase.STORING):
        if phase is Phase.ENCODING:
            ticket = step.begin_encoding(step.fetched(ticket, now, sizes=[1]), now)
        if phase is Phase.STORING:
            ticket = step.begin_storing(ticket, now)
        for share in (0.0, 0.3, 1.0):
            ticket = step.progressed(ticket, phase, share, None)
            seen.append(ticket.progress)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_a_report_of_another_phase_or_a_job_that_stopped_is_ignored(fresh: Ticket) -> None:
    ticket = encoding(fresh)
    assert step.progressed(ticket, Phase.FETCHING, 0.9, 1) is ticket
    ended = replace(ticket, status=Status.CANCELLED)
    assert step.progressed(ended, Phase.ENCODING, 0.9, 1) is ended
