"""Schemas as functions that say yes in a hurry: most documents are right, and only a wrong one needs a reason.

A yes is sure. A no only says that somebody thorough has to look: also where a schema says what is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

Test: TypeAlias = Callable[[Any], bool]
SILENT: Final = frozenset(
    {"title", "description", "examples", "default", "format", "$schema", "$id", "$defs", "$comment"}
)
"""What a schema says to people, or of others."""
OBJECT: Final = frozenset({"properties", "additionalProperties"})


def never(value: Any) -> bool:
    return False


def always(value: Any) -> bool:
    return True


class Shapes:
    """``documents`` by name; references name them with ``suffix``."""

    def __init__(self, documents: Mapping[str, Any], suffix: str) -> None:
        self._documents, self._suffix = documents, suffix
        self._known: dict[str, Test] = {}

    def find(self, name: str) -> Test:
        return self._referred(f"{name}{self._suffix}#", "")

    def _referred(self, reference: str, home: str) -> Test:
        """The test for what is referred to, made once; one that refers to itself finds itself."""
        file, _, pointer = reference.partition("#")
        place = f"{file or home}#{pointer}"
        if place in self._known:
            return self._known[place]
        self._known[place] = partial(self._later, place)
        found = self._documents.get((file or home).removesuffix(self._suffix))
        for step in filter(None, pointer.split("/")):
            found = found.get(step) if isinstance(found, dict) else None
        self._known[place] = self._test(found, file or home)
        return self._known[place]

    def _later(self, place: str, value: Any) -> bool:
        return self._known[place](value)

    def _test(self, schema: Any, home: str) -> Test:
        if not isinstance(schema, dict):
            return always if schema is True else never
        words = {word: value for word, value in schema.items() if word not in SILENT and not word.startswith("x-")}
        tests = [self._word(word, value, home) for word, value in words.items() if word not in OBJECT]
        if words.keys() & OBJECT:
            inner = {name: self._test(each, home) for name, each in words.get("properties", {}).items()}
            tests.append(partial(_object, inner, self._test(words.get("additionalProperties", True), home)))
        return tests[0] if len(tests) == 1 else partial(_all, tests)

    def _word(self, word: str, value: Any, home: str) -> Test:
        if word in PLAIN:
            return partial(PLAIN[word], value)
        if word in MANY:
            return partial(MANY[word], [self._test(each, home) for each in value])
        if word == "$ref":
            return self._referred(value, home)
        return partial(_items, self._test(value, home)) if word == "items" else never


def _all(tests: list[Test], value: Any) -> bool:
    for test in tests:  # noqa: SIM110 - a loop takes half the time, and this is asked for each value of a document
        if not test(value):
            return False
    return True


def _any(tests: list[Test], value: Any) -> bool:
    return any(test(value) for test in tests)


def _items(test: Test, value: Any) -> bool:
    return not isinstance(value, list) or all(map(test, value))


def _object(known: Mapping[str, Test], others: Test, value: Any) -> bool:
    return not isinstance(value, dict) or all(known.get(key, others)(inner) for key, inner in value.items())


def _type(wanted: str | list[str], value: Any) -> bool:
    """Of numbers only those whose type leaves no question."""
    if type(wanted) is str:
        return type(value) in TYPES.get(wanted, ())
    types = (wanted,) if isinstance(wanted, str) else wanted
    return any(type(value) in TYPES.get(each, ()) for each in types)


def _enum(allowed: list[Any], value: Any) -> bool:
    return any(type(each) is type(value) is str and each == value for each in allowed)


TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "object": (dict,),
    "array": (list,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
NUMBERS: Final = (int, float)
PLAIN: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "type": _type,
    "enum": _enum,
    "const": lambda wanted, value: _enum([wanted], value),
    "pattern": lambda wanted, value: not isinstance(value, str) or re.search(wanted, value) is not None,
    "required": lambda names, value: not isinstance(value, dict) or all(name in value for name in names),
    "minLength": lambda least, value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most, value: not isinstance(value, str) or len(value) <= most,
    "minimum": lambda least, value: type(value) not in NUMBERS or value >= least,
    "maximum": lambda most, value: type(value) not in NUMBERS or value <= most,
    "minItems": lambda least, value: not isinstance(value, list) or len(value) >= least,
    "maxItems": lambda most, value: not isinstance(value, list) or len(value) <= most,
    "minProperties": lambda least, value: not isinstance(value, dict) or len(value) >= least,
    "maxProperties": lambda most, value: not isinstance(value, dict) or len(value) <= most,
}
MANY: Final[Mapping[str, Callable[[list[Test], Any], bool]]] = {"allOf": _all, "anyOf": _any}
