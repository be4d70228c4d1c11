"""Requests of a dialect over real HTTP, for code that stands outside as a client does."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import aiohttp
from yarl import URL

from mediaglot.gateway.exchange import Headers, Request, Response

T = TypeVar("T")
Send = Callable[[Request], Awaitable[Response]]
CHUNK: Final = 1 << 16


async def drive(steps: Generator[Request, Response, T], send: Send) -> T:
    """Send what ``steps`` yields, give it the answers, and return what it returns."""
    try:
        request = next(steps)
        while True:
            request = steps.send(await send(request))
    except StopIteration as end:
        found: T = end.value
        return found


def reason(error: aiohttp.ClientError) -> str:
    """Why there was no answer, in the words of the system where it has some."""
    tls = isinstance(error, aiohttp.ClientSSLError)
    if not isinstance(error, OSError):
        return f"no answer: {error}"
    number = 0 if tls else error.errno or 0  # the numbers of TLS are its own
    return os.strerror(number) if number > 0 else error.strerror or str(error)


class Transport:
    """``await transport.send(request, base)`` with the URL that the request's path hangs under. One session.

    An answer has ``most`` bytes at the most and comes within ``seconds``, where these are said.
    """

    def __init__(self, *, most: int | None = None, seconds: float | None = None) -> None:
        self._most = most
        self._session = aiohttp.ClientSession(
            trust_env=False, auto_decompress=most is None, timeout=aiohttp.ClientTimeout(total=seconds or 300)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(self, request: Request, base: str) -> Response:
        """Redirects are answers too. Raises ConnectionError where there is no answer."""
        url = f"{base}{request.path}" + (f"?{request.query}" if request.query else "")
        more: dict[str, Any] = {"data": request.body or None, "headers": request.headers.lines}
        try:
            async with self._session.request(
                request.method, URL(url, encoded=True), allow_redirects=False, **more
            ) as answer:
                lines = Headers(lines=tuple(answer.headers.items()))
                return Response(status=answer.status, headers=lines, body=await self._body(answer))
        except aiohttp.ClientError as error:
            raise ConnectionError(reason(error)) from error

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        if self._most is None:
            return await answer.read()
        body = b""
        while piece := await answer.content.read(CHUNK):
            body += piece
            if len(body) > self._most:
                answer.close()
                raise ConnectionError(f"more than {self._most} bytes")
        return body

    async def save(self, url: str, path: Path) -> None:
        """Download ``url`` to ``path``. Raises ConnectionError where the answer is not the whole file."""
        try:
            async with self._session.get(url) as answer:
                if answer.status != 200:
                    raise ConnectionError(f"HTTP {answer.status} for {url}")
                with path.open("wb") as file:
                    async for chunk in answer.content.iter_chunked(CHUNK):
                        file.write(chunk)
        except aiohttp.ClientError as error:
            raise ConnectionError(reason(error)) from error
