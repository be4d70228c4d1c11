"""How long a client is waited for, until its request is there as a whole and while it does not read its answer; and how
many of them there may be."""

from __future__ import annotations

import asyncio
import re
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from mediaglot.gateway.faults import TooSlow
from mediaglot.gateway.http.links import INSIDE
from mediaglot.gateway.http.tunnel import Refused, answer
from mediaglot.gateway.http.uploads import UPLOADS

UNREAD: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux has it: the kernel gives up a connection whose other end does not take what is sent."""
UPLOAD: Final = re.compile(rf"(?:{INSIDE}[^/]+)?{UPLOADS}")
"""Uploads may be large, and are watched where they are read."""
GRACE: Final = 2.0
"""Seconds for the answers that are under way when a server stops. aiohttp waits for them twice, and a container is
killed ten seconds after it was told to stop."""
BACKLOG: Final = 100
FULL: Final = (503, "The server has as many connections as it may have; close some.")


class Door(web.BaseSite):
    """A listening socket whose connections end when nothing of an answer was read for ``patience`` seconds. Who comes
    when there are as many as the open files allow is sent away at once."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, *, patience: float) -> None:
        self._most = affordable()
        super().__init__(runner, backlog=burst(self._most))
        self._host, self._port, self._patience = host, port, patience

    @property
    def name(self) -> str:
        return f"http://{self._host}:{self._port}"

    async def start(self) -> None:
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Entrance(self), self._host, self._port, backlog=self._backlog)
        limit_unread(self._server, self._patience)

    def handler(self) -> asyncio.Protocol | None:
        """Who answers requests on one connection more; None where there are too many, or the server has stopped."""
        server = self._runner.server
        return server() if server is not None and len(server.connections) < self._most else None


class Entrance(asyncio.Protocol):
    """A connection until it is told of."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101
        handler = self._door.handler()
        if handler is None:
            transport.write(answer(Refused(*FULL)))
            transport.close()
        else:
            transport.set_protocol(handler)
            handler.connection_made(transport)


def burst(most: int) -> int:
    """How many wait to be taken in: asyncio does that with all of them at once, before it tells of the first."""
    return max(1, min(BACKLOG, most // 4))


def affordable() -> int:
    """Connections that there may be: each may be sent a file, and jobs need some too."""
    return max(1, open_files() // 3)


def open_files() -> int:
    """Files that there may be."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if files == resource.RLIM_INFINITY else files


class File(web.FileResponse):
    """The client may leave it unread, which is no mistake of ours."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        try:
            return await super().prepare(request)
        except TimeoutError as error:
            raise ConnectionResetError("nothing was read any more") from error


def limit_unread(server: asyncio.Server, seconds: float) -> None:
    """For all connections that are accepted from now on."""
    if UNREAD is None:
        return
    for listening in server.sockets:
        listening.setsockopt(socket.IPPROTO_TCP, UNREAD, round(seconds * 1000))


@contextmanager
def hurried(raw: web.Request, seconds: float) -> Iterator[None]:
    """Whoever reads a body that is not there after ``seconds``, however steadily it drips, meets TooSlow."""
    body = raw.content
    if body.is_eof() or UPLOAD.match(raw.path):
        yield
        return

    def give_up() -> None:
        if not body.is_eof():
            body.set_exception(TooSlow(seconds=f"{seconds:g}"))

    timer = asyncio.get_running_loop().call_later(seconds, give_up)
    try:
        yield
    finally:
        timer.cancel()
