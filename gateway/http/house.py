"""The resources behind the server, opened in order and closed in the reverse one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.backends.desk import Desk
from mediaglot.gateway.backends.play import Front, Play
from mediaglot.gateway.backends.scripted import Scripted
from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.config import Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.http.bounds import policy_of
from mediaglot.gateway.http.building import Building, Post
from mediaglot.gateway.http.links import Signer
from mediaglot.gateway.http.uploads import Uploads
from mediaglot.gateway.http.workshop import Workshop, mode_of
from mediaglot.gateway.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from mediaglot.gateway.backends.router import Router
    from mediaglot.gateway.store import Store

ROOMS: Final = ("work", "outputs", "uploads")


@dataclass(slots=True, kw_only=True)
class House:
    """What the request handlers need."""

    desk: Desk
    front: Front
    """The desk, when everything that can have happened has."""
    play: Play
    store: Store
    accounts: Accounts
    clock: Clock
    data: Path
    outputs: Path
    signer: Signer
    uploads: Uploads
    clip: Callable[[str], Any]
    away: Router | None = None


@asynccontextmanager
async def open_house(
    settings: Settings,
    dialects: Mapping[str, Dialect],
    base: Callable[[str], str],
    clock: Clock | None = None,
    chance: Chance = SYSTEM,
    play: Play | None = None,
    *,
    workshop: Workshop | None = None,
    post: Post | None = None,
) -> AsyncIterator[House]:
    """``play`` has the same clock, ``workshop`` may serve others too, ``post`` stands before the sender of messages."""
    clock = clock or RealClock()
    play = play or Play(clock, progression=settings.progression, speed=settings.speed)
    await asyncio.to_thread(mode_of, settings)
    policy = await asyncio.to_thread(policy_of, settings)
    private(settings.data)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(await _open_store(settings, clock))
        if workshop is None:
            workshop = Workshop(settings)
            stack.push_async_callback(workshop.close)
        building = Building(
            settings=settings,
            dialects=dialects,
            base=base,
            clock=clock,
            chance=chance,
            play=play,
            policy=policy,
            workshop=workshop,
            uploads=_uploads(settings, clock),
            store=store,
            stack=stack,
        )
        yield await _furnished(building, post)


async def _furnished(building: Building, post: Post | None) -> House:
    settings, dialects, store, clock = building.settings, building.dialects, building.store, building.clock
    local = building.craft()
    away = building.away(local)
    craft = Scripted(away or local, clock, building.play.rest)
    building.start_courier(post)
    building.start_retention(craft)
    engine = await building.start_engine(craft, away)
    accounts = Accounts(settings.accounts, clock, free=lambda name: dialects[name].free_tokens)
    desk = Desk(
        store,
        engine,
        craft,
        clock,
        workers=building.workers,
        base=building.base,
        chance=building.chance,
        accounts=accounts,
        dropbox=building.uploads,
        direct=building.play.script.direct,
    )
    await desk.cabinet.open()
    return House(
        desk=desk,
        front=building.play.front(desk, store),
        play=building.play,
        store=store,
        accounts=accounts,
        clock=clock,
        data=settings.data,
        outputs=settings.data / "outputs",
        signer=Signer.open(settings.data, building.chance, durable=settings.durable),
        uploads=building.uploads,
        clip=building.workshop.clip,
        away=away,
    )


async def _open_store(settings: Settings, clock: Clock) -> SqliteStore:
    keys = settings.data_key, settings.data_key_old
    return await SqliteStore.open(settings.data, durable=settings.durable, keys=keys, busy=clock.busy)


def private(data: Path) -> None:
    """The data folder, and in it the rooms for what clients bring and get: for nobody else on this machine."""
    for folder in (data, *(data / room for room in ROOMS)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _uploads(settings: Settings, clock: Clock) -> Uploads:
    limits = {"stall": settings.fetch_stall, "total": settings.fetch_time}
    return Uploads(settings.data / "uploads", most=settings.max_source, **limits, clock=clock)
