"""A large object in parts, several of them on their way at once. What has arrived is never sent again, not even when
this process was killed meanwhile: a page of the notebook tells what to go on with."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote
from xml.sax.saxutils import escape

from mediaglot.gateway.faults import Fault, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import OnProgress, crew
from mediaglot.gateway.transfer.disk import Reading
from mediaglot.gateway.transfer.notebook import Begun, Page
from mediaglot.gateway.transfer.parcel import Parcel
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.refusal import document, trouble
from mediaglot.gateway.transfer.retry import Transient
from mediaglot.gateway.transfer.s3client import Client

PART: Final = 16 << 20
LARGE: Final = 32 * PART
"""A file of so many bytes goes in fewer parts, which are larger."""
LARGE_PART: Final = 4 * PART
MOST_PARTS: Final = 10_000
AT_ONCE: Final = 2
LAST_WORDS: Final = 5.0
"""Seconds for a server to answer that we give up."""
REMINDERS: Final = 3
"""How often it is told to forget the parts, where it stumbles over that."""
GONE: Final = "NoSuchUpload"
MD5: Final = re.compile(r'"([0-9a-f]{32})"')

T = TypeVar("T")


class Again(Protocol):
    def __call__(self, once: Callable[[], Awaitable[T]], *, reached: Callable[[], int]) -> Awaitable[T]:
        """``retry.persist`` with all but these filled in."""
        ...


def part_of(size: int, part: int | None = None) -> int:
    """Bytes of each part but the last one. What is sent again after a fault is weighed against requests."""
    return max(part or (LARGE_PART if size >= LARGE else PART), -(-size // MOST_PARTS))


class Multipart:
    """``run`` gives the object's entity tag; when it fails or is cancelled, the store is told to forget the parts."""

    def __init__(
        self,
        client: Client,
        put: Location,
        source: Reading,
        page: Page,
        *,
        limits: Limits,
        again: Again,
        on_progress: OnProgress | None,
        part: int | None = None,
    ) -> None:
        self._client = client
        self._put = put
        self._source = source
        self._page = page
        self._size = source.size
        self._limits = limits
        self._again = again
        self._on_progress = on_progress
        self._part = part_of(source.size, part)
        self._under_way: dict[int, int] = {}
        self._begun = Begun()
        self._done = 0

    async def run(self, headers: Mapping[str, str]) -> str:
        if await self._recall():
            try:
                return await self._finish()
            except Fault as fault:
                if fault.data.get("reason") != GONE:
                    raise
        self._begun, self._done = Begun(), 0
        self._begun.query = await self._again(partial(self._begin, headers), reached=self._reached)
        return await self._finish()

    async def _recall(self) -> bool:
        """Whether there is an upload to go on with; one of another file is ended."""
        self._begun, fits = await self._page.read()
        if self._begun.query and not fits:
            await self._abort()
        self._done = sum(self._bytes(number) for number in self._begun.tags) if fits else 0
        return fits and bool(self._begun.query)

    async def _finish(self) -> str:
        try:
            await self._page.write(self._begun)
            await self._send_all()
            tag = await self._again(self._complete, reached=self._reached)
        except BaseException:
            await undisturbed(self._abort())
            raise
        await self._page.drop()
        return tag

    def _bytes(self, number: int) -> int:
        return min(self._part, self._size - (number - 1) * self._part)

    def _reached(self) -> int:
        return self._done

    async def _begin(self, headers: Mapping[str, str]) -> str:
        sent = {**headers, "Content-Length": "0"}
        async with self._client.open("POST", self._put, self._limits, sent, query="uploads=") as response:
            found = (await document(response)).get("UploadId", "")
        if not found:
            raise SourceUnreachable(reason="protocol")
        return f"uploadId={quote(found, safe='')}"

    async def _send_all(self) -> None:
        every = range(1, -(-self._size // self._part) + 1)
        missing = [number for number in every if number not in self._begun.tags]
        await crew.each(missing, self._send, most=AT_ONCE)

    async def _send(self, number: int) -> None:
        start = (number - 1) * self._part
        parcel = Parcel(
            self._client,
            self._put,
            self._source,
            start=start,
            size=self._bytes(number),
            limits=self._limits,
            on_progress=partial(self._tell, number),
        )
        query = f"partNumber={number}&{self._begun.query}"
        tag = await self._again(partial(parcel.send, {}, query), reached=self._reached)
        self._begun.tags[number] = tag
        self._done += parcel.size
        self._under_way.pop(number, None)
        await self._page.add(number, tag)

    def _tell(self, number: int, sent: int, _: int | None) -> None:
        self._under_way[number] = sent
        if self._on_progress is not None:
            self._on_progress(self._done + sum(self._under_way.values()), self._size)

    async def _complete(self) -> str:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(self._begun.tags[number])}</ETag></Part>"
            for number in sorted(self._begun.tags)
        )
        body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode("utf-8", "surrogateescape")
        asked, self._begun.asked = self._begun.asked, True
        try:
            await self._page.write(self._begun)
            return await self._ask(body)
        except Fault as fault:
            # An earlier answer may have been lost on its way: then the object is there, and the parts are not.
            if asked and fault.data.get("reason") == GONE:
                return await self._confirm(fault)
            raise

    async def _ask(self, body: bytes) -> str:
        async def content() -> Any:
            yield body

        async with self._client.open(
            "POST",
            self._put,
            self._limits,
            {"Content-Length": str(len(body)), "Content-Type": "application/xml"},
            query=self._begun.query,
            body=content,
            digest=hashlib.sha256(body).hexdigest(),
        ) as response:
            said = await document(response)
        # A good status was sent before the work was done, and does not mean that it was done well.
        if "Code" in said:
            raise trouble(500, said)
        if "ETag" not in said:
            raise Transient(SourceUnreachable(reason="protocol"))
        return said["ETag"]

    async def _confirm(self, fault: Fault) -> str:
        async with self._client.open("HEAD", self._put, self._limits, {}) as response:
            tag, size = response.headers.get("ETag", ""), response.headers.get("Content-Length")
        if tag != self._expected(tag) or size != str(self._size):
            raise fault
        return tag

    def _expected(self, tag: str) -> str:
        """The entity tag of these parts as S3 reckons it; where parts have others, only their number is sure."""
        sums = [MD5.fullmatch(self._begun.tags[number]) for number in sorted(self._begun.tags)]
        if all(sums):
            digests = b"".join(bytes.fromhex(one[1]) for one in sums if one)
            return f'"{hashlib.md5(digests, usedforsecurity=False).hexdigest()}-{len(sums)}"'
        return tag if tag.endswith(f'-{len(sums)}"') else ""

    async def _abort(self) -> None:
        limits = replace(
            self._limits,
            connect_timeout=min(LAST_WORDS, self._limits.connect_timeout),
            stall_timeout=min(LAST_WORDS, self._limits.stall_timeout),
        )
        for _ in range(REMINDERS):
            try:
                async with self._client.open("DELETE", self._put, limits, {}, query=self._begun.query):
                    break
            except Fault:
                break
            except Transient as stumble:
                if isinstance(stumble.fault, SourceTimeout):  # nobody waits for it twice
                    break
        await self._page.drop()


async def undisturbed(work: Coroutine[Any, Any, None]) -> None:
    """Wait for its end, however often the caller is cancelled meanwhile: it is cancelled already."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task])
    task.result()
