"""Offline translation: microseconds for one job, and all pairs of all fixtures at once.

    python tests/benchmarks/translate.py [--rounds N]

Every job that a fixture of any dialect asks for is translated into every dialect that has a client, as `translate` does
it: the request is read, written for the other provider, rehearsed there and compared. Each figure is the best of N
rounds in time of the CPU, and no two rounds translate the same job: its files have other names each time. It stands
beside that of a million calls of an empty function, to measure the machine by.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import CreateJob, Request
from mediaglot.gateway.loss import Policy
from mediaglot.gateway.testing.case import Case, folders
from mediaglot.gateway.translation import translate

PLAIN = "encoding_com/add_media/json_unencoded"
NAMES = re.compile(rb"\.(?=(?:mp4|mov|mpg|mkv|jpg|png|m3u8)\b)")
NUMBERS = count()


def requests() -> list[tuple[str, Dialect, Request]]:
    """The fixture, the dialect, and the request that creates a job."""
    cases = [case for name in registry.names() for case in folders(name) if isinstance(case, Case)]
    return [(str(case), case.dialect, case.request) for case in cases if isinstance(case.read().intent, CreateJob)]


def another(request: Request) -> Request:
    """A request for the same work on files that nobody has heard of yet."""
    return replace(request, body=NAMES.sub(b"-%d." % next(NUMBERS), request.body))


def best(work: Callable[[], object], rounds: int) -> float:
    return min(timed(work) for _ in range(rounds))


def timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def nothing() -> None:
    for _ in range(1_000_000):
        empty()


def empty() -> None:
    pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    asked = requests()
    writers = [dialect for dialect in map(registry.find, registry.names()) if dialect.client is not None]
    pairs = [(name, read, to, request) for name, read, request in asked for to in writers]

    def one(read: Dialect, write: Dialect, request: Request) -> object:
        return translate(request, read=read, write=write, policy=Policy.SILENT)

    def single(read: Dialect, write: Dialect, request: Request) -> Iterator[float]:
        for _ in range(rounds):
            yield timed(partial(one, read, write, another(request))) * 1e6

    def every() -> float:
        others = [(read, write, another(request)) for _, read, write, request in pairs]
        return timed(lambda: [one(*each) for each in others])

    every()
    singles = {(name, write.name): min(single(read, write, request)) for name, read, write, request in pairs}
    whole = min(every() for _ in range(max(3, rounds // 5)))
    slowest = max(singles, key=singles.__getitem__)
    rows = {
        "a million empty calls": f"{best(nothing, 5) * 1e3:.1f} ms",
        f"one job, {PLAIN.partition('/')[2]}": f"{singles[PLAIN, 'encoding_com']:.1f} us",
        f"one job, median of {len(pairs)} translations": f"{statistics.median(singles.values()):.1f} us",
        "one job, the slowest": f"{singles[slowest]:.1f} us ({slowest[0]} to {slowest[1]})",
        f"all of them, {len(registry.names())} x {len(writers)} dialects": f"{whole * 1e3:.1f} ms",
    }
    for what, figure in rows.items():
        print(f"{what:48s} {figure}")


if __name__ == "__main__":
    main()
