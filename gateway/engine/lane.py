"""Lanes: work that waits for one keeps nobody waiting who is in another.

Where nothing is sorted there is one lane, the one at home: its places are the engine's workers.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.store import UNSORTED, Key, Work

MOST: Final = 2
ASIDE: Final = 100
"""Handlers of a lane that may have stepped aside: each has a connection and a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorter:
    """``of`` tells a work's lane: ``home``, or one of those that have so many ``places`` each. It is asked in the order
    of the queue, and again after a start and for what comes back to the queue."""

    of: Callable[[Key], Awaitable[str]]
    home: str
    places: int


class Lane:
    def __init__(self, places: int) -> None:
        self.places = places
        self.handlers = self.slow = 0
        """All that are in it, and those of them that wait for somebody slow."""
        self.most = math.inf
        """No work that waits in it has a greater priority: what is known of the queue without asking for it."""

    @property
    def busy(self) -> int:
        """Handlers that have a place. Who comes back from aside gets one, though there be none."""
        return self.handlers - min(self.slow, ASIDE)


class Place:
    """One handler's place in a lane. It may wait for several at once, and ``free`` is called when it steps aside."""

    def __init__(self, lane: Lane, free: Callable[[], None]) -> None:
        self._lane, self._free, self._waits = lane, free, 0

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._wait(1)
        self._free()
        try:
            yield
        finally:
            self._wait(-1)

    def _wait(self, more: int) -> None:
        self._lane.slow -= bool(self._waits)
        self._waits += more
        self._lane.slow += bool(self._waits)


class Lanes:
    """Where handlers wait at the ``gate``, work at home of a greater priority than theirs gets a place too, up to
    ``MOST`` times as many: else it would come after those that have only been made ready."""

    def __init__(self, workers: int, gate: Gate, sorter: Sorter | None) -> None:
        self._gate, self._sorter = gate, sorter
        self._home = Lane(workers)
        self._lanes = {sorter.home if sorter else UNSORTED: self._home}
        self.unsorted = sorter is not None
        """Whether there may be work of which it is not known yet where it belongs."""

    def __getitem__(self, name: str) -> Lane:
        if name not in self._lanes:
            assert self._sorter is not None  # noqa: S101 - nobody else gives names
            self._lanes[name] = Lane(self._sorter.places)
        return self._lanes[name]

    def stir(self) -> None:
        """Anything may wait now."""
        for lane in self._lanes.values():
            lane.most = math.inf
        self.unsorted = self._sorter is not None

    def open(self) -> dict[str, int | None]:
        """Who can take work that may be there, each with the priority that it has to exceed. From now on it is known
        that none is there; ``claimed`` and ``stir`` know better."""
        found: dict[str, int | None] = {}
        for name, lane in self._lanes.items():
            floor = self._floor(lane)
            if lane.most > floor:
                found[name] = None if floor == -math.inf else int(floor)
                lane.most = floor
        return found

    def claimed(self, work: Work, asked: dict[str, int | None]) -> None:
        """It was the first of those that were asked for."""
        for name in asked:
            self._lanes[name].most = max(self._lanes[name].most, work.priority)

    def sorted(self, work: Work, lane: str) -> None:
        self[lane].most = max(self[lane].most, work.priority)

    def _floor(self, lane: Lane) -> float:
        if lane.busy < lane.places:
            return -math.inf
        waits = self._gate.next
        return math.inf if lane is not self._home or waits is None or lane.busy >= MOST * lane.places else waits
