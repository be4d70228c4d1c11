"""Moving a large file, in one run with the usual tools: ``python tests/benchmarks/transfer_http.py [--mib N]``.

HTTP GET and PUT stand against curl with the same server on loopback, ``file://`` against cp; ours and theirs in turns,
of each the best of all rounds. A server's process does the transfers, as a long-running one would: its start is not
counted, curl's few milliseconds are. Quote ratios, not seconds. The peak memory (resident, in MB) of the process that
moves the bytes stands beside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.server
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    seconds: float
    peak: float


class Server(http.server.BaseHTTPRequestHandler):
    """Sends the file ``source`` of the current folder and stores what is put, both at the speed of the kernel."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        with Path("source").open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.flush()
            done = 0
            while done < size:
                done += os.sendfile(self.connection.fileno(), file.fileno(), done, size - done)

    def do_PUT(self) -> None:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        left = int(self.headers["Content-Length"])
        block = memoryview(bytearray(MIB))
        with Path("put").open("wb", buffering=0) as file:
            while left:
                taken = self.rfile.readinto(block[: min(MIB, left)])
                file.write(block[:taken])
                left -= taken
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def serve(folder: Path, told: Any) -> None:
    os.chdir(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    told.send(server.server_address[1])
    server.serve_forever()


def ours(move: Callable[[Carrier], Any], folder: Path, told: Any) -> None:
    """In a process of its own."""

    async def once() -> float:
        carrier = Carrier(Policy(local_addresses=True, allow_dirs=(folder,), file_sources=True))
        began = time.perf_counter()
        await move(carrier)
        seconds = time.perf_counter() - began
        await carrier.close()
        return seconds

    seconds = asyncio.run(once())
    told.send((seconds, peak("self")))


def run_ours(move: Callable[[Carrier], Any], folder: Path) -> Cost:
    here, there = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=ours, args=(move, folder, there))
    process.start()
    seconds, most = here.recv()
    process.join()
    return Cost(seconds, most)


def run_theirs(*words: str) -> Cost:
    began = time.perf_counter()
    process, most = subprocess.Popen(words), 0.0
    while process.poll() is None:
        most = max(most, peak(process.pid))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    if process.returncode:
        raise SystemExit(f"{words[0]} failed")
    return Cost(time.perf_counter() - began, most)


def peak(process: int | str) -> float:
    """Megabytes that a living process has had resident at most; 0 for one that has ended."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e3 if found else 0.0


def cases(folder: Path, url: str) -> dict[str, tuple[Callable[[], Cost], Callable[[], Cost]]]:
    source, target, there = folder / "source", folder / "fetched", Location(url=f"{url}/source")

    def fetch(location: Location) -> Callable[[], Cost]:
        return lambda: run_ours(lambda carrier: carrier.fetch(location, target), folder)

    def deliver(location: Location) -> Callable[[], Cost]:
        return lambda: run_ours(lambda carrier: carrier.deliver(source, location), folder)

    local = Location(url=f"file://{folder}/delivered")
    return {
        "http fetch": (fetch(there), lambda: run_theirs("curl", "-s", "-f", "-o", str(target), f"{url}/source")),
        "http deliver": (
            deliver(Location(url=f"{url}/put")),
            lambda: run_theirs("curl", "-s", "-f", "-T", str(source), f"{url}/put"),
        ),
        "file deliver": (deliver(local), lambda: run_theirs("cp", str(source), str(folder / "delivered"))),
        "file fetch": (
            fetch(Location(url=f"file://{source}")),
            lambda: run_theirs("cp", str(source), str(target)),
        ),
    }


def clean(folder: Path) -> None:
    for name in ("fetched", "put", "delivered"):
        (folder / name).unlink(missing_ok=True)


def best(costs: list[Cost]) -> Cost:
    """The least time, which others disturbed least, and the most memory."""
    return Cost(min(one.seconds for one in costs), max(one.peak for one in costs))


def compare(folder: Path, url: str, mib: int, rounds: int) -> dict[str, Any]:
    found = {}
    for name, sides in cases(folder, url).items():
        costs: tuple[list[Cost], list[Cost]] = ([], [])
        for number in range(rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                clean(folder)
                costs[side].append(sides[side]())
        own, other = map(best, costs)
        found[name] = {
            "ratio": round(own.seconds / other.seconds, 2),
            "seconds": (round(own.seconds, 2), round(other.seconds, 2)),
            "peak_mb": (round(own.peak), round(other.peak)),
        }
        print(
            f"{name:13} {mib} MiB: {found[name]['ratio']:.2f} of {'cp' if 'file' in name else 'curl'} "
            f"({own.seconds:.2f} s / {other.seconds:.2f} s), peak {own.peak:.0f} MB against {other.peak:.0f} MB",
            flush=True,
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files lie, instead of the folder for temporary ones")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name).resolve()
        block = os.urandom(MIB)
        with (folder / "source").open("wb") as file:
            for _ in range(given.mib):
                file.write(block)
        here, there = multiprocessing.get_context("fork").Pipe()
        server = multiprocessing.get_context("fork").Process(target=serve, args=(folder, there))
        server.start()
        try:
            found = compare(folder, f"http://127.0.0.1:{here.recv()}", given.mib, given.rounds)
        finally:
            server.terminate()
            server.join()
    if given.json:
        json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
