"""Some bytes of a file, put to an object store in one request."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping

from mediaglot.gateway.faults import DeliveryFailed, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Reading, in_thread
from mediaglot.gateway.transfer.http import Upload
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.retry import Transient, within
from mediaglot.gateway.transfer.s3client import Client
from mediaglot.gateway.transfer.signature import UNSIGNED


class Parcel:
    """From ``start`` on, ``size`` bytes. Each ``send`` sends all of them."""

    def __init__(
        self,
        client: Client,
        put: Location,
        source: Reading,
        *,
        start: int,
        size: int,
        limits: Limits,
        on_progress: OnProgress | None,
    ) -> None:
        self.size = size
        self._client = client
        self._put = put
        self._source = source
        self._start = start
        self._limits = limits
        self._on_progress = on_progress
        self._digest = ""
        self._short = False

    async def blocks(self) -> AsyncIterator[bytes]:
        seen = 0
        async for block in self._source.blocks(self._start, self._start + self.size):
            seen += len(block)
            yield block
        self._short = seen < self.size

    async def send(self, headers: Mapping[str, str], query: str = "") -> str:
        """The entity tag, empty where the store gives none. Raises Source* faults, and Transient around them.

        DeliveryFailed when the file has become shorter.
        """
        digest = await self._sum()
        try:
            return await self._once(headers, query, digest)
        except Transient:
            self._judge()
            raise

    def _judge(self) -> None:
        if self._short:
            raise DeliveryFailed(reason="changed")

    async def _once(self, headers: Mapping[str, str], query: str, digest: str) -> str:
        seconds = self._limits.stall_timeout
        silence = SourceTimeout(seconds=seconds, reason="stall")
        async with within(self._limits.connect_timeout + seconds, Transient(silence)) as timer:
            upload = Upload(self, timer, seconds, self._on_progress)
            sent = {**headers, "Content-Length": str(self.size)}
            async with self._client.open(
                "PUT", self._put, self._limits, sent, query=query, body=upload.body, digest=digest
            ) as response:
                if upload.sent < self.size:
                    raise Transient(SourceUnreachable(reason="cut"))
                return response.headers.get("ETag", "")

    async def _sum(self) -> str:
        """TLS guards the bytes on their way; without it, the signature does, but to a server of the operator's."""
        if not self._digest:
            _, target = self._client.target(self._put)
            plain = target.keys is not None and target.url.startswith("http:") and not target.own
            self._digest = await self._reckoned() if plain else UNSIGNED
        return self._digest

    async def _reckoned(self) -> str:
        found = hashlib.sha256()
        async for block in self.blocks():
            await in_thread(found.update, block)
        self._judge()
        return found.hexdigest()
