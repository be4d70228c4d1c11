"""Folders that nobody wants any more: out of the way at once, by a rename, and deleted where nobody waits for it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from mediaglot.gateway.transfer.disk import in_thread

PREFIX: Final = ".gone-"


class Rubbish:
    """Of folders in these ``rooms``, in which it stays until it is deleted: a room may be a file system of its own."""

    def __init__(self, *rooms: Path) -> None:
        self._rooms = rooms
        self._thrown: list[Path] = []

    def throw(self, folder: Path) -> None:
        """What comes there next stays: where there is no renaming, it is deleted here and now."""
        place = folder.with_name(f"{PREFIX}{secrets.token_hex(8)}")
        try:
            folder.rename(place)
        except OSError:
            _delete([folder])
        else:
            self._thrown.append(place)

    async def empty(self) -> None:
        thrown, self._thrown = self._thrown, []
        if thrown:
            await in_thread(_delete, thrown)

    def sweep(self) -> None:
        """Delete what a process that died had only put out of the way."""
        for room in self._rooms:
            _delete(room.glob(f"{PREFIX}*"))


def _delete(folders: Iterable[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
