"""Offline translation: microseconds for one job, and all pairs of all fixtures at once.

    python tests/benchmarks/translate.py [--rounds N]

Every job that a fixture of any dialect asks for is translated into every dialect that has a client, as `translate` does
it: the request is read, written for the other provider, rehearsed there and compared. Each figure is the best of N
rounds in time of the CPU, and no two rounds translate the same job. Either the settings recur, and the files have other
names each time, as with a client that sends the same settings all day; or the settings are new too: each number in them
is one that was never met, as far as its provider takes another. It stands beside a million calls of an empty function,
to measure the machine by.

Settings that were met before take two thirds of the time of new ones: what short values say, and what is written for
what they say, is remembered (``mediaglot.gateway.stretch``), as is what the provider was asked before it was asked for
the job (``mediaglot.gateway.past``). How the interpreter was built counts too, by up to a
sixth: Debian's 3.11 against one that pyenv built without --enable-optimizations, which it does unless told otherwise.
What is left are short-lived objects, dictionaries and attributes looked up by their names.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import CreateJob, Request
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Policy
from mediaglot.gateway.model import Job
from mediaglot.gateway.testing.case import Case, folders
from mediaglot.gateway.translation import Untranslatable, read_job, translate

PLAIN = "encoding_com/add_media/json_unencoded"
NAMES = re.compile(rb"\.(?=(?:mp4|mov|mpg|mkv|jpg|png|m3u8)\b)")
NUMBER = re.compile(rb"(?:(?<=%3E)|(?<=%22)|(?<=[\"\s:x>]))[1-9]\d{1,5}(?=[kx\"<\s,}]|%3C|%22|$)")
STEP, MOST = 2, 4000
"""By how much numbers grow, for sizes that have to be even, and until they begin again."""
COUNTED = count(1)
TURNS = 4
Pair = tuple[str, str]


class Asked:
    """A fixture's request for a job, as other jobs like it would be asked for."""

    def __init__(self, case: Case) -> None:
        self.name, self.dialect, self.request = str(case), case.dialect, case.request
        self.job = self._job(self.request)
        places = [match.span() for match in NUMBER.finditer(self.request.body)]
        self.numbers = [place for place in places if self._is_free(place)]

    def _job(self, request: Request) -> Job | None:
        try:
            return read_job(self.dialect, request)[0]
        except (Fault, Untranslatable):
            return None

    def _is_free(self, place: tuple[int, int]) -> bool:
        """Whether the provider takes another number there, and another job comes of it."""
        return self._job(grown(self.request, [place], MOST)) not in (None, self.job)

    def again(self) -> Request:
        """The same work on files that nobody has heard of yet."""
        return replace(self.request, body=NAMES.sub(b"-%d." % next(COUNTED), self.request.body))

    def anew(self) -> Request:
        """Other work as well."""
        number = next(COUNTED)
        request = grown(self.request, self.numbers, number * STEP % MOST)
        return replace(request, body=NAMES.sub(b"-%d." % number, request.body))


def grown(request: Request, places: list[tuple[int, int]], by: int) -> Request:
    body = request.body
    for start, end in reversed(places):
        body = b"%s%d%s" % (body[:start], int(body[start:end]) + by, body[end:])
    return replace(request, body=body)


def requests() -> list[Asked]:
    cases = [case for name in registry.names() for case in folders(name) if isinstance(case, Case)]
    return [Asked(case) for case in cases if isinstance(case.read().intent, CreateJob)]


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


def one(read: Dialect, write: Dialect, request: Request) -> object:
    return translate(request, read=read, write=write, policy=Policy.SILENT)


def bests(pairs: list[tuple[Asked, Dialect]], another: Callable[[Asked], Request], rounds: int) -> dict[Pair, float]:
    """Microseconds. All pairs come several times, as whatever else the machine does takes its time."""
    found: dict[Pair, float] = {}
    for _ in range(TURNS):
        for asked, to in pairs:
            works = [partial(one, asked.dialect, to, another(asked)) for _ in range(max(1, rounds // TURNS))]
            pair = asked.name, to.name
            found[pair] = min(found.get(pair, float("inf")), *(timed(work) * 1e6 for work in works))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    writers = [dialect for dialect in map(registry.find, registry.names()) if dialect.client is not None]
    pairs = [(asked, to) for asked in requests() for to in writers]

    def every() -> float:
        others = [(asked.dialect, write, asked.again()) for asked, write in pairs]
        return timed(lambda: [one(*each) for each in others])

    every()
    numbered = [pair for pair in pairs if pair[0].numbers]
    old, new = bests(pairs, Asked.again, rounds), bests(numbered, Asked.anew, rounds)
    whole = min(every() for _ in range(max(3, rounds // 5)))
    slowest = max(old, key=old.__getitem__)
    plain, recurring = (PLAIN, "encoding_com"), [old[each] for each in new]
    rows = {
        "a million empty calls": f"{best(nothing, 5) * 1e3:.1f} ms",
        f"{PLAIN.partition('/')[2]}, settings that recur": f"{old[plain]:.1f} us",
        f"{PLAIN.partition('/')[2]}, new settings": f"{new[plain]:.1f} us",
        f"median of {len(old)} translations, settings that recur": f"{statistics.median(old.values()):.1f} us",
        f"median of the {len(new)} with numbers, settings that recur": f"{statistics.median(recurring):.1f} us",
        f"median of the {len(new)} with numbers, new settings": f"{statistics.median(new.values()):.1f} us",
        "the slowest, settings that recur": f"{old[slowest]:.1f} us ({slowest[0]} to {slowest[1]})",
        f"all of them, {len(registry.names())} x {len(writers)} dialects": f"{whole * 1e3:.1f} ms",
    }
    for what, figure in rows.items():
        print(f"{what:64s} {figure}")


if __name__ == "__main__":
    main()
