"""A dialect, a craft and a desk made for tests: small, and under the test's control."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mediaglot.gateway import exchange
from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.auth import BodyPair
from mediaglot.gateway.backends import Caller, Over, Product, Report, step
from mediaglot.gateway.backends.desk import Desk
from mediaglot.gateway.backends.shift import Shift
from mediaglot.gateway.chance import SeededChance
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.dialect import Call, Complaint, Dialect, Knob, Route
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.exchange import Intent, Request, headers
from mediaglot.gateway.faults import BadRequest, Conflict, EncodingFailed, Fault, NotFound, Unauthorized, UnknownAction
from mediaglot.gateway.ids import Serial
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Record, Tree
from mediaglot.gateway.model import (
    Delivery,
    Event,
    File,
    Input,
    Job,
    Location,
    Made,
    MediaFacts,
    Notification,
    Output,
    Phase,
    Preset,
    Status,
    Ticket,
)
from mediaglot.gateway.script.rule import Script
from mediaglot.gateway.store import Key, Letter, Store, Topic
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.values import Table
from mediaglot.gateway.wire.json import Json

START = datetime(2026, 1, 1, tzinfo=UTC)
HOOK = Location(url="https://client.example/hook")
FACTS = MediaFacts(container="mov", size=1000, duration=Fraction(10))


def shown(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    return {"id": ticket.id, "state": dialect.state(ticket.status, ticket.phase), "revision": ticket.revision}


class Toy(Dialect):
    """A provider that never was: JSON, one verb a path, two numbers for ids."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    hosts: ClassVar[tuple[str, ...]] = ("api.toy.example",)
    wire = Json()
    auth = BodyPair(user="user", key="key")
    job_ids = Serial(counter="toy.job", start=100)
    output_ids = Serial(counter="toy.output", start=900)
    statuses = Table(
        {
            "waiting": (Status.QUEUED, None),
            "held": (Status.HELD, None),
            "working": (Status.RUNNING, None),
            "encoding": (Status.RUNNING, Phase.ENCODING),
            "done": (Status.FINISHED, None),
            "broken": (Status.FAILED, None),
            "unknown": (Status.UNKNOWN, None),
        }
    )
    faults: ClassVar[Mapping[type[Fault], Complaint]] = {
        Unauthorized: Complaint(401, "who are you?"),
        UnknownAction: Complaint(404, "no {name} here"),
        NotFound: Complaint(404, "no {kind} {id}"),
        Conflict: Complaint(409, "{kind} {id} is {state}"),
        BadRequest: Complaint(400, "bad {field}: {reason}"),
        Fault: Complaint(500, "our mistake"),
    }
    kinds: ClassVar[Mapping[str, str]] = {"job": "task", "preset": "profile"}
    knobs: ClassVar[Mapping[str, Knob]] = {"mood": Knob(("calm", "wild"), "how it feels")}
    presets: ClassVar[tuple[Preset, ...]] = (Preset(name="house", output=Output(container="webm")),)
    routes = (
        Route(
            method="POST",
            path="/job/{id}",
            name="get",
            intent=exchange.GetJob,
            takes=Record(exchange.GetJob, Field("id", "id"), open_keys=True),
            gives=shown,
        ),
    )
    explodes: bool = False

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        return {"error": text}

    def facets(self, ticket: Ticket) -> Mapping[str, str]:
        return {"label": ticket.job.label or ""}

    def render_notification(
        self,
        ticket: Ticket,
        notification: Notification,
        event: Event,
        base: str,
        subject: tuple[Made, Delivery | None] | None,
    ) -> Request | None:
        if self.explodes:
            raise RuntimeError("no words")
        about = subject[0].id if subject else ""
        body = f"{event.value} {ticket.id} {self.state(ticket.status, ticket.phase)} {about}".strip()
        return Request(method="POST", headers=headers(content_type="text/plain"), body=body.encode())


class Hands:
    """A craft that does nothing, notes what it is asked for, and stops or fails where the test says so.

    Places are ``fetch``, ``probe``, ``make``, ``keep`` and ``deliver <url>``.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.lost: dict[int, Fault] = {}
        self.needs: dict[str, int | None] = {}
        self.refused: dict[int, Fault] = {}
        self.reports: dict[str, tuple[float, float | None]] = {}
        self.wanted: list[frozenset[int]] = []
        self.made: list[str] = []
        self.folders: set[str] = set()
        """Those that have work files, at a start."""
        self._gates: dict[str, asyncio.Event] = {}
        self._reached: dict[str, asyncio.Event] = {}

    def hold_at(self, place: str) -> asyncio.Event:
        """Whoever comes to ``place`` waits for the event."""
        return self._gates.setdefault(place, asyncio.Event())

    async def reached(self, place: str) -> None:
        async with asyncio.timeout(10):
            await self._reached.setdefault(place, asyncio.Event()).wait()

    async def _at(self, place: str) -> None:
        self.log.append(place)
        self._reached.setdefault(place, asyncio.Event()).set()
        if place in self._gates:
            await self._gates[place].wait()
        if place in self.failing:
            raise self.failing[place]

    async def refuse(self, job: Job, ledger: Ledger, caller: Any = None) -> Mapping[int, Fault]:
        return {index: fault for index, fault in self.refused.items() if index < len(job.outputs)}

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int:
        if "fetch" in self.reports:
            report(*self.reports["fetch"])
        await self._at("fetch")
        return FACTS.size

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts:
        await self._at("probe")
        return FACTS

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int | None:
        return self.needs.get(ticket.id, 0)

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        self.wanted.append(wanted)
        self.made.append(ticket.id)
        if "make" in self.reports:
            report(*self.reports["make"])
        await self._at("make")
        over()
        await self._at("measure")
        return {index: self.lost.get(index) or (self.product(index),) for index in wanted}

    def product(self, index: int) -> Product:
        return Product(path=Path(f"{index}.mp4"), file=File(path=f"{index}.mp4", size=10, facts=FACTS))

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        await self._at("keep")
        return tuple(replace(product.file, path=f"kept/{product.file.path}") for product in products)

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        await self._at(f"deliver {ticket.job.outputs[index].destinations[number].url}")

    def clear(self, ticket: Ticket) -> None:
        self.log.append("clear")

    def discard(self, ticket: Ticket) -> None:
        self.log.append("discard")

    async def empty(self) -> None:
        return

    def left(self) -> frozenset[str]:
        return frozenset(self.folders)

    def sweep(self, folders: Iterable[str]) -> None:
        self.folders -= {*folders}


class Telling(Shift):
    """A shift that tells of its steps in memory too."""

    def __init__(self, told: Callable[[], None], *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._told = told

    async def _note(self, *step: Any) -> Ticket:
        ticket = await super()._note(*step)
        self._told()
        return ticket


class Works:
    """Store, engine, shift and desk around one craft, on a clock that stands still."""

    def __init__(self, store: Store, clock: VirtualClock, toy: Toy, craft: Any) -> None:
        self.store, self.clock, self.toy, self.craft = store, clock, toy, craft
        self.engine = EmbeddedEngine(store, clock, workers=2)
        self.news = asyncio.Event()
        store.watch(Topic.TICKETS, lambda _: self.news.set())
        ways = {"dialect": lambda _: toy, "base": self.base, "queue": getattr(craft, "queue", None)}
        self.shift = Telling(self.news.set, store, self.engine, craft, clock, **ways)
        self.accounts, self.script = Accounts(clock=clock), Script()
        self.desk = Desk(
            store,
            self.engine,
            craft,
            clock,
            workers=2,
            base=self.base,
            chance=SeededChance(1),
            accounts=self.accounts,
            direct=self.script.direct,
        )

    def base(self, dialect: str) -> str:
        return f"https://host.example/{dialect}"

    def caller(self, account: str = "ann") -> Caller:
        return Caller(dialect=self.toy, account=Account(id=account, user=account))

    async def ask(self, intent: Intent, account: str = "ann", ledger: Ledger | None = None) -> Any:
        return await self.desk.perform(intent, self.caller(account), Ledger() if ledger is None else ledger)

    async def add(self, *outputs: Output, account: str = "ann", **changes: Any) -> str:
        source = Input(location=Location(url="https://media.example/in-10s.mp4"))
        job = Job(inputs=(source,), outputs=outputs, **changes)
        ticket = await self.ask(exchange.CreateJob(job=job), account)
        assert isinstance(ticket, Ticket)
        return ticket.id

    def key(self, job_id: str, account: str = "ann") -> Key:
        return Key("toy", account, job_id)

    async def ticket(self, job_id: str, account: str = "ann") -> Ticket:
        found = await self.store.get(self.key(job_id, account))
        assert found is not None
        return found

    async def run_once(self) -> None:
        """Work through what is in the queue, as one worker would."""
        for _ in range(20):
            async with self.store.write() as tx:
                work = await tx.claim()
            if work is None:
                return
            await self.shift.work(work)
            async with self.store.write() as tx:
                await tx.release(work)
        raise AssertionError("the same work comes again and again")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With the engine at work."""
        task = asyncio.create_task(self.engine.run(self.shift.work, self.shift.give_up))
        try:
            yield
        finally:
            await self.engine.stop()
            await task

    async def until(self, job_id: str, met: Callable[[Ticket], bool]) -> Ticket:
        """Wait for commits, and for steps in memory, until the ticket is as wanted."""
        async with asyncio.timeout(10):
            while not met(ticket := await self.ticket(job_id)):
                self.news.clear()
                await self.news.wait()
        return ticket

    async def in_state(self, status: Status, **changes: Any) -> str:
        """A job with one output that got into ``status`` on the usual way."""
        job = await self.add(Output(container="mp4"), hold=status is Status.HELD, **changes)
        if status is Status.RUNNING:
            async with self.store.write() as tx:
                await tx.put(step.begin(await self.ticket(job), self.clock.now(), attempt=1))
        elif status is Status.FAILED:
            self.craft.failing["make"] = EncodingFailed()
            await self.run_once()
            self.craft.failing.clear()
        elif status is Status.CANCELLED:
            await self.ask(exchange.CancelJob(id=job))
        elif status is not Status.QUEUED:
            await self.run_once()
        assert (await self.ticket(job)).status is status
        self.craft.log.clear()
        return job

    async def letters(self, job_id: str) -> list[str]:
        return [letter.body.decode() for letter in await self.letter_objects(job_id)]

    async def letter_objects(self, job_id: str) -> tuple[Letter, ...]:
        return await self.store.letters(self.key(job_id))


@pytest.fixture
def terminal() -> Iterator[None]:
    """Its end is told to this process and to those that it starts, also where the tests are to outlive it (nohup)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """``serve`` in this process sends the log to a standard error that is closed after the test."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, threading.excepthook
    yield
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def toy() -> Toy:
    return Toy()


@pytest.fixture
def toy_class() -> type[Toy]:
    return Toy


@pytest.fixture
def craft() -> Hands:
    return Hands()


@pytest.fixture
async def works(tmp_path: Path, clock: VirtualClock, toy: Toy, craft: Hands) -> AsyncIterator[Works]:
    async with await SqliteStore.open(tmp_path / "data", busy=clock.busy) as store:
        yield Works(store, clock, toy, craft)


@pytest.fixture
def everything() -> tuple[Notification, ...]:
    """One target that wants to hear of every event."""
    return (Notification(target=HOOK, events=frozenset(Event)),)


@pytest.fixture
def ticket() -> Ticket:
    outputs = (Output(container="mp4"), Output(container="webm"))
    return Ticket(
        id="7",
        account="ann",
        dialect="toy",
        created=START,
        job=Job(inputs=(Input(location=Location(url="https://media.example/in.mp4")),), outputs=outputs),
        outputs=(Made(id="71"), Made(id="72")),
    )
