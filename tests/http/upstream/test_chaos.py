"""Bad weather between the gateway and a provider, and a gateway that dies: whatever happens, a job is made once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from mediaglot.gateway import registry
from mediaglot.gateway.model import Status

pytestmark = pytest.mark.ffmpeg

SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]
RING = list(zip(SPOKEN, SPOKEN[1:] + SPOKEN[:1], strict=True))
"""Everybody works once, for another one."""
HASTY = "poll = 0.05\nwait = 0.02\ncool = 0.1\ntimeout = 1.5\nsettle = 0.5\nper_second = 1000"
KINDS = ("IssueToken", "GetJob", "ListJobs", "PutThing", "GetThing", "ListThings")
ANYWHERE = ("broken", "busy", "reset", "lost", "cut", "garbled", "slow")
FILES = ("broken", "reset", "cut")
"""What a download gets over; of a file nobody can tell that it is not the right one."""


@pytest.mark.parametrize(("asked", "working"), RING)
async def test_in_any_weather_each_job_is_made_once(
    asked: str, working: str, lay: Any, storm: Any, weather: Any, receiver: Any
) -> None:
    """Each kind of request meets each kind of trouble. Before, nothing works at all."""
    sky = await storm(working)
    sky.always = weather["broken"]
    road = await lay(asked, working, lines=HASTY, storm=sky)
    placed = await asyncio.gather(*(road.asking.create(road.output, hear=f"{receiver.url}/news") for _ in range(8)))

    async def opened() -> bool:
        return await road.breaker() != "closed"

    await road.wait(opened)
    for kind, names in (*dict.fromkeys(KINDS, ANYWHERE).items(), ("CreateJob", weather), ("download", FILES)):
        sky.weather[kind].extend(weather[name] for name in names)
    sky.always = None
    done = await asyncio.gather(*map(road.ended, placed))
    log = road.gateway.log.read_text()
    assert [(each.status, each.trouble) for each in done] == [(Status.FINISHED, None)] * 8, log[-3000:]
    assert not sky.weather["CreateJob"], "all of it was met; eight leave a job there"
    assert len(await road.working.find()) == 8
    assert await road.breaker() == "closed"
    assert "Traceback" not in log

    async def told() -> bool:
        heard = {each.id for each in road.asking.heard(receiver.letters) if each.status is Status.FINISHED}
        return heard == {each.id for each in placed}

    await road.wait(told)


@pytest.mark.parametrize(("asked", "working"), RING)
async def test_a_gateway_that_is_killed_at_each_step_makes_the_job_once(
    asked: str, working: str, lay: Any, storm: Any, weather: Any, receiver: Any
) -> None:
    """Before the provider has it, while it is looked for, before its id is known, while it is watched, while its
    files come, and before its client is told."""
    sky, receiver.mute = await storm(working), True
    road = await lay(asked, working, lines="poll = 0.05\nwait = 0.02\nsettle = 0.1\nper_second = 1000", storm=sky)
    placed = None
    steps = [("CreateJob", "slow"), ("ListJobs", "slow"), ("CreateJob", "slow_after"), ("GetJob", "slow_after")]
    for kind, trouble in [*steps, *([("download", "stuck")] if keeps_files(working) else [])]:
        sky.weather[kind].append(weather[trouble])
        sky.struck.clear()
        if placed is None:
            placed = await road.asking.create(road.output, hear=f"{receiver.url}/news")
        else:
            await road.restart()
        async with asyncio.timeout(60):
            await sky.struck.wait()
        await road.gateway.end(signal.SIGKILL)
    await road.restart()
    async with asyncio.timeout(60):
        await receiver.heard.wait()
    await road.gateway.end(signal.SIGKILL)
    receiver.mute, before = False, len(receiver.letters)
    await road.restart()
    assert placed is not None
    done = await road.ended(placed)
    assert (done.status, done.trouble) == (Status.FINISHED, None), road.gateway.log.read_text()[-3000:]
    assert len(await road.working.find()) == 1

    async def told() -> bool:
        heard = road.asking.heard(receiver.letters[before:])
        return any((each.id, each.status) == (placed.id, Status.FINISHED) for each in heard)

    await road.wait(told)


@pytest.mark.parametrize(("asked", "working"), RING)
async def test_what_a_firewall_says_of_a_job_is_no_end_of_it(
    asked: str, working: str, lay: Any, storm: Any, weather: Any
) -> None:
    """Nor of one whose answer was lost, which has to be looked for."""
    sky = await storm(working)
    road = await lay(asked, working, lines=HASTY, storm=sky)
    sky.weather["CreateJob"].append(weather["lost"])
    for kind in ("ListJobs", "GetJob"):
        sky.weather[kind].extend(map(page, (400, 401, 401, 403, 404)))
    done = await road.ended(await road.asking.create(road.output))
    assert (done.status, done.trouble) == (Status.FINISHED, None), road.gateway.log.read_text()[-3000:]
    assert not sky.weather["ListJobs"]
    assert not sky.weather["GetJob"]
    assert len(await road.working.find()) == 1


def page(status: int) -> Callable[..., Awaitable[web.StreamResponse]]:
    async def weather(*_: object) -> web.StreamResponse:
        return web.Response(status=status, text="<html>Not through here</html>", content_type="text/html")

    return weather


def keeps_files(name: str) -> bool:
    """Whether files come from the provider itself, and not from a storage."""
    client = registry.find(name).client
    return client is not None and "storage" not in client.knobs
