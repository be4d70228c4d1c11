"""One file by SFTP, over as many connections as it takes, with many requests on their way at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from pathlib import Path
from typing import Final, TypeVar, cast

import asyncssh

from mediaglot.gateway.faults import DeliveryFailed, SourceTimeout, SourceTooLarge, SourceUnreachable
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Part, disk_trouble, in_thread
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.retry import Transient, within
from mediaglot.gateway.transfer.ssh.connection import MISSING

BLOCK: Final = 256 << 10
LEAST: Final = 16 << 10
"""A block that every server takes."""
READ: Final = 1 << 20
WHOLE: Final = 0
"""Tells the library to send a request as it is: the tasks that it cuts one into outlive a cancelled caller."""
DEPTH: Final = 16
"""Requests that wait for their answers; as many blocks are in memory at most."""
FRESH: Final = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
AGAIN: Final = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT

T = TypeVar("T")
File = asyncssh.SFTPClientFile


class Load:
    """A fetch into ``part``, which holds the bytes that are sure."""

    def __init__(self, path: str, part: Part, limits: Limits, told: OnProgress) -> None:
        self._path = path
        self._part = part
        self._limits = limits
        self._told = told
        self._marks: tuple[int | None, int | None] | None = None

    async def attempt(self, session: asyncssh.SFTPClient) -> None:
        async with _stall(self._limits) as timer:
            file = await session.open(self._path, asyncssh.FXF_READ, encoding=None, block_size=WHOLE)
            facts = await file.stat()
            marks = facts.size, facts.mtime
            if self._part.size and marks != self._marks:
                await self._part.restart()
            self._marks = marks
            self._measure(facts.size or 0)
            await self._pour(file, _most(session.limits.max_read_len), facts.size, timer)

    async def _pour(self, file: File, block: int, total: int | None, timer: asyncio.Timeout) -> None:
        async with contextlib.aclosing(_in_order(_asked(file, block, self._part.size, total))) as answers:
            async for data in answers:
                if not data:
                    break
                self._measure(self._part.size + len(data))
                await self._part.write(data)
                _wind(timer, self._limits)
                self._told(self._part.size, total)
        if total is not None and self._part.size != total:
            raise Transient(SourceUnreachable(reason="length"))

    def _measure(self, size: int) -> None:
        if self._limits.max_bytes is not None and size > self._limits.max_bytes:
            raise SourceTooLarge(limit=self._limits.max_bytes)


class Store:
    """A delivery to ``target`` under a temporary name, renamed when it is whole."""

    def __init__(
        self, path: Path, target: str, folders: Sequence[str], temporary: str, limits: Limits, told: OnProgress
    ) -> None:
        self.size = 0
        self.sent = 0
        self.begun = False
        self._path = path
        self._target = target
        self._folders = folders
        self._temporary = temporary
        self._limits = limits
        self._told = told

    async def attempt(self, session: asyncssh.SFTPClient) -> None:
        async with _stall(self._limits) as timer:
            async with _opened(self._path) as source:
                self.size = os.fstat(source).st_size
                offset = await self._offset(session)
                file = await self._create(session, AGAIN if offset else FRESH)
                self.begun = True
                await self._pour(source, file, _most(session.limits.max_write_len), offset, timer)
                await file.close()
            if (await session.stat(self._temporary)).size not in {None, self.size}:
                self.sent = 0
                raise Transient(SourceUnreachable(reason="length"))
            await self._rename(session)

    async def _offset(self, session: asyncssh.SFTPClient) -> int:
        """How much is there already, as far as it was acknowledged."""
        if not self.sent:
            return 0
        with contextlib.suppress(*MISSING):
            return min(self.sent, (await session.stat(self._temporary)).size or 0)
        return 0

    async def _create(self, session: asyncssh.SFTPClient, flags: int) -> File:
        try:
            return await session.open(self._temporary, flags, encoding=None, block_size=WHOLE)
        except MISSING:
            for folder in self._folders:
                with contextlib.suppress(asyncssh.SFTPError):  # it may be there, or another delivery makes it
                    await session.mkdir(folder)
        return await session.open(self._temporary, flags, encoding=None, block_size=WHOLE)

    async def _pour(self, source: int, file: File, block: int, offset: int, timer: asyncio.Timeout) -> None:
        async with contextlib.aclosing(_in_order(_told(source, file, block, offset, self.size))) as answers:
            async for written in answers:
                offset += written
                self.sent = max(self.sent, offset)
                _wind(timer, self._limits)
                self._told(offset, self.size)

    async def _rename(self, session: asyncssh.SFTPClient) -> None:
        """At once where the server can; else it may refuse a name that is taken."""
        try:
            await session.posix_rename(self._temporary, self._target)
        except asyncssh.SFTPOpUnsupported:
            try:
                await session.rename(self._temporary, self._target)
            except (asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):
                await session.remove(self._target)
                await session.rename(self._temporary, self._target)


async def remove(session: asyncssh.SFTPClient, *, path: str) -> None:
    await session.remove(path)


def _most(told: int) -> int:
    """Bytes of a block, whatever the server tells of itself."""
    return max(LEAST, min(BLOCK, told))


async def _asked(file: File, block: int, offset: int, total: int | None) -> AsyncIterator[Awaitable[bytes]]:
    """Requests for the rest, block by block; where nobody knows how much that is, without an end."""
    while total is None or offset < total:
        size = block if total is None else min(block, total - offset)
        yield _block(file, offset, size)
        offset += size


async def _block(file: File, offset: int, size: int) -> bytes:
    """As many bytes, however little the server gives at a time; fewer at the end only."""
    data = bytearray()
    while len(data) < size and (more := cast("bytes", await file.read(size - len(data), offset + len(data)))):
        data += more
    if len(data) > size:
        raise SourceUnreachable(reason="protocol")
    return bytes(data)


async def _told(source: int, file: File, block: int, offset: int, size: int) -> AsyncIterator[Awaitable[int]]:
    """Requests to write the rest."""
    while offset < size:
        data = await in_thread(os.pread, source, min(READ, size - offset), offset)
        if not data:
            raise DeliveryFailed(reason="changed")
        for start in range(0, len(data), block):
            yield file.write(data[start : start + block], offset + start)
        offset += len(data)


async def _in_order(work: AsyncIterator[Awaitable[T]]) -> AsyncGenerator[T, None]:
    """The results of DEPTH pieces of work at the same time, each in its turn."""
    waiting: deque[asyncio.Future[T]] = deque()
    try:
        async for one in work:
            waiting.append(asyncio.ensure_future(one))
            if len(waiting) >= DEPTH:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


@contextlib.asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[int]:
    with disk_trouble(DeliveryFailed):
        file = await in_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


@contextlib.asynccontextmanager
async def _stall(limits: Limits) -> AsyncIterator[asyncio.Timeout]:
    """A timer that is to be wound up whenever something has come."""
    silence = SourceTimeout(seconds=limits.stall_timeout, reason="stall")
    try:
        async with within(limits.stall_timeout, silence) as timer:
            yield timer
    except SourceTimeout as fault:
        raise Transient(fault) from None


def _wind(timer: asyncio.Timeout, limits: Limits) -> None:
    if not timer.expired():
        timer.reschedule(asyncio.get_running_loop().time() + limits.stall_timeout)
