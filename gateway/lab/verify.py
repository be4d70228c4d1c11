"""Whether a journal holds what a test expects. An empty match is never a success unless none was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mediaglot.gateway.lab.journal import FIELDS, Entry, Journal, Near
from mediaglot.gateway.lab.matcher import Matcher
from mediaglot.gateway.lab.word import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """How many entries match ``matchers[0]``, or that entries match all of them one after the other (``in_order``)."""

    matchers: tuple[Matcher, ...]
    least: int = 1
    most: int | None = None
    in_order: bool = False

    @classmethod
    def read(cls, document: Any) -> Expectation:
        """``{"match": {...}, "exactly": 2}``, ``at_least``, ``at_most``, or ``{"in_order": [{...}, {...}]}``.

        Raises ValueError, whose text says what to change.
        """
        check(document, {"match", "exactly", "at_least", "at_most", "in_order"}, "an expectation")
        if "in_order" in document:
            return cls._ordered(document)
        numbers = {
            word: _number(word, document[word]) for word in ("exactly", "at_least", "at_most") if word in document
        }
        if "exactly" in numbers and len(numbers) > 1:
            raise ValueError("'exactly' goes without 'at_least' and 'at_most'")
        least = numbers.get("exactly", numbers.get("at_least", 1))
        most = numbers.get("exactly", numbers.get("at_most"))
        if most == 0:
            least = 0
        if most is not None and most < least:
            raise ValueError(f"at most {most} is less than at least {least}")
        return cls(matchers=(Matcher.read(document.get("match", {}), FIELDS),), least=least, most=most)

    @classmethod
    def _ordered(cls, document: dict[str, Any]) -> Expectation:
        given = document["in_order"]
        if len(document) > 1 or not isinstance(given, list) or not given:
            raise ValueError("'in_order' is a list of matchers, and stands alone")
        return cls(matchers=tuple(Matcher.read(each, FIELDS) for each in given), in_order=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``found`` are the entries that count; ``reason`` says what is wrong, and ``near`` what nearly was right."""

    passed: bool
    found: Sequence[Entry]
    reason: str = ""
    near: Sequence[Near] = ()


def verify(journal: Journal, wanted: Expectation) -> Verdict:
    """A journal that has dropped entries can't prove that something did not happen: that fails too."""
    if wanted.in_order:
        return _in_order(journal, wanted.matchers)
    (matcher,) = wanted.matchers
    found = journal.find(matcher)
    if len(found) < wanted.least:
        reason = f"{len(found)} requests match, expected {_bounds(wanted)}"
        return Verdict(passed=False, found=found, reason=reason, near=journal.near(matcher))
    if wanted.most is not None and len(found) > wanted.most:
        return Verdict(passed=False, found=found, reason=f"{len(found)} requests match, expected {_bounds(wanted)}")
    if wanted.most is not None and journal.dropped:
        reason = f"{journal.dropped} older requests were dropped, so nobody knows that there were no more"
        return Verdict(passed=False, found=found, reason=reason)
    return Verdict(passed=True, found=found)


def _in_order(journal: Journal, matchers: tuple[Matcher, ...]) -> Verdict:
    found: list[Entry] = []
    rest = iter(journal)
    for place, matcher in enumerate(matchers):
        entry = next((each for each in rest if matcher.matches(each.tree())), None)
        if entry is None:
            reason = f"nothing matches number {place + 1} of the order" + (
                f" after request {found[-1].number}" if found else ""
            )
            return Verdict(passed=False, found=found, reason=reason, near=journal.near(matcher))
        found.append(entry)
    return Verdict(passed=True, found=found)


def _bounds(wanted: Expectation) -> str:
    if wanted.most is None:
        return f"at least {wanted.least}"
    return f"exactly {wanted.most}" if wanted.least == wanted.most else f"{wanted.least} to {wanted.most}"


def _number(word: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{word!r} is a whole number from 0 on")
    return value
