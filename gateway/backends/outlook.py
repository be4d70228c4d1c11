"""The outlook of a job: which way it would take, and why. Nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Protocol

from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.rules import Leg, Rule, bound, route
from mediaglot.gateway.backends.tariff import Tariff, price
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger, Loss, Policy
from mediaglot.gateway.model import Job
from mediaglot.gateway.report import said
from mediaglot.gateway.values import decimal

OTHERS: Final = "it is transparent, and for other requests"


class Taker(Protocol):
    """Who can say whether it would take a job; every Craft can."""

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one provider says to the job: ``fault`` refuses all of it, ``refused`` some of its outputs."""

    leg: Leg
    policy: Policy | None
    price: Fraction
    losses: tuple[Loss, ...] = ()
    fault: Fault | None = None
    refused: Mapping[int, Fault]

    @property
    def takes(self) -> bool:
        return self.fault is None

    def document(self) -> dict[str, Any]:
        tree: dict[str, Any] = {"name": self.leg.name, "takes": self.takes, "price": decimal(self.price, 6)}
        tree |= {"policy": str(self.policy)} if self.policy else {}
        tree |= {"refusal": str(self.fault)} if self.fault else {}
        tree |= {"refused_outputs": {str(index): str(fault) for index, fault in self.refused.items()}}
        return tree | {"on": sorted(self.leg.on), "losses": [said(each) for each in self.losses]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """``passed`` says for each rule before the chosen one why it is not that one; ``chosen`` None: no rule fits.

    ``trials`` are the providers in their order; where it is drawn by weights, in that of the configuration.
    """

    passed: tuple[str, ...]
    chosen: int | None
    drawn: bool
    trials: tuple[Trial, ...]
    passage: str = ""
    """The provider that all requests of this account are passed on to as they are; then no rule is asked."""

    @property
    def road(self) -> tuple[str, ...]:
        """Who would get the job, and who would be next."""
        return (self.passage,) if self.passage else tuple(trial.leg.name for trial in self.trials if trial.takes)

    def document(self) -> dict[str, Any]:
        return {
            "road": list(self.road),
            "transparent": bool(self.passage),
            "drawn_by_weights": self.drawn,
            "rule": self.chosen,
            "passed_over": list(self.passed),
            "providers": [trial.document() for trial in self.trials],
        }


def passing(name: str) -> Outlook:
    """That of an account whose requests are passed on as they are."""
    return Outlook(passed=(), chosen=None, drawn=False, trials=(), passage=name)


async def look_out(
    rules: Sequence[Rule],
    takers: Mapping[str, Taker],
    tariffs: Mapping[str, Tariff],
    job: Job,
    caller: Caller,
    ledger: Ledger,
) -> Outlook:
    """``ledger`` has what of the request is unread."""
    who = caller.owner
    rule = route(tuple(rules), job, *who, tariffs)
    chosen = next((each.number for each in rules if each is rule), None)
    why = {
        each.number: each.misfit(job, *who) or "none of its providers is left"
        for each in rules
        if chosen is None or each.number < chosen
    }
    passed = [why.get(number, OTHERS) for number in range(max(why, default=-1) + 1 if chosen is None else chosen)]
    legs = rule.legs(job, *who, tariffs=tariffs)
    trials = [
        await _tried(takers[leg.name], leg, price(tariffs.get(leg.name, ()), job), job, caller, ledger) for leg in legs
    ]
    return Outlook(passed=tuple(passed), chosen=chosen, drawn=bool(rule.weights), trials=tuple(trials))


async def _tried(taker: Taker, leg: Leg, cost: Fraction, job: Job, caller: Caller, ledger: Ledger) -> Trial:
    notes, asking = Ledger(list(ledger)), bound(caller, leg)
    refused: Mapping[int, Fault] = {}
    fault: Fault | None = None
    try:
        refused = await taker.refuse(job, notes, asking)
    except Fault as caught:
        fault = caught
    if refused and len(refused) == len(job.outputs):
        fault = next(iter(refused.values()))
    policy = notes.policy or (asking.policy if asking else None)
    losses = tuple(notes)
    return Trial(leg=leg, policy=policy, price=cost, losses=losses, fault=fault, refused=refused)
