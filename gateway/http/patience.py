"""How long a client is waited for: until its request is there as a whole, and while it does not read its answer."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from mediaglot.gateway.faults import TooSlow
from mediaglot.gateway.http.uploads import UPLOADS

UNREAD: Final[int | None] = getattr(socket, "TCP_USER_TIMEOUT", None)
"""Linux has it: the kernel gives up a connection whose other end does not take what is sent."""
UPLOAD: Final = re.compile(rf"(?:/_mediaglot/in/[^/]+)?{UPLOADS}")
"""Uploads may be large, and are watched where they are read."""


class Door(web.TCPSite):
    """A listening socket whose connections end when nothing of an answer was read for ``patience`` seconds."""

    def __init__(self, runner: web.AppRunner, host: str, port: int, *, patience: float) -> None:
        super().__init__(runner, host, port)
        self._patience = patience

    async def start(self) -> None:
        await super().start()
        assert isinstance(self._server, asyncio.Server)  # noqa: S101
        limit_unread(self._server, self._patience)


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
