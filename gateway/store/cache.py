"""What is kept in memory, so that hot reads need no trip to the database's thread."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from mediaglot.gateway.model import Ticket
from mediaglot.gateway.store import Key

OWNERS: Final = 64
PAGES: Final = 32


class TicketCache:
    """The latest ``size`` tickets that were used, and all those with progress that is not in the database yet."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Key, Ticket] = OrderedDict()
        self._ahead: dict[Key, Ticket] = {}

    def get(self, key: Key) -> Ticket | None:
        ahead = self._ahead.get(key)
        if ahead is not None:
            return ahead
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def keep(self, key: Key, ticket: Ticket) -> None:
        """The ticket as the database has it."""
        self._ahead.pop(key, None)
        self._kept[key] = ticket
        self._kept.move_to_end(key)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def keep_new(self, key: Key, ticket: Ticket) -> None:
        """A ticket that was just read, unless a newer one is here."""
        if key not in self._ahead and key not in self._kept:
            self.keep(key, ticket)

    def run_ahead(self, key: Key, ticket: Ticket) -> None:
        self._kept.pop(key, None)
        self._ahead[key] = ticket

    def forget(self, key: Key) -> None:
        self._kept.pop(key, None)
        self._ahead.pop(key, None)

    def __len__(self) -> int:
        return len(self._kept) + len(self._ahead)


class PageCache:
    """Pages of ids with their totals by account, as long as nothing in the account's lists changes.

    Bounded: the latest ``OWNERS`` accounts and ``PAGES`` pages of each.
    """

    def __init__(self) -> None:
        self._owners: OrderedDict[tuple[str, str], OrderedDict[str, tuple[list[str], int]]] = OrderedDict()

    def get(self, owner: tuple[str, str], page: str) -> tuple[list[str], int] | None:
        return self._owners.get(owner, OrderedDict()).get(page)

    def keep(self, owner: tuple[str, str], page: str, found: tuple[list[str], int]) -> None:
        pages = self._owners.setdefault(owner, OrderedDict())
        pages[page] = found
        self._owners.move_to_end(owner)
        if len(pages) > PAGES:
            pages.popitem(last=False)
        if len(self._owners) > OWNERS:
            self._owners.popitem(last=False)

    def forget(self, owner: tuple[str, str]) -> None:
        self._owners.pop(owner, None)
