"""Starting and stopping the servers that are measured."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from load import exchange, post

HERE = Path(__file__).parent
MOUNT = "/encoding_com/"
COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""As installed programs are, ours and those beside it."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], port: int, path: str = "/_mediaglot/ready"
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """A server process, and the seconds from its start to its first answer, which is 200 to a request for ``path``."""
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=COMPILED) as process,
    ):
        try:
            yield process, _first_answer(process, port, path, log) - began
        finally:
            process.terminate()
            process.wait(timeout=20)


def _first_answer(process: subprocess.Popen[bytes], port: int, path: str, log: IO[bytes]) -> float:
    message = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    while process.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            if exchange(port, message).startswith(b"HTTP/1.1 200"):
                return time.perf_counter()
    log.seek(0)
    raise RuntimeError(log.read().decode())


def mediaglot(port: int, data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "mediaglot", "serve", "--port", str(port), "--data", str(data), *more]


def bare(port: int, body: Path, content_type: str) -> list[str]:
    return [sys.executable, str(HERE / "bare.py"), str(port), str(body), content_type]


def query(action: str, **fields: object) -> bytes:
    return post(MOUNT, "json=" + json.dumps({"query": {**USER, "action": action, **fields}}))


USER = {"userid": "100", "userkey": "example-key"}


def ask(port: int, action: str, **fields: object) -> dict[str, object]:
    answer = exchange(port, query(action, **fields)).partition(b"\r\n\r\n")[2]
    result: dict[str, object] = json.loads(answer)["response"]
    return result


def finished(port: int, media_id: str) -> dict[str, object]:
    """Poll until the media has ended."""
    while True:
        status = ask(port, "GetStatus", mediaid=media_id)
        if status["status"] in ("Finished", "Error"):
            return status
        time.sleep(0.005)


def memory(pid: int) -> float:
    """Resident megabytes of a process and its children."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(memory(int(child)) for child in children)
