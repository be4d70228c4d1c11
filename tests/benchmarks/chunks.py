"""Chunks against one process, in one run: ``python tests/benchmarks/chunks.py [--seconds N] [--rows N] [--chunk N]``.

The same four-rung H.264 ladder is made both ways, in turns. Chunked wall time stands against total CPU time divided by
cores, the least that this machine needs for the work; peak memory (resident, all processes at once) stands beside it,
and the quality of every rung against the source and against the other way's. Quote ratios, not seconds: they mean
something only while nothing else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.chunking import Chunker
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.machine import Machine, cores
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.tool import Tool, find

RUNGS = ((1, 4_500_000), (Fraction(2, 3), 2_500_000), (Fraction(4, 9), 1_200_000), (Fraction(2, 9), 400_000))
"""Height as a share of the source's, bitrate."""
KEYS = ("-g", "60", "-keyint_min", "60", "-sc_threshold", "0")
LIMITS = Limits(stall=120)


def source(tool: Tool, folder: Path, seconds: int, rows: int) -> Path:
    """Patterns, zooming fractal, cellular automaton and noise: something to do for every part of an encoder."""
    width, half = rows * 16 // 9, rows // 2 // 2 * 2
    inputs = (
        f"testsrc2=size={width}x{rows}:rate=30:duration={seconds}",
        f"mandelbrot=size={half}x{half}:rate=30",
        f"life=size={half}x{half}:rate=30:mold=10:ratio=0.3",
        f"sine=frequency=440:duration={seconds}",
    )
    graph = (
        "[0:v][1:v]overlay=x='mod(t*60,W-w)':y=10:shortest=0[a];[a][2:v]overlay=x=W-w-20:y='mod(t*40,H-h)'[b];"
        "[b]noise=alls=12:allf=t,format=yuv420p[v]"
    )
    feeds = [word for one in inputs for word in ("-f", "lavfi", "-i", one)]
    coding = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", "8M", "-c:a", "aac", *KEYS)
    path = folder / "clip.mp4"
    command = (tool.path, "-v", "error", *feeds, "-filter_complex", graph, "-map", "[v]", "-map", "3:a", *coding)
    subprocess.run([*command, "-t", str(seconds), path], check=True)
    return path


def ladder(rows: int) -> tuple[m.Output, ...]:
    keys = m.KeyFrames(frames=60, every=Fraction(2), closed=True, scene_cuts=False)
    return tuple(
        m.Output(
            container="mp4",
            video=m.Video(
                size=m.Size(height=int(rows * share) // 2 * 2),
                rate=m.Average(bitrate=bitrate, most=bitrate * 107 // 100, buffer=bitrate * 3 // 2),
                key_frames=keys,
            ),
            audio=m.Audio(bitrate=128_000),
        )
        for share, bitrate in RUNGS
    )


@dataclass
class Cost:
    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    foreign: float = 0.0
    """The share of the machine that others had meanwhile: over some hundredths the figures mean nothing."""


def busy() -> float:
    """CPU seconds of the whole machine."""
    user, nice, system = (int(word) for word in Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def resident() -> int:
    """Bytes of all our children."""
    me, total = str(os.getpid()), 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == me:
            total += int(fields[21]) * resource.getpagesize()
    return total


@contextmanager
def measured() -> Iterator[Cost]:
    cost, over = Cost(), threading.Event()

    def sample() -> None:
        while not over.wait(0.1):
            cost.memory = max(cost.memory, resident())

    sampler = threading.Thread(target=sample)
    sampler.start()
    mine = time.process_time()
    began, before, noise = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN), busy()
    try:
        yield cost
    finally:
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cost.wall = time.monotonic() - began
        cost.cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        own = cost.cpu + time.process_time() - mine
        cost.foreign = max(0.0, busy() - noise - own) / cost.wall / (os.cpu_count() or 1)
        over.set()
        sampler.join()


def room(folder: Path, clip: Path, count: int) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "source-0").symlink_to(clip)
    for index in range(count):
        (folder / f"out-{index}").mkdir()
    return folder


async def whole(tool: Tool, folder: Path, drawn: Plan) -> None:
    for one in drawn.runs:
        command = argv(one, tool.path, threads=max(2, cores() * 3 // 2))
        await run(command, cwd=folder, on_progress=lambda _: None, limits=LIMITS)


async def chunked(tool: Tool, folder: Path, drawn: Plan, draw: Callable[..., Plan]) -> None:
    """As a job does it: the list of packets, the plan, the chunks, the joint."""
    chunker = Chunker(folder, tool.path, LIMITS, max(2, cores() * 3 // 2))
    if drawn.scan is None:
        raise SystemExit("this clip is not cut: ask for shorter chunks")
    work = draw(pictures=await chunker.index(drawn.scan)).chunks
    if work is None or not await chunker.make(work, lambda share, left=None: None):
        raise SystemExit("the clip could not be cut")


def quality(tool: Tool, made: Path, reference: Path, name: str = "ssim") -> float:
    """SSIM (0 to 1) or VMAF (0 to 100) of a file, at the reference's size."""
    log = {"ssim": r"All:([0-9.]+)", "libvmaf": r"VMAF score: ([0-9.]+)"}[name]
    graph = f"[0:v][1:v]scale2ref=flags=bicubic[a][b];[a][b]{name}"
    words = ("-nostdin", "-i", made, "-i", reference, "-filter_complex", graph, "-an", "-f", "null", "-")
    told = subprocess.run([tool.path, *words], capture_output=True, text=True, check=True).stderr
    found = re.search(log, told)
    return float(found[1]) if found else 0.0


def show(name: str, cost: Cost) -> None:
    bound = cost.cpu / cores()
    print(
        f"  {name:<14} {cost.wall:8.2f} s  CPU {cost.cpu:8.2f} s  wall / (CPU / cores) {cost.wall / bound:5.3f}", end=""
    )
    print(f"  peak {cost.memory / 1e6:6.0f} MB  others {cost.foreign:4.0%}", flush=True)


async def compare(tool: Tool, folder: Path, clip: Path, rows: int, chunk: Fraction, rounds: int) -> None:
    outputs = ladder(rows)
    async with Prober(tool) as prober:
        facts = await prober.probe(clip)
    job = m.Job(inputs=(m.Input(location=m.Location(url="file:///clip")),), outputs=outputs)

    def draw(**more: object) -> Plan:
        machine = Machine(cores=cores(), chunk=chunk)
        return plan(job, [facts], encoders=tool.encoders, muxers=tool.muxers, machine=machine, **more)  # type: ignore[arg-type]

    drawn = draw()
    ways = {"one process": lambda at: whole(tool, at, drawn), "chunks": lambda at: chunked(tool, at, drawn, draw)}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in range(rounds):
        for name in list(ways) if turn % 2 == 0 else reversed(ways):
            with measured() as cost:
                await ways[name](room(folder / name.split()[0], clip, len(outputs)))
            costs[name].append(cost)
            show(name, cost)
    report(costs)
    compare_quality(tool, folder, clip, len(outputs))


def report(costs: dict[str, list[Cost]]) -> None:
    best = {name: min(each, key=lambda cost: cost.wall) for name, each in costs.items()}
    least = min(cost.cpu for each in costs.values() for cost in each) / cores()
    for name, cost in best.items():
        own = cost.wall / (cost.cpu / cores())
        print(f"  {name:<14} wall / its own CPU limit {own:5.3f}   wall / the least CPU limit {cost.wall / least:5.3f}")
    print(
        f"  chunks / one process {best['chunks'].wall / best['one process'].wall:5.3f}   aim: <= 1.05 of the CPU limit"
    )


def compare_quality(tool: Tool, folder: Path, clip: Path, count: int) -> None:
    for index in range(count):
        one, other = (folder / name / f"out-{index}/media.mp4" for name in ("one", "chunks"))
        sizes = " / ".join(f"{path.stat().st_size / 1e6:.2f}" for path in (one, other))
        line = f"  rung {index}: MB {sizes}"
        for name in ("ssim", "libvmaf"):
            if name in tool.filters:
                scores = [quality(tool, path, clip, name) for path in (one, other)]
                line += f"   {name} to the source {scores[0]:.4f} / {scores[1]:.4f}"
        print(f"{line}   ssim to each other {quality(tool, other, one):.4f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rows", type=int, default=1080)
    parser.add_argument("--chunk", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    tool = find()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = source(tool, folder, given.seconds, given.rows)
        print(
            f"{given.seconds} s, {given.rows} rows, chunks of {given.chunk:g} s, {cores()} cores, FFmpeg {tool.version}"
        )
        chunk = Fraction(given.chunk).limit_denominator(1000)
        asyncio.run(compare(tool, folder, clip, given.rows, chunk, given.rounds))


if __name__ == "__main__":
    main()
