"""An agent's limits: how many at once, how long between tries, and what its view of itself says."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends.agent import LONGEST_WAIT, Agent, Manners
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.errand import Client, Errand, Login, Pass
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import Unavailable
from mediaglot.gateway.model import Secret
from mediaglot.gateway.registry import find


class Gate:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.open, self.full = asyncio.Event(), asyncio.Event()
        """``full`` once three are inside."""

    async def __call__(self, request: Request) -> Response:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == 3:
            self.full.set()
        await self.open.wait()
        self.inside -= 1
        return Response(status=500 if request.path == "/bad" else 200)


class Free(Client):
    def enter(self, login: Login) -> Errand[Pass]:
        yield from ()
        return Pass(credential=Credential("", login.secret))


def agent(send: Gate, **manners: float) -> Agent:
    clock, settled = RealClock(), Manners(**{"per_second": 1e6, **manners})  # type: ignore[arg-type]
    return Agent("p", Free(find("encoding_com")), Login(secret=Secret("word")), send, clock, Random(1), settled)


def test_pauses_grow_with_jitter_up_to_a_limit() -> None:
    one = agent(Gate(), wait=1.0, cool=8.0)
    for number, grown in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0)):
        pauses = [one.pause(Unavailable(), number) for _ in range(200)]
        assert 0.5 * grown <= min(pauses) < 0.7 * grown
        assert 1.3 * grown < max(pauses) <= 1.5 * grown
    assert one.pause(Unavailable(retry_after=60), 1) == 60
    assert one.pause(Unavailable(retry_after=100_000), 1) == LONGEST_WAIT


async def test_only_so_many_ask_at_once_and_the_view_counts_them() -> None:
    gate = Gate()
    one = agent(gate, concurrency=3)
    tasks = [asyncio.ensure_future(one.pass_on(Request(path="/bad" if number == 9 else "/"))) for number in range(10)]
    async with asyncio.timeout(10):
        await gate.full.wait()
    assert (gate.most, one.open) == (3, 10)
    gate.open.set()
    await asyncio.gather(*tasks)
    assert (gate.most, one.sent, one.failed, one.open) == (3, 10, 1, 0)


async def test_the_time_of_one_request_includes_its_turn() -> None:
    gate = Gate()
    one = agent(gate, concurrency=1, timeout=0.05)
    with pytest.raises(Unavailable) as late:
        await one.pass_on(Request())
    assert (late.value.data["reason"], one.failed) == ("timeout", 1)
