"""What houses share that make media: the FFmpeg tool, the prober, the library of clips, and how much of the machine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mediaglot.gateway.config import Settings
from mediaglot.gateway.faults import EncodingFailed, Fault, SourceMissing
from mediaglot.gateway.media import capacity
from mediaglot.gateway.media.tool import NoTool, Tool, find

if TYPE_CHECKING:
    from mediaglot.gateway.media.library import Library
    from mediaglot.gateway.media.probe import Prober
    from mediaglot.gateway.media.sandbox import Mode

LOG: Final = logging.getLogger(__name__)
LOCAL_MEDIA: Final = "media.mediaglot.test"
"""The host of sources that are always there: resolved here, never fetched."""


class Workshop:
    """The FFmpeg tool, found once in a thread of its own, and what needs it: the prober and the library of clips."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._mode = settings, mode_of(settings)
        self._finding = asyncio.create_task(self._find())
        self._library: Library | None = None
        self._prober: Prober | None = None

    @cached_property
    def cores(self) -> int:
        return self._settings.cores or capacity.cores()

    @cached_property
    def memory(self) -> int:
        """Bytes that running jobs may use together."""
        return capacity.budget(self._settings.memory)

    async def _find(self) -> Tool:
        try:
            return await asyncio.to_thread(find, self._settings.ffmpeg or None, self._settings.data / "ffmpeg.json")
        except NoTool as error:
            if self._settings.backend == "ffmpeg" or (self._settings.backend == "auto" and not self._settings.double):
                LOG.critical("no job can be done: %s", error)
            raise

    async def tool(self) -> Tool:
        """Raises EncodingFailed where there is none."""
        try:
            return await asyncio.shield(self._finding)
        except NoTool:
            raise EncodingFailed(reason="start") from None

    async def prober(self) -> Prober:
        from mediaglot.gateway.media.probe import Prober  # noqa: PLC0415 - loaded for the first job

        if self._prober is None:
            self._prober = Prober(await self.tool(), mode=self._mode)
        return self._prober

    async def clip(self, name: str) -> Path:
        """A generated clip by its recipe's name. Raises Invalid, NotFound or a WorkFault."""
        from mediaglot.gateway.media.library import Library  # noqa: PLC0415 - loaded for the first clip

        if self._library is None:
            self._library = Library(self._settings.data / "media", await self.tool())
        return await self._library.get(name)

    async def resolve(self, url: str) -> Path | None:
        """Sources under https://media.mediaglot.test/ are clips of ours."""
        parts = urlsplit(url)
        if parts.hostname != LOCAL_MEDIA:
            return None
        try:
            return await self.clip(parts.path.lstrip("/"))
        except Fault as fault:
            raise SourceMissing(status=404, reason="Not Found") from fault

    async def close(self) -> None:
        if self._library is not None:
            await self._library.close()
        if self._prober is not None:
            await self._prober.close()
        with contextlib.suppress(Exception):
            await self._finding  # its thread can't be stopped, and writes to the data folder


def mode_of(settings: Settings) -> Mode:
    """Raises NoSandbox for one that can't be had here."""
    mode: Mode = settings.sandbox  # type: ignore[assignment]  # one of the setting's choices
    if mode in {"bwrap", "unshare"}:
        from mediaglot.gateway.media.sandbox import demand  # noqa: PLC0415 - only what is used is loaded

        demand(mode)
    return mode
