"""The outbox at work: letters that were committed along with a state change reach their receivers.

At least once, in order per ticket and target, with a longer and longer wait between attempts, given up visibly.
Hosts don't wait for one another: each has few deliveries under way at once, and all together have a bound. Of each
attempt it is written down what came of it, without credentials.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple

from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock, Onward
from mediaglot.gateway.dialect import Insistence
from mediaglot.gateway.model import credentials_of, is_credential, masked
from mediaglot.gateway.store import Attempt, Key, Letter, LetterState, Store, Topic

LOG = logging.getLogger(__name__)
EXCERPT: Final = 500
"""Characters of an answer that the delivery log keeps."""


class Answer(NamedTuple):
    """What a receiver said. 200 to 299 is success, unless a dialect says more; everything else is tried again."""

    status: int
    text: str = ""


class Undeliverable(Exception):
    """No attempt will go better: the letter is given up at once. The text, without secrets, goes to the log."""


Send = Callable[[Letter], Coroutine[Any, Any, Answer]]
"""Delivers one letter. Raises Undeliverable, or whatever it likes when there is no answer: the class's name goes to
the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Seconds before attempt 2, 3 ...: ``first``, doubled each time up to ``most``, less a random half at most."""

    first: float = 5.0
    most: float = 3600.0

    def seconds(self, attempts: int, chance: float) -> float:
        return float(min(self.most, self.first * 2.0 ** min(attempts - 1, 50))) * (1 - chance / 2)


class Courier:
    """``retries`` attempts in all; ``timeout`` seconds for each; ``parallel`` at once, ``per_host`` to one host.

    ``insistence`` says of a dialect, by name, what goes before that.
    """

    def __init__(
        self,
        store: Store,
        send: Send,
        clock: Clock,
        *,
        retries: int = 10,
        backoff: Backoff | None = None,
        timeout: float = 30.0,
        parallel: int = 128,
        per_host: int = 4,
        chance: Chance = SYSTEM,
        insistence: Callable[[str], Insistence] = lambda _: Insistence(),
    ) -> None:
        self._store = store
        self._send = send
        self._clock = clock
        self._retries = retries
        self._backoff = backoff or Backoff()
        self._timeout = timeout
        self._parallel = parallel
        self._per_host = per_host
        self._time = Onward(clock)
        """By which letters are due."""
        self._checked = False
        self._chance = chance
        self._insistence = insistence
        self._news = asyncio.Event()
        self._under_way: dict[tuple[Key, str], asyncio.Task[None]] = {}
        self._just_ended: set[tuple[Key, str]] = set()
        self._hosts: Counter[str] = Counter()
        store.watch(Topic.LETTERS, lambda _: self._news.set())

    async def run(self) -> None:
        """Deliver until cancelled. What is under way then is not recorded, and goes out again with the next run."""
        self._checked = False
        try:
            while True:
                self._news.clear()
                await self._go_on(self._time.now())
        finally:
            tasks = set(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._under_way.clear()
            self._hosts.clear()

    async def _go_on(self, now: datetime) -> None:
        try:
            if not self._checked:
                await self._hasten(now)
            await self._deliver_due(now)
            await self._until_next_due(now)
        except Exception:
            LOG.exception("the outbox can't be read now; it is read again later")
            await self._sleep(self._backoff.first)

    async def _hasten(self, now: datetime) -> None:
        """Nothing waits longer than the longest pause, whatever the clock said when a letter was written."""
        async with self._store.write() as tx:
            await tx.hasten(now + timedelta(seconds=self._backoff.most), now)
        self._checked = True

    async def _deliver_due(self, now: datetime) -> None:
        limit = self._parallel + len(self._under_way)
        self._just_ended.clear()
        for letter in await self._store.due_letters(now, limit, self._per_host):
            line, host = (letter.key, letter.target), _host(letter)
            free = len(self._under_way) < self._parallel and self._hosts[host] < self._per_host
            # What ended while the question was on its way is told here as it was before.
            if free and line not in self._under_way and line not in self._just_ended:
                self._hosts[host] += 1
                self._under_way[line] = asyncio.create_task(self._deliver(letter))

    async def _until_next_due(self, now: datetime) -> None:
        """What has become due since ``now``, nobody has looked for yet."""
        due = await self._store.next_due(now)
        waits: list[asyncio.Task[Any]] = [asyncio.create_task(self._news.wait())]
        if due is not None:
            waits.append(asyncio.create_task(self._sleep((due - self._time.now()).total_seconds())))
        await _first_of(waits)

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(max(0.0, seconds))

    async def _deliver(self, letter: Letter) -> None:
        try:
            at, began = self._clock.now(), self._clock.monotonic()
            after = self._after(letter, await self._attempt(letter))
            took = self._clock.monotonic() - began
            attempt = Attempt(at=at, seconds=took, status=after.status, answer=after.answer)
            await self._record(after, letter.due, attempt)
        except Exception:
            LOG.exception("letter %s could not be dealt with; it will go out again", letter.id)
            await self._sleep(self._backoff.first)
        finally:
            del self._under_way[letter.key, letter.target]
            self._just_ended.add((letter.key, letter.target))
            self._hosts[_host(letter)] -= 1
            self._news.set()

    async def _record(self, after: Letter, was: datetime, attempt: Attempt) -> None:
        """However long the store does not take it: the receiver is not told again for that."""
        for number in count(1):
            try:
                async with self._store.write() as tx:
                    await tx.mark(after, was, attempt)
            except Exception:
                LOG.exception("the delivery of letter %s could not be recorded; that is tried again later", after.id)
                await self._sleep(self._backoff.seconds(number, 0.0))
            else:
                return

    async def _attempt(self, letter: Letter) -> Answer | Undeliverable | str:
        """The answer, or why there was none."""
        sending = asyncio.create_task(self._send(letter))
        timeout = self._ways(letter).timeout or self._timeout
        await _first_of([sending, asyncio.create_task(self._sleep(timeout))])
        if sending.cancelled():
            return "timeout"
        error = sending.exception()
        if error is None:
            return sending.result()
        return error if isinstance(error, Undeliverable) else type(error).__name__

    def _after(self, letter: Letter, answer: Answer | Undeliverable | str) -> Letter:
        """The letter as it is after this attempt."""
        attempts, ways = letter.attempts + 1, self._ways(letter)
        status, text = answer if isinstance(answer, Answer) else (None, str(answer))
        told = replace(letter, attempts=attempts, due=self._clock.now(), status=status, answer=_shown(letter, text))
        if status in ways.taken:
            return replace(told, state=LetterState.DELIVERED)
        if attempts >= (ways.attempts or self._retries) or isinstance(answer, Undeliverable):
            LOG.warning(
                "letter %s (%s) given up after %d attempts: %s", letter.id, letter.event, attempts, status or text
            )
            return replace(told, state=LetterState.GIVEN_UP)
        wait = timedelta(
            seconds=self._backoff.seconds(attempts, self._chance.of(f"pause/{letter.id}/{attempts}").random())
        )
        LOG.info("letter %s (%s), attempt %d: %s; again in %s", letter.id, letter.event, attempts, status or text, wait)
        return replace(told, due=self._time.now() + wait)

    def _ways(self, letter: Letter) -> Insistence:
        return self._insistence(letter.key.dialect)


def _host(letter: Letter) -> str:
    return letter.host or letter.target


def _shown(letter: Letter, text: str) -> str:
    """What a receiver said: it may have repeated what it was sent."""
    return masked(text, credentials(letter))[:EXCERPT]


def credentials(letter: Letter) -> Iterator[str]:
    """What of a letter nobody but its receiver may see, its body left out."""
    yield from credentials_of(letter.url.reveal())
    yield from (value for name, value in letter.headers.lines if is_credential(name))


async def _first_of(tasks: list[asyncio.Task[Any]]) -> None:
    """Wait for one of the tasks; all the others are cancelled and over on return, also when this is cancelled."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
