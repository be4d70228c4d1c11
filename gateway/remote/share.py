"""One double for several processes, as for the workers of pytest-xdist: the first starts it, the last ends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.remote.ask import Ask, DoubleError
from mediaglot.gateway.remote.host import LOCK, alone, held, release, spawn
from mediaglot.gateway.remote.keeper import ADDRESS
from mediaglot.gateway.remote.sync import Wire

DOOR: Final = "double.door"


@contextmanager
def joined(folder: Path, settings: Mapping[str, Any]) -> Iterator[str]:
    """The base URL of the double of all who come with this folder. It outlives none of them, and whoever is killed
    leaves it to the others."""
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / DOOR):
        lock = held(folder / LOCK)  # waits for a double that is ending
        try:
            url = _running(folder / ADDRESS) or _begun(folder, settings)
        except BaseException:
            release(lock)
            raise
    try:
        yield url
    finally:
        release(lock)


def _running(address: Path) -> str:
    """Where one answers, empty where none does."""
    try:
        url = address.read_text()
        Wire(url)(Ask(path="ready"))
    except (OSError, DoubleError):
        return ""
    return url


def _begun(folder: Path, settings: Mapping[str, Any]) -> str:
    url, said = spawn(folder, settings)
    said.close()
    (folder / ADDRESS).write_text(url)
    return url
