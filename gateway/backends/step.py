"""The pure changes that a shift makes to a ticket, one function a step."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from fractions import Fraction
from typing import Any, Final

from mediaglot.gateway.faults import Fault
from mediaglot.gateway.life import change, fail_output, move, move_output
from mediaglot.gateway.loss import Loss
from mediaglot.gateway.model import TERMINAL, Delivery, File, Made, MediaFacts, Phase, Status, Ticket
from mediaglot.gateway.model.change import replace

SPANS: Final = {Phase.FETCHING: (0.0, 0.05), Phase.ENCODING: (0.05, 0.95), Phase.STORING: (0.95, 1.0)}
"""Which part of a job's whole progress each phase is."""


def begin(ticket: Ticket, now: datetime, *, attempt: int) -> Ticket:
    """A job that waited with its sources there is not fetching."""
    ready = ticket.phase is Phase.WAITING and ticket.fetched is not None
    phase, started = Phase.WAITING if ready else Phase.FETCHING, ticket.started or now
    return move(ticket, Status.RUNNING, now, phase=phase, started=started, attempt=attempt)


def fetched(ticket: Ticket, now: datetime, *, sizes: list[int | None]) -> Ticket:
    sources = tuple(replace(source, size=size) for source, size in zip(ticket.sources, sizes, strict=True))
    return move(ticket, Status.RUNNING, now, phase=_probing(ticket), sources=sources, fetched=ticket.fetched or now)


def probed(ticket: Ticket, now: datetime, *, sizes: list[int | None], facts: list[MediaFacts | None]) -> Ticket:
    """With all of ``fetched``, which may have been in memory only."""
    found = zip(ticket.sources, sizes, facts, strict=True)
    sources = tuple(replace(source, size=size, facts=fact) for source, size, fact in found)
    return move(ticket, Status.RUNNING, now, phase=_probing(ticket), sources=sources, fetched=ticket.fetched or now)


def _probing(ticket: Ticket) -> Phase:
    """Providers call it ready when it is fetched; one that is to be held is when it may be let go."""
    return Phase.FETCHING if ticket.job.hold else Phase.PROBING


def hold(ticket: Ticket, now: datetime) -> Ticket:
    return move(ticket, Status.HELD, now, left=None)


def wait(ticket: Ticket, now: datetime) -> Ticket:
    return move(ticket, Status.RUNNING, now, phase=Phase.WAITING)


def begin_encoding(ticket: Ticket, now: datetime) -> Ticket:
    outputs = tuple(
        made
        if made.status in TERMINAL
        else move_output(made, Status.RUNNING, now, phase=Phase.ENCODING, started=now, queued=made.queued or now)
        for made in ticket.outputs
    )
    return move(ticket, Status.RUNNING, now, phase=Phase.ENCODING, outputs=outputs)


def begin_storing(
    ticket: Ticket, now: datetime, *, lost: Collection[int] = (), losses: Collection[Loss] = ()
) -> Ticket:
    """Encoding is over. The outputs that are ``lost`` got no further than they had come; ``losses`` are what was lost
    of the sources."""
    outputs = tuple(
        move_output(
            made, Status.RUNNING, now, phase=Phase.STORING, progress=made.progress if index in lost else Fraction(1)
        )
        if made.status is Status.RUNNING
        else made
        for index, made in enumerate(ticket.outputs)
    )
    least = max(ticket.progress, Fraction(round(SPANS[Phase.STORING][0] * 1000), 1000))
    known = tuple(dict.fromkeys((*ticket.losses, *losses)))
    return move(ticket, Status.RUNNING, now, phase=Phase.STORING, outputs=outputs, progress=least, losses=known)


def delivered(
    ticket: Ticket, now: datetime, *, index: int, number: int, files: tuple[File, ...], fault: Fault | None
) -> Ticket:
    made = ticket.outputs[index]
    before = made.deliveries[number]
    trouble = fault.trouble() if fault else None
    done = replace(before, saved=fault is None, trouble=trouble, finished=now)
    deliveries: tuple[Delivery, ...] = (*made.deliveries[:number], done, *made.deliveries[number + 1 :])
    outputs = _with(ticket, index, replace(made, deliveries=deliveries, files=files))
    return change(ticket, now, outputs=outputs, stored=now if done.saved else ticket.stored)


def finish_output(ticket: Ticket, now: datetime, *, index: int, files: tuple[File, ...]) -> Ticket:
    """An output is finished when all its deliveries are saved, and failed when one of them is not."""
    made = replace(ticket.outputs[index], files=files)
    trouble = next((delivery.trouble for delivery in made.deliveries if delivery.trouble is not None), None)
    ended = fail_output(made, trouble, now) if trouble else move_output(made, Status.FINISHED, now, finished=now)
    return change(ticket, now, outputs=_with(ticket, index, ended))


def lose_output(ticket: Ticket, now: datetime, *, index: int, fault: Fault) -> Ticket:
    return change(ticket, now, outputs=_with(ticket, index, fail_output(ticket.outputs[index], fault.trouble(), now)))


def finish(ticket: Ticket, now: datetime) -> Ticket:
    """A job with a failed output has failed, whatever became of the others."""
    lost = [made for made in ticket.outputs if made.status is Status.FAILED]
    if lost:
        return move(ticket, Status.FAILED, now, finished=now, trouble=lost[0].trouble, left=0)
    stored = ticket.stored or now
    return move(
        ticket,
        Status.FINISHED,
        now,
        finished=now,
        stored=stored,
        progress=Fraction(1),
        phase_progress=Fraction(1),
        left=0,
    )


def fail(ticket: Ticket, now: datetime, *, fault: Fault) -> Ticket:
    """What was being made fails with the job; what was not begun yet stays as it is."""
    trouble = fault.trouble()
    outputs = tuple(
        fail_output(made, trouble, now) if made.status is Status.RUNNING else made for made in ticket.outputs
    )
    return move(ticket, Status.FAILED, now, finished=now, trouble=trouble, left=0, outputs=outputs)


def back(ticket: Ticket, now: datetime) -> Ticket:
    """Interrupted: waits for its turn again."""
    outputs = tuple(interrupted(made, now) for made in ticket.outputs)
    phase = Phase.WAITING if ticket.fetched else None
    return move(ticket, Status.QUEUED, now, phase=phase, outputs=outputs)


def interrupted(made: Made, now: datetime) -> Made:
    """An output that was being made waits again; others stay as they are."""
    return move_output(made, Status.QUEUED, now, progress=Fraction(0)) if made.status is Status.RUNNING else made


def progressed(ticket: Ticket, phase: Phase, share: float, left: float | None) -> Ticket:
    """Further along in ``phase``; never back, whatever is reported."""
    if ticket.phase is not phase or ticket.status is not Status.RUNNING:
        return ticket
    here = max(ticket.phase_progress, Fraction(round(min(max(share, 0.0), 1.0) * 1000), 1000))
    low, high = SPANS[phase]
    whole = max(ticket.progress, Fraction(round((low + float(here) * (high - low)) * 1000), 1000))
    changes: dict[str, Any] = {"phase_progress": here, "progress": whole, "revision": ticket.revision + 1}
    if left is not None:
        changes |= {"phase_left": round(left), "left": round(left)}
    if phase is Phase.ENCODING:
        changes["outputs"] = tuple(
            replace(made, progress=here) if made.status is Status.RUNNING else made for made in ticket.outputs
        )
    return replace(ticket, **changes)


def _with(ticket: Ticket, index: int, made: Made) -> tuple[Made, ...]:
    return (*ticket.outputs[:index], made, *ticket.outputs[index + 1 :])
