"""Some bytes of a file, put to an object store in one request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from mediaglot.gateway.faults import DeliveryFailed, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Reading, in_thread
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.retry import Transient, within
from mediaglot.gateway.transfer.s3client import Client
from mediaglot.gateway.transfer.signature import UNSIGNED
from mediaglot.gateway.transfer.upload import Upload


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

    async def send(self, headers: Mapping[str, str], query: str = "") -> str:
        """The entity tag, empty where the store gives none. Raises Source* faults, and Transient around them.

        DeliveryFailed when the file has become shorter.
        """
        digest = await self._sum()
        seconds = self._limits.stall_timeout
        silence = SourceTimeout(seconds=seconds, reason="stall")
        async with within(self._limits.connect_timeout + seconds, Transient(silence)) as timer:
            upload = Upload(self._source, timer, seconds, self._on_progress, start=self._start, size=self.size)
            return await self._send(upload, headers, query, digest)

    async def _send(self, upload: Upload, headers: Mapping[str, str], query: str, digest: str) -> str:
        sent = {**headers, "Content-Length": str(self.size)}
        try:
            async with self._client.open(
                "PUT", self._put, self._limits, sent, query=query, body=upload.body, digest=digest
            ) as response:
                tag, whole = response.headers.get("ETag", ""), await upload.is_whole()
        except Transient:
            if upload.short:
                raise DeliveryFailed(reason="changed") from None
            raise
        if not whole:
            raise Transient(SourceUnreachable(reason="cut"))
        return tag

    async def _sum(self) -> str:
        """TLS guards the bytes on their way; without it, the signature does, but to a server of the operator's."""
        if not self._digest:
            _, target = self._client.target(self._put)
            plain = target.keys is not None and target.url.startswith("http:") and not target.own
            self._digest = await self._reckoned() if plain else UNSIGNED
        return self._digest

    async def _reckoned(self) -> str:
        found, seen = hashlib.sha256(), 0
        async for block in self._source.blocks(self._start, self._start + self.size):
            await in_thread(found.update, block)
            seen += len(block)
        if seen < self.size:
            raise DeliveryFailed(reason="changed")
        return found.hexdigest()
