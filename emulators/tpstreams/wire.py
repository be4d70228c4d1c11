"""How documents travel: JSON as the service's framework reads and writes it, and the two kinds of forms.

Texts of errors are the framework's own, measured on a stock one (README.md).
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.wire import FORM, MULTIPART, Media, Medium
from mediaglot.gateway.wire.form import fields, parts
from mediaglot.gateway.wire.json import is_shallow

JSON: Final = "application/json"
LISTS: Final = frozenset({"resolutions"})
"""The fields that may stand in a form more than once."""
DEPTH: Final = 100


class NotJson(Malformed):
    """The body is no JSON, for ``reason``."""

    code = "not_json"


class NotAnObject(Malformed):
    """The body is JSON, but ``got`` instead of an object."""

    code = "not_an_object"


class NoData(Malformed):
    """The body is JSON's null."""

    code = "no_data"


class UnsupportedType(Malformed):
    """The body is of another ``media_type`` than those that are read."""

    code = "unsupported_type"


@dataclass(frozen=True, slots=True)
class Documents:
    """Answers are JSON whatever the request was written in."""

    content_type: str = JSON

    @property
    def media(self) -> Media:
        told = Medium(content_type=JSON)
        return Media(asked=(told, Medium(content_type=FORM), Medium(content_type=MULTIPART)), told=(told,))

    def choose(self, request: Request) -> Documents:
        return self

    def read(self, request: Request) -> Tree:
        """An empty body is an empty document. Raises a Malformed of this module."""
        given = request.headers.get("Content-Type")
        kind = given.partition(";")[0].strip().lower()
        if not request.body:
            return {}
        if kind == JSON:
            return _object(request.body)
        if kind == FORM:
            pairs = fields(request.body)
        elif kind == MULTIPART:
            sent = parts(given, request.body) or ()
            pairs = [(name, content.decode("utf-8", "replace")) for name, content, file in sent if not file]
        else:
            raise UnsupportedType(media_type=given)
        single = {name: value for name, value in pairs if name not in LISTS}
        return single | {name: found for name in LISTS if (found := [value for key, value in pairs if key == name])}

    def write(self, tree: Tree) -> bytes:
        try:
            return written(tree).encode()
        except UnicodeEncodeError:
            return json.dumps(tree, separators=(",", ":")).encode()

    def read_answer(self, body: bytes) -> Tree:
        """A page of HTML, which some errors come as, is ``{"page": text}``; no body is an empty document."""
        if body.lstrip().startswith(b"<"):
            return {"page": body.decode("utf-8", "replace")}
        return _object(body) if body else {}


def written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _object(body: bytes) -> Tree:
    try:
        found = json.loads(body.decode(), parse_constant=_no_number, parse_float=_finite)
        deep = not is_shallow(body) and _deeper_than(found, DEPTH)
    except RecursionError:
        deep = True
    except ValueError as error:
        raise NotJson(reason=str(error)) from None
    if deep:
        raise NotJson(reason="nested too deeply")
    if found is None:
        raise NoData
    if not isinstance(found, dict):
        raise NotAnObject(got=type(found).__name__)
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"Out of range float values are not JSON compliant: {word!r}")


def _finite(word: str) -> float:
    if math.isinf(number := float(word)):
        _no_number(repr(number))
    return number


def _deeper_than(value: Any, depth: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth == 0 or any(_deeper_than(item, depth - 1) for item in inside)
