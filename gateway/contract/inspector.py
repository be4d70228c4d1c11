"""A server's own requests and answers, held against the schemas of its dialect on their way through.

Most fit, which is found out quickly; only what does not fit is looked at again for the place. No message shows a value:
it may be a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract.finding import Finding, spot
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Response, Result
from mediaglot.gateway.faults import Fault, Malformed
from mediaglot.gateway.wire.quick import Quick
from mediaglot.gateway.wire.schema import Schemas, stem

ERROR: Final = "error.reply"
REMEMBERED: Final = 512
SHORT: Final = 8192
"""Bytes of an answer that is remembered."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with the request, and with the answer to it."""

    asked: tuple[Finding, ...] = ()
    told: tuple[Finding, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.asked or self.told)


FINE = Verdict()


class Inspector:
    """Of one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        kind: Any = type(dialect)
        self._quick = quick(kind)
        self._fine: dict[tuple[str, str, bytes], None] = {}
        """Answers that have been looked at: whoever polls gets the same bytes again and again."""

    def look(self, call: Call, result: Result | Fault, response: Response) -> Verdict:
        operation = call.route.name if call.route is not None else ""
        asked = self._asked(call, operation) if call.route is not None and not call.route.public else ()
        told = self._told(call, operation, result, response)
        return Verdict(asked, told) if asked or told else FINE

    def _asked(self, call: Call, operation: str) -> tuple[Finding, ...]:
        return self._findings(request_of(operation), call.tree, operation, "request")

    def _told(self, call: Call, operation: str, result: Result | Fault, response: Response) -> tuple[Finding, ...]:
        schema = ERROR if isinstance(result, Fault) or not operation else reply_of(operation)
        key = schema, call.wire.content_type, response.body
        if key in self._fine:
            return ()
        if response.headers.get("Content-Type") != call.wire.content_type:
            return ()  # a page, a file, a redirection, or nothing
        try:
            tree = call.wire.read_answer(response.body)
        except Malformed as fault:
            message = f"can't be read: {fault}"
            return (Finding(rule="response", operation=operation, place="response.body", message=message),)
        found = self._findings(schema, tree, operation, "response")
        if found and schema != ERROR and self._is_refusal(call, result):
            found = self._findings(ERROR, tree, operation, "response")
        if not found and len(response.body) <= SHORT:
            remember(self._fine, key)
        return found

    def _is_refusal(self, call: Call, result: Result | Fault) -> bool:
        """An operation may also end in a fault that comes up when its answer is made."""
        assert call.route is not None  # noqa: S101
        try:
            call.route.gives(self._dialect, call, result)
        except Fault:
            return True
        return False

    def _findings(self, schema: str, tree: Any, operation: str, part: str) -> tuple[Finding, ...]:
        test = self._quick.find(schema) if self._quick is not None else None
        if self._quick is None or test is None or test(tree):
            return ()
        return tuple(
            Finding(
                rule=part,
                operation=operation,
                place=spot(f"{part}.body", (*flaw.path, *flaw.names[:1])),
                message=f"is not what {flaw.word} says",
                schema=flaw.pointer,
            )
            for flaw in self._quick.schemas.flaws(schema, tree)
        )


@cache
def quick(dialect: Any) -> Quick | None:
    """One for all instances of a dialect; one that is a single module has no schemas, which is not held against it."""
    try:
        return Quick(Schemas(dialect()))
    except TypeError:
        return None


@cache
def request_of(operation: str) -> str:
    return f"{stem(operation)}.request"


@cache
def reply_of(operation: str) -> str:
    return f"{stem(operation)}.reply"


def remember(memory: dict[tuple[str, str, bytes], None], key: tuple[str, str, bytes]) -> None:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = None
