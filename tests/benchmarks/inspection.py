"""What --check-contract costs: status calls with it, against those without, in one run.

    python tests/benchmarks/inspection.py [--seconds N] [--rounds N]

Two servers, one with the flag and one without, are asked in turn for the status of the same kinds of jobs. A server has
one thread, so what it can answer in a second is one over the CPU seconds that an answer takes it: these are compared,
as they depend little on what else runs on the machine. "never the same twice" are requests of which none is remembered;
the answers about a running job change all the time, too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from gauge import TICK
from load import drive
from run import CONNECTIONS, add, show, submit, xml_query
from server import free_port, mediaglot, query, running

JOBS = 16
MANNERS = ("checked", "plain")
LONG = "https://media.mediaglot.test/bars-600s-320x180-30fps.mp4"
PLAIN = ("--backend", "simulated", "--log-level", "error", "--speed", "2")


def messages(ids: list[str], busy: str) -> dict[str, list[bytes]]:
    return {
        "JSON": [query("GetStatus", mediaid=media_id) for media_id in ids],
        "XML": [xml_query(media_id) for media_id in ids],
        "JSON, never the same twice": [query("GetStatus", mediaid=ids[0], n=n) for n in range(20_000)],
        "JSON, a running job": [query("GetStatus", mediaid=busy)],
    }


def measure(seconds: float, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Status calls in a second of CPU, by kind of message and manner of server."""
    rates: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        asked, ports, pids = {}, {}, {}
        for manner in MANNERS:
            ports[manner] = port = free_port()
            more = ("--check-contract",) if manner == "checked" else ()
            command = mediaglot(port, Path(made) / manner, *PLAIN, *more)
            pids[manner] = stack.enter_context(running(command, port))[0].pid
            asked[manner] = messages(submit(port, JOBS), add(port, LONG, [{"output": "mp4"}]))
        for number in range(rounds):
            for kind in asked["plain"]:
                for manner in MANNERS if number % 2 else reversed(MANNERS):
                    before = own(pids[manner])
                    load = drive(ports[manner], asked[manner][kind], connections=CONNECTIONS, seconds=seconds)
                    rate = len(load.latencies) / (own(pids[manner]) - before)
                    rates.setdefault(kind, {}).setdefault(manner, []).append(rate)
    return rates


def own(pid: int) -> float:
    """CPU seconds of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(word) for word in words[11:13]) / TICK


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print("Status of a job, answers in a second of CPU, with --check-contract / without")
    for kind, rates in measure(given.seconds, given.rounds).items():
        ratio = statistics.median(rates["checked"]) / statistics.median(rates["plain"])
        show(f"{kind} ({statistics.median(rates['plain']):.0f}/s without)", f"{ratio:.2f}", "aim 0.9 or better")


if __name__ == "__main__":
    main()
