"""Trying again: a bounded number of attempts that bring nothing new, with a growing pause between them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import DeliveryFailed, Fault, SourceTimeout
from mediaglot.gateway.transfer.policy import Limits

LOG = logging.getLogger(__name__)
LONGEST_PAUSE: Final = 30.0
FIRST_WAIT: Final = 4.0
LONGEST_WAIT: Final = 120.0

T = TypeVar("T")


class Transient(Exception):
    """What may go better next time. ``fault`` is what to raise when it does not."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault
        fault.passing = True


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


async def patiently(once: Callable[[], Awaitable[T]], *, patience: float, clock: Clock, chance: Chance = SYSTEM) -> T:
    """The result of ``once``, which is called again after a fault that may pass, for ``patience`` seconds in all.

    The pause between two calls grows, less a random half at most. Raises the last fault.
    """
    began, misses = clock.monotonic(), 0
    while True:
        try:
            return await once()
        except DeliveryFailed as fault:
            pause = min(FIRST_WAIT * 2.0**misses, LONGEST_WAIT) * (1 - chance.random() / 2)
            if not fault.passing or clock.monotonic() - began + pause > patience:
                raise
            LOG.info("a delivery waits %.1f s after %a", pause, str(fault))
        misses += 1
        await clock.sleep(pause)


def in_all(limits: Limits) -> AbstractAsyncContextManager[asyncio.Timeout]:
    """``within`` the seconds that a transfer may take in all."""
    return within(limits.total_timeout, SourceTimeout(seconds=limits.total_timeout, reason="total"))


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
