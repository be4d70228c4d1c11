"""Trouble on the wire, on demand: what is to go wrong with which requests, and how often it did."""

from __future__ import annotations

import difflib
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from random import Random
from typing import Any, Final

from mediaglot.gateway.faults import (
    Busy,
    Conflict,
    Fault,
    Forbidden,
    Internal,
    NotFound,
    TooLarge,
    Unauthorized,
    by_code,
    every,
)
from mediaglot.gateway.lab import turn
from mediaglot.gateway.lab.journal import ASKED
from mediaglot.gateway.lab.matcher import Matcher
from mediaglot.gateway.lab.turn import Turns, count
from mediaglot.gateway.lab.word import check

Draw = Callable[[Random], float]
STATUSES: Final[Mapping[int, type[Fault]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    421: Busy,
    429: Busy,
    503: Busy,
}
"""Whose words stand in the body of a bare status; all others speak of a mistake of the server's."""
DATA: Final[Mapping[str, Any]] = {
    "kind": "job",
    "id": "0",
    "field": "source",
    "reason": "injected",
    "reference": "injected",
    "name": "injected",
    "state": "running",
    "limit": 0,
    "retry_after": 1,
}
"""What a fault says where nobody says otherwise."""
OWN: Final = frozenset({"self", "meaning"})
"""What no document can say of a fault."""
LONGEST: Final = 3600.0
"""Seconds of latency at most."""
ENDS: Final = ("status", "error", "drop", "reset", "limit")
CHANGES: Final = ("latency", "slow", "truncate", "malform", "content_type")
WHICH: Final = ("dialect", "operation", "match", *turn.WORDS, "performed", "body", "headers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What is done to one answer. ``performed``: the operation is, though its answer is lost or another."""

    latency: float = 0.0
    """Seconds of real time: it is the client that waits."""
    fault: Fault | None = None
    status: int | None = None
    body: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cut: str = ""
    """``drop`` or ``reset``: there is no answer."""
    performed: bool = False
    slow: int | None = None
    """Bytes of the body in one second."""
    truncate: int | None = None
    """Bytes of the body that come; then the connection ends."""
    malform: bool = False
    content_type: str | None = None
    names: tuple[str, ...] = ()
    """Of the mishaps that had a hand in it."""

    @property
    def ends(self) -> bool:
        """Whether there is another answer than that of the dialect, or none."""
        return self.fault is not None or self.status is not None or bool(self.cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """No more than ``requests`` in ``seconds`` of the world's clock."""

    requests: int
    seconds: float
    status: int | None = None


@dataclass(slots=True, kw_only=True)
class Mishap:
    """One thing that goes wrong."""

    id: str
    document: Mapping[str, Any]
    dialect: str | None
    operation: str | None
    matcher: Matcher
    turns: Turns
    effects: Effects
    latency: Draw | None
    limit: Limit | None
    recent: deque[float] = field(default_factory=deque)

    def tree(self) -> dict[str, Any]:
        return {"id": self.id, **self.document, "seen": self.turns.seen, "hits": self.turns.hits}

    def strikes(self, dialect: str, operation: str | None, tree: Any, now: float) -> bool:
        """Whether it happens to this request, which is counted."""
        if self.dialect not in (None, dialect) or self.operation not in (None, operation):
            return False
        if not self.matcher.matches(tree):
            return False
        limit = self.limit
        return self.turns.strike(lambda: limit is not None and not self._is_over(limit, now))

    def _is_over(self, limit: Limit, now: float) -> bool:
        while self.recent and self.recent[0] <= now - limit.seconds:
            self.recent.popleft()
        if len(self.recent) >= limit.requests:
            return True
        self.recent.append(now)
        return False


def read(name: str, document: Any, operations: Mapping[str, frozenset[str]]) -> Mishap:
    """``document`` as the control API takes it; ``operations`` of each dialect that there is.

    Raises ValueError, whose text says what to change.
    """
    check(document, {*WHICH, *ENDS, *CHANGES}, "a fault")
    ends = [word for word in ENDS if _is_said(document, word)]
    if len(ends) > 1:
        raise ValueError(f"{' and '.join(ends)}: an answer ends in one way")
    if not ends and not any(_is_said(document, word) for word in CHANGES):
        raise ValueError(f"say what goes wrong: {', '.join((*ENDS, *CHANGES))}")
    dialect, operation = _place(document, operations)
    try:
        matcher = Matcher.read(document.get("match", {}), ASKED)
    except ValueError as error:
        raise ValueError(f"match: {error}") from None
    return Mishap(
        id=name,
        document=dict(document),
        dialect=dialect,
        operation=operation,
        matcher=matcher,
        turns=Turns.read(document),
        effects=_effects(document),
        latency=latency(document["latency"]) if document.get("latency") is not None else None,
        limit=_limit(document["limit"]) if _is_said(document, "limit") else None,
    )


def _is_said(document: Mapping[str, Any], word: str) -> bool:
    value = document.get(word)
    return value is not None and value is not False


def _place(document: Mapping[str, Any], operations: Mapping[str, frozenset[str]]) -> tuple[str | None, str | None]:
    dialect, operation = document.get("dialect"), document.get("operation")
    if not all(isinstance(word, str | None) for word in (dialect, operation)):
        raise ValueError("dialect and operation are texts")
    if dialect is not None and dialect not in operations:
        raise ValueError(f"no dialect is called {dialect!r}; there are {', '.join(sorted(operations))}")
    there = operations[dialect] if dialect is not None else frozenset().union(*operations.values())
    if operation is not None and operation not in there:
        close = difflib.get_close_matches(str(operation), there, n=3, cutoff=0.4)
        raise ValueError(f"no operation is called {operation!r}; near are {', '.join(close) or 'none'}")
    return dialect, operation


def _effects(document: Mapping[str, Any]) -> Effects:
    status = document.get("status")
    if status is not None and (type(status) is not int or not 200 <= status <= 599):
        raise ValueError("status is a number from 200 to 599")
    content_type, body = document.get("content_type"), document.get("body")
    for word, value in (("content_type", content_type), ("body", body)):
        if value is not None and (not isinstance(value, str) or (word != "body" and not value.isprintable())):
            raise ValueError(f"{word} is a text")
    if body is not None and status is None:
        raise ValueError("a body goes with a status")
    if document.get("headers") and not any(_is_said(document, word) for word in ("status", "error", "limit")):
        raise ValueError("headers go with a status, an error or a limit")
    return Effects(
        fault=_fault(document, status),
        status=status,
        body=body,
        headers=_lines(document.get("headers", {})),
        cut=next((word for word in ("drop", "reset") if _flag(document, word)), ""),
        performed=_flag(document, "performed"),
        slow=count(document, "slow", 1) if _is_said(document, "slow") else None,
        truncate=count(document, "truncate", 0, least=0) if _is_said(document, "truncate") else None,
        malform=_flag(document, "malform"),
        content_type=content_type,
    )


def _fault(document: Mapping[str, Any], status: int | None) -> Fault | None:
    given = document.get("error")
    if given is None:
        if status is None or status < 400:
            return None
        return STATUSES.get(status, Internal)(**DATA)
    tree = check(given if isinstance(given, dict) else {"code": given}, {"code", "data"}, "error")
    code, data = tree.get("code"), tree.get("data", {})
    kind = by_code(str(code))
    if kind is None:
        raise ValueError(
            f"error: no fault is called {code!r}; there are {', '.join(sorted(each.code for each in every()))}"
        )
    if not isinstance(data, dict) or data.keys() & OWN or any(isinstance(one, list | dict) for one in data.values()):
        raise ValueError("error: data is an object of texts, numbers, true, false and null, without self and meaning")
    return kind(**{**DATA, **data})


def _lines(given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise ValueError("headers is an object of names and texts")
    for name, value in given.items():
        if not (name.isascii() and name.replace("-", "").isalnum()) or not value.isprintable():
            raise ValueError(f"headers: {name!r} can't be sent")
    return tuple(given.items())


def _limit(given: Any) -> Limit:
    if "requests" not in check(given, {"requests", "seconds", "status"}, "limit"):
        raise ValueError("limit has requests: how many there may be")
    status = given.get("status")
    if status is not None and (type(status) is not int or not 400 <= status <= 599):
        raise ValueError("limit: status is a number from 400 to 599")
    return Limit(
        requests=count(given, "requests", 1), seconds=_seconds(given.get("seconds", 1), "seconds"), status=status
    )


def latency(given: Any) -> Draw:
    """Seconds, fixed or drawn: ``0.2``, ``{"uniform": [0.1, 0.5]}``, ``{"lognormal": {"median": 0.2, "sigma": 0.5}}``.

    Raises ValueError, whose text says what to change.
    """
    if isinstance(given, Real):
        fixed = _seconds(given, "latency")
        return lambda _: fixed
    match given:
        case {"uniform": [low, high]} if len(given) == 1:
            least, most = _seconds(low, "uniform"), _seconds(high, "uniform")
            return lambda chance: chance.uniform(least, most)
        case {"lognormal": {"median": median, "sigma": sigma}} if len(given) == 1:
            middle, spread = _seconds(median, "median"), _seconds(sigma, "sigma")
            if middle <= 0:
                raise ValueError("latency: the median is more than 0")
            return lambda chance: math.exp(min(math.log(LONGEST), chance.normalvariate(math.log(middle), spread)))
    raise ValueError('latency is seconds, {"uniform": [a, b]} or {"lognormal": {"median": a, "sigma": b}}')


def _seconds(value: Any, word: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        raise ValueError(f"{word} is a number of seconds from 0 to {LONGEST:.0f}")
    return float(value)


def _flag(document: Mapping[str, Any], word: str) -> bool:
    value = document.get(word, False)
    if not isinstance(value, bool):
        raise ValueError(f"{word} is true or false")
    return value
