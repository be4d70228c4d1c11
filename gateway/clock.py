"""The only source of time: the machine's, or one of its own that stands still, runs, or is moved on by hand."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol

MICRO: Final = 1_000_000
END: Final = datetime(3000, 1, 1, tzinfo=UTC)
"""Where a clock of one's own stops: what is reckoned from there, such as an expiry, is a date yet."""
PASSES: Final = 30
"""Turns of the event loop in which nothing was begun, after which nothing will be."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The time of day, aware and in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only grow, from an arbitrary start."""
        ...

    async def sleep(self, seconds: float, *, late: int = 0) -> None:
        """Whoever may be ``late`` looks after something now and then: where time jumps, once at the end of the jump is
        enough for him, and those with the smaller number come first."""
        ...

    def busy(self) -> AbstractContextManager[None]:
        """Around what happens outside of the event loop (a database, a receiver of messages): time can wait for it."""
        ...


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float, *, late: int = 0) -> None:
        await asyncio.sleep(seconds)
        for _ in range(late):  # where all of the process stood still for a while, several wake at once
            await asyncio.sleep(0)

    def busy(self) -> AbstractContextManager[None]:
        return nullcontext()


class Onward:
    """The time of day of a clock that may be set back: then this one goes on from where it was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at, self._since = clock.now(), clock.monotonic()

    def now(self) -> datetime:
        shown, since = self._clock.now(), self._clock.monotonic()
        reckoned = self._at + timedelta(seconds=since - self._since)
        if shown < reckoned:
            return reckoned
        self._at, self._since = shown, since
        return shown


class Sleeper(NamedTuple):
    due: int
    number: int
    late: int
    woken: asyncio.Future[None]


class VirtualClock:
    """Time of its own, in whole microseconds. It begins at ``start`` and stands still, or runs ``speed`` times as fast
    as the machine's.

    Moved on by hand, it wakes the sleepers whose time has come one by one, in order, and before it goes on it lets
    happen what they were woken for: see ``settle``.
    """

    def __init__(self, start: datetime, *, speed: float = 0.0, patience: float = 5.0) -> None:
        """``patience`` is how many seconds of the machine's the clock waits for what is ``busy``, at most."""
        self._start, self._patience = start, patience
        self._elapsed, self._speed, self._since = 0, 0.0, 0.0
        self._shown = 0
        """Microseconds between the time since the start and what the clock shows: it was set back."""
        self._numbers = itertools.count()
        self._sleepers: list[Sleeper] = []
        self._lates: list[Sleeper] = []
        self._moves: list[asyncio.Future[None]] = []
        self._bell: asyncio.TimerHandle | None = None
        self._moving = asyncio.Lock()
        self._busy = self._begun = 0
        self._idle: asyncio.Future[None] | None = None
        self.run(speed)

    def now(self) -> datetime:
        return self._start + timedelta(microseconds=self._shown + self._time())

    def monotonic(self) -> float:
        return self._time() / MICRO

    async def sleep(self, seconds: float, *, late: int = 0) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeper = Sleeper(self._time() + max(1, round(seconds * MICRO)), next(self._numbers), late, woken)
        heapq.heappush(self._lates if late else self._sleepers, sleeper)
        self._set_bell()
        await woken

    async def moved(self) -> None:
        """Until the clock has been moved on by hand once more, however far."""
        moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._moves.append(moved)
        await moved

    # --- by hand ------------------------------------------------------------------------------------

    @property
    def speed(self) -> float:
        """0 while it stands still."""
        return self._speed

    def run(self, speed: float = 1.0) -> None:
        """Go on by itself, ``speed`` times as fast as the machine's clock."""
        self._elapsed, self._since, self._speed = self._time(), time.monotonic(), speed
        self._set_bell()

    def freeze(self) -> None:
        self.run(0.0)

    @property
    def next_due(self) -> float | None:
        """Seconds until the next sleeper wakes, None while nobody sleeps."""
        return self._left(self._sleepers, self._lates)

    @property
    def next_event(self) -> float | None:
        """How far ``step`` would go, None where nothing is to come: whoever may be late is no event."""
        return self._left(self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, and everything happen that falls into them."""
        async with self._by_hand():
            await self._go(self._elapsed + round(seconds * MICRO))

    async def step(self) -> float | None:
        """Go on to the next event, and let it happen; the seconds until then, None where nothing is to come."""
        async with self._by_hand():
            await self.settle()
            if not _awake(self._sleepers) or self._sleepers[0].due > self._last:
                return None
            before, to = self._elapsed, max(self._elapsed, self._sleepers[0].due)
            await self._go(to)
            return (to - before) / MICRO

    async def set(self, moment: datetime) -> None:
        """Make it ``moment``. What lies between happens; the way back changes only what the clock shows."""
        seconds = (moment - self.now()) / timedelta(seconds=1)
        if seconds < 0:
            self.run(self._speed)
            self._shown += round(seconds * MICRO)
            self._set_bell()
            return
        await self.advance(seconds)

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._busy += 1
        self._begun += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy and self._idle is not None and not self._idle.done():
                self._idle.set_result(None)

    async def settle(self) -> None:
        """Let everything happen that can without more time: until nobody is busy, nor becomes so for some turns of
        the event loop. What is still busy when there is no patience left is left behind."""
        loop = asyncio.get_running_loop()
        ends, quiet, begun = loop.time() + self._patience, 0, self._begun
        while quiet < PASSES and loop.time() < ends:
            if self._busy:
                if self._idle is None or self._idle.done():  # several may wait
                    self._idle = loop.create_future()
                await asyncio.wait({self._idle}, timeout=max(0.0, ends - loop.time()))
            await asyncio.sleep(0)
            quiet = quiet + 1 if begun == self._begun and not self._busy else 0
            begun = self._begun

    # --- inside -------------------------------------------------------------------------------------

    def _left(self, *heaps: list[Sleeper]) -> float | None:
        ends = [heap[0].due for heap in map(_awake, heaps) if heap]
        return max(0, min(ends) - self._time()) / MICRO if ends and min(ends) <= self._last else None

    def _time(self) -> int:
        if not self._speed:
            return self._elapsed
        return min(self._elapsed + int((time.monotonic() - self._since) * self._speed * MICRO), self._last)

    @property
    def _last(self) -> int:
        """The time at END, or now where that is later."""
        return max(self._elapsed, (END - self._start) // timedelta(microseconds=1) - self._shown)

    def _by_hand(self) -> _Hand:
        return _Hand(self, self._moving)

    async def _go(self, end: int) -> None:
        await self.settle()
        while _awake(self._sleepers) and self._sleepers[0].due <= end:
            await self._jump(max(self._elapsed, self._sleepers[0].due))
        await self._jump(end)
        moves, self._moves = self._moves, []
        for moved in moves:
            if not moved.done():
                moved.set_result(None)
        await self.settle()

    async def _jump(self, to: int) -> None:
        self._elapsed = to
        lates = [heapq.heappop(self._lates) for one in sorted(self._lates) if one.due <= to]
        for sleeper in sorted(lates, key=lambda one: (one.late, one.due, one.number)):
            await self._wake(sleeper)
        while _awake(self._sleepers) and self._sleepers[0].due <= to:
            await self._wake(heapq.heappop(self._sleepers))

    async def _wake(self, sleeper: Sleeper) -> None:
        if not sleeper.woken.done():
            sleeper.woken.set_result(None)
            await self.settle()

    def _set_bell(self) -> None:
        """While the clock runs, the event loop wakes the sleepers."""
        if self._bell is not None:
            self._bell.cancel()
            self._bell = None
        due = self.next_due
        if self._speed and due is not None:
            self._bell = asyncio.get_running_loop().call_later(due / self._speed, self._ring)

    def _ring(self) -> None:
        for heap in (self._lates, self._sleepers):
            while _awake(heap) and heap[0].due <= self._time():
                heapq.heappop(heap).woken.set_result(None)
        self._set_bell()


class _Hand:
    """One at a time moves the clock, which stands still meanwhile."""

    def __init__(self, clock: VirtualClock, alone: asyncio.Lock) -> None:
        self._clock, self._alone, self._speed = clock, alone, 0.0

    async def __aenter__(self) -> None:
        await self._alone.acquire()
        self._speed = self._clock.speed
        self._clock.freeze()

    async def __aexit__(self, *_: object) -> None:
        self._clock.run(self._speed)
        self._alone.release()


def _awake(heap: list[Sleeper]) -> list[Sleeper]:
    """The heap without those at its top who were cancelled."""
    while heap and heap[0].woken.done():
        heapq.heappop(heap)
    return heap
