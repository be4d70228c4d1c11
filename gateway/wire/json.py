"""JSON bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire import Media, Medium, Tree
from mediaglot.gateway.wire.swap import in_json

DEPTH = 64


@dataclass(frozen=True, slots=True)
class Json:
    """``root``: the one member that the document is in. ``stringly``: PHP-like documents, where every scalar
    is text, a list of one is its element (but for the keys in ``lists``), and the case of the outer keys does
    not matter."""

    root: str | None = None
    answer_root: str | None = None
    content_type: str = "application/json"
    stringly: bool = False
    lists: frozenset[str] = frozenset()
    indent: bool = False

    @property
    def media(self) -> Media:
        roots = (self.root or "", self.answer_root or "")
        asked, told = (Medium(content_type=self.content_type, root=root) for root in roots)
        return Media(asked=(asked,), told=(told,))

    def choose(self, request: Request) -> Json:
        return self

    def read(self, request: Request) -> Tree:
        return self.read_text(request.body)

    def read_text(self, text: bytes) -> Tree:
        tree = _object(text, self.root)
        if self.root is not None and not tree:
            raise Malformed(format="JSON", reason=f"nothing in {self.root!r}")
        if not self.stringly and is_shallow(text):
            return tree
        scalar = _as_text if self.stringly else _as_is
        # Nearly all of a document is text, for which no call is made.
        return {
            key.lower() if self.stringly else key: value if type(value) is str else _walk(value, scalar, DEPTH)
            for key, value in tree.items()
        }

    def swap(self, request: Request, values: Mapping[str, str]) -> Request:
        return replace(request, body=self.swap_text(request.body, values))

    def swap_text(self, text: bytes, values: Mapping[str, str]) -> bytes:
        return in_json(text, values)

    def read_answer(self, body: bytes) -> Tree:
        return _object(body, self.answer_root)

    def write(self, tree: Tree) -> bytes:
        document = _fold(tree, self.lists) if self.stringly else tree
        option = orjson.OPT_INDENT_2 if self.indent else None
        return orjson.dumps({self.answer_root: document} if self.answer_root else document, option=option)


def loads(text: bytes) -> Any:
    """A document of whatever kind. Raises Malformed with the place, and not in the words of a library's version."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = f"broken at line {error.lineno} column {error.colno}"
        raise Malformed(format="JSON", reason=place if text.strip() else "empty") from None


def is_shallow(text: bytes) -> bool:
    """Whether a document has too few brackets to be nested too deeply."""
    return text.count(b"{") + text.count(b"[") < DEPTH


def _object(text: bytes, root: str | None) -> Tree:
    tree = loads(text)
    if root is not None and isinstance(tree, dict):
        tree = tree.get(root)
    if not isinstance(tree, dict):
        raise Malformed(format="JSON", reason=f"expected an object{f' in {root!r}' if root else ''}")
    return tree


def _as_is(value: Any) -> Any:
    return value


def _as_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else str(value)


def _walk(value: Any, scalar: Callable[[Any], Any], depth: int) -> Any:
    if depth == 0:
        raise Malformed(format="JSON", reason="nested too deeply")
    if isinstance(value, dict):
        return {key: it if type(it) is str and depth > 1 else _walk(it, scalar, depth - 1) for key, it in value.items()}
    if isinstance(value, list):
        return [_walk(item, scalar, depth - 1) for item in value]
    return scalar(value)


def _fold(value: Any, lists: frozenset[str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: item if type(item) is str else _fold(item, lists, name) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        folded = [_fold(item, lists) for item in value]
        return folded[0] if len(folded) == 1 and key not in lists else folded
    return value
