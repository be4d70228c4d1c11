"""Two servers in a row: a client speaks one dialect to the first, which has the work done by the second in another."""

from __future__ import annotations

import asyncio
import shutil
import socket
import struct
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from yarl import URL

from mediaglot.gateway import registry
from mediaglot.gateway.backends.agent import Agent, Manners
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Glimpse, Placed
from mediaglot.gateway.exchange import Headers, Request, headers
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.http.provider import Transport
from mediaglot.gateway.loss import Ledger, Policy, forbidden
from mediaglot.gateway.model import (
    TERMINAL,
    Audio,
    Average,
    Input,
    Job,
    Location,
    Output,
    Package,
    PackageKind,
    Size,
    Variant,
    Video,
)
from mediaglot.gateway.translation import write_job

SOURCE = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
FILE = Output(
    container="mp4",
    video=Video(codec="h264", size=Size(width=160, height=90), rate=Average(bitrate=200_000)),
    audio=Audio(codec="aac", bitrate=64_000),
)
STREAM = Output(
    package=Package(
        kind=PackageKind.HLS,
        variants=tuple(Variant(name=f"{height}p", video=Video(size=Size(height=height))) for height in (240, 360)),
    )
)
FILMS = "s3://films/out/"
"""A bucket that all parties know, for dialects whose providers keep no files of their own."""
HOP = frozenset({"host", "content-length", "connection", "transfer-encoding"})


@dataclass
class Visitor:
    """A client of a provider, as its own users write it."""

    agent: Agent

    async def create(self, output: Output, source: str = SOURCE, hear: str = "") -> Placed:
        return await self.send(Job(inputs=(Input(location=Location(url=source)),), outputs=(output,)), hear)

    async def send(self, job: Job, hear: str = "") -> Placed:
        client = self.agent.client
        return await self.agent.run(lambda permit: client.create(permit, job, Ledger(), hear=hear), again=False)

    async def look(self, placed: Placed) -> Glimpse:
        return await self.agent.run(lambda permit: self.agent.client.look(permit, placed))

    async def find(self, marker: str = "") -> tuple[Glimpse, ...]:
        return await self.agent.run(lambda permit: self.agent.client.find(permit, marker))

    async def cancel(self, placed: Placed) -> None:
        await self.agent.run(lambda permit: self.agent.client.cancel(permit, placed))

    def heard(self, letters: list[dict[str, Any]]) -> list[Glimpse]:
        """What messages say that a receiver got."""
        requests = [
            Request(method="POST", headers=headers(content_type=one["type"]), body=one["body"]) for one in letters
        ]
        return [self.agent.client.hear(request) for request in requests]


@dataclass
class Road:
    """The client of A, the gateway, and a client of B that looks at the same provider as the gateway does.

    ``output`` is what both can say, under ``policy``.
    """

    output: Output
    policy: Policy
    asking: Visitor = field(init=False)
    working: Visitor = field(init=False)
    gateway: Any = field(init=False)
    provider: Any = field(init=False)
    restart: Callable[[], Awaitable[None]] = field(init=False)
    wait: Any

    async def ended(self, placed: Placed) -> Glimpse:
        async def look() -> Glimpse | None:
            glimpse = await self.asking.look(placed)
            return glimpse if glimpse.status in TERMINAL else None

        found: Glimpse = await self.wait(look, seconds=240)
        return found

    async def there(self, room: str = "") -> list[dict[str, Any]]:
        """What the gateway says of its providers; in the room of one, of what it has to do."""
        tree = orjson.loads(await fetched(f"{self.gateway.site}/_mediaglot/providers{room}"))
        found: list[dict[str, Any]] = tree["jobs" if room else "providers"]
        return found

    async def breaker(self) -> str:
        (one,) = await self.there()
        return str(one["breaker"])


async def fetched(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200, url
        return await answer.read()


@pytest.fixture(name="fetched")
def _fetched() -> Callable[[str], Awaitable[bytes]]:
    return fetched


def stored(name: str) -> dict[str, str]:
    """The client's options: where files shall be, if it has to be told."""
    client = registry.find(name).client
    return {"storage": FILMS} if client is not None and "storage" in client.knobs else {}


def order_for(one: str, other: str) -> tuple[Output, Policy]:
    """What one can say, and the strictest policy under which the other takes it: some have only files, some streams."""
    for policy in (Policy.ESSENTIAL, Policy.WARN):
        for output in (FILE, STREAM):
            job = Job(inputs=(Input(location=Location(url=SOURCE)),), outputs=(output,))
            asked = write_job(registry.find(one), job, options=stored(one))
            if asked.got is None or forbidden(asked.report.losses, Policy.ESSENTIAL):
                continue
            told = write_job(registry.find(other), asked.got, options=stored(other))
            if told.got is not None and not forbidden(told.report.losses, policy):
                return output, policy
    raise AssertionError("any two have something in common")


@pytest.fixture
async def visitors() -> AsyncIterator[Callable[[str, str], Visitor]]:
    async with AsyncExitStack() as stack:

        def visit(name: str, site: str) -> Visitor:
            dialect = registry.find(name)
            assert dialect.client is not None
            transport = Transport(f"{site}/{name}", timeout=30)
            stack.push_async_callback(transport.close)
            client = dialect.client(dialect, stored(name))
            manners = Manners(per_second=1000)
            return Visitor(Agent(name, client, client.example, transport, RealClock(), Random(1), manners))

        yield visit


@pytest.fixture
def lay(
    command: Any, visitors: Callable[[str, str], Visitor], data: Path, tmp_path: Path, wait: Any
) -> Callable[..., Awaitable[Road]]:
    """Starts the two servers. ``provider`` are flags of the one that works, ``lines`` settings of the gateway's way,
    ``listed`` the only account that the provider lets in, ``storm`` a proxy on the way."""

    async def start(
        asked: str,
        working: str,
        *provider: str,
        lines: str = "poll = 0.1",
        listed: tuple[str, str] | None = None,
        storm: Storm | None = None,
    ) -> Road:
        away = tmp_path / "away"
        if listed is not None:
            accounts = tmp_path / "provider.toml"
            accounts.write_text(f"[[accounts.{working}]]\nname = '{listed[0]}'\nsecret = '{listed[1]}'\n")
            provider = (*provider, "--config", str(accounts))
        shutil.copytree(data, away, dirs_exist_ok=True)
        shared = ("--storage", f"s3://films={tmp_path / 'films'}")
        other = await command(*provider, *shared, folder=away)
        road = Road(*order_for(asked, working), wait)
        road.provider, site = other, other.site
        if storm is not None:
            storm.site, site = other.site, storm.url
        login = registry.find(working).client.example  # type: ignore[union-attr]
        config = tmp_path / "gateway.toml"
        policy = "" if "policy" in lines else f"policy = '{road.policy}'\n"
        config.write_text(
            f"[providers.other]\ndialect = '{working}'\nurl = '{site}/{working}'\nuser = '{login.name}'\n"
            f"secret = '{login.secret.reveal()}'\ntenant = '{login.tenant}'\n"
            f"options = {{ {''.join(f'{key} = {value!r}' for key, value in stored(working).items())} }}\n"
            f"{policy}{lines}\n"
        )
        road.working = visitors(working, other.site)

        async def begin() -> None:
            road.gateway = await command("--config", str(config), *shared, folder=data)
            road.asking = visitors(asked, road.gateway.site)

        road.restart = begin
        await begin()
        return road

    return start


# --- what happens on the way -------------------------------------------------------------------------


Weather = Callable[["Storm", web.BaseRequest, bytes], Awaitable[web.StreamResponse]]


class Storm:
    """A reverse proxy before a provider, which does to its next requests of a kind what it is told.

    Kinds are the names of intents, and ``download``. ``seen`` counts what came, ``struck`` is set while one is held.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect, self.site, self.url = dialect, "", ""
        self.weather: defaultdict[str, deque[Weather]] = defaultdict(deque)
        self.always: Weather | None = None
        self.seen: Counter[str] = Counter()
        self.struck, self.looked = asyncio.Event(), asyncio.Event()
        self.late: set[asyncio.Task[Any]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        kind = self.kind(request, body)
        self.seen[kind] += 1
        weather = self.always or (self.weather[kind].popleft() if self.weather[kind] else fair)
        try:
            return await weather(self, request, body)
        finally:
            if kind == "ListJobs":
                self.looked.set()

    def kind(self, request: web.BaseRequest, body: bytes) -> str:
        path = request.raw_path.partition("?")[0]
        if path.startswith("/_mediaglot/"):
            return "download"
        asked = Request(
            method=request.method,
            path=path.removeprefix(f"/{self.dialect.name}"),
            query=request.rel_url.raw_query_string,
            headers=Headers(lines=tuple(request.headers.items())),
            body=body,
        )
        try:
            return type(self.dialect.read(self.dialect.open(asked), Ledger())).__name__.replace("GetJobs", "GetJob")
        except Fault as fault:
            return fault.code

    async def forward(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """The provider's answer, in which its links lead through here."""
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=False)
        lines = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP]
        async with self._session.request(
            request.method,
            URL(self.site + request.raw_path, encoded=True),
            data=body or None,
            headers=lines,
            allow_redirects=False,
        ) as got:
            here, there = self.url.encode(), self.site.encode()
            content = (await got.read()).replace(there, here)
            kept = [(name, value) for name, value in got.headers.items() if name.lower() not in HOP]
            moved = [(name, value.replace(self.site, self.url)) for name, value in kept]
            return web.Response(status=got.status, headers=moved, body=content)  # type: ignore[arg-type]

    async def hold(self) -> web.StreamResponse:
        """Until whoever asked hangs up."""
        self.struck.set()
        await asyncio.Event().wait()
        raise AssertionError("held for ever")

    def put_off(self, request: web.BaseRequest, body: bytes) -> None:
        """The provider gets it once it has been looked for."""
        self.looked.clear()

        async def later() -> None:
            await self.looked.wait()
            await self.forward(request, body)

        self.late.add(asyncio.ensure_future(later()))

    async def close(self) -> None:
        for task in self.late:
            task.cancel()
        if self._session is not None:
            await self._session.close()


async def fair(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    return await storm.forward(request, body)


async def broken(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    return web.Response(status=500, text="<html>oops</html>")


async def broken_after(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    await storm.forward(request, body)
    return await broken(storm, request, body)


async def busy(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    return web.Response(status=429, headers={"Retry-After": "1"})


async def reset(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """A connection that is not closed, but gone."""
    assert request.transport is not None
    way = request.transport.get_extra_info("socket")
    way.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
    return web.Response()


async def lost(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    await storm.forward(request, body)
    return await reset(storm, request, body)


async def cut(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    answer = await begun(storm, request, body)
    await reset(storm, request, body)
    return answer


async def begun(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Half of an answer, whose head promises all of it."""
    whole = await storm.forward(request, body)
    content = bytes(whole.body or b"")  # type: ignore[arg-type]
    answer = web.StreamResponse(status=whole.status, headers=whole.headers)
    answer.content_length = len(content) + 1
    await answer.prepare(request)
    await answer.write(content[: len(content) // 2])
    return answer


async def garbled(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    await storm.forward(request, body)
    return web.Response(status=200, body=b"{<\xff\x00", content_type="application/json")


async def slow(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """Not even asked in time."""
    return await storm.hold()


async def slow_after(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    await storm.forward(request, body)
    return await storm.hold()


async def stuck(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    await begun(storm, request, body)
    return await storm.hold()


async def tardy(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """It gets there when nobody waits for the answer any more, and has been looked for already."""
    storm.put_off(request, body)
    return await storm.hold()


async def impatient(storm: Storm, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
    """The same, and somebody between says that they do not wait any more."""
    storm.put_off(request, body)
    return web.Response(status=504)


IN_VAIN = (broken, busy, reset, slow)
"""The provider never hears of it."""
UNANSWERED = (broken_after, lost, cut, garbled, slow_after, stuck, tardy, impatient)
"""The provider has done what it was asked."""


@pytest.fixture
def weather() -> dict[str, Weather]:
    return {each.__name__: each for each in (*IN_VAIN, *UNANSWERED)}


@pytest.fixture
async def storm() -> AsyncIterator[Callable[[str], Awaitable[Storm]]]:
    """Starts a proxy for a provider that speaks a dialect."""
    async with AsyncExitStack() as stack:

        async def start(name: str) -> Storm:
            one = Storm(registry.find(name))
            runner = web.ServerRunner(web.Server(one, handler_cancellation=True), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            stack.push_async_callback(one.close)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            return one

        yield start
