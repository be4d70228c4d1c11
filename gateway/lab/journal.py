"""Every request of a world and its answer, in order, with what was meant. Bounded; what was dropped is counted."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from mediaglot.gateway.lab.matcher import Matcher

MOST: Final = 10_000
"""Entries that are kept."""
ROOM: Final = 100_000_000
"""Characters of them together."""
ASKED: Final = frozenset({"number", "at", "dialect", "operation", "account", "request", "intent"})
"""What of an entry is known before there is an answer."""
FIELDS: Final = ASKED | {"response", "fault", "job", "unread", "injected"}
NEAR: Final = 3
"""Near misses that are told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request. Secrets are masked already; ``intent`` and ``fault`` are trees of the neutral model.

    ``injected`` names the trouble that had a hand in the answer: such an answer proves nothing about the dialect.
    ``unread`` are the fields of the request that nothing here looks at.
    """

    number: int
    at: datetime
    dialect: str
    operation: str | None
    account: str
    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: str
    status: int | None
    """None where the connection was cut instead."""
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer: str = ""
    intent: Any = None
    fault: Any = None
    job: str | None = None
    unread: tuple[str, ...] = ()
    injected: tuple[str, ...] = ()
    length: int = 0
    """Characters of the whole body, all of which may be in the intent."""

    @property
    def size(self) -> int:
        lines = (*self.headers, *self.answer_headers)
        head = len(self.path) + len(self.query) + sum(len(name) + len(value) for name, value in lines)
        return head + max(len(self.body), self.length) + len(self.answer)

    def tree(self) -> dict[str, Any]:
        """As plain JSON, which matchers look at."""
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "dialect": self.dialect,
            "operation": self.operation,
            "account": self.account,
            "request": {
                "method": self.method,
                "path": self.path,
                "query": self.query,
                "headers": [list(line) for line in self.headers],
                "body": self.body,
            },
            "response": {
                "status": self.status,
                "headers": [list(line) for line in self.answer_headers],
                "body": self.answer,
            },
            "intent": self.intent,
            "fault": self.fault,
            "job": self.job,
            "unread": list(self.unread),
            "injected": list(self.injected),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """An entry that nearly matched, and what of the conditions did not hold."""

    entry: Entry
    misses: dict[str, list[Any]] = field(default_factory=dict)


class Journal:
    def __init__(self, most: int = MOST, room: int = ROOM) -> None:
        self.dropped = 0
        """Entries that made room for later ones."""
        self.total = 0
        """Entries that there were, since the last ``clear``."""
        self._entries: deque[Entry] = deque()
        self._most, self._room, self._held = most, room, 0
        self._news = asyncio.Condition()

    async def add(self, entry: Entry) -> None:
        self.total += 1
        self._entries.append(entry)
        self._held += entry.size
        while len(self._entries) > self._most or (self._held > self._room and len(self._entries) > 1):
            self._held -= self._entries.popleft().size
            self.dropped += 1
        async with self._news:
            self._news.notify_all()

    @property
    def next_number(self) -> int:
        return self.total + 1

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def find(self, matcher: Matcher) -> list[Entry]:
        """The entries that match, in order."""
        return [entry for entry in self._entries if matcher.matches(entry.tree())]

    def near(self, matcher: Matcher) -> list[Near]:
        """What nearly matched, the nearest first."""
        missed = [Near(entry=entry, misses=matcher.misses(entry.tree())) for entry in self._entries]
        some = [near for near in missed if 0 < len(near.misses) < max(2, len(matcher.conditions))]
        return sorted(some, key=lambda near: (len(near.misses), -near.entry.number))[:NEAR]

    async def wait(self, matcher: Matcher, count: int, seconds: float) -> list[Entry]:
        """What matches as soon as it is ``count`` entries; after ``seconds`` of real time whatever there is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: len(self.find(matcher)) >= count)
        return self.find(matcher)

    def clear(self) -> None:
        self._entries.clear()
        self.dropped = self.total = self._held = 0
