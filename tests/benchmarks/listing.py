"""How much dearer a page of 100,000 jobs is than the same page of 1,000: prints ratios, all from one run.

    python tests/benchmarks/listing.py [jobs]

``cold`` reads a page that was never asked for before and tickets that are not in memory; ``again`` is the same page
once more with nothing changed in between. The aim is a ratio of at most 2. The last lines tell the store's own price
per write and per hot read, and how much memory grew.
"""

from __future__ import annotations

import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.model import (
    AudioFacts,
    Average,
    File,
    Input,
    Job,
    Location,
    Made,
    MediaFacts,
    Output,
    Status,
    Step,
    Ticket,
    Video,
    VideoFacts,
)
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.sqlite import SqliteStore

START = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = 1_000
STATUSES = [Status.FINISHED] * 18 + [Status.FAILED, Status.QUEUED]
ROUNDS = 15


def ticket(number: int, account: str) -> Ticket:
    chance = random.Random(number)
    facts = MediaFacts(
        container="mov",
        size=12345,
        duration=Fraction(10),
        video=(VideoFacts(codec="h264", width=1280, height=720, frame_rate=Fraction(30)),),
        audio=(AudioFacts(codec="aac", sample_rate=48000, channels=2),),
    )
    source = Input(location=Location(url=f"https://media.example/{chance.getrandbits(40):x}.mp4"))
    video = Video(codec="h264", rate=Average(bitrate=2_000_000))
    created = START + timedelta(seconds=number)
    steps = tuple(Step(at=created, status=Status.RUNNING) for _ in range(4))
    files = (File(path=f"{number}/a.mp4", size=12345, facts=facts),)
    return Ticket(
        id=f"{chance.getrandbits(80):020x}",
        account=account,
        dialect="acme",
        job=Job(inputs=(source,), outputs=(Output(container=chance.choice(["mp4", "webm"]), video=video),)),
        created=created,
        started=created,
        status=chance.choice(STATUSES),
        history=steps,
        outputs=(Made(id=f"{account}{number}", files=files, history=steps),),
    )


async def fill(store: SqliteStore, account: str, count: int) -> float:
    begun = time.perf_counter()
    for first in range(0, count, 500):
        async with store.write() as tx:
            for number in range(first, min(count, first + 500)):
                made = ticket(number, account)
                await tx.add(made, {"drm": "yes" if number % 3 else "no", "part:id": made.id})
    return (time.perf_counter() - begun) / count


def pages(count: int) -> dict[str, tuple[Filter, Window]]:
    """The same pages for every size; ``deep`` and ``last`` lie at the same part of the list."""
    failed, several = frozenset({Status.FAILED}), frozenset({Status.FINISHED, Status.QUEUED})
    middle = START + timedelta(seconds=count // 2)
    return {
        "first": (Filter(), Window(limit=50)),
        "newest": (Filter(), Window(limit=50, descending=True)),
        "deep (middle)": (Filter(), Window(offset=count // 2, limit=50)),
        "last": (Filter(), Window(offset=count - 60, limit=50)),
        "one status": (Filter(statuses=failed), Window(limit=50)),
        "one status, deep": (Filter(statuses=failed), Window(offset=count // 50, limit=20)),
        "two statuses, deep": (Filter(statuses=several), Window(offset=count // 3, limit=50)),
        "container": (Filter(container="webm"), Window(limit=50)),
        "facet, deep": (Filter(facets={"drm": "yes"}), Window(offset=count // 3, limit=50)),
        "created from": (Filter(created_from=middle), Window(limit=50)),
        "by source, deep": (Filter(), Window(offset=count // 3, limit=50, sort="source")),
        "text": (Filter(parts={"part:id": "7a"}), Window(limit=50)),
    }


async def median(work: Callable[[], Awaitable[object]], prepare: Callable[[], None]) -> float:
    taken = []
    for _ in range(ROUNDS):
        prepare()
        begun = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


async def measure(store: SqliteStore, account: str, count: int) -> dict[str, tuple[float, float]]:
    def forget() -> None:
        store._pages.forget(("acme", account))
        store._cache._kept.clear()

    results = {}
    for name, (wanted, window) in pages(count).items():

        async def page(wanted: Filter = wanted, window: Window = window) -> None:
            assert (await store.list("acme", account, wanted, window)).items

        results[name] = await median(page, forget), await median(page, lambda: None)
    return results


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with await SqliteStore.open(Path(folder)) as store:
            await fill(store, "small", SMALL)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            each = await fill(store, "large", count)
            small = await measure(store, "small", SMALL)
            large = await measure(store, "large", count)
            print(
                f"{'page':22} {'cold ms':>8} {'ratio':>6} {'again ms':>9} {'ratio':>6}   ({count} jobs against {SMALL})"
            )
            for name, (cold, again) in large.items():
                base = small[name]
                print(f"{name:22} {cold * 1e3:8.2f} {cold / base[0]:6.2f} {again * 1e3:9.2f} {again / base[1]:6.2f}")
            key = Key.of((await store.list("acme", "large", Filter(), Window(limit=1))).items[0])
            begun = time.perf_counter()
            for _ in range(100_000):
                store.peek(key)
            print(
                f"peek {(time.perf_counter() - begun) * 10:.2f} us, add {each * 1e6:.0f} us a ticket in batches of 500"
            )
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            print(f"peak memory grew by {grown:.0f} MB while {count} jobs came in and were listed")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
