"""HTTP and HTTPS: GET with resume for sources, PUT for destinations, pre-signed ones too."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from aiohttp.abc import AbstractResolver

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import DeliveryFailed, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Fetched, OnProgress, Receipt, delivering, placed
from mediaglot.gateway.transfer.disk import Part, Reading
from mediaglot.gateway.transfer.download import Download
from mediaglot.gateway.transfer.policy import Limits, Policy
from mediaglot.gateway.transfer.request import Requests, refuse
from mediaglot.gateway.transfer.retry import Transient, in_all, persist, within
from mediaglot.gateway.transfer.upload import Upload

PAUSE: Final = 0.5
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class Http:
    """One client session for all transfers. ``pause`` is the first back-off in seconds, and it doubles.

    ``resolver`` takes the place of the system's look-up of names.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock | None = None,
        *,
        pause: float = PAUSE,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock or RealClock()
        self._pause = pause
        self._requests = Requests(policy, resolver)

    async def close(self) -> None:
        await self._requests.close()

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        limits = limits or self._policy
        async with in_all(limits), Part.at(target) as part:
            load = Download(self._requests, location, part, limits, on_progress)
            await persist(
                load.attempt, tries=limits.tries, clock=self._clock, pause=self._pause, reached=lambda: part.size
            )
            await part.keep()
        return Fetched(path=target, size=part.size, name=_last(location.url), content_type=load.content_type)

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
        """PUT. No Content-Type is sent unless one is given: a pre-signed URL may have been signed without."""
        limits = limits or self._policy
        put = Location(url=placed(location.url, name), access=location.access)
        headers = {} if content_type is None else {"Content-Type": content_type}

        async def once() -> Receipt:
            return await self._put(path, put, headers, limits, on_progress)

        with delivering():
            async with in_all(limits):
                return await persist(once, tries=limits.tries, clock=self._clock, pause=self._pause)

    async def _put(
        self, path: Path, put: Location, headers: Mapping[str, str], limits: Limits, on_progress: OnProgress | None
    ) -> Receipt:
        silence = SourceTimeout(seconds=limits.stall_timeout, reason="stall")
        async with (
            Reading(lambda: os.open(path, FILE), DeliveryFailed) as source,
            within(limits.connect_timeout + limits.stall_timeout, silence) as timer,
        ):
            upload = Upload(source, timer, limits.stall_timeout, on_progress)
            headers = {**headers, "Content-Length": str(source.size)}
            async with self._requests.open("PUT", put, limits, headers, upload.body) as response:
                refuse(response)
                if not await upload.is_whole():
                    raise Transient(SourceUnreachable(reason="cut"))
                return Receipt(url=_bare(put.url), size=source.size, etag=response.headers.get("ETag"))


def _last(url: str) -> str | None:
    return unquote(urlsplit(url).path).rpartition("/")[2] or None


def _bare(url: str) -> str:
    """Without user and query: both may hold credentials."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
