"""Offline checking: seconds for `mediaglot contract check` of many recorded exchanges, from its start to its end.

    python tests/benchmarks/contract.py [--exchanges 10000] [--rounds 3] [--jobs N]

The recording is a folder for each exchange, as `contract record` writes them: every fixture of every dialect in turn,
each message with a header of its own, so that no two are the same. The figure is the best of the rounds, in real time;
a million calls of an empty function, by which machines can be compared, stand beside it. It exits with 1 when it takes
longer than ``--most`` seconds.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mediaglot.gateway import registry
from mediaglot.gateway.testing.case import Case, folders

MESSAGES = ("request.http", "response.http")


def record(folder: Path, count: int) -> None:
    names = registry.names()
    for name in names:
        cases = [each for each in folders(name) if isinstance(each, Case) and each.has("response.http")]
        plain = [each for each in cases if not each.has("options.json")]
        for number, case in zip(range(count // len(names)), itertools.cycle(plain)):
            place = folder / name / case.operation / f"{number + 1:06d}_200"
            place.mkdir(parents=True)
            for message in MESSAGES:
                text = case.bytes_of(message)
                head, _, rest = text.partition(b"\n")
                (place / message).write_bytes(b"\n".join((head, b"X-Number: %d" % number, rest)))


def check(folder: Path, jobs: int) -> float:
    recordings = [str(each) for each in sorted(folder.iterdir())]
    line = [
        sys.executable,
        "-m",
        "mediaglot",
        "contract",
        "check",
        *(("--jobs", str(jobs)) if jobs else ()),
        *recordings,
    ]
    start = time.perf_counter()
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return taken


def nothing() -> float:
    def empty() -> None:
        pass

    start = time.perf_counter()
    for _ in range(1_000_000):
        empty()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exchanges", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--most", type=float, default=10.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        record(Path(folder), given.exchanges)
        taken = [check(Path(folder), given.jobs) for _ in range(given.rounds)]
    cores = given.jobs or len(os.sched_getaffinity(0))
    best = min(taken)
    print(f"{given.exchanges} exchanges on {cores} cores: {best:.2f} s, {best / given.exchanges * 1e3:.2f} ms each")
    print(f"all rounds: {', '.join(f'{each:.2f}' for each in taken)}; a million calls: {nothing():.3f} s")
    return int(best > given.most)


if __name__ == "__main__":
    raise SystemExit(main())
