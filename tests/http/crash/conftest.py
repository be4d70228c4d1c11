"""A real server that may be killed at any time, an FFmpeg that counts its runs, and films of many megabytes."""

from __future__ import annotations

import hashlib
import io
import signal
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import av
import pytest

from mediaglot.gateway.media import tool


def film(tool: tool.Tool, path: Path, seconds: int) -> Path:
    """Nine megabytes a second, which are made in less."""
    picture = f"color=gray:size=640x360:rate=25:duration={seconds},noise=alls=100:allf=t"
    words = (tool.path, "-v", "error", "-f", "lavfi", "-i", picture, "-c:v", "libx264", "-preset", "ultrafast")
    subprocess.run((*words, "-pix_fmt", "yuv420p", "-crf", "2", "-bf", "0", str(path)), check=True)
    return path


@pytest.fixture(scope="session")
def noise(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(the_tool, tmp_path_factory.mktemp("noise") / "noise.mp4", 8)


@pytest.fixture(scope="session")
def short(the_tool: tool.Tool, noise: Path) -> Path:
    return film(the_tool, noise.with_name("short.mp4"), 1)


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


@pytest.fixture
def run(command: Any, visit: Any, ffmpeg: Counting, noise: Path, tmp_path: Path) -> Callable[[], Any]:
    """Starts the server, again and again on the same data; gives the process and a client."""
    flags = ("--ffmpeg", str(ffmpeg.path), "--sandbox", "off", "--workers", "1", "--file-sources")
    places = ("--allow-dir", str(noise.parent), "--allow-dir", str(tmp_path / "out"))

    async def start(*more: str, **environment: str) -> Any:
        server = await command(*flags, *places, *more, **environment)
        return server, visit(server.site)

    (tmp_path / "out").mkdir()
    return start


@pytest.fixture
def pictures() -> Callable[[bytes | Path], str]:
    """What tells one film from another, whatever file it is in."""

    def of(film: bytes | Path) -> str:
        found = hashlib.sha256()
        with av.open(io.BytesIO(film) if isinstance(film, bytes) else str(film)) as box:
            for packet in box.demux(video=0):
                found.update(bytes(packet))
        return found.hexdigest()

    return of


@pytest.fixture
def kill() -> Callable[[Any], Awaitable[None]]:
    async def end(server: Any) -> None:
        assert await server.end(signal.SIGKILL) == -signal.SIGKILL

    return end
