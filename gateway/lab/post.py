"""The webhook lab: what befalls notifications between the outbox and their receivers.

What is dropped, delayed or held counts as delivered at the outbox, as it does for a sender whose messages are lost or
late on their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import replace
from typing import Any, Final

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.exchange import Headers
from mediaglot.gateway.lab.fate import Fates
from mediaglot.gateway.notify import Answer, Send
from mediaglot.gateway.store import Letter

SIGNED: Final = re.compile(r"sign|hmac|digest|token|secret|authorization", re.IGNORECASE)
"""Headers that a receiver checks."""
PATIENCE: Final = 60.0
"""Seconds that a held message waits for another one to overtake it."""
TAKEN: Final = Answer(202, "taken by the lab")


class Post:
    """A sender of letters around the real one; ``close`` it first, as what is delayed still goes through that."""

    def __init__(self, send: Send, clock: Clock, fates: Fates) -> None:
        self._send, self._clock, self._fates = send, clock, fates
        self._held: dict[str, list[Letter]] = {}
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, letter: Letter) -> Answer:
        fate = self._fates.meet(told(letter))
        if fate is None:
            answer = await self._send(letter)
        else:
            answer = await getattr(self, f"_{fate.verb}")(letter, fate.document[fate.verb])
        if fate is None or fate.verb != "reorder":
            await self._release(letter.target)
        return answer

    async def close(self) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _drop(self, letter: Letter, _: bool) -> Answer:
        return TAKEN

    async def _delay(self, letter: Letter, seconds: float) -> Answer:
        self._later(letter, seconds)
        return TAKEN

    async def _duplicate(self, letter: Letter, times: int) -> Answer:
        for _ in range(times):
            await self._send(letter)
        return await self._send(letter)

    async def _reorder(self, letter: Letter, _: bool) -> Answer:
        """It waits until another one for the same receiver has gone, or for PATIENCE seconds."""
        self._held.setdefault(letter.target, []).append(letter)
        self._task(self._give_up_waiting(letter))
        return TAKEN

    async def _corrupt(self, letter: Letter, what: str) -> Answer:
        return await self._send(corrupted(letter, what))

    async def _release(self, target: str) -> None:
        for letter in self._held.pop(target, ()):
            with contextlib.suppress(Exception):
                await self._send(letter)

    async def _give_up_waiting(self, letter: Letter) -> None:
        await self._clock.sleep(PATIENCE)
        if letter in self._held.get(letter.target, ()):
            self._held[letter.target].remove(letter)
            if not self._held[letter.target]:
                del self._held[letter.target]
            await self._send(letter)

    def _later(self, letter: Letter, seconds: float) -> None:
        async def send() -> None:
            await self._clock.sleep(seconds)
            await self._send(letter)

        self._task(send())

    def _task(self, work: Any) -> None:
        async def quietly() -> None:
            # What a receiver says of a message that counts as delivered interests nobody.
            with contextlib.suppress(Exception):
                await work

        task = asyncio.create_task(quietly())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def told(letter: Letter) -> dict[str, Any]:
    """What of a message a fate can be made to depend on."""
    key = letter.key
    return {
        "id": letter.id,
        "dialect": key.dialect,
        "job": key.id,
        "event": letter.event,
        "attempt": letter.attempts + 1,
        "method": letter.method,
        "headers": dict(letter.headers.lines),
        "body": letter.body.decode("utf-8", "replace"),
    }


def corrupted(letter: Letter, what: str) -> Letter:
    """With a wrong character in each header that a receiver checks, or in the middle of the body."""
    if what == "body":
        middle = len(letter.body) // 2
        return replace(letter, body=letter.body[:middle] + b"\xff" + letter.body[middle + 1 :])
    lines = tuple((name, _wrong(value) if SIGNED.search(name) else value) for name, value in letter.headers.lines)
    return replace(letter, headers=Headers(lines=lines))


def _wrong(value: str) -> str:
    return value[:-1] + ("0" if value[-1:] != "0" else "1")
