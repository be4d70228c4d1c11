"""Requests of one's own, made of a dialect's fixtures: with another credential, another id, another format.

Nothing here knows how a dialect writes. Each change is tried in the few ways that there are, and holds where the
dialect's own reading side reads what was meant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Fault, Unauthorized
from mediaglot.gateway.model import Secret
from mediaglot.gateway.testing.case import Case, Reading, folders, read_call
from mediaglot.gateway.wire.swap import Unswappable

FORM: Final = "application/x-www-form-urlencoded"
ABSENT: Final = frozenset({"host", "content-length"})
"""Headers of a fixture that are the transport's to say."""
ANYBODY: Final = Credential("0", Secret("x"))
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sample:
    """A fixture's request, as its dialect reads it."""

    name: str
    request: Request
    reading: Reading
    wrong: bool
    """Whether the fixture's answer is an error."""

    @property
    def operation(self) -> str:
        return self.reading.call.route.name if self.reading.call.route else ""

    @property
    def format(self) -> str:
        return self.reading.call.wire.content_type


@cache
def samples(home: Any) -> tuple[Sample, ...]:
    """Of a class of dialects; those with options of their own are left out."""
    cases = (case for case in folders(home.name) if isinstance(case, Case) and not case.has("options.json"))
    return tuple(_sample(case) for case in cases)


def _sample(case: Case) -> Sample:
    lines = tuple(line for line in case.request.headers if line[0].lower() not in ABSENT)
    request = replace(case.request, headers=Headers(lines=lines))
    wrong = "fault" in (case.tree_of("result.json") or {}) or not case.has("intent.json")
    wrong = wrong or (case.has("response.http") and case.bytes_of("response.http")[9:10] in b"45")
    return Sample(f"{case.operation}/{case.name}", request, read_call(case.dialect, request), wrong)


@cache
def formats(home: Any) -> tuple[str, ...]:
    """The content types of answers that requests can choose from."""
    return tuple(sorted({each.format for each in samples(home)}))


# --- documents ------------------------------------------------------------------------------------------


def with_tree(dialect: Dialect, request: Request, tree: Tree, kind: str = "") -> Request | None:
    """The same request with another document; None where no way of writing it is read as that."""
    for candidate in _written(dialect, request, tree, kind):
        reading = read_call(dialect, candidate)
        if _plain(reading.call.tree) == _plain(tree) and kind in ("", reading.call.wire.content_type):
            return candidate
    return None


def _plain(tree: Any) -> Any:
    """As one compares documents of several formats: names of the outer fields in lower case, scalars as texts."""
    if isinstance(tree, dict):
        return {str(key).lower(): _plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    return "" if tree is None else str(tree)


def _written(dialect: Dialect, request: Request, tree: Tree, kind: str) -> Iterator[Request]:
    fields = getattr(dialect.wire, "formats", {})
    own = getattr(dialect.wire.choose(request), "name", "")
    for name, wire in fields.items():
        if (kind or (fields[own].content_type if own else "")) == wire.content_type:
            whole = {wire.root: tree} if wire.root else tree
            contents = [replace(wire, answer_root=wire.root).write(tree)]
            contents += [json.dumps(whole)] if "json" in wire.content_type else []  # with lists of one as such
            for content in contents:
                yield replace(request, headers=_typed(request, FORM), body=f"{name}={quote_plus(content)}".encode())
    if fields:
        return
    if request.method not in ("POST", "PUT", "PATCH"):
        yield replace(request, query=urlencode(tree, quote_via=quote))
        return
    text = {key: json.dumps(value) if isinstance(value, (dict, list)) else str(value) for key, value in tree.items()}
    bodies: dict[str, Callable[[], bytes]] = {
        "application/json": lambda: json.dumps(tree).encode(),
        FORM: lambda: urlencode(text).encode(),
    }
    told = request.headers.get("Content-Type").partition(";")[0].strip().lower()
    for media in sorted(bodies, key=lambda media: media != told):
        yield replace(request, headers=_typed(request, media), body=bodies[media]())


def _typed(request: Request, content_type: str) -> Headers:
    return with_header(request, "Content-Type", content_type).headers


def with_header(request: Request, name: str, value: str) -> Request:
    """``value`` empty: without it."""
    lines = [line for line in request.headers if line[0].lower() != name.lower()]
    return replace(request, headers=Headers(lines=(*lines, *([(name, value)] if value else []))))


def in_format(dialect: Dialect, request: Request, kind: str) -> Request | None:
    """The same request with its answer in another format; None where that can't be chosen."""
    if read_call(dialect, request).call.wire.content_type == kind:
        return request
    home: Any = type(dialect)
    media = kind.partition(";")[0]
    word = media.rpartition("/")[2]
    known = [each.partition(";")[0].rpartition("/")[2] for each in formats(home)]
    query = [(key, word if value in known else value) for key, value in parse_qsl(request.query, True)]
    spoken = replace(request, query=urlencode(query, quote_via=quote)) if request.query else request
    tree = read_call(dialect, request).call.tree
    for candidate in (with_header(spoken, "Accept", media), with_tree(dialect, request, tree, kind)):
        if candidate is not None and read_call(dialect, candidate).call.wire.content_type == kind:
            return candidate
    return None


# --- ids ------------------------------------------------------------------------------------------------


def with_id(dialect: Dialect, sample: Sample, new: str) -> Request | None:
    """The same request about something else; None where its id is not said as it is."""
    old, request = wanted_id(sample.reading.intent), sample.request
    if not old:
        return None
    path = "/".join(new if part == old else part for part in request.path.split("/"))
    moved = replace(request, path=path)
    tree = swapped(sample.reading.call.tree, old, new)
    if tree != sample.reading.call.tree:
        changed = with_tree(dialect, moved, tree)
        if changed is None:
            return None
        moved = changed
    return moved if wanted_id(read_call(dialect, moved).intent) == new else None


def wanted_id(intent: Any) -> str:
    """The id or name of the one thing that a request is about; empty where it is about none or several."""
    found = getattr(intent, "id", None) or getattr(intent, "name", None)
    if found is None:
        ids = getattr(intent, "ids", ()) or tuple(each.name for each in getattr(intent, "presets", ()))
        found = ids[0] if len(ids) == 1 else ""
    return str(found) if isinstance(found, str) else ""


def swapped(tree: Any, old: str, new: str) -> Any:
    if isinstance(tree, dict):
        return {key: swapped(value, old, new) for key, value in tree.items()}
    if isinstance(tree, list):
        return [swapped(item, old, new) for item in tree]
    return new if tree is not None and not isinstance(tree, bool) and str(tree) == old else tree


# --- who asks -------------------------------------------------------------------------------------------


def stamped(dialect: Dialect, request: Request, credential: Credential, tenant: str = "") -> Request | None:
    """The same request from somebody else; None where it can't be said of this one."""
    reading = read_call(dialect, request)
    call = reading.call
    if tenant and (name := dialect.tenant_parameter) and name in call.params:
        pattern, parts = call.route.path.split("/") if call.route else [], request.path.split("/")
        place = pattern.index(f"{{{name}}}")
        request = replace(request, path="/".join([*parts[:place], tenant, *parts[place + 1 :]]))
    if call.route is not None and call.route.public:
        return request
    try:
        return dialect.auth.stamp(request, dialect.wire, credential)
    except (Unswappable, Fault):
        return None


def unsigned(dialect: Dialect, request: Request) -> Request | None:
    """The same request without a credential; None where it has none."""
    bare = with_header(request, "Authorization", "")
    if bare != request:
        return bare
    tree, added = read_call(dialect, request).call.tree, dialect.auth.sign({}, ANYBODY).keys()
    rest = {key: value for key, value in tree.items() if key not in added}
    candidates = _written(dialect, request, rest, read_call(dialect, request).call.wire.content_type)
    refused = (each for each in candidates if isinstance(read_call(dialect, each).fault, Unauthorized))
    return next(refused, None) if rest != tree else None
