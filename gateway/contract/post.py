"""Where an implementation's messages come to, in the order in which they come. Who has the socket puts them in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mediaglot.gateway.exchange import Request

MOST: Final = 1000
"""Messages that are kept; who sends more has sent enough."""


@dataclass(slots=True)
class Post:
    url: str
    """As the implementation reaches it. Each job has a place of its own below it."""
    came: list[Request] = field(default_factory=list)

    @property
    def home(self) -> str:
        """The part of it that is the same each time."""
        return self.url.rpartition("/")[0]

    def put(self, message: Request) -> None:
        if len(self.came) < MOST:
            self.came.append(message)

    def place(self, number: int) -> str:
        return f"{self.url}/{number}"

    def at(self, place: str, since: int = 0) -> Iterator[tuple[int, Request]]:
        """What came there, each with how many came before it to any place, from the one numbered ``since`` on."""
        name = place.rpartition("/")[2]
        for order, message in enumerate(self.came[since:], since):
            if message.path.rstrip("/").rpartition("/")[2] == name:
                yield order, message
