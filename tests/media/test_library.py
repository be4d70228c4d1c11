from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.faults import NotFound, UnknownEncoder, WorkFault
from mediaglot.gateway.media import library as libraries
from mediaglot.gateway.media.library import Library
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.recipe import KINDS
from mediaglot.gateway.media.tool import find

pytestmark = pytest.mark.ffmpeg

TINY = "0.5s-64x48-10fps"


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    made = Library(tmp_path / "clips", find())
    yield made
    await made.close()


def clips_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()}


class Runs:
    """Counts the runs of FFmpeg, and lets them go on only when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = self.most = self.now = 0
        self.gate = asyncio.Event()
        self.begun = asyncio.Event()
        self._run: Callable[..., Any] = libraries.run
        monkeypatch.setattr(libraries, "run", self)

    async def __call__(self, *words: Any, **options: Any) -> None:
        self.count += 1
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.set()
        try:
            await self.gate.wait()
            await self._run(*words, **options)
        finally:
            self.now -= 1


@pytest.mark.parametrize("extension", KINDS)
async def test_every_kind_of_clip_is_what_its_name_says(library: Library, extension: str) -> None:
    video, sound, _ = KINDS[extension]
    parts = [TINY] if sound and video else ["0.5s"] if sound else ["64x48"]
    path = await library.get("-".join(["bars", *parts]) + f".{extension}")
    async with Prober(helpers=1) as prober:
        facts = await prober.probe(path)
    assert [(track.width, track.height) for track in facts.video] == ([(64, 48)] if video else [])
    assert [track.channels for track in facts.audio] == ([2] if sound else [])
    if sound:
        assert facts.duration is not None
        assert abs(facts.duration - Fraction(1, 2)) <= Fraction(1, 10)


async def test_a_clip_has_its_length_rate_and_a_moving_picture(library: Library) -> None:
    path = await library.get("mandelbrot-1s-64x48-29.97fps-silent.mp4")
    async with Prober(helpers=1) as prober:
        facts = await prober.probe(path)
    (video,) = facts.video
    assert (video.frame_rate, video.frames, facts.audio) == (Fraction(30000, 1001), 30, ())
    assert path.stat().st_size > 10_000, "a picture that stands still is smaller"


async def test_a_clip_is_made_once_and_then_served_from_disk(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch)
    runs.gate.set()
    first = await library.get(f"bars-{TINY}.mp4")
    second = await library.get("bars-10fps-64x48-0.50s.MP4")
    assert (first, runs.count) == (second, 1)
    assert clips_in(first.parent) == {f"bars-{TINY}.mp4"}


async def test_all_who_ask_at_once_share_one_making(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch)
    asking = [asyncio.create_task(library.get(f"bars-{TINY}.mp4")) for _ in range(5)]
    await runs.begun.wait()
    asking[0].cancel()
    runs.gate.set()
    paths = await asyncio.gather(*asking[1:])
    assert (runs.count, len(set(paths))) == (1, 1)
    assert paths[0].is_file()


async def test_only_so_many_are_made_at_the_same_time(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch)
    runs.gate.set()
    await asyncio.gather(*(library.get(f"bars-0.{digit}s.wav") for digit in range(1, 8)))
    assert (runs.count, runs.most) == (7, 2)


async def test_the_same_name_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = set()
    for folder in ("one", "two"):
        library = Library(tmp_path / folder, find())
        contents.add((await library.get(f"bars-{TINY}.mp4")).read_bytes())
    assert len(contents) == 1


async def test_the_clips_that_were_used_longest_ago_make_room(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    library = Library(tmp_path, find(), room=250_000, clock=clock)
    names = [f"bars-{seconds}s.wav" for seconds in ("0.5", "0.6")]
    for name in names:  # about 96 and 115 kB
        await library.get(name)
        await clock.advance(10)
    await library.get(names[0])
    await clock.advance(10)
    last = await library.get("bars-0.7s.wav")
    assert clips_in(tmp_path) == {names[0], last.name}


async def test_using_a_clip_does_not_change_it_for_http(library: Library) -> None:
    path = await library.get(f"bars-{TINY}.mp4")
    os.utime(path, (1, 1))
    await library.get(f"bars-{TINY}.mp4")
    assert path.stat().st_mtime == 1


async def test_a_failure_reaches_everybody_and_leaves_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*words: Any, cwd: Path, **options: Any) -> None:
        (cwd / "clip.mp4").write_bytes(b"half")
        raise UnknownEncoder(codec="libx264")

    with monkeypatch.context() as patched:
        patched.setattr(libraries, "run", fail)
        outcomes = await asyncio.gather(*(library.get(f"bars-{TINY}.mp4") for _ in range(3)), return_exceptions=True)
        assert all(isinstance(outcome, WorkFault) for outcome in outcomes)
        assert not [path for path in library._folder.rglob("*") if path.is_file()]
    assert (await library.get(f"bars-{TINY}.mp4")).is_file(), "the next one tries again"


async def test_closing_ends_what_is_being_made(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs(monkeypatch)
    asking = asyncio.create_task(library.get(f"bars-{TINY}.mp4"))
    await runs.begun.wait()
    await library.close()
    assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError)
    assert runs.now == 0


async def test_what_a_dead_server_left_half_made_is_swept(tmp_path: Path) -> None:
    rubbish = tmp_path / ".making" / f"bars-{TINY}.mp4"
    rubbish.mkdir(parents=True)
    (rubbish / "clip.mp4").write_bytes(b"half")
    path = await Library(tmp_path, find()).get(f"bars-{TINY}.mp4")
    assert path.stat().st_size > 1000
    assert not list((tmp_path / ".making").iterdir())


async def test_a_name_that_leads_out_of_the_folder_is_no_recipe(library: Library) -> None:
    with pytest.raises(NotFound):
        await library.get("../../etc/passwd.mp4")
