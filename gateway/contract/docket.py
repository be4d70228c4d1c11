"""Recorded exchanges held to the contracts of their dialects, one after the other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from mediaglot.gateway import registry
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.judge import Judgement, judge
from mediaglot.gateway.contract.outcome import Trial
from mediaglot.gateway.contract.recording import Exchange
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.registry import UnknownDialect
from mediaglot.gateway.testing.scrub import Scrubber

FORMS: Final = frozenset({"pattern", "format", "minimum", "maximum", "minLength", "maxLength", "multipleOf"})
"""What schemas say of how a value looks."""
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
    found: Iterable[Finding] = judgement.findings if requests else judgement.told
    if exchange.scrubbed:
        scrubber = scrubber_of(exchange.dialect)
        found = (finding for finding in found if not about_a_stand_in(finding, judgement, scrubber))
    operation = judgement.operation or ""
    return Trial(operation=operation, name=name, findings=tuple(finding.of(name) for finding in found))


@cache
def scrubber_of(name: str) -> Scrubber:
    return Scrubber(dialect_of(name), str)


def about_a_stand_in(finding: Finding, judgement: Judgement, scrubber: Scrubber) -> bool:
    """Whether it only says that what stands for a value has not the form of that value."""
    word = finding.schema.rpartition("/")[2]
    if not finding.schema:
        return finding.rule == "request"
    if word not in FORMS:
        return False
    part, _, place = finding.place.partition(": ")
    path = place.split(".")
    value = _at(judgement.tree if part.startswith("response") else judgement.reading.call.tree, path)
    name = next((step for step in reversed(path) if not step.isdecimal()), "")
    return value is not None and not scrubber.keeps(name, str(value))


def _at(tree: Any, path: Iterable[str]) -> Any:
    for step in path:
        if isinstance(tree, list) and step.isdecimal() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            tree = tree.get(step) if isinstance(tree, dict) else None
    return tree
