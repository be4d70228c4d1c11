"""JSON as people type it: bare words as keys, single quotes, commas at the end. Comments are not understood."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire import Tree
from mediaglot.gateway.wire.json import DEPTH, Json

TOKEN: Final = re.compile(
    r"""\s*(?:(?P<mark>[{}\[\],:])|(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<word>[^\s{}\[\],:"']+)|(?P<end>\Z))""",
    re.DOTALL,
)
WORDS: Final = {"true": True, "false": False, "null": None}
LONGEST: Final = 200_000
"""Bytes that anybody types; a token takes as long as kilobytes of strict JSON."""
NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,29})(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
Token = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Relaxed(Json):
    """Strict JSON is read as such; what is not, as a person would. No body at all is an empty document."""

    def choose(self, request: Request) -> Relaxed:
        return self

    def read_text(self, text: bytes) -> Tree:
        if not text.strip():
            return {}
        try:
            return Json.read_text(self, text)
        except Malformed:
            if len(text) > LONGEST:
                raise
            found = _Reader(text.decode("utf-8", "replace")).document()
        if not isinstance(found, dict):
            raise Malformed(format="JSON", reason="expected an object")
        return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = next(self._tokens)

    def document(self) -> Any:
        found = self._value(DEPTH)
        if self._next[0] != "end":
            _refuse()
        return found

    def _take(self) -> Token:
        token, self._next = self._next, next(self._tokens, ("end", ""))
        return token

    def _value(self, depth: int) -> Any:
        if depth == 0:
            _refuse()
        kind, text = self._take()
        if text == "{" and kind == "mark":
            return self._object(depth)
        if text == "[" and kind == "mark":
            return self._list(depth)
        if kind == "text":
            return _unquoted(text)
        return _word(text) if kind == "word" else _refuse()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self._next != ("mark", "}"):
            kind, text = self._take()
            if kind not in ("text", "word") or self._take() != ("mark", ":"):
                _refuse()
            found[_unquoted(text) if kind == "text" else text] = self._value(depth - 1)
            self._comma("}")
        self._take()
        return found

    def _list(self, depth: int) -> list[Any]:
        found = []
        while self._next != ("mark", "]"):
            found.append(self._value(depth - 1))
            self._comma("]")
        self._take()
        return found

    def _comma(self, end: str) -> None:
        if self._next == ("mark", ","):
            self._take()
        elif self._next != ("mark", end):
            _refuse()


def _tokens(text: str) -> Iterator[Token]:
    position = 0
    while match := TOKEN.match(text, position):
        kind = str(match.lastgroup)
        yield kind, match[kind]
        if kind == "end":
            return
        position = match.end()
    _refuse()


def _unquoted(text: str) -> str:
    inner = text[1:-1]
    if text[0] == "'":
        inner = re.sub(
            r"""\\(.)|(")""", lambda m: "'" if m[1] == "'" else '\\"' if m[2] else m[0], inner, flags=re.DOTALL
        )
    try:
        found = str(json.loads(f'"{inner}"', strict=False))
        found.encode()
    except ValueError:  # half a character among them
        _refuse()
    return found


def _word(text: str) -> Any:
    if text in WORDS:
        return WORDS[text]
    if not NUMBER.fullmatch(text):
        _refuse()
    number = json.loads(text)
    return number if math.isfinite(number) else _refuse()


def _refuse() -> NoReturn:
    raise Malformed(format="JSON", reason="not even nearly JSON")
