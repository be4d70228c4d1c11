"""Which of a dialect's routes a request may be for, by its path and its method."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import MethodNotAllowed, UnknownAction


class Place(Protocol):
    """What of a route decides where it is; ``dialect.Route`` says what each means."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def when(self) -> str | None: ...


R = TypeVar("R", bound=Place)


class Routing(Generic[R]):
    """The routes of one dialect, in its order. They come with the values of their paths' parameters.

    Those whose paths have no parameters go before the others.
    """

    def __init__(self, routes: Sequence[R]) -> None:
        self._plain: dict[str, list[tuple[R, Mapping[str, str]]]] = {}
        self._patterns: dict[int, list[tuple[R, re.Pattern[str]]]] = {}
        for route in routes:
            if "{" in route.path:
                self._patterns.setdefault(route.path.count("/"), []).append((route, pattern_of(route.path)))
            else:
                self._plain.setdefault(route.path, []).append((route, {}))
        keys = {(path, route.method) for path, pairs in self._plain.items() for route, _ in pairs}
        self._asked = {key: [pair for pair in self._plain[key[0]] if pair[0].method == key[1]] for key in keys}

    def on_path(self, path: str) -> Sequence[tuple[R, Mapping[str, str]]]:
        """The routes of a path with whatever method; none for one that is not there."""
        if path in self._plain:
            return self._plain[path]
        alike = self._patterns.get(path.count("/"), ())  # no parameter has a slash
        matches = ((route, pattern.fullmatch(path)) for route, pattern in alike)
        return [(route, match.groupdict()) for route, match in matches if match]

    def candidates(self, request: Request, path: str) -> Sequence[tuple[R, Mapping[str, str]]]:
        """Those of ``path``, which the dialect looks up instead of the request's own; one at least.

        Raises UnknownAction for a path that is not there, MethodNotAllowed for one that has others.
        """
        if (asked := self._asked.get((path, request.method))) is not None:
            return asked
        on_path = self.on_path(path)
        found = [pair for pair in on_path if pair[0].method == request.method]
        if on_path and not found:
            allowed = ", ".join(sorted({route.method for route, _ in on_path}))
            raise MethodNotAllowed(name=request.method, allowed=allowed)
        if not found:
            raise UnknownAction(name=request.path)
        return found


def wanted(candidates: Sequence[tuple[R, Mapping[str, str]]], verb: str) -> tuple[R | None, Mapping[str, str]]:
    """The one of several on the same path whose verb a document names, or one that needs none."""
    verb = verb.lower()
    for route, params in candidates:
        if route.when is None or route.when.lower() == verb:
            return route, params
    return None, {}


def pattern_of(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
