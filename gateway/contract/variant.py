"""Documents that say something else than a given one in a few places, as their schema allows it. Pure.

One Random draws the same: which places, and whether each is set or left out. Values come from the schema: what it
enumerates, its examples, numbers within its bounds, plain texts that fit. Whether the whole is still valid, who asks
has to look: a schema may tie fields together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from mediaglot.gateway.contract.finding import dotted

Place = tuple[str | int, ...]
SAID: Final = ("$ref", "allOf", "anyOf", "oneOf", "type", "enum", "const")
"""Words by which a schema says what may stand there."""
ABSENT: Final = object()
"""In place of a value: the field is left out, or nothing is known that could stand there."""
TEXTS: Final = (
    "",
    "a",
    "0",
    "1",
    "7",
    "25",
    "100",
    "-1",
    "1e3",
    "true",
    "500k",
    "640x360",
    "16:9",
    "00:00:01.5",
    "2026-01-01",
    "Zürich",
    "%00",
    "a'b\"c<d>&e",
)
"""What fields of jobs have, and what has tripped somebody up."""
MOST: Final = 3
"""Fields that one document says differently, and those of an object that is drawn."""
LONGEST: Final = 60
"""Characters of a value that are shown."""
DEPTH: Final = 4
"""Levels of a value that is drawn."""
LEFT_OUT: Final = 0.3
"""How often a field that is there is left out."""


@dataclass(frozen=True, slots=True)
class Face:
    """A schema, and the file that its references start from."""

    schema: Any
    file: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is said differently."""

    place: Place
    value: Any

    def __str__(self) -> str:
        name = dotted(self.place)
        shown = json.dumps(self.value, ensure_ascii=False) if self.value is not ABSENT else ""
        return f"{name}={shown[:LONGEST]}" if shown else f"no {name}"


@dataclass(frozen=True, slots=True)
class Atlas:
    """Finds its way in schemas; ``document`` gives one by its file's name without the suffix."""

    document: Callable[[str], Any]

    def face(self, name: str) -> Face:
        return Face(self.document(name), name)

    def faces(self, face: Face, known: frozenset[str] = frozenset()) -> Iterator[Face]:
        """A schema and all that it is made of: what it refers to, and each of its alternatives."""
        schema = face.schema
        if not isinstance(schema, dict):
            return
        yield face
        if isinstance(reference := schema.get("$ref"), str):
            target = self._referred(reference, face.file)
            key = f"{target.file}#{reference.partition('#')[2]}"
            if key not in known:
                yield from self.faces(target, known | {key})
        for word in ("allOf", "anyOf", "oneOf"):
            for branch in schema.get(word, ()):
                yield from self.faces(Face(branch, face.file), known)

    def _referred(self, reference: str, file: str) -> Face:
        home, _, pointer = reference.partition("#")
        home = home.removesuffix(".json") or file
        found = self.document(home)
        for part in filter(None, pointer.split("/")):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        return Face(found, home)

    def fields(self, face: Face, tree: Any = None) -> Mapping[str, Face]:
        """Those of all alternatives, or of the ones that ``tree`` may be."""
        found: dict[str, Face] = {}
        for each in self.faces(face):
            if tree is not None and not tree.keys() >= set(each.schema.get("required", ())):
                continue
            for name, schema in each.schema.get("properties", {}).items():
                found.setdefault(name, Face(schema, each.file))
        return found

    def entries(self, face: Face) -> tuple[Face, ...]:
        return tuple(Face(each.schema["items"], each.file) for each in self.faces(face) if "items" in each.schema)

    def kinds(self, face: Face, path: tuple[str, ...]) -> frozenset[str] | None:
        """The types that are allowed at a path, in which ``*`` is an entry of a list; None where anything may stand."""
        here = [face]
        for part in path:
            inner = [self.entries(each) if part == "*" else (self.fields(each).get(part),) for each in here]
            found = [each for group in inner for each in group if each is not None]
            if not found and any(map(self._is_open, here)):
                return None
            here = found
        if here and not any(word in one.schema for one in here for word in SAID):
            return None
        return frozenset(name for one in here for each in self.faces(one) for name in types_of(each.schema))

    def _is_open(self, face: Face) -> bool:
        """Whether it is an object of which nothing is said but that."""
        return any("object" in types_of(each.schema) for each in self.faces(face)) and not self.fields(face)

    # --- where something can be said ----------------------------------------------------------------

    def places(self, tree: Any, face: Face, way: Place = ()) -> Iterator[tuple[Place, Face]]:
        """Every field that the objects of a document have, or could have."""
        if isinstance(tree, dict):
            for name, inner in self.fields(face, tree).items():
                yield (*way, name), inner
                yield from self.places(tree.get(name), inner, (*way, name))
        elif isinstance(tree, list):
            for inner in self.entries(face)[:1]:
                for number, entry in enumerate(tree):
                    yield from self.places(entry, inner, (*way, number))

    # --- what can be said there ---------------------------------------------------------------------

    def value(self, face: Face, chance: Random, depth: int = 0) -> Any:
        """ABSENT where nothing is known that would fit."""
        schema = face.schema
        if not isinstance(schema, dict) or depth > DEPTH:
            return ABSENT
        if "$ref" in schema:
            return self.value(self._referred(schema["$ref"], face.file), chance, depth + 1)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return chance.choice(schema["enum"])
        if "properties" not in schema and (branches := schema.get("anyOf") or schema.get("oneOf")):
            return self.value(Face(chance.choice(branches), face.file), chance, depth)
        kinds = schema.get("type") or ("object" if "properties" in schema or "allOf" in schema else "string")
        kind = kinds if isinstance(kinds, str) else chance.choice(kinds)
        return self._of_kind(kind, face, chance, depth)

    def _of_kind(self, kind: str, face: Face, chance: Random, depth: int) -> Any:
        match kind:
            case "object":
                return self._object(face, chance, depth)
            case "array":
                return self._array(face, chance, depth)
            case "integer" | "number":
                return number(face.schema, kind, chance)
            case "boolean":
                return chance.random() < 0.5
            case "null":
                return None
        return text(face.schema, chance)

    def _object(self, face: Face, chance: Random, depth: int) -> dict[str, Any]:
        fields = self.fields(face)
        if not fields:
            return {chance.choice(("name", "key")): chance.choice(TEXTS)}
        needed = {name for each in self.faces(face) for name in each.schema.get("required", ()) if name in fields}
        more = chance.sample(sorted(fields), k=min(chance.randint(0, MOST), len(fields)))
        drawn = {name: self.value(fields[name], chance, depth + 1) for name in sorted(needed | {*more})}
        return {name: value for name, value in drawn.items() if value is not ABSENT}

    def _array(self, face: Face, chance: Random, depth: int) -> list[Any]:
        least = face.schema.get("minItems", 0)
        count = chance.randint(least, max(least, min(face.schema.get("maxItems", 2), 2)))
        entries = self.entries(face) or (Face({"type": "string"}, face.file),)
        drawn = [self.value(chance.choice(entries), chance, depth + 1) for _ in range(count)]
        return [value for value in drawn if value is not ABSENT]


def types_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    types = schema.get("type", ())
    return (types,) if isinstance(types, str) else tuple(types)


def number(schema: Mapping[str, Any], kind: str, chance: Random) -> float:
    least = schema.get("minimum", 0)
    drawn: float = chance.randint(int(least), max(int(least), int(schema.get("maximum", least + 2000))))
    return drawn + 0.5 if kind == "number" and "maximum" not in schema and chance.random() < 0.5 else drawn


def text(schema: Mapping[str, Any], chance: Random) -> Any:
    known = [*map(str, schema.get("examples", ())), *TEXTS]
    fitting = [each for each in known if fits(schema, each)]
    return chance.choice(fitting) if fitting else ABSENT


def fits(schema: Mapping[str, Any], value: str) -> bool:
    long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    return long_enough and ("pattern" not in schema or re.search(schema["pattern"], value) is not None)


# --- documents --------------------------------------------------------------------------------------------


def inside(tree: Any, way: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value that is no object and no array, with its place."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from inside(value, (*way, name))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from inside(value, (*way, number))
    else:
        yield way, tree


def at(tree: Any, place: Place) -> Any:
    """What stands there, or ABSENT."""
    for part in place:
        if isinstance(tree, dict):
            tree = tree.get(part, ABSENT)
        elif isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            tree = tree[part]
        else:
            return ABSENT
    return tree


def changed(tree: Any, change: Change) -> Any:
    """Another document. It is the same one where the object of that field is not there."""
    tree = deepcopy(tree)
    *way, name = change.place
    holder = at(tree, tuple(way))
    if change.value is ABSENT and isinstance(holder, dict):
        holder.pop(name, None)
    elif change.value is not ABSENT and isinstance(holder, (dict, list)):
        place: Any = name
        holder[place] = deepcopy(change.value)
    return tree


def changes(tree: Any, places: list[tuple[Place, Face]], atlas: Atlas, chance: Random) -> tuple[Change, ...]:
    """A few, none of which is inside of another one, and each of which changes something."""
    found: list[Change] = []
    for place, face in chance.sample(places, k=min(chance.randint(1, MOST), len(places))):
        there = at(tree, place)
        gone = there is not ABSENT and chance.random() < LEFT_OUT
        value = ABSENT if gone else atlas.value(face, chance)
        apart = all(place[: len(each.place)] != each.place[: len(place)] for each in found)
        if apart and (gone or value not in (ABSENT, there)):
            found.append(Change(place, value))
    return tuple(found)
