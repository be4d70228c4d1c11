"""Chunks that fail, hang or are cancelled: a program of ours stands in for FFmpeg."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway.backends.chunking import Chunker
from mediaglot.gateway.faults import NoSpace, Stalled
from mediaglot.gateway.media.chunkrun import FOLDER
from mediaglot.gateway.media.parts import Chunks, Feed, Piece, Run, Target
from mediaglot.gateway.media.run import Limits

HEAD = """#!/bin/sh
for last; do :; done
echo "$last" >> begun
"""
"""It notes the path of its output, and goes on as a test wants."""
WELL = 'echo frame=25; echo out_time_us=1000000; echo progress=end; echo made > "$last"\n'
HANG = "echo out_time_us=500000; echo progress=continue; echo $$ >> pids; exec sleep 60\n"
FULL = """case $last in *-1.mp4)
    until [ "$(cat pids 2>/dev/null | wc -l)" -eq 3 ]; do sleep 0.01; done
    echo "[error] No space left on device" >&2; exit 1;;
esac
"""
"""Fails once three others hang."""


def step(path: str, weight: Fraction) -> Run:
    target = Target(maps=("0:v:0",), options=(), muxer="mp4", path=path)
    return Run(feeds=(Feed(path="source-0"),), graph="", targets=(target,), duration=Fraction(1), weight=weight)


def work(count: int, *, workers: int = 2, frames: int | None = 25) -> Chunks:
    weight = Fraction(8, 10) / count
    return Chunks(
        pieces=tuple(Piece(run=step(f"{FOLDER}/0-{n}.mp4", weight), frames=frames) for n in range(count)),
        beside=step(f"{FOLDER}/sound.mp4", Fraction(1, 10)),
        joint=step("out.mp4", Fraction(1, 10)),
        lists={f"{FOLDER}/0.txt": "ffconcat version 1.0\n"},
        workers=workers,
        threads=1,
    )


Chunk = Callable[..., Chunker]


@pytest.fixture
def chunker(tmp_path: Path) -> Chunk:
    def chunker(script: str, **limits: float) -> Chunker:
        program = tmp_path / "program"
        program.write_text(HEAD + script)
        program.chmod(0o755)
        return Chunker(tmp_path, str(program), Limits(**limits), 2)  # type: ignore[arg-type]

    return chunker


def begun(folder: Path) -> list[str]:
    return (folder / "begun").read_text().split()


def alive(folder: Path) -> list[int]:
    pids = [int(word) for word in (folder / "pids").read_text().split()]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def clean(folder: Path) -> bool:
    """Nothing of the chunks is left, nor of the processes' marks."""
    return not (folder / FOLDER).exists() and not list(folder.glob("*.pid"))


async def test_all_is_made_and_then_joined(chunker: Chunk, tmp_path: Path) -> None:
    shares: list[float] = []
    assert await chunker(WELL).make(work(3), lambda share, left=None: shares.append(share))
    names = begun(tmp_path)
    assert sorted(names[:-1]) == ["chunks/0-0.mp4", "chunks/0-1.mp4", "chunks/0-2.mp4", "chunks/sound.mp4"]
    assert names[-1] == "out.mp4"
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)
    assert clean(tmp_path)
    assert (tmp_path / "out.mp4").exists()


async def test_too_few_pictures_are_noticed_and_not_joined(chunker: Chunk, tmp_path: Path) -> None:
    assert not await chunker(WELL).make(work(2, frames=26), lambda share, left=None: None)
    assert "out.mp4" not in begun(tmp_path)
    assert clean(tmp_path)


async def test_the_fault_of_one_ends_all(chunker: Chunk, tmp_path: Path) -> None:
    """The others hang, and there are more of them than workers."""
    with pytest.raises(NoSpace):
        await chunker(FULL + HANG).make(work(6, workers=3), lambda share, left=None: None)
    assert alive(tmp_path) == []
    assert len(begun(tmp_path)) == 4
    assert clean(tmp_path)


async def test_each_process_is_watched(chunker: Chunk, tmp_path: Path) -> None:
    with pytest.raises(Stalled):
        await chunker(HANG, stall=0.2).make(work(2), lambda share, left=None: None)
    assert alive(tmp_path) == []
    assert clean(tmp_path)


async def test_cancelled_all_are_gone(chunker: Chunk, tmp_path: Path) -> None:
    running = asyncio.Event()
    reports: list[float] = []

    def report(share: float, left: float | None = None) -> None:
        reports.append(share)
        if len(reports) == 3:
            running.set()

    task = asyncio.create_task(chunker(HANG).make(work(4), report))
    async with asyncio.timeout(10):
        await running.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(begun(tmp_path)) == 3
    assert alive(tmp_path) == []
    assert clean(tmp_path)


async def test_what_an_interrupted_run_left_is_swept(chunker: Chunk, tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "0-0.mp4").write_text("old")
    os.mkfifo(tmp_path / FOLDER / "pipe")
    assert await chunker(WELL).make(work(1), lambda share, left=None: None)
    assert clean(tmp_path)
