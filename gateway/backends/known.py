"""Facts on the files that were probed lately: of one source, clients have many things made, often a job each."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from mediaglot.gateway.model import MediaFacts

KEPT: Final = 256
SETTLED: Final = 2_000_000_000
"""Nanoseconds for which a file must have been left alone: two changes within a step of the clock leave one mark."""

Mark: TypeAlias = tuple[int, int, int, int]


class Known:
    """A file is the same while its device, number, size and the time of its last change are."""

    def __init__(self, kept: int = KEPT) -> None:
        self._facts: OrderedDict[Mark, MediaFacts] = OrderedDict()
        self._kept = kept

    async def probe(self, path: Path, probe: Callable[[Path], Awaitable[MediaFacts]]) -> MediaFacts:
        """The facts on a source in its job's folder, by ``probe`` where they are not known."""
        mark = _mark(path)
        if mark is None:
            return await probe(path)
        if mark not in self._facts:
            facts = await probe(path)
            if mark != _mark(path):
                return facts
            self._facts[mark] = facts
        self._facts.move_to_end(mark)
        while len(self._facts) > self._kept:
            self._facts.popitem(last=False)
        return self._facts[mark]


def _mark(path: Path) -> Mark | None:
    """None for what may change without a mark. That its folder was written to says how late it is at least."""
    try:
        file, folder = path.stat(), path.parent.stat()
    except OSError:
        return None
    if folder.st_mtime_ns - file.st_mtime_ns < SETTLED:
        return None
    return file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns
