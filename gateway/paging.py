"""How a dialect cuts lists: strategies that read a Window from a request and describe a Page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from mediaglot.gateway.exchange import Page, Window
from mediaglot.gateway.mapping import given
from mediaglot.gateway.values import NATURAL


@dataclass(frozen=True, slots=True)
class PageNumber:
    """Pages counted from 1. Sizes outside of ``least`` to ``most`` are brought inside."""

    page: str
    size: str
    default: int
    least: int
    most: int

    def window(self, tree: dict[str, Any], *, sort: str, descending: bool) -> Window:
        number = given(tree, self.page, NATURAL, 1)
        size = min(max(given(tree, self.size, NATURAL, self.default), self.least), self.most)
        return Window(offset=(max(number, 1) - 1) * size, limit=size, sort=sort, descending=descending)

    def pages(self, page: Page[Any]) -> tuple[int, int]:
        """The number of this page and how many there are."""
        size = page.limit or self.default
        return page.offset // size + 1, -(-page.total // size)


@dataclass(frozen=True, slots=True)
class Offset:
    """Lists cut by the number of their first entry and a limit; 0 means the default one."""

    start: str
    limit: str
    default: int
    most: int

    def window(self, tree: dict[str, Any], *, sort: str, descending: bool) -> Window:
        limit = min(given(tree, self.limit, NATURAL, 0) or self.default, self.most)
        return Window(offset=given(tree, self.start, NATURAL, 0), limit=limit, sort=sort, descending=descending)

    def turns(self, total: int, offset: int, limit: int) -> dict[str, int | None]:
        """Where the first, last, next and previous pages begin. The last one is never empty but for an empty list."""
        return {
            "first": 0,
            "last": max(total - 1, 0) // limit * limit,
            "next": offset + limit if offset + limit < total else None,
            "prev": max(offset - limit, 0) if offset else None,
        }

    def links(self, url: str, query: Mapping[str, str], total: int, window: Window) -> dict[str, str | None]:
        """The URLs of those pages, with the parameters in ``query`` behind those of the page."""
        limit = window.limit or self.default
        kept = [(key, value) for key, value in query.items() if key not in {self.start, self.limit}]

        def link(offset: int) -> str:
            pairs = [(self.start, str(offset)), (self.limit, str(limit)), *kept]
            return f"{url}?{urlencode(pairs, quote_via=quote)}"

        turns = self.turns(total, window.offset, limit)
        return {name: None if offset is None else link(offset) for name, offset in turns.items()}
