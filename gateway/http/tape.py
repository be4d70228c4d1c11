"""Tapes on the disk: a way to a provider that is written down, and one that leads to a folder instead."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from mediaglot.gateway.backends.agent import Send
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.testing.case import read_request, read_response
from mediaglot.gateway.testing.tape import BEGINNING, Folder, Replay, Tape, turn

LOG = logging.getLogger(__name__)


def recording(send: Send, dialect: Dialect, folder: Path) -> Send:
    """``send``, and each exchange as a folder below ``folder``. What can't be written down is sent all the same.

    Raises OSError for a folder that can't be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tape = Tape(dialect, next_number(folder))

    async def sent(request: Request) -> Response:
        response = await send(request)
        try:
            await asyncio.to_thread(keep, folder, tape.record(request, response))
        except OSError as error:
            LOG.warning("an exchange is not on the tape %s: %s", folder, error.strerror)
        return response

    return sent


def next_number(folder: Path) -> int:
    """A tape goes on where it ended."""
    found = (BEGINNING.match(each.name) for each in folder.glob("*/*"))
    return max((int(match[0]) for match in found if match), default=0) + 1


def keep(folder: Path, recorded: Folder) -> None:
    place = folder / recorded.path
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in recorded.files.items():
        (place / name).write_bytes(content)


def replaying(dialect: Dialect, folder: Path) -> Send:
    """Raises ValueError for a folder without exchanges."""
    places = sorted(folder.glob("*/*/response.http"), key=lambda path: turn(path.parent.name))
    exchanges = [
        (read_request((path.parent / "request.http").read_bytes()), read_response(path.read_bytes())) for path in places
    ]
    if not exchanges:
        raise ValueError(f"there is no tape in {folder}: OPERATION/CASE/request.http and response.http")
    replay = Replay(dialect, exchanges)

    async def sent(request: Request) -> Response:
        return replay.answer(request)

    return sent
