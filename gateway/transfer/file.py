"""``file://`` below the allowed directories, and nowhere else.

A path is followed through its symbolic links once; what comes out must lie below an allowed directory and is
then walked name by name without following links, so that one that is slipped in between is refused.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import (
    DeliveryFailed,
    SourceForbidden,
    SourceMissing,
    SourceTooLarge,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Fetched, OnProgress, Receipt, delivering, placed
from mediaglot.gateway.transfer.disk import Part, Reading, disk_trouble, in_thread, linked, open_folder
from mediaglot.gateway.transfer.policy import Limits, Policy, judge
from mediaglot.gateway.transfer.retry import in_all

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Place:
    """A file by its real path: an allowed directory and the names below it."""

    root: Path
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.names[-1]

    def folder(self, *, make: bool = False) -> int:
        """A descriptor of the directory that holds it, made on the way where asked. Follows no link below root."""
        folder = open_folder(self.root)
        try:
            for name in self.names[:-1]:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=folder)
                inner = os.open(name, FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
        except BaseException:
            os.close(folder)
            raise
        return folder

    def open(self) -> int:
        """A descriptor for reading. Raises SourceMissing for what is no plain file."""
        folder = self.folder()
        try:
            file = os.open(self.name, FILE, dir_fd=folder)
        finally:
            os.close(folder)
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise SourceMissing(reason="not_a_file")
        return file


def locate(url: str, policy: Policy) -> Place:
    """Where a ``file://`` URL leads. Raises SourceForbidden for all that is not below an allowed directory."""
    judge(url, policy)
    parts = urlsplit(url)
    path = unquote(parts.path, errors="surrogateescape")
    if parts.netloc not in {"", "localhost"}:
        raise SourceForbidden(reason="host")
    if parts.query or parts.fragment or "\0" in path or not path.startswith("/"):
        raise SourceForbidden(reason="path")
    if ".." in path.split("/"):
        raise SourceForbidden(reason="traversal")
    real = Path(os.path.realpath(path))
    for root in map(Path, map(os.path.realpath, policy.allow_dirs)):
        if real.is_relative_to(root) and real != root:
            return Place(root, real.relative_to(root).parts)
    raise SourceForbidden(reason="outside")


def judge_folder(url: str, policy: Policy) -> None:
    """Raise SourceForbidden where no file can be allowed, neither at ``url`` nor below it."""
    path, mark, query = url.partition("?")
    locate(f"{path.rstrip('/')}/any{mark}{query}", policy)


class Found:
    """A source, looked for, opened and linked to ``target`` where that can be, all on one trip to a thread."""

    def __init__(self, url: str, policy: Policy, target: Path, most: int | None) -> None:
        self._url, self._policy, self._target, self._most = url, policy, target, most
        self.name, self.linked = "", False

    def open(self) -> int:
        """As ``Place.open``. Raises SourceForbidden and SourceTooLarge, too."""
        place = locate(self._url, self._policy)
        file = place.open()
        if self._most is not None and os.fstat(file).st_size > self._most:
            os.close(file)
            raise SourceTooLarge(limit=self._most)
        self.name, self.linked = place.name, linked(file, self._target)
        return file


class Files:
    """A delivery is a copy, as it belongs to the receiver. A source is linked where that can be, and only read."""

    def __init__(self, policy: Policy, clock: Clock | None = None) -> None:
        self._policy = policy
        self._clock = clock

    async def close(self) -> None:
        """Nothing stays open."""

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        """Only with ``Policy.file_sources``. Raises SourceForbidden, SourceMissing, SourceTooLarge, NoSpace."""
        if not self._policy.file_sources:
            raise SourceForbidden(reason="scheme")
        limits = limits or self._policy
        found = Found(location.url, self._policy, target, limits.max_bytes)
        async with in_all(limits), Reading(found.open, SourceMissing) as source:
            if found.linked:
                if on_progress is not None:
                    on_progress(source.size, source.size)
                return Fetched(path=target, size=source.size, name=found.name)
            async with Part.at(target) as part:
                await _copy(source, part, on_progress)
        return Fetched(path=target, size=part.size, name=found.name)

    async def deliver(
        self,
        path: Path,
        location: Location,
        *,
        name: str | None = None,
        content_type: str | None = None,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
    ) -> Receipt:
        """Makes directories on the way and replaces a file that is there, at once and whole."""
        limits = limits or self._policy
        url = placed(location.url, name)
        with delivering(), disk_trouble(DeliveryFailed):
            place = await in_thread(locate, url, self._policy)
            part = Part(place.name, lambda: place.folder(make=True), seed=str(path))
            async with (
                in_all(limits),
                Reading(lambda: os.open(path, FILE), DeliveryFailed) as source,
                part,
            ):
                await _copy(source, part, on_progress)
        return Receipt(url=url, size=part.size)


async def _copy(source: Reading, part: Part, on_progress: OnProgress | None) -> None:
    await part.fill(source, lambda done: on_progress(done, source.size) if on_progress is not None else None)
    await part.keep()
