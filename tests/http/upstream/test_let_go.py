"""Jobs at a provider that nobody wants any more: they are stopped there, also when that is not so simple."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.model import TERMINAL, Status

pytestmark = pytest.mark.ffmpeg

NAME = "encoding_com"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
LINES = "poll = 0.05\nwait = 0.02\nsettle = 2\nper_second = 1000"


async def done(road: Any) -> list[str]:
    """The jobs that the provider has not been spared."""
    return [one.id for one in await road.working.find() if one.status is Status.FINISHED]


async def at_work(road: Any) -> set[str]:
    return {one.id for one in await road.working.find() if one.status not in TERMINAL}


async def test_a_job_that_is_cancelled_while_it_is_on_its_way_is_stopped_where_it_arrives(
    lay: Any, wait: Any, storm: Any, weather: Any, slow: Path
) -> None:
    """The provider has not got it yet when it is first looked for."""
    sky = await storm(NAME)
    sky.weather["CreateJob"].append(weather["tardy"])
    road = await lay(NAME, NAME, "--ffmpeg", str(slow), lines=LINES, storm=sky)
    placed = await road.asking.create(road.output, LONG)
    await sky.struck.wait()
    await road.asking.cancel(placed)
    (late,) = sky.late
    await asyncio.wait_for(late, 20)

    async def let_go() -> bool:
        return not await at_work(road) and not await road.there("/other")

    await wait(let_go)
    assert await done(road) == []


async def test_a_provider_that_can_not_be_told_is_told_when_it_is_back(
    lay: Any, wait: Any, storm: Any, weather: Any, slow: Path
) -> None:
    sky = await storm(NAME)
    road = await lay(NAME, NAME, "--ffmpeg", str(slow), lines=f"{LINES}\ncool = 0.1", storm=sky)
    placed = await road.asking.create(road.output, LONG)
    await wait(lambda: at_work(road))
    sky.always = weather["broken"]
    await road.asking.cancel(placed)

    async def in_vain() -> bool:
        return "could not be told to stop job" in road.gateway.log.read_text()

    async def let_go() -> bool:
        return not await at_work(road) and not await road.there("/other")

    await wait(in_vain)
    sky.always = None
    await wait(let_go)
    assert await done(road) == []


async def test_a_job_that_is_changed_is_stopped_as_it_was(lay: Any, wait: Any, slow: Path) -> None:
    road = await lay(NAME, NAME, "--ffmpeg", str(slow), lines=LINES)
    placed = await road.asking.create(road.output, LONG)
    before = await wait(lambda: at_work(road))
    await update(road, placed.id)

    async def changed() -> bool:
        found = await road.there("/other")
        return len(found) == 1 and not before & {found[0]["provider_job"], None} and not before & await at_work(road)

    await wait(changed)
    assert not before & set(await done(road))


async def update(road: Any, media: str) -> None:
    login = registry.find(NAME).client.example  # type: ignore[union-attr]
    query = (
        f"<query><userid>{login.name}</userid><userkey>{login.secret.reveal()}</userkey><action>UpdateMedia</action>"
        f"<mediaid>{media}</mediaid><format><output>mp4</output><size>80x44</size></format></query>"
    )
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{road.gateway.site}/{NAME}", data={"xml": query}) as answer,
    ):
        assert "Updated" in await answer.text()
