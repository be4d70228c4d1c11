"""How a dialect's ids look: strategies that mint one from a counter, the time and chance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import ClassVar, Protocol
from uuid import UUID


class Ids(Protocol):
    @property
    def counter(self) -> str | None:
        """The name of the store's counter that ``mint`` wants a number from, None where it wants none."""
        ...

    @property
    def start(self) -> int: ...

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        """An id; one with a counter draws nothing from ``chance``."""
        ...


@dataclass(frozen=True, slots=True)
class Serial:
    """Decimal numbers from one counter, unique on the whole server."""

    counter: str
    start: int = 1

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        return str(number)


@dataclass(frozen=True, slots=True)
class Drawn:
    """So many symbols of an alphabet, by chance."""

    alphabet: str
    length: int
    counter: ClassVar[None] = None
    start: ClassVar[int] = 0

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        return "".join(chance.choices(self.alphabet, k=self.length))


@dataclass(frozen=True, slots=True)
class Uuid:
    """UUIDs of version 4, in lower case."""

    hyphens: bool = True
    counter: ClassVar[None] = None
    start: ClassVar[int] = 0

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        drawn = UUID(int=chance.getrandbits(128), version=4)
        return str(drawn) if self.hyphens else drawn.hex


@dataclass(frozen=True, slots=True)
class Stamped:
    """``1789034411-4821``: the seconds since 1970, and a number by chance from ``least`` to ``most``."""

    least: int = 1000
    most: int = 9999
    counter: ClassVar[None] = None
    start: ClassVar[int] = 0

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        return f"{int(now.timestamp())}-{chance.randint(self.least, self.most)}"


@dataclass(frozen=True, slots=True)
class ObjectId:
    """24 hexadecimal digits: the seconds since 1970, ten fixed ones that stand for a process, and a counter."""

    counter: str
    process: str
    start: int = 1

    def mint(self, number: int, now: datetime, chance: Random) -> str:
        return f"{int(now.timestamp()):08x}{self.process}{number % (1 << 24):06x}"
