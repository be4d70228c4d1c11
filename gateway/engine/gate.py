"""Admission: running jobs share an amount of something (memory), and one that would be too much waits for its turn.

Turns are in the queue's order: the greatest priority, then the earliest submission. Nobody goes ahead of the one
whose turn it is because he needs less, so large jobs are not starved. One that needs more than there is at all gets
its turn when nothing else runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager


class Gate:
    def __init__(self, limit: int | None = None) -> None:
        """``limit`` None lets everybody in at once."""
        self.limit = limit
        self.used = 0
        self._inside = 0
        self._waiting: dict[tuple[int, int, int], tuple[int, asyncio.Future[None]]] = {}
        self._count = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @asynccontextmanager
    async def room(
        self, need: int, *, priority: int = 0, place: int = 0, wait: Callable[[], Awaitable[object]] | None = None
    ) -> AsyncIterator[None]:
        """Hold ``need`` inside of the block. ``wait`` is called before waiting, only where that must be."""
        self._count += 1
        turn, admitted = (-priority, place, self._count), asyncio.get_running_loop().create_future()
        self._waiting[turn] = (need, admitted)
        self._admit()
        try:
            if wait is not None and not admitted.done():
                await wait()
            await admitted
            yield
        finally:
            if self._waiting.pop(turn, None) is None:
                self.used -= need
                self._inside -= 1
            self._admit()

    def _admit(self) -> None:
        while self._waiting:
            turn = min(self._waiting)
            need, admitted = self._waiting[turn]
            if self._inside and self.limit is not None and self.used + need > self.limit:
                return
            del self._waiting[turn]
            self.used += need
            self._inside += 1
            if not admitted.done():
                admitted.set_result(None)
