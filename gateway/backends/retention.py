"""What becomes of what is over: results, uploads, letters and jobs are forgotten when they have been kept long enough.

Everything goes in small transactions, so that nobody waits for a great clean-up. A job that is forgotten takes along
what it would take if its client deleted it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mediaglot.gateway.backends import Craft
from mediaglot.gateway.backends.dropbox import Dropbox, erase
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.model import TERMINAL, Ticket
from mediaglot.gateway.store import Ended, Key, Store, Transaction
from mediaglot.gateway.transfer.disk import in_thread

LOG = logging.getLogger(__name__)
PERIOD: Final = 3600.0
"""Seconds between two looks at what is over, at most."""
LEAST: Final = 60.0
BATCH: Final = 20
LETTERS: Final = 500
PLACE: Final = ("", "", "retention", "results")
"""The thing that says up to where results have been thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long something is kept after its end; None is for ever."""

    jobs: timedelta | None = None
    results: timedelta | None = None
    letters: timedelta | None = None

    @property
    def shortest(self) -> timedelta | None:
        return min((one for one in (self.jobs, self.results, self.letters) if one is not None), default=None)


class Retention:
    def __init__(
        self,
        store: Store,
        craft: Craft,
        clock: Clock,
        keep: Keep,
        *,
        dialect: Callable[[str], Dialect | None],
        dropbox: Dropbox | None = None,
    ) -> None:
        """``dialect`` is None for one that is not installed any more."""
        self._store, self._craft, self._clock, self._keep = store, craft, clock, keep
        self._dialect, self._dropbox = dialect, dropbox

    async def run(self) -> None:
        """Sweep now and then until cancelled; at once over where everything is kept."""
        while (shortest := self._keep.shortest) is not None:
            try:
                await self.sweep()
            except Exception:
                LOG.exception("not everything that is over could be forgotten; it is tried again later")
            await self._clock.sleep(min(PERIOD, max(LEAST, shortest.total_seconds() / 10)), late=3)

    async def sweep(self) -> None:
        now, keep = self._clock.now(), self._keep
        results = await self._results(now - keep.results) if keep.results is not None else 0
        uploads = await self._uploads(now - keep.results) if keep.results is not None else 0
        letters = await self._letters(now - keep.letters) if keep.letters is not None else 0
        jobs = await self._jobs(now - keep.jobs) if keep.jobs is not None else 0
        if results or uploads or letters or jobs:
            told = "forgotten: results of %d jobs, %d uploads, %d letters, %d jobs"
            LOG.info(told, results, uploads, letters, jobs)

    async def _letters(self, before: datetime) -> int:
        count = 0
        while True:
            async with self._store.write() as tx:
                gone = await tx.forget_letters(before, LETTERS)
            count += gone
            if gone < LETTERS:
                return count

    async def _results(self, before: datetime) -> int:
        """Each job's results once: where that ended is written down, and taken up by the next one."""
        count, place = 0, await self._store.get_thing(*PLACE)
        at = Ended(Key("", "", ""), datetime.fromisoformat(place["ended"]), place["number"]) if place else None
        while page := await self._store.ended(before, BATCH, at):
            for one in page:
                async with self._store.write() as tx:
                    if (ticket := await tx.get(one.key)) is not None and _over(ticket, before):
                        self._craft.discard(ticket)  # inside, so that nobody can begin the job again meanwhile
                        count += 1
            await self._empty()
            at = page[-1]
            async with self._store.write() as tx:
                await tx.put_thing(*PLACE, {"ended": at.ended.isoformat(), "number": at.number})
        return count

    async def _uploads(self, before: datetime) -> int:
        """What clients brought, unless a job is still to have it."""
        if (dropbox := self._dropbox) is None:
            return 0
        with self._clock.busy():
            unused = await in_thread(dropbox.unused, before)
        gone = sorted(unused - await self._awaited(dropbox)) if unused else []
        for some in (gone[start : start + BATCH] for start in range(0, len(gone), BATCH)):
            async with self._store.write() as tx:
                await erase(tx, some)
            with self._clock.busy():
                await in_thread(_each, dropbox.forget, some)
        return len(gone)

    async def _awaited(self, dropbox: Dropbox) -> set[str | None]:
        found: set[str | None] = set()
        for key in await self._store.live():
            if (ticket := await self._store.get(key)) is not None:
                found.update(dropbox.named(one.location.url) for one in ticket.job.inputs)
        return found

    async def _jobs(self, before: datetime) -> int:
        count, at = 0, None
        while page := await self._store.ended(before, BATCH, at):
            async with self._store.write() as tx:
                found = [await tx.get(one.key) for one in page]
                gone = [ticket for ticket in found if ticket is not None and _over(ticket, before)]
                for ticket in gone:
                    await self._forget(tx, ticket)
            for ticket in gone:
                self._craft.discard(ticket)
                self._craft.clear(ticket)
            await self._empty()
            count, at = count + len(gone), page[-1]
        return count

    async def _empty(self) -> None:
        with self._clock.busy():
            await self._craft.empty()

    async def _forget(self, tx: Transaction, ticket: Ticket) -> None:
        dialect = self._dialect(ticket.dialect)
        if dialect is not None:
            kept = {(thing.kind, thing.id) for thing in dialect.derive(replace(ticket, deleted=self._clock.now()))}
            for thing in dialect.derive(replace(ticket, deleted=None)):
                if (thing.kind, thing.id) not in kept:
                    await tx.delete_thing(ticket.dialect, ticket.account, thing.kind, thing.id)
        await tx.forget(Key.of(ticket))


def _each(act: Callable[[str], None], names: Iterable[str]) -> None:
    for name in names:
        act(name)


def _over(ticket: Ticket, before: datetime) -> bool:
    return ticket.status in TERMINAL and (ticket.finished or ticket.updated or ticket.created) < before


def days(number: float) -> timedelta | None:
    """A setting in days, of which 0 is for ever."""
    return timedelta(days=number) if number else None
