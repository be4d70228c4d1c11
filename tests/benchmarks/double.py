"""The test double: ``python tests/benchmarks/double.py [jobs|journal|start]``, or all of them.

``jobs``: simulated ones from create to their end, against a bare aiohttp handler. One client makes both: it sends a
request, reads the answer, and asks for the status until the job has finished; the bare server answers each with the
same bytes at once. ``journal``: the memory of a double after 100,000 requests that it has noted. ``start``: until it is
ready and until its first call is answered, against a bare aiohttp server and the moto server (an emulator of AWS).
Quote ratios, not the absolute numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from load import content_length, exchange
from server import ask, bare, finished, free_port, mediaglot, memory, query, running

BUCKETS = b"GET / HTTP/1.1\r\nHost: s3.amazonaws.com\r\n\r\n"
READY = {
    "bare": ("/", query("GetMediaList")),
    "double": ("/_mediaglot/ready", query("GetMediaList")),
    "moto": ("/moto-api/", BUCKETS),
}
"""The path that says that a server is ready, and a call of its API."""
CLIP = "https://media.mediaglot.test/bars-10s-1280x720.mp4"
FORMATS = [{"output": "mp4", "size": "640x360"}]


async def answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(content_length(head.removesuffix(b"\r\n\r\n")))


async def client(port: int, until: float) -> tuple[int, int]:
    """Jobs that came to their end, and requests, on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    jobs = requests = 0
    create = query("AddMedia", source=CLIP, format=FORMATS)
    while time.perf_counter() < until:
        writer.write(create)
        made = await answer(reader)
        found = made.partition(b'"MediaID":"')[2].partition(b'"')[0].decode()
        requests += 1
        while True:
            writer.write(query("GetStatus", mediaid=found or "1"))
            body = await answer(reader)
            requests += 1
            if b'"Finished"' in body:
                break
            if b'"Error"' in body or b"errors" in body:
                raise RuntimeError(body.decode())
        jobs += 1
    writer.close()
    return jobs, requests


async def play(port: int, connections: int, seconds: float) -> tuple[float, float]:
    began = time.perf_counter()
    done = await asyncio.gather(*(client(port, began + seconds) for _ in range(connections)))
    took = time.perf_counter() - began
    return sum(jobs for jobs, _ in done) / took, sum(requests for _, requests in done) / took


def jobs(folder: Path, connections: int, seconds: float, rounds: int) -> None:
    port, other = free_port(), free_port()
    command = mediaglot(port, folder / "data", "--backend", "simulated", "--progression", "immediate")
    with running([*command, "--log-level", "warning", "--workers", "4"], port):
        media = str(ask(port, "AddMedia", source=CLIP, format=FORMATS)["MediaID"])
        finished(port, media)
        body = folder / "body"
        body.write_bytes(exchange(port, query("GetStatus", mediaid=media)).partition(b"\r\n\r\n")[2])
        with running(bare(other, body, "application/json"), other):
            pairs = [
                (asyncio.run(play(port, connections, seconds)), asyncio.run(play(other, connections, seconds)))
                for _ in range(rounds)
            ]
    ended = statistics.median(ours[0] for ours, _ in pairs)
    requests = statistics.median(ours[1] for ours, _ in pairs)
    pair = statistics.median(theirs[0] for _, theirs in pairs)
    print(f"bare aiohttp, create and one poll                {pair:8.0f} pairs/s")
    print(
        f"simulated, create and poll to the end            {ended:8.0f} jobs/s, {requests / ended:.1f} requests a job"
    )
    print(f"jobs / bare pairs                                {ended / pair:8.2f}")
    print(f"requests / bare requests                         {requests / pair / 2:8.2f}")


def journal(folder: Path, connections: int, seconds: float, rounds: int) -> None:
    """Sizes are of the resident process, in MB; the journal keeps 10,000 entries of each world."""
    port = free_port()
    with running([*mediaglot(port, folder / "data"), "--double", "--log-level", "warning"], port) as (process, _):
        asyncio.run(noted(port, 1, 1))
        sizes = [memory(process.pid)]
        for count in (20_000, 80_000):
            asyncio.run(noted(port, connections, count))
            sizes.append(memory(process.pid))
    print("resident, MB: at first {:.0f}, after 20,000 requests {:.0f}, after 100,000 {:.0f}".format(*sizes))
    print(f"after 100,000 / after 20,000                     {sizes[2] / sizes[1]:8.2f}")


async def noted(port: int, connections: int, count: int) -> None:
    async def client(requests: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(requests):
            writer.write(query("GetMediaList"))
            await answer(reader)
        writer.close()

    await asyncio.gather(*(client(count // connections) for _ in range(connections)))


def start(folder: Path, connections: int, seconds: float, rounds: int) -> None:
    """From the start of a process until it says that it is ready, and until it has answered a first call of its API, in
    turns; the first round is not counted."""
    body = folder / "body"
    body.write_bytes(b"{}")
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in READY}
    for _ in range(max(3, rounds) + 1):
        port = free_port()
        commands = {
            "bare": bare(port, body, "application/json"),
            "double": [*mediaglot(port, folder / "data"), "--double"],
            "moto": [sys.executable, "-m", "moto.server", "-p", str(port), "-H", "127.0.0.1"],
        }
        for name, command in commands.items():
            path, call = READY[name]
            with running(command, port, path) as (_, passed):
                began = time.perf_counter()
                if not exchange(port, call).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"{name} refuses its first call")
                took[name].append((passed, passed + time.perf_counter() - began))
    for place, words in enumerate(("ready", "first call")):
        middle = {name: statistics.median(each[place] for each in times[1:]) for name, times in took.items()}
        shown = ", ".join(f"{name} {passed * 1000:.0f}" for name, passed in middle.items())
        print(f"start to {words}, ms: {shown}")
        print(f"double / bare                                    {middle['double'] / middle['bare']:8.2f}")
        print(f"double / moto                                    {middle['double'] / middle['moto']:8.2f}")


PARTS: dict[str, Callable[[Path, int, float, int], None]] = {"jobs": jobs, "journal": journal, "start": start}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("part", nargs="?", choices=PARTS)
    words.add_argument("--connections", type=int, default=8)
    words.add_argument("--seconds", type=float, default=5.0, help="of each round")
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    for name in [given.part] if given.part else PARTS:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), given.connections, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
