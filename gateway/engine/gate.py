"""Admission: running jobs share seats and an amount of something (memory), and one too many waits for its turn.

Turns are in the queue's order: the greatest priority, then the earliest submission. Nobody goes ahead of the one
whose turn it is because he needs less, so large jobs are not starved. One that needs more than there is at all gets
its turn when nothing else runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Gate:
    def __init__(self, limit: int | None = None, *, seats: int | None = None) -> None:
        """So much at once for ``seats`` at once; None lets everybody in."""
        self.limit, self.seats = limit, seats
        self.used = 0
        self._inside = 0
        self._waiting: dict[tuple[int, int, int], tuple[int, asyncio.Future[None]]] = {}
        self._count = 0
        self._watchers: list[Callable[[], None]] = []

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def next(self) -> int | None:
        """The priority of the one whose turn is next; None where nobody waits."""
        return -min(self._waiting)[0] if self._waiting else None

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call ``watcher`` whenever somebody has to wait."""
        self._watchers.append(watcher)

    @asynccontextmanager
    async def room(
        self, need: int, *, priority: int = 0, place: int = 0, wait: Callable[[], Awaitable[object]] | None = None
    ) -> AsyncIterator[Callable[[], None]]:
        """Hold a seat and ``need`` inside of the block, or until what it gives is called.

        ``wait`` is called before waiting, only where that must be.
        """
        self._count += 1
        turn, admitted = (-priority, place, self._count), asyncio.get_running_loop().create_future()
        self._waiting[turn] = (need, admitted)
        self._admit()
        left = False

        def leave() -> None:
            nonlocal left
            if not left and self._waiting.pop(turn, None) is None:
                self.used -= need
                self._inside -= 1
            left = True
            self._admit()

        try:
            await self._await(admitted, wait)
            yield leave
        finally:
            leave()

    async def _await(self, admitted: asyncio.Future[None], wait: Callable[[], Awaitable[object]] | None) -> None:
        if admitted.done():
            return
        for watcher in self._watchers:
            watcher()
        if wait is not None:
            await wait()
        await admitted

    def _admit(self) -> None:
        while self._waiting and (self.seats is None or self._inside < self.seats):
            turn = min(self._waiting)
            need, admitted = self._waiting[turn]
            if self._inside and self.limit is not None and self.used + need > self.limit:
                return
            del self._waiting[turn]
            self.used += need
            self._inside += 1
            if not admitted.done():
                admitted.set_result(None)
