"""What lies on this machine of jobs that are done elsewhere, or by somebody else: one craft keeps it for the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mediaglot.gateway.backends import Craft
from mediaglot.gateway.model import File, Ticket


class Housed:
    """The part of a Craft that is the same whoever does the work: ``home`` does it."""

    def __init__(self, home: Craft) -> None:
        self._home = home

    async def stream(self, ticket: Ticket, files: tuple[File, ...]) -> Mapping[str, str]:
        return await self._home.stream(ticket, files)

    async def peek(self, path: str) -> bytes | None:
        return await self._home.peek(path)

    def discard(self, ticket: Ticket) -> None:
        self._home.discard(ticket)

    async def empty(self) -> None:
        await self._home.empty()

    def left(self) -> frozenset[str]:
        return self._home.left()

    def sweep(self, folders: Iterable[str]) -> None:
        self._home.sweep(folders)
