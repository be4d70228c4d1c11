"""How far a job has come from server to server: those that are each other's providers would send it round for ever."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from mediaglot.gateway.errand import Errand
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Invalid

T = TypeVar("T")
HOPS: Final = "Mediaglot-Hops"
"""The header that says through how many servers like this one a job has come."""
MOST_HOPS: Final = 5
"""More are no way but a loop."""


def hops_of(request: Request) -> int:
    """Raises Invalid where there have been too many."""
    said = request.headers.get(HOPS)
    hops = int(said[:9]) if said.isascii() and said.isdigit() else 0
    if hops > MOST_HOPS:
        raise Invalid(field=HOPS, reason=f"is over {MOST_HOPS}: a loop of servers that are each other's providers")
    return hops


def counted(request: Request, hops: int) -> Request:
    lines = (line for line in request.headers if line[0].lower() != HOPS.lower())
    return replace(request, headers=Headers(lines=(*lines, (HOPS, str(hops)))))


def through(errand: Errand[T], hops: int) -> Errand[T]:
    """The errand, whose requests say how far the job has come."""
    try:
        request = next(errand)
        while True:
            request = errand.send((yield counted(request, hops)))
    except StopIteration as end:
        value: T = end.value
        return value
    finally:
        errand.close()
