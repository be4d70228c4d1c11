"""A client speaks one dialect, another server does the work in another one: every ordered pair, with real media."""

from __future__ import annotations

import io
import itertools
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.backends.agent import Agent, Manners
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.errand import Glimpse, Placed
from mediaglot.gateway.faults import Refused
from mediaglot.gateway.http.provider import Transport
from mediaglot.gateway.loss import Ledger, Policy, forbidden
from mediaglot.gateway.model import (
    TERMINAL,
    Audio,
    Average,
    Input,
    Job,
    Location,
    Output,
    Package,
    PackageKind,
    Size,
    Status,
    Variant,
    Video,
)
from mediaglot.gateway.translation import write_job

pytestmark = pytest.mark.ffmpeg

SOURCE = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
MISSING = "http://127.0.0.1:9/missing.mp4"
SMALL = Size(width=160, height=90)
FILE = Output(
    container="mp4",
    video=Video(codec="h264", size=SMALL, rate=Average(bitrate=200_000)),
    audio=Audio(codec="aac", bitrate=64_000),
)
STREAM = Output(
    package=Package(kind=PackageKind.HLS, variants=(Variant(name="240p", video=Video(size=Size(height=240))),))
)
FILMS = "s3://films/out/"
"""A bucket that all parties know, for dialects whose providers keep no files of their own."""
SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]
PAIRS = list(itertools.permutations(SPOKEN, 2)) or [(SPOKEN[0], SPOKEN[0])]


@dataclass
class Visitor:
    """A client of a provider, as its own users write it."""

    agent: Agent

    async def create(self, output: Output, source: str = SOURCE) -> Placed:
        job = Job(inputs=(Input(location=Location(url=source)),), outputs=(output,))
        client = self.agent.client
        return await self.agent.run(lambda permit: client.create(permit, job, Ledger()), again=False)

    async def look(self, placed: Placed) -> Glimpse:
        return await self.agent.run(lambda permit: self.agent.client.look(permit, placed))

    async def find(self, marker: str = "") -> tuple[Glimpse, ...]:
        return await self.agent.run(lambda permit: self.agent.client.find(permit, marker))

    async def cancel(self, placed: Placed) -> None:
        await self.agent.run(lambda permit: self.agent.client.cancel(permit, placed))


@dataclass
class Road:
    """The client of A, the gateway, and a client of B that looks at the same provider as the gateway does."""

    asking: Visitor
    working: Visitor
    gateway: Any
    provider: Any
    restart: Callable[[], Awaitable[None]]


@pytest.fixture
async def visitors() -> AsyncIterator[Callable[[str, str], Visitor]]:
    async with AsyncExitStack() as stack:

        def visit(name: str, site: str) -> Visitor:
            dialect = registry.find(name)
            assert dialect.client is not None
            transport = Transport(f"{site}/{name}", timeout=30)
            stack.push_async_callback(transport.close)
            client = dialect.client(dialect, stored(name))
            return Visitor(Agent(name, client, client.example, transport, RealClock(), Random(1), Manners()))

        yield visit


@pytest.fixture
def lay(
    command: Any, visitors: Callable[[str, str], Visitor], data: Path, tmp_path: Path
) -> Callable[..., Awaitable[Road]]:
    """Starts the two servers. ``provider`` are flags of the one that works, ``lines`` settings of the gateway's way,
    ``listed`` the only account that the provider lets in."""

    async def start(
        asked: str, working: str, *provider: str, lines: str = "poll = 0.1", listed: tuple[str, str] | None = None
    ) -> Road:
        away = tmp_path / "away"
        if listed is not None:
            accounts = tmp_path / "provider.toml"
            accounts.write_text(f"[[accounts.{working}]]\nname = '{listed[0]}'\nsecret = '{listed[1]}'\n")
            provider = (*provider, "--config", str(accounts))
        shutil.copytree(data, away, dirs_exist_ok=True)
        shared = ("--storage", f"s3://films={tmp_path / 'films'}")
        other = await command(*provider, *shared, folder=away)
        login = registry.find(working).client.example  # type: ignore[union-attr]
        config = tmp_path / "gateway.toml"
        config.write_text(
            f"[providers.other]\ndialect = '{working}'\nurl = '{other.site}/{working}'\nuser = '{login.name}'\n"
            f"secret = '{login.secret.reveal()}'\ntenant = '{login.tenant}'\n"
            f"options = {{ {''.join(f'{key} = {value!r}' for key, value in stored(working).items())} }}\n{lines}\n"
        )
        road = Road(None, visitors(working, other.site), None, other, None)  # type: ignore[arg-type]

        async def begin() -> None:
            road.gateway = await command("--config", str(config), *shared, folder=data)
            road.asking = visitors(asked, road.gateway.site)

        road.restart = begin
        await begin()
        return road

    return start


def stored(name: str) -> dict[str, str]:
    """The client's options: where files shall be, if it has to be told."""
    client = registry.find(name).client
    return {"storage": FILMS} if client is not None and "storage" in client.knobs else {}


def order_for(one: str, other: str) -> tuple[Output, Policy] | None:
    """What one can say, and the strictest policy under which the other takes it: some have only files, some streams."""
    for policy in (Policy.ESSENTIAL, Policy.WARN):
        for output in (FILE, STREAM):
            job = Job(inputs=(Input(location=Location(url=SOURCE)),), outputs=(output,))
            asked = write_job(registry.find(one), job, options=stored(one))
            if asked.got is None or forbidden(asked.report.losses, Policy.ESSENTIAL):
                continue
            told = write_job(registry.find(other), asked.got, options=stored(other))
            if told.got is not None and not forbidden(told.report.losses, policy):
                return output, policy
    return None


async def ended(visitor: Visitor, placed: Placed, wait: Any) -> Glimpse:
    async def look() -> Glimpse | None:
        glimpse = await visitor.look(placed)
        return glimpse if glimpse.status in TERMINAL else None

    found: Glimpse = await wait(look, seconds=90)
    return found


async def fetched(url: str) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200, url
        return await answer.read()


@pytest.mark.parametrize(("asked", "working"), PAIRS)
async def test_a_job_goes_there_and_its_files_come_back(
    asked: str, working: str, lay: Any, wait: Any, measure: Any, tmp_path: Path
) -> None:
    order = order_for(asked, working)
    assert order is not None, "any two have something in common"
    output, policy = order
    road = await lay(asked, working, lines=f"poll = 0.1\npolicy = '{policy}'")
    placed = await road.asking.create(output)
    done = await ended(road.asking, placed, wait)
    assert (done.status, done.trouble) == (Status.FINISHED, None), road.gateway.log.read_text()[-2000:]
    assert [each.id for each in await road.asking.find()] == [placed.id]
    (theirs,) = await road.working.find()
    assert theirs.status is Status.FINISHED
    if policy is Policy.ESSENTIAL:
        content = await brought(done.files[0].url, tmp_path / "films")
        if output is FILE:
            found = measure(content)
            assert (found["codecs"], found["size"]) == ({"video": "h264", "audio": "aac"}, (160, 90))
            assert 1.9 < found["seconds"] < 2.1
        else:
            assert content.startswith(b"#EXTM3U")
    failed = await ended(road.asking, await road.asking.create(output, MISSING), wait)
    assert failed.status is Status.FAILED


async def brought(url: str, films: Path) -> bytes:
    """A finished file, from wherever the client was told that it is."""
    if not url.startswith("s3://"):
        return await fetched(url)
    return (films / url.removeprefix("s3://films/").partition("?")[0]).read_bytes()


async def test_news_of_the_provider_are_a_reason_to_look(lay: Any, wait: Any) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 600\nslowest_poll = 600")
    done = await ended(road.asking, await road.asking.create(FILE), wait)
    assert done.status is Status.FINISHED
    async with aiohttp.ClientSession() as session:
        for marker, body, status in (("mg0", b"", 400), ("mg0", b"x" * 5_000_000, 413)):
            url = f"{road.gateway.site}/_mediaglot/providers/other/{marker}"
            async with session.post(url, data=io.BytesIO(body)) as answer:
                assert answer.status == status
        async with session.post(f"{road.gateway.site}/_mediaglot/providers/nobody/mg0") as answer:
            assert answer.status == 404


async def test_wrong_credentials_fail_the_job_and_nothing_else(lay: Any, wait: Any, tmp_path: Path) -> None:
    """Also where the provider is asked before anything was sent: after a crash."""
    road = await lay("encoding_com", "encoding_com", listed=("100", "another secret"))
    done = await ended(road.asking, await road.asking.create(FILE), wait)
    assert done.status is Status.FAILED
    assert "Traceback" not in road.gateway.log.read_text()


async def test_what_the_client_cancels_is_cancelled_there(lay: Any, wait: Any, slow: Path) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, "--ffmpeg", str(slow))
    placed = await road.asking.create(FILE, LONG)

    async def begun() -> Glimpse | None:
        found = await road.working.find()
        return next((each for each in found if each.status is Status.RUNNING), None)

    await wait(begun)
    await road.asking.cancel(placed)
    assert (await road.asking.look(placed)).status is Status.CANCELLED

    async def stopped() -> bool:
        (there,) = await road.working.find()
        return there.status is Status.CANCELLED

    assert await wait(stopped)


async def test_a_gateway_that_is_killed_finds_its_job_again(lay: Any, wait: Any, slow: Path) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, "--ffmpeg", str(slow))
    placed = await road.asking.create(FILE, LONG)
    await wait(road.working.find)
    await road.gateway.end(signal.SIGKILL)
    await road.restart()
    done = await ended(road.asking, placed, wait)
    assert done.status is Status.FINISHED
    assert len(await road.working.find()) == 1


async def test_a_provider_that_is_away_for_a_while_is_waited_for(
    lay: Any, wait: Any, command: Any, tmp_path: Path
) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 0.1\nwait = 0.1\ncool = 0.2")
    await road.provider.end(signal.SIGKILL)
    placed = await road.asking.create(FILE)
    port = road.provider.site.rpartition(":")[2]

    async def noticed() -> bool:
        body = await fetched(f"{road.gateway.site}/_mediaglot/providers")
        return b'"breaker":"open"' in body or b'"breaker":"half_open"' in body

    await wait(noticed)
    await command("--port", port, folder=tmp_path / "away")
    assert (await ended(road.asking, placed, wait)).status is Status.FINISHED
    assert len(await road.working.find()) == 1
    assert b'"breaker":"closed"' in await fetched(f"{road.gateway.site}/_mediaglot/providers")


def lossy(*, taken: bool = False) -> tuple[str, str, Output] | None:
    """Two dialects, and what the second can't say all of; ``taken``: it takes the rest."""
    rich = Output(container="mp4", video=Video(codec="h264", size=SMALL, rate=Average(bitrate=200_000), profile="main"))
    for one, other in PAIRS:
        job = Job(inputs=(Input(location=Location(url=SOURCE)),), outputs=(rich,))
        got = write_job(registry.find(one), job).got
        second = write_job(registry.find(other), got) if got is not None else None
        if second is not None and not second.report.lossless and (second.got is not None or not taken):
            return one, other, rich
    return None


async def test_a_loss_that_the_policy_forbids_is_refused_at_once(lay: Any) -> None:
    pair = lossy()
    if pair is None:
        pytest.skip("no two dialects with clients between which anything is lost")
    one, other, output = pair
    road = await lay(one, other, lines="policy = 'strict'")
    with pytest.raises(Refused):
        await road.asking.create(output)
    assert await road.working.find() == ()


async def test_what_is_lost_is_told_beside_the_answer(lay: Any, session: aiohttp.ClientSession) -> None:
    pair = lossy(taken=True)
    if pair is None:
        pytest.skip("no two dialects with clients between which anything is lost")
    one, other, output = pair
    road = await lay(one, other, lines="policy = 'warn'")
    job = Job(inputs=(Input(location=Location(url=SOURCE)),), outputs=(output,))
    request = write_job(registry.find(one), job).requests[-1]
    url = f"{road.gateway.site}/{one}{request.path}"
    async with session.request(request.method, url, data=request.body, headers=list(request.headers)) as answer:
        assert answer.status < 300, await answer.text()
        summary, place = answer.headers["Mediaglot-Losses"], answer.headers["Mediaglot-Report"]
    report = orjson.loads(await fetched(place))
    assert report["summary"] == summary
    assert {loss["kind"] for loss in report["losses"]} <= {"approximated", "defaulted", "dropped", "unread"}


async def test_where_a_provider_fails_for_its_own_reasons_the_next_one_works(lay: Any, wait: Any) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="patience = 0.5\nwait = 0.1\n[[routes]]\nto = ['other', 'local']")
    await road.provider.end(signal.SIGKILL)
    done = await ended(road.asking, await road.asking.create(FILE), wait)
    assert done.status is Status.FINISHED
    assert await fetched(done.files[0].url)


async def test_a_source_that_is_missing_is_nobody_elses_business(lay: Any, wait: Any) -> None:
    """A job that fails for the source's reasons is not tried elsewhere."""
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 0.1\n[[routes]]\nto = ['other', 'local']")
    done = await ended(road.asking, await road.asking.create(FILE, MISSING), wait)
    assert done.status is Status.FAILED
    assert b"goes on from" not in road.gateway.log.read_bytes()


async def test_a_job_that_meets_no_condition_stays_here(lay: Any, wait: Any) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 0.1\n[[routes]]\nto = ['other']\nwhen = { least_height = '91' }")
    done = await ended(road.asking, await road.asking.create(FILE), wait)
    assert done.status is Status.FINISHED
    assert await road.working.find() == ()
