"""Recorded exchanges as values, from wherever they come; and what was left out of a recording, and why. Pure.

What is read was written by somebody else: it is bounded, and what can't be read is complained of in one line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.testing.case import read_request, read_response
from mediaglot.gateway.wire.json import loads

MOST: Final = 1_000_000
"""Exchanges of one recording."""


class Unreadable(ValueError):
    """This is no recording; the message says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request, its answer, and where they come from. ``dialect`` is empty where the recording does not say it.

    ``injected`` names the trouble that a test made up: such an answer proves nothing. ``scrubbed``: there are stand-ins
    in place of the values that are not known to be harmless.
    """

    name: str
    request: Request
    response: Response
    dialect: str = ""
    operation: str = ""
    injected: tuple[str, ...] = ()
    scrubbed: bool = False


@dataclass(slots=True)
class Recording:
    """``left_out`` counts what was there and is no exchange to judge, by the reason."""

    exchanges: list[Exchange] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, exchange: Exchange) -> None:
        if len(self.exchanges) >= MOST:
            raise Unreadable(f"there are more than {MOST:,} exchanges; check parts of it")
        self.exchanges.append(exchange)

    def take(self, other: Recording) -> None:
        for exchange in other.exchanges:
            self.add(exchange)
        self.left_out += other.left_out

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)

    def __len__(self) -> int:
        return len(self.exchanges)


def from_messages(name: str, request: bytes, response: bytes, **more: Any) -> Exchange:
    """The exchange of a fixture folder. Raises Unreadable."""
    try:
        asked, told = read_request(request), read_response(response)
    except (ValueError, IndexError):
        raise Unreadable(f"{name}: no HTTP message; expected a first line, headers, an empty line, a body") from None
    return Exchange(name=name, request=asked, response=told, **more)


def parsed(name: str, text: bytes) -> Any:
    """A JSON document, or the documents of its lines as a list. Raises Unreadable."""
    if not text.strip():
        raise Unreadable(f"{name}: it is empty")
    try:
        return loads(text)
    except Malformed as fault:
        if b"\n" not in text.strip():
            raise Unreadable(f"{name}: no JSON: {fault.data['reason']}") from None
    try:
        return [loads(line) for line in text.splitlines() if line.strip()]
    except Malformed as fault:
        raise Unreadable(f"{name}: neither JSON nor a JSON document a line: {fault.data['reason']}") from None


def lines_of(pairs: Any) -> Headers:
    """Headers from a list of pairs, or of objects with ``name`` and ``value``. Raises Unreadable."""
    if not isinstance(pairs, list):
        raise Unreadable("headers are no list")
    return Headers(lines=tuple(_line(pair) for pair in pairs))


def _line(pair: Any) -> tuple[str, str]:
    match pair:
        case [str(name), str(value)]:
            return name, value
        case {"name": str(name), "value": str(value)}:
            return name, value
    raise Unreadable("a header is no pair of texts")
