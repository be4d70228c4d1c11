"""The craft of another provider: it does the work, in its own dialect, and what comes out is brought here.

Whoever asked deals with us alone: ids, lists, states and messages are ours, in the client's dialect. The provider gets
one job for one turn of ours, is asked how it goes at its own pace or tells us itself, and its files are fetched,
measured and kept or delivered as those of our own would be. Destinations that it understands it serves itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from mediaglot.gateway.backends import Caller, Over, Product, Report, unheard
from mediaglot.gateway.backends.agent import Agent, Aside
from mediaglot.gateway.backends.book import Book, Entry, marker_of, markers_of
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.haul import Haul, name_of
from mediaglot.gateway.backends.home import Housed
from mediaglot.gateway.backends.hops import through
from mediaglot.gateway.backends.submission import (
    NEVER_SENT,
    blame,
    called,
    is_ours,
    meant,
    name_for,
    part_for,
    part_of,
    theirs,
    under_way,
)
from mediaglot.gateway.backends.terms import Terms
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.errand import Glimpse
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Fault, NotFound, ProviderFailed, Refused, Unavailable, Unsupported, WorkFault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import (
    TERMINAL,
    File,
    Job,
    MediaFacts,
    Status,
    Ticket,
)
from mediaglot.gateway.store import Key, Store

LOG = logging.getLogger(__name__)
GROWTH: Final = 1.4
"""Each look at a job that has not moved comes this much later than the one before."""
ANY: Final = "news"
"""What the URL for news has in place of a marker, where it is the same for all jobs."""
LOOKS: Final = 4
"""How often a request that may be under way is looked for, about."""


class Upstream(Housed):
    """``hear`` makes the URL that the provider may send its news of a marker to; None where it can't reach us."""

    def __init__(
        self,
        agent: Agent,
        terms: Terms,
        store: Store,
        local: FFmpegCraft,
        haul: Haul,
        clock: Clock,
        aside: Aside,
        hear: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(local)
        self.agent, self.terms, self.book = agent, terms, Book(store)
        self._store, self._local, self._haul, self._clock, self._hear = store, local, haul, clock, hear
        self._news: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        self._letting_go: set[str] = set()
        self._wrapping = asyncio.Lock()
        self._aside = aside

    # --- before there is anything to do ---------------------------------------------------------------

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        """Destinations that the provider serves are its own affair; the others are ours."""
        refused = await self.terms.refuse(job, ledger, caller)
        barred = await self._local.barred(job)
        served = self.terms.prepared(job)[1] if barred else frozenset[int]()
        return {**{index: fault for index, fault in barred.items() if index not in served}, **refused}

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int | None:
        """The provider does that, and says nothing of it."""
        return None

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts | None:
        return None

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int | None:
        """Nothing of this machine's."""
        return None

    # --- the work ---------------------------------------------------------------------------------------

    async def make(
        self,
        ticket: Ticket,
        wanted: frozenset[int],
        report: Report,
        over: Over = unheard,
        *,
        patient: bool = True,
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        """Not ``patient``: a job that the provider can't have heard of does not wait for one that nobody can ask."""
        try:
            entry = await self._submit(ticket, wanted, patient=patient)
            entry, glimpse = await self._done(entry, report)
        except WorkFault as fault:
            why = fault.__cause__ or fault
            done = "refuses it" if isinstance(why, (Refused, Unsupported)) else "has failed it"
            LOG.warning("job %s of %s: %s %s: %a", ticket.id, ticket.dialect, self.agent.name, done, str(why))
            raise self.agent.discreet(fault) from why
        made = {index: await self._gathered(ticket, entry, glimpse, index) for index in sorted(wanted)}
        for index, one in made.items():
            if isinstance(one, Fault):
                made[index] = self.agent.discreet(one)
                said = "job %s of %s: %s did not make output %d: %a"
                LOG.warning(said, ticket.id, ticket.dialect, self.agent.name, index, str(one))
        return made

    async def _done(self, entry: Entry, report: Report) -> tuple[Entry, Glimpse]:
        """The job as it ended at the provider. Raises a WorkFault where nothing came of it."""
        entry, glimpse = await self._follow(entry, report)
        await self.book.put(replace(entry, over=True))
        if glimpse.status is not Status.FINISHED and not any(part.files for part in glimpse.parts):
            raise blame(glimpse, self.agent.name)
        return entry, glimpse

    async def _submit(self, ticket: Ticket, wanted: frozenset[int], *, patient: bool) -> Entry:
        """The job at the provider. One that may be there already is looked for before another one is made."""
        marker = marker_of(ticket, self.agent.name)
        entry = await self.book.get(marker)
        began, number = self._clock.monotonic(), 0
        settle = None if entry is None else self.agent.manners.settle
        heard, breaker = entry is not None, self.agent.breaker
        barred = ProviderFailed(provider=self.agent.name, reason="breaker")
        if entry is None:
            if not patient and breaker.shut:
                raise barred
            entry = await self.book.put(self._drafted(ticket, wanted, marker))
        while not entry.id:
            try:
                entry = entry if settle is None else await self._sought(entry, settle)
                if not entry.id:
                    settle = None
                    entry = await self._created(entry, ticket)
            except Unavailable as fault:
                number += 1
                if fault.data.get("reason") not in NEVER_SENT:
                    heard, settle = True, self.agent.manners.settle if under_way(fault) else settle or 0.0
                if not (patient or heard) and breaker.shut:
                    await self.book.strike(marker)
                    raise barred from fault
                await self._wait(fault, number, began)
            except Refused as fault:
                raise meant(fault, self.agent.name) from fault
        return entry

    async def _sought(self, entry: Entry, settle: float) -> Entry:
        """With the provider's id, if it has the job; looked for until what was sent has arrived or never will.

        That is reckoned from the first look on: before, it may have been out of reach for whatever was on its way."""
        manners, entry = self.agent.manners, await self._found(entry)
        until = self._clock.monotonic() + settle
        while not entry.id and (left := until - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(left, max(manners.poll, manners.settle / LOOKS)))
            entry = await self._found(entry)
        return entry

    def _drafted(self, ticket: Ticket, wanted: frozenset[int], marker: str) -> Entry:
        key, chosen = Key.of(ticket), tuple(sorted(wanted))
        served = self.terms.prepared(part_of(ticket.job, chosen))[1]
        return Entry(
            marker=marker,
            provider=self.agent.name,
            dialect=key.dialect,
            account=key.account,
            job=key.id,
            wanted=chosen,
            theirs=tuple(chosen[place] for place in sorted(served)),
        )

    async def _found(self, entry: Entry) -> Entry:
        found = await self.agent.run(lambda permit: self.agent.client.find(permit, entry.marker))
        return await self.book.put(replace(entry, id=found[0].id, since=entry.since or self._now())) if found else entry

    def _now(self) -> float:
        return self._clock.now().timestamp()

    async def _created(self, entry: Entry, ticket: Ticket) -> Entry:
        job = theirs(part_of(ticket.job, entry.wanted), frozenset(map(entry.wanted.index, entry.theirs)))
        client, hops = self.agent.client, int(ticket.ids.get("hops", 0)) + 1
        hear = self._hear(ANY if client.shares_news else entry.marker) if self._hear is not None else ""
        try:
            async with self._wrapping:  # what several jobs need is made by the first of them
                await self.agent.run(lambda permit: client.wrap(permit, job, Ledger(), hear=hear), again=False)
            placed = await self.agent.run(
                lambda permit: through(client.create(permit, job, Ledger(), marker=entry.marker, hear=hear), hops),
                again=False,
            )
        except Unavailable:
            raise
        except Fault as fault:
            await self.book.strike(entry.marker)
            raise meant(fault, self.agent.name) from fault
        return await self.book.put(replace(entry, id=placed.id, outputs=placed.outputs, since=self._now()))

    async def _wait(self, fault: Unavailable, number: int, began: float) -> None:
        """Raises ProviderFailed when the patience is over."""
        pause = self.agent.pause(fault, number)
        if self._clock.monotonic() + pause - began > self.agent.manners.patience:
            raise ProviderFailed(provider=self.agent.name, reason=fault.data.get("reason") or "unavailable") from fault
        await self._clock.sleep(pause)

    async def _follow(self, entry: Entry, report: Report) -> tuple[Entry, Glimpse]:
        """How the job ended; on the way, how far it is. A provider that is not there is waited for."""
        news = self._news.setdefault(entry.marker, asyncio.Event())
        manners, pause, before = self.agent.manners, self.agent.manners.poll, None
        before_us = max(0.0, self._now() - entry.since) if entry.since else 0.0
        began = self._clock.monotonic() - before_us
        while True:
            entry, glimpse = await self._looked(entry)
            if glimpse.status in TERMINAL:
                return entry, glimpse
            if self._clock.monotonic() - began > manners.longest:
                raise ProviderFailed(provider=self.agent.name, reason="timeout")
            report(float(glimpse.progress))
            moved, before = before != (glimpse.status, glimpse.progress), (glimpse.status, glimpse.progress)
            pause = manners.poll if moved else min(pause * GROWTH, manners.slowest_poll)
            await self._hark(news, pause)

    async def _looked(self, entry: Entry) -> tuple[Entry, Glimpse]:
        began, number = self._clock.monotonic(), 0
        while True:
            try:
                glimpse = await self.agent.run(partial(self.agent.client.look, placed=entry.placed))
                if self._is_ours(glimpse, entry):
                    return entry, glimpse
                entry = await self._corrected(entry)
            except Unavailable as fault:
                number += 1
                await self._wait(fault, number, began)
            except Refused as fault:
                if isinstance(fault.meaning, NotFound):
                    await self._unnamed(entry)
                raise meant(fault, self.agent.name) from fault

    def _is_ours(self, glimpse: Glimpse, entry: Entry) -> bool:
        return self.terms.played or is_ours(glimpse, entry)

    async def _corrected(self, entry: Entry) -> Entry:
        """With the id that our job has: what we took for it is another one's. Raises Refused where ours is gone."""
        found = await self._found(await self._unnamed(entry))
        if not found.id:
            raise Refused(NotFound(kind="job", id=entry.id))
        return found

    async def _unnamed(self, entry: Entry) -> Entry:
        """Without an id that may be another job's by now: what is stopped then is what has our marker."""
        return await self.book.put(replace(entry, id="", outputs=()))

    async def _hark(self, news: asyncio.Event, pause: float) -> None:
        """Until there is news, or for so long."""
        heard = asyncio.ensure_future(news.wait())
        over = asyncio.ensure_future(self._clock.sleep(pause))
        try:
            await asyncio.wait({heard, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heard.cancel()
            over.cancel()
            news.clear()

    def tell(self, marker: str, message: Request) -> None:
        """The provider has sent news: a reason to look. Raises a Fault for a message that is none of the provider's."""
        said = self.agent.client.hear(message)
        news = self._news.get(said.marker if self.agent.client.shares_news else marker)
        if news is not None:
            news.set()

    # --- what came out ----------------------------------------------------------------------------------

    async def _gathered(
        self, ticket: Ticket, entry: Entry, glimpse: Glimpse, index: int
    ) -> tuple[Product, ...] | Fault:
        """The files of one output."""
        part = part_for(glimpse, entry, index)
        if part is None or part.trouble is not None or part.status in (Status.FAILED, Status.CANCELLED):
            return blame(part or glimpse, self.agent.name)
        if not part.files and index not in entry.theirs:
            return ProviderFailed(provider=self.agent.name, reason="no_files")
        try:
            if index in entry.theirs:
                return tuple(
                    Product(path=Path(), file=File(path=name_of(file.url), size=file.size or 0)) for file in part.files
                )
            products = await self._haul.bring(part.files, self._folder(ticket) / str(index))
        except WorkFault as fault:
            return ProviderFailed(provider=self.agent.name, reason=f"download_{fault.data.get('reason') or fault.code}")
        return called(products, name_for(ticket.job.outputs[index], index))

    def _folder(self, ticket: Ticket) -> Path:
        return self._local.work / ticket.ids["folder"]

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        return await self._local.keep(ticket, index, products)

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        """What the provider has delivered is there."""
        entry = await self.book.get(marker_of(ticket, self.agent.name))
        if entry is None or index not in entry.theirs:
            await self._local.deliver(ticket, index, number, products)

    # --- the end ----------------------------------------------------------------------------------------

    def clear(self, ticket: Ticket) -> None:
        self._local.clear(ticket)
        self.leave(markers_of(ticket, self.agent.name))

    def leave(self, markers: frozenset[str]) -> None:
        """These turns of a job are somebody else's from here on, or nobody's."""
        self._aside.start(partial(self._let_go_of, markers))

    def reconcile(self) -> None:
        """After a start: jobs that go on at the provider although nobody wants them any more are stopped there."""
        self._aside.start(self._reconcile)

    async def _reconcile(self) -> None:
        for entry in await self.book.entries():
            if entry.provider != self.agent.name:
                continue
            ticket = await self._store.get(Key(entry.dialect, entry.account, entry.job))
            live = ticket is not None and ticket.deleted is None and ticket.status not in TERMINAL
            if not live or ticket is None or marker_of(ticket, self.agent.name) != entry.marker:
                await self._let_go(entry.marker)

    async def _let_go_of(self, markers: frozenset[str]) -> None:
        """Several turns of a job: one that was changed went on at the provider as it was before."""
        present = markers if len(markers) < 2 else markers & {entry.marker for entry in await self.book.entries()}
        for marker in present:
            await self._let_go(marker)

    async def _let_go(self, marker: str) -> None:
        """The provider's job is not ours any more; where it goes on, it is stopped, as soon as that can be said.

        By one at a time: a job that goes on elsewhere is let go of, and again when it ends.
        """
        if marker in self._letting_go:
            return
        self._letting_go.add(marker)
        try:
            await self._rid(marker)
        finally:
            self._letting_go.discard(marker)

    async def _rid(self, marker: str) -> None:
        began, number = self._clock.monotonic(), 0
        while (entry := await self.book.get(marker)) is not None:
            try:
                await self._stop(entry)
            except Unavailable as fault:
                number += 1
                if number == 1:
                    LOG.warning("%s could not be told to stop job %s yet", self.agent.name, entry.of_ours)
                try:
                    await self._wait(fault, number, began)
                except ProviderFailed:
                    said = "%s could not be told to stop job %s; after a restart it is"
                    LOG.warning(said, self.agent.name, entry.of_ours)
                    return
            else:
                await self.book.strike(marker)

    async def _stop(self, entry: Entry) -> None:
        try:
            if entry.over:
                return
            if not entry.id:
                entry = await self._sought(entry, self.agent.manners.settle)
            elif not self._is_ours(await self.agent.run(partial(self.agent.client.look, placed=entry.placed)), entry):
                entry = await self._corrected(entry)
            if entry.id:
                await self.agent.run(lambda permit: self.agent.client.cancel(permit, entry.placed))
        except Unsupported:
            LOG.info("%s can't stop jobs: job %s goes on there", self.agent.name, entry.of_ours)
        except Refused as fault:
            LOG.info("%s does not stop job %s: %s", self.agent.name, entry.of_ours, fault.meaning.code)
