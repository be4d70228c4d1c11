"""What it costs to ask the gateway for a job that another provider does: ``python tests/benchmarks/through.py``.

    python tests/benchmarks/through.py [--asked encoding_com] [--working xvid_mediahub] [--seconds N]

A client of one dialect asks the gateway; a second mediaglot does the work in another. Beside it, in turns in one run:
the call that a client of the second would make to it directly, and the same through a plain aiohttp reverse proxy. All
of them keep their connections; quote the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from load import Load, drive
from server import HERE, free_port, mediaglot, running

from mediaglot.gateway import registry
from mediaglot.gateway.backends.agent import Agent, Manners
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.errand import Glimpse, Pass, Placed
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.http.provider import Transport
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import TERMINAL, Audio, Average, Input, Job, Location, Output, Size, Status, Video

CLIP = "https://media.mediaglot.test/bars-1s-320x180-30fps.mp4"
JOBS = 8
CLIENTS = 200
ROUNDS = 3
JOB = Job(
    inputs=(Input(location=Location(url=CLIP)),),
    outputs=(
        Output(
            container="mp4",
            video=Video(codec="h264", size=Size(width=160, height=90), rate=Average(bitrate=200_000)),
            audio=Audio(codec="aac", bitrate=64_000),
        ),
    ),
)


class Customer:
    """A client of a dialect at a server."""

    def __init__(self, name: str, port: int) -> None:
        dialect = registry.find(name)
        if dialect.client is None:
            raise SystemExit(f"{name} has no client")
        self.name, self.client = name, dialect.client(dialect)
        self.transport = Transport(f"http://127.0.0.1:{port}/{name}", timeout=60)
        manners = Manners(per_second=1000)
        self.agent = Agent(name, self.client, self.client.example, self.transport, RealClock(), Random(1), manners)

    async def order(self) -> Placed:
        return await self.agent.run(lambda permit: self.client.create(permit, JOB, Ledger()), again=False)

    async def ended(self, placed: Placed) -> None:
        found = Glimpse(id=placed.id)
        while found.status not in TERMINAL:
            await asyncio.sleep(0.05)
            found = await self.agent.run(lambda permit: self.client.look(permit, placed))
        if found.status is not Status.FINISHED:
            raise SystemExit(f"a job of {self.name} is {found.status}: {found.trouble}")

    async def call(self, placed: Placed) -> bytes:
        """The bytes of a status call; of its first request where it has several."""
        permits: list[Pass] = []

        def look(permit: Pass):  # type: ignore[no-untyped-def]
            permits.append(permit)
            return self.client.look(permit, placed)

        await self.agent.run(look)
        return raw(self.name, next(self.client.look(permits[-1], placed)))


def raw(name: str, request: Request) -> bytes:
    query = f"?{request.query}" if request.query else ""
    lines = [f"{request.method} /{name}{request.path}{query} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{key}: {value}" for key, value in request.headers]
    lines += [f"Content-Length: {len(request.body)}"] if request.body else []
    return "\r\n".join((*lines, "", "")).encode() + request.body


async def prepared(asked: str, front: int, working: str, back: int) -> tuple[list[bytes], list[bytes]]:
    """Status calls of the same finished jobs: those of the gateway's client, and those of the provider's."""
    ours, theirs = Customer(asked, front), Customer(working, back)
    try:
        placed = [await ours.order() for _ in range(JOBS)]
        await asyncio.gather(*map(ours.ended, placed))
        there = await theirs.agent.run(theirs.client.find)
        through = [await ours.call(each) for each in placed]
        return through, [await theirs.call(Placed(id=each.id)) for each in there]
    finally:
        await ours.transport.close()
        await theirs.transport.close()


def configure(path: Path, working: str, port: int) -> Path:
    client = registry.find(working).client
    if client is None:
        raise SystemExit(f"{working} has no client")
    path.write_text(
        f"[providers.other]\ndialect = '{working}'\nurl = 'http://127.0.0.1:{port}/{working}'\n"
        f"user = '{client.example.name}'\nsecret = '{client.example.secret.reveal()}'\n"
        f"tenant = '{client.example.tenant}'\npolicy = 'warn'\npoll = 0.2\nper_second = 1000\n"
    )
    return path


def measure(asked: str, working: str, seconds: float, folder: Path) -> dict[str, dict[str, list[Load]]]:
    front, back, side = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        stack.enter_context(running(mediaglot(back, folder / "back"), back))
        config = configure(folder / "gateway.toml", working, back)
        stack.enter_context(running(mediaglot(front, folder / "front", "--config", str(config)), front))
        proxy = [sys.executable, str(HERE / "proxy.py"), str(side), f"http://127.0.0.1:{back}"]
        stack.enter_context(running(proxy, side))
        through, direct = asyncio.run(prepared(asked, front, working, back))
        ways = {"direct": (back, direct), "proxy": (side, direct), "through": (front, through)}
        found: dict[str, dict[str, list[Load]]] = {"one": {}, "many": {}}
        for _ in range(ROUNDS):
            for name, (port, messages) in ways.items():
                for kind, count in (("one", 1), ("many", CLIENTS)):
                    load = drive(port, messages, connections=count, seconds=seconds)
                    found[kind].setdefault(name, []).append(load)
    return found


def show(name: str, value: str, aim: str = "") -> None:
    print(f"  {name:<62} {value:>10}   {aim}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asked", default="encoding_com", help="the dialect that the client speaks")
    parser.add_argument("--working", default="xvid_mediahub", help="the dialect of the one that works")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one round of load")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(given.asked, given.working, given.seconds, Path(folder))
    late = {name: statistics.median(each.percentile(0.5) for each in loads) for name, loads in found["one"].items()}
    rate = {name: statistics.median(each.rate for each in loads) for name, loads in found["many"].items()}
    print(f"Status of a job, asked in {given.asked} and done in {given.working} (median of {ROUNDS})")
    show("latency, direct", f"{late['direct'] * 1000:.2f} ms")
    show("latency, plain reverse proxy", f"{late['proxy'] * 1000:.2f} ms")
    show("latency, through the gateway", f"{late['through'] * 1000:.2f} ms")
    show("added by the gateway", f"{(late['through'] - late['direct']) * 1000:.2f} ms", "aim under 1 ms")
    show("gateway / proxy", f"{late['through'] / late['proxy']:.2f}", "aim under 1.5")
    show(f"{CLIENTS} clients, direct", f"{rate['direct']:.0f}/s")
    show(f"{CLIENTS} clients, plain reverse proxy", f"{rate['proxy']:.0f}/s")
    show(f"{CLIENTS} clients, through the gateway", f"{rate['through']:.0f}/s")
    show("gateway / proxy", f"{rate['through'] / rate['proxy']:.2f}", "aim 0.6 or better")


if __name__ == "__main__":
    main()
