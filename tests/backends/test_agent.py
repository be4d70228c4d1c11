"""An agent's manners, on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from random import Random

import pytest

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends.agent import Agent, Aside, Manners, State
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.errand import Client, Errand, Login, Pass, unavailable
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Forbidden, Invalid, Refused, Unauthorized, Unavailable
from mediaglot.gateway.model import Secret
from mediaglot.gateway.registry import find

LOGIN = Login(name="me", secret=Secret("word"))


class Tokens(Client):
    """Trades the login for a token that is good for 100 seconds."""

    def enter(self, login: Login) -> Errand[Pass]:
        response = yield Request(method="POST", path="/token")
        return Pass(credential=Credential(response.body.decode(), login.secret), lifetime=100)


def ask(permit: Pass) -> Errand[str]:
    response = yield Request(path=f"/{permit.credential.name}")
    if response.status == 401:
        raise Refused(Unauthorized(reason="expired"))
    if response.status == 403:
        raise Refused(Forbidden())
    if response.status >= 500:
        raise unavailable(response)
    return response.body.decode()


def count(tenant: str) -> Errand[int]:
    """What reads an answer that is no number; or says at once that nothing can be asked."""
    if not tenant:
        raise Invalid(field="tenant", reason="is missing")
    response = yield Request(path="/count")
    raise Invalid(field="count", reason=f"is {response.body!r}")


class Provider:
    """Answers as it is told, in turn; without a word, with the path. As long as it is not ``awake``, it does not."""

    def __init__(self) -> None:
        self.awake = asyncio.Event()
        self.awake.set()
        self.words: list[Response | Unavailable] = []
        self.asked: list[str] = []
        self.tokens = 0

    async def __call__(self, request: Request) -> Response:
        self.asked.append(request.path)
        await self.awake.wait()
        if request.path == "/token":
            self.tokens += 1
            return Response(body=f"t{self.tokens}".encode())
        word = self.words.pop(0) if self.words else Response(body=request.path.encode())
        if isinstance(word, Unavailable):
            raise word
        return word


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def provider() -> Provider:
    return Provider()


Make = Callable[..., Agent]


@pytest.fixture
def make(clock: VirtualClock, provider: Provider) -> Make:
    def build(**manners: float) -> Agent:
        client = Tokens(find("encoding_com"))
        settled = Manners(**{"per_second": 1000.0, **manners})  # type: ignore[arg-type]
        return Agent("p", client, LOGIN, provider, clock, Random(1), settled)

    return build


async def pass_time(clock: VirtualClock, seconds: float) -> None:
    """With all that happens at its beginning, in between and at its end."""
    for some in (0.0, seconds, 0.0):
        await clock.advance(some)
        for _ in range(20):
            await asyncio.sleep(0)


async def through(clock: VirtualClock, doing: Awaitable[str], seconds: float = 60.0) -> str:
    task = asyncio.ensure_future(doing)
    await pass_time(clock, seconds)
    assert task.done()
    return await task


async def test_a_pass_is_used_until_its_time_is_nearly_over(
    make: Make, provider: Provider, clock: VirtualClock
) -> None:
    agent = make()
    assert [await through(clock, agent.run(ask), 1) for _ in range(3)] == ["/t1"] * 3
    await pass_time(clock, 90)
    assert await through(clock, agent.run(ask)) == "/t2"


async def test_a_pass_that_is_refused_is_traded_again_once(make: Make, provider: Provider, clock: VirtualClock) -> None:
    provider.words = [Response(status=401)]
    assert await through(clock, make().run(ask)) == "/t2"
    provider.words = [Response(status=401), Response(status=401)]
    with pytest.raises(Refused):
        await through(clock, make().run(ask))


async def test_any_other_refusal_is_the_answer(make: Make, provider: Provider, clock: VirtualClock) -> None:
    provider.words = [Response(status=403)]
    with pytest.raises(Refused):
        await through(clock, make().run(ask))
    assert provider.asked == ["/token", "/t1"]


async def test_what_may_be_asked_twice_is(make: Make, provider: Provider, clock: VirtualClock) -> None:
    provider.words = [Response(status=503), Unavailable(reason="reset")]
    assert await through(clock, make().run(ask)) == "/t1"
    provider.words = [Response(status=503)]
    with pytest.raises(Unavailable):
        await through(clock, make().run(ask, again=False))


async def test_nothing_is_asked_more_often_than_is_set(make: Make, provider: Provider, clock: VirtualClock) -> None:
    provider.words = [Response(status=503)] * 9
    with pytest.raises(Unavailable):
        await through(clock, make(tries=3, failures=9).run(ask))
    assert provider.asked == ["/token", *["/t1"] * 3]


async def test_a_provider_is_given_the_time_that_it_asks_for(
    make: Make, provider: Provider, clock: VirtualClock
) -> None:
    provider.words = [Response(status=503, headers=Headers(lines=(("Retry-After", "40"),)))]
    task = asyncio.ensure_future(make().run(ask))
    await pass_time(clock, 39)
    assert provider.asked == ["/token", "/t1"]
    await pass_time(clock, 2)
    assert await task == "/t1"


async def test_the_breaker_opens_lets_one_try_and_closes(
    make: Make, provider: Provider, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says so, once."""
    agent = make(failures=2, cool=30, tries=1)
    await through(clock, agent.run(ask), 1)
    provider.words = [Response(status=500), Response(status=500)]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await through(clock, agent.run(ask), 1)
    assert agent.breaker.state is State.OPEN
    asked = len(provider.asked)
    with pytest.raises(Unavailable) as refused:
        await through(clock, agent.run(ask), 1)
    assert (refused.value.data["reason"], len(provider.asked)) == ("breaker", asked)
    await pass_time(clock, 30)
    assert agent.breaker.state is State.HALF_OPEN
    provider.words = [Response(status=500)]
    with pytest.raises(Unavailable):
        await through(clock, agent.run(ask), 1)
    await pass_time(clock, 30)
    assert await through(clock, agent.run(ask), 1) == "/t1"
    assert agent.breaker.state is State.CLOSED
    gone = "p has given no usable answer 2 times in a row: it is asked by one at a time, 30 seconds apart"
    assert [record.getMessage() for record in caplog.records] == [gone, "p answers again"]


async def test_an_open_breaker_is_tried_by_one_alone(make: Make, provider: Provider, clock: VirtualClock) -> None:
    agent = make(failures=1, cool=30, tries=1)
    await through(clock, agent.run(ask), 1)
    provider.words = [Response(status=500)]
    with pytest.raises(Unavailable):
        await through(clock, agent.run(ask), 1)
    await pass_time(clock, 30)
    provider.asked = []
    provider.awake.clear()
    tasks = [asyncio.ensure_future(agent.run(ask)) for _ in range(3)]
    await pass_time(clock, 1)
    provider.awake.set()
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert ([isinstance(one, Unavailable) for one in said], provider.asked) == ([False, True, True], ["/t1"])


async def test_nobody_waits_longer_than_there_is_patience(make: Make, provider: Provider, clock: VirtualClock) -> None:
    provider.words = [Response(status=503, headers=Headers(lines=(("Retry-After", "40"),)))]
    with pytest.raises(Unavailable):
        await through(clock, make(patience=30).run(ask), 1)


async def test_what_may_be_asked_twice_does_not_wait_for_an_open_breaker(
    make: Make, provider: Provider, clock: VirtualClock
) -> None:
    agent = make(failures=2, cool=30, tries=4, wait=0.1)
    await through(clock, agent.run(ask), 1)
    provider.words, provider.asked = [Response(status=500)] * 9, []
    for _ in range(2):
        with pytest.raises(Unavailable):
            await through(clock, agent.run(ask), 2)
    assert provider.asked == ["/t1"] * 2


async def test_who_waits_for_a_seat_is_spared_too_when_the_breaker_opens(
    make: Make, provider: Provider, clock: VirtualClock
) -> None:
    agent = make(failures=2, cool=30, tries=1, concurrency=1)
    await through(clock, agent.run(ask), 1)
    provider.words, provider.asked = [Response(status=500)] * 6, []
    tasks = [asyncio.ensure_future(agent.run(ask)) for _ in range(6)]
    await pass_time(clock, 1)
    said = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, Unavailable) for one in said] == [True] * 6
    assert provider.asked == ["/t1"] * 2
    await pass_time(clock, 30)
    provider.words = []
    assert await through(clock, agent.run(ask), 1) == "/t1"


async def test_requests_keep_their_pace(make: Make, provider: Provider, clock: VirtualClock) -> None:
    agent = make(per_second=2.0, concurrency=10)
    tasks = [asyncio.ensure_future(agent.run(ask)) for _ in range(6)]
    await pass_time(clock, 1.6)
    assert len(provider.asked) == 4
    await pass_time(clock, 2)
    assert [await task for task in tasks] == ["/t1"] * 6


async def test_what_is_done_aside_may_be_begun_by_a_thread_and_ends_with_the_server() -> None:
    aside, begun, ended = Aside(), asyncio.Event(), []

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    await asyncio.to_thread(aside.start, work)
    async with asyncio.timeout(10):
        await begun.wait()
    await aside.close()
    assert ended == ["ended"]


async def test_an_answer_with_a_value_that_can_not_be_read_is_no_usable_one(
    make: Make, provider: Provider, clock: VirtualClock
) -> None:
    agent = make()
    with pytest.raises(Unavailable, match="unreadable"):
        await through(clock, agent.run(lambda _: count("there"), again=False))
    with pytest.raises(Invalid):
        await through(clock, agent.run(lambda _: count(""), again=False))
    assert provider.asked.count("/count") == 1
