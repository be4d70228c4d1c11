"""An outcome: what is to become of a job, in a few words that a URL, a rule or an account's default holds.

The words are in docs/double.md, and ``WORDS`` has what each takes. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from mediaglot.gateway.faults import Fault, Invalid
from mediaglot.gateway.script.blame import FAULTS, REFUSALS, Stage, words

HOST: Final = "media.mediaglot.test"
"""The host of sources whose URLs say what becomes of them."""
LONGEST: Final = 10**9
MOST: Final = 1 << 53
Words: TypeAlias = Mapping[str, str]


class Wrong(ValueError):
    """Words that can't be followed; the text says which, and what there is. What was said stays out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Without a word everything goes well. Times are in seconds, shares in percent."""

    fail: Stage | None = None
    fault: str | None = None
    stall: Stage | None = None
    at: int = 0
    """How far the stage gets before it fails or stalls."""
    pause: Fraction | None = None
    """How long it stalls; without a word for good."""
    output: int | None = None
    """Only this one, counted from 1; so is the next."""
    deliver: int | None = None
    times: int | None = None
    """How many runs of the job it befalls, or how many attempts of a message; without a word all."""
    refuse: str | None = None
    wait: Fraction = Fraction(0)
    """In the queue, when the source is there."""
    slow: Fraction = Fraction(1)
    """So many times as long, up to the share ``until``."""
    until: int = 100
    takes: Fraction | None = None
    """To encode."""
    duration: Fraction | None = None
    """Of the source; ``size`` is its bytes."""
    size: int | None = None

    def refusal(self) -> Fault | None:
        return REFUSALS[self.refuse]() if self.refuse is not None else None

    def blame(self) -> Fault:
        """A new one of the fault that it fails with."""
        assert self.fail is not None  # noqa: S101
        given = words(self.fail)
        return given[self.fault or next(iter(FAULTS[self.fail]))]()

    def befalls(self, stage: Stage, *, output: int | None = None, delivery: int | None = None) -> bool:
        """Whether something goes wrong at ``stage``; ``output`` and ``delivery`` are counted from 0."""
        if stage not in (self.fail, self.stall):
            return False
        aimed = ((self.output, output), (self.deliver, delivery))
        return all(wanted is None or here is None or wanted == here + 1 for wanted, here in aimed)


FINE: Final = Outcome()


def _stage(text: str) -> Stage:
    try:
        return Stage(text)
    except ValueError:
        raise Wrong(f"is one of {', '.join(Stage)}") from None


def _seconds(text: str) -> Fraction:
    try:
        found = Decimal(text) if re.fullmatch(r"\d{1,10}(\.\d{1,6})?", text) else Decimal(-1)
    except InvalidOperation:
        found = Decimal(-1)
    if not 0 <= found <= LONGEST:
        raise Wrong(f"is a number from 0 to {LONGEST}")
    return Fraction(found)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,16}", text) or not least <= int(text) <= most:
            raise Wrong(f"is a whole number from {least} to {most}")
        return int(text)

    return read


def _factor(text: str) -> Fraction:
    found = _seconds(text)
    if not Fraction(1, 1000) <= found <= 1_000_000:
        raise Wrong("is a factor from 0.001 to 1000000")
    return found


def _refusal(text: str) -> str:
    if text not in REFUSALS:
        raise Wrong(f"is one of {', '.join(REFUSALS)}")
    return text


def _retry(text: str) -> int | None:
    if text not in ("succeeds", "fails"):
        raise Wrong("is one of succeeds, fails")
    return 1 if text == "succeeds" else None


WORDS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "fail": ("fail", _stage),
    "fault": ("fault", str),
    "stall": ("stall", _stage),
    "stuck": ("stall", lambda text: _stage(text or "encoding")),
    "at": ("at", _whole(0, 100)),
    "for": ("pause", _seconds),
    "output": ("output", _whole(1, 10_000)),
    "deliver": ("deliver", _whole(1, 10_000)),
    "times": ("times", _whole(1, 1_000_000)),
    "retry": ("times", _retry),
    "refuse": ("refuse", _refusal),
    "wait": ("wait", _seconds),
    "slow": ("slow", _factor),
    "until": ("until", _whole(0, 100)),
    "takes": ("takes", _seconds),
    "duration": ("duration", _seconds),
    "size": ("size", _whole(0, MOST)),
}
"""A word to the field that it sets, and how its value is read."""


def read(given: Mapping[str, Any], place: str = "outcome") -> Outcome:
    """The outcome in words, whose values may be numbers too. Raises Invalid for a ``field`` below ``place``."""
    if not isinstance(given, Mapping):
        raise Invalid(field=place, reason="is an object of words")
    found: dict[str, Any] = {}
    for word, value in given.items():
        if word not in WORDS:
            raise Invalid(field=place, reason=f"has words that there are not; there are {', '.join(WORDS)}")
        name, convert = WORDS[word]
        if name in found:
            raise Invalid(field=f"{place}.{word}", reason="is said twice")
        try:
            found[name] = convert(_text(value))
        except Wrong as wrong:
            raise Invalid(field=f"{place}.{word}", reason=str(wrong)) from None
    outcome = Outcome(**found)
    _check(outcome, given, place)
    return outcome


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Wrong("is a text or a number")
    return repr(value) if isinstance(value, float) else str(value)


def _check(outcome: Outcome, given: Mapping[str, Any], place: str) -> None:
    """That the words go together."""
    if outcome.fail is not None and outcome.stall is not None:
        raise Invalid(field=f"{place}.stall", reason="does not go with fail")
    if outcome.fault is not None:
        known = words(outcome.fail) if outcome.fail is not None else {}
        if outcome.fault not in known:
            hint = f"is one of {', '.join(known)}" if known else "goes with a fail that has several faults"
            raise Invalid(field=f"{place}.fault", reason=hint)
    for word, wanted in (("at", outcome.fail or outcome.stall), ("for", outcome.stall), ("deliver", outcome.fail)):
        if word in given and wanted is None:
            raise Invalid(field=f"{place}.{word}", reason="goes with fail or stall only")
    if "until" in given and outcome.slow == 1:
        raise Invalid(field=f"{place}.until", reason="goes with slow only")


def of_url(url: str, place: str = "inputs.0.location.url") -> Outcome | None:
    """What a source's URL says of its job; None where it says nothing, or is nobody's business. Raises Invalid."""
    query = _query(url) if HOST in url else ""
    if not query:
        return None
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=len(WORDS))
    except ValueError:
        raise Invalid(field=place, reason="has more words than there are") from None
    if len(pairs) != len(dict(pairs)):
        raise Invalid(field=place, reason="says a word twice")
    return read(dict(pairs), place)


def _query(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.query if parts.hostname == HOST else ""


def said(outcome: Outcome) -> dict[str, str]:
    """The outcome in words again."""
    names = {name: word for word, (name, _) in reversed([*WORDS.items()])}
    names |= {"stall": "stall", "times": "times"}
    return {names[name]: text for name, text in _plain(outcome)}


def _plain(outcome: Outcome) -> Iterator[tuple[str, str]]:
    for field in fields(Outcome):
        value = getattr(outcome, field.name)
        if value != field.default:
            yield field.name, _decimal(value) if isinstance(value, Fraction) else str(value)


def _decimal(value: Fraction) -> str:
    return f"{float(value):.6f}".rstrip("0").rstrip(".")


@lru_cache(maxsize=1024)
def _kept(words_: tuple[tuple[str, str], ...]) -> Outcome:
    return read(dict(words_))


def recalled(given: Words) -> Outcome:
    """What ``said`` wrote down."""
    return _kept(tuple(given.items()))


def after(outcome: Outcome, runs: int) -> Outcome:
    """What is left of it when a job has failed ``runs`` times."""
    if outcome.times is None or runs < outcome.times or Stage.NOTIFYING in (outcome.fail, outcome.stall):
        return outcome
    return replace(outcome, fail=None, fault=None, stall=None, wait=Fraction(0), slow=Fraction(1))
