"""How a dialect cuts lists: strategies that read a Window from a request and describe a Page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mediaglot.gateway.exchange import Page, Window
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.mapping import is_empty
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
        number = self._read(tree, self.page, 1)
        size = min(max(self._read(tree, self.size, self.default), self.least), self.most)
        return Window(offset=(max(number, 1) - 1) * size, limit=size, sort=sort, descending=descending)

    def pages(self, page: Page[Any]) -> tuple[int, int]:
        """The number of this page and how many there are."""
        size = page.limit or self.default
        return page.offset // size + 1, -(-page.total // size)

    def _read(self, tree: dict[str, Any], key: str, default: int) -> int:
        if is_empty(tree.get(key)):
            return default
        try:
            return NATURAL.read(tree[key])
        except ValueError as error:
            raise Invalid(field=key, reason=str(error)) from None
