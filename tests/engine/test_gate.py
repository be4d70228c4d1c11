"""Admission: who gets in, who waits, in which order, and what cancelling gives back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mediaglot.gateway.engine.gate import Gate


class Hall:
    """Guests of a gate, who stay until they are sent away."""

    def __init__(self, limit: int | None, seats: int | None = None) -> None:
        self.gate = Gate(limit, seats=seats)
        self.inside: list[str] = []
        self.asked: list[str] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._leave: dict[str, asyncio.Event] = {}

    async def come(self, name: str, need: int, **order: Any) -> None:
        self._leave[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._stay(name, need, order))
        await settled()

    async def _stay(self, name: str, need: int, order: dict[str, Any]) -> None:
        async def wait() -> None:
            self.asked.append(name)

        async with self.gate.room(need, wait=wait, **order):
            self.inside.append(name)
            try:
                await self._leave[name].wait()
            finally:
                self.inside.remove(name)

    async def go(self, name: str) -> None:
        self._leave[name].set()
        await self._tasks[name]
        await settled()

    async def cancel(self, name: str) -> None:
        self._tasks[name].cancel()
        await asyncio.gather(self._tasks[name], return_exceptions=True)
        await settled()

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def settled() -> None:
    """Every task that can go on has."""
    for _ in range(10):
        await asyncio.sleep(0)


@asynccontextmanager
async def hall(limit: int | None, seats: int | None = None) -> AsyncIterator[Hall]:
    one = Hall(limit, seats)
    try:
        yield one
    finally:
        await one.close()


async def test_those_who_fit_together_are_in_together() -> None:
    async with hall(100) as one:
        await one.come("a", 60)
        await one.come("b", 40)
        assert (one.inside, one.gate.used, one.asked) == (["a", "b"], 100, [])


async def test_one_that_does_not_fit_waits_until_there_is_room() -> None:
    async with hall(100) as one:
        await one.come("a", 60)
        await one.come("b", 41)
        assert (one.inside, one.asked, one.gate.waiting) == (["a"], ["b"], 1)
        await one.go("a")
        assert (one.inside, one.gate.used) == (["b"], 41)


async def test_one_that_is_larger_than_all_runs_alone() -> None:
    async with hall(100) as one:
        await one.come("huge", 500)
        await one.come("small", 1)
        assert one.inside == ["huge"]
        await one.go("huge")
        await one.come("huger", 900)
        assert one.inside == ["small"]
        await one.go("small")
        assert one.inside == ["huger"]


async def test_nobody_overtakes_a_large_one_whose_turn_it_is() -> None:
    async with hall(100) as one:
        await one.come("a", 60, place=1)
        await one.come("large", 90, place=2)
        await one.come("small", 10, place=3)
        assert one.inside == ["a"], "small would fit, and large would wait for ever if all small ones went ahead"
        await one.go("a")
        assert one.inside == ["large", "small"]


async def test_turns_go_by_priority_then_by_submission() -> None:
    async with hall(10) as one:
        await one.come("first", 10)
        for name, priority, place in (("late", 0, 9), ("urgent", 5, 8), ("early", 0, 3)):
            await one.come(name, 10, priority=priority, place=place)
        seen = []
        for _ in range(4):
            (name,) = one.inside
            seen.append(name)
            await one.go(name)
        assert seen == ["first", "urgent", "early", "late"]


async def test_one_that_is_cancelled_while_waiting_gives_up_its_turn() -> None:
    async with hall(100) as one:
        await one.come("a", 60, place=1)
        await one.come("large", 90, place=2)
        await one.come("small", 10, place=3)
        await one.cancel("large")
        assert (one.inside, one.gate.waiting, one.gate.used) == (["a", "small"], 0, 70)


async def test_one_that_is_cancelled_inside_gives_its_room_back() -> None:
    async with hall(100) as one:
        await one.come("a", 60)
        await one.come("b", 60)
        await one.cancel("a")
        assert (one.inside, one.gate.used) == (["b"], 60)


async def test_one_that_is_cancelled_in_the_moment_of_its_admission_gives_its_room_back() -> None:
    async with hall(100) as one:
        await one.come("a", 60)
        await one.come("b", 60)
        one._leave["a"].set()
        await one._tasks["a"]
        await one.cancel("b")
        assert (one.inside, one.gate.used, one.gate.waiting) == ([], 0, 0)


async def test_a_failure_inside_gives_the_room_back() -> None:
    gate = Gate(10)
    with pytest.raises(ZeroDivisionError):
        async with gate.room(10):
            1 / 0  # noqa: B018
    assert gate.used == 0


async def test_without_a_limit_all_are_in() -> None:
    async with hall(None) as one:
        for name in "abc":
            await one.come(name, 10**12)
        assert one.inside == ["a", "b", "c"]


async def test_there_are_only_so_many_seats_whatever_the_need() -> None:
    async with hall(None, seats=2) as one:
        for name in "abc":
            await one.come(name, 0)
        assert (one.inside, one.asked) == (["a", "b"], ["c"])
        await one.go("a")
        assert one.inside == ["b", "c"]


async def test_a_seat_is_free_when_its_guest_leaves_it_though_he_stays_in_the_house() -> None:
    gate = Gate(100, seats=1)
    async with gate.room(60) as leave:
        leave()
        leave()
        assert gate.used == 0
        async with asyncio.timeout(10), gate.room(60):
            assert gate.used == 60
        assert gate.used == 0
    assert gate.used == 0


async def test_it_tells_whose_turn_is_next_and_when_somebody_has_to_wait() -> None:
    async with hall(None, seats=1) as one:
        told: list[int | None] = []
        one.gate.watch(lambda: told.append(one.gate.next))
        await one.come("a", 0, priority=7)
        assert (told, one.gate.next) == ([], None)
        await one.come("low", 0, priority=-2)
        await one.come("high", 0, priority=3)
        await one.come("lower", 0, priority=-5)
        assert told == [-2, 3, 3]
        await one.go("a")
        assert (one.inside, one.gate.next) == (["high"], -2)
