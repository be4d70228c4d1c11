"""The witness of what is passed on: keeps a ticket of each job that answers tell of, and changes nothing of them."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace

from mediaglot.gateway import life
from mediaglot.gateway.backends import Caller, hearsay
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.errand import Glimpse, Placed
from mediaglot.gateway.exchange import CancelJob, CreateJob, GetJob, Intent, Response, RetryJob, StartJob
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.model import TERMINAL, Job, Source, Status, Ticket
from mediaglot.gateway.store import Key, Store

LOG = logging.getLogger(__name__)


class Witness:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def hear(self, provider: str, caller: Caller, intent: Intent, response: Response) -> Key | None:
        """The ticket that an answer is about, which now says what the answer does. What can't be read says nothing."""
        try:
            if isinstance(intent, CreateJob):
                return await self._begin(provider, caller, intent.job, response)
            if isinstance(intent, (GetJob, CancelJob, RetryJob, StartJob)):
                return await self._go_on(caller, intent.id, response)
        except Fault as fault:
            LOG.info("an answer of %s was passed on and not noted: %s", provider, fault.code)
        except Exception:
            LOG.exception("an answer of %s was passed on and could not be noted", provider)
        return None

    async def _begin(self, provider: str, caller: Caller, job: Job, response: Response) -> Key | None:
        placed = hearsay.created(caller.dialect, job, response)
        if placed is None:
            return None
        ticket = self._ticket(provider, caller, job, placed)
        async with self._store.write() as tx:
            await tx.add(ticket, caller.dialect.facets(ticket))
        return Key.of(ticket)

    def _ticket(self, provider: str, caller: Caller, job: Job, placed: Placed) -> Ticket:
        now = self._clock.now()
        status = Status.HELD if job.hold else Status.QUEUED
        ids = [*placed.outputs, *(f"{placed.id}.{number}" for number in range(len(job.outputs)))][: len(job.outputs)]
        made = (life.waiting(output, name, now) for name, output in zip(ids, job.outputs, strict=True))
        return Ticket(
            id=placed.id,
            account=caller.account.id,
            dialect=caller.dialect.name,
            job=job,
            created=now,
            updated=now,
            status=status,
            sources=tuple(Source(id=str(number)) for number in range(len(job.inputs))),
            outputs=tuple(made),
            ids={"folder": secrets.token_urlsafe(16), "passed": provider},
        )

    async def _go_on(self, caller: Caller, job_id: str, response: Response) -> Key | None:
        key = Key(*caller.owner, job_id)
        glimpse = hearsay.seen(caller.dialect, job_id, response)
        if glimpse is None:
            return None
        async with self._store.write() as tx:
            before = await tx.get(key)
            if before is None or "passed" not in before.ids:
                return None
            if (after := self._changed(before, glimpse)) is not None:
                await tx.put(after)
        return key

    def _changed(self, before: Ticket, glimpse: Glimpse) -> Ticket | None:
        """None where an answer says nothing new, or is older than what is known."""
        now, over = life.later(before, self._clock.now()), glimpse.status in TERMINAL
        if (before.status, before.phase, before.progress) == (glimpse.status, glimpse.phase, glimpse.progress):
            return None
        parts = dict(enumerate(glimpse.parts))
        outputs = tuple(
            life.move_output(made, part.status, now, progress=part.progress, trouble=part.trouble)
            if (part := parts.get(number)) is not None and part.status is not Status.UNKNOWN
            else made
            for number, made in enumerate(before.outputs)
        )
        moved = replace(before, status=Status.UNKNOWN) if glimpse.status is not before.status else before
        return life.move(
            moved,
            glimpse.status,
            now,
            phase=glimpse.phase,
            progress=glimpse.progress,
            trouble=glimpse.trouble,
            outputs=outputs,
            finished=(glimpse.finished or now) if over else None,
        )
