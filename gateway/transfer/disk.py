"""Files in the making: written off the event loop under a temporary name, and renamed when they are whole."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, ParamSpec, Self, TypeVar

from mediaglot.gateway.faults import Fault, NoSpace

BLOCK: Final = 1 << 20
PIECE: Final = 32 * BLOCK
"""Bytes that the kernel copies before anybody hears of it."""
BY_HAND: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF})
"""What the kernel says of files that it can't copy by itself."""
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
REASONS: Final = {
    errno.ENOENT: "missing",
    errno.EACCES: "permission",
    errno.EPERM: "permission",
    errno.EROFS: "permission",
    errno.EISDIR: "directory",
    errno.ENOTDIR: "not_a_directory",
    errno.ENAMETOOLONG: "name",
    errno.ELOOP: "symbolic_link",
}

P = ParamSpec("P")
T = TypeVar("T")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it in a thread and, unlike ``asyncio.to_thread``, never leave before it has ended.

    A cancelled caller would otherwise close a descriptor that the thread still writes to.
    """
    return await ended(asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs)))


async def ended(work: asyncio.Future[T]) -> T:
    """The result of work in a thread, which is over on return, also when this is cancelled."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        while not work.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([work])
        if not work.cancelled():
            work.exception()
        raise


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """Turns the errors of a full disk, quota or file size limit into NoSpace."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace() from error
        raise


@contextlib.contextmanager
def disk_trouble(kind: type[Fault]) -> Iterator[None]:
    """Turns an OSError into ``kind`` with a ``reason`` of one word."""
    try:
        yield
    except OSError as error:
        code = error.errno or 0
        raise kind(reason=REASONS.get(code, errno.errorcode.get(code, "disk").lower())) from error


def open_folder(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


class Part:
    """A file that appears under its name only when ``keep`` is called; leaving the block without it removes it.

    ``folder`` opens the directory and gives its descriptor. ``seed`` tells writers of the same name apart;
    the same seed takes the place of what a killed process left. Memory: two BLOCKs, one that is written while
    the next one comes.
    """

    def __init__(self, name: str, folder: Callable[[], int], *, seed: str = "") -> None:
        self.size = 0
        self._name = name
        self._part = f".mediaglot-{hashlib.sha256(os.fsencode(f'{name}/{seed}')).hexdigest()[:16]}.part"
        self._open_folder = folder
        self._folder = self._file = -1
        self._waiting: list[bytes] = []
        self._held = 0
        self._writing: asyncio.Future[None] | None = None

    @classmethod
    def at(cls, target: Path) -> Part:
        return cls(target.name, lambda: open_folder(target.parent))

    async def __aenter__(self) -> Self:
        try:
            await in_thread(self._create)
        except BaseException:
            await in_thread(self._discard)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            with contextlib.suppress(NoSpace, OSError):
                await self._settle()
        finally:
            await in_thread(self._discard)

    async def write(self, data: bytes) -> None:
        """Returns before the bytes are in the file. Raises NoSpace, perhaps for bytes of an earlier call."""
        self.size += len(data)
        self._waiting.append(data)
        self._held += len(data)
        if self._held >= BLOCK:
            await self._settle()
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._flush, self._take()))

    async def fill(self, source: Reading, told: Callable[[int], None] = lambda _: None) -> None:
        """Write what is left of another file, by the kernel alone where it can. Raises NoSpace, and source's fault."""
        while copied := await in_thread(source.copy, self._file):
            self.size += copied
            told(self.size)

    def write_now(self, data: memoryview) -> None:
        """``write`` and done, for a thread of the caller's own."""
        self.size += len(data)
        with full_disk():
            write_all(self._file, data)

    def restart_now(self) -> None:
        """``restart``, for a thread of the caller's own."""
        self.size = 0
        self._truncate()

    async def restart(self) -> None:
        """Forget every byte."""
        await self._settle()
        self.size = 0
        self._take()
        await in_thread(self._truncate)

    async def keep(self) -> None:
        """Give the file its name, in the place of one that was there."""
        await self._settle()
        await in_thread(self._rename)

    async def _settle(self) -> None:
        """Wait for the bytes that are on their way to the file."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await ended(writing)

    def _take(self) -> list[bytes]:
        waiting, self._waiting, self._held = self._waiting, [], 0
        return waiting

    def _create(self) -> None:
        with full_disk():
            self._folder = self._open_folder()
            self._unlink()
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._part, flags, 0o666, dir_fd=self._folder)

    def _flush(self, parts: Sequence[bytes]) -> None:
        with full_disk():
            for part in parts:
                write_all(self._file, part)

    def _truncate(self) -> None:
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)

    def _rename(self) -> None:
        self._flush(self._take())
        with full_disk():
            file, self._file = self._file, -1
            os.close(file)
            os.rename(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        folder, self._folder = self._folder, -1
        os.close(folder)

    def _discard(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        if self._folder >= 0:
            self._unlink()
            os.close(self._folder)
        self._file = self._folder = -1

    def _unlink(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._part, dir_fd=self._folder)


def write_all(file: int, data: bytes | memoryview) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.write(file, view[done:])


def linked(file: int, target: Path) -> bool:
    """Give the very file that is open a second name, in the place of a file that is there.

    False where that can't be: not between two file systems, and not for a file of another user's.
    """
    folder = -1
    try:
        folder = open_folder(target.parent)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target.name, dir_fd=folder)
        # Through the descriptor, as the name may stand for another file by now.
        os.link(f"/proc/self/fd/{file}", target.name, dst_dir_fd=folder, follow_symlinks=True)
    except OSError:
        return False
    finally:
        if folder >= 0:
            os.close(folder)
    return True


class Reading:
    """A file being read, block by block. ``opener`` gives its descriptor; an OSError becomes ``kind``."""

    def __init__(self, opener: Callable[[], int], kind: type[Fault]) -> None:
        self.size = self.changed = 0
        self._opener = opener
        self._kind = kind
        self._file = -1
        self._users: set[asyncio.Future[Any]] = set()

    async def __aenter__(self) -> Self:
        try:
            await in_thread(self._open)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await ended(asyncio.gather(*self._users, return_exceptions=True))
        finally:
            self._close()

    async def blocks(self, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` to ``end``, a BLOCK at a time, of which the next is read while this one is used.

        May be begun again, and left at any time.
        """
        ahead = self._begin(start, end)
        while block := await ended(ahead):
            start += len(block)
            ahead = self._begin(start, end)
            yield block

    def copy(self, target: int) -> int:
        """Append the next PIECE to the file ``target``, in a thread; 0 at the end."""
        with disk_trouble(self._kind), full_disk():
            if hasattr(os, "copy_file_range"):  # only Linux has it
                try:
                    return os.copy_file_range(self._file, target, PIECE)
                except OSError as error:
                    if error.errno not in BY_HAND:
                        raise
            data = os.read(self._file, BLOCK)
            write_all(target, data)
            return len(data)

    def _begin(self, start: int, end: int | None) -> asyncio.Future[bytes]:
        size = BLOCK if end is None else min(BLOCK, end - start)
        reading = asyncio.ensure_future(asyncio.to_thread(self._read, start, size))
        self.used_by(reading)
        return reading

    def used_by(self, work: asyncio.Future[Any]) -> None:
        """The file stays open until this has ended."""
        self._users.add(work)
        work.add_done_callback(self._over)

    def _over(self, reading: asyncio.Future[Any]) -> None:
        self._users.discard(reading)
        if not reading.cancelled():
            reading.exception()  # whoever wanted the block may have left

    def _open(self) -> None:
        with disk_trouble(self._kind):
            self._file = self._opener()
            facts = os.fstat(self._file)
            self.size, self.changed = facts.st_size, facts.st_mtime_ns

    def _read(self, start: int, size: int) -> bytes:
        with disk_trouble(self._kind):
            return os.pread(self._file, size, start)

    def read_into(self, block: memoryview, start: int) -> int:
        """For a thread that ``used_by`` was told of: how many bytes there were, 0 at the end."""
        with disk_trouble(self._kind):
            return os.preadv(self._file, [block], start)

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
