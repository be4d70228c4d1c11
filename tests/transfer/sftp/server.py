"""A real SFTP server, asyncssh's, whose root is a folder, with manners that a test sets. Loaded by path."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "ann", "s3cret/ö@:"


class Sshd:
    def __init__(self, folder: Path, home: str = "home") -> None:
        self.folder, self.home = folder, folder / home
        self.home.mkdir(parents=True)
        self.cuts: list[int] = []
        """After how many bytes the next sessions are cut."""
        self.stalls: list[int] = []
        """After how many bytes the next sessions fall silent."""
        self.reads: list[int] = []
        """Where each read began, and each write."""
        self.lacks_rename = False
        self.released = asyncio.Event()
        self.logins = 0
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.allowed: list[asyncssh.SSHKey] = []
        self.port = 0

    async def start(self, port: int = 0) -> None:
        self._acceptor = await asyncssh.listen(
            "127.0.0.1",
            port,
            server_factory=lambda: Guard(self),
            server_host_keys=[self.key],
            sftp_factory=lambda channel: Files(channel, self),
            allow_scp=False,
        )
        self.port = self._acceptor.get_port()

    def url(self, path: str) -> str:
        return f"sftp://127.0.0.1:{self.port}/{path}"

    async def close(self) -> None:
        self.released.set()
        self._acceptor.close()
        for connection in self.connections:
            connection.abort()
            await connection.wait_closed()
        await self._acceptor.wait_closed()


class Guard(asyncssh.SSHServer):
    def __init__(self, sshd: Sshd) -> None:
        self.sshd = sshd

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.sshd.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        self.sshd.logins += 1
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.convert_to_public() in self.sshd.allowed


class Files(asyncssh.SFTPServer):
    """The root is the folder; a relative path begins at its home."""

    def __init__(self, channel: Any, sshd: Sshd) -> None:
        self.sshd, self._wire, self.done = sshd, channel.get_connection(), 0
        self.cut = sshd.cuts.pop(0) if sshd.cuts else 1 << 60
        self.stall = sshd.stalls.pop(0) if sshd.stalls else 1 << 60
        super().__init__(channel)

    def map_path(self, path: bytes) -> bytes:
        root = self.sshd.folder if path.startswith(b"/") else self.sshd.home
        return os.fsencode(root) + b"/" + path.lstrip(b"/")

    async def _pass(self, offset: int, size: int) -> None:
        self.sshd.reads.append(offset)
        self.done += size
        if self.done >= self.cut:
            self._wire.abort()
        if self.done >= self.stall:
            await self.sshd.released.wait()

    async def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        await self._pass(offset, size)
        return super().read(file_obj, offset, size)

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        await self._pass(offset, len(data))
        return super().write(file_obj, offset, data)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        if self.sshd.lacks_rename:
            raise asyncssh.SFTPOpUnsupported("no")
        super().posix_rename(oldpath, newpath)
