"""Many jobs and many clients at once."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import pytest

from mediaglot.gateway.store import Key

SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


@pytest.mark.ffmpeg
async def test_fifty_jobs_at_once(serve: Any, origin: Any, measure: Any, encoders: Any) -> None:
    client = await serve(workers=3)
    bad = {7: f"{origin.url}/nothing.mp4", 19: f"{origin.url}/page.mp4", 31: f"{origin.url}/empty.mp4"}

    def submit(number: int) -> Any:
        size = {"size": f"{64 + 2 * number}x64", "keep_aspect_ratio": "no"}
        source = bad.get(number, f"{origin.url}/clips/bars-1s-320x180-25fps.mp4" if number % 2 else SHORT)
        return client.add(source, {"output": "mp4", "audio_bitrate": "32k", **size})

    added = await asyncio.gather(*(submit(number) for number in range(50)))
    assert len(set(added)) == 50
    ends = [await client.end(media, seconds=120) for media in added]
    assert len({one["format"]["id"] for one in ends}) == 50
    assert {number for number, one in enumerate(ends) if one["status"] != "Finished"} == set(bad)
    for number, one in enumerate(ends):
        if number not in bad:
            found = measure((await client.get(one["format"]["s3_destination"]))[2])
            assert (found["size"], found["frames"]) == ((64 + 2 * number, 64), 25)
    assert [one["mediaid"] for one in (await client.json("GetMediaList"))["media"]] == sorted(added, key=int)
    assert encoders() == []


@pytest.mark.heavy
async def test_the_greatest_priority_goes_first_then_the_earliest(serve: Any) -> None:
    client = await serve(backend="simulated", workers=1)
    blocking = await client.add("http://h.test/a-30s.mp4", SMALL)
    await client.reach(blocking, "Processing")
    chosen = random.Random(5)
    priorities = [chosen.choice([None, -3, 0, 1, 2, 50]) for _ in range(50)]

    def submit(number: int, priority: int | None) -> Any:
        more = {} if priority is None else {"priority": priority}
        return client.add(f"http://h.test/{number}-1s.mp4", SMALL, **more)

    added = await asyncio.gather(*(submit(number, priority) for number, priority in enumerate(priorities)))
    assert (await client.status(blocking))["status"] == "Processing"
    ends = [await client.end(media) for media in added]
    assert {one["status"] for one in ends} == {"Finished"}
    store = client.server.house.desk.store
    (account,) = {key.account for key in store._cache._kept}
    tickets = [await store.get(Key("encoding_com", account, media)) for media in added]
    wanted = sorted(tickets, key=lambda ticket: (-(ticket.job.priority or 0), ticket.serial))
    begun = sorted(tickets, key=lambda ticket: ticket.started)
    assert [ticket.id for ticket in begun] == [ticket.id for ticket in wanted]
    for one, following in itertools.pairwise(begun):
        assert one.finished <= following.started


@pytest.mark.ffmpeg
async def test_clients_that_pull_at_one_job_from_all_sides(
    serve: Any, slow: Any, encoders: Any, no_mistakes: None
) -> None:
    client = await serve(ffmpeg=str(slow), workers=2)
    beside = await client.add(SHORT, SMALL)
    media = await client.add(LONG, SMALL, {"output": "mp3"})
    task = (await client.status(media))["format"][0]["id"]
    await client.encoding(media)
    chosen = random.Random(7)
    calls = [
        ("StopMedia", {}),
        ("RestartMedia", {}),
        ("RestartMediaErrors", {}),
        ("RestartMediaTask", {"taskid": task}),
        ("UpdateMedia", {"format": SMALL}),
        ("ProcessMedia", {}),
        ("GetStatus", {}),
        ("GetMediaInfo", {}),
    ]
    for _ in range(4):
        some = chosen.choices(calls, k=12)
        answers = await asyncio.gather(*(client.json(action, mediaid=media, **more) for action, more in some))
        for (action, _), answer in zip(some, answers, strict=True):
            assert "Internal" not in str(answer), (action, answer)
    assert (await client.json("UpdateMedia", mediaid=media, format=SMALL))["message"] == "Updated"
    assert (await client.end(media))["status"] == "Finished"
    assert (await client.end(beside))["status"] == "Finished"
    assert (await client.json("CancelMedia", mediaid=media))["message"] == "Deleted"
    assert encoders() == []


@pytest.mark.heavy
async def test_status_is_answered_at_once_while_jobs_pour_in(serve: Any) -> None:
    client = await serve(backend="simulated", workers=2)
    first = await client.add("http://h.test/0-1s.mp4", SMALL)
    others = [client.add(f"http://h.test/{number}-1s.mp4", SMALL) for number in range(100)]
    pouring = asyncio.gather(*others)
    while not pouring.done():
        assert (await client.status(first))["id"] == first
    assert len(set(await pouring)) == 100
    reserved = (await client.json("GetReservedInfo"))["result"]
    assert int(reserved["waiting_threads"]) > 50
