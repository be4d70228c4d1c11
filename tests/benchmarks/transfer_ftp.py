"""Moving a large file by FTP, FTPS and SFTP, in one run with the usual tools:
``python tests/benchmarks/transfer_ftp.py [--mib N]``.

curl stands against FTP and FTPS (AUTH TLS), OpenSSH's ``sftp`` against SFTP; both sides ask the same servers on
loopback, pyftpdlib's and OpenSSH's (asyncssh's, where there is no ``sshd``), in turns. A server's process does the
transfers, as a long-running one would: its start is not counted, theirs is. The best of all rounds counts; quote
ratios, not seconds. ``--folder /dev/shm`` leaves the disk out. The peak memory
(resident, in MB) of the process that moves the bytes stands beside.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import logging
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
from transfer_http import MIB, Cost, peak, run_theirs

import mediaglot.gateway.transfer.ftp
import mediaglot.gateway.transfer.ssh.file  # noqa: F401 - both as in a server that has seen its first transfers
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.trust import Trust

FORK = multiprocessing.get_context("fork")
USER, PASSWORD = "ann", "s3cret"
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def certify(folder: Path) -> tuple[Path, Path]:
    """The server's certificate with its key, and the authority's."""
    path = Path(__file__).parents[1] / "transfer" / "ftp" / "server.py"
    spec = importlib.util.spec_from_file_location("ftp_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    own, authority = module.certify(folder)
    return own, authority


def serve_ftp(folder: Path, certificate: Path | None, told: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
        from pyftpdlib.ioloop import IOLoop
        from pyftpdlib.servers import FTPServer

        authorizer = DummyAuthorizer()
        authorizer.add_user(USER, PASSWORD, str(folder), perm="elradfmwMT")
    logging.disable(logging.INFO)
    words = {"authorizer": authorizer, "certfile": str(certificate)}
    handler = type("Handler", (TLS_FTPHandler if certificate else FTPHandler,), words)
    loop = IOLoop()
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=loop)
    told.send(server.address[1])
    loop.loop()


def serve_sftp(folder: Path, told: Any) -> None:
    """asyncssh's, for machines without OpenSSH's."""

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[str(folder / "host_key")],
            authorized_client_keys=str(folder / "key.pub"),
            sftp_factory=True,
        )
        told.send(acceptor.get_port())
        await acceptor.wait_closed()

    asyncio.run(serve())


@contextlib.contextmanager
def running(serve: Callable[..., None], *words: Any) -> Iterator[int]:
    """The port of a server in a process of its own."""
    here, there = FORK.Pipe()
    process = FORK.Process(target=serve, args=(*words, there))
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


@contextlib.contextmanager
def ssh_server(folder: Path) -> Iterator[int]:
    for name in ("host_key", "key"):
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / name)
        key.write_public_key(folder / f"{name}.pub")
        (folder / name).chmod(0o600)
    if SSHD is None:
        with running(serve_sftp, folder) as port:
            yield port
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "HostKey": folder / "host_key",
        "AuthorizedKeysFile": folder / "key.pub",
        "Subsystem": "sftp internal-sftp",
        "ListenAddress": f"127.0.0.1:{port}",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PermitRootLogin": "yes",
        "PasswordAuthentication": "no",
    }
    (folder / "sshd_config").write_text("".join(f"{name} {value}\n" for name, value in options.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def ours(folder: Path, move: Callable[[Carrier], Any], trust: Trust) -> Cost:
    here, there = FORK.Pipe()

    async def once() -> float:
        carrier = Carrier(Policy(local_addresses=True, allow_dirs=(folder,), trust=trust))
        began = time.perf_counter()
        await move(carrier)
        seconds = time.perf_counter() - began
        await carrier.close()
        return seconds

    def body() -> None:
        seconds = asyncio.run(once())
        there.send((seconds, peak("self")))

    process = FORK.Process(target=body)
    process.start()
    cost = Cost(*here.recv())
    process.join()
    return cost


def sftp(folder: Path, port: int, command: str) -> Cost:
    (folder / "batch").write_text(f"{command}\n")
    return run_theirs(
        *("sftp", "-b", str(folder / "batch"), "-i", str(folder / "key"), "-P", str(port)),
        *("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
        f"{user()}@127.0.0.1",
    )


def user() -> str:
    return os.environ.get("USER") or "root"


Sides = tuple[Callable[[], Cost], Callable[[], Cost]]


def ftp_cases(folder: Path, port: int, scheme: str, authority: Path) -> dict[str, Sides]:
    trust, entry = Trust(ca_bundle=authority), Access(user=USER, password=Secret(PASSWORD))
    url, source, target = f"{scheme}://127.0.0.1:{port}", folder / "source", folder / "fetched"
    curl = ["curl", "-s", "-S", "-u", f"{USER}:{PASSWORD}"]
    if scheme == "ftps":
        curl += ["--ssl-reqd", "--cacert", str(authority)]
    plain = f"ftp://127.0.0.1:{port}"
    get = Location(url=f"{url}/source", access=entry)
    put = Location(url=f"{url}/put", access=entry)
    return {
        f"{scheme} fetch": (
            lambda: ours(folder, lambda carrier: carrier.fetch(get, target), trust),
            lambda: run_theirs(*curl, "-o", str(target), f"{plain}/source"),
        ),
        f"{scheme} deliver": (
            lambda: ours(folder, lambda carrier: carrier.deliver(source, put), trust),
            lambda: run_theirs(*curl, "-T", str(source), f"{plain}/put"),
        ),
    }


def sftp_cases(folder: Path, port: int) -> dict[str, Sides]:
    trust, entry = Trust(ssh_key=folder / "key"), Access(user=user())
    url, source, target = f"sftp://127.0.0.1:{port}{folder}", folder / "source", folder / "fetched"
    get = Location(url=f"{url}/source", access=entry)
    put = Location(url=f"{url}/put", access=entry)
    return {
        "sftp fetch": (
            lambda: ours(folder, lambda carrier: carrier.fetch(get, target), trust),
            lambda: sftp(folder, port, f"get {source} {target}"),
        ),
        "sftp deliver": (
            lambda: ours(folder, lambda carrier: carrier.deliver(source, put), trust),
            lambda: sftp(folder, port, f"put {source} {folder}/put"),
        ),
    }


def best(costs: list[Cost]) -> Cost:
    """The quickest round: whatever else the machine does makes them slower only."""
    return Cost(min(one.seconds for one in costs), max(one.peak for one in costs))


def compare(folder: Path, cases: dict[str, Sides], mib: int, rounds: int) -> dict[str, Any]:
    found = {}
    for name, sides in cases.items():
        costs: tuple[list[Cost], list[Cost]] = ([], [])
        for number in range(rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                for left in ("fetched", "put"):
                    (folder / left).unlink(missing_ok=True)
                costs[side].append(sides[side]())
                (moved,) = (folder / left for left in ("fetched", "put") if (folder / left).exists())
                assert moved.stat().st_size == mib * MIB, name
        own, other = map(best, costs)
        ratio, tool = round(own.seconds / other.seconds, 2), "sftp" if name.startswith("sftp") else "curl"
        found[name] = {"ratio": ratio, "seconds": (own.seconds, other.seconds), "peak_mb": (own.peak, other.peak)}
        print(
            f"{name:13} {mib} MiB: {ratio:.2f} of {tool} ({own.seconds:.2f} s / {other.seconds:.2f} s), "
            f"peak {own.peak:.0f} MB against {other.peak:.0f} MB",
            flush=True,
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("ftp", "ftps", "sftp"), action="append")
    parser.add_argument("--folder", type=Path, help="where the files lie, instead of the folder for temporary ones")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    wanted, found = given.only or ["ftp", "ftps", "sftp"], {}
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name).resolve()
        block = os.urandom(MIB)
        with (folder / "source").open("wb") as file:
            for _ in range(given.mib):
                file.write(block)
        own, authority = certify(folder)
        for scheme in (scheme for scheme in wanted if scheme != "sftp"):
            with running(serve_ftp, folder, own if scheme == "ftps" else None) as port:
                found |= compare(folder, ftp_cases(folder, port, scheme, authority), given.mib, given.rounds)
        if "sftp" in wanted:
            with ssh_server(folder) as port:
                print(f"sftp against {SSHD or 'asyncssh as the server'}")
                found |= compare(folder, sftp_cases(folder, port), given.mib, given.rounds)
    if given.json:
        json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
