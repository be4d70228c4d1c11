"""Moving bytes: from a client's source to a local file, and from a finished file to a destination.

A ``Transfer`` knows one scheme, the ``Carrier`` picks it. Modules are imported when their scheme is first
met. Faults of a fetch are the ``Source*`` ones and NoSpace; those of a delivery are DeliveryFailed,
DeliveryForbidden and NoSpace. No fault carries a URL or a credential.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import quote

from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import (
    DeliveryFailed,
    DeliveryForbidden,
    SourceForbidden,
    SourceMissing,
    SourceTooLarge,
    SourceUnreachable,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer.disk import in_thread
from mediaglot.gateway.transfer.policy import LONGEST_URL, Limits, Policy, judge
from mediaglot.gateway.transfer.retry import patiently
from mediaglot.gateway.transfer.tempo import StepAside, unhurried

__all__ = [
    "SCHEMES",
    "Carrier",
    "Fetched",
    "Mount",
    "OnProgress",
    "Receipt",
    "Resolver",
    "Transfer",
    "delivering",
    "placed",
]

LOG = logging.getLogger(__name__)

OnProgress = Callable[[int, int | None], None]
"""Told (bytes so far, bytes in all or None). The first falls back to 0 when a source must be read anew."""

Resolver = Callable[[str], Awaitable[Path | None]]
"""Knows some URLs as files of this machine; None for all others."""

SCHEMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "http": "mediaglot.gateway.transfer.http:Http",
        "https": "mediaglot.gateway.transfer.http:Http",
        "s3": "mediaglot.gateway.transfer.s3:S3",
        "file": "mediaglot.gateway.transfer.file:Files",
        "ftp": "mediaglot.gateway.transfer.ftp:Ftp",
        "ftps": "mediaglot.gateway.transfer.ftp:Ftp",
        "sftp": "mediaglot.gateway.transfer.sftp:Sftp",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """``name`` is the last part of the source's path, ``content_type`` what its server said."""

    path: Path
    size: int
    name: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """``url`` is where the file went, without credentials; ``etag`` what the server calls this version."""

    url: str
    size: int
    etag: str | None = None


class Transfer(Protocol):
    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        """Bring the source to ``target``, whose directory exists; a failure or a cancel leaves nothing there."""
        ...

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
        """Put ``path`` there. A destination that ends in "/" is a directory and the file is called ``name``."""
        ...

    async def close(self) -> None: ...


class Mount(Transfer, Protocol):
    """A Transfer that takes some URLs from the one of their scheme."""

    def holds(self, url: str) -> bool: ...

    def admit(self, location: Location) -> None:
        """Raises SourceForbidden for a destination that shows by itself that nothing can be put there."""
        ...


class Carrier:
    """All schemes behind one Transfer. ``resolvers`` are asked first, and what they know is never fetched.

    ``mounts`` are asked next, in their order; what they hold is theirs, and the policy for hosts and schemes is not
    asked. Whoever gives a mount closes it. An entry of ``schemes`` is "module:attribute", called with (policy, clock).
    A delivery that fails for a reason that may pass is tried again for ``patience`` seconds. ``aside`` is entered by
    whoever waits for a transfer, as long as that is slow.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock | None = None,
        *,
        resolvers: Sequence[Resolver] = (),
        mounts: Sequence[Mount] = (),
        schemes: Mapping[str, str] = SCHEMES,
        patience: float = 0.0,
        chance: Chance = SYSTEM,
        aside: StepAside = contextlib.nullcontext,
    ) -> None:
        self.policy, self._aside = policy, aside
        self._patience, self._chance = patience, chance.of("deliveries")
        self._clock = clock or RealClock()
        self._resolvers = tuple(resolvers)
        self._mounts = tuple(mounts)
        self._schemes = schemes
        self._open: dict[str, Transfer] = {}

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        for resolve in self._resolvers:
            if (found := await resolve(location.url)) is not None:
                return await _take(found, target, on_progress)
        with _refusals(location.url):
            transfer = self._transfer(location.url)
            async with unhurried(self._clock, self._aside, on_progress) as told:
                return await transfer.fetch(location, target, limits=limits, on_progress=told)

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
        with _refusals(location.url):
            with delivering():
                transfer = self._transfer(location.url)
            once = partial(transfer.deliver, path, location, name=name, content_type=content_type, limits=limits)
            async with unhurried(self._clock, self._aside, on_progress) as told:
                once = partial(once, on_progress=told)
                return await patiently(once, patience=self._patience, clock=self._clock, chance=self._chance)

    async def admit(self, location: Location) -> None:
        """Raises DeliveryFailed for a destination that shows by itself that nothing can be put there.

        Nobody is asked: the addresses of a name are judged when they are known.
        """
        url = location.url
        with _refusals(url), delivering():
            mount = self._mount(url)
            if mount is not None:
                mount.admit(location)
            elif self._door(url) == SCHEMES["file"]:
                from mediaglot.gateway.transfer.file import judge_folder  # noqa: PLC0415 - as all schemes are

                await in_thread(judge_folder, url, self.policy)

    async def close(self) -> None:
        while self._open:
            await self._open.popitem()[1].close()

    def _door(self, url: str) -> str:
        door = self._schemes.get(url.partition(":")[0].lower())
        if door is None:
            raise SourceUnreachable(reason="scheme")
        judge(url, self.policy)
        return door

    def _mount(self, url: str) -> Mount | None:
        return next((mount for mount in self._mounts if mount.holds(url)), None)

    def _transfer(self, url: str) -> Transfer:
        mount = self._mount(url)
        if mount is not None:
            return mount
        door = self._door(url)
        if door not in self._open:
            module, _, attribute = door.partition(":")
            self._open[door] = getattr(import_module(module), attribute)(self.policy, self._clock)
        return self._open[door]


@contextlib.contextmanager
def delivering() -> Iterator[None]:
    """Names a destination's troubles: what a fetch would call Source* becomes the Delivery* of the same data."""
    try:
        yield
    except SourceForbidden as fault:
        raise DeliveryForbidden(**fault.data) from fault
    except (SourceUnreachable, SourceMissing, SourceTooLarge) as fault:
        failed = DeliveryFailed(**fault.data)
        failed.passing = fault.passing
        raise failed from fault


@contextlib.contextmanager
def _refusals(url: str) -> Iterator[None]:
    """Tells the log why; a client may hear less."""
    try:
        yield
    except (SourceForbidden, DeliveryForbidden) as fault:
        LOG.warning("the policy refuses a transfer (%s): %s", fault.data.get("reason"), _shown(url))
        raise


def _shown(url: str) -> str:
    """The scheme and the host, without what may be a credential."""
    scheme, _, rest = url[:LONGEST_URL].partition("://")
    host = re.split(r"[/?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return ascii(f"{scheme}://{host}")[:200] if rest else "no URL"


def placed(url: str, name: str | None) -> str:
    """``url`` with ``name`` at the end of its path where that ends in "/". Raises DeliveryForbidden for a bad name."""
    path, mark, query = url.partition("?")
    if not path.endswith("/"):
        return url
    if not name or name in {".", ".."} or "/" in name or "\0" in name:
        raise DeliveryForbidden(reason="name")
    return f"{path}{quote(name, safe='', errors='surrogateescape')}{mark}{query}"


async def _take(found: Path, target: Path, on_progress: OnProgress | None) -> Fetched:
    size = await in_thread(_link, found, target)
    if on_progress is not None:
        on_progress(size, size)
    return Fetched(path=target, size=size, name=found.name)


def _link(found: Path, target: Path) -> int:
    """A hard link where the file systems allow one, a copy elsewhere."""
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(found)
    except OSError:
        shutil.copyfile(found, target)
    return target.stat().st_size
