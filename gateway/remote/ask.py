"""What is asked of a double's control API, what its answer says, and what is raised where it says no."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

T = TypeVar("T")
PREFIX: Final = "/_mediaglot/"
PATIENCE: Final = 30.0
"""Seconds of real time for an answer that nothing has to be waited for."""


class DoubleError(Exception):
    """The double said no, or nothing: ``hint`` says what to change, ``code`` and ``status`` are the answer's."""

    def __init__(self, hint: str, code: str = "", status: int | None = None) -> None:
        super().__init__(f"{hint} ({code})" if code else hint)
        self.hint, self.code, self.status = hint, code, status


class Unmet(AssertionError):
    """What a test expected did not happen; the text says what did, and what came near."""


def is_told(caught: Any) -> bool:
    """Whether an error says it all, so that pytest shows the test's own line, and not the way through ours."""
    return isinstance(caught.value, (DoubleError, Unmet))


__tracebackhide__ = is_told


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    method: str = "GET"
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    document: Any = None
    patience: float = 0.0
    """Seconds that the answer may take beyond PATIENCE."""

    @property
    def target(self) -> str:
        return f"{PREFIX}{quote(self.path)}" + (f"?{urlencode(self.query)}" if self.query else "")

    @property
    def body(self) -> bytes | None:
        return None if self.document is None else json.dumps(self.document, default=plain).encode()

    @property
    def timeout(self) -> float:
        return PATIENCE + self.patience


def plain(value: Any) -> Any:
    """Times as the control API has them. Raises DoubleError for what no document can say."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise DoubleError(f"{type(value).__name__} can't be told to a test double: {value!r:.100}", "not_json")


Plan: TypeAlias = Generator[Ask, Any, T]
"""Yields what to ask, is sent the answers' documents, and returns what they mean."""


def read(status: int, body: bytes) -> Any:
    """An answer's document. Raises DoubleError."""
    try:
        said = json.loads(body)
    except ValueError:
        raise DoubleError("this is no answer of a test double", "not_a_double", status) from None
    if 200 <= status < 300:
        return said
    error = said.get("error") if isinstance(said, dict) else None
    if not isinstance(error, dict):
        raise DoubleError("this is no answer of a test double", "not_a_double", status)
    raise DoubleError(str(error.get("message")), str(error.get("code")), status)


def silent(url: str, reason: Exception) -> DoubleError:
    if not url:
        return DoubleError("the double does not run: start() it, or use it in a with statement", "not_started")
    return DoubleError(f"no test double answers at {url}: {reason}", "unreachable")


def drive(plan: Plan[T], send: Callable[[Ask], Any]) -> T:
    """Ask what the plan wants to know, until it is done; a refusal is raised where it was asked."""
    try:
        ask = next(plan)
        while True:
            try:
                said = send(ask)
            except DoubleError as error:
                ask = plan.throw(error)
            else:
                ask = plan.send(said)
    except StopIteration as done:
        result: T = done.value
        return result


async def steer(plan: Plan[T], send: Callable[[Ask], Awaitable[Any]]) -> T:
    """The same, for an event loop."""
    try:
        ask = next(plan)
        while True:
            try:
                said = await send(ask)
            except DoubleError as error:
                ask = plan.throw(error)
            else:
                ask = plan.send(said)
    except StopIteration as done:
        result: T = done.value
        return result
