"""The book of submissions: what was sent to which provider for which job, written down before and after.

Nothing is created twice: an entry without an id says that a request may have arrived whose answer did not, so the
provider is asked for the marker before anything is sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from mediaglot.gateway.errand import Placed
from mediaglot.gateway.model import Ticket
from mediaglot.gateway.store import Store

KIND: Final = "submission"
OURS: Final = "_mediaglot"
"""No dialect can have this name: the book is the server's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``wanted`` are the outputs that were sent, by index, ``theirs`` those that the provider delivers itself.

    ``id`` and ``outputs`` are the provider's, empty while it has not answered; ``since`` when it has had the job, in
    seconds of the epoch, 0 where that is not known. ``over``: it has nothing left to do.
    """

    marker: str
    provider: str
    dialect: str
    account: str
    job: str
    wanted: tuple[int, ...]
    theirs: tuple[int, ...] = ()
    id: str = ""
    outputs: tuple[str, ...] = ()
    since: float = 0.0
    over: bool = False

    @property
    def of_ours(self) -> str:
        """The job, as the operator knows it."""
        return f"{self.job} of {self.dialect}"

    @property
    def placed(self) -> Placed:
        return Placed(id=self.id, outputs=self.outputs)


def marker_of(ticket: Ticket, provider: str) -> str:
    """A word that nobody can guess and that stays the same for one turn of a job, whatever dies in between."""
    return _marker(ticket, turn_of(ticket), provider)


def markers_of(ticket: Ticket, provider: str) -> frozenset[str]:
    """Those of this turn and of all before it."""
    return frozenset(_marker(ticket, turn, provider) for turn in range(turn_of(ticket) + 1))


def turn_of(ticket: Ticket) -> int:
    return int(ticket.ids.get("turn", "0"))


def _marker(ticket: Ticket, turn: int, provider: str) -> str:
    text = f"{ticket.ids['folder']}/{turn}/{provider}"
    return f"mg{hashlib.sha256(text.encode()).hexdigest()[:24]}"


class Book:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, marker: str) -> Entry | None:
        found = await self._store.get_thing(OURS, "", KIND, marker)
        return read(found) if found is not None else None

    async def put(self, entry: Entry) -> Entry:
        async with self._store.write() as tx:
            await tx.put_thing(OURS, "", KIND, entry.marker, asdict(entry))
        return entry

    async def strike(self, marker: str) -> None:
        """The provider has nothing to do with this turn of the job any more."""
        async with self._store.write() as tx:
            await tx.delete_thing(OURS, "", KIND, marker)

    async def entries(self) -> tuple[Entry, ...]:
        return tuple(read(document) for _, document in await self._store.list_things(OURS, "", KIND))


def read(document: Mapping[str, Any]) -> Entry:
    rows = {key: tuple(value) for key, value in document.items() if isinstance(value, (list, tuple))}
    return Entry(**{**document, **rows})
