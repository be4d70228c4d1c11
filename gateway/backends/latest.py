"""The latest answers to questions that can be compared, but are no keys."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Latest(Generic[Q, A]):
    """At most so many are ``kept``; the one that came first goes first."""

    def __init__(self, kept: int) -> None:
        self._answers: deque[tuple[Q, A]] = deque(maxlen=kept)

    def find(self, question: Q) -> A | None:
        return next((answer for known, answer in self._answers if known == question), None)

    def keep(self, question: Q, answer: A) -> None:
        self._answers.appendleft((question, answer))
