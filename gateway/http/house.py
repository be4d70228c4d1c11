"""The resources behind the server, opened in order and closed in the reverse one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.backends import Craft
from mediaglot.gateway.backends.desk import Desk
from mediaglot.gateway.backends.play import Front, Play
from mediaglot.gateway.backends.retention import Keep, Retention, days
from mediaglot.gateway.backends.scripted import Scripted, scripted
from mediaglot.gateway.backends.shift import Shift
from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.config import Settings, folders
from mediaglot.gateway.dialect import Dialect, Insistence
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.http.bounds import policy_of
from mediaglot.gateway.http.links import Signer
from mediaglot.gateway.http.uploads import Uploads
from mediaglot.gateway.http.workshop import Workshop, mode_of
from mediaglot.gateway.loss import Policy as LossPolicy
from mediaglot.gateway.media import capacity
from mediaglot.gateway.media.machine import machine
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.trust import Trust

if TYPE_CHECKING:
    from mediaglot.gateway.backends.router import Router
    from mediaglot.gateway.backends.saving import Saver
    from mediaglot.gateway.http.mail import Mailer
    from mediaglot.gateway.http.publisher import Publisher
    from mediaglot.gateway.media.run import Limits
    from mediaglot.gateway.notify import Answer, Send
    from mediaglot.gateway.store import Letter, Store

ROOMS: Final = ("work", "outputs", "uploads")
AHEAD: Final = 2
"""Jobs in hand for each that encodes: others are fetched and probed, or measured and delivered, meanwhile."""
AWAY: Final = 200
"""Jobs at other providers that are looked after at the same time."""
Post = Callable[["Send", AsyncExitStack], "Send"]
"""Wraps a sender of messages; what it opens is closed with the stack, before the sender."""


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
        uploads = _uploads(settings, clock)
        craft = _craft(settings, workshop, uploads, policy, clock, dialects, chance, play, stack)
        workers = settings.workers or capacity.workers(workshop.cores)
        away = _away(settings, craft, store, clock, policy, workshop, base, stack)
        craft = Scripted(away or craft, clock, play.rest)
        await _start_courier(settings, store, policy, clock, dialects, stack, chance, post)
        stack.push_async_callback(_over, _retention(settings, store, craft, clock, dialects, uploads))
        shift = partial(Shift, dialect=dialects.__getitem__, base=base, chance=chance, queue=craft.queue)
        engine = await _start_engine(settings, store, craft, clock, workers, workshop.memory, away, shift, stack)
        accounts = Accounts(settings.accounts, clock, free=lambda name: dialects[name].free_tokens)
        desk = partial(Desk, workers=workers, base=base, chance=chance, accounts=accounts, dropbox=uploads)(
            store, engine, craft, clock, direct=play.script.direct
        )
        await desk.cabinet.open()
        yield House(
            desk=desk,
            front=play.front(desk, store),
            play=play,
            store=store,
            accounts=accounts,
            clock=clock,
            data=settings.data,
            outputs=settings.data / "outputs",
            signer=Signer.open(settings.data, chance, durable=settings.durable),
            uploads=uploads,
            clip=workshop.clip,
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


def _craft(
    settings: Settings,
    workshop: Workshop,
    uploads: Uploads,
    policy: Policy,
    clock: Clock,
    dialects: Mapping[str, Dialect],
    chance: Chance,
    play: Play,
    stack: AsyncExitStack,
) -> Craft:
    if settings.backend == "simulated":
        from mediaglot.gateway.backends.sim import SimulatedCraft  # noqa: PLC0415 - only what is used is loaded

        loss = LossPolicy(settings.policy)
        return SimulatedCraft(clock, speed=play.speed, pace=play.pace, seed=play.seed, policy=loss)
    from mediaglot.gateway.backends.ffmpeg import FFmpegCraft  # noqa: PLC0415
    from mediaglot.gateway.transfer.mapped import Mapped  # noqa: PLC0415
    from mediaglot.gateway.transfer.s3 import S3  # noqa: PLC0415

    named, notes = settings.offline_storage, settings.data / "uploading"
    buckets = S3(policy, clock, endpoints=settings.s3, only_named=named, notes=notes)
    rest = Mapped(policy, clock, rest=settings.data / "storage" if settings.offline_storage else None)
    mounts = (Mapped(policy, clock, folders=folders(settings.storage)), buckets, rest)
    carrier = Carrier(
        policy,
        clock,
        resolvers=(workshop.resolve, uploads.resolve),
        mounts=mounts,
        patience=settings.deliver_patience,
        chance=chance,
    )
    stack.push_async_callback(carrier.close)
    stack.push_async_callback(buckets.close)
    maker = cache(partial(_maker, settings, workshop, carrier, lambda name: dialects[name].checksums, chance))
    return FFmpegCraft(settings.data, maker, workshop.prober, carrier, LossPolicy(settings.policy))


def _away(
    settings: Settings,
    craft: Craft,
    store: SqliteStore,
    clock: Clock,
    policy: Policy,
    workshop: Workshop,
    base: Callable[[str], str],
    stack: AsyncExitStack,
) -> Router | None:
    """Who sends jobs to other providers, where the configuration names some."""
    if not settings.providers and not settings.routes:
        return None
    from mediaglot.gateway.http.away import Office  # noqa: PLC0415 - only what is used is loaded

    return Office(
        settings=settings,
        local=craft,
        store=store,
        clock=clock,
        policy=policy,
        prober=workshop.prober,
        site=lambda: base("").rstrip("/"),
        stack=stack,
    ).router()


def _maker(
    settings: Settings, workshop: Workshop, carrier: Carrier, sums: Callable[[str], frozenset[str]], chance: Chance
) -> Saver:
    from mediaglot.gateway.backends.cache import FOLDER, Cache  # noqa: PLC0415 - loaded for the first job, not at once
    from mediaglot.gateway.backends.making import Maker  # noqa: PLC0415
    from mediaglot.gateway.backends.saving import Saver  # noqa: PLC0415
    from mediaglot.gateway.media.chunk import thinkable  # noqa: PLC0415
    from mediaglot.gateway.media.share import alone  # noqa: PLC0415

    cores = workshop.cores
    fresh = partial(machine, cores, settings.chunk_seconds)
    maker = Maker(
        workshop.tool,
        workshop.prober,
        carrier,
        limits=limits_of(settings),
        threads=alone(cores),
        chance=chance.of("keys").randbytes,
        machine=fresh if thinkable(cores, settings.chunk_seconds) else None,
        copy=settings.stream_copy,
        tolerance=Fraction(settings.max_damage) / 100,
        sums=sums,
    )
    return Saver(maker, Cache(settings.data / FOLDER, settings.cache) if settings.cache else None)


def limits_of(settings: Settings) -> Limits:
    from mediaglot.gateway.media.run import Limits  # noqa: PLC0415 - loaded for the first job

    return Limits(
        stall=settings.encode_stall,
        wall=settings.encode_time,
        cpu=settings.encode_cpu,
        output_bytes=settings.encode_output,
        memory=settings.encode_memory,
        sandbox=mode_of(settings),
    )


def _late(make: Callable[[], Mailer | Publisher], stack: AsyncExitStack) -> Send:
    """Loaded and made for the first letter that needs it."""
    made = cache(make)

    async def send(letter: Letter) -> Answer:
        return await made()(letter)

    async def close() -> None:
        if made.cache_info().currsize:
            await made().close()

    stack.push_async_callback(close)
    return send


def _mailer(settings: Settings, trust: Trust, clock: Clock) -> Mailer:
    from mediaglot.gateway.http.mail import Mailer, MailServer  # noqa: PLC0415

    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_from,
        tls=settings.smtp_tls,
        user=settings.smtp_user,
        password=settings.smtp_password,
        trust=trust,
    )
    return Mailer(server, clock)


def _publisher(settings: Settings, policy: Policy) -> Publisher:
    from mediaglot.gateway.http.publisher import Publisher  # noqa: PLC0415

    return Publisher(settings.sns, policy)


async def _start_courier(
    settings: Settings,
    store: SqliteStore,
    policy: Policy,
    clock: Clock,
    dialects: Mapping[str, Dialect],
    stack: AsyncExitStack,
    chance: Chance,
    post: Post | None,
) -> None:
    from mediaglot.gateway.http.client import Sender  # noqa: PLC0415
    from mediaglot.gateway.notify import Courier  # noqa: PLC0415

    mail = _late(partial(_mailer, settings, policy.trust, clock), stack)
    sender = Sender(policy, clock, mail, _late(partial(_publisher, settings, policy), stack))
    stack.push_async_callback(sender.close)

    def insistence(name: str) -> Insistence:
        return dialects[name].insistence if name in dialects else Insistence()

    send = scripted(sender if post is None else post(sender, stack), store, clock)
    courier = Courier(store, send, clock, chance=chance, insistence=insistence)
    running = asyncio.create_task(courier.run(), name="courier")
    stack.push_async_callback(_over, running)


def _retention(
    settings: Settings,
    store: SqliteStore,
    craft: Craft,
    clock: Clock,
    dialects: Mapping[str, Dialect],
    uploads: Uploads,
) -> asyncio.Task[None]:
    keep = Keep(jobs=days(settings.keep_jobs), results=days(settings.keep_results), letters=days(settings.keep_letters))
    retention = Retention(store, craft, clock, keep, dialect=dialects.get, dropbox=uploads)
    return asyncio.create_task(retention.run(), name="retention")


async def _over(running: asyncio.Task[None]) -> None:
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _start_engine(
    settings: Settings,
    store: SqliteStore,
    craft: Craft,
    clock: Clock,
    workers: int,
    memory: int,
    away: Router | None,
    work: Callable[..., Shift],
    stack: AsyncExitStack,
) -> EmbeddedEngine:
    real = settings.backend != "simulated"
    gate = Gate(memory, seats=workers if real else None)
    hands = AWAY if away else AHEAD * workers if real else workers
    engine = EmbeddedEngine(store, clock, workers=hands, gate=gate)
    shift = work(store, engine, craft, clock, gate=gate)
    await shift.recover()
    if away is not None:
        away.reconcile(gate)
    working = asyncio.create_task(engine.run(shift.work, shift.give_up), name="engine")
    stack.push_async_callback(_stop_engine, engine, working, shift)
    return engine


async def _stop_engine(engine: EmbeddedEngine, working: asyncio.Task[None], shift: Shift) -> None:
    """Running jobs go back to the queue."""
    await engine.stop(requeue=True)
    await asyncio.wait({working})
    await shift.recover()
