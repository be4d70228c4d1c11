"""A control API as a table: each verb with its path, what it says of itself, and who answers it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import orjson
from aiohttp import web

from mediaglot.gateway.http.refusal import Refusal, wrong_method
from mediaglot.gateway.wire.json import DEPTH

Owner = TypeVar("Owner")
Tree = dict[str, Any]
PATHS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to the control API, read: what its path names, its query, and its JSON document."""

    names: Mapping[str, str]
    query: Mapping[str, str]
    document: Any = None

    def number(self, word: str, default: float, most: float) -> float:
        """A number of the query. Raises Refusal."""
        text = self.query.get(word, str(default))
        if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII) or float(text) > most:
            raise Refusal(400, "not_a_number", f"{word} is a number from 0 to {most:.0f}, not {text[:40]!r}")
        return float(text)

    def whole(self, word: str, default: int, most: int) -> int:
        """A whole one. Raises Refusal."""
        number = self.number(word, default, most)
        if number % 1:
            raise Refusal(400, "not_a_number", f"{word} is a whole number, not {self.query[word]!r}")
        return int(number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb(Generic[Owner]):
    """``path`` has ``{names}`` for parts. ``takes`` is an example of the document, None for a verb without one;
    ``shape`` its schema, and ``gives`` that of the answer; ``query`` what may be asked with, and what it means."""

    method: str
    path: str
    about: str
    does: Callable[[Owner, Asked], Awaitable[Any]]
    takes: Any = None
    shape: Tree | None = None
    gives: Tree | None = None
    query: Mapping[str, str] | None = None
    status: int = 200


class Verbs(Generic[Owner]):
    def __init__(self, verbs: Sequence[Verb[Owner]]) -> None:
        self._verbs = tuple(verbs)

    def __iter__(self) -> Iterator[Verb[Owner]]:
        return iter(self._verbs)

    def find(self, method: str, path: str) -> tuple[Verb[Owner], dict[str, str]]:
        """Raises Refusal where no verb has that path, or not with that method."""
        there = [(verb, match.groupdict()) for verb, pattern in self._patterns if (match := pattern.fullmatch(path))]
        for verb, names in there:
            if verb.method == method:
                return verb, names
        if not there:
            raise Refusal(404, "not_found", "GET /_mediaglot/openapi.json lists what there is")
        raise wrong_method(method, *sorted({verb.method for verb, _ in there}))

    @cached_property
    def _patterns(self) -> list[tuple[Verb[Owner], re.Pattern[str]]]:
        return [(verb, re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", verb.path))) for verb in self._verbs]

    def openapi(self, title: str, version: str, server: str) -> Tree:
        """The table as an OpenAPI 3.1 document."""
        paths: dict[str, Tree] = {}
        for verb in self._verbs:
            paths.setdefault(f"/{verb.path}", {})[verb.method.lower()] = _operation(verb)
        info = {"title": title, "version": version}
        token = {"type": "http", "scheme": "bearer", "description": "the server's control_token, where it has one"}
        return {
            "openapi": "3.1.0",
            "info": info,
            "servers": [{"url": server.rstrip("/")}],
            "security": [{"control_token": []}, {}],
            "paths": paths,
            "components": {"securitySchemes": {"control_token": token}},
        }


async def read(raw: web.Request, verb: Verb[Any], names: Mapping[str, str], most: int) -> Asked:
    """Raises Refusal for a query or a document that the verb does not take."""
    known = {**(verb.query or {})}
    if "*" not in known and (unknown := raw.query.keys() - known.keys()):
        hint = f"there are {', '.join(known)}" if known else "there are none here"
        raise Refusal(400, "unknown_parameter", f"there is no parameter {min(unknown)!r}; {hint}")
    document = None
    if verb.takes is not None:
        body = await raw.content.read(most + 1)
        while len(body) <= most and (more := await raw.content.read(most + 1 - len(body))):
            body += more
        if len(body) > most:
            raise Refusal(413, "too_large", f"the document is over {most} bytes")
        try:
            document = orjson.loads(body or b"{}")
        except orjson.JSONDecodeError as error:
            raise Refusal(400, "malformed", f"the body is no JSON: {error}") from None
        if deep(document):
            raise Refusal(400, "malformed", f"the document is nested more than {DEPTH} times")
    return Asked(names=names, query=dict(raw.query), document=document)


def deep(document: Any, depth: int = DEPTH) -> bool:
    """Whether it is nested deeper than ``depth``."""
    inner = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return depth < 0 or any(deep(one, depth - 1) for one in inner if isinstance(one, dict | list))


def _operation(verb: Verb[Any]) -> Tree:
    names = re.findall(r"{(\w+)}", verb.path)
    text, thing = {"type": "string"}, {"type": "object"}
    places = [{"name": name, "in": "path", "required": True, "schema": text} for name in names]
    asked = [
        {"name": name, "in": "query", "description": about, "schema": text}
        if name != "*"
        else {"name": "paths", "in": "query", "description": about, "explode": True, "schema": PATHS}
        for name, about in (verb.query or {}).items()
    ]
    error = {"description": "what is wrong, and what to change", "content": _json(ERROR)}
    done = {"description": "done", "content": _json(verb.gives or thing)}
    operation: Tree = {
        "operationId": f"{verb.method.lower()}_{re.sub(r'[^a-zA-Z]+', '_', verb.path)}".rstrip("_"),
        "summary": verb.about,
        "parameters": [*places, *asked],
        "responses": {str(verb.status): done, "default": error},
    }
    if verb.takes is not None:
        content = _json(verb.shape or thing, verb.takes)
        operation["requestBody"] = {"content": content}
    return operation


def _json(schema: Tree, example: Any = None) -> Tree:
    return {"application/json": {"schema": schema, **({"example": example} if example is not None else {})}}
