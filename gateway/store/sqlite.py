"""The store in an SQLite file.

WAL with one connection that writes and one that reads. With ``synchronous=NORMAL`` a commit survives the end
of the process in any way, kill -9 included, and not a power cut; ``durable=True`` makes it survive that too.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mediaglot.gateway.exchange import Filter, Page, Window
from mediaglot.gateway.model import Secret, Status, Ticket
from mediaglot.gateway.store import Attempt, Ended, Key, Letter, LetterFilter, Topic, Transaction, Watcher, Work
from mediaglot.gateway.store.blank import lay
from mediaglot.gateway.store.cache import PageCache, TicketCache
from mediaglot.gateway.store.connection import Busy, SqliteConnection, to_the_end
from mediaglot.gateway.store.counter import Counters
from mediaglot.gateway.store.folder import Damaged, FolderLock
from mediaglot.gateway.store.listing import find
from mediaglot.gateway.store.migration import migrate
from mediaglot.gateway.store.query import statements
from mediaglot.gateway.store.rows import as_json, attempt_of, letter_of, ticks, time_of, work_of
from mediaglot.gateway.store.transaction import SqliteTransaction, get_thing, list_things
from mediaglot.gateway.store.vault import Vault, open_vault

FILE: Final = "mediaglot.db"
BATCH: Final = 200
"""Tickets that are read in one go; between two goes others get their turn."""
MOST: Final = (1 << 63) - 1
"""No number in the database is greater."""
SLICE: Final = 16
"""Tickets that are decoded before the event loop gets a turn."""


class SqliteStore:
    """Open it with ``SqliteStore.open``; it is its own asynchronous context manager."""

    def __init__(
        self, lock: FolderLock, writer: SqliteConnection, reader: SqliteConnection, vault: Vault, cache: int
    ) -> None:
        self._folder_lock = lock
        self._vault = vault
        self._writer = writer
        self._reader = reader
        self._write_lock = asyncio.Lock()
        self._cache = TicketCache(cache)
        self._counters = Counters()
        self._pages = PageCache()
        self._commits = 0
        self._watchers: defaultdict[Topic, list[Watcher]] = defaultdict(list)

    @classmethod
    async def open(
        cls,
        folder: Path,
        *,
        durable: bool = False,
        cache: int = 4096,
        keys: Sequence[Secret] = (),
        busy: Busy = nullcontext,
    ) -> Self:
        """Take the data folder, create or upgrade what is in it. Raises FolderInUse, Damaged, NewerData or Locked.

        With ``keys`` documents are encrypted: with the first of them, from now on and throughout. ``busy`` is entered
        while the database is asked (``Clock.busy``).
        """
        lock = FolderLock(folder)
        opened: list[SqliteConnection] = []
        try:
            await asyncio.to_thread(lay, folder / FILE, durable=durable)
            level = "FULL" if durable else "NORMAL"
            pragmas = "journal_mode = WAL", f"synchronous = {level}"
            opened.append(await SqliteConnection.open(folder / FILE, *pragmas, busy=busy))
            await migrate(opened[0])
            vault = await open_vault(opened[0], keys)
            opened.append(await SqliteConnection.open(folder / FILE, "query_only = ON", busy=busy))
        except BaseException as error:
            for connection in opened:
                await connection.close()
            lock.release()
            if getattr(error, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                hint = "bring back a copy of it, or start with an empty folder"
                raise Damaged(f"{folder / FILE} can't be used ({error}): {hint} (--data)") from error
            raise
        return cls(lock, opened[0], opened[1], vault, cache)

    async def close(self) -> None:
        async with self._write_lock:
            await self._reader.close()
            await self._writer.close()
            self._folder_lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # --- writing ---

    def write(self) -> AbstractAsyncContextManager[Transaction]:
        return self._write()

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[Transaction]:
        async with self._write_lock:
            transaction = SqliteTransaction(self._writer, self._cache, self._vault, self._counters)
            try:
                self._writer.begin()
                yield transaction
                await self._writer.commit()
            except BaseException:
                await to_the_end(self._undo(transaction))
                raise
            self._committed(transaction)

    async def _undo(self, transaction: SqliteTransaction) -> None:
        """A commit is either told of or rolled back, never left open."""
        if await self._writer.undo():
            self._committed(transaction)
        self._counters.drop()

    def _committed(self, transaction: SqliteTransaction) -> None:
        self._commits += 1
        self._counters.keep()
        for key, ticket in transaction.tickets.items():
            self._cache.keep(key, ticket)
        for key in transaction.gone:
            self._cache.forget(key)
        for owner in transaction.lists:
            self._pages.forget(owner)
        for topic, keys in transaction.topics.items():
            for watcher in self._watchers[topic]:
                watcher(frozenset(keys))

    def touch(self, key: Key, change: Callable[[Ticket], Ticket]) -> Ticket | None:
        present = self._cache.get(key)
        if present is None:
            return None
        changed = change(present)
        self._cache.run_ahead(key, changed)
        return changed

    def watch(self, topic: Topic, watcher: Watcher) -> None:
        self._watchers[topic].append(watcher)

    # --- reading ---

    def peek(self, key: Key) -> Ticket | None:
        return self._cache.get(key)

    async def get(self, key: Key) -> Ticket | None:
        found = self._cache.get(key)
        if found is not None:
            return found
        commits = self._commits
        row = await self._reader.row(statements("tickets")["get"], **key._asdict())
        return self._kept(key, self._vault.unpack(row[0], Ticket), commits) if row else None

    def _kept(self, key: Key, ticket: Ticket, commits: int) -> Ticket:
        """What was read, kept in memory unless something was written meanwhile."""
        if commits == self._commits:
            self._cache.keep_new(key, ticket)
        return self._cache.get(key) or ticket

    async def get_many(self, dialect: str, account: str, ids: Iterable[str]) -> tuple[Ticket, ...]:
        wanted, found = [Key(dialect, account, id_) for id_ in ids], []
        for start in range(0, len(wanted), BATCH):
            found += await self._get_batch(wanted[start : start + BATCH])
        return tuple(found)

    async def _get_batch(self, keys: list[Key]) -> list[Ticket]:
        present = {key: ticket for key in keys if (ticket := self._cache.get(key)) is not None}
        absent = [key for key in keys if key not in present]
        if absent:
            commits, owner = self._commits, {"dialect": keys[0].dialect, "account": keys[0].account}
            rows = await self._reader.rows(
                statements("tickets")["get_many"], **owner, ids=as_json([k.id for k in absent])
            )
            for count, (id_, body) in enumerate(rows):
                key = Key(**owner, id=id_)
                present[key] = self._kept(key, self._vault.unpack(body, Ticket), commits)
                if count % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
        return [present[key] for key in keys if key in present]

    async def find_output(self, dialect: str, account: str, output_id: str) -> Key | None:
        sql = statements("tickets")["find_output"]
        row = await self._reader.row(sql, dialect=dialect, account=account, output=output_id)
        return Key(dialect, account, row[0]) if row else None

    async def list(self, dialect: str, account: str, filter: Filter, window: Window) -> Page[Ticket]:  # noqa: A002
        owner, name, commits = (dialect, account), repr((filter, window)), self._commits
        found = self._pages.get(owner, name)
        if found is None:
            found = await find(self._reader, {"dialect": dialect, "account": account}, filter, window)
            if commits == self._commits and len(found[0]) <= BATCH:
                self._pages.keep(owner, name, found)
        items = await self.get_many(dialect, account, found[0])
        return Page(items=items, total=found[1], offset=window.offset, limit=window.limit)

    async def count(self, dialect: str, account: str) -> Mapping[Status, int]:
        rows = await self._reader.rows(statements("tickets")["counts"], dialect=dialect, account=account)
        return {Status(status): n for status, n in rows}

    async def live(self, status: Status | None = None) -> tuple[Key, ...]:
        rows = await self._reader.rows(statements("tickets")["live"], status=status and str(status))
        return tuple(Key(*row) for row in rows)

    async def unqueued(self) -> tuple[Key, ...]:
        return tuple(Key(*row) for row in await self._reader.rows(statements("tickets")["unqueued"]))

    async def ended(self, before: datetime, limit: int, after: Ended | None = None) -> tuple[Ended, ...]:
        place = (ticks(after.ended), after.number) if after is not None else (-MOST, 0)
        values = {"before": ticks(before), "ended": place[0], "number": place[1]}
        rows = await self._reader.rows(statements("tickets")["ended"], limit=limit, **values)
        return tuple(Ended(Key(*row[:3]), time_of(row[3]), row[4]) for row in rows)

    async def get_thing(self, dialect: str, account: str, kind: str, id: str) -> Any | None:  # noqa: A002
        return await get_thing(self._reader, self._vault, dialect, account, kind, id)

    async def list_things(self, dialect: str, account: str, kind: str) -> tuple[tuple[str, Any], ...]:
        return await list_things(self._reader, self._vault, dialect, account, kind)

    async def queue(self) -> tuple[Work, ...]:
        return tuple(work_of(row) for row in await self._reader.rows(statements("queue")["waiting"]))

    async def unsorted(self, limit: int) -> tuple[Work, ...]:
        return tuple(work_of(row) for row in await self._reader.rows(statements("queue")["unsorted"], limit=limit))

    async def letters(self, key: Key) -> tuple[Letter, ...]:
        return tuple(
            letter_of(row, self._vault)
            for row in await self._reader.rows(statements("letters")["log"], **key._asdict())
        )

    async def letter(self, letter_id: str) -> Letter | None:
        row = await self._reader.row(statements("letters")["one"], letter=letter_id)
        return letter_of(row, self._vault) if row else None

    async def attempts(self, letter_id: str) -> tuple[Attempt, ...]:
        rows = await self._reader.rows(statements("letters")["attempts"], letter=letter_id)
        return tuple(attempt_of(row, self._vault) for row in rows)

    async def find_letters(self, wanted: LetterFilter, limit: int, before: int | None = None) -> tuple[Letter, ...]:
        given = {name: value for name, value in asdict(wanted).items() if value is not None}
        sql = statements("letters")["find"].format(conditions=" ".join(f"AND {name} = :{name}" for name in given))
        rows = await self._reader.rows(sql, limit=limit, before=MOST if before is None else before, **given)
        return tuple(letter_of(row, self._vault) for row in rows)

    async def due_letters(self, now: datetime, limit: int, per_host: int) -> tuple[Letter, ...]:
        sql = statements("letters")["due"]
        rows = await self._reader.rows(sql, now=ticks(now), limit=limit, per_host=per_host)
        return tuple(letter_of(row, self._vault) for row in rows)

    async def next_due(self, now: datetime) -> datetime | None:
        row = await self._reader.row(statements("letters")["next_due"], now=ticks(now))
        return time_of(row[0]) if row and row[0] is not None else None
