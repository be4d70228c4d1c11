"""The real command, and what is left of its promises when it ends: well, badly, or not at all."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


def same(one: Any, other: Any) -> bool:
    """The same media with the same tasks."""
    keys = ("id", "userid", "created", "sourcefile")
    return [one[key] for key in keys] == [other[key] for key in keys] and one["format"]["id"] == other["format"]["id"]


@pytest.mark.ffmpeg
async def test_killed_in_the_middle_of_an_encode(
    command: Any, visit: Any, slow: Path, receiver: Any, encoders: Any, measure: Any, wait: Any
) -> None:
    server = await command("--ffmpeg", str(slow), "--workers", "1")
    client = visit(server.site)
    receiver.refuse = 1
    told = {"notify": f"{receiver.url}/ended", "notify_format": "json"}
    done = await client.end(await client.add(SHORT, SMALL, **told))

    async def refused() -> bool:
        return receiver.refuse == 0

    await wait(refused)
    cut = await client.add(LONG, SMALL, **told)
    waiting = await client.add(SHORT, SMALL, **told)
    before = await client.encoding(cut)
    orphans = encoders()
    assert orphans
    assert await server.end(signal.SIGKILL) == -signal.SIGKILL

    client = visit((await command("--workers", "1")).site)
    assert not set(orphans) & set(encoders())
    listed = (await client.json("GetMediaList"))["media"]
    assert [one["mediaid"] for one in listed] == [done["id"], cut, waiting]
    assert same(await client.status(cut), before)
    assert await client.status(done["id"]) == done | {
        "format": done["format"] | {"s3_destination": f"{client.site}/_mediaglot{linked(done)}"}
    }
    for media, seconds in ((cut, 8.0), (waiting, 1.0)):
        after = await client.end(media)
        assert after["status"] == "Finished"
        found = measure((await client.get(after["format"]["s3_destination"]))[2])
        assert abs(found["seconds"] - seconds) <= 1 / 25
    assert same(await client.status(cut), before)
    await receiver.at("/ended", 3)
    letters = defaultdict(set)
    for letter, document in zip(receiver.letters, await receiver.at("/ended", 3), strict=True):
        assert document["status"] == "Finished"
        letters[document["mediaid"]].add(letter["id"])
    assert {media: len(ids) for media, ids in letters.items()} == {done["id"]: 1, cut: 1, waiting: 1}
    assert int(await client.add(SHORT, SMALL)) > int(waiting)


def linked(status: Any) -> str:
    return str(status["format"]["s3_destination"].partition("/_mediaglot")[2])


@pytest.mark.ffmpeg
async def test_told_to_end_it_puts_its_work_back(
    program: Any, visit: Any, slow: Path, encoders: Any, data: Path
) -> None:
    server = await program("--ffmpeg", str(slow))
    client = visit(server.site)
    media = await client.add(LONG, SMALL)
    before = await client.encoding(media)
    assert await server.end(signal.SIGTERM) == 0
    assert encoders() == []
    assert await server.process.stdout.read() == b""
    assert "Traceback" not in server.log.read_text()
    client = visit((await program()).site)
    assert same(await client.status(media), before)
    after = await client.end(media)
    assert after["status"] == "Finished"
    assert (await client.get(after["format"]["s3_destination"]))[0] == 200
    assert list((data / "work").iterdir()) == []


@pytest.mark.ffmpeg
async def test_it_can_be_told_to_end_many_times_and_finish_at_last(command: Any, visit: Any, slow: Path) -> None:
    media = None
    for _ in range(3):
        server = await command("--ffmpeg", str(slow))
        client = visit(server.site)
        media = media or await client.add(LONG, SMALL)
        await client.encoding(media)
        assert await server.end(signal.SIGTERM) == 0
    client = visit((await command()).site)
    assert (await client.end(media))["status"] == "Finished"


@pytest.mark.heavy
async def test_what_was_answered_is_there_after_a_crash(command: Any, visit: Any) -> None:
    server = await command("--backend", "simulated")
    client = visit(server.site)
    assert (await client.json("SavePreset", name="kept", format=SMALL))["message"] == "Saved"
    added = await asyncio.gather(*(client.add(f"http://h.test/{n}-10s.mp4", SMALL) for n in range(30)))
    assert await server.end(signal.SIGKILL) == -signal.SIGKILL
    client = visit((await command("--backend", "simulated", "--workers", "8")).site)
    listed = (await client.json("GetMediaList"))["media"]
    assert {one["mediaid"] for one in listed} == set(added)
    assert len(set(added)) == 30
    assert (await client.json("GetPreset", name="kept"))["format"]["size"] == "160x90"
    ends = [await client.end(media) for media in added]
    assert {one["status"] for one in ends} == {"Finished"}


@pytest.mark.heavy
async def test_a_data_folder_belongs_to_one_server(program: Any, visit: Any) -> None:
    first = await program("--backend", "simulated")
    second = await program("--backend", "simulated")
    assert second.site == ""
    async with asyncio.timeout(20):
        assert await second.process.wait() == 2
    (line,) = second.log.read_text().splitlines()
    assert "in use" in line
    assert str(first.process.pid) in line
    assert (await visit(first.site).json("GetMediaList"))["media"] == []


@pytest.mark.heavy
async def test_its_one_line_comes_when_it_answers(program: Any, visit: Any) -> None:
    server = await program("--backend", "simulated", "--log-level", "debug")
    assert server.site.startswith("http://127.0.0.1:")
    assert (await visit(server.site).get("/_mediaglot/ready"))[0] == 200
    assert await server.end(signal.SIGINT) == 0
    assert await server.process.stdout.read() == b""
