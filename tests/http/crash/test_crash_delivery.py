"""``kill -9`` between an encode and the end of its delivery: nothing is made twice, everything arrives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

pytestmark = pytest.mark.ffmpeg
ASKED = {"output": "mp4"}
"""What the source is already: one run of FFmpeg copies it."""


class Shelf:
    """Takes PUTs. ``hold`` names a path of which only the beginning is read, until ``leave`` is set."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.begun: list[str] = []
        self.hold, self.reached, self.leave = "", asyncio.Event(), asyncio.Event()
        self.port = 0
        self._runner: web.ServerRunner | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.begun.append(request.path)
        content = b""
        if request.path == self.hold:
            content = await request.content.readexactly(1 << 20)
            self.reached.set()
            await self.leave.wait()
        with contextlib.suppress(ConnectionError):
            self.got.append((request.path, content + await request.content.read()))
        return web.Response(status=201)

    async def open(self, port: int = 0) -> str:
        self._runner = web.ServerRunner(web.Server(self), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]
        return f"http://127.0.0.1:{self.port}"

    async def close(self) -> None:
        self.leave.set()
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    one = Shelf()
    yield one
    await one.close()


async def test_between_the_encode_and_the_delivery(
    run: Any, pictures: Any, kill: Any, shelf: Shelf, ffmpeg: Any, noise: Path, wait: Any
) -> None:
    server, client = await run()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        media = await client.add(noise.as_uri(), ASKED | {"destination": f"http://127.0.0.1:{port}/a.mp4"})

        async def waits() -> bool:
            return "a delivery waits" in server.log.read_text()

        await wait(waits)
        await kill(server)
    await shelf.open(port)
    server, client = await run()
    done = await client.end(media)
    assert (done["status"], done["format"]["status"]) == ("Finished", "Finished")
    ((path, content),) = shelf.got
    assert (path, pictures(content)) == ("/a.mp4", pictures(noise))
    assert ffmpeg.runs == 1


async def test_in_the_middle_of_a_put(
    run: Any, pictures: Any, kill: Any, shelf: Shelf, ffmpeg: Any, noise: Path, receiver: Any, tmp_path: Path
) -> None:
    server, client = await run()
    url = await shelf.open()
    shelf.hold = "/second.mp4"
    places = [f"{url}/first.mp4", f"{url}/second.mp4", (tmp_path / "out" / "third.mp4").as_uri()]
    told = {"notify": f"{receiver.url}/told", "notify_upload": f"{receiver.url}/told", "notify_format": "json"}
    receiver.mute = True
    media = await client.add(noise.as_uri(), ASKED | {"destination": places}, **told)
    await shelf.reached.wait()
    await receiver.heard.wait()
    await kill(server)
    shelf.leave.set()
    receiver.mute = False
    server, client = await run()
    done = await client.end(media)
    assert done["status"] == "Finished"
    assert set(done["format"]["destination_status"]) == {"Saved"}
    kept = [(path, pictures(content)) for path, content in shelf.got]
    right = pictures(noise)
    assert kept == [("/first.mp4", right), ("/second.mp4", right)]
    assert pictures(tmp_path / "out" / "third.mp4") == right
    assert shelf.begun == ["/first.mp4", "/second.mp4", "/second.mp4"]
    assert ffmpeg.runs == 1
    letters = await receiver.at("/told", 5)
    names = [letter["id"] for letter in receiver.letters]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert [document.get("destination") for document in letters[1:4]] == places
    assert letters[4]["status"] == "Finished"


async def test_in_the_middle_of_a_copy(run: Any, pictures: Any, ffmpeg: Any, noise: Path, tmp_path: Path) -> None:
    server, client = await run()
    target = tmp_path / "out" / "deep" / "a.mp4"
    media = await client.add(noise.as_uri(), ASKED | {"destination": target.as_uri()})
    await asyncio.to_thread(_kill_at_first_part, server.process.pid, target.parent)
    assert await server.process.wait() == -signal.SIGKILL
    server, client = await run()
    assert (await client.end(media))["status"] == "Finished"
    assert [path.name for path in target.parent.iterdir()] == ["a.mp4"]
    assert pictures(target) == pictures(noise)
    assert ffmpeg.runs == 1


def _kill_at_first_part(pid: int, folder: Path) -> None:
    """As soon as anything of the file is there."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if folder.is_dir() and any(folder.iterdir()):
            os.kill(pid, signal.SIGKILL)
            return
    pytest.fail("nothing came")


async def test_a_result_that_was_damaged_meanwhile_is_made_again(
    run: Any, pictures: Any, kill: Any, shelf: Shelf, ffmpeg: Any, noise: Path, data: Path
) -> None:
    server, client = await run()
    url = await shelf.open()
    shelf.hold = "/a.mp4"
    media = await client.add(noise.as_uri(), ASKED | {"destination": f"{url}/a.mp4"})
    await shelf.reached.wait()
    await kill(server)
    shelf.hold = ""
    shelf.leave.set()
    (made,) = (data / "work").glob("*/out-0/*.mp4")
    with made.open("r+b") as file:
        file.truncate(1 << 20)
    server, client = await run()
    assert (await client.end(media))["status"] == "Finished"
    assert [(path, pictures(content)) for path, content in shelf.got] == [("/a.mp4", pictures(noise))]
    assert ffmpeg.runs == 2
    assert list((data / "work").iterdir()) == []
    assert list((data / "stock").iterdir()) == []


async def test_our_own_links_lead_to_what_was_made_before_the_crash(
    run: Any, pictures: Any, kill: Any, ffmpeg: Any, noise: Path, data: Path, receiver: Any
) -> None:
    """Without destinations: the files of the first output stay where they are while the second one is delivered."""
    server, client = await run()
    shelf = Shelf()
    url = await shelf.open()
    shelf.hold = "/b.mp4"
    media = await client.add(noise.as_uri(), ASKED, ASKED | {"destination": f"{url}/b.mp4"})
    await shelf.reached.wait()
    await kill(server)
    shelf.hold = ""
    shelf.leave.set()
    runs = ffmpeg.runs
    server, client = await run()
    done = await client.end(media)
    assert done["status"] == "Finished"
    status, _, content = await client.get(done["format"][0]["s3_destination"])
    assert (status, pictures(content)) == (200, pictures(noise))
    assert ffmpeg.runs == runs
    await shelf.close()
