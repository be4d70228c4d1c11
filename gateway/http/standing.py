"""A server of one's own for as long as a command takes, with a client of it and a prober of its files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mediaglot.gateway.config import Settings, UserError
from mediaglot.gateway.http.app import Server, listen
from mediaglot.gateway.http.transport import Transport
from mediaglot.gateway.media import tool as tools
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.tool import NoTool, Tool


@dataclass(frozen=True, slots=True)
class Standing:
    server: Server
    tool: Tool
    transport: Transport
    prober: Prober


@asynccontextmanager
async def standing(settings: Settings) -> AsyncIterator[Standing]:
    """Raises UserError where there is no FFmpeg, or no room."""
    try:
        tool = await asyncio.to_thread(tools.find, settings.ffmpeg or None)
    except NoTool as error:
        raise UserError(str(error)) from None
    server = Server(settings)
    try:
        runner = await listen(server)
    except OSError as error:
        raise UserError(f"{settings.data}: {error.strerror}; make room, or name another place in TMPDIR") from None
    try:
        async with Transport() as transport, Prober(tool) as prober:
            yield Standing(server, tool, transport, prober)
    finally:
        await runner.cleanup()
