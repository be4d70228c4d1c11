"""The data connections of FTP: passive and active, IPv4 and IPv6, in the clear and encrypted. Blocking.

Whatever address a server names, the data go to, or come from, the machine at the other end of the control connection.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Final

from mediaglot.gateway.transfer.ftp_line import Garbled, Line, Refused

PASSIVE: Final = re.compile(r"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})")
EXTENDED: Final = re.compile(r"\(([\x21-\x7e])\1\1(\d{1,5})\1\)")

Judge = Callable[[str, int], None]


@contextlib.contextmanager
def channel(line: Line, command: str, path: str, *, offset: int, active: bool, judge: Judge) -> Iterator[socket.socket]:
    """The connection for the bytes of ``command`` from ``offset`` on; the reply that ends it is the caller's to read.

    Raises Refused. ``judge`` is asked about the number that is connected to, and the port.
    """
    opened = _listen(line) if active else _connect(line, judge)
    try:
        if offset and (code := line.ask("REST", str(offset)).code) != 350:
            raise NoRestart(code)
        reply = line.ask(command, path)
        if not reply.preliminary:
            raise Refused(reply.code)
        if active:
            waiting, opened = opened, _accept(line, opened)
            line.shuttle.drop(waiting)
        line.wait(opened, line.limits.connect_timeout)
        if line.context is not None:
            opened = line.encrypted(opened, line.context, _session(line))
        line.wait(opened, line.limits.stall_timeout)
        yield opened
    finally:
        line.shuttle.drop(opened)


class NoRestart(Refused):
    """The server begins at the beginning only."""


def hang_up(opened: socket.socket) -> None:
    """Say that this was the last byte, or that it has come."""
    if isinstance(opened, ssl.SSLSocket):
        # Some servers just hang up; whether all has arrived, the reply says.
        with contextlib.suppress(OSError):
            opened.unwrap()
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_WR)


def _session(line: Line) -> ssl.SSLSession | None:
    """That of the control connection: some servers take data from no other."""
    return line.sock.session if isinstance(line.sock, ssl.SSLSocket) else None


def _connect(line: Line, judge: Judge) -> socket.socket:
    host, *more = line.sock.getpeername()
    port = _port(line)
    judge(host, port)
    opened = line.shuttle.hold(socket.socket(line.sock.family, socket.SOCK_STREAM))
    line.wait(opened, line.limits.connect_timeout)
    try:
        opened.connect((host, port, *more[1:]))
    except BaseException:
        line.shuttle.drop(opened)
        raise
    return opened


def _port(line: Line) -> int:
    """PASV knows IPv4 only, EPSV not every server."""
    if line.sock.family == socket.AF_INET:
        reply = line.ask("PASV")
        if reply.code == 227:
            if (found := PASSIVE.search(reply.text)) is None:
                raise Garbled
            return _checked(int(found[5]) * 256 + int(found[6]))
        if reply.code not in {500, 501, 502, 522}:
            raise Refused(reply.code)
    reply = line.ask("EPSV")
    if reply.code != 229:
        raise Refused(reply.code)
    if (extended := EXTENDED.search(reply.text)) is None:
        raise Garbled
    return _checked(int(extended[2]))


def _checked(port: int) -> int:
    if not 0 < port < 65536:
        raise Garbled
    return port


def _listen(line: Line) -> socket.socket:
    own, *more = line.sock.getsockname()
    waiting = line.shuttle.hold(socket.socket(line.sock.family, socket.SOCK_STREAM))
    try:
        line.wait(waiting, line.limits.connect_timeout)
        waiting.bind((own, 0, *more[1:]))
        waiting.listen(1)
        port = waiting.getsockname()[1]
        if line.sock.family == socket.AF_INET:
            line.do("PORT", f"{own.replace('.', ',')},{port // 256},{port % 256}")
        else:
            line.do("EPRT", f"|2|{own.partition('%')[0]}|{port}|")
    except BaseException:
        line.shuttle.drop(waiting)
        raise
    return waiting


def _accept(line: Line, waiting: socket.socket) -> socket.socket:
    """Raises Garbled when somebody else than the server comes."""
    opened, (host, *_) = waiting.accept()
    line.shuttle.hold(opened)
    if ip_address(host) != ip_address(line.sock.getpeername()[0]):
        line.shuttle.drop(opened)
        raise Garbled
    return opened
