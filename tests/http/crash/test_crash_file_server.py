"""``kill -9`` on the way to a file server: the file is there once and whole, and nothing half-made lies beside it."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.ffmpeg
SERVERS = Path(__file__).parents[2] / "transfer"
HALF = 4 << 20


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mediaglot_test_crash_{path.parent.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FTP, SSH = load(SERVERS / "ftp" / "server.py"), load(SERVERS / "sftp" / "server.py")


class Ftp:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._server: Any = None

    async def open(self, port: int = 0) -> None:
        self._server = FTP.Ftpd(self.folder, port=port)

    def stall(self) -> None:
        self._server.stalls.append(HALF)

    def url(self, port: int) -> str:
        return f"ftp://{FTP.USER}:{quote(FTP.PASSWORD, safe='')}@127.0.0.1:{port}/out/a.mp4"

    @property
    def port(self) -> int:
        return int(self._server.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()


class Sftp(Ftp):
    async def open(self, port: int = 0) -> None:
        self._server = SSH.Sshd(self.folder)
        await self._server.start(port)

    def url(self, port: int) -> str:
        return super().url(port).replace("ftp:", "sftp:", 1)

    async def close(self) -> None:
        if self._server is not None:
            await self._server.close()


@pytest.fixture(params=[Ftp, Sftp])
async def there(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Any]:
    (tmp_path / "there").mkdir()
    one = request.param(tmp_path / "there")
    yield one
    await one.close()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_between_the_encode_and_the_delivery(
    run: Any, there: Any, ffmpeg: Any, short: Path, pictures: Any, kill: Any, wait: Any
) -> None:
    server, client = await run("--no-offline-storage")
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        media = await client.add(short.as_uri(), {"output": "mp4", "destination": there.url(port)})

        async def waits() -> bool:
            return "a delivery waits" in server.log.read_text()

        await wait(waits)
        await kill(server)
    await there.open(port)
    server, client = await run("--no-offline-storage")
    assert (await client.end(media))["status"] == "Finished"
    assert files(there.folder) == ["out/a.mp4"]
    assert pictures(there.folder / "out" / "a.mp4") == pictures(short)
    assert ffmpeg.runs == 1


async def test_in_the_middle_of_a_delivery(
    run: Any, there: Any, ffmpeg: Any, short: Path, pictures: Any, kill: Any, wait: Any
) -> None:
    await there.open()
    there.stall()
    server, client = await run("--no-offline-storage")
    media = await client.add(short.as_uri(), {"output": "mp4", "destination": there.url(there.port)})

    async def halfway() -> list[Path]:
        return [part for part in there.folder.rglob("*.part") if part.stat().st_size >= HALF // 2]

    await wait(halfway)
    await kill(server)
    assert [name for name in files(there.folder) if name.endswith(".part")] == files(there.folder)
    server, client = await run("--no-offline-storage")
    assert (await client.end(media))["status"] == "Finished"
    assert files(there.folder) == ["out/a.mp4"]
    assert pictures(there.folder / "out" / "a.mp4") == pictures(short)
    assert ffmpeg.runs == 1
