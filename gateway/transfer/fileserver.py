"""What servers of files have in common: attempts that go on where the last one stopped, and a name only at the end."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, cast

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Fetched, OnProgress, Receipt, delivering, placed
from mediaglot.gateway.transfer.disk import Part
from mediaglot.gateway.transfer.pinned import LookUp, look_up
from mediaglot.gateway.transfer.policy import Limits, Policy, judge
from mediaglot.gateway.transfer.retry import in_all, persist
from mediaglot.gateway.transfer.site import Site, filed, site

PAUSE: Final = 0.5

Work = Callable[[Any], Any]
"""What is done with a connection that is logged in; the protocol knows what that is."""


class Load(Protocol):
    """A fetch. ``attempt`` is called with a connection, and with another one after a Transient."""

    @property
    def attempt(self) -> Work: ...


class Store(Protocol):
    """A delivery of ``size`` bytes, ``sent`` of which are sure to have arrived; ``begun``: there may be a part."""

    size: int
    sent: int
    begun: bool

    @property
    def attempt(self) -> Work: ...


class FileServer(ABC):
    """A connection for each attempt. ``pause`` is the first back-off in seconds, and it doubles.

    ``find`` takes the place of the system's look-up of names.
    """

    def __init__(
        self, policy: Policy, clock: Clock | None = None, *, pause: float = PAUSE, find: LookUp = look_up
    ) -> None:
        self._policy = policy
        self._clock = clock or RealClock()
        self._pause = pause
        self._find = find
        self._sweeping: dict[tuple[str, str], asyncio.Task[None]] = {}

    @abstractmethod
    async def _prepare(self) -> None:
        """What has to be there before the first transfer."""

    @abstractmethod
    async def _talk(self, there: Site, limits: Limits, work: Work) -> None:
        """``work`` on a fresh connection that is logged in. Raises Source* faults, and Transient around them."""

    @abstractmethod
    def _load(self, there: Site, part: Part, limits: Limits, told: OnProgress) -> Load: ...

    @abstractmethod
    def _store(self, there: Site, path: Path, temporary: str, limits: Limits, told: OnProgress) -> Store: ...

    @abstractmethod
    def _removal(self, temporary: str) -> Work: ...

    async def close(self) -> None:
        while self._sweeping:
            await asyncio.wait(self._sweeping.values())

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        limits = limits or self._policy
        there = self._site(location)
        await self._prepare()
        async with in_all(limits), Part.at(target) as part:
            load = self._load(there, part, limits, _told(on_progress))
            await self._persist(there, limits, load.attempt, lambda: part.size)
            await part.keep()
        return Fetched(path=target, size=part.size, name=there.name or None)

    async def deliver(
        self,
        path: Path,
        location: Location,
        *,
        name: str | None = None,
        content_type: str | None = None,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
    ) -> Receipt:
        """Directories are made on the way, and a file that is there is replaced."""
        limits = limits or self._policy
        with delivering():
            place = placed(filed(location.url, name), name)
            there = self._site(Location(url=place, access=location.access))
            temporary = there.beside(_temporary(path, there))
            await self._prepare()
            await self._swept(there, temporary)
            store = self._store(there, path, temporary, limits, _told(on_progress))
            try:
                async with in_all(limits):
                    await self._persist(there, limits, store.attempt, lambda: store.sent)
            except BaseException:
                if store.begun:
                    self._sweep(there, limits, temporary)
                raise
        return Receipt(url=there.url, size=store.size)

    async def _persist(self, there: Site, limits: Limits, work: Work, reached: Callable[[], int]) -> None:
        once = partial(self._talk, there, limits, work)
        await persist(once, tries=limits.tries, clock=self._clock, pause=self._pause, reached=reached)

    def _site(self, location: Location) -> Site:
        judge(location.url, self._policy)
        there = site(location)
        if not there.name:
            raise SourceForbidden(reason="path")
        return there

    async def _swept(self, there: Site, temporary: str) -> None:
        """The same delivery that was given up before may still be cleaning up."""
        if task := self._sweeping.get((there.url, temporary)):
            await asyncio.wait([task])

    def _sweep(self, there: Site, limits: Limits, temporary: str) -> None:
        """Beside whatever goes on now, as nobody who cancels should have to wait for a server."""
        key = there.url, temporary

        async def sweep() -> None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(limits.connect_timeout):
                    await self._talk(there, limits, self._removal(temporary))

        task = self._sweeping[key] = asyncio.create_task(sweep(), name="sweep")
        task.add_done_callback(lambda _: self._sweeping.pop(key, None))


def _told(on_progress: OnProgress | None) -> OnProgress:
    """To be called in any thread, as often as one likes: the event loop is told the latest when it has time."""
    if on_progress is None:
        return lambda done, total: None
    loop, waiting, latest = asyncio.get_running_loop(), False, (0, cast("int | None", None))

    def pass_on() -> None:
        nonlocal waiting
        waiting = False
        on_progress(*latest)

    def tell(done: int, total: int | None) -> None:
        nonlocal waiting, latest
        latest = done, total
        if not waiting:
            waiting = True
            loop.call_soon_threadsafe(pass_on)

    return tell


def _temporary(path: Path, there: Site) -> str:
    """The same for the same delivery: what a killed process left is replaced."""
    seed = hashlib.sha256(os.fsencode(f"{path}\0{there.path}")).hexdigest()
    return f".mediaglot-{seed[:16]}.part"
