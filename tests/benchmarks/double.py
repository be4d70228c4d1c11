"""Simulated jobs from create to their end, and a bare aiohttp handler: ``python tests/benchmarks/double.py``.

One client makes both: it sends a request, reads the answer, and asks for the status until the job has finished. The
bare server answers each with the same bytes at once. Quote the ratio, not the absolute numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from load import content_length, exchange
from server import ask, bare, finished, free_port, mediaglot, query, running

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


def measure(folder: Path, connections: int, seconds: float, rounds: int) -> None:
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
    jobs = statistics.median(ours[0] for ours, _ in pairs)
    requests = statistics.median(ours[1] for ours, _ in pairs)
    pair = statistics.median(theirs[0] for _, theirs in pairs)
    print(f"bare aiohttp, create and one poll                {pair:8.0f} pairs/s")
    print(f"simulated, create and poll to the end            {jobs:8.0f} jobs/s, {requests / jobs:.1f} requests a job")
    print(f"jobs / bare pairs                                {jobs / pair:8.2f}")
    print(f"requests / bare requests                         {requests / pair / 2:8.2f}")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--connections", type=int, default=8)
    words.add_argument("--seconds", type=float, default=5.0, help="of each round")
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given.connections, given.seconds, given.rounds)


if __name__ == "__main__":
    main()
