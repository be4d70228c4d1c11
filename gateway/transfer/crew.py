"""Many pieces of work, a few of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def each(items: Sequence[T], work: Callable[[T], Awaitable[R]], *, most: int) -> list[R]:
    """What ``work`` makes of each, in their order, ``most`` at a time. The first fault ends the others, and is raised
    as it is."""
    waiting, found = iter(enumerate(items)), dict[int, R]()

    async def worker() -> None:
        for place, item in waiting:
            found[place] = await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(most, len(items))):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [found[place] for place in range(len(items))]
