"""Rules of the road: which providers a job may go to, and in which order. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from mediaglot.gateway.model import EMPTY, Job, Output, Video

LOCAL: Final = "local"
"""Ourselves, by the backend that the server has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Jobs that meet every condition go to the first of ``to`` that does not fail them for reasons of its own.

    Without ``dialects`` or ``accounts`` (ids) it is for all of them. With ``weights``, chance says who is the first.
    """

    to: tuple[str, ...]
    dialects: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    when: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    weights: tuple[int, ...] = ()

    def fits(self, job: Job, dialect: str, account: str) -> bool:
        if (self.dialects and dialect not in self.dialects) or (self.accounts and account not in self.accounts):
            return False
        return all(CONDITIONS[name](job, value) for name, value in self.when.items())

    def order(self, seed: str) -> tuple[str, ...]:
        """The same for the same ``seed``: after a crash a job goes where it went before."""
        if not self.weights:
            return self.to
        drawn = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) % sum(self.weights)
        for number, weight in enumerate(self.weights):
            drawn -= weight
            if drawn < 0:
                return (self.to[number], *self.to[:number], *self.to[number + 1 :])
        return self.to


def route(rules: tuple[Rule, ...], job: Job, dialect: str, account: str) -> Rule:
    """The first rule that fits; where none does, the work stays here."""
    return next((rule for rule in rules if rule.fits(job, dialect, account)), Rule(to=(LOCAL,)))


def _some(job: Job, of: Callable[[Output], Any], words: str) -> bool:
    wanted = {word.strip().lower() for word in words.split(",")}
    return any(str(of(output)).lower() in wanted for output in job.outputs)


def _videos(job: Job) -> list[Video]:
    every = [video for output in job.outputs for video in (output.video, *_variants(output))]
    return [video for video in every if isinstance(video, Video)]


def _variants(output: Output) -> list[Any]:
    return [variant.video for variant in output.package.variants] if output.package else []


def _height(job: Job) -> int:
    sizes = (video.size for video in _videos(job))
    return max((size.height for size in sizes if size is not None and isinstance(size.height, int)), default=0)


CONDITIONS: Final[Mapping[str, Callable[[Job, str], bool]]] = {
    "codec": lambda job, words: bool(
        {str(v.codec).lower() for v in _videos(job)} & {w.strip() for w in words.split(",")}
    ),
    "container": lambda job, words: _some(job, lambda output: output.container, words),
    "package": lambda job, words: _some(job, lambda output: output.package and output.package.kind.value, words),
    "label": lambda job, words: str(job.label).lower() in {word.strip().lower() for word in words.split(",")},
    "least_priority": lambda job, least: Fraction(job.priority or 0) >= Fraction(least),
    "least_height": lambda job, least: _height(job) >= int(least),
    "most_height": lambda job, most: _height(job) <= int(most),
}
"""What a job can be chosen by. Texts may list several words with commas; heights are those that are asked for."""


def check(rule: Rule, known: frozenset[str]) -> None:
    """Raises ValueError that names what can't be."""
    for name in rule.to:
        if name != LOCAL and name not in known:
            raise ValueError(f"no provider is called {name!r}")
    if not rule.to:
        raise ValueError("to = [...] names nobody")
    if rule.weights and (len(rule.weights) != len(rule.to) or min(rule.weights) < 0 or not sum(rule.weights)):
        raise ValueError("weights = [...] wants one number for each of to, not all of them 0")
    for name, value in rule.when.items():
        if name not in CONDITIONS:
            raise ValueError(f"when.{name} is no condition; there are {', '.join(CONDITIONS)}")
        try:
            CONDITIONS[name](Job(outputs=()), value)
        except ValueError:
            raise ValueError(f"when.{name}: {value!r} is not a number") from None
