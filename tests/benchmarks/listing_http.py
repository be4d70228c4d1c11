"""Pages of 100,000 jobs against the same pages of 1,000, over HTTP: ``python tests/benchmarks/listing_http.py [jobs]``.

Two servers of one run, alternately asked, through each dialect that lists. ``new`` is a page after so many others that
no answer is ready for it, ``again`` the same page right afterwards. The aim is a ratio of at most 2. Each account is
filled with copies of a real job that the dialect's sample client had done.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote, urlencode

sys.path.insert(0, str(Path(__file__).parent))

from load import content_length
from server import free_port, mediaglot, memory, running

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request, Response, headers
from mediaglot.gateway.http.transport import Transport, drive
from mediaglot.gateway.model import TERMINAL, Input, Location, Status, Ticket, Trouble
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.sqlite import FILE, SqliteStore

CLIP = "https://media.mediaglot.test/bars-2s-320x180-30fps.mp4"
SMALL = 1_000
ROUNDS = 9
FILLERS = 40
"""Pages that are asked for before each round: more than the store keeps ready for one account."""
START = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = [Status.FINISHED] * 18 + [Status.FAILED, Status.CANCELLED]

# --- what each dialect is asked ---------------------------------------------------------------------


@dataclass(frozen=True)
class Lister:
    """How a dialect's lists are asked for."""

    path: str
    pages: Callable[[int], dict[str, dict[str, object]]]
    """Parameters by the page's name, for so many jobs: each has as many entries for every number, and deep pages lie at
    the same part of the list."""
    filler: Callable[[int], dict[str, object]]
    """The parameters of some page, by its number."""
    body: Callable[[dict[str, object]], bytes] | None = None
    """Writes the parameters where they don't go into the query."""
    vary: Callable[[Ticket, int], Ticket] = lambda ticket, number: ticket

    def ask(self, given: dict[str, object], lines: Headers) -> bytes:
        body = self.body(given) if self.body else b""
        target = self.path if self.body else f"{self.path}?{urlencode(given, doseq=True)}"
        more = [("Host", "127.0.0.1"), ("Content-Length", str(len(body)))]
        head = "".join(f"{name}: {value}\r\n" for name, value in (*lines.lines, *more))
        return f"{'POST' if self.body else 'GET'} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def day(count: int, part: float, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    return (START + timedelta(seconds=int(count * part))).strftime(pattern)


def encoding_com(given: dict[str, object]) -> bytes:
    who = {"userid": "100", "userkey": "demo", "action": "GetMediaList", "version": "3"}
    return f"json={quote(json.dumps({'query': {**who, **given}}))}".encode()


def drm(ticket: Ticket, number: int) -> Ticket:
    document = {**ticket.job.document, "enable_drm": number % 3 == 0}
    return replace(ticket, job=replace(ticket.job, document=document))


def user_data(ticket: Ticket, number: int) -> Ticket:
    """And a source of its own."""
    name = f"https://media.mediaglot.test/clip {number}.mp4"
    said = {**ticket.job.document["input"], "input_name": name}
    document = {**ticket.job.document, "user_data": f"user {number % 20}", "input": said}
    source = Input(location=Location(url=name))
    return replace(ticket, job=replace(ticket.job, document=document, inputs=(source,)))


LISTERS = {
    "encoding_com": Lister(
        path="/encoding_com/",
        body=encoding_com,
        pages=lambda n: {
            "first": {"per_page": 50},
            "one job": {"mediaid": "1000500"},
            "newest": {"per_page": 50, "sort": "created", "order": "desc"},
            "deep": {"per_page": 50, "page": n // 100},
            "by source, deep": {"per_page": 50, "page": n // 150, "sort": "source"},
            "by status, deep": {"per_page": 50, "page": n // 150, "sort": "status"},
            "one container": {"per_page": 50, "output": "mp4"},
            "from a date, deep": {"per_page": 50, "date_from": day(n, 0.1), "page": n // 150},
            "container and dates": {
                "per_page": 50,
                "output": "mp4",
                "date_from": day(n, 0.1),
                "date_to": day(n, 0.9),
                "sort": "finished",
            },
        },
        filler=lambda number: {"per_page": 20, "page": number + 1},
    ),
    "tpstreams": Lister(
        path="/tpstreams/api/v1/demo00/transcoding_jobs/",
        pages=lambda n: {
            "first": {"page": 1},
            "newest": {"ordering": "-created"},
            "deep": {"page": n // 40},
            "last": {"page": "last"},
            "one status": {"status": "error"},
            "two statuses, deep": {"status": ["completed", "cancelled"], "page": n // 60},
            "drm, deep": {"enable_drm": "true", "page": n // 120},
            "drm and status": {"enable_drm": "true", "status": "error"},
            "drm and statuses": {"enable_drm": "false", "status": ["completed", "cancelled"]},
            "from a date, status": {"status": "completed", "created_from": day(n, 0.1)},
        },
        filler=lambda number: {"page": number + 1},
        vary=drm,
    ),
    "transparent_edge": Lister(
        path="/transparent_edge/v1/media/42/transcode/",
        pages=lambda n: {
            "first": {"limit": 50, "output": "std"},
            "deep": {"limit": 50, "offset": n // 2, "output": "std"},
            "one status": {"limit": 50, "filters": '{"status": "ERROR"}', "output": "std"},
            "status, deep": {
                "limit": 50,
                "offset": n // 3,
                "filters": '{"status": "FINISHED"}',
                "output": "std",
            },
            "one profile": {"limit": 50, "filters": '{"profile_name": "demo 360"}', "output": "std"},
            "profile and status": {
                "limit": 50,
                "filters": '{"profile_name": "demo 360", "status": "ERROR"}',
                "output": "std",
            },
            "from a date": {
                "limit": 50,
                "filters": json.dumps({"timestamp": {"from": day(n, 0.1)}}),
                "output": "std",
            },
            "search, few": {"limit": 1, "search": "-9899", "output": "std"},
            "search, some": {"limit": 8, "search": "7-2", "output": "std"},
            "search, all": {"limit": 50, "search": "17", "output": "std"},
        },
        filler=lambda number: {"limit": 20, "offset": number * 20},
    ),
    "xvid_mediahub": Lister(
        path="/xvid_mediahub/v1/jobs/",
        pages=lambda n: {
            "first": {"limit": 50},
            "newest": {"limit": 50, "direction": -1},
            "deep": {"limit": 50, "start": n // 2},
            "one status": {"limit": 50, "status": "FAILURE"},
            "status, by end, deep": {"limit": 50, "status": "SUCCESS", "sort": "finished_at", "start": n // 3},
            "user data": {"limit": 50, "user_data": "user 7"},
            "user data, status": {"limit": 3, "user_data": "user 7", "status": "FAILURE"},
            "by user data, deep": {"limit": 50, "sort": "user_data", "start": n // 3},
            "source's name, all": {"limit": 50, "input.file.name": "clip"},
            "source's name, few": {"limit": 1, "input.file.name": "clip 777"},
            "in progress": {"limit": 50, "inprogress": "true"},
            "from a date": {"limit": 50, "from_date": int((START.timestamp() + n // 10) * 1000)},
        },
        filler=lambda number: {"limit": 20, "start": number * 20},
        vary=user_data,
    ),
}

# --- jobs ---------------------------------------------------------------------------------------------


async def seed(port: int, names: list[str]) -> dict[str, Headers]:
    """Have the sample clients' jobs done; with which headers they may ask."""
    found = {}
    async with Transport() as transport:
        for name in names:
            dialect, last = registry.find(name), []

            async def send(request: Request, mount: str = name, last: list[Request] = last) -> Response:
                last.append(request)
                return await transport.send(request, f"http://127.0.0.1:{port}/{mount}")

            assert dialect.sample is not None
            sample = dialect.sample()
            job = await drive(sample.create(CLIP), send)
            while dialect.heard((await drive(sample.status(job), send)).word)[0] not in TERMINAL:
                time.sleep(0.05)  # noqa: ASYNC251 - nothing else is going on here
            asked = last[-1].headers
            found[name] = Headers(lines=tuple(line for line in asked.lines if line[0].lower() != "content-type"))
            if LISTERS[name].body:
                found[name] = headers(content_type="application/x-www-form-urlencoded")
    return found


def copy(ticket: Ticket, number: int, dialect: Dialect, chance: random.Random) -> Ticket:
    """The job as it would be had it come ``number`` seconds after the first."""
    created = START + timedelta(seconds=number)
    status, ids = chance.choice(STATUSES), 1_000_000 + number
    made = tuple(
        replace(each, id=dialect.output_ids.mint(ids * 4 + place, created, chance), status=status, created=created)
        for place, each in enumerate(ticket.outputs)
    )
    times = {"created": created, "updated": created, "started": created, "finished": created + timedelta(seconds=9)}
    fresh = replace(
        ticket,
        id=dialect.job_ids.mint(ids, created, chance),
        status=status,
        outputs=made,
        trouble=Trouble(code="source_missing") if status is Status.FAILED else None,
        **times,
    )
    return LISTERS[dialect.name].vary(fresh, number)


async def fill(data: Path, count: int) -> None:
    """Every account gets ``count`` copies of its one job."""
    connection = sqlite3.connect(data / FILE)
    sql = "SELECT dialect, account, id FROM tickets JOIN owners ON owner = owners.number"
    keys = connection.execute(sql).fetchall()
    connection.close()
    async with await SqliteStore.open(data) as store:
        for key in keys:
            dialect, chance = registry.find(key[0]), random.Random(7)
            ticket = await store.get(Key(*key))
            assert ticket is not None
            async with store.write() as tx:
                await tx.put(replace(ticket, deleted=ticket.created))
            for first in range(0, count, 500):
                async with store.write() as tx:
                    for number in range(first, min(count, first + 500)):
                        made = copy(ticket, number, dialect, chance)
                        await tx.add(made, dialect.facets(made))


# --- measuring ----------------------------------------------------------------------------------------


class Server:
    """A running server with so many jobs, and one connection to it."""

    def __init__(self, port: int, pid: int, count: int, asked: dict[str, Headers]) -> None:
        self.pid, self.count, self.asked = pid, count, asked
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.taken: dict[tuple[str, str], list[float]] = {}

    def time(self, message: bytes) -> float:
        began = time.perf_counter()
        self.socket.sendall(message)
        received = b""
        while True:
            received += self.socket.recv(1 << 20)
            head, gap, rest = received.partition(b"\r\n\r\n")
            if gap and len(rest) >= content_length(head):
                break
        taken = time.perf_counter() - began
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{message!r}: {received[:2000]!r}")
        return taken

    def forget(self, name: str) -> None:
        for number in range(FILLERS):
            self.time(LISTERS[name].ask(LISTERS[name].filler(number), self.asked[name]))

    def page(self, name: str, title: str) -> None:
        message = LISTERS[name].ask(LISTERS[name].pages(self.count)[title], self.asked[name])
        for kind in ("new", "again"):
            self.taken.setdefault((title, kind), []).append(self.time(message))

    def median(self, title: str, kind: str) -> float:
        return statistics.median(self.taken[title, kind][1:])


def measure(name: str, small: Server, large: Server) -> None:
    titles = list(LISTERS[name].pages(SMALL))
    for server in (small, large):
        server.taken.clear()
    for _ in range(ROUNDS):
        for server in (small, large):
            server.forget(name)
        for title in titles:
            for server in (small, large):
                server.page(name, title)
    for title in titles:
        new, again = large.median(title, "new"), large.median(title, "again")
        ratios = new / small.median(title, "new"), again / small.median(title, "again")
        print(
            f"{name:17} {title:22} {new * 1e3:8.2f} {ratios[0]:6.2f} {again * 1e3:9.2f} {ratios[1]:6.2f}"
            f"{'   more than twice' if max(ratios) > 2 else ''}",
            flush=True,
        )


def prepare(data: Path, count: int, names: list[str]) -> dict[str, Headers]:
    port = free_port()
    with running(mediaglot(port, data), port):
        asked = asyncio.run(seed(port, names))
    asyncio.run(fill(data, count))
    return asked


def compare(folder: Path, count: int, names: list[str]) -> None:
    began = time.perf_counter()
    asked = {number: prepare(folder / str(number), number, names) for number in (SMALL, count)}
    print(f"{count} and {SMALL} jobs for each of {len(names)} dialects filled in {time.perf_counter() - began:.0f} s")
    ports = {number: free_port() for number in asked}
    with (
        running(mediaglot(ports[SMALL], folder / str(SMALL)), ports[SMALL]) as (one, _),
        running(mediaglot(ports[count], folder / str(count)), ports[count]) as (other, _),
    ):
        small = Server(ports[SMALL], one.pid, SMALL, asked[SMALL])
        large = Server(ports[count], other.pid, count, asked[count])
        before = [memory(server.pid) for server in (small, large)]
        print(f"{'dialect':17} {'page':22} {'new ms':>8} {'ratio':>6} {'again ms':>9} {'ratio':>6}")
        for name in names:
            measure(name, small, large)
        after = [memory(server.pid) for server in (small, large)]
    for number, idle, used in zip((SMALL, count), before, after, strict=True):
        print(f"resident with {number} jobs each: {idle:.0f} MB before, {used:.0f} MB after the listing")


def chosen(wanted: list[str]) -> Iterator[str]:
    for name in registry.names():
        if name in LISTERS and (not wanted or name in wanted):
            yield name
        elif name not in LISTERS:
            print(f"{name} is not in the table of this benchmark")


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    names = list(chosen([word for word in sys.argv[1:] if not word.isdigit()]))
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), numbers[0] if numbers else 100_000, names)


if __name__ == "__main__":
    main()
