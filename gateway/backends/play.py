"""How a server plays: what is to become of jobs, and how make-believe goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mediaglot.gateway.backends import Backend, Caller
from mediaglot.gateway.backends.rest import Rest
from mediaglot.gateway.clock import Clock, RealClock, VirtualClock
from mediaglot.gateway.exchange import GetJob, GetJobs, Intent, Result
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import TERMINAL, Ticket
from mediaglot.gateway.script.rule import Script
from mediaglot.gateway.store import Key, Store

if TYPE_CHECKING:
    from mediaglot.gateway.backends.sim import Pace


class Front(Backend, Protocol):
    def recall(self, intent: Intent, caller: Caller) -> Ticket | None:
        """The answer to an intent, where nothing has to happen before it."""
        ...


class Play:
    """``progression`` is timed, immediate or manual; ``speed`` seconds of media are encoded in one second. The same
    ``seed`` makes the same facts of the same sources and settings."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        progression: str = "timed",
        speed: float = 30.0,
        seed: str = "",
        script: Script | None = None,
    ) -> None:
        self.clock, self.script = clock or RealClock(), script or Script()
        self.progression, self.speed, self.seed = progression, speed, seed
        self.rest = Rest()
        self._pace: Pace | None = None

    @property
    def pace(self) -> Pace:
        from mediaglot.gateway.backends.sim import pace_of  # noqa: PLC0415 - only who simulates has one

        if self._pace is None:
            self._pace = pace_of(self.progression, self.clock)
        return self._pace

    def step(self, key: Key) -> bool:
        """Take a job one step on, where that is how it goes; whether it was waiting for that."""
        from mediaglot.gateway.backends.sim import Manual  # noqa: PLC0415

        return self._pace is not None and isinstance(self._pace, Manual) and self._pace.step(key)

    def front(self, desk: Front, store: Store) -> Front:
        """What is asked before ``desk``: everything that can have happened, has when it answers."""
        if not isinstance(self.clock, VirtualClock) and self.progression == "timed":
            return desk
        self.rest.watch(store)
        return _Looked(desk, store, self)


class _Looked:
    def __init__(self, desk: Front, store: Store, play: Play) -> None:
        self._desk, self._store, self._play = desk, store, play

    async def perform(self, intent: Intent, caller: Caller, ledger: Ledger) -> Result:
        await self._settle()
        ids = (intent.id,) if isinstance(intent, GetJob) else intent.ids if isinstance(intent, GetJobs) else ()
        for key in [Key(*caller.owner, job_id) for job_id in ids]:
            if self._play.progression == "immediate":
                await self._play.rest.reached(key, self._store)
            elif self._play.step(key):
                await self._settle()
        return await self._desk.perform(intent, caller, ledger)

    def recall(self, intent: Intent, caller: Caller) -> Ticket | None:
        """Who looks may have to wait for what happens."""
        clock = self._play.clock
        if (isinstance(clock, VirtualClock) and not clock.speed) or self._play.progression == "manual":
            return None
        ticket = self._desk.recall(intent, caller)
        over = ticket is not None and ticket.status in TERMINAL
        return ticket if over or self._play.progression == "timed" else None

    async def _settle(self) -> None:
        clock = self._play.clock
        if isinstance(clock, VirtualClock) and not clock.speed:
            await clock.settle()
