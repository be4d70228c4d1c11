"""The life of a ticket: every move that is allowed, every one that is not, and what each writes down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import product

import pytest

from mediaglot.gateway.faults import Conflict
from mediaglot.gateway.life import change, fail_output, move, move_output
from mediaglot.gateway.model import TERMINAL, Made, Phase, Status, Step, Ticket, Trouble

ALLOWED = """
    queued: running held finished failed cancelled
    held: queued cancelled failed
    running: queued held finished failed cancelled
    finished: queued
    failed: queued cancelled
    cancelled: queued
    unknown: held queued running finished failed cancelled unknown
"""
MOVES = {
    (Status(start), Status(end))
    for start, _, ends in (line.strip().partition(": ") for line in ALLOWED.strip().splitlines())
    for end in ends.split()
}


@pytest.mark.parametrize(("start", "end"), sorted(product(Status, Status)))
def test_every_move_is_allowed_or_a_conflict(ticket: Ticket, start: Status, end: Status) -> None:
    later = ticket.created + timedelta(seconds=5)
    before = replace(ticket, status=start)
    if start is end or (start, end) in MOVES:
        after = move(before, end, later)
        assert (after.status, after.revision, after.updated) == (end, 1, later)
    else:
        with pytest.raises(Conflict) as caught:
            move(before, end, later)
        assert caught.value.data == {"kind": "job", "id": "7", "state": start.value}


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_what_has_ended_can_only_begin_again(status: Status) -> None:
    reachable = {end for start, end in MOVES if start is status}
    assert Status.QUEUED in reachable
    assert not reachable & {Status.RUNNING, Status.FINISHED, Status.HELD}


def test_a_move_writes_history_and_what_was_before(ticket: Ticket) -> None:
    first = ticket.created + timedelta(seconds=1)
    running = move(ticket, Status.RUNNING, first, phase=Phase.FETCHING, started=first)
    encoding = move(running, Status.RUNNING, first + timedelta(seconds=1), phase=Phase.ENCODING)
    assert running.previous == (Status.QUEUED, None)
    assert encoding.previous == (Status.RUNNING, Phase.FETCHING)
    assert encoding.history == (
        Step(at=first, status=Status.RUNNING, phase=Phase.FETCHING),
        Step(at=first + timedelta(seconds=1), status=Status.RUNNING, phase=Phase.ENCODING),
    )
    assert (encoding.revision, encoding.started) == (2, first)


def test_a_new_phase_starts_at_nothing_and_the_whole_goes_on(ticket: Ticket) -> None:
    far = replace(
        ticket,
        status=Status.RUNNING,
        phase=Phase.FETCHING,
        phase_progress=Fraction(1),
        phase_left=3,
        progress=Fraction(1, 2),
    )
    after = move(far, Status.RUNNING, ticket.created, phase=Phase.ENCODING)
    assert (after.phase_progress, after.phase_left, after.progress) == (0, None, Fraction(1, 2))


def test_staying_put_is_a_revision_without_history(ticket: Ticket) -> None:
    after = move(ticket, Status.QUEUED, ticket.created, left=9)
    assert (after.history, after.previous, after.revision, after.left) == ((), None, 1, 9)


def test_a_change_keeps_the_status_and_counts(ticket: Ticket) -> None:
    after = change(change(ticket, ticket.created), ticket.created, left=4)
    assert (after.revision, after.status, after.left) == (2, Status.QUEUED, 4)
    assert ticket.revision == 0


def test_outputs_move_freely_and_remember_their_way(ticket: Ticket) -> None:
    made = Made(id="1", status=Status.FINISHED)
    again = move_output(made, Status.RUNNING, ticket.created, phase=Phase.ENCODING, progress=Fraction(1, 2))
    assert again.history == (Step(at=ticket.created, status=Status.RUNNING, phase=Phase.ENCODING),)
    assert move_output(again, Status.RUNNING, ticket.created, phase=Phase.ENCODING).history == again.history


def test_a_failed_output_says_why_and_when(ticket: Ticket) -> None:
    trouble = Trouble(code="killed")
    made = fail_output(Made(id="1"), trouble, ticket.created)
    assert (made.status, made.trouble, made.finished) == (Status.FAILED, trouble, ticket.created)
