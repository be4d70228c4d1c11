"""Whoever waits for a slow transfer steps aside, until it is slow no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.transfer.tempo import SLOW, SPAN, unhurried

FAST = int(SLOW * SPAN)


class Way:
    def __init__(self) -> None:
        self.seen = list[str]()

    @contextmanager
    def aside(self) -> Iterator[None]:
        self.seen.append("aside")
        try:
            yield
        finally:
            self.seen.append("back")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))


async def test_as_long_as_it_is_slow(clock: VirtualClock) -> None:
    way, told = Way(), list[tuple[int, int | None]]()
    async with unhurried(clock, way.aside, lambda done, whole: told.append((done, whole))) as progress:
        await clock.settle()
        progress(FAST, None)
        await clock.advance(SPAN)
        assert way.seen == []
        progress(FAST + 1, None)
        await clock.advance(SPAN)
        assert way.seen == ["aside"]
        await clock.advance(SPAN)
        assert way.seen == ["aside"]
        progress(2 * FAST + 1, None)
        await clock.advance(SPAN)
        assert way.seen == ["aside", "back"]
        await clock.advance(SPAN)
        assert way.seen == ["aside", "back", "aside"]
    await asyncio.sleep(0)
    assert way.seen == ["aside", "back", "aside", "back"]
    assert told == [(FAST, None), (FAST + 1, None), (2 * FAST + 1, None)]


async def test_bytes_that_come_again_count_again(clock: VirtualClock) -> None:
    """A transfer that begins anew is not slow for it."""
    way = Way()
    async with unhurried(clock, way.aside, None) as progress:
        await clock.settle()
        progress(FAST, FAST)
        await clock.advance(SPAN)
        progress(0, FAST)
        progress(FAST, FAST)
        await clock.advance(SPAN)
    assert way.seen == []
