"""Requests in whatever way clients send them: a query, JSON, or a form, in which some values may be JSON themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.wire import FORM, MULTIPART, Media, Medium
from mediaglot.gateway.wire.form import pairs, parts
from mediaglot.gateway.wire.json import Json, loads

JSON: Final = Json()


def is_json(request: Request) -> bool:
    return "json" in request.headers.get("Content-Type").lower()


@dataclass(frozen=True, slots=True)
class Loose:
    """``documents`` are the names whose values are JSON objects, in a query and in a form; ``beside`` those that count
    in the query of a request with a body."""

    documents: frozenset[str]
    beside: frozenset[str] = frozenset()
    content_type: str = JSON.content_type

    @property
    def media(self) -> Media:
        forms = (Medium(content_type=kind, documents=self.documents) for kind in (FORM, MULTIPART))
        own = Medium(content_type=self.content_type)
        return Media(asked=(*forms, own), told=(own,), query=True, documents=self.documents)

    def choose(self, request: Request) -> Loose:
        return self

    def read(self, request: Request) -> Tree:
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if request.method in {"POST", "PUT"}:
            query = {name: value for name, value in query.items() if name in self.beside}
        return self._told(query) | (self._body(request) if request.body.strip() else {})

    def _body(self, request: Request) -> Tree:
        given = request.headers.get("Content-Type")
        kind = given.partition(";")[0].strip().lower()
        if kind == MULTIPART:
            return self._told(_parts(given, request.body))
        if kind in (FORM, ""):
            return self._form(request.body)
        return JSON.read(request) if is_json(request) else {}

    def _form(self, body: bytes) -> Tree:
        """The first field may be a document that nobody encoded, with all its ``&``, ``+`` and ``%``."""
        name, _, text = body.partition(b"=")
        first = name.decode("utf-8", "replace").strip()
        if first in self.documents and not text.lstrip().startswith(b"%"):
            try:
                return {first: JSON.read_text(text)}
            except Malformed:
                pass  # then it is encoded
        return self._told({key: value.decode("utf-8", "replace") for key, value in pairs(body)})

    def _told(self, fields: dict[str, str]) -> Tree:
        return {
            name: JSON.read_text(value.encode("utf-8", "replace"))
            if name in self.documents and value.strip()
            else value
            for name, value in fields.items()
        }

    def write(self, tree: Any) -> bytes:
        return JSON.write(tree)

    def read_answer(self, body: bytes) -> Any:
        """Also a list; {} for an answer without a body."""
        return loads(body or b"{}")


def _parts(kind: str, body: bytes) -> dict[str, str]:
    if (found := parts(kind, body)) is None:
        raise Malformed(format="form", reason="no parts")
    return {name: content.decode("utf-8", "replace").strip("\r\n") for name, content, _ in found}
