"""The XML messages of a dialect as RELAX NG, made from its JSON Schemas: the order of elements is free, as it is there.

What only JSON Schema can say is left out: that one of several fields must be there, and how many entries a list has at
the most. ``mediaglot dialects --grammars schemas`` writes the files; a test fails where they are stale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from lxml import etree

from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.mapping import is_empty
from mediaglot.gateway.wire import Wire
from mediaglot.gateway.wire.choice import Choice
from mediaglot.gateway.wire.form import FormField
from mediaglot.gateway.wire.schema import SUFFIX as JSON
from mediaglot.gateway.wire.schema import Schemas, stem
from mediaglot.gateway.wire.xml import NestedXml, Xml

SUFFIX: Final = ".rng"
RNG: Final = "http://relaxng.org/ns/structure/1.0"
TYPES: Final = "http://www.w3.org/2001/XMLSchema-datatypes"
SPACES: Final[dict[Any, str]] = {None: RNG}
NAME: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
NUMBERS: Final = {"integer": "integer", "number": "double", "boolean": "boolean"}
LENGTHS: Final = ("minLength", "maxLength")
HEAD: Final = "written by mediaglot from the JSON Schema of this name, do not edit"
Tree = dict[str, Any]
Node = etree._Element  # noqa: SLF001 - lxml has no other name for it


def grammars(dialect: Dialect) -> Mapping[str, bytes]:
    """By the name of the file, for each message that travels as XML."""
    schemas, found = Schemas(dialect), dict[str, bytes]()
    wires = list(spoken(dialect.wire))
    operations = [stem(route.name) for route in dialect.routes if route.wire is None and not route.public]
    for wire in wires:
        if isinstance(wire, Xml):
            names = [f"{operation}.request" for operation in operations]
            found |= {name: Writer(schemas, wire).grammar(name, wire.root) for name in names if name in schemas.names}
        root = wire.answer_root if isinstance(wire, Xml) else wire.root
        names = [*(f"{operation}.reply" for operation in operations), "error.reply"]
        documents = [name for name in dict.fromkeys(names) if schemas.document(name).get("type") != "string"]
        found |= {name: Writer(schemas, wire).grammar(name, root) for name in documents}
    return {f"{name}{SUFFIX}": text for name, text in found.items()}


def spoken(wire: Wire) -> Iterator[Xml | NestedXml]:
    """The XML among the formats of a Wire."""
    if isinstance(wire, (Xml, NestedXml)):
        yield wire
    elif isinstance(wire, FormField):
        for each in wire.formats.values():
            yield from spoken(each)
    elif isinstance(wire, Choice):
        for machine, _ in wire.writes.values():
            yield from spoken(machine)


@dataclass
class Shape:
    """What may stand in one element: the alternatives, with arrays apart, as they are told by repetition."""

    contents: list[tuple[Tree, str]] = field(default_factory=list)
    items: list[tuple[Tree, str]] = field(default_factory=list)
    many: bool = False


class Writer:
    """One grammar in the making; definitions are written once, by the place of their schema."""

    def __init__(self, schemas: Schemas, wire: Xml | NestedXml) -> None:
        self._schemas, self._wire = schemas, wire
        self._grammar = etree.Element(f"{{{RNG}}}grammar", nsmap=SPACES, datatypeLibrary=TYPES)
        self._defined: dict[str, str] = {}

    def grammar(self, name: str, root: str) -> bytes:
        self._grammar.append(etree.Comment(f" {HEAD} "))
        element = node(node(self._grammar, "start"), "element", name=root)
        self._content(element, self._shape({"$ref": f"{name}{JSON}"}, ""))
        self._anything()
        etree.indent(self._grammar)
        return etree.tostring(self._grammar, xml_declaration=True, encoding="UTF-8") + b"\n"

    def _anything(self) -> None:
        within = node(node(self._grammar, "define", name="anything"), "zeroOrMore")
        choice = node(within, "choice")
        node(choice, "text")
        node(node(choice, "attribute"), "anyName")
        element = node(choice, "element")
        node(element, "anyName")
        node(element, "ref", name="anything")

    # --- schemas, taken apart ---------------------------------------------------------------------

    def _found(self, reference: str, home: str) -> tuple[Tree, str]:
        file, _, pointer = reference.partition("#")
        name = file.removesuffix(JSON) or home
        found = self._schemas.document(name)
        for step in filter(None, pointer.split("/")):
            found = found[step]
        return found, name

    def _shape(self, schema: Any, home: str, shape: Shape | None = None) -> Shape:
        """All alternatives of a schema, references followed."""
        shape = Shape() if shape is None else shape
        if schema is True or not isinstance(schema, dict):
            shape.contents.append(({}, home))
        elif "$ref" in schema and not is_object(schema):
            self._shape(*self._found(schema["$ref"], home), shape)
        elif (several := schema.get("anyOf") or schema.get("oneOf")) and not is_object(schema):
            for each in several:
                self._shape(each, home, shape)
        else:
            self._alternatives(schema, home, shape)
        return shape

    def _alternatives(self, schema: Tree, home: str, shape: Shape) -> None:
        kinds = schema.get("type", [])
        for kind in kinds if isinstance(kinds, list) else [kinds]:
            if kind == "array":
                shape.many = True
                self._shape(schema.get("items", True), home, items := Shape())
                shape.items += items.contents
            else:
                shape.contents.append(({**schema, "type": kind}, home))
        if not kinds:
            self._untyped(schema, home, shape)

    def _untyped(self, schema: Tree, home: str, shape: Shape) -> None:
        values = schema.get("enum", [schema["const"]] if "const" in schema else None)
        if values is None:
            shape.contents.append((schema, home))
            return
        for value in values:
            shape.contents.append(({"const": value}, home))

    # --- patterns ---------------------------------------------------------------------------------

    def _content(self, parent: Node, shape: Shape) -> None:
        """What stands in an element; of repeated ones, in each of them."""
        nested = isinstance(self._wire, NestedXml)
        contents = [*shape.contents, *([] if nested else shape.items)]
        choice = node(parent, "choice")
        for schema, home in contents:
            self._one(choice, schema, home)
        if shape.many and nested:
            self._list(choice, parent.get("name", ""), shape.items)
        if shape.many and not nested:
            node(choice, "empty")

    def _list(self, choice: Node, name: str, items: list[tuple[Tree, str]]) -> None:
        assert isinstance(self._wire, NestedXml)  # noqa: S101
        within = node(choice, "zeroOrMore")
        entry = node(within, "element", name=self._wire.items.get(name, "item"))
        self._content(entry, Shape(items))

    def _one(self, choice: Node, schema: Tree, home: str) -> None:
        kind, const = schema.get("type"), schema.get("const", ...)
        if const is not ...:
            self._value(choice, const)
        elif kind == "null":
            self._nothing(choice)
        elif kind in NUMBERS:
            node(choice, "data", type=NUMBERS[kind])
        elif kind == "object" or is_object(schema):
            node(choice, "ref", name=self._define(schema, home))
        elif kind == "string":
            text(choice, schema)
        else:
            node(choice, "ref", name="anything")

    def _value(self, choice: Node, value: Any) -> None:
        if is_empty(value):
            self._nothing(choice)
        elif isinstance(value, bool):
            node(choice, "value", type="token").text = str(value).lower()
        else:
            node(choice, "value", type="token").text = str(value)

    def _nothing(self, choice: Node) -> None:
        if isinstance(self._wire, NestedXml):
            node(node(choice, "attribute", name="nil"), "value").text = "true"
        node(choice, "empty")

    def _define(self, schema: Tree, home: str) -> str:
        key = repr((schema, home))
        if key not in self._defined:
            self._defined[key] = f"object{len(self._defined) + 1}"
            self._object(node(self._grammar, "define", name=self._defined[key]), schema, home)
        return self._defined[key]

    def _object(self, parent: Node, schema: Tree, home: str) -> None:
        members = Members()
        self._gather(schema, home, members)
        alternatives = [each for each in (schema.get("anyOf") or []) if self._adds(each, members)]
        if not alternatives:
            self._members(parent, members)
            return
        choice = node(parent, "choice")
        for each in alternatives:
            one = members.copy()
            self._gather(each, home, one)
            self._members(node(choice, "group"), one)

    @staticmethod
    def _adds(schema: Tree, members: Members) -> bool:
        """Whether an alternative has elements of its own; conditions on the values of others are left to the schema."""
        return "$ref" in schema or not schema.get("properties", {}).keys() <= members.known.keys()

    def _gather(self, schema: Tree, home: str, members: Members) -> None:
        if "$ref" in schema:
            self._gather(*self._found(schema["$ref"], home), members)
        for each in schema.get("allOf", ()):
            self._gather(each, home, members)
        members.known |= {name: (each, home) for name, each in schema.get("properties", {}).items()}
        members.needed |= set(schema.get("required", ()))
        if schema.get("unevaluatedProperties") is False or schema.get("additionalProperties") is False:
            members.others = False
        elif isinstance(schema.get("additionalProperties"), dict):
            members.others = (schema["additionalProperties"], home)

    def _members(self, parent: Node, members: Members) -> None:
        parts = node(parent, "interleave")
        for name, (schema, home) in members.known.items():
            if NAME.fullmatch(name):
                shape = self._shape(schema, home)
                element = node(node(parts, self._times(name, shape, members)), "element", name=name)
                self._content(element, shape)
        if members.others is not False:
            self._others(parts, members)
        if not len(parts):
            node(parts, "empty")

    def _times(self, name: str, shape: Shape, members: Members) -> str:
        many = shape.many and isinstance(self._wire, Xml)
        needed = name in members.needed and not (many and name in self._wire.lists)  # type: ignore[union-attr]
        if many:
            return "oneOrMore" if needed else "zeroOrMore"
        return "group" if needed else "optional"

    def _others(self, parts: Node, members: Members) -> None:
        element = node(node(parts, "zeroOrMore"), "element")
        anything = node(element, "anyName")
        if members.known:
            excepted = node(anything, "except")
            for name in members.known:
                if NAME.fullmatch(name):
                    node(excepted, "name").text = name
        if members.others is True:
            node(element, "ref", name="anything")
        elif members.others:
            self._content(element, self._shape(*members.others))


@dataclass
class Members:
    """The elements of an object; ``others`` is what those are that nobody has named, False for none."""

    known: dict[str, tuple[Any, str]] = field(default_factory=dict)
    needed: set[str] = field(default_factory=set)
    others: bool | tuple[Any, str] = True

    def copy(self) -> Members:
        return Members(dict(self.known), set(self.needed), self.others)


def is_object(schema: Tree) -> bool:
    return schema.get("type") == "object" or "properties" in schema or "allOf" in schema


def node(parent: Node, tag: str, **attributes: str) -> Node:
    return etree.SubElement(parent, f"{{{RNG}}}{tag}", attributes)


def text(choice: Node, schema: Tree) -> None:
    for value in schema.get("enum", ()):
        node(choice, "value", type="token").text = str(value)
    if "enum" in schema:
        return
    data = node(choice, "data", type="token")
    for word in LENGTHS:
        if word in schema:
            node(data, "param", name=word).text = str(schema[word])
    if pattern := as_xsd(schema.get("pattern", "")):
        node(data, "param", name="pattern").text = pattern


def as_xsd(pattern: str) -> str:
    """A regular expression as XML Schema writes it, which means whole values; empty for one that it can't say."""
    if not pattern or re.search(r"\(\?(?!:)|\\[bBAZ]", pattern):
        return ""
    start, end = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith("\\$")
    inner = pattern[start : len(pattern) - end].replace("(?:", "(")
    if re.search(r"(?<!\\)(?<!\[)[\^$]", inner):
        return ""
    return f"{'' if start else '.*'}({inner}){'' if end else '.*'}"
