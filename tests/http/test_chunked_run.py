"""A job in chunks under the server's hands: ended, interrupted, killed with the server. Nothing of it is left."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ffmpeg
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}
FAULTY = 'case " $* " in *chunks/0-00001.mp4*) echo "[error] No space left on device" >&2; exit 1;; esac'


@pytest.fixture
def paced(the_tool: Any, tmp_path: Path) -> Any:
    """An FFmpeg that encodes three times as fast as the source would be played; other work it does at its own pace."""

    def paced(more: str = "") -> Path:
        program = tmp_path / "paced"
        pace = 'case " $* " in *framecrc*|*concat*) ;; *" -protocol_whitelist "*) set -- -readrate 3 "$@";; esac'
        program.write_text(f'#!/bin/bash\n{more}\n{pace}\nexec -a "$0" {the_tool.path} "$@"\n')
        program.chmod(0o755)
        return program

    return paced


def left(data: Path) -> list[str]:
    return [str(path.relative_to(data)) for room in ("work", "outputs") for path in (data / room).rglob("*")]


@pytest.mark.usefixtures("no_mistakes")
async def test_stopped_in_the_middle(serve: Any, paced: Any, data: Path, encoders: Any, wait: Any) -> None:
    client = await serve(ffmpeg=str(paced()), cores=3, chunk_seconds=2)
    media = await client.add(LONG, SMALL)

    async def several() -> bool:
        return len(encoders()) >= 3

    await wait(several)
    began = time.monotonic()
    await client.json("StopMedia", mediaid=media)
    assert encoders() == []
    assert time.monotonic() - began < 1
    assert left(data) == []


@pytest.mark.usefixtures("no_mistakes")
async def test_a_chunk_that_fails(serve: Any, paced: Any, swept: Any, encoders: Any) -> None:
    client = await serve(ffmpeg=str(paced(FAULTY)), chunk_seconds=2)
    done = await client.end(await client.add(LONG, SMALL))
    assert (done["status"], done["description"]) == ("Error", "No space left for the result")
    assert encoders() == []
    await swept("work")


async def test_killed_with_the_server_and_made_again(
    command: Any, visit: Any, paced: Any, swept: Any, encoders: Any, measure: Any, wait: Any
) -> None:
    flags = ("--ffmpeg", str(paced()), "--workers", "1", "--cores", "3", "--chunk-seconds", "2")
    server = await command(*flags)
    client = visit(server.site)
    media = await client.add(LONG, SMALL)

    async def several() -> bool:
        return len(encoders()) >= 3

    await wait(several)
    orphans = encoders()
    assert await server.end(signal.SIGKILL) == -signal.SIGKILL
    client = visit((await command(*flags)).site)
    assert not set(orphans) & set(encoders())
    after = await client.end(media)
    assert after["status"] == "Finished"
    found = measure((await client.get(after["format"]["s3_destination"]))[2])
    assert abs(found["seconds"] - 8) <= 1 / 25
    await swept("work")
