"""A server that finds no FFmpeg says so at once, and refuses jobs without a trace."""

from __future__ import annotations

from typing import Any

import pytest

LOCAL = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"


async def test_a_program_that_is_no_ffmpeg_is_told_by_the_log(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = await serve(ffmpeg="/bin/true")
    for _ in range(2):
        answer = await client.json("AddMedia", source=LOCAL, format=[{"output": "mp4"}])
        assert answer == {"errors": {"error": "Encoding error"}}
    (line,) = caplog.records
    assert line.getMessage().startswith("no job can be done: the ffmpeg that is set, '/bin/true', does not run")
    assert line.exc_info is None


async def test_who_simulates_needs_none(serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = await serve(ffmpeg="/bin/true", backend="simulated", progression="immediate")
    assert (await client.end(await client.add(LOCAL, {"output": "mp4"})))["status"] == "Finished"
    assert caplog.records == []
