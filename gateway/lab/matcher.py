"""Which trees are meant: conditions on their leaves, by path. For entries of the journal, and for jobs in it.

``{"operation": "CreateJob", "intent.job.outputs.*.video.codec": "hevc", "response.status": 200}``: a path goes through
keys and list indices, ``*`` stands for every one of them; a condition holds if it holds for one leaf. It is a value
that must be equal, as text where the tree has another kind (a query has only texts), or some of

    {"in": [...]}    one of these values
    {"like": "a*"}   a text with * and ?
    {"least": 1}     a number of at least this; so does "most"
    {"absent": true} nothing is there, or with false: something is
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any, Final

WORDS: Final = frozenset({"in", "like", "least", "most", "absent"})
MOST: Final = 100
"""Conditions of one matcher."""
LONGEST: Final = 9
"""Digits of a place in a list."""


@dataclass(frozen=True, slots=True)
class Condition:
    path: tuple[str, ...]
    wanted: Mapping[str, Any]

    def holds(self, tree: Any) -> bool:
        leaves = list(_leaves(tree, self.path))
        if "absent" in self.wanted:
            return bool(leaves) is not self.wanted["absent"]
        return any(all(_is(leaf, word, value) for word, value in self.wanted.items()) for leaf in leaves)

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Matcher:
    """Without conditions, it matches everything."""

    conditions: tuple[Condition, ...] = ()

    @classmethod
    def read(cls, document: Any, fields: Collection[str] = ()) -> Matcher:
        """``fields`` are where a path can begin, with none anywhere: what is misspelt would never match, and a test
        that nothing does would prove nothing. Raises ValueError, whose text says what to change."""
        if not isinstance(document, dict) or len(document) > MOST:
            raise ValueError(f"a matcher is an object of paths and conditions, {MOST} at most")
        for path in document:
            if fields and path.partition(".")[0] not in {"", "*", *fields}:
                raise ValueError(f"there is no {path[:40]!r} to match; a path begins with {', '.join(sorted(fields))}")
        return cls(tuple(Condition(_path(path), _wanted(path, value)) for path, value in document.items()))

    def matches(self, tree: Any) -> bool:
        return all(condition.holds(tree) for condition in self.conditions)

    def misses(self, tree: Any) -> dict[str, list[Any]]:
        """The conditions that do not hold, with what is there instead."""
        return {each.name: list(_leaves(tree, each.path)) for each in self.conditions if not each.holds(tree)}


def _path(text: str) -> tuple[str, ...]:
    parts = tuple(text.split("."))
    if not all(parts):
        raise ValueError(f"{text!r} is no path: it is keys with dots between them, as in intent.job.label")
    return parts


def _wanted(path: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError(f"{path}: for one of several values write {{'in': [...]}}")
        return {"is": value}
    if not value or value.keys() - WORDS:
        raise ValueError(f"{path}: a condition is a value, or has some of {', '.join(sorted(WORDS))}")
    kinds = {"in": list, "like": str, "least": Real, "most": Real, "absent": bool}
    for word, given in value.items():
        if not isinstance(given, kinds[word]) or (kinds[word] is Real and isinstance(given, bool)):
            raise ValueError(f"{path}: {word!r} wants {WANTS[word]}")
    if "absent" in value and len(value) > 1:
        raise ValueError(f"{path}: 'absent' goes with nothing else")
    return dict(value)


WANTS: Final = {
    "in": "a list",
    "like": "a text with * and ?",
    "least": "a number",
    "most": "a number",
    "absent": "true or false",
}


def _leaves(tree: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if not path:
        if tree is not None and tree != []:
            yield tree
        return
    step, rest = path[0], path[1:]
    if isinstance(tree, dict):
        for key in tree if step == "*" else (step,):
            if key in tree:
                yield from _leaves(tree[key], rest)
    elif isinstance(tree, list):
        chosen = tree if step == "*" else _at(tree, step)
        for item in chosen:
            yield from _leaves(item, rest)


def _at(items: list[Any], step: str) -> list[Any]:
    place = int(step) if step.isascii() and step.isdigit() and len(step) <= LONGEST else len(items)
    return items[place : place + 1]


def _is(leaf: Any, word: str, value: Any) -> bool:
    if word == "is":
        return _equal(leaf, value)
    if word == "in":
        return any(_equal(leaf, each) for each in value)
    if word == "like":
        return isinstance(leaf, str) and fnmatchcase(leaf, value)
    if isinstance(leaf, bool) or not isinstance(leaf, Real):
        return False
    return bool(leaf >= value if word == "least" else leaf <= value)


def _equal(leaf: Any, value: Any) -> bool:
    if isinstance(leaf, bool) or isinstance(value, bool):
        return leaf is value or (isinstance(value, str) and value == str(leaf).lower())
    return bool(leaf == value) or (isinstance(value, str) and not isinstance(leaf, dict | list) and value == str(leaf))
