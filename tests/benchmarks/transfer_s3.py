"""A large object from and to a store, in one run with the usual tools: ``python tests/benchmarks/transfer_s3.py``.

Against ``curl --aws-sigv4``, and with ``--aws`` the ``aws`` command, with the same server on loopback, in turns. The
server believes every signature and costs as little as it can. Our process runs already, as that of a server would, and
has signed before; the start of the others is counted, which matters for ``aws``. Quote ratios, not seconds. The peak
memory (resident, in MB) of the process that moves the bytes stands beside.
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
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from transfer_http import MIB, Cost, best, run_ours, run_theirs

from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.endpoint import Endpoint, Keys
from mediaglot.gateway.transfer.multipart import PART, part_of
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.s3 import S3
from mediaglot.gateway.transfer.signature import EMPTY, sign

USER, SECRET = "EXAMPLE-USER", "not/a-real+secret"
DAY = "Thu, 01 Jan 2026 00:00:00 GMT"
TAG = '"0123456789abcdef0123456789abcdef"'


class Store(http.server.BaseHTTPRequestHandler):
    """One object to read, ``source``, and one to write, ``put``, whole or in the parts that a file like it goes in."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(200, length=Path("source").stat().st_size)

    def do_GET(self) -> None:
        size = Path("source").stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        done, end = (int(asked[1]), min(int(asked[2] or size), size - 1) + 1) if asked else (0, size)
        where = {"Content-Range": f"bytes {done}-{end - 1}/{size}"} if asked else {}
        self.answer(206 if asked else 200, length=end - done, **where)
        self.wfile.flush()
        with Path("source").open("rb") as file:
            while done < end:
                done += os.sendfile(self.connection.fileno(), file.fileno(), done, end - done)

    def do_PUT(self) -> None:
        number = int(parse_qs(urlsplit(self.path).query).get("partNumber", ["1"])[0])
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        left, at = int(self.headers["Content-Length"]), (number - 1) * part_of(Path("source").stat().st_size)
        block = memoryview(bytearray(MIB))
        file = os.open("put", os.O_WRONLY | os.O_CREAT, 0o600)
        while left:
            taken = self.rfile.readinto(block[: min(MIB, left)])
            os.pwrite(file, block[:taken], at)
            left, at = left - taken, at + taken
        os.close(file)
        self.answer(200)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        begins = "uploads" in urlsplit(self.path).query
        body = "<R><UploadId>one</UploadId></R>" if begins else f"<R><ETag>{TAG}</ETag></R>"
        self.answer(200, length=len(body))
        self.wfile.write(body.encode())

    def answer(self, status: int, length: int = 0, **more: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(length), "ETag": TAG, "Last-Modified": DAY, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def serve(folder: Path, told: Any) -> None:
    os.chdir(folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
    told.send(server.server_address[1])
    server.serve_forever()


def cases(folder: Path, port: int, others: tuple[str, ...]) -> dict[str, dict[str, Callable[[], Cost]]]:
    """Each work, and the ways to do it; ours is the first."""
    source, target, site = folder / "source", folder / "fetched", f"http://127.0.0.1:{port}"
    access = Access(user=USER, password=Secret(SECRET))
    there = Location(url="s3://films/source", access=access)
    put = Location(url="https://films.s3.amazonaws.com/put", access=access)

    def ours(move: Callable[[S3], Any]) -> Callable[[], Cost]:
        async def once(_: object) -> None:
            s3 = S3(Policy(), endpoints=(Endpoint(url=site),))
            await move(s3)
            await s3.close()

        return lambda: run_ours(once, folder)

    curl = ("curl", "-s", "-f", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{USER}:{SECRET}")
    aws = ("aws", "--endpoint-url", site, "s3", "cp", "--only-show-errors")
    found = {
        "s3 fetch": {
            "ours": ours(lambda s3: s3.fetch(there, target)),
            "curl": lambda: run_theirs(*curl, "-o", str(target), f"{site}/films/source"),
            "aws": lambda: run_theirs(*aws, "s3://films/source", str(target)),
        },
        "s3 deliver": {
            "ours": ours(lambda s3: s3.deliver(source, put)),
            "curl": lambda: run_theirs(*curl, "-T", str(source), f"{site}/films/put"),
            "aws": lambda: run_theirs(*aws, str(source), "s3://films/put"),
        },
    }
    return {work: {name: ways[name] for name in ("ours", *others)} for work, ways in found.items()}


def surroundings(folder: Path) -> None:
    """What ``aws`` needs to know, and nothing of the machine's own."""
    config = folder / "config"
    config.write_text(
        f"[default]\nregion = us-east-1\ns3 =\n  multipart_chunksize = {PART}\n  addressing_style = path\n"
    )
    os.environ |= {
        "AWS_CONFIG_FILE": str(config),
        "AWS_ACCESS_KEY_ID": USER,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def same(folder: Path) -> bool:
    """Whether what has arrived is the source, at its end too."""
    (arrived,) = [folder / name for name in ("fetched", "put") if (folder / name).exists()]
    with arrived.open("rb") as one, (folder / "source").open("rb") as other:
        for at in (0, (folder / "source").stat().st_size // 2, -MIB):
            one.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
            other.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
            if one.read(MIB) != other.read(MIB):
                return False
        return one.tell() == other.tell()


def compare(folder: Path, port: int, mib: int, rounds: int, others: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for work, ways in cases(folder, port, others).items():
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for number in range(rounds):
            for name in list(ways)[:: 1 if number % 2 else -1]:
                for left in ("fetched", "put"):
                    (folder / left).unlink(missing_ok=True)
                costs[name].append(ways[name]())
                if not same(folder):
                    raise SystemExit(f"{work} by {name}: the bytes are not the same")
        own, *theirs = (best(costs[name]) for name in ways)
        for name, other in zip(others, theirs, strict=True):
            ratio = own.seconds / other.seconds
            found[f"{work} {name}"] = round(ratio, 2)
            print(
                f"{work:10} {mib} MiB: {ratio:.2f} of {name} ({own.seconds:.2f} s / {other.seconds:.2f} s), "
                f"peak {own.peak:.0f} MB against {other.peak:.0f} MB",
                flush=True,
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--aws", action="store_true", help="against the command of that name, too")
    parser.add_argument("--folder", type=Path, help="where the files lie, instead of the folder for temporary ones")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name).resolve()
        surroundings(folder)
        asyncio.run(sign("GET", "http://127.0.0.1/", {}, Keys(user=USER, secret=Secret(SECRET)), "us-east-1", EMPTY))
        with (folder / "source").open("wb") as file:
            block = os.urandom(MIB)
            for number in range(given.mib):
                file.write(number.to_bytes(8) + block[8:])
        here, there = multiprocessing.get_context("fork").Pipe()
        server = multiprocessing.get_context("fork").Process(target=serve, args=(folder, there))
        server.start()
        try:
            found = compare(folder, here.recv(), given.mib, given.rounds, ("curl", "aws") if given.aws else ("curl",))
        finally:
            server.terminate()
            server.join()
    if given.json:
        json.dump(found, sys.stdout)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
