"""``kill -9`` between an encode and the end of its delivery: nothing is made twice, everything arrives."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import pytest
from aiohttp import web

from mediaglot.gateway.media import tool

pytestmark = pytest.mark.ffmpeg
ASKED = {"output": "mp4"}
"""What the source is already: one run of FFmpeg copies it."""


@pytest.fixture(scope="session")
def noise(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many megabytes that are made in two seconds."""
    path = tmp_path_factory.mktemp("noise") / "noise.mp4"
    picture = "color=gray:size=640x360:rate=25:duration=8,noise=alls=100:allf=t"
    words = (the_tool.path, "-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast")
    subprocess.run((*words, "-pix_fmt", "yuv420p", "-crf", "2", "-bf", "0", str(path)), check=True)
    return path


class Counting:
    """An FFmpeg that leaves a line for each time that it encodes."""

    def __init__(self, folder: Path, real: str) -> None:
        self.path, self._tally = folder / "ffmpeg", folder / "tally"
        note = f'case " $* " in *" -protocol_whitelist "*) echo run >> {self._tally};; esac'
        self.path.write_text(f'#!/bin/bash\n{note}\nexec -a "$0" {real} "$@"\n')
        self.path.chmod(0o755)

    @property
    def runs(self) -> int:
        return len(self._tally.read_text().splitlines())


@pytest.fixture
def ffmpeg(the_tool: tool.Tool, tmp_path: Path) -> Counting:
    (tmp_path / "bin").mkdir()
    return Counting(tmp_path / "bin", str(the_tool.path))


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


@pytest.fixture
def run(command: Any, visit: Any, ffmpeg: Counting, noise: Path, tmp_path: Path) -> Callable[[], Any]:
    """Starts the server, again and again on the same data; gives the process and a client."""
    flags = ("--ffmpeg", str(ffmpeg.path), "--sandbox", "off", "--workers", "1", "--file-sources")
    places = ("--allow-dir", str(noise.parent), "--allow-dir", str(tmp_path / "out"))

    async def start() -> Any:
        server = await command(*flags, *places)
        return server, visit(server.site)

    (tmp_path / "out").mkdir()
    return start


def pictures(film: bytes | Path) -> str:
    """What tells one film from another, whatever file it is in."""
    found = hashlib.sha256()
    with av.open(io.BytesIO(film) if isinstance(film, bytes) else str(film)) as box:
        for packet in box.demux(video=0):
            found.update(bytes(packet))
    return found.hexdigest()


async def kill(server: Any) -> None:
    assert await server.end(signal.SIGKILL) == -signal.SIGKILL


async def test_between_the_encode_and_the_delivery(
    run: Any, shelf: Shelf, ffmpeg: Counting, noise: Path, wait: Any
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
    run: Any, shelf: Shelf, ffmpeg: Counting, noise: Path, receiver: Any, tmp_path: Path
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


async def test_in_the_middle_of_a_copy(run: Any, ffmpeg: Counting, noise: Path, tmp_path: Path) -> None:
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
    run: Any, shelf: Shelf, ffmpeg: Counting, noise: Path, data: Path
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
    run: Any, ffmpeg: Counting, noise: Path, data: Path, receiver: Any
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
