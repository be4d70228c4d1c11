"""Trying again: a bounded number of attempts that bring nothing new, with a growing pause between them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, TypeVar

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import Fault, SourceTimeout

LONGEST_PAUSE: Final = 30.0

T = TypeVar("T")


class Transient(Exception):
    """What may go better next time. ``fault`` is what to raise when it does not."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


async def persist(
    once: Callable[[], Awaitable[T]],
    *,
    tries: int,
    clock: Clock,
    pause: float,
    reached: Callable[[], int] = lambda: 0,
) -> T:
    """The result of ``once``, which is called again after a Transient.

    ``reached`` tells how many bytes are safe. An attempt that gets further than all before it starts the
    count anew; one that ends in silence and got nowhere is the last, for the next would only wait as long.
    """
    misses = best = 0
    while True:
        try:
            return await once()
        except Transient as broken:
            grown, best = reached() > best, max(best, reached())
            misses = 1 if grown else misses + 1
            if misses >= tries or (isinstance(broken.fault, SourceTimeout) and not grown):
                raise broken.fault from broken
        await clock.sleep(min(pause * 2 ** (misses - 1), LONGEST_PAUSE))


@contextlib.asynccontextmanager
async def within(seconds: float, fault: Fault | Transient) -> AsyncIterator[asyncio.Timeout]:
    """Raises ``fault`` when the block takes longer than ``seconds``; the timer that it gives can be set anew."""
    try:
        async with asyncio.timeout(seconds) as timer:
            yield timer
    except TimeoutError:
        if timer.expired():
            raise fault from None
        raise
