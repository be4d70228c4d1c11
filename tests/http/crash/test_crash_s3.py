"""``kill -9`` on the way to an object store: the object is there once and whole, and no part of it lies beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

pytestmark = pytest.mark.ffmpeg
INLINE = "KEY:SE%2FCR%2BET"


class Watch:
    """Holds the one request that ``wanted`` is true of, until the server that sent it is gone."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.reached, self.leave = asyncio.Event(), asyncio.Event()
        self.wanted: Any = lambda request: False

    def holds(self, request: web.BaseRequest) -> bool:
        return not self.reached.is_set() and bool(self.wanted(request))

    async def stop(self) -> web.Response:
        self.reached.set()
        await self.leave.wait()
        return web.Response(status=500)

    def count(self, name: str) -> Counter[str]:
        """How often each value of a parameter came, by method."""
        asked = (request for request in self.store.asked if name in request.query)
        return Counter(f"{request.method} {request.query[name]}" for request in asked)

    async def after(self, key: str) -> tuple[bytes, bool]:
        """The object, and whether parts are left."""
        return (await self.store.get(key))[0], "<Upload>" in await self.store.ask("uploads")


@pytest.fixture
async def watch(store: Any) -> AsyncIterator[Watch]:
    one = Watch(store)
    yield one
    one.leave.set()


@pytest.fixture
def begin(run: Any, store: Any) -> Any:
    async def start() -> Any:
        return await run(MEDIAGLOT_S3_ENDPOINT=store.url)

    return start


def asked(store: Any) -> dict[str, str]:
    return {"output": "mp4", "destination": f"s3://{INLINE}@{store.bucket}/a.mp4"}


async def test_between_the_encode_and_the_delivery(
    begin: Any, store: Any, watch: Watch, ffmpeg: Any, noise: Path, pictures: Any, kill: Any, wait: Any
) -> None:
    async def away(request: web.BaseRequest) -> web.StreamResponse | None:
        return web.Response(status=503)

    store.gate = away
    server, client = await begin()
    media = await client.add(noise.as_uri(), asked(store))

    async def waits() -> bool:
        return "a delivery waits" in server.log.read_text()

    await wait(waits)
    await kill(server)
    store.gate = None
    server, client = await begin()
    assert (await client.end(media))["status"] == "Finished"
    content, parts = await watch.after("a.mp4")
    assert (pictures(content), parts) == (pictures(noise), False)
    assert ffmpeg.runs == 1


async def test_in_the_middle_of_a_put(
    begin: Any, store: Any, watch: Watch, ffmpeg: Any, short: Path, pictures: Any, kill: Any
) -> None:
    async def halfway(request: web.BaseRequest) -> web.StreamResponse | None:
        if not watch.holds(request):
            return None
        await request.content.readexactly(1 << 20)
        answer = await watch.stop()
        with contextlib.suppress(ConnectionError):
            await request.content.read()
        return answer

    watch.wanted, store.gate = (lambda request: request.method == "PUT"), halfway
    server, client = await begin()
    media = await client.add(short.as_uri(), asked(store))
    await watch.reached.wait()
    await kill(server)
    watch.leave.set()
    server, client = await begin()
    assert (await client.end(media))["status"] == "Finished"
    content, parts = await watch.after("a.mp4")
    assert (pictures(content), parts) == (pictures(short), False)
    assert store.methods() == ["PUT", "PUT"]
    assert ffmpeg.runs == 1


async def test_in_the_middle_of_many_parts(
    begin: Any, store: Any, watch: Watch, ffmpeg: Any, noise: Path, data: Path, pictures: Any, kill: Any
) -> None:
    async def hold(request: web.BaseRequest, _: bytes) -> web.StreamResponse | None:
        return await watch.stop() if watch.holds(request) else None

    watch.wanted, store.mischief = (lambda request: request.query.get("partNumber") == "4"), hold
    server, client = await begin()
    media = await client.add(noise.as_uri(), asked(store))
    await watch.reached.wait()
    await kill(server)
    watch.leave.set()
    server, client = await begin()
    assert (await client.end(media))["status"] == "Finished"
    content, parts = await watch.after("a.mp4")
    assert (pictures(content), parts) == (pictures(noise), False)
    assert watch.count("uploads") == {"POST ": 1}
    sent = watch.count("partNumber")
    assert sent["PUT 4"] == 2
    assert sent.total() - len(sent) < len(sent) - 2, "what has arrived is not sent again, but what was on its way"
    assert ffmpeg.runs == 1
    assert list((data / "uploading").iterdir()) == []


async def test_before_the_answer_that_all_parts_are_one(
    begin: Any, store: Any, watch: Watch, ffmpeg: Any, noise: Path, pictures: Any, kill: Any
) -> None:
    async def answer_never(request: web.BaseRequest, body: bytes) -> web.StreamResponse | None:
        if not watch.holds(request):
            return None
        async with store.done(request, body) as got:
            assert got.status == 200
        return await watch.stop()

    watch.wanted = lambda request: request.method == "POST" and "uploadId" in request.query
    store.mischief = answer_never
    server, client = await begin()
    media = await client.add(noise.as_uri(), asked(store))
    await watch.reached.wait()
    await kill(server)
    watch.leave.set()
    server, client = await begin()
    assert (await client.end(media))["status"] == "Finished"
    content, parts = await watch.after("a.mp4")
    assert (pictures(content), parts) == (pictures(noise), False)
    assert set(watch.count("partNumber").values()) == {1}
    assert ffmpeg.runs == 1


async def test_parts_of_a_file_that_is_made_again_are_ended(
    begin: Any, store: Any, watch: Watch, ffmpeg: Any, noise: Path, data: Path, pictures: Any, kill: Any
) -> None:
    async def hold(request: web.BaseRequest, _: bytes) -> web.StreamResponse | None:
        return await watch.stop() if watch.holds(request) else None

    watch.wanted, store.mischief = (lambda request: request.query.get("partNumber") == "3"), hold
    server, client = await begin()
    media = await client.add(noise.as_uri(), asked(store))
    await watch.reached.wait()
    await kill(server)
    watch.leave.set()
    (made,) = (data / "work").glob("*/out-0/*.mp4")
    with made.open("r+b") as file:
        file.truncate(1 << 20)
    server, client = await begin()
    assert (await client.end(media))["status"] == "Finished"
    content, parts = await watch.after("a.mp4")
    assert (pictures(content), parts) == (pictures(noise), False)
    first, second = dict.fromkeys(r.query["uploadId"] for r in store.asked if "uploadId" in r.query)
    assert [r.method for r in store.asked if r.query.get("uploadId") == first][-1] == "DELETE"
    assert [r.method for r in store.asked if r.query.get("uploadId") == second][-1] == "POST"
    assert ffmpeg.runs == 2
