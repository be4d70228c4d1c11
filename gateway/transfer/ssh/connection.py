"""One SSH connection with SFTP on it, over a socket that is there already; asyncssh's errors as our faults."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncssh
from asyncssh.packet import PacketDecodeError

from mediaglot.gateway.faults import SourceForbidden, SourceMissing, SourceTimeout, SourceUnreachable
from mediaglot.gateway.transfer.disk import in_thread
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.retry import Transient, within
from mediaglot.gateway.transfer.site import Site
from mediaglot.gateway.transfer.ssh.hostkey import Acquaintance, HostKeys
from mediaglot.gateway.transfer.trust import Trust

# It tells of every connection, with the names of users and files.
asyncssh.set_log_level(logging.WARNING)

WINDOW: Final = 4 << 20
PACKET: Final = 256 << 10
CIPHERS: Final = (
    # The quick ones first: AES is in the processor, and these need no digest beside.
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
MISSING: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
FULL: Final = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
CUT: Final = (asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, ConnectionError)


class Client(asyncssh.SSHClient):
    """Asks an acquaintance about host keys, and answers no question but that for the password."""

    def __init__(self, known: Acquaintance) -> None:
        self._known = known

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._known.meet(key)


@contextlib.asynccontextmanager
async def connected(
    sock: socket.socket, there: Site, trust: Trust, keys: HostKeys, limits: Limits
) -> AsyncIterator[asyncssh.SFTPClient]:
    """An SFTP session on ``sock``, which is closed with it. Raises Source* faults, and Transient around them."""
    connection = None
    with translated(limits):
        try:
            silence = SourceTimeout(seconds=limits.connect_timeout, reason="connect")
            try:
                async with within(limits.connect_timeout, silence):
                    connection = await _log_in(sock, there, trust, keys)
                    session = await connection.start_sftp_client(path_errors="surrogateescape")
            except SourceTimeout as fault:
                raise Transient(fault) from None
            yield session
        finally:
            if connection is None:
                sock.close()
            else:
                connection.abort()
                await connection.wait_closed()


async def _log_in(sock: socket.socket, there: Site, trust: Trust, keys: HostKeys) -> asyncssh.SSHClientConnection:
    known = await in_thread(keys.find, there.host, sock.getpeername()[0], there.port)
    if there.user is None:
        raise SourceUnreachable(reason="login")
    own = await in_thread(_own_keys, None if there.password else trust.ssh_key)
    try:
        connection = await asyncssh.connect(
            there.host,
            there.port,
            sock=sock,
            client_factory=partial(Client, known),
            known_hosts=known.known,
            username=there.user,
            password=there.password.reveal() if there.password else None,
            client_keys=own,
            encryption_algs=CIPHERS,
            compression_algs=["none"],  # some hundred kilobytes could become some hundred megabytes
            window=WINDOW,
            max_pktsize=PACKET,
            **ALONE,
        )
    except asyncssh.HostKeyNotVerifiable:
        raise SourceForbidden(reason=known.trouble) from None
    try:
        await in_thread(keys.keep, known)
    except BaseException:
        connection.abort()
        raise
    return connection


ALONE: Final[dict[str, Any]] = {
    # Nothing of whoever runs the server: no configuration, agent, tickets, certificates of theirs.
    "config": None,
    "agent_path": None,
    "gss_host": None,
    "gss_kex": False,
    "gss_auth": False,
    "x509_trusted_certs": None,
    "pkcs11_provider": None,
    "login_timeout": None,
    "connect_timeout": None,
}


def _own_keys(path: Path | None) -> list[asyncssh.SSHKey] | None:
    """None for no key at all: an empty list would mean those of the home directory."""
    if path is None:
        return None
    try:
        return [asyncssh.read_private_key(path)]
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        raise SourceUnreachable(reason="ssh_key") from None


@contextlib.contextmanager
def translated(limits: Limits) -> Iterator[None]:
    """A server's texts are not passed on: they may quote what we sent."""
    try:
        yield
    except CUT:
        raise Transient(SourceUnreachable(reason="cut")) from None
    except asyncssh.PermissionDenied:
        raise SourceUnreachable(reason="login") from None
    except asyncssh.HostKeyNotVerifiable:
        raise SourceForbidden(reason="host_key_changed") from None
    except MISSING:
        raise SourceMissing(reason="No such file") from None
    except FULL:
        raise SourceUnreachable(reason="no_space") from None
    except asyncssh.SFTPPermissionDenied:
        raise SourceUnreachable(reason="permission") from None
    except asyncssh.SFTPError:
        raise SourceUnreachable(reason="refused") from None
    except (asyncssh.Error, PacketDecodeError, UnicodeDecodeError, asyncio.IncompleteReadError):
        raise SourceUnreachable(reason="protocol") from None
