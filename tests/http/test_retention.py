"""Retention over a real server: a restart with short times, and what clients find afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

LOCAL = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "thumbnail", "time": "0", "width": "32"}
MOMENT = 1e-9


@pytest.fixture
async def finished(client: Any, receiver: Any) -> tuple[str, str]:
    """A job that has ended and was told of, and the path of its result."""
    media = await client.add(LOCAL, SMALL, notify=f"{receiver.url}/told")
    found = await client.end(media)
    await receiver.at("/told")
    path = found["format"]["s3_destination"].removeprefix(client.site)
    assert (await client.get(path))[0] == 200
    assert client.server is not None
    await client.server.app.cleanup()
    return media, path


@pytest.mark.heavy
async def test_results_go_and_the_job_stays(finished: tuple[str, str], serve: Any, wait: Any, data: Path) -> None:
    media, path = finished
    client = await serve(keep_results=MOMENT)

    async def gone() -> bool:
        return not list((data / "outputs").iterdir())

    await wait(gone)
    assert (await client.get(path))[0] == 404
    assert (await client.status(media))["status"] == "Finished"


@pytest.mark.heavy
async def test_jobs_go_with_all_that_is_theirs(finished: tuple[str, str], serve: Any, wait: Any) -> None:
    media, path = finished
    client = await serve(keep_jobs=MOMENT)

    async def gone() -> bool:
        return "errors" in await client.json("GetStatus", mediaid=media)

    await wait(gone)
    assert (await client.json("GetMediaList"))["media"] == []
    assert (await client.get(path))[0] == 404
    _, _, body = await client.get("/_mediaglot/notifications")
    assert b'"notifications":[]' in body
    assert await client.add(LOCAL, SMALL) != media, "no number comes twice"
