"""How make-believe goes on: as time does, at once, or a step at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from mediaglot.gateway.clock import Clock, VirtualClock
from mediaglot.gateway.model import Ticket
from mediaglot.gateway.store import Key


class Pace(Protocol):
    def steps(self, wanted: int) -> int:
        """In how many steps a phase is done that would be shown in ``wanted`` of them."""
        ...

    async def pause(self, ticket: Ticket, seconds: float) -> None:
        """Between two steps that lie so far apart on the clock."""
        ...


class Timed:
    """What takes a while, takes it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def steps(self, wanted: int) -> int:
        return wanted

    async def pause(self, ticket: Ticket, seconds: float) -> None:
        await self._clock.sleep(seconds)


class Immediate:
    """Everything is done by the time that somebody looks."""

    def steps(self, wanted: int) -> int:
        return 1

    async def pause(self, ticket: Ticket, seconds: float) -> None:
        await asyncio.sleep(0)


class Manual:
    """Each look at a job (``step``) takes it one step on, and each move of the clock all jobs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Key, asyncio.Future[None]] = {}

    def steps(self, wanted: int) -> int:
        return min(wanted, 4)

    async def pause(self, ticket: Ticket, seconds: float) -> None:
        key, stepped = Key.of(ticket), asyncio.get_running_loop().create_future()
        self._waiting[key] = stepped
        waits = {asyncio.ensure_future(stepped)}
        if isinstance(self._clock, VirtualClock):
            waits.add(asyncio.ensure_future(self._clock.moved()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(key, None)
            for one in waits:
                one.cancel()

    def step(self, key: Key) -> bool:
        """Whether the job was waiting for it."""
        waiting = self._waiting.pop(key, None)
        if waiting is None or waiting.done():
            return False
        waiting.set_result(None)
        return True


PACES: Final[Mapping[str, Callable[[Clock], Pace]]] = {
    "timed": Timed,
    "immediate": lambda _: Immediate(),
    "manual": Manual,
}


def pace_of(word: str, clock: Clock) -> Pace:
    """Raises KeyError for a word that there is not."""
    return PACES[word](clock)
