"""What can be done inside one ``store.write()``: see ``Transaction`` in the package for the contract."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from mediaglot.gateway.faults import Conflict, NotFound
from mediaglot.gateway.model import Ticket
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.store import ALL, Attempt, Key, Letter, Topic, Work
from mediaglot.gateway.store.cache import TicketCache
from mediaglot.gateway.store.counter import Counters
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rows import (
    as_json,
    attempt_columns,
    columns,
    containers,
    letter_columns,
    listed,
    output_ids,
    ticks,
    work_columns,
    work_of,
)
from mediaglot.gateway.store.vault import Vault

PLACES: Final = "work"
"""The counter that numbers submissions to the queue."""


class SqliteTransaction:
    """Collects what the store has to do after the commit: tickets for the cache, keys for the watchers."""

    def __init__(self, connection: Connection, cache: TicketCache, vault: Vault, counters: Counters) -> None:
        self._connection = connection
        self._vault = vault
        self._cache = cache
        self._counters = counters
        self.tickets: dict[Key, Ticket] = {}
        self.topics: defaultdict[Topic, set[Key]] = defaultdict(set)
        self.gone: set[Key] = set()
        self.lists: set[tuple[str, str]] = set()
        """Dialect and account of those whose lists may look different now."""

    # --- tickets ---

    async def serials(self, name: str, count: int = 1, *, start: int = 1) -> range:
        return await self._counters.take(self._connection, name, count, start)

    async def add(self, ticket: Ticket, facets: Mapping[str, str] | None = None) -> Ticket:
        sql, key = statements("tickets"), Key.of(ticket)
        self._connection.later(sql["next_serial"], dialect=key.dialect, account=key.account)
        added = await self._connection.row(sql["add"], **key._asdict(), **columns(ticket))
        if added is None:
            raise Conflict(kind="job", id=ticket.id, state="present")
        made = replace(ticket, serial=added[0])
        self.gone.discard(key)
        self._write_around(made, None, facets or {})
        return made

    async def get(self, key: Key) -> Ticket | None:
        if key in self.gone:
            return None
        found = self.tickets.get(key) or self._cache.get(key)
        if found is not None:
            return found
        row = await self._connection.row(statements("tickets")["get"], **key._asdict())
        return self._vault.unpack(row[0], Ticket) if row else None

    async def put(self, ticket: Ticket, facets: Mapping[str, str] | None = None) -> None:
        key = Key.of(ticket)
        before = await self.get(key)
        if before is None:
            raise NotFound(kind="job", id=ticket.id)
        if changed := columns(ticket).items() - columns(before).items():
            self._connection.later(_change(*sorted(name for name, _ in changed)), **key._asdict(), **dict(changed))
        self._write_around(ticket, before, facets)

    def _write_around(self, ticket: Ticket, before: Ticket | None, facets: Mapping[str, str] | None) -> None:
        """Everything of a ticket but its own row, as far as it changed."""
        sql, at = statements("tickets"), Key.of(ticket)._asdict()
        self._connection.later(sql["put_body"], **at, body=self._vault.pack(ticket))
        if before is None or output_ids(before) != output_ids(ticket):
            if before is not None:
                self._connection.later(sql["drop_outputs"], **at)
            self._connection.later(sql["add_outputs"], **at, ids=as_json(output_ids(ticket)))
        if ticket.deleted is not None:
            self._connection.later(sql["drop_all_facets"], **at)
        else:
            self._write_facets(ticket, before, at, facets)
        self._remember(ticket, before, facets)

    def _remember(self, ticket: Ticket, before: Ticket | None, facets: Mapping[str, str] | None) -> None:
        key = Key.of(ticket)
        self.tickets[key] = ticket
        self.topics[Topic.TICKETS].add(key)
        if before is None or facets is not None or listed(before) != listed(ticket):
            self.lists.add((key.dialect, key.account))

    async def forget(self, key: Key) -> None:
        for name in ("tickets", "letters"):
            self._connection.later(statements(name)["forget"], **key._asdict())
        self.tickets.pop(key, None)
        self.gone.add(key)
        self.topics[Topic.TICKETS].add(key)
        self.lists.add((key.dialect, key.account))

    def _write_facets(
        self, ticket: Ticket, before: Ticket | None, at: Mapping[str, str], facets: Mapping[str, str] | None
    ) -> None:
        own = None if before is not None and containers(before) == containers(ticket) else containers(ticket)
        given = None if facets is None else [[name, value] for name, value in facets.items()]
        sql = statements("tickets")
        for is_own, pairs in ((True, own), (False, given)):
            if pairs is not None and before is not None:
                self._connection.later(sql["drop_facets"], **at, own=is_own)
            if pairs:
                self._connection.later(sql["add_facets"], **at, facets=as_json(pairs))

    # --- the queue ---

    async def enqueue(self, work: Work) -> Work:
        place = (await self.serials(PLACES))[0]
        queued = replace(work, place=place, attempt=0)
        values = {**work.key._asdict(), "priority": work.priority, "place": place}
        self._connection.later(statements("queue")["enqueue"], **values)
        self.topics[Topic.WORK].add(work.key)
        return queued

    async def unqueue(self, key: Key) -> bool:
        sql, values = statements("queue"), key._asdict()
        found = await self._happened(sql["withdraw"], **values) or await self._happened(sql["unqueue"], **values)
        if found:
            self.topics[Topic.WORK].add(key)
        return found

    async def sort(self, work: Work, lane: str) -> None:
        self._connection.later(statements("queue")["sort"], **work.key._asdict(), place=work.place, lane=lane)

    async def claim(self, lanes: Mapping[str, int | None] = ALL) -> Work | None:
        row = await self._connection.alone(statements("queue")["claim"], lanes=as_json(dict(lanes)))
        return work_of(row) if row else None

    async def complete(self, work: Work) -> bool:
        found = await self._happened(statements("queue")["complete"], **work_columns(work))
        if found:
            self.topics[Topic.ENDS].add(work.key)
        return found

    async def release(self, work: Work, *, counted: bool = True, over: bool = False) -> None:
        sql = statements("queue")
        if over:
            self._connection.later(sql["complete"], **work_columns(work))
        self._connection.later(sql["release"], **work.key._asdict(), place=work.place, back=not counted)
        self._connection.later(sql["sweep"])
        self.topics[Topic.WORK].add(work.key)

    async def release_all(self, counted: Callable[[Work], bool] = lambda _: True) -> int:
        claimed = [work_of(row) for row in await self._connection.rows(statements("queue")["claimed"])]
        for work in claimed:
            await self.release(work, counted=counted(work))
        self._connection.later(statements("queue")["unsort"])
        return len(claimed)

    # --- letters and things ---

    async def post(self, letter: Letter) -> None:
        values = {**letter_columns(letter, self._vault), **letter.key._asdict(), "target": letter.target}
        values["host"] = letter.host or letter.target
        self._connection.later(statements("letters")["post"], **values, body=self._vault.pack(letter))
        self.topics[Topic.LETTERS].add(letter.key)

    async def mark(self, letter: Letter, was: datetime, attempt: Attempt | None = None) -> None:
        sql = statements("letters")
        if attempt is not None:
            self._connection.later(sql["note"], letter=letter.id, **attempt_columns(attempt, self._vault))
        self._connection.later(sql["mark"], was=ticks(was), **letter_columns(letter, self._vault))
        self.topics[Topic.LETTERS].add(letter.key)

    async def reopen(self, letter_id: str, due: datetime) -> bool:
        return await self._change_letter("reopen", letter_id, due)

    async def hasten(self, latest: datetime, due: datetime) -> None:
        await self._connection.rows(statements("letters")["hasten"], latest=ticks(latest), due=ticks(due))

    async def drop(self, letter_id: str, now: datetime) -> bool:
        return await self._change_letter("drop", letter_id, now)

    async def _change_letter(self, how: str, letter_id: str, due: datetime) -> bool:
        row = await self._connection.row(statements("letters")[how], letter=letter_id, due=ticks(due))
        if row is not None:
            self.topics[Topic.LETTERS].add(Key(*row))
        return row is not None

    async def forget_letters(self, before: datetime, limit: int) -> int:
        sql = statements("letters")["forget_over"]
        return len(await self._connection.rows(sql, before=ticks(before), limit=limit))

    async def put_thing(self, dialect: str, account: str, kind: str, id: str, document: Any) -> None:  # noqa: A002
        values = {"dialect": dialect, "account": account, "kind": kind, "id": id}
        self._connection.later(statements("things")["put"], **values, body=self._vault.pack(document, Any))

    async def get_thing(self, dialect: str, account: str, kind: str, id: str) -> Any | None:  # noqa: A002
        return await get_thing(self._connection, self._vault, dialect, account, kind, id)

    async def list_things(self, dialect: str, account: str, kind: str) -> tuple[tuple[str, Any], ...]:
        return await list_things(self._connection, self._vault, dialect, account, kind)

    async def delete_thing(self, dialect: str, account: str, kind: str, id: str) -> bool:  # noqa: A002
        values = {"dialect": dialect, "account": account, "kind": kind, "id": id}
        return await self._happened(statements("things")["delete"], **values)

    # --- rows ---

    async def _happened(self, sql: str, **values: Any) -> bool:
        return await self._connection.row(sql, **values) is not None


@cache
def _change(*names: str) -> str:
    """Only what is named: each further column has indexes that would be written as well."""
    return statements("tickets")["change"].format(changes=", ".join(f"{name} = :{name}" for name in names))


async def get_thing(
    connection: Connection, vault: Vault, dialect: str, account: str, kind: str, name: str
) -> Any | None:
    sql = statements("things")["get"]
    row = await connection.row(sql, dialect=dialect, account=account, kind=kind, id=name)
    return vault.unpack(row[0], Any) if row else None


async def list_things(
    connection: Connection, vault: Vault, dialect: str, account: str, kind: str
) -> tuple[tuple[str, Any], ...]:
    rows = await connection.rows(statements("things")["list"], dialect=dialect, account=account, kind=kind)
    return tuple((name, vault.unpack(body, Any)) for name, body in rows)
