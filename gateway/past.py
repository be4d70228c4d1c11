"""What providers on paper were asked before (``mediaglot.gateway.rehearsal``), so that it is not worked out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mediaglot.gateway.exchange import Request, Response, Thing
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.memory import remember
from mediaglot.gateway.model import Preset

SHORT: Final = 4096
"""Bytes of a request that is remembered."""
NOTHING: Final = Response()


class Moment:
    """An account before its first job, and what the request that led there was answered. Nothing of it is changed."""

    __slots__ = ("fault", "presets", "response", "serials", "things")

    def __init__(
        self,
        presets: Mapping[str, Preset],
        things: Mapping[tuple[str, str], Thing],
        serials: Mapping[str, int],
        response: Response = NOTHING,
        fault: Fault | None = None,
    ) -> None:
        self.presets, self.things, self.serials, self.response, self.fault = presets, things, serials, response, fault


class Past:
    """What was asked at one provider, as a tree that grows from the account as it is at first.

    Whoever asks the same from the start on comes by the same moments.
    """

    def __init__(self, start: Moment) -> None:
        self.start = start
        self._next: dict[tuple[Moment, Request], Moment] = {}

    def after(self, moment: Moment, request: Request) -> Moment | None:
        return self._next.get((moment, request))

    def add(self, moment: Moment, request: Request, following: Moment) -> None:
        if len(request.body) <= SHORT:
            remember(self._next, (moment, request), following)
