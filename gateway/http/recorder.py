"""A way to a provider that writes down what goes by: a reverse proxy in front of one upstream.

What the client sends and what it is told goes by as it is, block by block. What is kept of it is bounded, and is on the
tape before the client has the end of its answer.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from yarl import URL

from mediaglot.gateway.backends.passage import HOP
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.http.patience import GRACE
from mediaglot.gateway.http.tape import keep, next_number
from mediaglot.gateway.http.whereabouts import url_of
from mediaglot.gateway.testing.tape import Tape

LOG = logging.getLogger(__name__)
BLOCK: Final = 1 << 16
QUIET: Final = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
"""What the client is not to be made to say."""
PATIENCE: Final = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300)
INFLATE: Final = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``body`` in bytes, of a request and of an answer that are kept; ``exchanges`` of one run."""

    body: int = 8_000_000
    exchanges: int = 100_000


class Kept:
    """The beginning of a body, and whether that is all of it."""

    def __init__(self, most: int) -> None:
        self._most, self._body, self.whole = most, bytearray(), True

    def add(self, block: bytes) -> bytes:
        self.whole = self.whole and len(self._body) + len(block) <= self._most
        if self.whole:
            self._body += block
        else:
            self._body.clear()
        return block

    def text(self, encoding: str = "") -> bytes | None:
        """Without its ``encoding``; None where it is not all there, or can't be read."""
        if not self.whole or encoding.lower() not in {"", "identity", *INFLATE}:
            return None
        if encoding.lower() in {"", "identity"}:
            return bytes(self._body)
        way = zlib.decompressobj(INFLATE[encoding.lower()])
        try:
            text = way.decompress(bytes(self._body), self._most)
        except zlib.error:
            return None
        return None if way.unconsumed_tail else text


class Recorder:
    """``kept`` counts exchanges on the tape by operation, ``lost`` those that are not there, by the reason."""

    def __init__(self, dialect: Dialect, upstream: str, folder: Path, limits: Limits | None = None) -> None:
        self.url, self.kept, self.lost = "", Counter[str](), Counter[str]()
        self._upstream, self._folder, self._limits = upstream.rstrip("/"), folder, limits or Limits()
        self._tape, self._turn = Tape(dialect, next_number(folder)), asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self, host: str, port: int, trust: ssl.SSLContext | None = None) -> AsyncIterator[Self]:
        """Raises OSError where it can't listen there."""
        connector = aiohttp.TCPConnector(ssl=trust or True, limit=0)
        runner = web.ServerRunner(web.Server(self.handle, access_log=None), shutdown_timeout=GRACE)
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=PATIENCE,
            trust_env=False,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as self._session:
            await runner.setup()
            try:
                await web.TCPSite(runner, host, port).start()
                self.url = url_of(*runner.addresses[0][:2])
                yield self
            finally:
                await runner.cleanup()

    async def handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        if not raw.raw_path.startswith("/"):
            return _plain(400, "This is a provider's place and no proxy for others; ask it for paths.")
        assert self._session is not None  # noqa: S101 - it is open as long as requests come
        asked = Kept(self._limits.body)
        url = URL(f"{self._upstream}{raw.raw_path}", encoded=True)
        more: dict[str, Any] = {"data": self._sent(raw, asked)} if raw.can_read_body else {}
        try:
            async with self._session.request(
                raw.method, url, headers=_lines(raw), allow_redirects=False, skip_auto_headers=QUIET, **more
            ) as answer:
                return await self._pass(raw, asked, answer)
        except web.RequestPayloadError:
            return self._lose("broken by the client", _plain(400, "The body is not what its headers promise."))
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            return self._lose("without an answer", _plain(502, f"No answer of {self._upstream}: {reason}"))

    async def _sent(self, raw: web.BaseRequest, asked: Kept) -> AsyncIterator[bytes]:
        async for block in raw.content.iter_chunked(BLOCK):
            yield asked.add(block)

    async def _pass(self, raw: web.BaseRequest, asked: Kept, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        """The last block waits until the exchange is written down."""
        lines = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP]
        response = web.StreamResponse(status=answer.status, reason=answer.reason, headers=dict[str, str]())
        response.headers.extend(lines)
        length = answer.headers.get("Content-Length", "")
        if length.isdecimal():
            response.content_length = int(length)
        told, held = Kept(self._limits.body), b""
        try:
            await response.prepare(raw)
            async for block in answer.content.iter_chunked(BLOCK):
                if held:
                    await response.write(held)
                held = told.add(block)
            await self._write_down(raw, asked, answer, told)
            if held:
                await response.write(held)
            await response.write_eof()
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError, TimeoutError):
            self.lost["broken off by the upstream"] += 1
            if raw.transport is not None:
                raw.transport.abort()
        except ConnectionError:
            self.lost["left by the client"] += 1
        return response

    async def _write_down(self, raw: web.BaseRequest, asked: Kept, answer: aiohttp.ClientResponse, told: Kept) -> None:
        body, text = asked.text(), told.text(answer.headers.get("Content-Encoding", ""))
        if body is None or text is None:
            self.lost["too large, or in an encoding that is not read"] += 1
        elif sum(self.kept.values()) >= self._limits.exchanges:
            self.lost["after the last one that there was room for"] += 1
        else:
            request = Request(
                method=raw.method,
                path=raw.rel_url.path,
                query=raw.rel_url.raw_query_string,
                headers=Headers(lines=tuple(raw.headers.items())),
                body=body,
                base=self.url,
                site=self.url,
            )
            lines = Headers(lines=tuple(answer.headers.items()))
            await self._keep(request, Response(status=answer.status, headers=lines, body=text))

    async def _keep(self, request: Request, response: Response) -> None:
        async with self._turn:
            try:
                operation = await asyncio.to_thread(self._kept, request, response)
            except OSError as error:
                LOG.warning("an exchange is not on the tape %s: %s", self._folder, error.strerror)
                self.lost["that could not be written"] += 1
            else:
                self.kept[operation] += 1

    def _kept(self, request: Request, response: Response) -> str:
        folder = self._tape.record(request, response)
        keep(self._folder, folder)
        return folder.path.partition("/")[0]

    def _lose(self, reason: str, response: web.Response) -> web.Response:
        self.lost[reason] += 1
        return response


def _lines(raw: web.BaseRequest) -> list[tuple[str, str]]:
    """What the upstream is told; whose length is known keeps it. What comes back is to be read here, too."""
    connection = raw.headers.get("Connection", "")
    named = {word.strip().lower() for word in connection.split(",")}
    left_out = (HOP | named | {"accept-encoding"}) - {"content-length"}
    lines = [(name, value) for name, value in raw.headers.items() if name.lower() not in left_out]
    return [*lines, ("Accept-Encoding", "identity")]


def _plain(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"mediaglot contract record: {text}\n")
