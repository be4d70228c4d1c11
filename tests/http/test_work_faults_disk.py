"""The disk gets full in the middle of a run: the whole data folder lies on a small disk of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.http.transport import Transport, drive
from mediaglot.gateway.model import TERMINAL
from mediaglot.gateway.registry import find

pytestmark = pytest.mark.ffmpeg
LONG = "bars-20s-320x180-25fps.mp4"
ROOM = 6_000_000
LEFT = 110_000
"""Bytes that the disk still has when it begins to fill up: the database's needs come out of them too."""
WORDS = {
    "encoding_com": ("Error", "No space left for the result"),
    "tpstreams": ("Error", "The video could not be transcoded"),
    "transparent_edge": ("ERROR", "transcoding failed"),
    "xvid_mediahub": ("FAILURE", "Failed to transcode the file"),
}
MOUNT = f'mount -t tmpfs -o size={ROOM} none "$0" && exec "$@"'
APART = (
    "unshare",
    *(() if os.geteuid() == 0 else ("--user", "--map-root-user")),
    "--mount",
    "--",
    "/bin/sh",
    "-c",
    MOUNT,
)


@pytest.fixture(scope="module")
def mounting(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """What goes before a command so that a folder is a small disk for it alone."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here to mount a small disk with")
    tried = subprocess.run([*APART, str(tmp_path_factory.mktemp("disk")), "true"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"this machine lets nobody mount a disk: {tried.stderr.decode().strip()}")
    return APART


class Server:
    def __init__(self, process: asyncio.subprocess.Process, data: Path) -> None:
        self.process, self.site = process, ""
        self.data = Path(f"/proc/{process.pid}/root{data}")
        """The folder as the server sees it."""

    def fill(self) -> Path:
        facts = os.statvfs(self.data)
        path = self.data / "filler"
        with contextlib.suppress(OSError):  # FFmpeg is still writing: it may have taken some of it meanwhile
            path.write_bytes(bytes(max(facts.f_bavail * facts.f_frsize - LEFT, 0)))
        return path

    def left(self) -> list[str]:
        rooms = (self.data / room for room in ("work", "outputs", "storage"))
        return [str(path.relative_to(self.data)) for room in rooms for path in room.rglob("*") if path.is_file()]


@pytest.fixture
async def server(mounting: tuple[str, ...], tmp_path: Path, slow: Path, clips: Any) -> AsyncIterator[Server]:
    data = tmp_path / "disk"
    data.mkdir()
    serve = (sys.executable, "-m", "mediaglot", "serve", "--port", "0", "--data", str(data))
    with (tmp_path / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(*mounting, str(data), *serve, "--ffmpeg", str(slow), "--workers", "1"), stdout=subprocess.PIPE, stderr=log
        )
    one = Server(process, data)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            one.site = (await process.stdout.readline()).decode().strip()
        (one.data / "media").mkdir()
        shutil.copy(clips(LONG), one.data / "media" / LONG)
        yield one
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()


@pytest.mark.parametrize("name", WORDS)
async def test_a_disk_that_gets_full(server: Server, wait: Any, name: str) -> None:
    dialect = find(name)
    sample = dialect.sample()
    async with Transport() as transport:
        send = partial(transport.send, base=f"{server.site}/{name}")
        job = await drive(sample.create(f"https://media.mediaglot.test/{LONG}"), send)

        async def writes() -> bool:
            return any(path.stat().st_size for path in server.data.glob("work/*/out-*/**/*") if path.is_file())

        async def ended() -> Any:
            seen = await drive(sample.status(job), send)
            return seen if dialect.heard(seen.word)[0] in TERMINAL else None

        await wait(writes, seconds=20)
        server.fill()
        seen = await wait(ended, seconds=20)
    word, detail = WORDS[name]
    assert (seen.word, seen.detail.rpartition(": ")[2]) == (word, detail)

    async def swept() -> bool:
        return not server.left()

    await wait(swept)
