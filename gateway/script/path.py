"""Paths into a job, such as ``outputs.0.preset`` or ``outputs[].video.codec``: checked against the model, then read."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from functools import cache
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.model import Job, Secret

ANY: Final = "[]"
PART: Final = re.compile(r"\w[\w-]*")
LONGEST: Final = 200


def parts(path: str) -> tuple[str, ...]:
    """``a[].b``, ``a.[].b`` and ``a.*.b`` are ``a``, any, ``b``."""
    return tuple(ANY if part == "*" else part for part in path.replace(ANY, f".{ANY}").split(".") if part)


def check(path: str, place: str) -> tuple[str, ...]:
    """The parts of a path that leads to values. Raises Invalid where the model has no such field."""
    found = parts(path) if len(path) <= LONGEST else ()
    kinds: set[Any] = {Job}
    for part in found:
        kinds = {below for kind in kinds for below in _below(kind, part)}
        if not kinds:
            raise Invalid(field=place, reason="names a field that a job does not have")
    if not found or not any(_is_value(kind) for kind in kinds):
        raise Invalid(field=place, reason="does not lead to a value; go on to one of its fields")
    return found


def values(job: Job, path: tuple[str, ...]) -> Iterator[Any]:
    """All values at a path, as plain ones: texts, numbers, yes and no, and None where nothing is said."""
    found: list[Any] = [job]
    for part in path:
        found = [below for value in found for below in _step(value, part)]
    yield from map(plain, found)


def plain(value: Any) -> Any:
    return value.value if isinstance(value, StrEnum) else value


def _step(value: Any, part: str) -> Iterator[Any]:
    if isinstance(value, tuple | frozenset):
        items = list(value)
        if part == ANY:
            yield from items
        elif part.isascii() and part.isdigit() and len(part) <= 6 and int(part) < len(items):
            yield items[int(part)]
    elif isinstance(value, Mapping):
        yield value.get(part)
    elif is_dataclass(value) and part in {field.name for field in fields(value)}:
        yield getattr(value, part)
    elif value is None:
        yield None


def _below(kind: Any, part: str) -> Iterator[Any]:
    """What a part of a path leads to, of everything that its beginning may be."""
    origin = get_origin(kind)
    if origin in (tuple, frozenset):
        if part == ANY or (part.isascii() and part.isdigit()):
            yield from _members(get_args(kind)[0])
    elif origin is not None and issubclass(origin, Mapping):
        if PART.fullmatch(part):
            yield from _members(get_args(kind)[1])
    elif part in _hints(kind):
        yield from _members(_hints(kind)[part])


@cache
def _hints(kind: Hashable) -> Mapping[str, Any]:
    """The fields that a rule may look at: a client's own words and credentials are nobody's business."""
    if not is_dataclass(kind):
        return {}
    hidden = {"document", "extras", "spelling", "password", "key"}
    return {name: hint for name, hint in get_type_hints(kind).items() if name not in hidden}


def _members(hint: Any) -> Iterator[Any]:
    if get_origin(hint) in (Union, UnionType):
        yield from (member for each in get_args(hint) for member in _members(each))
    else:
        yield hint


def _is_value(kind: Any) -> bool:
    scalars = (str, int, bool, Fraction, datetime)
    return kind in scalars or (isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not Secret)
