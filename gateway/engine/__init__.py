"""Who runs the work: five calls, the same for the pool in this process and for a distributed queue.

Promises of every engine: work that was enqueued in a committed transaction runs until its handler ends, also
after a crash; one ticket is never in two handlers at once; the greatest priority goes first, then the earliest
submission. A crash can make a handler run again, so it begins by looking at what its ticket says, and records
its end with ``tx.complete(work)`` in the transaction that writes the end down: if that is False, somebody else
owns the work by now and nothing of it may be written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from mediaglot.gateway.store import Key, Transaction, Work

Handler = Callable[[Work], Coroutine[Any, Any, None]]
"""Does the work. An exception means another attempt, until there were too many. Has to put up with cancellation."""
GiveUp = Callable[[Work, BaseException | None], Awaitable[None]]
"""Told when the attempts are used up, with the last error, or None if the process died each time."""


class Engine(Protocol):
    async def enqueue(self, tx: Transaction, work: Work) -> Work:
        """Queue work as part of a transaction. If its key is waiting, the new submission replaces the old one; if it is
        running, that run is cancelled after the commit and the new one begins when it has ended. The last one wins."""
        ...

    async def run(self, handler: Handler, give_up: GiveUp | None = None) -> None:
        """Work until stopped. What a dead predecessor had begun goes back to the queue first.

        ``give_up`` writes down the end of work that has used up its attempts.
        """
        ...

    async def progress(self, work: Work) -> bool:
        """A sign of life of the handler, which extends its lease. False: the work is no longer yours, leave it."""
        ...

    async def cancel(self, key: Key) -> bool:
        """Take work out, waiting or running; on return its handler has ended. False if there was none."""
        ...

    async def reap(self) -> tuple[Key, ...]:
        """Take work back whose lease has run out, for another attempt; the keys."""
        ...


__all__ = ["Engine", "GiveUp", "Handler", "Work"]
