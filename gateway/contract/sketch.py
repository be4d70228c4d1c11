"""What a message can look like, place by place: as schemas allow it, or as recordings show it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from mediaglot.gateway.contract.difference import PLACE, TIME
from mediaglot.gateway.contract.finding import kind
from mediaglot.gateway.contract.judge import Judgement
from mediaglot.gateway.exchange import Response

Place = tuple[str, ...]
"""A part of an exchange, then names and ``[]`` for the entries of a list."""
ENTRY: Final = "[]"
REQUEST: Final = "request.body"
REPLY: Final = "response.body"
ERROR: Final = "response.body of an error"
STATUS: Final = "response.status"
KIND: Final = "response.headers: Content-Type"
DEPTH: Final = 40
DIGITS: Final = 20
"""Of a number at most: longer ones are hexadecimal ids that happen to have no letter."""
LONGEST: Final = 200
"""Characters of a word of a schema."""
Tree = Any


def shown(place: Place) -> str:
    """``response.body: jobs[].state``."""
    part, *steps = place
    return f"{part}: {'.'.join(steps).replace('.[]', '[]')}" if steps else part


@dataclass(slots=True)
class Trait:
    """``kinds`` are JSON's types, ``forms`` what texts look like, ``words`` the values that there are (none: any), and
    ``bounds`` what a schema says beside. ``count`` is how often it was seen."""

    kinds: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    bounds: set[str] = field(default_factory=set)
    count: int = 0


@dataclass(slots=True)
class Sketch:
    """Of one operation. ``objects`` counts where objects were: there, what is absent is absent."""

    traits: dict[Place, Trait] = field(default_factory=dict)
    objects: dict[Place, int] = field(default_factory=dict)
    exact: bool = False
    """Whether it is all that there can be, and not only what there was."""

    def at(self, place: Place) -> Trait:
        return self.traits.setdefault(place, Trait())

    def always(self, place: Place) -> bool:
        """Whether it is there whenever its object is."""
        return self.traits[place].count >= self.objects.get(place[:-1], 0)


# --- from recordings ------------------------------------------------------------------------------------


def add(sketch: Sketch, judgement: Judgement, response: Response, *, requests: bool) -> None:
    """One more exchange."""
    if requests and judgement.reading.fault is None:
        observe(sketch, (REQUEST,), judgement.reading.call.tree)
    if not judgement.is_error:
        sketch.at((STATUS,)).words.add(str(response.status))
        sketch.at((KIND,)).words.add(response.headers.get("Content-Type").lower() or "none")
    if judgement.tree is not None:
        observe(sketch, (ERROR if judgement.is_error else REPLY,), judgement.tree)


def observe(sketch: Sketch, place: Place, value: Tree) -> None:
    trait = sketch.at(place)
    trait.count += 1
    trait.kinds.add(kind(value))
    if isinstance(value, dict):
        sketch.objects[place] = sketch.objects.get(place, 0) + 1
        for name, inner in value.items():
            observe(sketch, (*place, name), inner)
    elif isinstance(value, list):
        for inner in value:
            observe(sketch, (*place, ENTRY), inner)
    elif isinstance(value, str) and value:
        trait.forms.add(_form(value))


def _form(text: str) -> str:
    if TIME.fullmatch(text):
        return "time"
    if PLACE.fullmatch(text):
        return "address"
    digits = text.lstrip("-").replace(".", "", 1)
    return "number" if digits.isdecimal() and len(digits) <= DIGITS else "text"


# --- from schemas ---------------------------------------------------------------------------------------


class Surveyor:
    """Sketches what schemas allow. ``document`` gives a schema by its file's name; it may raise KeyError."""

    def __init__(self, document: Callable[[str], Any]) -> None:
        self._document = document

    def survey(self, sketch: Sketch, place: Place, file: str) -> None:
        sketch.exact = True
        sketch.at(place).count = 1
        self._schema(sketch, place, self._document(file), file, frozenset())

    def _schema(self, sketch: Sketch, place: Place, schema: Any, file: str, known: frozenset[str]) -> None:
        """``known`` are the references on the way here: one that leads back says nothing new."""
        if not isinstance(schema, dict) or len(place) > DEPTH:
            return
        if isinstance(reference := schema.get("$ref"), str):
            home, _, pointer = reference.partition("#")
            target = f"{home or file}#{pointer}"
            if target not in known:
                inner = _pointed(self._document(home or file), pointer)
                self._schema(sketch, place, inner, home or file, known | {target})
        _words(sketch.at(place), schema)
        for branch in (*_list(schema, "allOf"), *_list(schema, "anyOf"), *_list(schema, "oneOf")):
            self._schema(sketch, place, branch, file, known)
        if "items" in schema:
            sketch.at((*place, ENTRY))
            self._schema(sketch, (*place, ENTRY), schema["items"], file, known)
        self._properties(sketch, place, schema, file, known)

    def _properties(self, sketch: Sketch, place: Place, schema: Any, file: str, known: frozenset[str]) -> None:
        properties, required = schema.get("properties"), _list(schema, "required")
        if isinstance(properties, dict):
            sketch.objects[place] = 1
            for name, inner in properties.items():
                trait = sketch.at((*place, name))
                trait.count = max(trait.count, int(name in required))
                self._schema(sketch, (*place, name), inner, file, known)
        if "additionalProperties" in schema or "unevaluatedProperties" in schema:
            closed = schema.get("additionalProperties", schema.get("unevaluatedProperties")) is False
            sketch.at(place).bounds.add("no other fields" if closed else "other fields")


def _pointed(document: Any, pointer: str) -> Any:
    for step in filter(None, pointer.split("/")):
        document = document.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(document, dict) else None
    return document


def _list(schema: dict[str, Any], word: str) -> list[Any]:
    value = schema.get(word)
    return value if isinstance(value, list) else []


def _words(trait: Trait, schema: dict[str, Any]) -> None:
    types = schema.get("type", [])
    trait.kinds.update(str(each) for each in (types if isinstance(types, list) else [types]))
    values: Iterable[Any] = [*_list(schema, "enum"), *([schema["const"]] if "const" in schema else [])]
    trait.words.update(str(each)[:LONGEST] for each in values)
    trait.forms.update(f"{word} {schema[word]}"[:LONGEST] for word in ("format", "pattern") if word in schema)
    trait.bounds.update(f"{word} {schema[word]}"[:LONGEST] for word in BOUNDS if word in schema)


BOUNDS: Final = "minimum maximum minLength maxLength minItems maxItems minProperties maxProperties".split()
