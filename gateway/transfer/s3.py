"""Object stores that speak S3: one GET that is resumed for sources, one PUT or many parts for destinations.

All spellings that ``bucket`` knows, with the credentials of the job or of the configuration and with none for what
is public. An object appears when it is whole. Credentials of the process's own surroundings are never looked for.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from aiohttp.abc import AbstractResolver

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import DeliveryFailed, SourceForbidden
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Fetched, OnProgress, Receipt, delivering, placed
from mediaglot.gateway.transfer.disk import Part, Reading
from mediaglot.gateway.transfer.download import Download
from mediaglot.gateway.transfer.endpoint import Endpoint
from mediaglot.gateway.transfer.http import FILE, PAUSE
from mediaglot.gateway.transfer.manner import manner
from mediaglot.gateway.transfer.multipart import PART, Again, Multipart, part_of
from mediaglot.gateway.transfer.notebook import Notebook, Page
from mediaglot.gateway.transfer.parcel import Parcel
from mediaglot.gateway.transfer.policy import Limits, Policy
from mediaglot.gateway.transfer.retry import in_all, persist
from mediaglot.gateway.transfer.s3client import Client

LARGE: Final = 2 * PART
"""A file of so many bytes goes in parts."""


T = TypeVar("T")


class S3:
    """``endpoints`` are entries of the configuration. As a mount it holds what they name, or every bucket's URL.

    ``pause`` is the first back-off in seconds, and it doubles; ``resolver`` takes the place of the system's.
    ``notes`` is a folder to remember unfinished uploads in.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock | None = None,
        *,
        endpoints: Sequence[Endpoint] = (),
        only_named: bool = False,
        pause: float = PAUSE,
        resolver: AbstractResolver | None = None,
        notes: Path | None = None,
    ) -> None:
        self._policy = policy
        self._notebook = Notebook(notes)
        self._clock = clock or RealClock()
        self._only_named = only_named
        self._pause = pause
        self._client = Client(policy, endpoints, resolver)

    def holds(self, url: str) -> bool:
        """A URL that is signed already is nobody's but HTTP's."""
        try:
            where = self._client.find(url)
        except SourceForbidden:
            return not self._only_named and url.partition(":")[0].lower() == "s3"
        return where is not None and (not self._only_named or self._client.is_named(where))

    def admit(self, location: Location) -> None:
        self._client.judge(self._put(location, "any"))

    async def close(self) -> None:
        await self._client.close()

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        limits = limits or self._policy
        where, _ = self._client.target(location)
        async with in_all(limits), Part.at(target) as part:
            load = Download(self._client, location, part, limits, on_progress)
            await persist(
                load.attempt, tries=limits.tries, clock=self._clock, pause=self._pause, reached=lambda: part.size
            )
            await part.keep()
        name = where.key.rpartition("/")[2]
        return Fetched(path=target, size=part.size, name=name or None, content_type=load.content_type)

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
        """The receipt's URL is the one that was asked for, without its query and credentials."""
        limits = limits or self._policy
        with delivering():
            put = self._put(location, name)
            where, target = self._client.target(put)
            headers = manner(where, put.access, content_type)
            async with (
                Reading(lambda: os.open(path, FILE), DeliveryFailed) as source,
                in_all(limits),
            ):
                facts = source.size, source.changed
                page = self._notebook.page(path, target.url, facts, headers, part_of(source.size))
                tag = await self._send(put, source, headers, page, limits, on_progress)
        return Receipt(url=_bare(put.url), size=source.size, etag=tag or None)

    async def _send(
        self,
        put: Location,
        source: Reading,
        headers: Mapping[str, str],
        page: Page,
        limits: Limits,
        on_progress: OnProgress | None,
    ) -> str:
        again = self._again(limits)
        if source.size < LARGE:
            parcel = Parcel(
                self._client, put, source, start=0, size=source.size, limits=limits, on_progress=on_progress
            )
            return await again(partial(parcel.send, headers), reached=int)
        whole = Multipart(self._client, put, source, page, limits=limits, again=again, on_progress=on_progress)
        return await whole.run(headers)

    def _again(self, limits: Limits) -> Again:
        async def again(once: Callable[[], Awaitable[T]], *, reached: Callable[[], int]) -> T:
            return await persist(once, tries=limits.tries, clock=self._clock, pause=self._pause, reached=reached)

        return again

    def _put(self, location: Location, name: str | None) -> Location:
        """A URL that names no object names a folder."""
        where = self._client.find(location.url)
        if where is None or not where.folder:
            return location
        path, mark, query = location.url.partition("?")
        return replace(location, url=placed(f"{path.rstrip('/')}/{mark}{query}", name))


def _bare(url: str) -> str:
    scheme, mark, rest = url.partition("?")[0].partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"
