"""A receiver of messages that providers send: it takes whatever comes to its own address, and is always content."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from aiohttp import web

from mediaglot.gateway.contract.post import Post
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.http.patience import GRACE
from mediaglot.gateway.http.whereabouts import url_of

LARGEST: Final = 1_000_000
"""Bytes of a message that are read."""


class Receiver:
    """``post`` has what came. Its address is a new one each time, so that nothing comes that is for somebody else."""

    def __init__(self, post: Callable[[str], Post] = Post) -> None:
        self._make, self._key = post, secrets.token_urlsafe(16)
        self._news = asyncio.Condition()
        self.post = post("")

    @asynccontextmanager
    async def open(self, host: str, port: int, hear: str = "") -> AsyncIterator[Self]:
        """``hear`` is the URL that leads here, where it is another one. Raises OSError where it can't listen there."""
        runner = web.ServerRunner(web.Server(self._take, access_log=None), shutdown_timeout=GRACE)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            base = hear.rstrip("/") or url_of(*runner.addresses[0][:2])
            self.post = self._make(f"{base}/{self._key}")
            yield self
        finally:
            await runner.cleanup()

    async def wait(self, until: Callable[[], bool], seconds: float) -> None:
        """Until that is so, which is asked again after each message; for so long at the most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(until)

    async def _take(self, raw: web.BaseRequest) -> web.Response:
        if self._key not in raw.path.split("/"):
            return web.Response(status=404, text="Nobody listens here.\n")
        body = b""
        async for block in raw.content.iter_any():
            body += block
            if len(body) > LARGEST:
                return web.Response(status=413, text=f"More than {LARGEST} bytes.\n")
        headers = Headers(lines=tuple(raw.headers.items()))
        message = Request(
            method=raw.method, path=raw.path, query=raw.rel_url.raw_query_string, headers=headers, body=body
        )
        async with self._news:
            self.post.put(message)
            self._news.notify_all()
        return web.Response()
