"""Through the whole server: jobs that wait for memory, outputs alike, results that were made before."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.backends.cache import usage

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


async def test_a_job_waits_while_another_one_takes_the_memory(serve: Any, slow: Path, encoders: Any) -> None:
    client = await serve(ffmpeg=str(slow), workers=2, memory=1)
    first = await client.add(LONG, SMALL)
    await client.encoding(first)
    second = await client.add(SHORT, SMALL)
    await client.reach(second, "Waiting for encoder")
    assert len(encoders()) == 1
    await client.json("StopMedia", mediaid=first)
    assert (await client.end(second))["status"] == "Finished"


async def test_a_waiting_job_is_stopped_at_once(serve: Any, slow: Path) -> None:
    client = await serve(ffmpeg=str(slow), workers=2, memory=1)
    first = await client.add(LONG, SMALL)
    await client.encoding(first)
    second = await client.add(SHORT, SMALL)
    await client.reach(second, "Waiting for encoder")
    await client.json("CancelMedia", mediaid=second)
    assert (await client.status(first))["status"] == "Processing"


def threads(process: int) -> str | None:
    """Of the decoder, as of all the rest; None for a process that has none, or has ended."""
    words: list[str] = []
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
    return words[words.index("-threads") + 1] if "-threads" in words else None


async def test_short_jobs_side_by_side_share_the_threads(
    serve: Any, slow: Path, encoders: Any, wait: Callable[..., Awaitable[Any]]
) -> None:
    client = await serve(ffmpeg=str(slow), workers=2, cores=2)
    await client.encoding(await client.add(LONG, SMALL))
    alone = set(encoders())
    assert {threads(process) for process in alone} - {None} == {"3"}
    await client.add(LONG, SMALL)

    async def others() -> set[str | None]:
        return {threads(process) for process in set(encoders()) - alone} - {None}

    assert await wait(others) == {"1"}


async def result(client: Any, data: Path, wanted: Any) -> bytes:
    """What a job of one output leaves."""
    before = set((data / "outputs").rglob("*.mp4"))
    done = await client.end(await client.add(SHORT, wanted))
    assert done["status"] == "Finished"
    (made,) = set((data / "outputs").rglob("*.mp4")) - before
    return bytes(made.read_bytes())


async def test_two_destinations_of_one_result(client: Any, data: Path) -> None:
    media = await client.add(SHORT, SMALL, {**SMALL, "destination": "s3://films/b.mp4"})
    assert (await client.end(media))["status"] == "Finished"
    (stored,) = (data / "storage").rglob("b.mp4")
    (linked,) = (data / "outputs").rglob("*.mp4")
    assert stored.read_bytes() == linked.read_bytes()


async def test_the_same_job_again_is_answered_from_the_cache(serve: Any, data: Path, measure: Any) -> None:
    client = await serve(cache=50_000_000)
    results = [await result(client, data, SMALL) for _ in range(2)]
    assert results[0] == results[1]
    assert measure(results[1])["size"] == (160, 90)
    kept = usage(data / "cache")
    assert (kept.entries, kept.counts.hits, kept.counts.misses) == (1, 1, 1)


@pytest.mark.parametrize("copy", [True, False])
async def test_copied_tracks_can_be_forbidden(serve: Any, data: Path, clips: Any, copy: bool) -> None:
    client = await serve(stream_copy=copy)
    made = await result(client, data, {"output": "mp4"})
    source = clips("bars-1s-320x180-25fps.mp4").read_bytes()
    assert (media(made) == media(source)) is copy


def media(content: bytes) -> bytes:
    """The box of an MP4 in which the packets lie."""
    return content[content.index(b"mdat") :]
