"""The store: what was promised to clients, kept across crashes. Here are its contract and the records it keeps.

Reading a ticket is synchronous while it is in the cache (``peek``); everything that changes happens inside
``async with store.write() as tx``: one transaction, committed at the end of the block and undone when the
block raises. Keep those blocks short, there is one writer: no network, no media, no waiting inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from mediaglot.gateway.exchange import Filter, Headers, Page, Window
from mediaglot.gateway.model import Secret, Status, Ticket

UNSORTED: Final = ""
"""The lane of work that is in none yet."""
ALL: Final[Mapping[str, int | None]] = {UNSORTED: None}
"""What waits where nothing is sorted into lanes."""


class Full(Exception):
    """The store's disk has no room for what should have been written; nothing of it was."""


class Key(NamedTuple):
    """What names a ticket: ids are unique within one account of one dialect only."""

    dialect: str
    account: str
    id: str

    @classmethod
    def of(cls, ticket: Ticket) -> Key:
        return cls(ticket.dialect, ticket.account, ticket.id)


class Ended(NamedTuple):
    """A ticket's end. ``number`` is the ticket's own, for those that ended at the same moment."""

    key: Key
    ended: datetime
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A ticket's turn in the queue. A greater ``priority`` is sooner, equal ones go in order of submission."""

    key: Key
    priority: int = 0
    attempt: int = 0
    """1 for the first run; given by the queue."""
    place: int = 0
    """The submission's unique number; given by the queue. A later submission of the same key replaces this one."""
    lane: str = UNSORTED
    """Who shares places with it: work of a lane that is full is in nobody's way."""


class LetterState(StrEnum):
    OPEN = "open"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    DROPPED = "dropped"
    """By an operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to one receiver. ``id`` stays the same over all attempts, so receivers recognise repeats."""

    id: str
    key: Key
    target: str
    """A name of the receiver without secrets (a hash of its URL): letters of one ticket to one target keep their
    order."""
    event: str
    url: Secret
    due: datetime
    """When it is tried next; for one that is not open, when it ended."""
    host: str = ""
    """Who answers for the receiver: few letters at once go to one host, whatever their targets. The target where it is
    not said."""
    method: str = "POST"
    headers: Headers = field(default_factory=Headers, repr=False)
    body: bytes = field(default=b"", repr=False)
    sequence: int = 0
    """The place in the order of posting; given by the store."""
    attempts: int = 0
    state: LetterState = LetterState.OPEN
    status: int | None = None
    """The last answer's HTTP status; None while there was no answer."""
    answer: str | None = None
    """The beginning of the last answer, or why there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver a letter. ``status`` and ``answer`` as the Letter has them."""

    at: datetime
    seconds: float
    status: int | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFilter:
    """None lets everything through."""

    dialect: str | None = None
    account: str | None = None
    id: str | None = None
    state: LetterState | None = None


class Topic(StrEnum):
    """What a commit can contain that somebody waits for."""

    TICKETS = "tickets"
    WORK = "work"
    ENDS = "ends"
    """Of work: what ``complete`` has recorded."""
    LETTERS = "letters"


Watcher = Callable[[frozenset[Key]], None]


class Transaction(Protocol):
    async def serials(self, name: str, count: int = 1, *, start: int = 1) -> range:
        """The next ``count`` numbers of the counter ``name``, the first ever being ``start``; none comes twice."""
        ...

    async def add(self, ticket: Ticket, facets: Mapping[str, str] | None = None) -> Ticket:
        """Keep a new ticket; the answer has its ``serial``. Raises Conflict if the key is taken."""
        ...

    async def get(self, key: Key) -> Ticket | None:
        """The ticket as it is now, with this transaction's changes and the progress noted by ``touch``."""
        ...

    async def put(self, ticket: Ticket, facets: Mapping[str, str] | None = None) -> None:
        """Replace a ticket. Facets stay as they were unless given. Raises NotFound."""
        ...

    async def enqueue(self, work: Work) -> Work:
        """Put work in the queue. If its key is there already, waiting or running, this replaces it."""
        ...

    async def unqueue(self, key: Key) -> bool:
        """Nobody wants this work any more. The engine stops it if it runs; its ``complete`` is False from now on."""
        ...

    async def sort(self, work: Work, lane: str) -> None:
        """Say which lane waiting work is in, until it is enqueued or released again."""
        ...

    async def claim(self, lanes: Mapping[str, int | None] = ALL) -> Work | None:
        """The next work of those lanes, marked as running, its ``attempt`` counted; of each lane only what has a
        greater priority than it says.

        As the first thing in a transaction it is one by itself: it lasts whatever becomes of the rest."""
        ...

    async def complete(self, work: Work) -> bool:
        """Record that work has ended, but only while it is this very submission and attempt; False if not."""
        ...

    async def release(self, work: Work, *, counted: bool = True, over: bool = False) -> None:
        """The handler has let go. What is still wanted waits again; ``counted=False`` forgets the attempt. ``over``:
        this submission is not wanted any more, as after ``complete``."""
        ...

    async def release_all(self, counted: Callable[[Work], bool] = lambda _: True) -> int:
        """Give everything back that a dead process was running, without the attempts that are not ``counted``; and all
        that waits is unsorted again."""
        ...

    async def post(self, letter: Letter) -> None:
        """Put a letter in the outbox."""
        ...

    async def mark(self, letter: Letter, was: datetime, attempt: Attempt | None = None) -> None:
        """Replace what delivery changes (due, attempts, state, status and answer) of a letter that is still open and
        due when it ``was``, and write the attempt down. One that was opened again meanwhile stays as it is."""
        ...

    async def reopen(self, letter_id: str, due: datetime) -> bool:
        """Whatever became of a letter, it is to be delivered again, with all its attempts before it."""
        ...

    async def hasten(self, latest: datetime, due: datetime) -> None:
        """Open letters that would not be due before ``latest`` has passed, are ``due`` then."""
        ...

    async def drop(self, letter_id: str, now: datetime) -> bool:
        """An open letter is not to be delivered any more; False if there is none."""
        ...

    async def forget(self, key: Key) -> None:
        """Leave nothing of a ticket, its letters and facets included."""
        ...

    async def forget_letters(self, before: datetime, limit: int) -> int:
        """Leave nothing of letters that ended before that time; how many those were, ``limit`` at most."""
        ...

    async def put_thing(self, dialect: str, account: str, kind: str, id: str, document: Any) -> None: ...  # noqa: A002

    async def get_thing(self, dialect: str, account: str, kind: str, id: str) -> Any | None: ...  # noqa: A002

    async def list_things(self, dialect: str, account: str, kind: str) -> tuple[tuple[str, Any], ...]:
        """Ids and documents in the order in which they first came."""
        ...

    async def delete_thing(self, dialect: str, account: str, kind: str, id: str) -> bool: ...  # noqa: A002


class Store(Protocol):
    def write(self) -> AbstractAsyncContextManager[Transaction]: ...

    def peek(self, key: Key) -> Ticket | None:
        """The ticket if it is in memory. None says nothing: ask ``get``."""
        ...

    async def get(self, key: Key) -> Ticket | None: ...

    async def get_many(self, dialect: str, account: str, ids: Iterable[str]) -> tuple[Ticket, ...]:
        """In the order of ``ids``, those that do not exist left out."""
        ...

    async def find_output(self, dialect: str, account: str, output_id: str) -> Key | None:
        """The ticket, not deleted, that has an output with this id."""
        ...

    async def list(self, dialect: str, account: str, filter: Filter, window: Window) -> Page[Ticket]:  # noqa: A002
        """A part of an account's tickets that are not deleted; ``total`` counts all that the filter lets through."""
        ...

    async def count(self, dialect: str, account: str) -> Mapping[Status, int]:
        """How many tickets an account has in each status, deleted ones left out."""
        ...

    async def live(self, status: Status | None = None) -> tuple[Key, ...]:
        """Every ticket that is not at its end, or those of them with ``status``, in order of submission."""
        ...

    async def unqueued(self) -> tuple[Key, ...]:
        """The tickets that say they wait for their turn, and have none in the queue."""
        ...

    def touch(self, key: Key, change: Callable[[Ticket], Ticket]) -> Ticket | None:
        """Change a ticket in memory only, for progress; the next ``put`` makes it last. None if it is not in memory."""
        ...

    async def ended(self, before: datetime, limit: int, after: Ended | None = None) -> tuple[Ended, ...]:
        """The tickets that ended before that time, the earliest first, from behind ``after`` on."""
        ...

    async def get_thing(self, dialect: str, account: str, kind: str, id: str) -> Any | None: ...  # noqa: A002

    async def list_things(self, dialect: str, account: str, kind: str) -> tuple[tuple[str, Any], ...]: ...

    async def queue(self) -> tuple[Work, ...]:
        """What waits in the queue, next first."""
        ...

    async def unsorted(self, limit: int) -> tuple[Work, ...]:
        """What waits and is in no lane yet, next first."""
        ...

    async def letters(self, key: Key) -> tuple[Letter, ...]:
        """The delivery log of a ticket, in the order of posting."""
        ...

    async def letter(self, letter_id: str) -> Letter | None: ...

    async def attempts(self, letter_id: str) -> tuple[Attempt, ...]:
        """In order; none for a letter that is not there."""
        ...

    async def find_letters(self, wanted: LetterFilter, limit: int, before: int | None = None) -> tuple[Letter, ...]:
        """The latest letters that ``wanted`` lets through, the last one first, from before that sequence on."""
        ...

    async def due_letters(self, now: datetime, limit: int, per_host: int) -> tuple[Letter, ...]:
        """Open letters that are due and first in their line, longest due first, so many for one host."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the next open letter after ``now`` is due."""
        ...

    def watch(self, topic: Topic, watcher: Watcher) -> None:
        """Call ``watcher`` with the keys concerned right after each commit that has something of that topic."""
        ...
