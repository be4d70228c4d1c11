"""The clocks: the real one is aware, the virtual one stands still until told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mediaglot.gateway.clock import RealClock, VirtualClock

START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_real_clock_is_in_utc_and_goes_forward() -> None:
    clock = RealClock()
    assert clock.now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()


async def test_the_real_clock_sleeps() -> None:
    clock = RealClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009


async def test_who_may_be_late_comes_last_where_the_process_stood_still() -> None:
    clock, woken = RealClock(), []

    async def sleeper(seconds: float, late: int) -> None:
        await clock.sleep(seconds, late=late)
        woken.append(late)

    async with asyncio.TaskGroup() as group:
        for seconds, late in ((0.01, 2), (0.02, 1), (0.03, 0)):
            group.create_task(sleeper(seconds, late))
        await asyncio.sleep(0)
        until = clock.monotonic() + 0.05
        while clock.monotonic() < until:
            pass
    assert woken == [0, 1, 2]


async def test_virtual_time_passes_only_by_hand() -> None:
    clock = VirtualClock(START)
    assert (clock.now(), clock.monotonic(), clock.next_due) == (START, 0, None)
    await clock.advance(90)
    assert (clock.now(), clock.monotonic()) == (START + timedelta(seconds=90), 90)


async def test_sleepers_wake_in_order_and_at_their_own_time() -> None:
    clock = VirtualClock(START)
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name, seconds in (("late", 3.0), ("early", 1.0), ("same", 3.0), ("now", 0.0)):
            group.create_task(sleeper(name, seconds))
        for _ in range(3):
            await asyncio.sleep(0)
        await clock.advance(2)
        assert woken == [("now", 0), ("early", 1)]
        assert clock.next_due == pytest.approx(1)
        await clock.advance(1)
    assert woken[2:] == [("late", 3), ("same", 3)]
    assert clock.next_due is None


async def test_a_sleeper_that_sleeps_again_wakes_within_one_advance() -> None:
    clock = VirtualClock(START)
    ticks: list[float] = []

    async def tick() -> None:
        for _ in range(3):
            await clock.sleep(10)
            ticks.append(clock.monotonic())

    task = asyncio.create_task(tick())
    await asyncio.sleep(0)
    await clock.advance(25)
    assert ticks == [10, 20]
    await clock.advance(5)
    await task
    assert ticks == [10, 20, 30]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = VirtualClock(START)
    task = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.next_due is None
    await clock.advance(10)
