"""What befalls notifications on their way, on demand: which ones, and how often it did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from mediaglot.gateway.lab import turn
from mediaglot.gateway.lab.bunch import MOST, Bunch
from mediaglot.gateway.lab.matcher import Matcher
from mediaglot.gateway.lab.turn import Turns
from mediaglot.gateway.lab.word import check

VERBS: Final = ("drop", "delay", "duplicate", "reorder", "corrupt")
FIELDS: Final = frozenset({"id", "dialect", "job", "event", "attempt", "method", "headers", "body"})
"""What of a message is looked at."""
LONGEST: Final = 366 * 86_400.0


def _is_seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST


WANTED: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "drop": (lambda value: value is True, "true"),
    "delay": (_is_seconds, f"a number of seconds, over 0 and up to {LONGEST:.0f}"),
    "duplicate": (
        lambda value: type(value) is int and 0 < value <= MOST,
        f"how many times more it comes, from 1 to {MOST}",
    ),
    "reorder": (lambda value: value is True, "true"),
    "corrupt": (lambda value: value in ("signature", "body"), "signature or body"),
}


@dataclass(slots=True, kw_only=True)
class Fate:
    """What happens to some messages: one of VERBS."""

    id: str
    document: Mapping[str, Any]
    matcher: Matcher
    turns: Turns
    verb: str

    @classmethod
    def read(cls, name: str, document: Any) -> Self:
        """Raises ValueError, whose text says what to change."""
        check(document, {"match", *turn.WORDS, *VERBS}, "a fate of messages")
        verbs = [verb for verb in VERBS if verb in document]
        if len(verbs) != 1:
            raise ValueError(f"say one of {', '.join(VERBS)}")
        verb, value = verbs[0], document[verbs[0]]
        if not WANTED[verb][0](value):
            raise ValueError(f"{verb} is {WANTED[verb][1]}")
        return cls(
            id=name,
            document=dict(document),
            matcher=Matcher.read(document.get("match", {}), FIELDS),
            turns=Turns.read(document),
            verb=verb,
        )

    def tree(self) -> dict[str, Any]:
        return {"id": self.id, **self.document, "seen": self.turns.seen, "hits": self.turns.hits}


class Fates(Bunch[Fate]):
    """Of all messages of a world; the first one that fits a message has it."""

    def __init__(self) -> None:
        super().__init__("w", Fate.read)

    def meet(self, message: Mapping[str, Any]) -> Fate | None:
        """What happens to this message."""
        meant = (fate for fate in self if fate.matcher.matches(message))
        return next((fate for fate in meant if fate.turns.strike()), None)
