"""All the mishaps of one world, and what they do together to one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from mediaglot.gateway.faults import Busy
from mediaglot.gateway.lab import mishap
from mediaglot.gateway.lab.bunch import Bunch
from mediaglot.gateway.lab.mishap import DATA, Effects, Mishap

CALM: Final = Effects()


class Weather(Bunch[Mishap]):
    """``operations`` are the names of each dialect's; ``chance`` draws latencies."""

    def __init__(self, operations: Mapping[str, frozenset[str]], chance: Random) -> None:
        super().__init__("f", lambda name, document: mishap.read(name, document, operations))
        self._chance = chance

    def strike(self, dialect: str, operation: str | None, tree: Any, now: float) -> Effects:
        """What happens to this request: latencies add up, of two ends or two changes of a kind the earlier counts."""
        effects = CALM
        for each in self:
            if each.strikes(dialect, operation, tree, now):
                effects = _joined(effects, self._of(each))
        return effects

    def _of(self, one: Mishap) -> Effects:
        effects = replace(one.effects, names=(one.id,), latency=one.latency(self._chance) if one.latency else 0.0)
        if one.limit is None:
            return effects
        fault = Busy(**{**DATA, "retry_after": max(1, round(one.limit.seconds))})
        return replace(effects, fault=fault, status=one.limit.status)


def _joined(first: Effects, second: Effects) -> Effects:
    end = second if second.ends and not first.ends else first
    return replace(
        end,
        latency=min(mishap.LONGEST, first.latency + second.latency),
        slow=first.slow if first.slow is not None else second.slow,
        truncate=first.truncate if first.truncate is not None else second.truncate,
        malform=first.malform or second.malform,
        content_type=first.content_type or second.content_type,
        names=(*first.names, *second.names),
    )
