"""An hour in the life of a job, on a clock that is moved on by hand: in every dialect, by a client of the provider."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.play import Play
from mediaglot.gateway.chance import SeededChance
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.config import Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import IssueToken, Request, Response
from mediaglot.gateway.faults import Unauthorized
from mediaglot.gateway.http.endpoint import Endpoint
from mediaglot.gateway.http.house import House, open_house
from mediaglot.gateway.http.transport import drive
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Access, Event, Job, Location, Notification, Secret, Status
from mediaglot.gateway.script.rule import Script
from mediaglot.gateway.store import Key, Topic

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = "https://media.mediaglot.test/bars-10s-1280x720.mp4?takes=3600&size=0&fail=encoding&at=40&fault=corrupt"
TOLD = frozenset({Event.QUEUED, Event.STARTED, Event.FAILED})
DIALECTS = [name for name in registry.names() if registry.find(name).sample is not None]


class Telling(Script):
    """For all jobs a receiver, as each provider's clients name theirs in another way."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._target = Location(url=url, access=Access(password=Secret("seen")))

    def direct(self, job: Job) -> Job:
        return replace(super().direct(job), notifications=(Notification(target=self._target, events=TOLD),))


class Guest:
    """A client of a provider, in a house on its own."""

    def __init__(self, house: House, dialect: Dialect) -> None:
        assert dialect.sample is not None
        self.house, self.dialect, self.sample = house, dialect, dialect.sample()
        self._keys: set[Key] = set()
        house.store.watch(Topic.TICKETS, self._keys.update)
        self._endpoint = Endpoint(dialect, house.front, house.accounts, recall=house.front)

    async def send(self, request: Request) -> Response:
        site = "http://double.test"
        return await self._endpoint.answer(replace(request, base=f"{site}/{self.dialect.name}", site=site))

    async def create(self, url: str) -> str:
        return await drive(self.sample.create(url), self.send)

    async def look(self, job: str) -> Any:
        return await drive(self.sample.status(job), self.send)

    async def status(self, job: str) -> Status:
        return self.dialect.heard((await self.look(job)).word)[0]

    async def ticket(self) -> Any:
        (key,) = self._keys
        return await self.house.store.get(key)


Open = Callable[..., AbstractAsyncContextManager[Guest]]


@pytest.fixture
def enter(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def enter(name: str, script: Script | None = None, folder: str = "data", **how: Any) -> AsyncIterator[Guest]:
        clock, dialects = VirtualClock(START), {name: registry.find(name)}
        settings = Settings(data=tmp_path / folder, backend="simulated", workers=1)
        play = Play(clock, script=script, seed="7", **how)
        base: Callable[[str], str] = "http://double.test/{}".format
        async with open_house(settings, dialects, base, clock, SeededChance(7), play) as house:
            yield Guest(house, dialects[name])

    return enter


async def refused(house: House, dialect: str, token: Secret) -> bool:
    try:
        house.accounts.admit(dialect, Credential("", token, token=True))
    except Unauthorized:
        return True
    return False


@pytest.mark.parametrize("name", DIALECTS)
async def test_an_hour_plays_at_once(name: str, enter: Open, receiver: Any) -> None:
    async with enter(name, Telling(f"{receiver.url}/hook")) as guest:
        house, clock = guest.house, guest.house.clock
        assert isinstance(clock, VirtualClock)
        began = time.process_time()
        caller = Caller(dialect=guest.dialect, account=Account(id="a", user="a"))
        asked = IssueToken(name="100", secret=Secret("k"), lifetime=1200)
        token: Any = await house.front.perform(asked, caller, Ledger())
        job = await guest.create(HOUR)
        assert await guest.status(job) is Status.RUNNING
        await clock.advance(1199)
        assert not await refused(house, name, token.text)
        await clock.advance(1)
        assert await refused(house, name, token.text)
        assert await guest.status(job) is Status.RUNNING
        await clock.advance(239)
        running = await guest.ticket()
        assert (running.status, float(running.phase_progress)) == (Status.RUNNING, 0.35)
        await clock.advance(600)
        assert await guest.status(job) is Status.FAILED
        failed = await guest.ticket()
        assert failed.finished == START + timedelta(seconds=1440), "40 % of an hour"
        assert (failed.trouble.code, float(failed.phase_progress)) == ("source_unreadable", 0.0)
        assert len(receiver.letters) == 3
        assert [letter.event for letter in await house.store.letters(Key.of(failed))] == ["queued", "started", "failed"]
        assert time.process_time() - began < 1


@pytest.mark.parametrize("name", DIALECTS)
async def test_one_seed_makes_one_world(name: str, enter: Open) -> None:
    """Two runs in the same words: the same bytes."""

    async def run(folder: str) -> list[bytes]:
        said: list[bytes] = []
        async with enter(name, folder=folder) as guest:

            async def send(request: Request) -> Response:
                answer = await guest.send(request)
                said.append(answer.body)
                return answer

            clock: Any = guest.house.clock
            job = await drive(guest.sample.create("https://media.mediaglot.test/bars-60s-640x360.mp4"), send)
            for _ in range(60):
                await drive(guest.sample.status(job), send)
                if await clock.step() is None:
                    break
            assert guest.dialect.heard((await guest.look(job)).word)[0] is Status.FINISHED
        return said

    assert await run("one") == await run("two")


async def test_what_can_not_be_followed_is_said_in_the_dialects_own_shape(enter: Open) -> None:
    async with enter("encoding_com") as guest:
        with pytest.raises(ValueError, match=r"fail"):
            await guest.create("https://media.mediaglot.test/a.mp4?fail=cooking")


async def test_each_look_is_a_step(enter: Open) -> None:
    async with enter("encoding_com", progression="manual") as guest:
        job = await guest.create("https://media.mediaglot.test/bars-60s-640x360.mp4")
        seen: list[Any] = []
        while not seen or (seen[-1].word != "Finished" and len(seen) < 40):
            seen.append(await guest.look(job))
        shares = [float(one.progress) for one in seen]
        assert shares == sorted(shares)
        assert 5 < len(seen) < 20
        assert len(set(shares)) > 4
        clock: Any = guest.house.clock
        assert clock.monotonic() == 0
        other = await guest.create("https://media.mediaglot.test/bars-61s-640x360.mp4")
        for _ in range(20):
            await clock.advance(1)
        assert guest.dialect.heard((await guest.look(other)).word)[0] is Status.FINISHED


async def test_at_once_means_by_the_first_look(enter: Open) -> None:
    async with enter("encoding_com", progression="immediate") as guest:
        job = await guest.create("https://media.mediaglot.test/bars-60s-640x360.mp4")
        assert await guest.status(job) is Status.FINISHED


def test_all_four_dialects_are_there() -> None:
    assert len(DIALECTS) >= 4


async def test_at_once_on_a_clock_that_runs_too(tmp_path: Path) -> None:
    """A look waits until the job is at rest, where it comes to rest at all."""
    dialect = registry.find("encoding_com")
    settings = Settings(data=tmp_path / "data", backend="simulated", progression="immediate", workers=4)
    async with open_house(settings, {dialect.name: dialect}, "http://double.test/{}".format) as house:
        guest = Guest(house, dialect)
        ends = {"": "Finished", "?fail=storing": "Error", "?stuck": "Processing", "?wait=600": "Waiting for encoder"}
        for query, word in ends.items():
            job = await guest.create(f"https://media.mediaglot.test/bars-60s-640x360.mp4{query}")
            for _ in range(2):
                assert (await guest.look(job)).word == word
