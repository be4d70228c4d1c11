"""What a world is made of: everything that is fixed when it begins, and from which it begins again at a reset."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from mediaglot.gateway.clock import END
from mediaglot.gateway.lab.word import check

CLOCKS: Final = ("real", "virtual")
PROGRESSIONS: Final = ("timed", "immediate", "manual")
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When a virtual clock begins."""
FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
FURTHEST: Final = 100 * 366 * 86_400.0
"""Seconds that a clock can be advanced at once."""
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,60}", re.ASCII)
SECRET: Final = re.compile(r"[A-Za-z0-9_-]{8,200}", re.ASCII)
MOST: Final = 1_000_000
KINDS: Final[Mapping[str, tuple[type, str]]] = {
    "seed": (int, "a whole number"),
    "journal": (int, "a whole number"),
    "secret": (str, "a text"),
    "clock": (str, "a text"),
    "start": (str, "a time"),
    "progression": (str, "a text"),
    "speed": (int, "a whole number"),
    "steps": (list, "a list of steps"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """``secret`` opens the world: whoever has it as a key, a password or a token is in there."""

    id: str
    secret: str
    seed: int = 0
    clock: str = "real"
    start: datetime = START
    progression: str = "timed"
    """How simulated jobs go on: as time does, at once, or a step a look."""
    speed: int = 30
    """Seconds of media that are simulated in one second."""
    journal: int = 10_000
    """Entries that the journal keeps."""
    steps: tuple[Any, ...] = ()
    """What is played when it begins, and begins again: see ``http.seed``."""

    @classmethod
    def read(cls, document: Any, name: str, secret: str) -> Self:
        """``document`` as the control API takes it; ``name`` and ``secret`` where it has none.

        Raises ValueError, whose text says what to change.
        """
        for word, value in check(document, {each.name for each in fields(cls)}, "a world").items():
            kind, about = KINDS.get(word, (str, "a text"))
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ValueError(f"{word} is {about}")
        given = {"id": name, "secret": secret, **document}
        _check(given)
        if "start" in given:
            given["start"] = moment(given["start"])
        return cls(**{**given, "steps": tuple(given.get("steps", ()))})

    def tree(self) -> dict[str, Any]:
        return {**asdict(self), "start": self.start.isoformat(), "steps": list(self.steps)}


def _check(given: Mapping[str, Any]) -> None:
    if not NAME.fullmatch(given["id"]):
        raise ValueError("id is 1 to 61 small letters, digits, dots, hyphens and _, the first one a letter or digit")
    if not SECRET.fullmatch(given["secret"]):
        raise ValueError("secret is 8 to 200 letters, digits, - and _")
    if given.get("clock", "real") not in CLOCKS:
        raise ValueError(f"clock is one of {', '.join(CLOCKS)}")
    if given.get("progression", "timed") not in PROGRESSIONS:
        raise ValueError(f"progression is one of {', '.join(PROGRESSIONS)}")
    for word in ("journal", "speed"):
        if not 1 <= given.get(word, 1) <= MOST:
            raise ValueError(f"{word} is 1 to {MOST}")


def moment(text: str) -> datetime:
    """An aware time. Raises ValueError, whose text says what to change."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no time such as 2026-01-01T00:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no time zone; write 2026-01-01T00:00:00Z")
    if not FIRST <= found < END:
        raise ValueError(f"{text[:40]!r} is not from {FIRST.year} to {END.year - 1}")
    return found.astimezone(UTC)


def seconds(value: Any, now: datetime, word: str) -> float:
    """How far ``word`` moves a clock that shows ``now``. Raises ValueError, whose text says what to change."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= FURTHEST:
        raise ValueError(f"{word} is a number from 0 to {FURTHEST:.0f}, the seconds of a hundred years")
    if now + timedelta(seconds=value) >= END:
        raise ValueError(f"a clock ends with the year {END.year - 1}")
    return float(value)
