"""Rules: which jobs get which outcome. They are data, count their hits, and say at once what they can't mean.

::

    {"match": {"outputs[].video.codec": "hevc", "inputs[].location.url": {"like": "*.mov"}},
     "outcome": {"fail": "encoding", "at": 40}, "skip": 1, "every": 3, "next": 2}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from math import isfinite
from typing import Any, Final, TypeAlias

from mediaglot.gateway.faults import Invalid, NotFound
from mediaglot.gateway.model import Job, Status, Ticket
from mediaglot.gateway.script import path
from mediaglot.gateway.script.outcome import FINE, Outcome, after, of_url, read, recalled, said

Tree: TypeAlias = dict[str, Any]
OWN: Final = "script"
"""The key of a job's ``extras`` under which its outcome is written down."""
KEYS: Final = ("id", "match", "outcome", "skip", "every", "next")
WANTS: Final = {"in": "a list", "like": "a text with * and ?", "least": "a number", "most": "a number"}
COUNTS: Final = ("seen", "hits")
MOST: Final = 1000
ID: Final = re.compile(r"[\w.-]{1,80}")


@dataclass(frozen=True, slots=True)
class Condition:
    """``test`` and ``wanted`` about the values at ``path``; one of several is enough."""

    path: str
    parts: tuple[str, ...]
    test: str
    wanted: Any

    def holds(self, job: Job) -> bool:
        found = [None if isinstance(value, tuple) else value for value in path.values(job, self.parts)]
        return any(TESTS[self.test](value, self.wanted) for value in found or [None])


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool) or value is None or wanted is None:
        return value is wanted
    if isinstance(value, Fraction | int) and isinstance(wanted, Fraction | int):
        return value == wanted
    return isinstance(value, str) and value == wanted


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, wanted: (
        isinstance(value, Fraction | int) and not isinstance(value, bool) and compare(value, wanted)
    )


TESTS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "is": _equal,
    "not": lambda value, wanted: not _equal(value, wanted),
    "in": lambda value, wanted: any(_equal(value, one) for one in wanted),
    "like": lambda value, wanted: isinstance(value, str) and fnmatchcase(value, wanted),
    "least": _ordered(lambda value, wanted: value >= wanted),
    "most": _ordered(lambda value, wanted: value <= wanted),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Of the jobs that match: ``skip`` so many, then take every ``every``-th, and ``next`` of them at most."""

    id: str
    conditions: tuple[Condition, ...] = ()
    outcome: Outcome
    skip: int = 0
    every: int = 1
    next: int | None = None
    seen: int = 0
    hits: int = 0

    @property
    def over(self) -> bool:
        return self.next is not None and self.hits >= self.next

    def matches(self, job: Job) -> bool:
        return all(condition.holds(job) for condition in self.conditions)

    def counted(self) -> tuple[Rule, bool]:
        """After one more job that matches, and whether that one gets the outcome."""
        place = self.seen + 1 - self.skip
        hit = place > 0 and place % self.every == 0 and not self.over
        return replace(self, seen=self.seen + 1, hits=self.hits + hit), hit


def rule(tree: Any, name: str) -> Rule:
    """The rule in a tree; ``name`` is its id where it has none. Raises Invalid, naming the field to change."""
    if not isinstance(tree, Mapping):
        raise Invalid(field="rule", reason="is an object")
    if strange := [key for key in tree if key not in (*KEYS, *COUNTS)]:
        raise Invalid(field="rule", reason=f"has no {str(strange[0])[:40]!r}; there are {', '.join(KEYS)}")
    given = tree.get("id", name)
    if not isinstance(given, str) or not ID.fullmatch(given):
        raise Invalid(field="id", reason="is a short word")
    match = tree.get("match", {})
    if not isinstance(match, Mapping):
        raise Invalid(field="match", reason="is an object of paths and values")
    return Rule(
        id=given,
        conditions=tuple(_condition(where, wanted) for where, wanted in match.items()),
        skip=_count(tree, "skip", 0, 0),
        every=_count(tree, "every", 1, 1),
        next=_count(tree, "next", 1, None),
        seen=_count(tree, "seen", 0, 0),
        hits=_count(tree, "hits", 0, 0),
        outcome=_outcome(tree),
    )


def _outcome(tree: Mapping[str, Any]) -> Outcome:
    if "outcome" not in tree:
        raise Invalid(field="outcome", reason="is missing: it says what is to happen, {} that all goes well")
    return read(tree["outcome"])


def _count(tree: Mapping[str, Any], key: str, least: int, default: Any) -> Any:
    value = tree.get(key, default)
    if value is default or (type(value) is int and least <= value <= 10**9):
        return value
    raise Invalid(field=key, reason=f"is a whole number from {least}")


def _condition(where: str, wanted: Any) -> Condition:
    place = f"match.{where[: path.LONGEST]}"
    test = "is"
    if isinstance(wanted, Mapping):
        if len(wanted) != 1 or next(iter(wanted)) not in TESTS:
            raise Invalid(field=place, reason=f"is a value, or one of {', '.join(TESTS)} with a value")
        ((test, wanted),) = wanted.items()
    wanted = _value(wanted, place)
    if test != "in" and isinstance(wanted, list):
        raise Invalid(field=place, reason="is one of several values: write {'in': [...]}")
    good = {"in": list, "like": str, "least": int | Fraction, "most": int | Fraction}.get(test, object)
    if not isinstance(wanted, good):
        raise Invalid(field=place, reason=f"has {test!r}, which wants {WANTS[test]}")
    return Condition(where, path.check(where, place), test, wanted)


def _value(tree: Any, place: str, depth: int = 0) -> Any:
    """A number as exact as it is written; texts like ``30000/1001`` stay texts."""
    if isinstance(tree, float):
        return Fraction(repr(tree)) if isfinite(tree) else None
    if isinstance(tree, list) and not depth:
        return [_value(one, place, 1) for one in tree]
    if tree is None or isinstance(tree, str | int):
        return tree
    raise Invalid(field=place, reason="is a text, a number, true, false or null")


def told(one: Rule) -> Tree:
    """The rule as a tree again, with its counts."""
    match = {
        each.path: _shown(each.wanted) if each.test == "is" else {each.test: _shown(each.wanted)}
        for each in one.conditions
    }
    tree: Tree = {"id": one.id, "match": match, "outcome": said(one.outcome)}
    tree |= {"skip": one.skip, "every": one.every, "seen": one.seen, "hits": one.hits}
    return tree if one.next is None else {**tree, "next": one.next}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return float(value) if isinstance(value, Fraction) else value


def outcome_of(ticket: Ticket) -> Outcome:
    """What is still to become of a job: an outcome for some of its runs is over when so many have failed."""
    words = ticket.job.extras.get(OWN)
    if words is None:
        return FINE
    return after(recalled(words), sum(step.status is Status.FAILED for step in ticket.history))


class Script:
    """What becomes of jobs: as a source's URL says, else the first rule that takes the job, else the default."""

    def __init__(self, rules: Sequence[Mapping[str, Any]] = (), default: Mapping[str, Any] | None = None) -> None:
        self.default = read(default or {}, "default")
        self._rules: dict[str, Rule] = {}
        self._count = 0
        for tree in rules:
            self.add(tree)

    @property
    def rules(self) -> list[Tree]:
        return [told(one) for one in self._rules.values()]

    def add(self, tree: Any) -> Tree:
        """Set a rule, or another one in the place of that with the same id. Raises Invalid."""
        number = self._count + 1
        while f"rule-{number}" in self._rules:
            number += 1
        made = rule(tree, f"rule-{number}")
        if made.id not in self._rules and len(self._rules) >= MOST:
            raise Invalid(field="rule", reason=f"is one too many: there are {MOST} at most")
        self._count = number
        self._rules[made.id] = made
        return told(made)

    def remove(self, name: str) -> None:
        if self._rules.pop(name, None) is None:
            raise NotFound(kind="rule", id=name)

    def clear(self) -> None:
        self._rules.clear()
        self.default, self._count = Outcome(), 0

    def direct(self, job: Job) -> Job:
        """``job`` with its outcome written down. Raises Invalid for words in a URL that can't be followed, and the
        fault with which the outcome refuses it."""
        outcome = self._decide(job)
        if (refusal := outcome.refusal()) is not None:
            raise refusal
        words = said(outcome)
        return replace(job, extras={**job.extras, OWN: words}) if words else job

    def _decide(self, job: Job) -> Outcome:
        for index, source in enumerate(job.inputs):
            if (own := of_url(source.location.url, f"inputs.{index}.location.url")) is not None:
                return own
        for one in [one for one in self._rules.values() if one.matches(job)]:
            self._rules[one.id], hit = one.counted()
            if hit:
                return one.outcome
        return self.default
