"""Ratios of one run, on loopback: ``python tests/benchmarks/run.py [status|loaded|job|start] [--seconds N]``.

Each figure stands beside a yardstick that is measured in turn with it; quote the ratios, not the absolute numbers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from load import drive, exchange, post
from server import MOUNT, USER, ask, bare, finished, free_port, mediaglot, memory, query, running

CLIP = "https://media.mediaglot.test/bars-2s-320x180-30fps.mp4"
JOBS = 64
CONNECTIONS = 32


def xml_query(media_id: str) -> bytes:
    user = "".join(f"<{key}>{value}</{key}>" for key, value in USER.items())
    return post(MOUNT, f"xml=<query>{user}<action>GetStatus</action><mediaid>{media_id}</mediaid></query>")


def show(name: str, value: str, aim: str = "") -> None:
    print(f"  {name:<58} {value:>12}   {aim}", flush=True)


def add(port: int, source: str, formats: list[dict[str, str]]) -> str:
    return str(ask(port, "AddMedia", source=source, format=formats)["MediaID"])


def submit(port: int, count: int) -> list[str]:
    formats = [{"output": "mp4", "size": "160x90"}]
    ids = [add(port, CLIP, formats) for _ in range(count)]
    for media_id in ids:
        finished(port, media_id)
    return ids


def status(folder: Path, seconds: float) -> None:
    """Status requests per second, credentials checked, against a handler that returns the same bytes."""
    port, other = free_port(), free_port()
    with running(mediaglot(port, folder / "data", "--backend", "simulated"), port):
        ids = submit(port, JOBS)
        shapes = {
            "json": [query("GetStatus", mediaid=media_id) for media_id in ids],
            "xml": [xml_query(media_id) for media_id in ids],
            "json, never the same twice": [query("GetStatus", mediaid=ids[0], n=n) for n in range(20_000)],
        }
        body = folder / "body"
        body.write_bytes(exchange(port, shapes["json"][0]).partition(b"\r\n\r\n")[2])
        with running(bare(other, body, "application/json"), other):
            rates: dict[str, list[float]] = {}
            for _ in range(3):
                for name, messages in shapes.items():
                    load = drive(port, messages, connections=CONNECTIONS, seconds=seconds)
                    rates.setdefault(name, []).append(load.rate)
                yardstick = drive(other, shapes["json"], connections=CONNECTIONS, seconds=seconds)
                rates.setdefault("bare", []).append(yardstick.rate)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    print("Status of a job, requests per second")
    show("bare aiohttp, the same bytes", f"{middle['bare']:.0f}/s")
    show("JSON / bare", f"{middle['json'] / middle['bare']:.2f}", "aim 0.6 or better")
    show("JSON, never the same request twice / bare", f"{middle['json, never the same twice'] / middle['bare']:.2f}")
    show("XML / JSON", f"{middle['xml'] / middle['json']:.2f}", "aim 0.6 or better")


def loaded(folder: Path, seconds: float) -> None:
    """The 99th percentile of a status call while every core encodes, against the idle one."""
    port = free_port()
    cores = len(os.sched_getaffinity(0))
    with running(mediaglot(port, folder / "data", "--workers", str(cores)), port):
        messages = [query("GetStatus", mediaid=media_id) for media_id in submit(port, 4)]
        idle = drive(port, messages, connections=4, seconds=seconds)
        source = "https://media.mediaglot.test/bars-20s-1280x720-30fps.mp4"
        busy = [add(port, source, [{"output": "mp4", "video_codec": "libx265"}]) for _ in range(cores)]
        while any(ask(port, "GetStatus", mediaid=media_id)["status"] != "Processing" for media_id in busy):
            time.sleep(0.05)
        work = drive(port, messages, connections=4, seconds=seconds)
        still = [ask(port, "GetStatus", mediaid=media_id)["status"] for media_id in busy]
        for media_id in busy:
            ask(port, "CancelMedia", mediaid=media_id)
    print("Status of a job while every core encodes")
    show("encodes that were still running at the end", f"{still.count('Processing')} of {cores}")
    for share, name in ((0.5, "median"), (0.99, "p99")):
        before, during = idle.percentile(share) * 1000, work.percentile(share) * 1000
        aim = "aim 2 at most" if share == 0.99 else ""
        show(f"{name}: idle {before:.2f} ms, encoding {during:.2f} ms", f"{during / before:.2f}", aim)


def job(folder: Path, seconds: float) -> None:
    """The wall time of a job against the same FFmpeg command run by hand."""
    port = free_port()
    trace = folder / "trace"
    with running(mediaglot(port, folder / "data", "--workers", "1"), port):
        submit(port, 1)
        source = "https://media.mediaglot.test/bars-10s-640x360-30fps.mp4"
        formats = [{"output": "mp4", "size": "480x270", "bitrate": "600k"}]
        media_id = add(port, source, formats)
        command, folder_of_job = _watch_command(port, media_id, folder)
        shutil.copytree(folder_of_job, trace, ignore=shutil.ignore_patterns("out-*"), copy_function=shutil.copy)
        (trace / "out-0").mkdir()
        finished(port, media_id)
        ours, by_hand = [], []
        for _ in range(7):
            by_hand.append(_timed(lambda: subprocess.run(command, cwd=trace, capture_output=True, check=True)))
            ours.append(_timed(lambda: finished(port, add(port, source, formats))))
    print("One job from AddMedia to Finished, against its FFmpeg command by hand (median of 7)")
    hand, whole = statistics.median(by_hand), statistics.median(ours)
    more = f"{(whole - hand) * 1000:.0f} ms"
    show(f"by hand {hand * 1000:.0f} ms, as a job {whole * 1000:.0f} ms, more", more, "aim 100 ms at most")


def _watch_command(port: int, media_id: str, folder: Path) -> tuple[list[str], Path]:
    """The FFmpeg command line of a running job, and its folder, while it runs."""
    while True:
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = entry.joinpath("cmdline").read_bytes().split(b"\0")[:-1]
                place = entry.joinpath("cwd").readlink()
            except OSError:
                continue
            command = command[command.index(b"--") + 1 :] if b"--" in command else command  # without what holds it
            if place.is_relative_to(folder) and b"-progress" in command and b"out-0/media.mp4" in command:
                return [part.decode() for part in command], place
        if ask(port, "GetStatus", mediaid=media_id)["status"] in ("Finished", "Error"):
            raise RuntimeError("the job ended before its FFmpeg was seen")


def _timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def start(folder: Path, seconds: float) -> None:
    """From process start to the first 200, and the memory of the idle server."""
    body = folder / "body"
    body.write_bytes(b"{}")
    ours, theirs, sizes = [], [], []
    for number in range(7):
        port, other = free_port(), free_port()
        with running(mediaglot(port, folder / "data"), port) as (process, passed):
            sizes.append(memory(process.pid))
            ours.append(passed)
        with running(bare(other, body, "application/json"), other) as (process, passed):
            bare_size = memory(process.pid)
            theirs.append(passed)
        if number == 0:
            ours.clear()
            theirs.clear()
    print("Start (median of 6) and idle memory")
    hand, own = statistics.median(theirs), statistics.median(ours)
    show(f"first 200: bare {hand * 1000:.0f} ms, mediaglot {own * 1000:.0f} ms", f"{own / hand:.2f}", "aim under 2")
    show(f"resident: bare {bare_size:.0f} MB, mediaglot", f"{statistics.median(sizes):.0f} MB")


PARTS: dict[str, Callable[[Path, float], None]] = {"status": status, "loaded": loaded, "job": job, "start": start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round of load")
    given = parser.parse_args()
    for name in given.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), given.seconds)


if __name__ == "__main__":
    main()
