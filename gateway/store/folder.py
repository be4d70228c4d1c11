"""A data folder belongs to one process at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class FolderInUse(RuntimeError):
    """Another process works in the data folder. The message says which one and what to do."""


class Damaged(RuntimeError):
    """The database in the data folder is none, or is broken. The message says what to do."""


def private_file(path: Path) -> None:
    """Make sure that a file is there that nobody else can read; SQLite gives its other files the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


class FolderLock:
    """Holds ``<folder>/lock`` until ``release``, or until the process is gone, however it went."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(self._file, 20).decode(errors="replace") or "unknown"
            os.close(self._file)
            hint = "stop it first, or give this one a folder of its own with --data"
            raise FolderInUse(f"{folder} is in use by process {owner}: {hint}.") from error
        os.truncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
