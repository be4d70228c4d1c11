"""How a dialect's ids look: strategies that mint one from a counter, the time and chance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Protocol


class Ids(Protocol):
    @property
    def counter(self) -> str | None:
        """The name of the store's counter that ``mint`` wants a number from, None where it wants none."""
        ...

    @property
    def start(self) -> int: ...

    def mint(self, number: int, now: datetime, chance: Random) -> str: ...


@dataclass(frozen=True, slots=True)
class Serial:
    """Decimal numbers from one counter, unique on the whole server."""

    counter: str
    start: int = 1

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        return str(number)
