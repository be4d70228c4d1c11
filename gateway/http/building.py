"""What a house is built of, part by part; each closes with the stack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from mediaglot.gateway.backends import Craft
from mediaglot.gateway.backends.play import Play
from mediaglot.gateway.backends.retention import Keep, Retention, days
from mediaglot.gateway.backends.rules import LOCAL
from mediaglot.gateway.backends.scripted import Scripted, scripted
from mediaglot.gateway.backends.shift import Shift
from mediaglot.gateway.chance import Chance
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.config import Settings, folders
from mediaglot.gateway.dialect import Dialect, Insistence
from mediaglot.gateway.engine.aside import aside
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.engine.lane import Sorter
from mediaglot.gateway.http.uploads import Uploads
from mediaglot.gateway.http.workshop import Workshop, mode_of
from mediaglot.gateway.loss import Policy as LossPolicy
from mediaglot.gateway.media import capacity
from mediaglot.gateway.media.machine import machine
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

if TYPE_CHECKING:
    from mediaglot.gateway.backends.router import Router
    from mediaglot.gateway.backends.saving import Saver
    from mediaglot.gateway.http.mail import Mailer
    from mediaglot.gateway.http.publisher import Publisher
    from mediaglot.gateway.media.run import Limits
    from mediaglot.gateway.notify import Answer, Send
    from mediaglot.gateway.store import Letter

AHEAD: Final = 2
"""Jobs in hand for each that encodes: others are fetched and probed, or measured and delivered, meanwhile."""
AWAY: Final = 200
"""Jobs on the same road to other providers that are looked after at the same time."""
Post = Callable[["Send", AsyncExitStack], "Send"]
"""Wraps a sender of messages; what it opens is closed with the stack, before the sender."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Building:
    """What all parts are made with."""

    settings: Settings
    dialects: Mapping[str, Dialect]
    base: Callable[[str], str]
    clock: Clock
    chance: Chance
    play: Play
    policy: Policy
    workshop: Workshop
    uploads: Uploads
    store: SqliteStore
    stack: AsyncExitStack

    @property
    def workers(self) -> int:
        return self.settings.workers or capacity.workers(self.workshop.cores)

    @property
    def is_real(self) -> bool:
        return self.settings.backend != "simulated"

    # --- who does the work ------------------------------------------------------------------------------

    def craft(self) -> Craft:
        """Of this machine."""
        settings, loss = self.settings, LossPolicy(self.settings.policy)
        if not self.is_real:
            from mediaglot.gateway.backends.sim import SimulatedCraft  # noqa: PLC0415 - only what is used is loaded

            play = self.play
            return SimulatedCraft(self.clock, speed=play.speed, pace=play.pace, seed=play.seed, policy=loss)
        from mediaglot.gateway.backends.ffmpeg import FFmpegCraft  # noqa: PLC0415

        carrier = self._carrier()
        maker = cache(partial(self._maker, carrier))
        return FFmpegCraft(settings.data, maker, self.workshop.prober, carrier, loss)

    def _carrier(self) -> Carrier:
        from mediaglot.gateway.transfer.mapped import Mapped  # noqa: PLC0415 - only what is used is loaded
        from mediaglot.gateway.transfer.s3 import S3  # noqa: PLC0415

        settings, policy, clock = self.settings, self.policy, self.clock
        named, notes = settings.offline_storage, settings.data / "uploading"
        buckets = S3(policy, clock, endpoints=settings.s3, only_named=named, notes=notes)
        rest = Mapped(policy, clock, rest=settings.data / "storage" if settings.offline_storage else None)
        carrier = Carrier(
            policy,
            clock,
            resolvers=(self.workshop.resolve, self.uploads.resolve),
            mounts=(Mapped(policy, clock, folders=folders(settings.storage)), buckets, rest),
            patience=settings.deliver_patience,
            chance=self.chance,
            aside=aside,
        )
        self.stack.push_async_callback(carrier.close)
        self.stack.push_async_callback(buckets.close)
        return carrier

    def _maker(self, carrier: Carrier) -> Saver:
        from mediaglot.gateway.backends.cache import FOLDER, Cache  # noqa: PLC0415 - loaded for the first job
        from mediaglot.gateway.backends.making import Maker  # noqa: PLC0415
        from mediaglot.gateway.backends.saving import Saver  # noqa: PLC0415
        from mediaglot.gateway.media.chunk import thinkable  # noqa: PLC0415
        from mediaglot.gateway.media.share import alone  # noqa: PLC0415

        settings, cores = self.settings, self.workshop.cores
        fresh = partial(machine, cores, settings.chunk_seconds)
        maker = Maker(
            self.workshop.tool,
            self.workshop.prober,
            carrier,
            limits=limits_of(settings),
            threads=alone(cores),
            chance=self.chance.of("keys").randbytes,
            machine=fresh if thinkable(cores, settings.chunk_seconds) else None,
            copy=settings.stream_copy,
            tolerance=Fraction(settings.max_damage) / 100,
            sums=lambda name: self.dialects[name].checksums,
        )
        return Saver(maker, Cache(settings.data / FOLDER, settings.cache) if settings.cache else None)

    def away(self, craft: Craft) -> Router | None:
        """Who sends jobs to other providers, where the configuration names some."""
        settings = self.settings
        if not settings.providers and not settings.routes:
            return None
        from mediaglot.gateway.http.away import Office  # noqa: PLC0415 - only what is used is loaded

        return Office(
            settings=settings,
            local=craft,
            store=self.store,
            clock=self.clock,
            policy=self.policy,
            prober=self.workshop.prober,
            site=lambda: self.base("").rstrip("/"),
            stack=self.stack,
        ).router()

    async def start_engine(self, craft: Scripted, away: Router | None) -> EmbeddedEngine:
        gate = Gate(self.workshop.memory, seats=self.workers if self.is_real else None)
        hands = AHEAD * self.workers if self.is_real else self.workers
        sorter = Sorter(of=away.lane, home=LOCAL, places=AWAY) if away else None
        engine = EmbeddedEngine(self.store, self.clock, workers=hands, gate=gate, sorter=sorter)
        shift = Shift(
            self.store,
            engine,
            craft,
            self.clock,
            dialect=self.dialects.__getitem__,
            base=self.base,
            gate=gate,
            chance=self.chance,
            queue=craft.queue,
        )
        await shift.recover()
        if away is not None:
            away.reconcile(gate, hands, lambda: engine.running)
        working = asyncio.create_task(engine.run(shift.work, shift.give_up), name="engine")
        self.stack.push_async_callback(_stop_engine, engine, working, shift)
        return engine

    # --- what goes on beside it -------------------------------------------------------------------------

    def start_courier(self, post: Post | None) -> None:
        from mediaglot.gateway.http.client import Sender  # noqa: PLC0415
        from mediaglot.gateway.notify import Courier  # noqa: PLC0415

        mail, topics = _late(self._mailer, self.stack), _late(self._publisher, self.stack)
        sender = Sender(self.policy, self.clock, mail, topics)
        self.stack.push_async_callback(sender.close)
        send = scripted(sender if post is None else post(sender, self.stack), self.store, self.clock)
        courier = Courier(self.store, send, self.clock, chance=self.chance, insistence=self._insistence)
        self.stack.push_async_callback(_over, asyncio.create_task(courier.run(), name="courier"))

    def _insistence(self, name: str) -> Insistence:
        return self.dialects[name].insistence if name in self.dialects else Insistence()

    def _mailer(self) -> Mailer:
        from mediaglot.gateway.http.mail import Mailer, MailServer  # noqa: PLC0415

        settings = self.settings
        server = MailServer(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.smtp_from,
            tls=settings.smtp_tls,
            user=settings.smtp_user,
            password=settings.smtp_password,
            trust=self.policy.trust,
        )
        return Mailer(server, self.clock)

    def _publisher(self) -> Publisher:
        from mediaglot.gateway.http.publisher import Publisher  # noqa: PLC0415

        return Publisher(self.settings.sns, self.policy)

    def start_retention(self, craft: Craft) -> None:
        jobs, results, letters = self.settings.keep_jobs, self.settings.keep_results, self.settings.keep_letters
        keep = Keep(jobs=days(jobs), results=days(results), letters=days(letters))
        retention = Retention(self.store, craft, self.clock, keep, dialect=self.dialects.get, dropbox=self.uploads)
        self.stack.push_async_callback(_over, asyncio.create_task(retention.run(), name="retention"))


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


async def _over(running: asyncio.Task[None]) -> None:
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _stop_engine(engine: EmbeddedEngine, working: asyncio.Task[None], shift: Shift) -> None:
    """Running jobs go back to the queue."""
    await engine.stop(requeue=True)
    await asyncio.wait({working})
    await shift.recover()
