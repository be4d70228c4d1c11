"""The resources behind the server, opened in order and closed in the reverse one."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.backends import Craft
from mediaglot.gateway.backends.desk import Desk
from mediaglot.gateway.backends.shift import Shift
from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.config import Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.faults import Fault, SourceMissing
from mediaglot.gateway.media.library import Library
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.tool import Tool, find
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.transfer.policy import Policy

LOG = logging.getLogger(__name__)
LOCAL_MEDIA: Final = "media.mediaglot.test"
"""The host of sources that are always there: resolved here, never fetched."""


@dataclass(slots=True, kw_only=True)
class House:
    """What the request handlers need."""

    desk: Desk
    accounts: Accounts
    outputs: Path
    clip: Callable[[str], Any]


class Workshop:
    """The FFmpeg tool, found once in a thread of its own, and what needs it: the prober and the library of clips."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data
        self._finding = asyncio.create_task(
            asyncio.to_thread(find, settings.ffmpeg or None, settings.data / "ffmpeg.json")
        )
        self._library: Library | None = None
        self._prober: Prober | None = None

    async def tool(self) -> Tool:
        return await asyncio.shield(self._finding)

    async def prober(self) -> Prober:
        if self._prober is None:
            self._prober = Prober(await self.tool())
        return self._prober

    async def clip(self, name: str) -> Path:
        """A generated clip by its recipe's name. Raises Invalid, NotFound or a WorkFault."""
        if self._library is None:
            self._library = Library(self._folder / "media", await self.tool())
        return await self._library.get(name)

    async def resolve(self, url: str) -> Path | None:
        """Sources under https://media.mediaglot.test/ are clips of ours."""
        parts = urlsplit(url)
        if parts.hostname != LOCAL_MEDIA:
            return None
        try:
            return await self.clip(parts.path.lstrip("/"))
        except Fault as fault:
            raise SourceMissing(status=404, reason="Not Found") from fault

    async def close(self) -> None:
        if self._library is not None:
            await self._library.close()
        if self._prober is not None:
            await self._prober.close()
        self._finding.cancel()
        with contextlib.suppress(BaseException):
            await self._finding


@asynccontextmanager
async def open_house(
    settings: Settings, dialects: Mapping[str, Dialect], base: Callable[[str], str], clock: Clock | None = None
) -> AsyncIterator[House]:
    clock = clock or RealClock()
    settings.data.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(await SqliteStore.open(settings.data, durable=settings.durable))
        workshop = Workshop(settings)
        stack.push_async_callback(workshop.close)
        policy = policy_of(settings)
        craft, sweep = await _craft(settings, workshop, policy, clock, stack)
        engine = EmbeddedEngine(store, clock, workers=settings.workers)
        shift = Shift(store, engine, craft, clock, dialect=dialects.__getitem__, base=base)
        sweep()
        await shift.recover()
        await _start_courier(store, policy, clock, stack)
        working = asyncio.create_task(engine.run(shift.work, shift.give_up), name="engine")
        stack.push_async_callback(_stop_engine, engine, working, shift)
        free = frozenset(name for name, dialect in dialects.items() if dialect.free_tokens)
        accounts = Accounts(settings.accounts, clock, free=free)
        desk = Desk(store, engine, craft, clock, workers=settings.workers, base=base, accounts=accounts)
        await desk.cabinet.open(dialects)
        yield House(desk=desk, accounts=accounts, outputs=settings.data / "outputs", clip=workshop.clip)


def policy_of(settings: Settings) -> Policy:
    """On loopback, local addresses may be reached; a server that others can reach must not be their way inside."""
    try:
        local = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        local = settings.host == "localhost"
    return Policy(
        allow_dirs=tuple(path.resolve() for path in settings.allow_dir),
        local_addresses=local,
        max_bytes=settings.max_source,
        connect_timeout=settings.connect_timeout,
        stall_timeout=settings.fetch_stall,
    )


async def _craft(
    settings: Settings, workshop: Workshop, policy: Policy, clock: Clock, stack: AsyncExitStack
) -> tuple[Craft, Callable[[], None]]:
    if settings.backend == "simulated":
        from mediaglot.gateway.backends.simulated import SimulatedCraft  # noqa: PLC0415 - only what is used is loaded

        return SimulatedCraft(clock), lambda: None
    from mediaglot.gateway.backends.ffmpeg import FFmpegCraft  # noqa: PLC0415
    from mediaglot.gateway.media.run import Limits  # noqa: PLC0415
    from mediaglot.gateway.transfer import Carrier  # noqa: PLC0415

    carrier = Carrier(policy, clock, resolvers=(workshop.resolve,))
    stack.push_async_callback(carrier.close)
    limits = Limits(stall=settings.encode_stall)
    craft = FFmpegCraft(settings.data, workshop.tool, workshop.prober, carrier, limits=limits)
    return craft, craft.sweep


async def _start_courier(store: SqliteStore, policy: Policy, clock: Clock, stack: AsyncExitStack) -> None:
    from mediaglot.gateway.http.client import Sender  # noqa: PLC0415
    from mediaglot.gateway.notify import Courier  # noqa: PLC0415

    sender = Sender(policy)
    stack.push_async_callback(sender.close)
    running = asyncio.create_task(Courier(store, sender, clock).run(), name="courier")

    async def stop() -> None:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    stack.push_async_callback(stop)


async def _stop_engine(engine: EmbeddedEngine, working: asyncio.Task[None], shift: Shift) -> None:
    """Running jobs go back to the queue."""
    await engine.stop(requeue=True)
    await asyncio.wait({working})
    await shift.recover()
