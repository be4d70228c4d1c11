"""The desk's pure rules: what may be done with a ticket, and what becomes of its outputs then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from mediaglot.gateway import exchange, life
from mediaglot.gateway.faults import Conflict, Fault, NotFound
from mediaglot.gateway.model import TERMINAL, Made, Output, Status, Ticket
from mediaglot.gateway.model.change import replace


def visible(ticket: Ticket | None, job_id: str) -> Ticket:
    if ticket is None or ticket.deleted is not None:
        raise NotFound(kind="job", id=job_id)
    return ticket


def startable(ticket: Ticket) -> None:
    if ticket.status is not Status.HELD or not ticket.job.outputs:
        raise Conflict(kind="job", id=ticket.id, state=ticket.status.value)


def fail_refused(outputs: tuple[Made, ...], refused: Mapping[int, Fault], now: datetime) -> tuple[Made, ...]:
    return tuple(
        _refused(made, refused[index], now) if index in refused else made for index, made in enumerate(outputs)
    )


def _refused(made: Made, fault: Fault, now: datetime) -> Made:
    """Failed from the start; a destination that is to blame says so too."""
    trouble, blamed = fault.trouble(), fault.data.get("destination")
    deliveries = tuple(
        replace(delivery, trouble=trouble, finished=now) if number == blamed else delivery
        for number, delivery in enumerate(made.deliveries)
    )
    return life.fail_output(replace(made, deliveries=deliveries), trouble, now)


def stopped(made: Made, now: datetime) -> Made:
    return made if made.status in TERMINAL else life.move_output(made, Status.CANCELLED, now, finished=now)


def fresh(made: Made, output: Output, now: datetime) -> Made:
    clean: dict[str, Any] = {"trouble": None, "files": (), "finished": None, "started": None, "progress": Fraction(0)}
    return life.move_output(made, Status.QUEUED, now, deliveries=life.undelivered(output), **clean)


def chosen(ticket: Ticket, intent: exchange.RetryJob) -> frozenset[int]:
    """The outputs to run again. Raises NotFound for an output that is not there, Conflict where none has failed."""
    indices = range(len(ticket.outputs))
    if intent.ended and ticket.status not in TERMINAL:
        raise Conflict(kind="job", id=ticket.id, state=ticket.status.value)
    if intent.output_id is not None:
        found = frozenset(index for index in indices if ticket.outputs[index].id == intent.output_id)
        if not found:
            raise NotFound(kind="output", id=intent.output_id)
        return found
    if intent.failed_only:
        failed = frozenset(index for index in indices if ticket.outputs[index].status is Status.FAILED)
        if not failed and ticket.status is not Status.FAILED:
            raise Conflict(kind="job", id=ticket.id, state=ticket.status.value)
        return failed or frozenset(indices)
    return frozenset(indices)
