"""Jobs at rest: at their end, held, or waiting for what only time brings."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from mediaglot.gateway.model import TERMINAL, Status
from mediaglot.gateway.store import Key, Store, Topic

PATIENCE: Final = 5.0
"""Seconds of the machine's that somebody waits for a job to come to rest."""


class Rest:
    """Tells those who ask when a job has come to rest."""

    def __init__(self) -> None:
        self._resting: Counter[Key] = Counter()
        self._waiting: defaultdict[Key, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def at(self, key: Key) -> Iterator[None]:
        """The job waits for time inside of the block."""
        self._resting[key] += 1
        self.notice((key,))
        try:
            yield
        finally:
            self._resting[key] -= 1
            if not self._resting[key]:
                del self._resting[key]

    def watch(self, store: Store) -> None:
        store.watch(Topic.TICKETS, self.notice)

    def notice(self, keys: Iterable[Key]) -> None:
        for key in keys:
            for news in self._waiting.get(key, ()):
                news.set()

    async def reached(self, key: Key, store: Store) -> None:
        """Until the job is at rest, as long as there is patience for that."""
        news = asyncio.Event()
        self._waiting[key].add(news)
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self._is_there(key, store):
                    await news.wait()
                    news.clear()
        except TimeoutError:
            return
        finally:
            self._waiting[key].discard(news)
            if not self._waiting[key]:
                del self._waiting[key]

    async def _is_there(self, key: Key, store: Store) -> bool:
        ticket = store.peek(key) or await store.get(key)
        return ticket is None or ticket.status in TERMINAL or ticket.status is Status.HELD or key in self._resting
