"""Counters whose numbers never come twice. The folder has one owner, so where they stand is kept in memory."""

from __future__ import annotations

from mediaglot.gateway.store.query import Connection, statements


class Counters:
    """``known`` is where each counter stands in the database, ``taken`` where the open transaction has brought it."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._taken: dict[str, int] = {}

    async def take(self, connection: Connection, name: str, count: int, start: int) -> range:
        first = self._taken.get(name, self._known.get(name))
        if first is None:
            first = await self._read(connection, name, start)
        self._taken[name] = first + count
        connection.later(statements("tickets")["put_number"], name=name, next=first + count)
        return range(first, first + count)

    async def _read(self, connection: Connection, name: str, start: int) -> int:
        row = await connection.row(statements("tickets")["get_number"], name=name)
        return int(row[0]) if row else start

    def keep(self) -> None:
        """The transaction is committed."""
        self._known |= self._taken
        self._taken.clear()

    def drop(self) -> None:
        self._taken.clear()
