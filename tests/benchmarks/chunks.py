"""Chunks against one process, in one run: ``python tests/benchmarks/chunks.py [--seconds N] [--chunk N] [--rounds N]``.

The same four-rung H.264 ladder of a 1080p film is made both ways, in turns. Chunked wall time stands against total CPU
time divided by cores, the least that this machine needs for the work; peak memory (resident, all processes at once)
stands beside it, and the quality of every rung against the source. Quote ratios, not seconds: they mean something only
while nothing else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Coroutine
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from gauge import CORES, Cost, compare, measure, middle
from media import JUDGED, RUNGS, Studio, film, show
from quality import FFMPEG, quality

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.chunking import Chunker
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.chunkindex import Index
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.tool import Tool, find

LIMITS = Limits(stall=120)
THREADS = max(2, CORES * 3 // 2)
Draw = Callable[[Index | None], Plan]


def ladder() -> tuple[m.Output, ...]:
    keys = m.KeyFrames(frames=60, every=Fraction(2), closed=True, scene_cuts=False)
    sizes = [(*map(int, size.split("x")), 1000 * bitrate) for size, bitrate in RUNGS]
    return tuple(
        m.Output(
            container="mp4",
            video=m.Video(
                size=m.Size(width=width, height=height, fit=m.Fit.STRETCH),
                rate=m.Average(bitrate=bitrate, most=bitrate, buffer=2 * bitrate),
                speed="veryfast",
                profile="high",
                key_frames=keys,
            ),
            audio=m.Audio(bitrate=128_000),
        )
        for width, height, bitrate in sizes
    )


def room(folder: Path, clip: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "source-0").symlink_to(clip.absolute())
    for index in range(len(RUNGS)):
        (folder / f"out-{index}").mkdir()
    return folder


async def whole(tool: Tool, folder: Path, draw: Draw) -> None:
    for one in draw(None).runs:
        await run(argv(one, tool.path, threads=THREADS), cwd=folder, on_progress=lambda _: None, limits=LIMITS)


async def chunked(tool: Tool, folder: Path, draw: Draw) -> None:
    """As a job does it: the list of packets, the plan, the chunks, the joint."""
    chunker, scan = Chunker(folder, tool.path, LIMITS, THREADS), draw(None).scan
    if scan is None:
        raise SystemExit("this film is not cut: ask for shorter chunks")
    work = draw(await chunker.index(scan)).chunks
    if work is None or not await chunker.make(work, lambda share, left=None: None):
        raise SystemExit("the film could not be cut")


def drawing(tool: Tool, clip: Path, chunk: Fraction) -> Draw:
    async def look() -> m.MediaFacts:
        async with Prober(tool) as prober:
            return await prober.probe(clip)

    facts = asyncio.run(look())
    job = m.Job(inputs=(m.Input(location=m.Location(url="")),), outputs=ladder())
    machine = Machine(cores=CORES, chunk=chunk)

    def draw(pictures: Index | None) -> Plan:
        return plan(job, [facts], encoders=tool.encoders, muxers=tool.muxers, machine=machine, pictures=pictures)

    return draw


def ways(tool: Tool, folder: Path, clip: Path, draw: Draw) -> dict[str, Callable[[], Cost]]:
    def measured(name: str, way: Callable[[Tool, Path, Draw], Coroutine[None, None, None]]) -> Callable[[], Cost]:
        def once() -> Cost:
            place = room(folder / name, clip)
            return measure(lambda: asyncio.run(way(tool, place, draw)), os.getpid())

        return once

    return {"one": measured("one", whole), "chunks": measured("chunks", chunked)}


def report(found: dict[str, list[Cost]]) -> None:
    medians = {name: middle(costs) for name, costs in found.items()}
    for name, cost in medians.items():
        ratio = cost.wall / (cost.cpu / CORES)
        print(f"  {name}: wall {cost.wall:.2f} s, CPU {cost.cpu:.2f} s, others {cost.foreign:.0%}")
        aim = "aim 1.05 at most" if name == "chunks" else ""
        show(f"{name}, memory {cost.peak:.0f} MB: wall / (CPU / cores)", f"{ratio:.3f}", aim)
    show("chunks / one process", f"{medians['chunks'].wall / medians['one'].wall:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=80)
    parser.add_argument(
        "--chunk", type=float, default=20, help="seconds of a chunk, of which a job has no shorter ones"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--films", type=Path, help="a folder in which the source is kept for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tool = find(FFMPEG, folder / "tool.json")
        clip = film(Studio(folder, given.films or folder, 0, 0, given.seconds, given.rounds))
        print(f"{given.seconds} s, chunks of {given.chunk:g} s, {CORES} cores, FFmpeg {tool.version}")
        draw = drawing(tool, clip, Fraction(given.chunk).limit_denominator(1000))
        report(compare(given.rounds, ways(tool, folder, clip, draw)))
        for index, (size, _) in enumerate(RUNGS):
            one, other = (quality(folder / way / f"out-{index}/media.mp4", clip, JUDGED) for way in ("one", "chunks"))
            print(f"  {size}: one process {one}; chunks {other}", flush=True)
            if not other.as_good_as(one):
                raise SystemExit("not as good as one process")


if __name__ == "__main__":
    main()
