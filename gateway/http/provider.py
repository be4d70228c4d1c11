"""The way to a provider: one session, one base URL, nothing but what an errand asks for."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from mediaglot.gateway.backends.passage import HOP
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import SourceForbidden, Unavailable
from mediaglot.gateway.transfer.pinned import connector
from mediaglot.gateway.transfer.policy import Policy

LARGEST_ANSWER: Final = 8 << 20
"""Bytes."""
NEAR: Final = Policy(local_addresses=True)


class Transport:
    """``base`` is the provider's URL with whatever path its dialect's own paths lie below. ``close`` ends it.

    Redirects are not followed: a provider that sends our credentials elsewhere is a mistake, or worse. Addresses are
    judged by the ``policy`` when they are known, as those of sources are.
    """

    def __init__(self, base: str, *, timeout: float, policy: Policy = NEAR) -> None:
        self._base = base.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._policy = policy
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, request: Request) -> Response:
        """Raises Unavailable for no answer, and for one that is too long or breaks off."""
        if self._session is None:
            way = connector(self._policy)
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=way, cookie_jar=jar, timeout=self._timeout, trust_env=False)
        query = f"?{request.query}" if request.query else ""
        url = URL(f"{self._base}{request.path}{query}", encoded=True)
        raw = bool(request.headers.get("Accept-Encoding"))  # who asks for an encoding gets the bytes as they come
        lines = [(name, value) for name, value in request.headers if name.lower() not in HOP]
        try:
            async with self._session.request(
                request.method,
                url,
                data=request.body or None,
                headers=lines,
                allow_redirects=False,
                auto_decompress=not raw,
            ) as answer:
                body = await _whole(answer)
                return Response(status=answer.status, headers=Headers(lines=tuple(answer.headers.items())), body=body)
        except SourceForbidden as fault:
            raise Unavailable(reason=f"the policy does not allow it ({fault.data['reason']})") from None
        except TimeoutError:
            raise Unavailable(reason="timeout") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(reason=type(error).__name__) from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for block in answer.content.iter_chunked(1 << 16):
        body += block
        if len(body) > LARGEST_ANSWER:
            raise Unavailable(reason="too_long", status=answer.status)
    return bytes(body)


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""
