"""XML bodies: elements and text only. Entities, external references and document types are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final
from xml.sax.saxutils import escape

from lxml import etree

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire import Media, Medium, Tree
from mediaglot.gateway.wire.swap import in_xml

DEPTH = 64
SHORT: Final = 40
"""Characters of a name that is remembered."""
ELEMENTS = 20_000
ILLEGAL = (code for code in (*range(32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF) if code not in (9, 10, 13))
LEGAL = dict.fromkeys(ILLEGAL)
NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Xml:
    """``root`` of requests, ``answer_root`` of answers. Repeated elements are lists in the tree. The case of
    the outer elements of a request does not matter.

    ``paired`` names two keys whose lists are written in turn: a b a b, not a a b b.
    """

    root: str
    answer_root: str
    content_type: str = "text/xml"
    paired: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    lists: frozenset[str] = frozenset()
    """Keys that have no element at all where their list is empty; elsewhere that makes an empty element."""

    @property
    def media(self) -> Media:
        asked, told = (Medium(content_type=self.content_type, root=root) for root in (self.root, self.answer_root))
        return Media(asked=(asked,), told=(told,))

    def choose(self, request: Request) -> Xml:
        return self

    def read(self, request: Request) -> Tree:
        return self.read_text(request.body)

    def read_text(self, text: bytes) -> Tree:
        tree = _content(text.lstrip(), self.root)
        if not tree:
            raise Malformed(format="XML", reason=f"nothing in {self.root!r}")
        return {key.lower(): value for key, value in tree.items()}

    def swap(self, request: Request, values: Mapping[str, str]) -> Request:
        return replace(request, body=self.swap_text(request.body, values))

    def swap_text(self, text: bytes, values: Mapping[str, str]) -> bytes:
        return in_xml(text, values)

    def read_answer(self, body: bytes) -> Tree:
        return _content(body, self.answer_root)

    def write(self, tree: Tree) -> bytes:
        return f'<?xml version="1.0"?>\n{_element(self.answer_root, self._inside(tree))}\n'.encode()

    def _inside(self, tree: Mapping[str, Any]) -> str:
        found: list[str] = []
        partners = frozenset(self.paired.values()) if self.paired else ()
        for key, value in tree.items():
            if type(value) is str and (value or key not in self.lists):
                found.append(self._one(key, value))
                continue
            listed = isinstance(value, list)
            if (key in self.lists and not value) or (listed and key in partners and self._owner(key) in tree):
                continue
            if listed and key in self.paired:
                others = tree.get(self.paired[key])
                for pair in zip_longest(value, others if isinstance(others, list) else []):
                    each = zip((key, self.paired[key]), pair, strict=True)
                    found += [self._one(name, item) for name, item in each if item is not None]
            else:
                found += [self._one(key, item) for item in (value if listed or type(value) is tuple else ()) or [value]]
        return "".join(found)

    def _owner(self, partner: str) -> str:
        return next(key for key, value in self.paired.items() if value == partner)

    def _one(self, key: str, value: Any) -> str:
        name = _name(key)
        if type(value) is str:
            return f"<{name}>{_escaped(value)}</{name}>"
        if isinstance(value, (dict, Mapping)):
            return _element(name, self._inside(value))
        return f"<{name}/>" if value is None or value == [] else f"<{name}>{_escaped(str(value))}</{name}>"


def _element(name: str, inside: str) -> str:
    return f"<{name}>{inside}</{name}>" if inside else f"<{name}/>"


def _escaped(text: str) -> str:
    """A text between two tags, without the characters that no document may have."""
    if text.isalnum():
        return text
    whole = escape(text) if "&" in text or "<" in text or ">" in text else text
    return whole if whole.isprintable() else whole.translate(LEGAL).replace("\r", "&#13;")


def _content(text: bytes, root: str) -> Tree:
    element = _parse(text)
    if element.tag != root:
        raise Malformed(format="XML", reason=f"expected the root element {root!r}")
    tree = _tree(element, DEPTH)
    return tree if isinstance(tree, dict) else {}


def _name(key: str) -> str:
    """An element's name for a key, also for one that can't be one: a client's own key from a JSON document."""
    return _short_name(key) if len(key) <= SHORT else _made_name(key)


def _made_name(key: str) -> str:
    if (key.isascii() and key.isidentifier()) or NAME.fullmatch(key):
        return key
    name = re.sub(r"[^\w.-]", "_", key, flags=re.ASCII)
    return name if NAME.fullmatch(name) else f"_{name}"


_short_name: Final = lru_cache(maxsize=1024)(_made_name)


PARSER: Final = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
)
"""Made once: that takes as long as reading a short document. It locks itself where threads share it."""


def _parse(text: bytes) -> etree._Element:
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise Malformed(format="XML", reason="a document type is not allowed")
    try:
        root = etree.fromstring(text, PARSER)
    except etree.XMLSyntaxError as error:
        raise Malformed(format="XML", reason=str(error.msg)) from None
    except ValueError as error:
        raise Malformed(format="XML", reason=str(error)) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed(format="XML", reason="a document type is not allowed")
    if len(text) > len("<a/>") * ELEMENTS and sum(1 for _ in root.iter()) > ELEMENTS:
        raise Malformed(format="XML", reason="too many elements")
    return root


def _tree(element: etree._Element, depth: int) -> Any:
    if not len(element):
        return (element.text or "").strip()
    if depth == 1:
        raise Malformed(format="XML", reason="nested too deeply")
    tree: Tree = {}
    repeated: set[str] = set()
    for child in element:
        key, value = str(child.tag), _tree(child, depth - 1) if len(child) else (child.text or "").strip()
        if key not in tree:
            tree[key] = value
        elif key in repeated:
            tree[key].append(value)
        else:
            tree[key] = [tree[key], value]
            repeated.add(key)
    return tree


def elements(body: bytes) -> list[str]:
    """The paths of all elements in their order, with what attributes say, and where text is beside elements.

    Raises Malformed.
    """
    root = _parse(body.lstrip())
    return [*_paths(root, "")]


def _paths(element: etree._Element, above: str) -> Iterator[str]:
    marks = "".join(f"[{name}={element.get(name)}]" for name in sorted(map(str, element.keys())))
    if len(element) and any(text and text.strip() for text in (element.text, *(child.tail for child in element))):
        marks += "[text beside elements]"
    path = f"{above}/{element.tag}{marks}".lstrip("/")
    yield path
    for child in element:
        yield from _paths(child, path)


@dataclass(frozen=True, slots=True)
class NestedXml:
    """Answers in which a list is an element that holds one child for each entry, named by ``items`` or else ``item``.

    None is an empty element that says ``nil="true"``. ``indent`` is for human readers.
    """

    root: str
    items: Mapping[str, str]
    content_type: str = "application/xml"
    indent: bool = False

    @property
    def media(self) -> Media:
        return Media(asked=(), told=(Medium(content_type=self.content_type, root=self.root),))

    def choose(self, request: Request) -> NestedXml:
        return self

    def read(self, request: Request) -> Tree:
        raise Malformed(format="XML", reason="requests are not read in XML")

    def write(self, tree: Tree) -> bytes:
        root = etree.Element(self.root)
        self._fill(root, tree)
        if self.indent:
            etree.indent(root)
        return b'<?xml version="1.0" encoding="UTF-8"?>\n' + etree.tostring(root, encoding="UTF-8")

    def _fill(self, element: etree._Element, value: Any) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                self._fill(etree.SubElement(element, _name(key)), item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._fill(etree.SubElement(element, self.items.get(str(element.tag), "item")), item)
        elif value is None:
            element.set("nil", "true")
        else:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            element.text = text.translate(LEGAL)

    def read_answer(self, body: bytes) -> Tree:
        tree = self._value(_parse(body))
        if not isinstance(tree, dict):
            raise Malformed(format="XML", reason="expected elements")
        return tree

    def _value(self, element: etree._Element) -> Any:
        if element.get("nil") == "true":
            return None
        entry = self.items.get(str(element.tag), "item")
        if len(element) and all(child.tag == entry for child in element):
            return [self._value(child) for child in element]
        return {str(child.tag): self._value(child) for child in element} if len(element) else element.text or ""
