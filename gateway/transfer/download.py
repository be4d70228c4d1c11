"""A GET that outlives its connections: what to ask for next, and whether the answer continues what we have."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import aiohttp

from mediaglot.gateway.faults import SourceTooLarge, SourceUnreachable
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Part
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.request import alive, refuse
from mediaglot.gateway.transfer.retry import Transient

RANGE: Final = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")
# Some object stores name their own framing here and send the plain bytes all the same.
PLAIN: Final = frozenset({"", "identity", "aws-chunked"})


class Opener(Protocol):
    """Asks for a location, and gives the answer with what is needed to say no to it: Requests, or one that signs."""

    def open(
        self, method: str, location: Location, limits: Limits, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]: ...


class Download:
    """Call ``attempt`` until it returns; between calls ``part`` holds the bytes that are sure."""

    def __init__(
        self, requests: Opener, location: Location, part: Part, limits: Limits, on_progress: OnProgress | None
    ) -> None:
        self.content_type: str | None = None
        self._requests = requests
        self._location = location
        self._part = part
        self._limits = limits
        self._on_progress = on_progress
        self._total: int | None = None
        self._marks: dict[str, str] = {}

    async def attempt(self) -> None:
        """Raises Transient when the connection broke or lied, SourceTooLarge, and what ``Requests.open`` raises."""
        async with self._requests.open("GET", self._location, self._limits, self._wanted()) as response:
            if response.status == 416 and self._part.size:
                await self._anew("range")
            refuse(response)
            if response.headers.get("Content-Encoding", "").strip().lower() not in PLAIN:
                raise SourceUnreachable(reason="content_encoding")
            if response.status == 206:
                await self._continue(response)
            else:
                await self._begin(response)
            await self._pour(response)

    def _wanted(self) -> dict[str, str]:
        if not self._part.size or (self._total is None and not self._marks):
            return {}
        # If-Range may carry a strong entity tag or the date of the last change.
        etag = self._marks.get("ETag", "")
        validator = etag if etag.startswith('"') else self._marks.get("Last-Modified")
        condition = {"If-Range": validator} if validator else {}
        return {"Range": f"bytes={self._part.size}-", **condition}

    async def _begin(self, response: aiohttp.ClientResponse) -> None:
        """The whole file: the first answer, or a server that knows no ranges, or a file that has changed."""
        if self._part.size:
            await self._part.restart()
        self._total = response.content_length
        self._marks = _marks(response)
        self.content_type = response.headers.get("Content-Type", "").partition(";")[0].strip() or None

    async def _continue(self, response: aiohttp.ClientResponse) -> None:
        """The rest of the same file, or nothing that can be used."""
        match = RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
        start, total = (int(match[1]), match[3]) if match else (None, "*")
        marks = _marks(response)
        if not self._part.size:
            self._marks, self._total = marks, None
        changed = any(marks.get(name, mark) != mark for name, mark in self._marks.items())
        if self._total is None and total != "*":
            self._total = int(total)
        if start != self._part.size or changed or total not in {"*", str(self._total)}:
            await self._anew("range")

    async def _anew(self, reason: str) -> None:
        await self._part.restart()
        raise Transient(SourceUnreachable(reason=reason))

    async def _pour(self, response: aiohttp.ClientResponse) -> None:
        self._measure(self._total or 0)
        stall, now = self._limits.stall_timeout, asyncio.get_running_loop().time
        # Framing may come without end and without a byte of the file.
        async with alive(stall, self._limits) as timer:
            async for chunk in response.content.iter_any():
                self._measure(self._part.size + len(chunk))
                timer.reschedule(None)
                await self._part.write(chunk)
                if self._on_progress is not None:
                    self._on_progress(self._part.size, self._total)
                timer.reschedule(now() + stall)
        if self._total is not None and self._part.size != self._total:
            if self._part.size > self._total:
                await self._anew("length")
            raise Transient(SourceUnreachable(reason="length"))

    def _measure(self, size: int) -> None:
        if self._limits.max_bytes is not None and size > self._limits.max_bytes:
            raise SourceTooLarge(limit=self._limits.max_bytes)


def _marks(response: aiohttp.ClientResponse) -> dict[str, str]:
    """What tells one version of a file from the next."""
    return {name: response.headers[name] for name in ("ETag", "Last-Modified") if name in response.headers}
