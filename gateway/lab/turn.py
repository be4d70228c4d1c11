"""Which of many it happens to: not the first few, every so many, so often and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

WORDS: Final = ("skip", "first", "every")


@dataclass(slots=True, kw_only=True)
class Turns:
    """So many as ``skip`` are spared, then every ``every``-th is hit, ``first`` of them in all; both are counted."""

    skip: int = 0
    first: int | None = None
    every: int = 1
    seen: int = 0
    hits: int = 0

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Turns:
        """Raises ValueError, whose text says what to change."""
        first = count(document, "first", 1) if "first" in document else None
        return cls(skip=count(document, "skip", 0, least=0), first=first, every=count(document, "every", 1))

    def strike(self, unless: Callable[[], bool] = lambda: False) -> bool:
        """Whether it is the turn of one more, which ``unless`` may still spare."""
        self.seen += 1
        place = self.seen - self.skip
        if place < 1 or place % self.every or (self.first is not None and self.hits >= self.first) or unless():
            return False
        self.hits += 1
        return True


def count(document: Mapping[str, Any], word: str, default: int, least: int = 1) -> int:
    """Raises ValueError, whose text says what to change."""
    value = document.get(word, default)
    if type(value) is not int or value < least:
        raise ValueError(f"{word} is a whole number from {least} on")
    return value
