"""Letter boxes on this server: what a job's notifications bring, so that a test needs no receiver of its own."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from mediaglot.gateway.lab.matcher import Matcher
from mediaglot.gateway.lab.word import check

FIELDS: Final = frozenset({"number", "at", "method", "query", "headers", "body"})
BOXES: Final = 10_000
MOST: Final = 1000
"""Messages in one box; older ones make room."""
ROOM: Final = 100_000_000
"""Characters of all messages together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    number: int
    at: datetime
    method: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def size(self) -> int:
        return len(self.body) + len(self.query) + sum(len(name) + len(value) for name, value in self.headers)

    def tree(self) -> dict[str, Any]:
        lines = [list(line) for line in self.headers]
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "method": self.method,
            "query": self.query,
            "headers": lines,
            "body": self.body,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a box answers: ``status`` for the next ``times`` messages, or for all with None. It keeps all."""

    status: int = 200
    times: int | None = None

    @classmethod
    def read(cls, document: Any) -> Self:
        """Raises ValueError, whose text says what to change."""
        check(document, {"status", "times"}, "an inbox's answer")
        if type(document.get("status")) is not int or not 200 <= document["status"] <= 599:
            raise ValueError("status is a number from 200 to 599")
        times = document.get("times")
        if times is not None and (type(times) is not int or times < 1):
            raise ValueError("times is a whole number from 1 on")
        return cls(status=document["status"], times=times)


class Inbox:
    """All boxes of a server, by name; the one that was used least lately makes room for a new one."""

    def __init__(self) -> None:
        self._boxes: OrderedDict[str, deque[Message]] = OrderedDict()
        self._counts: dict[str, int] = {}
        self._manners: dict[str, Manners] = {}
        self._news = asyncio.Condition()
        self._held = 0

    async def put(
        self, name: str, at: datetime, method: str, query: str, headers: tuple[tuple[str, str], ...], body: str
    ) -> int:
        """The status to answer with."""
        self._counts[name] = number = self._counts.get(name, 0) + 1
        box = self._boxes.setdefault(name, deque())
        self._boxes.move_to_end(name)
        box.append(Message(number=number, at=at, method=method, query=query, headers=headers, body=body))
        self._held += box[-1].size
        while len(box) > MOST or (self._held > ROOM and len(self._boxes) == 1 and len(box) > 1):
            self._held -= box.popleft().size
        while len(self._boxes) > 1 and (len(self._boxes) > BOXES or self._held > ROOM):
            self.clear(next(iter(self._boxes)))
        async with self._news:
            self._news.notify_all()
        return self._status(name)

    def _status(self, name: str) -> int:
        manners = self._manners.get(name, Manners())
        if manners.times is not None:
            self._manners[name] = Manners(status=manners.status, times=manners.times - 1)
            if manners.times <= 1:
                del self._manners[name]
        return manners.status

    def behave(self, name: str, manners: Manners) -> None:
        self._manners[name] = manners

    def messages(self, name: str, matcher: Matcher | None = None) -> list[Message]:
        wanted = matcher or Matcher()
        return [message for message in self._boxes.get(name, ()) if wanted.matches(message.tree())]

    async def wait(self, name: str, matcher: Matcher, count: int, seconds: float) -> list[Message]:
        """The messages that match as soon as there are ``count``; after ``seconds`` of real time those that are."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(lambda: len(self.messages(name, matcher)) >= count)
        return self.messages(name, matcher)

    def empty(self, prefix: str, but: tuple[str, ...] = ()) -> None:
        """All boxes whose names begin so, and not as ``but`` says."""
        for name in {*self._counts, *self._manners}:
            if name.startswith(prefix) and not name.startswith(but):
                self.clear(name)

    def clear(self, name: str) -> None:
        self._held -= sum(message.size for message in self._boxes.pop(name, ()))
        self._counts.pop(name, None)
        self._manners.pop(name, None)
