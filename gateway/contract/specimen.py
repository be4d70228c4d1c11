"""The fixtures as examples: what clients sent and what they were answered, by operation."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from mediaglot.gateway.dialect import Dialect, Route
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.testing.case import Case, folders, read_response
from mediaglot.gateway.wire import FORM


@dataclass(frozen=True)
class Specimen:
    """One fixture that came as far as an operation."""

    case: Case
    route: Route
    params: dict[str, str]
    tree: dict[str, Any]
    understood: bool

    @property
    def name(self) -> str:
        return f"{self.case.operation}/{self.case.name}"

    @property
    def request(self) -> Request:
        return self.case.request

    @cached_property
    def response(self) -> Response | None:
        return read_response(self.case.bytes_of("response.http")) if self.case.has("response.http") else None

    @cached_property
    def refused(self) -> bool:
        """Whether the answer is an error."""
        return not self.understood or isinstance(self.case.result, Fault)


def specimens(dialect: Dialect) -> Iterator[Specimen]:
    """Those for the dialect's default options."""
    for case in folders(dialect.name):
        if not isinstance(case, Case) or case.has("options.json"):
            continue
        reading = case.read()
        route = reading.call.route
        if route is not None:
            found = _original(dialect, route)
            understood = reading.intent is not None
            yield Specimen(case, found, dict(reading.call.params), dict(reading.call.tree), understood)


def _original(dialect: Dialect, route: Route) -> Route:
    """The dialect's own route of that name, where an odd one stood in for it."""
    return next((each for each in dialect.routes if each.name == route.name), route)


def kind_of(message: Request | Response) -> str:
    """The media type without its parameters."""
    return message.headers.get("Content-Type").partition(";")[0].strip().lower()


def value_of(message: Request | Response) -> Any:
    """A body as an example shows it: JSON as what it means, a form as its fields, others as their text.

    Raises ValueError for one that is not what it says.
    """
    kind = kind_of(message)
    if kind.endswith("json"):
        return json.loads(message.body, parse_float=_finite, parse_constant=_finite)
    text = message.body.decode()
    return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True)) if kind == FORM else text


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is no number that JSON has")
    return value
