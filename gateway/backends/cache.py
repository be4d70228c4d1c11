"""Results that were made before, by the fingerprint of what made them. Nothing here runs FFmpeg.

``<folder>/<fingerprint>/`` holds ``files/`` as FFmpeg left them and ``entry.json`` with the size and the SHA-256 of
each. An entry appears whole, by a rename; its age is the time of its last use; the oldest make room. What does not
match its digest is thrown away. One process owns the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mediaglot.gateway.backends.again import spread
from mediaglot.gateway.faults import NoSpace

FOLDER: Final = "cache"
"""Its name in the data folder."""
ENTRY: Final = "entry.json"
COUNTS: Final = "counts.json"
MAKING: Final = "making-"


@dataclass(slots=True, kw_only=True)
class Counts:
    """Since the folder was made. ``dropped`` are entries that did not match their digests."""

    hits: int = 0
    misses: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    entries: int
    size: int
    """Bytes."""
    counts: Counts


def usage(folder: Path) -> Usage:
    """What a cache's folder holds, for whoever does not own it."""
    sizes = [_size(entry) for entry in folder.glob(f"*/{ENTRY}") if not entry.parent.name.startswith(MAKING)]
    return Usage(entries=len(sizes), size=sum(sizes), counts=_counts(folder / COUNTS))


class Cache:
    """At most ``limit`` bytes of results. All methods block and may be called by several threads."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for rest in folder.iterdir():
            if rest.is_dir() and (rest.name.startswith(MAKING) or not (rest / ENTRY).is_file()):
                shutil.rmtree(rest, ignore_errors=True)
        self.counts = _counts(folder / COUNTS)
        aged = sorted((entry.stat().st_mtime_ns, entry) for entry in folder.glob(f"*/{ENTRY}"))
        self._sizes = {entry.parent.name: _size(entry) for _, entry in aged}
        """The least recently used first."""
        self._make_room(0)

    def take(self, fingerprint: str, target: Path) -> bool:
        """Put the result's files into the new folder ``target``, if there is one and it is whole."""
        place = self._folder / fingerprint
        if not place.is_dir():
            self._count("misses")
            return False
        told = _told(place / ENTRY)
        if not told or not all(_matches(place / "files" / name, *one) for name, one in told.items()):
            self._drop(place)
            return False
        with contextlib.suppress(OSError, NoSpace):
            spread(place / "files", target)
            self._touch(fingerprint)
            self._count("hits")
            return True
        shutil.rmtree(target, ignore_errors=True)
        return False

    def put(self, fingerprint: str, files: Path) -> None:
        """Keep the files of a folder, if they fit. A full disk keeps nothing and harms nobody."""
        with contextlib.suppress(OSError, NoSpace):
            told = {str(path.relative_to(files)): describe(path) for path in sorted(files.rglob("*")) if path.is_file()}
            size = sum(size for size, _ in told.values())
            if told and size <= self._limit:
                self._put(fingerprint, files, told, size)

    def _put(self, fingerprint: str, files: Path, told: Mapping[str, tuple[int, str]], size: int) -> None:
        draft = Path(tempfile.mkdtemp(dir=self._folder, prefix=MAKING))
        try:
            spread(files, draft / "files")
            (draft / ENTRY).write_text(json.dumps(told))
            with self._lock:
                self._make_room(size)
                draft.rename(self._folder / fingerprint)
                self._sizes[fingerprint] = size
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _make_room(self, size: int) -> None:
        rest = sum(self._sizes.values()) + size
        while rest > self._limit and self._sizes:
            oldest = next(iter(self._sizes))
            rest -= self._sizes.pop(oldest)
            shutil.rmtree(self._folder / oldest, ignore_errors=True)

    def _touch(self, fingerprint: str) -> None:
        with self._lock:
            os.utime(self._folder / fingerprint / ENTRY)
            if fingerprint in self._sizes:
                self._sizes[fingerprint] = self._sizes.pop(fingerprint)

    def _drop(self, place: Path) -> None:
        with self._lock:
            self._sizes.pop(place.name, None)
            shutil.rmtree(place, ignore_errors=True)
        self._count("dropped")

    def _count(self, what: str) -> None:
        with self._lock, contextlib.suppress(OSError):
            setattr(self.counts, what, getattr(self.counts, what) + 1)
            draft = self._folder / f"{MAKING}{COUNTS}"
            draft.write_text(json.dumps(asdict(self.counts)))
            draft.replace(self._folder / COUNTS)


def describe(path: Path) -> tuple[int, str]:
    """Bytes and SHA-256."""
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _matches(path: Path, size: int, digest: str) -> bool:
    try:
        return path.stat().st_size == size and describe(path)[1] == digest
    except OSError:
        return False


def _told(entry: Path) -> Mapping[str, tuple[int, str]]:
    """The size and the digest of each file; nothing where it can't be read."""
    try:
        return {name: (int(size), str(digest)) for name, (size, digest) in json.loads(entry.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _size(entry: Path) -> int:
    return sum(size for size, _ in _told(entry).values())


def _counts(path: Path) -> Counts:
    try:
        return Counts(**{key: int(value) for key, value in json.loads(path.read_text()).items()})
    except (OSError, ValueError, AttributeError, TypeError):
        return Counts()
