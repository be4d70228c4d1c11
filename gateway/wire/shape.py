"""Schemas as functions that say yes in a hurry: most documents are right, and only a wrong one needs a reason.

A yes is sure. A no only says that somebody thorough has to look: also where a schema says what is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

Test: TypeAlias = Callable[[Any], bool]
SILENT: Final = frozenset(
    {"title", "description", "examples", "default", "format", "$schema", "$id", "$defs", "$comment"}
)
"""What a schema says to people, or of others."""
CLOSED: Final = ("unevaluatedProperties", False)
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
        self._known[place] = self._test(self._found(file or home, pointer), file or home)
        return self._known[place]

    def _later(self, place: str, value: Any) -> bool:
        return self._known[place](value)

    def _test(self, schema: Any, home: str) -> Test:
        if not isinstance(schema, dict):
            return always if schema is True else never
        words = {word: value for word, value in schema.items() if word not in SILENT and not word.startswith("x-")}
        tests = [
            self._word(word, value, home)
            for word, value in words.items()
            if word not in OBJECT and (word, value) != CLOSED
        ]
        if words.keys() & OBJECT:
            inner = {name: self._test(each, home) for name, each in words.get("properties", {}).items()}
            tests.append(partial(_object, inner, self._test(words.get("additionalProperties", True), home)))
        if words.get("unevaluatedProperties") is False:
            tests.append(partial(_named, frozenset(self._evaluated(schema, home))))
        return tests[0] if len(tests) == 1 else partial(_all, tests)

    def _evaluated(self, schema: Any, home: str, past: frozenset[str] = frozenset()) -> Iterator[str]:
        """The names that a schema knows for sure: its own, and those of what must hold as well."""
        if not isinstance(schema, dict):
            return
        yield from schema.get("properties", ())
        for each in schema.get("allOf", ()):
            yield from self._evaluated(each, home, past)
        if isinstance(reference := schema.get("$ref"), str):
            file, _, pointer = reference.partition("#")
            file = file or home
            if (place := f"{file}#{pointer}") not in past:
                yield from self._evaluated(self._found(file, pointer), file, past | {place})

    def _found(self, file: str, pointer: str) -> Any:
        found = self._documents.get(file.removesuffix(self._suffix))
        for step in filter(None, pointer.split("/")):
            found = found.get(step) if isinstance(found, dict) else None
        return found

    def _word(self, word: str, value: Any, home: str) -> Test:
        if word in PLAIN:
            return partial(PLAIN[word], value)
        if word in MANY:
            return partial(MANY[word], [self._test(each, home) for each in value])
        if word == "$ref":
            return self._referred(value, home)
        if word == "oneOf" and all(isinstance(each, dict) and each.keys() == {"required"} for each in value):
            return partial(_one, [each["required"] for each in value])
        return partial(_items, self._test(value, home)) if word == "items" else never


def _all(tests: list[Test], value: Any) -> bool:
    for test in tests:  # noqa: SIM110 - a loop takes half the time, and this is asked for each value of a document
        if not test(value):
            return False
    return True


def _any(tests: list[Test], value: Any) -> bool:
    for test in tests:  # noqa: SIM110 - as above
        if test(value):
            return True
    return False


def _items(test: Test, value: Any) -> bool:
    return not isinstance(value, list) or all(map(test, value))


def _object(known: Mapping[str, Test], others: Test, value: Any) -> bool:
    for key, inner in value.items() if isinstance(value, dict) else ():  # noqa: SIM110 - as above
        if not known.get(key, others)(inner):
            return False
    return True


def _type(wanted: str | list[str], value: Any) -> bool:
    """Of numbers only those whose type leaves no question."""
    if isinstance(wanted, str):
        return type(value) in TYPES.get(wanted, ())
    return any(type(value) in TYPES.get(each, ()) for each in wanted)


def _enum(allowed: list[Any], value: Any) -> bool:
    """Of lists and objects only the empty ones: what is in them may be equal and yet another number."""
    known = type(value) in SCALARS or not value
    return known and any(type(each) is type(value) and each == value for each in allowed)


def _one(branches: list[list[str]], value: Any) -> bool:
    """Of branches that only require fields, of which it is known, too, when one does not hold."""
    return isinstance(value, dict) and sum(all(name in value for name in names) for names in branches) == 1


def _named(names: frozenset[str], value: Any) -> bool:
    return not isinstance(value, dict) or value.keys() <= names


SCALARS: Final = frozenset({str, int, float, bool, type(None)})
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
