"""One HTTP request as a client's URL needs it: the policy at every hop, and aiohttp's errors as our faults."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from mediaglot.gateway.faults import Fault, SourceForbidden, SourceMissing, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.pinned import connector
from mediaglot.gateway.transfer.policy import Limits, Policy, judge
from mediaglot.gateway.transfer.retry import Transient, within

CHUNK: Final = 256 * 1024
MOVED: Final = frozenset({301, 302, 307, 308})
PASSING: Final = frozenset({408, 425, 429})
# Ready to be sent as it is: quoting it anew could break the signature of a pre-signed URL.
QUOTED: Final = re.compile(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*")
TROUBLES: Final[tuple[tuple[type[Exception], str, bool], ...]] = (
    # What aiohttp raises, our reason, and whether it may pass; the first that matches counts.
    (aiohttp.ClientConnectorDNSError, "dns", True),
    (aiohttp.ClientConnectorCertificateError, "tls", False),
    (aiohttp.ClientConnectorSSLError, "tls", False),
    (aiohttp.InvalidURL, "url", False),
    (aiohttp.ClientPayloadError, "cut", True),
    (aiohttp.ClientResponseError, "protocol", False),
    (aiohttp.ClientError, "connection", True),
    (ConnectionError, "connection", True),
)

Body = Callable[[], AsyncIterator[bytes] | aiohttp.Payload]
"""Gives the bytes of an upload, anew for every hop."""


class Requests:
    """A client session, opened at the first request. No cookies, no proxy of the environment, no decoding."""

    def __init__(self, policy: Policy, resolver: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        location: Location,
        limits: Limits,
        headers: Mapping[str, str],
        body: Body | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer after all redirects, of whatever status. Raises Source* faults, and Transient around them."""
        with translated(limits):
            response = await self._follow(method, location, limits, headers, body)
            try:
                yield response
            finally:
                response.close()

    @contextlib.asynccontextmanager
    async def once(
        self, method: str, url: str, limits: Limits, headers: Mapping[str, str], body: Body | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The first answer, a redirect too: what is signed for one place is worth nothing at another."""
        with translated(limits):
            target = parse(url)
            self._judge(target)
            response = await self._send(method, target, limits, headers, body)
            try:
                yield response
            finally:
                response.close()

    async def _follow(
        self, method: str, location: Location, limits: Limits, headers: Mapping[str, str], body: Body | None
    ) -> aiohttp.ClientResponse:
        judge(location.url, self._policy)
        url, access = entrance(location)
        self._judge(url)
        moved = MOVED | {303} if method == "GET" else MOVED
        for _ in range(limits.redirects + 1):
            response = await self._send(method, url, limits, {**headers, **basic(access)}, body)
            if response.status not in moved or "Location" not in response.headers:
                return response
            response.close()
            target = url.join(parse(response.headers["Location"]))
            self._judge(target)
            # Credentials belong to the place that the client named: once it is left, they stay behind.
            access = access if target.origin() == url.origin() else None
            url = target.with_user(None)
        raise SourceUnreachable(reason="redirects")

    def _judge(self, url: URL) -> None:
        judge(str(url), self._policy)
        if url.scheme not in {"http", "https"}:
            raise SourceForbidden(reason="scheme")

    async def _send(
        self, method: str, url: URL, limits: Limits, headers: Mapping[str, str], body: Body | None
    ) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(self._policy, self._resolver),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                read_bufsize=CHUNK,
                trust_env=False,
            )
        # A head may come without an end; while a body goes out, whoever sends it looks at the clock.
        longest = limits.connect_timeout + limits.stall_timeout if body is None else limits.total_timeout
        async with alive(longest, limits):
            return await self._session.request(
                method,
                url,
                headers={"User-Agent": "mediaglot", "Accept-Encoding": "identity", **headers},
                data=None if body is None else body(),
                skip_auto_headers=("Content-Type",),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=limits.connect_timeout, sock_read=limits.stall_timeout),
            )


@contextlib.asynccontextmanager
async def alive(seconds: float, limits: Limits) -> AsyncIterator[asyncio.Timeout]:
    """Raises Transient(SourceTimeout) when nothing of use came for ``seconds``, whatever else did."""
    try:
        async with within(seconds, SourceTimeout(seconds=limits.stall_timeout, reason="stall")) as timer:
            yield timer
    except SourceTimeout as fault:
        raise Transient(fault) from None


def parse(text: str) -> URL:
    """Raises SourceForbidden for what is no URL."""
    try:
        url = URL(text, encoded=bool(QUOTED.fullmatch(text)))
        _ = url.port
    except ValueError:
        raise SourceForbidden(reason="url") from None
    return url


def entrance(location: Location) -> tuple[URL, Access | None]:
    """The URL without credentials, and the credentials: those beside it, or else those that were written in it."""
    url, access = parse(location.url), location.access
    if url.user is not None and (access is None or access.user is None):
        access = Access(user=url.user, password=Secret(url.password or ""))
    return (url.with_user(None) if url.raw_user is not None else url), access


def basic(access: Access | None) -> dict[str, str]:
    if access is None or access.user is None:
        return {}
    pair = f"{access.user}:{access.password.reveal() if access.password else ''}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def refuse(response: aiohttp.ClientResponse) -> None:
    """Raise what a status of 300 and more means: SourceMissing (4xx) or SourceUnreachable, with both its parts."""
    if response.status < 300:
        return
    kind: type[Fault] = SourceMissing if 400 <= response.status < 500 else SourceUnreachable
    fault = kind(status=response.status, reason=words(response.reason))
    if response.status >= 500 or response.status in PASSING:
        raise Transient(fault)
    raise fault


def words(reason: str | None) -> str:
    """What a status line says, as a text that can be written down anywhere: it may come in any bytes."""
    return "".join(char if char.isprintable() else "\ufffd" for char in (reason or "")[:100])


@contextlib.contextmanager
def translated(limits: Limits) -> Iterator[None]:
    """aiohttp's errors as faults. They are cut off from them, because their texts show whole URLs, tokens included."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError:
        raise Transient(SourceTimeout(seconds=limits.connect_timeout, reason="connect")) from None
    except aiohttp.ServerTimeoutError:
        raise Transient(SourceTimeout(seconds=limits.stall_timeout, reason="stall")) from None
    except tuple(kind for kind, _, _ in TROUBLES) as error:
        reason, passing = next((reason, passing) for kind, reason, passing in TROUBLES if isinstance(error, kind))
        fault = SourceUnreachable(reason=reason)
        raise (Transient(fault) if passing else fault) from None
