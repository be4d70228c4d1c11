"""What is known of a dialect's answers beside their schemas: its fixtures, and every fault as it would tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Response
from mediaglot.gateway.faults import Fault, Malformed
from mediaglot.gateway.testing.case import Case, Folder, every_fault, folders, read_response
from mediaglot.gateway.testing.claim import filled
from mediaglot.gateway.trait import Complaint
from mediaglot.gateway.wire import Wire
from mediaglot.gateway.wire.schema import stem

CODE, TEXT = "c0de", "t3xt"
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One answer. ``content_type`` is empty where it is the one that the request negotiated."""

    status: int
    error: bool
    content_type: str
    headers: Mapping[str, str]
    """By name, in lower case."""
    tree: Any = field(repr=False, default=None)
    json: bool = True
    folds: bool = False
    """Whether a list of one is written as its only entry."""


@cache
def of_operation(dialect: Any, operation: str) -> tuple[Example, ...]:
    """The answers of an operation's fixtures."""
    home = dialect.name
    mine = (each for each in folders(home) if isinstance(each, Case) and each.operation == stem(operation))
    return tuple(_of_case(case) for case in mine if case.has("response.http"))


def _of_case(case: Folder) -> Example:
    assert isinstance(case, Case)  # noqa: S101
    reading, answer = case.read(), read_response(case.bytes_of("response.http"))
    error = reading.fault is not None or "fault" in (case.tree_of("result.json") or {}) or answer.status >= 400
    return replace(_example(reading.call, answer, error), folds=_folds(reading.call.wire))


def _folds(wire: Wire) -> bool:
    return "json" in wire.content_type and wire.read_answer(wire.write({"a": ["b"]})) != {"a": ["b"]}


def _example(call: Call, answer: Response, error: bool) -> Example:
    told = answer.headers.get("Content-Type")
    own = told == call.wire.content_type
    tree = None
    if own and answer.body:
        try:
            tree = call.wire.read_answer(answer.body)
        except Malformed:  # a fixture of an answer that is none
            tree = None
    headers = {name.lower(): value for name, value in answer.headers}
    kind = "" if own else told
    return Example(
        status=answer.status,
        error=error,
        content_type=kind,
        headers=headers,
        tree=tree,
        json="json" in call.wire.content_type,
    )


_REFUSALS: dict[tuple[Any, ...], tuple[Example, ...]] = {}
MOST = 1_000
"""Operations, and paths without one, whose refusals are kept."""


def refusals(dialect: Dialect, call: Call) -> tuple[Example, ...]:
    """How an operation says each fault that there is."""
    what = (call.route.name, "") if call.route else ("", call.request.path)
    key = (type(dialect), tuple(dialect.options.items()), *what)
    if key not in _REFUSALS:
        if len(_REFUSALS) >= MOST:
            _REFUSALS.clear()
        _REFUSALS[key] = tuple({_gist(dialect, each): each for each in _refusals(dialect, call)}.values())
    return _REFUSALS[key]


def _gist(dialect: Dialect, example: Example) -> tuple[Any, ...]:
    """What answers that say no can be told apart by, beside their words."""
    tree = example.tree if isinstance(example.tree, dict) else {}
    kind: Any = type(dialect)
    code = value_at(tree, code_path(kind))
    named = str(code) if isinstance(code, (str, int)) else ""
    return example.status, example.content_type, tuple(sorted(example.headers.items())), named, next(iter(tree), "")


def _refusals(dialect: Dialect, call: Call) -> Iterator[Example]:
    for cls in every_fault():
        text = filled(dialect.complaint(cls()).text)
        for fault in (cls(), cls(**text)):
            yield refusal(dialect, call, fault)


def refusal(dialect: Dialect, call: Call, fault: Fault) -> Example:
    return _example(call, dialect.render_response(call, fault), True)


@cache
def code_path(dialect: Any) -> Path:
    """Where errors have their code; empty where they have none, or it is the name of a field."""
    tree = dialect().envelope(Complaint(400, TEXT, CODE), TEXT)
    return next((path for path, value in leaves(tree) if value == CODE), ())


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is no object and no array, with its place; an empty one is a value too."""
    if isinstance(tree, (dict, list)) and tree:
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, (*path, str(key)))
    else:
        yield path, tree


def value_at(tree: Any, path: Path) -> Any:
    """None where there is nothing."""
    for part in path:
        inside = {str(at): each for at, each in enumerate(tree)} if isinstance(tree, list) else tree
        if not isinstance(inside, dict) or part not in inside:
            return None
        tree = inside[part]
    return tree
