"""Hearsay: what an answer that was meant for somebody else says of a job, read as if we had asked ourselves. Pure.

The provider's own client reads it. Where it would have asked more than the one question, a rehearsal answers the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from mediaglot.gateway.backends.submission import theirs
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Errand, Glimpse, Placed
from mediaglot.gateway.exchange import CreateJob, Response
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Job, Status
from mediaglot.gateway.rehearsal import MOST
from mediaglot.gateway.translation import client_of, entered, stage


def created(dialect: Dialect, job: Job, response: Response) -> Placed | None:
    """The ids of a job, by the answer to the request that created it; None for a refusal, and what can't be read."""
    for client in _clients(dialect):
        found = _told(dialect, client.create(entered(dialect), theirs(job), Ledger()), response)
        if found is not None:
            return found
    return None


def seen(dialect: Dialect, job_id: str, response: Response) -> Glimpse | None:
    """What an answer says of one job, or None."""
    for client in _clients(dialect):
        try:
            glimpse = client.overhear(response, Placed(id=job_id))
        except Fault:
            continue
        if glimpse.status is not Status.UNKNOWN and glimpse.id in ("", job_id):
            return glimpse
    return None


def _clients(dialect: Dialect) -> Iterator[Client]:
    """One for each way to write requests: nobody knows yet which the answer goes with."""
    knobs = {} if dialect.client is None else dialect.client.knobs
    fixed = {name: knob.values for name, knob in knobs.items() if not knob.free}
    for values in itertools.product(*fixed.values()) if dialect.client else ():
        yield client_of(dialect, dict(zip(fixed, values, strict=True)))


def _told(dialect: Dialect, errand: Errand[Placed], response: Response) -> Placed | None:
    """What the errand comes to when the request that creates a job gets this answer."""
    rehearsal = stage(dialect).again()
    try:
        request = next(errand)
        for _ in range(MOST):
            ours = isinstance(rehearsal.read(request)[1], CreateJob)
            request = errand.send(response if ours else rehearsal.answer(request))
    except StopIteration as end:
        found: Placed = end.value
        return found
    except Fault:
        return None
    errand.close()
    return None
