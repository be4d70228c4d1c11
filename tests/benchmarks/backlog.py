"""Starts of a server whose jobs wait, against one that has none: ``python tests/benchmarks/backlog.py [jobs]``.

The jobs are asked for over HTTP and wait behind one whose clock stands still. Then servers are started in turns, with
that folder and with an empty one, and stopped or killed. Quote ratios, not the absolute numbers.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from double import CLIP, FORMATS, answer
from server import free_port, mediaglot, memory, query, running

CONNECTIONS = 8
ROUNDS = 5
STANDING = ("--backend", "simulated", "--progression", "manual", "--workers", "1", "--log-level", "warning")
FIGURES = {"s until it answers": "7.2f", "MB then": "7.0f", "s until it has ended": "7.2f"}


async def fill(port: int, jobs: int) -> None:
    async def client(count: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            writer.write(query("AddMedia", source=CLIP, format=FORMATS))
            if b'"MediaID"' not in (made := await answer(reader)):
                raise RuntimeError(made.decode())
        writer.close()

    await asyncio.gather(*(client(jobs // CONNECTIONS) for _ in range(CONNECTIONS)))


def turn(data: Path, way: str) -> tuple[float, float, float]:
    """One figure for each of ``FIGURES``."""
    port = free_port()
    with running([*mediaglot(port, data), *STANDING], port) as (process, passed):
        size, began = memory(process.pid), time.perf_counter()
        if way == "killed":
            process.kill()
        else:
            process.terminate()
        process.wait()
        return passed, size, time.perf_counter() - began


def measured(full: Path, empty: Path, way: str) -> None:
    """The first round is not counted: what came before it was something else."""
    turns = [(turn(full, way), turn(empty, way)) for _ in range(ROUNDS + 1)][1:]
    for place, (what, form) in enumerate(FIGURES.items()):
        ours, none = (statistics.median(pair[side][place] for pair in turns) for side in (0, 1))
        print(f"{way}: {what:22} {ours:{form}}, with none {none:{form}}: {ours / none:6.2f}")


def main(jobs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        full, empty, port = Path(folder, "full"), Path(folder, "empty"), free_port()
        with running([*mediaglot(port, full), *STANDING], port):
            began = time.perf_counter()
            asyncio.run(fill(port, jobs))
            print(f"{jobs} jobs that wait, asked for at {jobs / (time.perf_counter() - began):.0f} a second")
        for way in ("stopped", "killed"):
            measured(full, empty, way)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
