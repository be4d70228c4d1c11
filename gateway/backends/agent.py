"""An agent at one provider: runs errands there, and minds the manners: passes, pace, time-outs, a circuit breaker."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Final, TypeVar

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.errand import Client, Errand, Login, Pass, unavailable
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import Fault, Invalid, Malformed, Refused, Unauthorized, Unavailable
from mediaglot.gateway.model import masked

LOG = logging.getLogger(__name__)
T = TypeVar("T")
Send = Callable[[Request], Awaitable[Response]]
"""Brings a request to the provider. Raises Unavailable where no answer came."""
EARLY: Final = 0.9
"""The part of a pass's lifetime after which it is not used any more."""
LONGEST_WAIT: Final = 300.0
"""A provider that asks for more patience than this gets this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a provider is treated. Times are in seconds."""

    concurrency: int = 8
    per_second: float = 20.0
    timeout: float = 30.0
    tries: int = 4
    """Of what may be asked twice; in a row, without a usable answer."""
    wait: float = 0.5
    """Before the second try; doubled for each further one, with jitter."""
    failures: int = 5
    """In a row, which open the breaker."""
    cool: float = 15.0
    """From then on nobody asks for so long; then one does, and what becomes of that decides."""
    poll: float = 1.0
    slowest_poll: float = 20.0
    patience: float = 3600.0
    """How long a provider that does not answer may keep a job waiting."""
    longest: float = 7 * 86400.0
    """How long a job may take there; then it is stopped, and has failed for the provider's reasons."""
    settle: float = 5.0
    """How long a request whose answer did not come may still be under way: so long it is not sent again."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Spares a provider that does not answer, and everybody who would wait for it."""

    def __init__(self, clock: Clock, manners: Manners) -> None:
        self._clock, self._manners = clock, manners
        self.failures = 0
        self._until = 0.0
        self._trying = False

    @property
    def is_tripped(self) -> bool:
        """Whether it is not closed."""
        return self.failures >= self._manners.failures

    @property
    def state(self) -> State:
        if not self.is_tripped:
            return State.CLOSED
        return State.OPEN if self._clock.monotonic() < self._until else State.HALF_OPEN

    @property
    def shut(self) -> bool:
        """Whether nobody shall ask: it is open, or somebody tries already."""
        return self.state is State.OPEN or (self.state is State.HALF_OPEN and self._trying)

    def check(self) -> State:
        """Raises Unavailable while nobody shall ask."""
        if self.shut:
            left = max(self._until - self._clock.monotonic(), 1.0)
            raise Unavailable(reason="breaker", retry_after=round(left))
        return self.state

    def enter(self) -> None:
        """As ``check``; the first one after that time is the trial."""
        self._trying = self.check() is State.HALF_OPEN

    def leave(self, *, well: bool | None) -> None:
        """``well`` None: nothing was learned."""
        self._trying = False
        if well:
            self.failures = 0
        elif well is False:
            self.failures += 1
            self._until = self._clock.monotonic() + self._manners.cool


class Pace:
    """So many requests a second, evenly, and so many at once."""

    def __init__(self, clock: Clock, manners: Manners) -> None:
        self._clock, self._apart = clock, 1.0 / manners.per_second
        self._seats = asyncio.Semaphore(manners.concurrency)
        self._next = 0.0

    async def __aenter__(self) -> None:
        await self._seats.acquire()
        try:
            now = self._clock.monotonic()
            turn, self._next = self._next, max(self._next, now) + self._apart
            if turn > now:
                await self._clock.sleep(turn - now)
        except BaseException:
            self._seats.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._seats.release()


class Agent:
    """One account at one provider, shared by everybody whose work goes there."""

    def __init__(
        self, name: str, client: Client, login: Login, send: Send, clock: Clock, chance: Random, manners: Manners
    ) -> None:
        self.name, self.client, self.manners = name, client, manners
        self.breaker = Breaker(clock, manners)
        self._login, self._send, self._clock, self._chance = login, send, clock, chance
        self._pace = Pace(clock, manners)
        self._pass: Pass | None = None
        self._ends: float | None = None
        self._entering = asyncio.Lock()
        self.sent = self.failed = self.open = 0
        """Requests since the start: all, those without a usable answer, and those that wait for one."""

    def discreet(self, fault: Fault) -> Fault:
        """The same without our own secret: a provider may say it when it complains, and clients hear what it says."""
        own = (self._login.secret.reveal(),)
        return type(fault)(
            **{key: masked(said, own) if isinstance(said, str) else said for key, said in fault.data.items()}
        )

    async def run(self, errand: Callable[[Pass], Errand[T]], *, again: bool = True) -> T:
        """What the errand comes to. ``again``: it may be done twice, so it is when no usable answer came; not while
        the breaker is open, for which nobody waits here, and not where the patience would be over by then.

        Raises Refused for what the provider does not want, Unavailable where it gave no usable answer.
        """
        if not again:
            return await self._let_in(errand)
        for number in range(1, self.manners.tries):
            try:
                return await self._told(errand)
            except Unavailable as fault:
                pause = self.pause(fault, number)
                if self.breaker.state is State.OPEN or pause > self.manners.patience:
                    raise
                await self._clock.sleep(pause)
        return await self._told(errand)

    async def pass_on(self, request: Request) -> Response:
        """The answer to somebody else's request, with no pass of ours. Raises Unavailable."""
        return await self._answer(request)

    def pause(self, fault: Unavailable, number: int) -> float:
        """Seconds to wait after the failure of that number: what the provider asked for, or ever more, with jitter."""
        grown = min(self.manners.wait * 2 ** (number - 1), self.manners.cool)
        least = float(fault.data.get("retry_after") or 0)
        return float(min(max(grown * self._chance.uniform(0.5, 1.5), least), LONGEST_WAIT))

    async def _told(self, errand: Callable[[Pass], Errand[T]]) -> T:
        """A no without a word of the provider's is somebody's between, and no end of what the provider has already."""
        try:
            return await self._let_in(errand)
        except Refused as fault:
            if is_spoken(fault):
                raise
            raise Unavailable(status=fault.data["status"], reason="unreadable") from fault

    async def _let_in(self, errand: Callable[[Pass], Errand[T]]) -> T:
        """With the pass at hand; with a new one where that one is not good any more."""
        permit = await self._permit()
        try:
            return await self._drive(errand(permit))
        except Refused as fault:
            if not isinstance(fault.meaning, Unauthorized):
                raise
            if self._pass is permit:
                self._pass = None
        return await self._drive(errand(await self._permit()))

    async def _permit(self) -> Pass:
        async with self._entering:
            if self._pass is None or (self._ends is not None and self._clock.monotonic() >= self._ends):
                self._pass = await self._drive(self.client.enter(self._login))
                lifetime = self._pass.lifetime
                self._ends = None if lifetime is None else self._clock.monotonic() + lifetime * EARLY
            return self._pass

    async def _drive(self, errand: Errand[T]) -> T:
        response = None
        try:
            request = next(errand)
            while True:
                response = await self._answer(request)
                request = errand.send(response)
        except StopIteration as end:
            value: T = end.value
            return value
        except (Invalid, Malformed) as fault:  # a value of the answer's, where there was one
            if response is None:
                raise
            raise unavailable(response, "unreadable") from fault
        finally:
            errand.close()

    async def _answer(self, request: Request) -> Response:
        self.breaker.check()
        self.open += 1
        try:
            async with self._pace:  # while one waits for that, the breaker may open
                self.breaker.enter()
                return await self._ask(request)
        finally:
            self.open -= 1

    async def _ask(self, request: Request) -> Response:
        self.sent += 1
        well: bool | None = None
        try:
            async with asyncio.timeout(self.manners.timeout):
                response = await self._send(request)
            well = response.status < 500
        except TimeoutError:
            well = False
            raise Unavailable(reason="timeout") from None
        except Unavailable:
            well = False
            raise
        finally:
            self._note(well)
        return response

    def _note(self, well: bool | None) -> None:
        before = self.breaker.is_tripped
        self.breaker.leave(well=well)
        self.failed += well is False
        if self.breaker.is_tripped and not before:
            said = "%s has given no usable answer %d times in a row: it is asked by one at a time, %g seconds apart"
            LOG.warning(said, self.name, self.breaker.failures, self.manners.cool)
        elif before and not self.breaker.is_tripped:
            LOG.warning("%s answers again", self.name)


def is_spoken(fault: Refused) -> bool:
    """Whether the provider said no in its own dialect, in which refusals have a code or a text."""
    status = fault.data.get("status") or 200
    return status < 300 or bool(fault.data.get("error") or fault.data.get("text"))


class Aside:
    """Tasks beside the work of jobs, which nobody waits for; ``close`` ends them. Made on the loop that runs them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, doing: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._begin, doing)

    def _begin(self, doing: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        task = self._loop.create_task(doing())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
