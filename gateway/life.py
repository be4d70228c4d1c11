"""The life of a ticket: one table of allowed moves, and the pure functions that make them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from mediaglot.gateway.faults import Conflict
from mediaglot.gateway.model import EMPTY, Delivery, Made, Output, Phase, Status, Step, Ticket, Trouble
from mediaglot.gateway.model.change import replace

MOVES: Final[dict[Status, frozenset[Status]]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.HELD, Status.FINISHED, Status.FAILED, Status.CANCELLED}),
    Status.HELD: frozenset({Status.QUEUED, Status.CANCELLED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.QUEUED, Status.HELD, Status.FINISHED, Status.FAILED, Status.CANCELLED}),
    Status.FINISHED: frozenset({Status.QUEUED}),
    Status.FAILED: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.CANCELLED: frozenset({Status.QUEUED}),
    Status.UNKNOWN: frozenset(Status),
}
OPEN: Final = frozenset({Status.QUEUED, Status.HELD, Status.RUNNING})
"""Of what is not at its end, for all that is known."""


def stoppable(ticket: Ticket, also: frozenset[Status]) -> None:
    """Raises Conflict for what is at its end, unless ``also`` this one may be."""
    if ticket.status not in OPEN | also:
        raise Conflict(kind="job", id=ticket.id, state=ticket.status.value)


def later(ticket: Ticket, now: datetime) -> datetime:
    """``now``, but never before the last change: where a clock was set back, no job shall end before it began."""
    return max(now, ticket.updated or ticket.created)


def change(ticket: Ticket, now: datetime, **changes: Any) -> Ticket:
    """The next revision with ``changes``, status untouched."""
    return replace(ticket, revision=ticket.revision + 1, updated=now, **changes)


def move(ticket: Ticket, status: Status, now: datetime, *, phase: Phase | None = None, **changes: Any) -> Ticket:
    """The next revision in ``status`` and ``phase``. Raises Conflict where the table has no such move."""
    if status is not ticket.status and status not in MOVES[ticket.status]:
        raise Conflict(kind="job", id=ticket.id, state=ticket.status.value)
    if (status, phase) == (ticket.status, ticket.phase):
        return change(ticket, now, **changes)
    return change(
        ticket,
        now,
        status=status,
        phase=phase,
        previous=(ticket.status, ticket.phase),
        history=(*ticket.history, Step(at=now, status=status, phase=phase)),
        **{"phase_progress": Fraction(0), "phase_left": None, **changes},
    )


def waiting(output: Output, made_id: str, now: datetime, ids: Mapping[str, str] = EMPTY) -> Made:
    """An output at its beginning."""
    history = (Step(at=now, status=Status.QUEUED),)
    return Made(id=made_id, ids=ids, created=now, deliveries=undelivered(output), history=history)


def undelivered(output: Output) -> tuple[Delivery, ...]:
    return tuple(Delivery(location=location) for location in output.destinations)


def move_output(made: Made, status: Status, now: datetime, *, phase: Phase | None = None, **changes: Any) -> Made:
    """The same for one output; outputs follow their ticket, so every move is allowed."""
    if (status, phase) == (made.status, made.phase):
        return replace(made, **changes)
    return replace(
        made, status=status, phase=phase, history=(*made.history, Step(at=now, status=status, phase=phase)), **changes
    )


def fail_output(made: Made, trouble: Trouble, now: datetime) -> Made:
    return move_output(made, Status.FAILED, now, trouble=trouble, finished=now)
