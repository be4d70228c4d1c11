"""What a world has beside its house: its time, its journal, what becomes of its jobs, and what goes wrong on the
wire and in the post."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Self

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.lab.fate import Fates
from mediaglot.gateway.lab.journal import Journal
from mediaglot.gateway.lab.weather import Weather
from mediaglot.gateway.script.rule import Script


@dataclass(slots=True, kw_only=True)
class Lab:
    clock: Clock
    journal: Journal
    weather: Weather
    fates: Fates
    script: Script

    @classmethod
    def open(cls, clock: Clock, seed: int, entries: int, operations: Mapping[str, frozenset[str]]) -> Self:
        chance = Random(f"{seed}/weather")  # noqa: S311 - it is to be repeated
        return cls(
            clock=clock, journal=Journal(entries), weather=Weather(operations, chance), fates=Fates(), script=Script()
        )
