"""What fixtures show of an operation's answers that its schema, which holds for every format, does not say."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract.example import of_operation
from mediaglot.gateway.contract.finding import kind, short, spot
from mediaglot.gateway.contract.form import Problem

BODY: Final = "response.body"
DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?)?")
NEVER: Final = "0000-00-00"
MILLISECONDS: Final = range(10**12, 10**13)
"""Since 1970, from 2001 to 2286."""
Path = tuple[str, ...]


def problems(
    dialect: Any, operation: str, status: int, tree: Any, *, json: bool, any_kind: Callable[[Path], bool]
) -> Iterator[Problem]:
    """Of a document that is no error. ``any_kind`` tells places where values of all kinds may stand."""
    kinds, moments = _seen(dialect, operation, status, json)
    for path, place, value in nodes(tree):
        seen = kinds.get(path)
        if json and seen and _strange(kind(value), seen) and not any_kind(path):
            yield (
                "type",
                spot(BODY, place),
                f"expected {' or '.join(sorted(seen - SHORT))}, found {kind(value)} {short(value)}",
            )
        else:
            if type(value) in SAID:
                yield from _moment(place, value, moments.get(path, NOTHING))
            if place and type(place[-1]) is str and "progress" in place[-1].lower():
                yield from _share(place, value)


SHORT: Final = frozenset({"short array"})
SCALAR: Final = frozenset({"string", "number", "boolean"})


@dataclass(frozen=True, slots=True)
class Moments:
    """What the values of one place are, where all of them are times: their shapes, or that they are milliseconds."""

    first: Any = None
    shapes: frozenset[str] = frozenset()
    late: bool = False

    @classmethod
    def of(cls, known: Sequence[Any]) -> Moments:
        shapes = frozenset(shape(each) if isinstance(each, str) else "" for each in known)
        return cls(known[0], frozenset() if "" in shapes else shapes, not any(map(_early, known)))


NOTHING: Final = Moments()
SAID: Final = frozenset({str, int})


def _strange(told: str, seen: frozenset[str]) -> bool:
    """Only what leaves no doubt: a kind of scalar for another one, or something lone where lists of one are lists."""
    if told == "null":
        return False
    if told in SCALAR and seen <= SCALAR:
        return told not in seen
    return told != "array" and "short array" in seen and told not in seen


def nodes(tree: Any, path: Path = (), place: tuple[Any, ...] = ()) -> Iterator[tuple[Path, tuple[Any, ...], Any]]:
    """Every value of a document: its path with ``*`` for an index, its place, itself."""
    yield path, place, tree
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from nodes(value, (*path, key), (*place, key))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from nodes(value, (*path, "*"), (*place, number))


@cache
def _seen(
    dialect: Any, operation: str, status: int, json: bool
) -> tuple[dict[Path, frozenset[str]], dict[Path, Moments]]:
    """Kinds of values, and how times are written, by path, in the fixtures of that operation and format."""
    known = of_operation(dialect, operation)
    like = (each for each in known if (each.status, each.json, each.error) == (status, json, False) and each.tree)
    kinds: dict[Path, set[str]] = defaultdict(set)
    values: dict[Path, list[Any]] = defaultdict(list)
    for example in like:
        for path, _, value in nodes(example.tree):
            kinds[path].add(kind(value))
            if isinstance(value, list) and len(value) < 2 and (value or not example.folds):
                kinds[path].add("short array")
            if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "":
                values[path].append(value)
    seen = {path: frozenset(found - {"null"}) for path, found in kinds.items()}
    return seen, {path: Moments.of(known) for path, known in values.items()}


# --- times --------------------------------------------------------------------------------------------


def shape(text: str) -> str:
    """How a time is written, without its digits; empty for what is none. A fraction may be there or not."""
    match = DATE.fullmatch(text)
    if match is None:
        return ""
    zone = "zone" if match[4] else ""
    return f"date{text[10] if match[2] else ''}{'time' if match[2] else ''}{zone}"


def _moment(place: tuple[Any, ...], value: str | int, known: Moments) -> Iterator[Problem]:
    if isinstance(value, str):
        found = shape(value) if value else ""
        if value and known.shapes and found not in known.shapes:
            yield "date", spot(BODY, place), f"expected a time such as {short(known.first)}, found {short(value)}"
        elif found and not value.startswith(NEVER) and not _possible(value):
            yield "date", spot(BODY, place), f"expected a time that there is, found {short(value)}"
    elif known.late and value not in MILLISECONDS:
        yield "date", spot(BODY, place), f"expected milliseconds since 1970 such as {known.first}, found {value}"


def _early(value: Any) -> bool:
    """Whether it is no count of milliseconds."""
    return not isinstance(value, int) or value not in MILLISECONDS


def _possible(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


# --- shares -----------------------------------------------------------------------------------


def _share(place: tuple[Any, ...], value: Any) -> Iterator[Problem]:
    """Progress is none below nothing, and none above all."""
    if not place or "progress" not in str(place[-1]).lower() or isinstance(value, bool):
        return
    try:
        number = float(value) if isinstance(value, (str, int, float)) and value != "" else 0.0
    except ValueError:
        return
    if not 0 <= number <= 100:
        yield "progress", spot(BODY, place), f"expected 0 to 100, found {short(value)}"
