"""A client speaks one dialect, another server does the work in another one: every ordered pair, with real media."""

from __future__ import annotations

import asyncio
import io
import itertools
import signal
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from mediaglot.gateway import errand, registry
from mediaglot.gateway.errand import Glimpse, Placed
from mediaglot.gateway.faults import NotFound, Refused
from mediaglot.gateway.loss import Policy
from mediaglot.gateway.model import (
    Average,
    Input,
    Job,
    Location,
    Output,
    Size,
    Status,
    Video,
)
from mediaglot.gateway.translation import write_job

pytestmark = pytest.mark.ffmpeg

SOURCE = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = Size(width=160, height=90)
SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]
PAIRS = list(itertools.permutations(SPOKEN, 2)) or [(SPOKEN[0], SPOKEN[0])]


@pytest.mark.parametrize(("asked", "working"), PAIRS)
async def test_a_job_goes_there_and_its_files_come_back(
    asked: str, working: str, lay: Any, measure: Any, receiver: Any, slow: Path, fetched: Any, tmp_path: Path
) -> None:
    """Everything that a client of a provider does, side by side."""
    road = await lay(asked, working, "--ffmpeg", str(slow))
    missing = f"{road.provider.site}/missing.mp4"
    done, failed, _ = await asyncio.gather(told(road, receiver, SOURCE), told(road, receiver, missing), cancelled(road))
    assert (done.status, done.trouble) == (Status.FINISHED, None), road.gateway.log.read_text()[-2000:]
    assert failed.status is Status.FAILED
    assert {done.id, failed.id} <= {each.id for each in await road.asking.find()}
    if road.policy is Policy.ESSENTIAL:
        url, films = (
            done.files[0].url,
            tmp_path / "films" / done.files[0].url.removeprefix("s3://films/").partition("?")[0],
        )
        content = films.read_bytes() if url.startswith("s3://") else await fetched(url)
        if road.output.package is None:
            found = measure(content)
            assert (found["codecs"], found["size"]) == ({"video": "h264", "audio": "aac"}, (160, 90))
            assert 0.9 < found["seconds"] < 1.1
        else:
            assert content.startswith(b"#EXTM3U")
    assert "Traceback" not in road.gateway.log.read_text()


async def told(road: Any, receiver: Any, source: str) -> Glimpse:
    """How a job ends: what its client sees, and is told in its own dialect."""
    placed = await road.asking.create(road.output, source, f"{receiver.url}/news")
    glimpse: Glimpse = await road.ended(placed)

    async def heard() -> bool:
        found = road.asking.heard(receiver.letters)
        return any((each.id, each.status) == (placed.id, glimpse.status) for each in found)

    await road.wait(heard)
    return glimpse


async def cancelled(road: Any) -> None:
    """What the client cancels is cancelled there, as far as the two providers can."""
    client, others = road.asking.agent.client, road.working.agent.client
    if type(client).cancel is errand.Client.cancel:
        return
    placed = await road.asking.create(road.output, LONG)
    there = Placed(id=await road.wait(lambda: their_id(road, placed)))

    async def works() -> bool:
        return (await road.working.look(there)).status is Status.RUNNING

    await road.wait(works)
    await road.asking.cancel(placed)
    assert await stopped(road.asking, placed)

    async def let_go() -> bool:
        return await their_id(road, placed) is None

    await road.wait(let_go)
    if type(others).cancel is not errand.Client.cancel:
        await road.wait(lambda: stopped(road.working, there))


async def their_id(road: Any, placed: Placed) -> str | None:
    """What a job is called by the provider that works for it."""
    return next((each["provider_job"] for each in await road.there("/other") if each["job"] == placed.id), None)


async def stopped(visitor: Any, placed: Placed) -> bool:
    """Whether a job is cancelled; with some providers it is gone then."""
    try:
        return (await visitor.look(placed)).status is Status.CANCELLED
    except Refused as fault:
        return isinstance(fault.meaning, NotFound)


async def test_news_of_the_provider_are_a_reason_to_look(lay: Any, wait: Any) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 600\nslowest_poll = 600")
    done = await road.ended(await road.asking.create(road.output))
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
    done = await road.ended(await road.asking.create(road.output))
    assert done.status is Status.FAILED
    assert "Traceback" not in road.gateway.log.read_text()


async def test_a_gateway_that_is_killed_finds_its_job_again(lay: Any, wait: Any, slow: Path) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, "--ffmpeg", str(slow))
    placed = await road.asking.create(road.output, LONG)
    await wait(road.working.find)
    await road.gateway.end(signal.SIGKILL)
    await road.restart()
    done = await road.ended(placed)
    assert done.status is Status.FINISHED
    assert len(await road.working.find()) == 1


async def test_a_provider_that_is_away_for_a_while_is_waited_for(
    lay: Any, wait: Any, command: Any, tmp_path: Path
) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 0.1\nwait = 0.1\ncool = 0.2")
    await road.provider.end(signal.SIGKILL)
    placed = await road.asking.create(road.output)
    port = road.provider.site.rpartition(":")[2]

    async def noticed() -> bool:
        return await road.breaker() in {"open", "half_open"}

    await wait(noticed)
    await command("--port", port, folder=tmp_path / "away")
    assert (await road.ended(placed)).status is Status.FINISHED
    assert len(await road.working.find()) == 1
    assert await road.breaker() == "closed"


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


async def test_what_is_lost_is_told_beside_the_answer(lay: Any, session: aiohttp.ClientSession, fetched: Any) -> None:
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


async def told_of(road: Any, words: str) -> bool:
    return words in road.gateway.log.read_text()


async def test_where_a_provider_fails_for_its_own_reasons_the_next_one_works(lay: Any, wait: Any, fetched: Any) -> None:
    name = SPOKEN[0]
    lines = "patience = 0.5\nfailures = 1000\nwait = 0.1\n[[routes]]\nto = ['other', 'local']"
    road = await lay(name, name, lines=lines)
    await road.provider.end(signal.SIGKILL)
    placed = await road.asking.create(road.output)
    done = await road.ended(placed)
    assert done.status is Status.FINISHED
    assert await fetched(done.files[0].url)
    log, ours = road.gateway.log.read_text(), f"job {placed.id} of {name}"
    assert f"{ours}: other has failed it: 'unavailable reason=ClientConnectorError'" in log
    assert f"{ours} goes on from other to local" in log
    await wait(lambda: told_of(road, f"other could not be told to stop {ours} yet"))


async def test_a_source_that_is_missing_is_nobody_elses_business(lay: Any, wait: Any) -> None:
    """A job that fails for the source's reasons is not tried elsewhere."""
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 0.1\n[[routes]]\nto = ['other', 'local']")
    done = await road.ended(await road.asking.create(road.output, f"{road.provider.site}/missing.mp4"))
    assert done.status is Status.FAILED
    assert b"goes on from" not in road.gateway.log.read_bytes()


async def test_a_job_that_meets_no_condition_stays_here(lay: Any, wait: Any) -> None:
    name = SPOKEN[0]
    road = await lay(name, name, lines="poll = 0.1\n[[routes]]\nto = ['other']\nwhen = { least_height = '91' }")
    done = await road.ended(await road.asking.create(road.output))
    assert done.status is Status.FINISHED
    assert await road.working.find() == ()
