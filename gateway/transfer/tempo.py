"""Transfers that take their time: whoever waits for one steps aside as long as it is slow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Final

from mediaglot.gateway.clock import Clock

OnProgress = Callable[[int, int | None], None]
StepAside = Callable[[], AbstractContextManager[None]]
SLOW: Final = 256 * 1024
"""Bytes in a second."""
SPAN: Final = 15.0
"""Seconds over which that is measured."""


class Tempo:
    """Counts the bytes of one transfer, and tells ``on_progress`` of them."""

    def __init__(self, clock: Clock, aside: StepAside, on_progress: OnProgress | None) -> None:
        self._clock, self._aside, self._on_progress = clock, aside, on_progress
        self._moved = self._done = 0

    def __call__(self, done: int, whole: int | None) -> None:
        self._moved += max(0, done - self._done)
        self._done = done
        if self._on_progress is not None:
            self._on_progress(done, whole)

    async def watch(self) -> None:
        while True:
            if await self._is_slow():
                with self._aside():
                    while await self._is_slow():
                        pass

    async def _is_slow(self) -> bool:
        before = self._moved
        await self._clock.sleep(SPAN, late=1)
        return self._moved - before < SLOW * SPAN


@asynccontextmanager
async def unhurried(clock: Clock, aside: StepAside, on_progress: OnProgress | None) -> AsyncIterator[OnProgress]:
    """Gives whom a transfer has to tell of its bytes."""
    tempo = Tempo(clock, aside, on_progress)
    watching = asyncio.create_task(tempo.watch())
    try:
        yield tempo
    finally:
        watching.cancel()
