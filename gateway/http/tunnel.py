"""A connection to the proxy until it is known who it is for. Then an HTTP handler has it, and no byte is copied.

CONNECT is answered here: port 80 of a host goes on in plain HTTP, every other port with TLS, which ends here. Any other
request is for the handler from its first byte.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, cast

LOG = logging.getLogger(__name__)
CONNECT: Final = b"CONNECT "
END: Final = b"\r\n\r\n"
LARGEST_HEAD: Final = 8190
OPENED: Final = b"HTTP/1.1 200 Connection established\r\n\r\n"
PLAIN_PORT: Final = 80
AUTHORITY: Final = re.compile(r"([a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)


class Refused(Exception):
    """Why the proxy does not do it, and what to do, in one line: it is the answer's reason phrase, which is what most
    clients show, and its body."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status, self.line = status, line


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds for the head of the first request, for the beginning of TLS, without a request, and after a refusal;
    and how many connections there may be."""

    head: float = 10.0
    handshake: float = 10.0
    idle: float = 75.0
    linger: float = 1.0
    most: int = 400


class Door(Protocol):
    """Whom a tunnel asks."""

    limits: Limits

    def enter(self, tunnel: Tunnel) -> None:
        """Raises Refused where there are too many."""
        ...

    def leave(self, tunnel: Tunnel) -> None: ...

    async def context(self, host: str) -> ssl.SSLContext:
        """What to be ``host`` with. Raises Refused."""
        ...

    def handler(self) -> asyncio.Protocol:
        """Who answers requests on one connection."""
        ...


SLOW: Final = (408, "No request has come; send one, or hang up.")
LARGE: Final = (431, f"The request's head is larger than {LARGEST_HEAD} bytes; send fewer or shorter headers.")
EARLY: Final = (400, "Something came behind CONNECT; wait for the proxy's answer before you send it.")
GARBLED: Final = (400, "This is not CONNECT host:port HTTP/1.1; is it an HTTP client that speaks to the proxy?")


class Tunnel(asyncio.Protocol):
    def __init__(self, door: Door) -> None:
        self._door = door
        self._got = b""
        self._take: Callable[[bytes], None] = self._read
        self._opening: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._timer = self._loop.call_later(self._door.limits.head, self._refuse, Refused(*SLOW))
        try:
            self._door.enter(self)
        except Refused as refused:
            self._refuse(refused)

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._door.leave(self)

    def close(self) -> None:
        self._timer.cancel()
        if self._opening is not None:
            self._opening.cancel()
        self._transport.abort()

    def _read(self, data: bytes) -> None:
        self._got += data
        if not CONNECT.startswith(self._got[: len(CONNECT)]):
            self._hand_over(self._transport)
            return
        head, end, early = self._got.partition(END)
        if len(head) > LARGEST_HEAD:
            self._refuse(Refused(*LARGE))
        elif early:
            self._refuse(Refused(*EARLY))
        elif end:
            self._timer.cancel()
            self._transport.pause_reading()  # what comes now is for who comes next
            self._opening = self._loop.create_task(self._open(head))

    async def _open(self, head: bytes) -> None:
        try:
            host, port = wanted(head)
            context = await self._context(host)
        except Refused as refused:
            self._transport.resume_reading()
            self._refuse(refused)
            return
        if self._transport.is_closing():
            return
        self._got = b""
        self._transport.write(OPENED)
        if port == PLAIN_PORT:
            self._hand_over(self._transport)
            self._transport.resume_reading()
        elif (secured := await self._secure(context, host)) is not None:
            self._hand_over(secured)

    async def _context(self, host: str) -> ssl.SSLContext:
        try:
            return await self._door.context(host)
        except OSError as error:
            LOG.warning("no certificate for %s can be made: %s", host, error.strerror or error)
            raise Refused(503, f"No certificate for {host} can be made now; see the log of the server.") from error

    async def _secure(self, context: ssl.SSLContext, host: str) -> asyncio.Transport | None:
        """The connection with TLS on it; None where that does not come to be."""
        self._take = self._keep
        try:
            secured = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=self._door.limits.handshake,
            )
        except OSError as error:
            LOG.warning("%s", doubt(host, error))
        else:
            if secured is not None and not secured.is_closing():
                return secured
        self._door.leave(self)
        return None

    def _keep(self, data: bytes) -> None:
        """The first request, where it came with the last words of the handshake."""
        self._got += data

    def _ignore(self, data: bytes) -> None:
        """Read, as a client that still speaks would not hear the answer otherwise."""

    def _hand_over(self, transport: asyncio.Transport) -> None:
        self._timer.cancel()
        self._door.leave(self)
        handler = self._door.handler()
        transport.set_protocol(handler)
        handler.connection_made(transport)
        if self._got:
            handler.data_received(self._got)

    def _refuse(self, refused: Refused) -> None:
        self._timer.cancel()
        self._take = self._ignore
        self._transport.write(answer(refused))
        self._transport.write_eof()
        self._timer = self._loop.call_later(self._door.limits.linger, self._transport.abort)


def answer(refused: Refused) -> bytes:
    body = f"{refused.line}\n".encode()
    lines = (
        f"HTTP/1.1 {refused.status} {refused.line}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join(lines).encode() + END + body


def wanted(head: bytes) -> tuple[str, int]:
    """The host and the port of a CONNECT. Raises Refused."""
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    target, _, version = rest.partition(" ")
    if method != "CONNECT" or version not in {"HTTP/1.1", "HTTP/1.0"}:
        raise Refused(*GARBLED)
    host, port = split(target)
    if port is None:
        raise Refused(*GARBLED)
    return host, port


def split(authority: str) -> tuple[str, int | None]:
    """The host in small letters, without a dot at its end, and the port. Raises Refused."""
    found = AUTHORITY.fullmatch(authority)
    port = int(found[2]) if found and found[2] else None
    if found is None or (port is not None and not 0 < port < 1 << 16):
        raise Refused(400, "The request names no host, or none that can be; send host or host:port.")
    return found[1].lower().rstrip("."), port


def doubt(host: str, error: OSError) -> str:
    """What to make of a handshake that came to nothing."""
    reason = getattr(error, "reason", None) or str(error) or type(error).__name__
    return (
        f"TLS with a client of {host} came to nothing ({reason}); it has to begin TLS after CONNECT, and to trust the "
        "certificate that `mediaglot env` names"
    )
