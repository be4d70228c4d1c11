"""All the mishaps of one world, and what they do together to one request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from mediaglot.gateway.faults import Busy
from mediaglot.gateway.lab import mishap
from mediaglot.gateway.lab.mishap import DATA, Effects, Mishap

MOST: Final = 1000
CALM: Final = Effects()


class Weather:
    """``operations`` are the names of each dialect's; ``chance`` draws latencies."""

    def __init__(self, operations: Mapping[str, frozenset[str]], chance: Random) -> None:
        self._operations, self._chance = operations, chance
        self._mishaps: dict[str, Mishap] = {}
        self._count = 0

    def add(self, document: Any) -> Mishap:
        """Raises ValueError, whose text says what to change."""
        if len(self._mishaps) >= MOST:
            raise ValueError(f"there are {MOST} faults already; delete some")
        made = mishap.read(f"f{self._count + 1}", document, self._operations)
        self._count += 1
        self._mishaps[made.id] = made
        return made

    def get(self, name: str) -> Mishap | None:
        return self._mishaps.get(name)

    def remove(self, name: str) -> bool:
        return self._mishaps.pop(name, None) is not None

    def clear(self) -> None:
        self._mishaps.clear()

    def __len__(self) -> int:
        return len(self._mishaps)

    def list(self) -> list[Mishap]:
        return [*self._mishaps.values()]

    def strike(self, dialect: str, operation: str | None, tree: Any, now: float) -> Effects:
        """What happens to this request: latencies add up, of two ends or two changes of a kind the earlier counts."""
        effects = CALM
        for each in self._mishaps.values():
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
