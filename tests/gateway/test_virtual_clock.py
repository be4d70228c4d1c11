"""Time that is moved on by hand: what falls into it really happens, also outside of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediaglot.gateway.clock import END, RealClock, VirtualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
async def begin() -> AsyncIterator[Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]]]:
    tasks: list[asyncio.Task[Any]] = []

    def start(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        tasks.append(asyncio.create_task(work))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_time_waits_for_what_happens_in_threads(clock: VirtualClock, begin: Any) -> None:
    """Each sleeper asks a thread that is slow, then sleeps on: all of it falls into one advance."""
    seen: list[tuple[str, float]] = []
    go = threading.Event()

    async def ask(name: str) -> None:
        for _ in range(3):
            await clock.sleep(10)
            with clock.busy():
                await asyncio.to_thread(go.wait, 0.02)
            for _ in range(10):
                await asyncio.sleep(0)
            seen.append((name, clock.monotonic()))

    tasks = [begin(ask(name)) for name in "ab"]
    await clock.advance(30)
    assert seen == [(name, time) for time in (10, 20, 30) for name in "ab"]
    await asyncio.gather(*tasks)


async def test_several_wait_until_nobody_is_busy(begin: Any) -> None:
    clock, end = VirtualClock(START, patience=60), asyncio.Event()

    async def work() -> None:
        with clock.busy():
            await end.wait()

    begin(work())
    await asyncio.sleep(0)
    waiting = [begin(clock.settle()) for _ in range(3)]
    await asyncio.sleep(0)
    end.set()
    async with asyncio.timeout(20):
        await asyncio.gather(*waiting)


async def test_what_never_ends_is_left_behind(begin: Any) -> None:
    clock, never = VirtualClock(START, patience=0.05), asyncio.Event()

    async def hang() -> None:
        with clock.busy():
            await never.wait()

    begin(hang())
    await clock.advance(3600)
    assert clock.monotonic() == 3600


async def test_from_event_to_event(clock: VirtualClock, begin: Any) -> None:
    seen: list[float] = []

    async def nap(*lengths: float) -> None:
        for seconds in lengths:
            await clock.sleep(seconds)
            seen.append(clock.monotonic())

    begin(nap(0.1, 0.2))
    begin(nap(0.1))
    assert await clock.step() == pytest.approx(0.1)
    assert seen == [0.1, 0.1], "both are due at that moment"
    assert await clock.step() == pytest.approx(0.2)
    assert seen[2:] == [0.3], "in whole microseconds, without the errors of fractions"
    assert await clock.step() is None
    assert clock.monotonic() == 0.3


async def test_who_may_be_late_is_woken_once_a_jump_and_in_order(clock: VirtualClock, begin: Any) -> None:
    seen: list[str] = []

    async def look(name: str, every: float, late: int) -> None:
        while True:
            await clock.sleep(every, late=late)
            seen.append(name)

    begin(look("reaper", 30, 2))
    begin(look("beat", 10, 1))
    await clock.advance(30 * 86_400)
    assert seen == ["beat", "reaper"]
    await clock.advance(10)
    assert seen == ["beat", "reaper", "beat"]
    assert clock.next_event is None
    assert await clock.step() is None, "looking after something is no event"


async def test_it_runs_stands_still_and_runs_again(clock: VirtualClock, begin: Any) -> None:
    woken = begin(clock.sleep(3600))
    looked = begin(clock.sleep(1800, late=1))
    assert clock.speed == 0
    clock.run(speed=1e6)
    async with asyncio.timeout(20):
        await woken
        await looked
    assert clock.now() >= START + timedelta(hours=1)
    clock.freeze()
    stands = clock.now()
    await RealClock().sleep(0.01)
    assert clock.now() == stands
    clock.run(speed=1e6)
    async with asyncio.timeout(20):
        await clock.sleep(60)
    assert clock.now() >= stands + timedelta(seconds=60)


async def test_a_running_clock_can_be_moved_on_too(begin: Any) -> None:
    clock = VirtualClock(START, speed=1)
    woken = begin(clock.sleep(3600))
    await clock.advance(3600)
    assert woken.done()
    assert START + timedelta(hours=1) <= clock.now() < START + timedelta(hours=1, minutes=1)
    assert clock.speed == 1


async def test_it_can_be_set(clock: VirtualClock, begin: Any) -> None:
    woken = begin(clock.sleep(60))
    await clock.set(START + timedelta(minutes=1))
    assert woken.done()
    later = begin(clock.sleep(60))
    await clock.set(START - timedelta(days=1))
    assert clock.now() == START - timedelta(days=1)
    assert (clock.monotonic(), later.done()) == (60, False)
    await clock.advance(60)
    assert later.done()


async def test_somebody_may_wait_until_it_is_moved(clock: VirtualClock, begin: Any) -> None:
    seen: list[float] = []

    async def follow() -> None:
        while True:
            await clock.moved()
            seen.append(clock.monotonic())

    begin(follow())
    await clock.settle()
    await clock.advance(5)
    await clock.advance(0.5)
    assert seen == [5, 5.5]


async def test_it_can_be_set_back_again_and_again(clock: VirtualClock) -> None:
    for _ in range(30):
        await clock.advance(100 * 365 * 86_400)
        await clock.set(START)
    assert clock.now() == START


async def test_it_stops_at_the_end(clock: VirtualClock, begin: Any) -> None:
    begin(clock.sleep(3000 * 366 * 86_400))
    clock.run(speed=1e15)
    await RealClock().sleep(0.001)
    assert clock.now() == END
    assert (clock.next_event, await clock.step()) == (None, None), "what is due later never comes"
    await clock.set(START)
    clock.freeze()
    woken = begin(clock.sleep(60))
    await clock.advance(60)
    assert woken.done()
