"""The body of a PUT: some bytes of a file, past the event loop where that can be."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import BLOCK, Reading
from mediaglot.gateway.transfer.shuttle import Shuttle

STEP: Final = BLOCK // 2
"""Bytes that are read in one go: few enough for a processor's cache."""
OFTEN: Final = 0.05
"""Seconds between two words on how far it is."""


class Upload:
    """``size`` bytes of ``source`` from ``start`` on, or all. Whenever the server has taken some, it winds ``timer``
    up by ``stall`` seconds, and stops it at the end."""

    def __init__(
        self,
        source: Reading,
        timer: asyncio.Timeout,
        stall: float,
        on_progress: OnProgress | None,
        *,
        start: int = 0,
        size: int | None = None,
    ) -> None:
        self.sent = 0
        self.size = source.size - start if size is None else size
        self.short = False
        self.source = source
        self._start = start
        self._timer = timer
        self._stall = stall
        self._on_progress = on_progress
        self._pouring: asyncio.Future[None] | None = None

    def body(self) -> aiohttp.Payload:
        """Anew for every hop."""
        self.sent = 0
        self._wind(self._stall)
        return _Body(self)

    async def blocks(self) -> AsyncIterator[bytes]:
        """For a connection that makes other bytes of them."""
        async for block in self.source.blocks(self._start, self._start + self.size):
            yield block
            self.tell(self.sent + len(block))

    def pour(self, sock: socket.socket, tell: Callable[[int], object]) -> None:
        """All of it, in a thread, which ``tell``s how many bytes the socket has taken."""
        block, told = memoryview(bytearray(min(STEP, self.size))), time.monotonic()
        sent = 0
        while sent < self.size and (read := self.source.read_into(block[: self.size - sent], self._start + sent)):
            rest = block[:read]
            while rest:
                taken = _send(sock, rest)
                rest, sent = rest[taken:], sent + taken
                if (now := time.monotonic()) - told >= OFTEN or sent == self.size:
                    told = now
                    tell(sent)

    def tell(self, sent: int) -> None:
        self.sent = sent
        self._wind(self._stall)
        if self._on_progress is not None:
            self._on_progress(sent, self.size)

    def end(self) -> None:
        if self.sent != self.size:
            self.short = True
            raise EOFError("the file has changed on its way")
        self._wind(None)

    def poured(self, work: asyncio.Future[None]) -> None:
        self._pouring = work
        self.source.used_by(work)

    async def is_whole(self) -> bool:
        """Whether all was sent. A server's answer may be here before the thread has said that it has sent the end."""
        if self._pouring is not None:
            await asyncio.wait([self._pouring])
        return self.sent == self.size

    def _wind(self, seconds: float | None) -> None:
        # The thread's last words may come when nobody waits any more.
        with contextlib.suppress(RuntimeError):
            self._timer.reschedule(None if seconds is None else asyncio.get_running_loop().time() + seconds)


class _Body(aiohttp.Payload):
    """Without TLS, a thread of its own writes to the socket; a transport would copy everything once or twice more."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload)
        self._upload = upload

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        raise TypeError("a file on its way is no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._consumed = True  # aiohttp must not send it again by itself: it was counted
        sock = _plain(writer) if self._upload.size > STEP else None
        if sock is None:
            async for block in self._upload.blocks():
                await writer.write(block)
        elif not await self._poured(sock):
            return
        self._upload.end()

    async def _poured(self, sock: socket.socket) -> bool:
        """False when the server takes no more: whether it has said why is for the reader of its answer to see."""
        shuttle = Shuttle()
        loop = asyncio.get_running_loop()

        def tell(sent: int) -> None:
            loop.call_soon_threadsafe(self._upload.tell, sent)

        pouring = asyncio.ensure_future(shuttle.run(partial(self._upload.pour, shuttle.hold(sock), tell)))
        self._upload.poured(pouring)
        try:
            await pouring
        except ConnectionError:
            return False
        return True


def _plain(writer: Any) -> socket.socket | None:
    """The connection's socket once more, if nothing else is to go to it first and no TLS lies between."""
    writer.send_headers()
    transport: asyncio.Transport = writer.transport
    if transport is None or transport.get_write_buffer_size() or transport.get_extra_info("sslcontext"):
        return None
    found = transport.get_extra_info("socket")
    return None if found is None else found.dup()


def _send(sock: socket.socket, block: memoryview) -> int:
    """How many bytes the socket has taken, one at least."""
    while True:
        try:
            return sock.send(block)
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(sock, select.POLLOUT)
            waiting.poll()
