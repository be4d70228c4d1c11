"""One connection to the database, in a thread of its own: the one door of aiosqlite.

Each trip to that thread costs more than most statements do, so those whose rows nobody wants wait for the next trip.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

import aiosqlite

from mediaglot.gateway.store import Full
from mediaglot.gateway.store.bitmap import FUNCTIONS
from mediaglot.gateway.store.gram import grams
from mediaglot.gateway.store.query import Row

T = TypeVar("T")
logging.getLogger("aiosqlite").setLevel(logging.INFO)  # at DEBUG it writes down every value, secrets included

Busy: TypeAlias = Callable[[], AbstractContextManager[None]]
Statement: TypeAlias = tuple[str, Mapping[str, Any]]
BEGIN: Final[Statement] = ("BEGIN IMMEDIATE", {})


class Trip:
    """The values of a statement, and what is to be run before it. ``over``: all of it went well."""

    __slots__ = ("before", "over", "values")

    def __init__(self, before: Sequence[Statement], values: Mapping[str, Any]) -> None:
        self.before, self.values, self.over = before, values, False


class Batching(sqlite3.Connection):
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if not isinstance(parameters, Trip):
            return super().execute(sql, parameters)
        for statement in parameters.before:
            super().execute(*statement)
        found = super().execute(sql, parameters.values)
        parameters.over = True
        return found


def equip(connection: sqlite3.Connection, *pragmas: str) -> None:
    """Set it up as ours are, with the functions that our SQL calls."""
    for pragma in ("foreign_keys = ON", *pragmas):
        connection.execute(f"PRAGMA {pragma}")
    for function in (*FUNCTIONS, grams):
        arity = function.__code__.co_argcount
        connection.create_function(function.__name__, arity, function, deterministic=True)


class SqliteConnection:
    """A connection as the rest of the store sees it. One task at a time uses one that writes."""

    def __init__(self, connection: aiosqlite.Connection, busy: Busy) -> None:
        self._connection = connection
        self._busy = busy
        self._due: list[Statement] = []
        self._adrift: Trip | None = None
        self._committing = False

    @classmethod
    async def open(cls, file: Path, *pragmas: str, busy: Busy = nullcontext) -> Self:
        """Raises sqlite3.Error, when the thread has ended: aiosqlite itself does not wait for that."""
        failures: list[sqlite3.Error] = []

        def made(*words: Any, **options: Any) -> sqlite3.Connection:
            try:
                connection = Batching(*words, **options)
            except sqlite3.Error as error:
                failures.append(error)
                return Batching(":memory:")
            try:
                equip(connection, *pragmas)
            except sqlite3.Error as error:
                failures.append(error)
            return connection

        connection = await aiosqlite.connect(file, isolation_level=None, timeout=10, factory=made)
        if failures:
            await connection.close()
            raise failures[0]
        return cls(connection, busy)

    async def rows(self, sql: str, **values: Any) -> list[Row]:
        trip, self._due = Trip(self._due, values), []
        try:
            with self._busy():
                return list(await self._connection.execute_fetchall(sql, trip))  # type: ignore[arg-type]
        except asyncio.CancelledError:
            self._adrift = trip
            raise
        except aiosqlite.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise Full from error
            raise

    async def row(self, sql: str, **values: Any) -> Row | None:
        return next(iter(await self.rows(sql, **values)), None)

    async def alone(self, sql: str, **values: Any) -> Row | None:
        """As ``row``. What is the first thing in its transaction is a whole one, and what follows is another."""
        if self._due != [BEGIN]:
            return await self.row(sql, **values)
        self._due = []
        found = await self.row(sql, **values)
        self.begin()
        return found

    def later(self, sql: str, **values: Any) -> None:
        self._due.append((sql, values))

    async def script(self, sql: str) -> None:
        await (await self._connection.executescript(sql)).close()

    async def close(self) -> None:
        await self._connection.close()

    # --- transactions ---

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def begin(self) -> None:
        self._due = [BEGIN]
        self._committing = False

    async def commit(self) -> None:
        if self._due == [BEGIN]:  # nothing was done; others get their turn all the same
            self._due = []
            await asyncio.sleep(0)
            return
        self._committing = True
        await self.rows("COMMIT")

    async def undo(self) -> bool:
        """After an error: leave undone what can be left undone. Whether all was committed before that could be told."""
        self._due, adrift, self._adrift = [], self._adrift, None
        if adrift is not None:  # its thread may still be on the trip that was not waited for
            await self.rows("SELECT 1")
        if self._connection.in_transaction:
            await self.rows("ROLLBACK")
            return False
        return self._committing and adrift is not None and adrift.over


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await ``work`` even while being cancelled."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        task.exception()
        raise cancelled
    return task.result()
