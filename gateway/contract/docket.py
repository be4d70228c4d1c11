"""Recorded exchanges held to the contracts of their dialects, one after the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from mediaglot.gateway import registry
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.contract.outcome import Trial
from mediaglot.gateway.contract.recording import Exchange
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.registry import UnknownDialect

MADE_UP: Final = "the answer was made up by a test: {}"


@cache
def dialect_of(name: str) -> Dialect:
    """One of each, so that what is known of it is found out once. Raises UnknownDialect."""
    return registry.find(name)


def trials(exchanges: Iterable[Exchange], *, requests: bool = True) -> Iterator[Trial]:
    """``requests``: whether what is wrong with a request counts, too."""
    for exchange in exchanges:
        yield trial(exchange, requests=requests)


def trial(exchange: Exchange, *, requests: bool = True) -> Trial:
    name = exchange.name
    if exchange.injected:
        reason = MADE_UP.format(", ".join(exchange.injected))
        return Trial(operation=exchange.operation, name=name, skipped=reason)
    try:
        dialect = dialect_of(exchange.dialect)
    except (UnknownDialect, ValueError):
        reason = f"no dialect is called {exchange.dialect!r}" if exchange.dialect else "nothing says whose it is"
        return Trial(operation=exchange.operation, name=name, skipped=reason)
    judgement = judge(dialect, exchange.request, exchange.response)
    found: tuple[Finding, ...] = judgement.findings if requests else judgement.told
    operation = judgement.operation or ""
    return Trial(operation=operation, name=name, findings=tuple(finding.of(name) for finding in found))
