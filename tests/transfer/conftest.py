from __future__ import annotations

import asyncio
import contextlib
import hashlib
import resource
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.endpoint import Endpoint
from mediaglot.gateway.transfer.http import Http
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.s3 import S3

BODY = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(98_304))  # 3 MiB
LOCAL = Policy(local_addresses=True, stall_timeout=20, connect_timeout=20, tries=3)


class Origin:
    """A source of BODY with manners that a test sets; ``asked`` keeps the requests it got."""

    def __init__(self) -> None:
        self.asked: list[web.BaseRequest] = []
        self.cuts: list[int] = []
        """After how many bytes the next answers break off."""
        self.ranges = True
        self.etag: str | None = '"one"'
        self.body = BODY
        self.length = 0
        """Added to the Content-Length that is told."""
        self.headers: dict[str, str] = {}
        self.statuses: list[int] = []
        self.hold: asyncio.Event | None = None
        """Waited for after ``held`` bytes; on the next request before the first."""
        self.held = 0
        self.reached = asyncio.Event()
        self.url = ""

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if self.statuses and (status := self.statuses.pop(0)) != 200:
            return web.Response(status=status)
        start = self._start(request)
        if start is not None and start >= len(self.body):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.body)}"})
        response = web.StreamResponse(status=200 if start is None else 206, headers=self.headers)
        part = self.body[start or 0 :]
        response.content_length = len(part) + self.length
        if self.etag:
            response.headers["ETag"] = self.etag
        if start is not None:
            response.headers["Content-Range"] = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        await response.prepare(request)
        await self._send(request, response, part)
        return response

    def _start(self, request: web.BaseRequest) -> int | None:
        asked = request.headers.get("Range")
        if not self.ranges or not asked or request.headers.get("If-Range", self.etag) != self.etag:
            return None
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    async def _send(self, request: web.BaseRequest, response: web.StreamResponse, part: bytes) -> None:
        end = self.cuts.pop(0) if self.cuts else len(part)
        if self.hold is not None:
            held, self.held = self.held, 0
            await response.write(part[:held])
            self.reached.set()
            await self.hold.wait()
            return
        for at in range(0, min(end, len(part)), 65536):
            await response.write(part[at : min(at + 65536, end)])
        if end < len(part) or self.length:
            assert request.transport is not None
            request.transport.close()


Serve = Callable[[Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Puts a handler on a free port of loopback and gives its base URL."""
    runners: list[web.ServerRunner] = []

    async def start(handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> str:
        runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def origin(serve: Serve) -> AsyncIterator[Origin]:
    source = Origin()
    source.url = await serve(source.answer) + "/films/one%20two.mp4?token=x"
    yield source
    if source.hold is not None:
        source.hold.set()


class Eager(VirtualClock):
    """Never waits, and remembers how long it should have."""

    def __init__(self) -> None:
        super().__init__(datetime(2026, 1, 1, tzinfo=UTC))
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def eager() -> Eager:
    return Eager()


@pytest.fixture
def local() -> Policy:
    return LOCAL


@pytest.fixture
def hasty() -> Policy:
    """For servers that fall silent: soon given up."""
    return replace(LOCAL, stall_timeout=0.2, connect_timeout=0.2)


@pytest.fixture
async def http(eager: Eager) -> AsyncIterator[Http]:
    client = Http(LOCAL, eager)
    yield client
    await client.close()


@pytest.fixture
async def serve_raw() -> AsyncIterator[Callable[[bytes, bool], Awaitable[str]]]:
    """A server that sends the same bytes to everybody who has sent a head, and may wait for the client to leave."""
    servers: list[asyncio.Server] = []
    gone: list[asyncio.Event] = []

    async def start(said: bytes, stay: bool) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            gone.append(left := asyncio.Event())
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(said)
                await writer.drain()
                while stay and await reader.read(1 << 16):
                    pass
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()
                left.set()

        servers.append(server := await asyncio.start_server(talk, "127.0.0.1", 0))
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
    for event in gone:
        await event.wait()
    for server in servers:
        await server.wait_closed()


class Everywhere(AbstractResolver):
    """All names are on this machine, at one port."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=self.port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def everywhere(store: Any) -> AbstractResolver:
    """Leads every name to the object store of the test."""
    return Everywhere(int(store.url.rpartition(":")[2]))


@pytest.fixture
async def opened(eager: Eager) -> AsyncIterator[Callable[..., S3]]:
    """Makes an S3 that is closed at the end of the test."""
    made: list[S3] = []

    def make(*endpoints: Endpoint, policy: Policy = LOCAL, **options: Any) -> S3:
        made.append(S3(policy, eager, endpoints=endpoints, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def s3(opened: Callable[..., S3], store: Any) -> S3:
    """All buckets are in the store of the test."""
    return opened(Endpoint(url=store.url))


@pytest.fixture
def signed() -> Callable[..., Location]:
    """A location with the keys that the store knows."""

    def make(url: str, **more: Any) -> Location:
        return Location(url=url, access=Access(user="KEY", password=Secret("SE/CR+ET"), **more))

    return make


@pytest.fixture
async def serve_flood() -> AsyncIterator[Callable[[bytes, bytes], Awaitable[str]]]:
    """A server that says ``head`` and then ``flood`` again and again, until the client has had enough."""
    servers: list[asyncio.Server] = []
    talks: list[asyncio.Task[None]] = []

    async def start(head: bytes, flood: bytes) -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            talks.append(cast("asyncio.Task[None]", asyncio.current_task()))
            with contextlib.suppress(ConnectionError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(head)
                while True:
                    writer.write(flood)
                    await writer.drain()
            writer.transport.abort()

        servers.append(server := await asyncio.start_server(talk, "127.0.0.1", 0))
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"

    yield start
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file that this process writes, as a client or as a server, grows over half a megabyte."""
    limits, before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, before)
