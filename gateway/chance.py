"""The only source of chance: the machine's, which nobody can guess, or one that a seed tells in advance."""

from __future__ import annotations

import base64
from random import Random, SystemRandom
from typing import Self
from uuid import UUID


class Chance(Random):
    """What is drawn by chance. Whoever draws for a purpose of his own asks for a chance of that name: what a seed
    tells of it does not depend on what others draw meanwhile."""

    def of(self, name: str) -> Self:
        return self

    def token(self, count: int = 16) -> str:
        """A text for URLs and files, of ``count`` bytes."""
        return base64.urlsafe_b64encode(self.randbytes(count)).rstrip(b"=").decode()

    def uuid(self) -> str:
        return str(UUID(int=self.getrandbits(128), version=4))


class SystemChance(SystemRandom, Chance):
    """Good for keys and names that must not be guessed."""


class SeededChance(Chance):
    """The same draws for the same seed: for doubles and for tests, never where somebody could gain by guessing."""

    def __init__(self, seed: str | int) -> None:
        self._name = str(seed)
        super().__init__(self._name)

    def of(self, name: str) -> Self:
        return type(self)(f"{self._name}/{name}")


SYSTEM = SystemChance()
