"""A provider that does not answer keeps waiting whom only it can serve, and nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mediaglot.gateway.http.building import AWAY
from mediaglot.gateway.model import Secret

pytestmark = pytest.mark.ffmpeg

SOURCE = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
FORMAT = {"size": "160x90", "video_codec": "libx264", "bitrate": "100k"}
DEAD = {"dialect": "encoding_com", "url": "http://127.0.0.1:9/p", "user": "900", "secret": Secret("their-key")}
ROUTES = (
    {"to": ["dead"], "when": {"container": "mp4"}},
    {"to": ["dead", "local"], "when": {"container": "mov"}},
)


@pytest.mark.parametrize("container", ["webm", "mov"], ids=["for this server", "with another way"])
async def test_jobs_that_need_not_wait_for_it_go_by_a_crowd_that_does(serve: Any, container: str) -> None:
    client = await serve(providers={"dead": DEAD}, routes=ROUTES)
    crowd = [client.add(SOURCE, FORMAT | {"output": "mp4"}) for _ in range(AWAY + 1)]
    waiting = await asyncio.gather(*crowd)
    codec = "libvpx" if container == "webm" else "libx264"
    done = await client.end(await client.add(SOURCE, FORMAT | {"output": container, "video_codec": codec}))
    assert done["status"] == "Finished"
    for job in (waiting[0], waiting[-1]):
        await client.json("StopMedia", mediaid=job)
