"""Rules of the road: which providers a job may go to, in which order, and on what terms. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from mediaglot.gateway.backends import Caller, reason
from mediaglot.gateway.backends.reason import OWN
from mediaglot.gateway.backends.tariff import Tariff, height, price, videos
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Policy
from mediaglot.gateway.model import EMPTY, Job

LOCAL: Final = "local"
"""Ourselves, by the backend that the server has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One provider on a job's way. ``on`` are the failures that send the job on to the next: codes of faults, or
    ``code:reason``."""

    name: str
    policy: Policy | None = None
    on: frozenset[str] = OWN

    def leaves(self, fault: Fault) -> bool:
        codes = {cls.code for cls in type(fault).__mro__ if issubclass(cls, Fault)}
        return any(
            code in codes and why in ("", str(fault.data.get("reason")))
            for code, _, why in (word.partition(":") for word in self.on)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Jobs that meet every condition go to the first of ``to`` that does not fail them for reasons of its own.

    Without ``dialects`` or ``accounts`` (ids) it is for all of them. ``to`` may hold further rules, whose providers
    take their place if they fit. With ``weights``, chance says who is the first; ``cheapest`` puts them in the order
    of their prices, and ``most_price`` leaves out those that are dearer.
    """

    to: tuple[str | Rule, ...]
    dialects: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    when: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    weights: tuple[int, ...] = ()
    cheapest: bool = False
    most_price: Fraction | None = None
    policy: Policy | None = None
    on: frozenset[str] = frozenset()
    number: int = 0
    """Which of the configuration's routes it is; some of those are no rules."""

    def misfit(self, job: Job, dialect: str, account: str) -> str:
        """The condition that a job does not meet; empty where it meets them all."""
        if self.dialects and dialect not in self.dialects:
            return f"it is for {', '.join(sorted(self.dialects))}"
        if self.accounts and account not in self.accounts:
            return "it is for other accounts"
        unmet = (f"{name} = {value}" for name, value in self.when.items() if not CONDITIONS[name](job, value))
        return next(unmet, "")

    def fits(self, job: Job, dialect: str, account: str) -> bool:
        return not self.misfit(job, dialect, account)

    def order(self, seed: str) -> tuple[str | Rule, ...]:
        """The same for the same ``seed``: after a crash a job goes where it went before."""
        if not self.weights:
            return self.to
        drawn = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]) % sum(self.weights)
        for number, weight in enumerate(self.weights):
            drawn -= weight
            if drawn < 0:
                return (self.to[number], *self.to[:number], *self.to[number + 1 :])
        return self.to

    def legs(
        self, job: Job, dialect: str, account: str, *, seed: str | None = None, tariffs: Mapping[str, Tariff] = EMPTY
    ) -> tuple[Leg, ...]:
        """The providers in their order, each once; without a ``seed`` in that of the configuration."""
        found: dict[str, Leg] = {}
        for number, each in enumerate(self.to if seed is None else self.order(seed)):
            below = None if seed is None else f"{seed}/{number}"
            for leg in self._inside(each, job, dialect, account, below, tariffs):
                found.setdefault(leg.name, leg)
        costs = {name: price(tariffs.get(name, ()), job) for name in found}
        legs = [leg for leg in found.values() if self.most_price is None or costs[leg.name] <= self.most_price]
        return tuple(sorted(legs, key=lambda leg: costs[leg.name]) if self.cheapest else legs)

    def _inside(
        self, each: str | Rule, job: Job, dialect: str, account: str, seed: str | None, tariffs: Mapping[str, Tariff]
    ) -> Sequence[Leg]:
        if isinstance(each, str):
            return (Leg(name=each, policy=self.policy, on=self.on or OWN),)
        if not each.fits(job, dialect, account):
            return ()
        nested = replace(each, policy=each.policy or self.policy, on=each.on or self.on)
        return nested.legs(job, dialect, account, seed=seed, tariffs=tariffs)


def route(rules: tuple[Rule, ...], job: Job, dialect: str, account: str, tariffs: Mapping[str, Tariff] = EMPTY) -> Rule:
    """The first rule that fits and names somebody; where none does, the work stays here."""
    fitting = (rule for rule in rules if rule.fits(job, dialect, account))
    return next((rule for rule in fitting if rule.legs(job, dialect, account, tariffs=tariffs)), Rule(to=(LOCAL,)))


def bound(caller: Caller | None, leg: Leg) -> Caller | None:
    """Who asks, with the route's policy where neither the request nor its account says one."""
    return caller if caller is None or caller.policy is not None else replace(caller, policy=leg.policy)


def _named(found: Iterable[object], words: str) -> bool:
    """Whether one of them is among the words, in whatever case."""
    wanted = {word.strip().lower() for word in words.split(",")}
    return any(str(each).lower() in wanted for each in found)


CONDITIONS: Final[Mapping[str, Callable[[Job, str], bool]]] = {
    "codec": lambda job, words: _named((video.codec for video in videos(job)), words),
    "container": lambda job, words: _named((output.container for output in job.outputs), words),
    "package": lambda job, words: _named((each.package and each.package.kind.value for each in job.outputs), words),
    "label": lambda job, words: _named((job.label,), words),
    "least_priority": lambda job, least: Fraction(job.priority or 0) >= Fraction(least),
    "most_priority": lambda job, most: Fraction(job.priority or 0) <= Fraction(most),
    "least_height": lambda job, least: height(job) >= int(least),
    "most_height": lambda job, most: height(job) <= int(most),
    "least_outputs": lambda job, least: len(job.outputs) >= int(least),
    "most_outputs": lambda job, most: len(job.outputs) <= int(most),
}
"""What a job can be chosen by. Texts may list several words with commas; heights are those that are asked for."""


def names(rule: Rule) -> Iterator[str]:
    """Every provider that a rule can lead to."""
    for each in rule.to:
        yield from (each,) if isinstance(each, str) else names(each)


def check(rule: Rule, known: frozenset[str]) -> None:
    """Raises ValueError that names what can't be."""
    if not rule.to:
        raise ValueError("to = [...] names nobody")
    for each in rule.to:
        if isinstance(each, Rule):
            check(each, known)
        elif each != LOCAL and each not in known:
            raise ValueError(f"no provider is called {each!r}")
    if rule.weights and (len(rule.weights) != len(rule.to) or min(rule.weights) < 0 or not sum(rule.weights)):
        raise ValueError("weights = [...] wants one number for each of to, not all of them 0")
    if rule.weights and rule.cheapest:
        raise ValueError("weights and cheapest are two orders, choose one")
    for word in sorted(rule.on):
        try:
            reason.check(word)
        except ValueError as error:
            raise ValueError(f"on: {error}") from None
    _check_conditions(rule.when)


def _check_conditions(when: Mapping[str, str]) -> None:
    for name, value in when.items():
        if name not in CONDITIONS:
            raise ValueError(f"when.{name} is no condition; there are {', '.join(CONDITIONS)}")
        try:
            CONDITIONS[name](Job(outputs=()), value)
        except ValueError:
            raise ValueError(f"when.{name}: {value!r} is not a number") from None
