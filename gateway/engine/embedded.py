"""The pool of workers inside the server's own process, over the store's queue.

The data folder has one owner, so leases are kept in memory: after a crash every claim in the database is a dead
one, and within the process a lease is the handler's sign of life.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import copy_context
from enum import Enum
from typing import Final

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.engine import GiveUp, Handler
from mediaglot.gateway.engine.aside import PLACE
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.engine.lane import Lanes, Place, Sorter
from mediaglot.gateway.store import Key, Store, Topic, Transaction, Work

LOG = logging.getLogger(__name__)
LEASE: Final = 120.0
LEAST: Final = 0.1
"""Seconds between two looks for leases that are over."""
HANDFUL: Final = 50
"""Works that are sorted at once."""


class End(Enum):
    """Why a handler ended, or was told to."""

    RETURNED = "returned"
    RAISED = "raised"
    UNWANTED = "unwanted"
    """Withdrawn, or replaced by a later submission."""
    EXPIRED = "expired"
    STOPPED = "stopped"


class Run:
    """One work in the hands of a handler."""

    def __init__(self, work: Work, task: asyncio.Task[None], until: float) -> None:
        self.work = work
        self.task = task
        self.until = until
        self.end: End | None = None
        self.recorded = False
        """Whether its end is written down, so that the queue has forgotten it."""
        self.over = asyncio.Event()

    def interrupt(self, end: End) -> None:
        """Cancel the handler, once; the first reason stands."""
        if self.end is None:
            self.end = end
            self.task.cancel()

    async def outcome(self) -> BaseException | None:
        """Wait for the handler; the error that it ended with, if any. A handler that got done in spite of all, did."""
        await asyncio.wait({self.task})
        if not self.task.cancelled() and self.task.exception() is None:
            self.end = End.RETURNED
            return None
        self.end = self.end or End.RAISED
        return None if self.task.cancelled() else self.task.exception()


class EmbeddedEngine:
    """``workers`` handlers at once, ``attempts`` for each work, ``lease`` seconds from one sign of life to the next.

    With a ``sorter`` those are the workers at home, and there are further ones for each other lane.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        workers: int = 1,
        attempts: int = 3,
        lease: float = LEASE,
        gate: Gate | None = None,
        sorter: Sorter | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._attempts = attempts
        self._lease = lease
        self._give_up: GiveUp | None = None
        self._runs: dict[Key, Run] = {}
        self._keepers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._again = asyncio.Event()
        """Now and then: what the store did not take is tried again. Set for good at the end, when it is not."""
        self._stopping = False
        self._requeue = True
        self._done = asyncio.Event()
        self._done.set()
        store.watch(Topic.WORK, self._notice)
        store.watch(Topic.ENDS, self._note_ends)
        gate = gate or Gate()
        gate.watch(self._news.set)
        self._sorter = sorter
        self._lanes = Lanes(workers, gate, sorter)

    @property
    def running(self) -> tuple[Work, ...]:
        return tuple(run.work for run in self._runs.values())

    # --- the five calls ---

    async def enqueue(self, tx: Transaction, work: Work) -> Work:
        return await tx.enqueue(work)

    async def run(self, handler: Handler, give_up: GiveUp | None = None) -> None:
        self._done.clear()
        self._again.clear()
        self._lanes.stir()
        self._give_up = give_up or self._give_up
        reaper = asyncio.create_task(self._reap_for_ever())
        try:
            while not await self._give_back() and not self._stopping:
                await self._again.wait()
            await self._dispatch(handler)
        finally:
            reaper.cancel()
            try:
                await self._end_all()
            finally:
                self._done.set()

    async def progress(self, work: Work) -> bool:
        run = self._runs.get(work.key)
        if run is None or run.end is not None or run.work != work:
            return False
        run.until = self._clock.monotonic() + self._lease
        return True

    async def cancel(self, key: Key) -> bool:
        async with self._store.write() as tx:
            wanted = await tx.unqueue(key)
        run = self._runs.get(key)
        if run is not None:
            await run.over.wait()
        return wanted

    async def reap(self) -> tuple[Key, ...]:
        expired = self._expire()
        for run in expired:
            await run.over.wait()
        return tuple(run.work.key for run in expired)

    async def stop(self, *, requeue: bool = True) -> None:
        """End ``run`` for good. Running work is put back in its place, or with ``requeue=False`` finished first."""
        self._stopping = True
        self._requeue = requeue
        self._news.set()
        self._again.set()
        await self._done.wait()

    # --- the pool ---

    def _notice(self, keys: frozenset[Key]) -> None:
        """After a commit: what runs under these keys is no longer what is wanted."""
        for key in keys & self._runs.keys():
            self._runs[key].interrupt(End.UNWANTED)
        self._lanes.stir()
        self._news.set()

    def _note_ends(self, keys: frozenset[Key]) -> None:
        for key in keys & self._runs.keys():
            self._runs[key].recorded = True

    async def _dispatch(self, handler: Handler) -> None:
        while not self._stopping:
            self._news.clear()
            work = await self._next()
            if work is None:
                await self._news.wait()
            else:
                self._start(work, handler)

    async def _next(self) -> Work | None:
        try:
            while self._lanes.unsorted and not self._stopping:
                await self._sort()
                if work := await self._claim():
                    return work
            return await self._claim()
        except Exception:
            LOG.exception("the queue can't be asked now; it is asked again later")
            return None

    async def _sort(self) -> None:
        """Find out where the next ones belong."""
        assert self._sorter is not None  # noqa: S101 - else nothing is unsorted
        self._lanes.unsorted = False  # before the queue is asked: what comes meanwhile says so again
        found = await self._store.unsorted(HANDFUL)
        lanes = {work: await self._lane_of(work, self._sorter) for work in found}
        if not found:
            return
        async with self._store.write() as tx:
            for work, lane in lanes.items():
                await tx.sort(work, lane)
        for work, lane in lanes.items():
            self._lanes.sorted(work, lane)
        self._lanes.unsorted = True

    async def _lane_of(self, work: Work, sorter: Sorter) -> str:
        try:
            return await sorter.of(work.key)
        except Exception:  # its handler meets the same, and tells
            LOG.exception("it can't be told where %s of %s belongs", work.key.id, work.key.dialect)
            return sorter.home

    async def _claim(self) -> Work | None:
        asked = self._lanes.open()
        if not asked:
            return None
        async with self._store.write() as tx:
            work = await tx.claim(asked)
            if work is not None:
                self._lanes.claimed(work, asked)
            if work is None or work.key not in self._runs:
                return work
            await tx.release(work, counted=False)  # who had it before has still to let go
        return None

    def _start(self, work: Work, handler: Handler) -> None:
        # No await between the claim's commit and this: whoever takes the write lock next finds the run here.
        doing = handler(work) if work.attempt <= self._attempts else self._abandon(work, None)
        lane, context = self._lanes[work.lane], copy_context()
        context.run(PLACE.set, Place(lane, self._news.set).aside)
        run = Run(work, asyncio.create_task(doing, context=context), self._clock.monotonic() + self._lease)
        self._runs[work.key] = run
        lane.handlers += 1
        keeper = asyncio.create_task(self._see_through(run))
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)

    async def _see_through(self, run: Run) -> None:
        try:
            error = await run.outcome()
            if run.end in {End.RAISED, End.EXPIRED}:
                LOG.error("attempt %d of %s: %s", run.work.attempt, run.work.key.id, run.end.value, exc_info=error)
            while not await self._settled(run, error) and not self._again.is_set():
                await self._again.wait()
        finally:
            del self._runs[run.work.key]
            self._lanes[run.work.lane].handlers -= 1
            run.over.set()
            self._news.set()

    async def _settled(self, run: Run, error: BaseException | None) -> bool:
        try:
            await self._settle(run, error)
        except Exception:
            LOG.exception("the end of %s could not be recorded; that is tried again later", run.work.key.id)
            return False
        return True

    async def _settle(self, run: Run, error: BaseException | None) -> None:
        work, ended = run.work, run.end is End.RETURNED
        if run.end in {End.RAISED, End.EXPIRED}:
            ended = work.attempt >= self._attempts
        if run.recorded:
            return
        if ended and run.end is not End.RETURNED:
            await self._abandon(work, error or TimeoutError("no sign of life"))
        async with self._store.write() as tx:
            await tx.release(work, counted=run.end is not End.STOPPED, over=ended)

    async def _abandon(self, work: Work, error: BaseException | None) -> None:
        if self._give_up is not None:
            await self._give_up(work, error)

    async def _reap_for_ever(self) -> None:
        while True:
            await self._clock.sleep(self._until_next_end(), late=2)
            self._expire()
            self._again.set()
            self._again.clear()
            self._lanes.stir()
            self._news.set()

    def _expire(self) -> list[Run]:
        now = self._clock.monotonic()
        expired = [run for run in self._runs.values() if run.end is None and run.until <= now]
        for run in expired:
            run.interrupt(End.EXPIRED)
        return expired

    def _until_next_end(self) -> float:
        ends = (run.until - self._clock.monotonic() for run in self._runs.values() if run.end is None)
        return max(LEAST, min([self._lease / 4, *ends]))

    async def _end_all(self) -> None:
        for run in self._runs.values() if self._requeue else ():
            run.interrupt(End.STOPPED)
        self._again.set()
        while self._keepers:
            await asyncio.wait(self._keepers)
        await self._give_back()

    async def _give_back(self) -> bool:
        """What was running waits again; if that can't be written down, the next start does it."""
        try:
            async with self._store.write() as tx:
                await tx.release_all()
        except Exception:
            LOG.exception("what was running could not be put back in the queue")
            return False
        return True
