"""Several clients steer one world of the test double, and others ask it meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.http import double
from mediaglot.tests.http.test_double import Lab, World, lab

__all__ = ["lab"]
pytestmark = pytest.mark.heavy
CENTURY = 100 * 365 * 86_400


async def test_who_asks_while_the_world_is_kept_or_brought_back_is_answered(lab: Lab) -> None:
    world, said = await lab.world(), list[Any]()
    ended = asyncio.Event()

    async def ask() -> None:
        while not ended.is_set():
            said.append(await world.said("AddMedia", source="https://media.mediaglot.test/bars-60s.mp4", format=FORMAT))

    asking = [asyncio.create_task(ask()) for _ in range(3)]
    for _ in range(3):
        await world.ask("PUT", "snapshots/a", status=201)
        await world.ask("POST", "snapshots/a/restore")
        await world.ask("POST", "reset")
        await world.ask("GET", "jobs")
    ended.set()
    await asyncio.gather(*asking)
    assert {answer["message"] for answer in said} == {"Added"}


async def test_one_ends_a_world_that_others_change_and_make(lab: Lab, tmp_path: Path) -> None:
    spec = {"id": "one", "clock": "virtual", "secret": "a-secret-of-mine"}

    async def status(method: str, path: str, document: Any = None) -> int:
        async with lab.session.request(method, f"{lab.site}/_mediaglot/{path}", json=document) as answer:
            return answer.status

    async def storm() -> set[int]:
        calls = [
            ("POST", "worlds", spec),
            ("PUT", "worlds/one/snapshots/a"),
            ("POST", "worlds/one/snapshots/a/restore"),
        ]
        calls += [
            ("POST", "worlds/one/reset"),
            ("GET", "worlds/one/notifications"),
            ("DELETE", "worlds/one"),
            ("GET", "worlds/one/jobs"),
        ]
        return {await status(*call) for _ in range(3) for call in calls}

    statuses = set[int]().union(*await asyncio.gather(*(storm() for _ in range(4))))
    assert statuses <= {200, 201, 404, 409}
    await status("DELETE", "worlds/one")
    assert list((tmp_path / "data" / "worlds").iterdir()) == []


async def test_two_that_open_a_world_at_once_when_there_are_many(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(double, "MOST", 1)
    await World(lab, {"id": "", "secret": "idle"}).create()
    mine = World(lab, {"id": "", "secret": "mine"})
    jobs = await asyncio.gather(*(mine.create() for _ in range(4)))
    assert len(set(jobs)) == 4, "all of them are in one world"
    assert len((await lab.ask("GET", "worlds"))["worlds"]) == 1


async def test_there_are_no_more_worlds_than_the_open_files_allow(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (20, 20))
    for number in range(4):
        await World(lab, {"id": "", "secret": f"key-{number}"}).create()
    assert len((await lab.ask("GET", "worlds"))["worlds"]) == 2


async def test_a_world_that_can_not_be_opened_is_told_in_the_dialects_words(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "data" / "worlds").write_text("this is no folder")
    status, body = await World(lab, {"id": "", "secret": "mine"}).query("GetMediaList")
    assert (status, body) == (200, b'{"response":{"errors":{"error":"Internal error"}}}')
    assert (await lab.ask("POST", "worlds", {}, 500))["error"]["code"] == "internal"


async def test_a_clock_there_and_back_and_up_to_its_end(lab: Lab) -> None:
    world = await lab.world()
    for _ in range(21):
        await world.ask("POST", "clock", {"advance": CENTURY})
        await world.ask("POST", "clock", {"set": "2026-01-01T00:00:00Z"})
    world = await lab.world(start="2999-10-01T00:00:00Z")
    await world.ask("POST", "clock", {"run": CENTURY})
    while (now := (await world.ask("GET", "clock"))["now"]) < "3000":
        await world.create()
    assert now == "3000-01-01T00:00:00+00:00"
    assert "Added" in str(
        await world.said("AddMedia", source="https://media.mediaglot.test/bars-60s.mp4", format=FORMAT)
    )


FORMAT = [{"output": "mp4", "size": "320x180"}]
