"""A shift: takes one ticket through its phases, by whatever craft, and writes down each step before the next.

What a shift leaves unfinished because it was interrupted is picked up by the next one: outputs that are done
stay done, everything else is made again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from typing import Final

from mediaglot.gateway.backends import Craft, Product, Report, step, unheard
from mediaglot.gateway.backends.announce import Subject, keep, tell
from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.engine import Engine
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.faults import Fault, Internal, NoSpace, NotFound, WorkFault
from mediaglot.gateway.life import later
from mediaglot.gateway.model import TERMINAL, Event, Phase, Status, Ticket
from mediaglot.gateway.store import Full, Key, Store, Work
from mediaglot.gateway.wording import worded

LOG = logging.getLogger(__name__)
HEARTBEAT: Final = 10.0

Change = Callable[[Ticket, datetime], Ticket]
News = Iterable[tuple[Event, Subject]]


Move = tuple[Change, Callable[[Ticket], News]]
"""A change of a ticket, and what is to be told of the changed one."""
Queue = Callable[[Ticket, Callable[[], Awaitable[object]]], Awaitable[None]]
"""What a ticket has to pass before the gate; told what to call before a wait."""


def nothing(ticket: Ticket) -> News:
    return ()


class Shift:
    def __init__(
        self,
        store: Store,
        engine: Engine,
        craft: Craft,
        clock: Clock,
        *,
        dialect: Callable[[str], Dialect],
        base: Callable[[str], str],
        gate: Gate | None = None,
        chance: Chance = SYSTEM,
        queue: Queue | None = None,
    ) -> None:
        """``gate`` admits jobs to encoding, when their sources are there and probed: the rest is done beside it."""
        self.gate = gate or Gate()
        self.store, self.engine, self.craft, self.clock = store, engine, craft, clock
        self._dialect, self._base, self._chance, self._queue = dialect, base, chance, queue

    async def work(self, work: Work) -> None:
        """Run a ticket as far as it goes. Cancellation leaves it as it is; whoever cancels says what becomes of it."""
        ticket = await self.store.get(work.key)
        if ticket is None or ticket.status in TERMINAL or ticket.status is Status.HELD:
            return
        beating = asyncio.create_task(self._beat(work))
        try:
            ticket = await self._fetch(work)
            if ticket.job.hold:
                await self._end(work, (step.hold, lambda _: [(Event.READY, None)]))
            else:
                await self._encode(work, ticket)
        except WorkFault as fault:
            await self._fail(work, fault)
        except Full:
            await self._fail(work, NoSpace())
        except Exception as error:
            LOG.exception("job %s of %s failed", work.key.id, work.key.dialect)
            await self._fail(work, Internal(reference=type(error).__name__))
        finally:
            beating.cancel()

    async def give_up(self, work: Work, error: BaseException | None) -> None:
        """The work took its worker down too often. What is made elsewhere can't have: that goes on."""
        if error is None and await self._elsewhere(work.key):
            await self.work(work)
            return
        if error is None:
            said = "job %s of %s is given up: it was at work each time when the server died"
            LOG.error(said, work.key.id, work.key.dialect)
        await self._fail(work, Internal(reference=type(error).__name__))

    async def _elsewhere(self, key: Key) -> bool:
        ticket = await self.store.get(key)
        try:
            return ticket is not None and await self.craft.need(ticket, frozenset()) is None
        except WorkFault:
            return False

    async def recover(self) -> int:
        """While nobody works, after a start: what was running waits again. How many jobs those were.

        What a dead process had taken out of the queue for a change that it did not come to is put in again. Jobs that
        just wait are not looked at: there may be very many.
        """
        running = await self._ours(await self.store.live(Status.RUNNING))
        await self._sweep(running)
        for ticket in running:
            await self._update(Key.of(ticket), (step.back, nothing))
        here = [ticket for ticket in running if not await self._elsewhere(Key.of(ticket))]
        begun = {(Key.of(ticket), ticket.attempt) for ticket in here}
        async with self.store.write() as tx:
            # Whoever was claimed and not begun can't be why the process died, nor what is made elsewhere.
            await tx.release_all(lambda work: (work.key, work.attempt) in begun)
        for ticket in await self._ours(await self.store.unqueued()):
            async with self.store.write() as tx:
                await self.engine.enqueue(tx, Work(key=Key.of(ticket), priority=ticket.job.priority or 0))
        return len(running)

    async def _ours(self, keys: Iterable[Key]) -> list[Ticket]:
        """Those that others do not do as they are."""
        found = [await self.store.get(key) for key in keys]
        return [ticket for ticket in found if ticket is not None and "passed" not in ticket.ids]

    async def _sweep(self, running: list[Ticket]) -> None:
        """Forget the work files of jobs that do not go on. Most that have any were running."""
        left = {*await asyncio.to_thread(self.craft.left)} - {ticket.ids["folder"] for ticket in running}
        for key in await self.store.live() if left else ():
            if (ticket := await self.store.get(key)) is not None:
                left.discard(ticket.ids["folder"])
            if not left:
                break
        await asyncio.to_thread(self.craft.sweep, left)

    # --- phases -----------------------------------------------------------------------------------

    async def _fetch(self, work: Work) -> Ticket:
        key = work.key
        begin = partial(step.begin, attempt=work.attempt)
        ticket = await self._update(key, (begin, lambda _: [(Event.STARTED, None)]))
        count = len(ticket.sources)
        sizes = [
            await self.craft.fetch(ticket, index, self._reporter(key, Phase.FETCHING, index, count))
            for index in range(count)
        ]
        ticket = await self._note(key, partial(step.fetched, sizes=sizes))
        facts = [await self.craft.probe(ticket, index) for index in range(count)]
        return await self._note(key, partial(step.probed, sizes=sizes, facts=facts))

    async def _encode(self, work: Work, ticket: Ticket) -> None:
        key = work.key
        wanted = frozenset(index for index, made in enumerate(ticket.outputs) if made.status not in TERMINAL)
        need = await self.craft.need(ticket, wanted) if wanted else 0
        wait = partial(self._note, key, step.wait)
        if self._queue is not None and wanted:
            await self._queue(ticket, wait)
        room = self.gate.room(need or 0, priority=work.priority, place=work.place, wait=wait)
        async with room if need is not None else nullcontext(unheard) as leave:
            ticket = await self._note(key, step.begin_encoding)
            report = self._reporter(key, Phase.ENCODING)
            results = await self.craft.make(ticket, wanted, report, leave) if wanted else {}
        lost = {index for index, result in results.items() if isinstance(result, Fault)}
        good = [result for result in results.values() if not isinstance(result, Fault)]
        losses = [loss for products in good for product in products for loss in product.losses]
        await self._note(key, partial(step.begin_storing, lost=lost, losses=losses))
        last: list[Move] = []
        for count, (index, result) in enumerate(sorted(results.items())):
            if last:
                await self._update(key, *last)
            self._reporter(key, Phase.STORING)(count / len(results))
            last = [await self._outcome(key, index, result)]
        await self._end(work, *last, (step.finish, _ending))

    async def _outcome(self, key: Key, index: int, result: tuple[Product, ...] | Fault) -> Move:
        """Bring an output to its places; the end of it, which is to be written down."""
        ticket = await self._current(key)
        if isinstance(result, Fault):
            fault = worded(result, self._dialect(key.dialect), ticket.job.outputs)
            return partial(step.lose_output, index=index, fault=fault), partial(_loss, index=index)
        output, files = ticket.job.outputs[index], tuple(product.file for product in result)
        if output.destinations:
            for number in range(len(output.destinations)):
                await self._deliver(key, index, number, result)
        else:
            files = await self.craft.keep(ticket, index, result)
        return partial(step.finish_output, index=index, files=files), partial(_loss, index=index)

    async def _deliver(self, key: Key, index: int, number: int, products: tuple[Product, ...]) -> None:
        ticket = await self._current(key)
        if ticket.outputs[index].deliveries[number].saved:
            return
        fault: Fault | None = None
        try:
            await self.craft.deliver(ticket, index, number, products)
        except WorkFault as caught:
            fault = caught
        files = tuple(product.file for product in products)
        change = partial(step.delivered, index=index, number=number, files=files, fault=fault)

        def news(ticket: Ticket) -> News:
            made = ticket.outputs[index]
            return [(Event.DELIVERED, (made, made.deliveries[number]))]

        await self._update(key, (change, news))

    async def _fail(self, work: Work, fault: Fault) -> None:
        if isinstance(fault, NoSpace):
            # On a full disk, the room that the job has taken is where its end can be written down.
            self.craft.clear(await self._current(work.key))
            await self.craft.empty()
        await self._end(work, (partial(step.fail, fault=fault), _downfall))

    # --- bookkeeping --------------------------------------------------------------------------------

    async def _beat(self, work: Work) -> None:
        """Signs of life: fetching, encoding and delivering have their own watchdogs, this one is for the process."""
        while await self.engine.progress(work):
            await self.clock.sleep(HEARTBEAT, late=1)

    async def _end(self, work: Work, *moves: Move) -> None:
        """Write the end of this run down, unless the work belongs to another run by now."""
        ticket = await self._update(work.key, *moves, ends=work)
        if ticket.status in TERMINAL:
            self.craft.clear(ticket)
            await self.craft.empty()

    async def _current(self, key: Key) -> Ticket:
        ticket = await self.store.get(key)
        if ticket is None:
            raise NotFound(kind="job", id=key.id)
        return ticket

    async def _update(self, key: Key, *moves: Move, ends: Work | None = None) -> Ticket:
        """Write the changed ticket down, and what is to be told of it, in one transaction.

        With ``ends`` the changes are the end of that work, and are left out where the work has a new owner.
        """
        async with self.store.write() as tx:
            ticket = await tx.get(key)
            if ticket is None:
                raise NotFound(kind="job", id=key.id)
            if ends is not None and not await tx.complete(ends):
                return ticket
            now, dialect, base = self.clock.now(), self._dialect(key.dialect), self._base(key.dialect)
            for change, news in moves:
                ticket = change(ticket, later(ticket, now))
                for event, subject in news(ticket):
                    await tell(tx, dialect, ticket, event, base, now, subject, self._chance)
            await keep(tx, dialect, ticket)
        return ticket

    async def _note(self, key: Key, change: Change) -> Ticket:
        """In memory only: the next step is written down with it, and after a crash a new run begins before it.

        Where documents of their own follow from a ticket, they are written with each step.
        """
        now = self.clock.now()
        noted = self.store.touch(key, lambda ticket: change(ticket, later(ticket, now)))
        if noted is None or self._dialect(key.dialect).derive(noted):
            return await self._update(key, (_same if noted else change, nothing))
        return noted

    def _reporter(self, key: Key, phase: Phase, index: int = 0, count: int = 1) -> Report:
        """Notes progress of ``phase``, of which this is part ``index`` of ``count``, in memory only."""
        began = self.clock.monotonic()

        def report(progress: float, left: float | None = None) -> None:
            share = (index + progress) / count
            passed = self.clock.monotonic() - began
            estimate = left if left is not None or progress <= 0 else passed / progress * (1 - progress)
            self.store.touch(key, lambda ticket: step.progressed(ticket, phase, share, estimate))

        return report


def _same(ticket: Ticket, now: datetime) -> Ticket:
    return ticket


def _loss(ticket: Ticket, *, index: int) -> News:
    made = ticket.outputs[index]
    return [(Event.OUTPUT_FAILED, (made, None))] if made.status is Status.FAILED else []


def _downfall(ticket: Ticket) -> News:
    """The outputs that the job took with it, and its end."""
    lost = (made for made in ticket.outputs if made.status is Status.FAILED and made.finished == ticket.finished)
    return [*((Event.OUTPUT_FAILED, (made, None)) for made in lost), *_ending(ticket)]


def _ending(ticket: Ticket) -> News:
    event = Event.FINISHED if ticket.status is Status.FINISHED else Event.FAILED
    return [(event, None)]
