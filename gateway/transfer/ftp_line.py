"""The control connection of FTP: commands, and replies that are as long as replies may be. Blocking."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final

from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.shuttle import Shuttle
from mediaglot.gateway.transfer.site import Site

LONGEST_REPLY: Final = 64 * 1024
MOST_PRELIMINARY: Final = 16
LEAST_TIMEOUT: Final = 0.001
START: Final = re.compile(rb"([1-5]\d\d)([ -])")


class Garbled(Exception):
    """The server does not speak FTP, or not ours."""


class Refused(Exception):
    """A reply that is no consent. ``login``: it was about who we are."""

    def __init__(self, code: int, *, login: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.login = login


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    text: str

    @property
    def preliminary(self) -> bool:
        return self.code < 200


class Line:
    """A conversation with the server of ``site``. What takes too long raises TimeoutError, what breaks an OSError or
    EOFError."""

    def __init__(self, shuttle: Shuttle, sock: socket.socket, site: Site, limits: Limits) -> None:
        self.shuttle = shuttle
        self.site = site
        self.limits = limits
        self.context: ssl.SSLContext | None = None
        """Of data connections, where they are encrypted."""
        self.sock = shuttle.hold(sock)
        self.wait(self.sock, limits.connect_timeout)
        self._buffer = bytearray()

    def wait(self, sock: socket.socket, seconds: float) -> None:
        sock.settimeout(max(seconds, LEAST_TIMEOUT))

    def open(self, context: ssl.SSLContext | None, *, implicit: bool, lenient: bool) -> None:
        """Greet, encrypt with ``context``, log in. ``lenient``: where the server knows no TLS, go on without."""
        if context is not None and implicit:
            self._encrypt(context)
        self._expect(self.read(), 220)
        if context is not None and not implicit and not self._negotiate(context, lenient=lenient):
            context = None
        self._log_in()
        self.wait(self.sock, self.limits.stall_timeout)
        if context is not None:
            self._expect(self.ask("PBSZ", "0"), 200)
            self._expect(self.ask("PROT", "P"), 200)
            self.context = context
        self._expect(self.ask("TYPE", "I"), 200)

    def ask(self, command: str, argument: str | None = None) -> Reply:
        self.sock.sendall(
            f"{command}{'' if argument is None else f' {argument}'}\r\n".encode("utf-8", "surrogateescape")
        )
        return self.read()

    def read(self) -> Reply:
        """One reply, of however many lines, in the time of one silence. 421 is a server that hangs up."""
        patience = self.sock.gettimeout() or 0.0
        until = time.monotonic() + patience
        size, first = 0, self._read_line(until)
        size += len(first)
        match = START.match(first + b" ")
        if match is None:
            raise Garbled
        last, end = first, match[1] + b" "
        while match[2] == b"-" and not (last + b" ").startswith(end):
            last = self._read_line(until)
            size += len(last)
            if size > LONGEST_REPLY:
                raise Garbled
        self.wait(self.sock, patience)
        if match[1] == b"421":
            raise ConnectionResetError
        return Reply(int(match[1]), first[4:].decode("utf-8", "replace"))

    def finish(self) -> Reply:
        """The reply at the end of what began with a preliminary one."""
        for _ in range(MOST_PRELIMINARY):
            if not (reply := self.read()).preliminary:
                return reply
        raise Garbled

    def do(self, command: str, argument: str | None = None) -> Reply:
        """A command that ends well. Raises Refused."""
        reply = self.ask(command, argument)
        reply = self.finish() if reply.preliminary else reply
        if reply.code >= 300:
            raise Refused(reply.code)
        return reply

    def number(self, command: str, path: str) -> str | None:
        """What the server says of a file (SIZE, MDTM); None where it says nothing."""
        reply = self.ask(command, path)
        return reply.text.strip() if reply.code == 213 else None

    def _read_line(self, until: float) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LONGEST_REPLY:
                raise Garbled
            self.wait(self.sock, until - time.monotonic())
            if not (more := self.sock.recv(4096)):
                raise EOFError
            self._buffer += more
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line

    def _expect(self, reply: Reply, code: int) -> None:
        if reply.code >= 400:
            raise Refused(reply.code)
        if reply.code // 100 != code // 100:
            raise Garbled

    def _negotiate(self, context: ssl.SSLContext, *, lenient: bool) -> bool:
        reply = self.ask("AUTH", "TLS")
        if reply.code != 234:
            if lenient and reply.code >= 400:
                return False
            raise Refused(reply.code)
        self._encrypt(context)
        return True

    def _encrypt(self, context: ssl.SSLContext) -> None:
        if self._buffer:
            # Words in the clear that would be taken for words from within.
            raise Garbled
        self.sock = self.encrypted(self.sock, context)

    def encrypted(
        self, sock: socket.socket, context: ssl.SSLContext, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        inner = context.wrap_socket(
            sock, server_hostname=self.site.host, do_handshake_on_connect=False, session=session
        )
        self.shuttle.hold(inner, sock)
        inner.do_handshake()
        return inner

    def _log_in(self) -> None:
        user, password = self.site.user, self.site.password
        reply = self.ask("USER", user or "anonymous")
        if reply.code == 331:
            reply = self.ask("PASS", password.reveal() if password else ("" if user else "mediaglot@"))
        if reply.code not in {202, 230, 232}:
            raise Refused(reply.code, login=True)
