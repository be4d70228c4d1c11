"""Files that clients bring themselves, under ids that were announced to them before.

``<folder>/<id>`` is what has arrived whole, the empty ``<folder>/<id>.open`` says that it may arrive (again): that
survives a restart. A source ``https://uploads.mediaglot.test/<id>`` is such a file; no request is made for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import (
    Invalid,
    Malformed,
    Missing,
    NotFound,
    SourceMissing,
    SourceTimeout,
    TooLarge,
    Unsupported,
)
from mediaglot.gateway.transfer.disk import Part, open_folder

UPLOADS: Final = "/_mediaglot/uploads/"
HOST: Final = "uploads.mediaglot.test"
OPEN: Final = ".open"
ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
CHUNK: Final = 256 * 1024
MOST_PARTS: Final = 100
ENVELOPE: Final = 1 << 20
"""Bytes that the other fields of a form may add to its length."""


class Uploads:
    """``most`` bounds one file in bytes, ``stall`` the seconds without a byte after which an upload is given up, and
    ``total`` those that it may take in all."""

    def __init__(
        self, folder: Path, *, most: int, stall: float = 60.0, total: float = 21_600.0, clock: Clock | None = None
    ) -> None:
        self._folder = folder
        self._most = most
        self._stall, self._total = stall, total
        self._clock = clock or RealClock()
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".mediaglot-*.part"):
            left.unlink(missing_ok=True)

    def announce(self, upload_id: str) -> None:
        """Let a file arrive under this id of ASCII letters, digits, - and _. Raises ValueError for another one.

        Whoever knows the id may upload, and name the file as a source: it should not be guessable.
        """
        if not ID.fullmatch(upload_id):
            raise ValueError("an upload's id has only ASCII letters, digits, - and _")
        self._marker(upload_id).touch()
        self._use(upload_id)

    def announced(self, upload_id: str) -> bool:
        return ID.fullmatch(upload_id) is not None and self._marker(upload_id).exists()

    def path(self, upload_id: str) -> Path | None:
        """The file, once it is whole."""
        path = self._folder / upload_id
        return path if ID.fullmatch(upload_id) and path.is_file() else None

    def finish(self, upload_id: str) -> Path | None:
        """Let nothing more arrive; the file, if it has come."""
        if ID.fullmatch(upload_id):
            self._marker(upload_id).unlink(missing_ok=True)
        return self.path(upload_id)

    def forget(self, upload_id: str) -> None:
        """Remove the file and the announcement."""
        if (path := self.finish(upload_id)) is not None:
            path.unlink(missing_ok=True)

    def named(self, url: str) -> str | None:
        """The id in a source that is an upload."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        return parts.path.lstrip("/") if parts.hostname == HOST else None

    def unused(self, before: datetime) -> frozenset[str]:
        """What was last announced, brought or a source before this time."""
        found: dict[str, float] = {}
        for path in self._folder.iterdir():
            upload_id = path.name.removesuffix(OPEN)
            with contextlib.suppress(FileNotFoundError):
                found[upload_id] = max(found.get(upload_id, 0.0), path.stat().st_mtime)
        moment = before.timestamp()
        return frozenset(one for one, last in found.items() if last < moment and ID.fullmatch(one))

    async def resolve(self, url: str) -> Path | None:
        """For the carrier. Raises SourceMissing for an upload that has not come."""
        if (upload_id := self.named(url)) is None:
            return None
        if (path := self.path(upload_id)) is None:
            raise SourceMissing(status=404, reason="Not Found")
        self._use(upload_id)
        return path

    async def receive(self, request: web.Request, upload_id: str) -> int:
        """Keep the body of a PUT, or the field ``file`` of a POSTed form; the number of bytes.

        Raises NotFound for an id that nobody waits for, TooLarge, Malformed, Missing, Invalid, Unsupported,
        SourceTimeout, NoSpace; and aiohttp's error of a connection that broke. Then nothing has changed.
        """
        self._demand(upload_id)
        form = request.method == "POST"
        if form and request.content_type != "multipart/form-data":
            raise Unsupported(feature="content type", value=request.content_type)
        if (request.content_length or 0) > self._most + (ENVELOPE if form else 0):
            raise TooLarge(limit=self._most)
        # Each upload has a seed of its own: two at once under one id must not write into the same file.
        own = Part(upload_id, lambda: open_folder(self._folder), seed=secrets.token_hex(8))
        loop = asyncio.get_running_loop()
        end = loop.time() + self._total
        async with aclosing(_form_file(request) if form else _raw(request)) as blocks, own as part:
            while (block := await self._next(blocks, end - loop.time())) is not None:
                if part.size + len(block) > self._most:
                    raise TooLarge(limit=self._most)
                await part.write(block)
            self._demand(upload_id)
            await part.keep()
            self._use(upload_id)
        return part.size

    async def _next(self, blocks: AsyncIterator[bytes], left: float) -> bytes | None:
        try:
            async with asyncio.timeout(min(self._stall, left)):
                return await anext(blocks, None)
        except TimeoutError:
            if left < self._stall:
                raise SourceTimeout(seconds=self._total, reason="total") from None
            raise SourceTimeout(seconds=self._stall, reason="stall") from None

    def _demand(self, upload_id: str) -> None:
        if not self.announced(upload_id):
            raise NotFound(kind="upload", id=upload_id)

    def _marker(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}{OPEN}"

    def _use(self, upload_id: str) -> None:
        """The marker's time tells; the file's would tell that somebody has written to it."""
        now = self._clock.now().timestamp()
        with contextlib.suppress(OSError):
            os.utime(self._marker(upload_id), (now, now))


async def _raw(request: web.Request) -> AsyncGenerator[bytes, None]:
    async for block in request.content.iter_chunked(CHUNK):
        yield block


async def _form_file(request: web.Request) -> AsyncGenerator[bytes, None]:
    """The content of the one field called ``file``; the form is read to its end."""
    found, count = False, 0
    try:
        form = await request.multipart()
        while (part := await form.next()) is not None:
            count += 1
            if count > MOST_PARTS or not isinstance(part, BodyPartReader):
                raise Malformed(format="form", reason="not a plain form, or too many fields")
            if part.name != "file":
                continue
            if found:
                raise Invalid(field="file", reason="is given more than once")
            found = True
            while not part.at_eof():
                yield await part.read_chunk(CHUNK)
    except (ValueError, RuntimeError, AssertionError, BadHttpMessage) as error:
        raise Malformed(format="form", reason="broken multipart body") from error
    if not found:
        raise Missing(field="file")
