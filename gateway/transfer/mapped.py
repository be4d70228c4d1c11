"""Storage that is a directory of this machine: buckets and file servers, by configuration or all of them.

A file put there serves as a source, a delivery ends there, and no request leaves the machine. What ``file.py``
promises holds here too: nothing outside, no link that leads out, whole files only, directories made on the way.
Keys are paths: ``a`` and ``a/b`` can't both be there, ``a//b`` is ``a/b``, and buckets are lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import DeliveryFailed, SourceForbidden, SourceMissing
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Fetched, OnProgress, Receipt, delivering, placed
from mediaglot.gateway.transfer.address import STORES, Address, address
from mediaglot.gateway.transfer.disk import disk_trouble, in_thread
from mediaglot.gateway.transfer.file import Files
from mediaglot.gateway.transfer.policy import Limits, Policy

NOWHERE: Final = frozenset({".", ".."})
ABSENT: Final = {"ftp": (550, "File unavailable"), "ftps": (550, "File unavailable")}
"""What a server of the scheme says of a file that it does not have; all others are told as HTTP says it."""


class Mapped:
    """``folders`` maps URL prefixes to directories; a longer prefix goes before a shorter one.

    A prefix names a provider's domain, a host, a bucket or a part of one, in any spelling, and holds for all
    spellings. With ``rest``, every other storage URL is at ``<rest>/<s3 or scheme>/<bucket or host>/<path>``.
    Raises ValueError for a prefix that is no such URL.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock | None = None,
        *,
        folders: Mapping[str, Path] | None = None,
        rest: Path | None = None,
    ) -> None:
        self._policy = replace(policy, schemes=frozenset({"file"}), file_sources=True)
        self._clock = clock
        self._rest = rest and rest.absolute()
        listed = [(_prefix(url), folder.absolute()) for url, folder in (folders or {}).items()]
        self._folders = sorted(listed, key=lambda pair: -len(pair[0]))

    def holds(self, url: str) -> bool:
        """Whether ``url`` is ours; a malformed one is when nobody but a storage could have its scheme."""
        try:
            return self._find(address(url)) is not None
        except SourceForbidden:
            return self._rest is not None and url.partition(":")[0].lower() in STORES

    def place(self, url: str) -> tuple[Path, tuple[str, ...]]:
        """The directory that ``url`` is mapped to and the names below it. Raises SourceForbidden."""
        found = self._find(address(url))
        if found is None:
            raise SourceForbidden(reason="unmapped")
        root, names = found
        if ".." in names or any("\0" in name for name in names):
            raise SourceForbidden(reason="traversal" if ".." in names else "path")
        return root, names

    def admit(self, location: Location) -> None:
        self.place(location.url.partition("?")[0])

    async def close(self) -> None:
        """Nothing stays open."""

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        """Raises SourceForbidden, SourceMissing, SourceTooLarge, NoSpace."""
        files, local = self._local(location.url)
        try:
            return await files.fetch(local, target, limits=limits or self._policy, on_progress=on_progress)
        except SourceMissing:
            status, reason = ABSENT.get(location.url.partition(":")[0].lower(), (404, "Not Found"))
            raise SourceMissing(status=status, reason=reason) from None

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
        """The receipt's URL is the one that was asked for, without its query."""
        with delivering(), disk_trouble(DeliveryFailed):
            url = location.url.partition("?")[0]
            if address(url).folder:
                url = placed(f"{url.rstrip('/')}/", name)
            files, local = self._local(url)
            await in_thread(self.place(url)[0].mkdir, parents=True, exist_ok=True)
        done = await files.deliver(path, local, limits=limits or self._policy, on_progress=on_progress)
        return Receipt(url=url, size=done.size)

    def _local(self, url: str) -> tuple[Files, Location]:
        """``url`` as a file below its directory, and who may reach that directory and no other."""
        root, names = self.place(url)
        path = quote(str(root.joinpath(*names)), errors="surrogateescape")
        return Files(replace(self._policy, allow_dirs=(root,)), self._clock), Location(url=f"file://{path}")

    def _find(self, where: Address) -> tuple[Path, tuple[str, ...]] | None:
        for prefix, folder in self._folders:
            for path in where.paths:
                if path[: len(prefix)] == prefix:
                    return folder, path[len(prefix) :]
        if self._rest is None or not where.known or where.host in NOWHERE or not where.host:
            return None
        return self._rest, where.paths[0]


def _prefix(url: str) -> tuple[str, ...]:
    try:
        where = address(url)
    except SourceForbidden as fault:
        raise ValueError(f"{url!r} is no URL of a storage ({fault.data['reason']})") from None
    if where.room == "file" or ".." in where.names or "?" in url:
        raise ValueError(f"{url!r} is no URL of a storage")
    return where.paths[0] if where.host else where.paths[1]
