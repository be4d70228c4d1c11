"""Where a double runs: in a thread of this process, in a process of its own, or already."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

from mediaglot.gateway.remote.ask import DoubleError

if TYPE_CHECKING:
    from mediaglot.gateway.config import Settings

PATIENCE: Final = 120.0
"""Seconds in which a double has started, or is given up."""
LOCK, LOG = "double.lock", "double.log"


class Host(Protocol):
    def start(self) -> str:
        """The base URL, when it answers. Raises DoubleError."""
        ...

    def stop(self) -> None:
        """Returns when nothing of it is left."""
        ...


class Running:
    """One that somebody else starts and stops."""

    def __init__(self, url: str) -> None:
        self._url = url

    def start(self) -> str:
        return self._url

    def stop(self) -> None:
        """That is not ours to do."""


class Threaded:
    """One with an event loop in a thread of this process."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    def start(self) -> str:
        url: Future[str] = Future()
        self._thread = Thread(target=self._run, args=(url,), name="mediaglot", daemon=True)
        self._thread.start()
        try:
            return url.result(PATIENCE)
        except refusals() as error:
            self._thread = self._loop = self._stop = None
            raise DoubleError(f"the double does not start: {error}", "not_started") from None

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._thread = self._loop = self._stop = None

    def _run(self, url: Future[str]) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="mediaglot-", ignore_cleanup_errors=True) as folder:
                asyncio.run(self._serve(Path(folder), url))
        except Exception as error:  # noqa: BLE001 - whoever started it is told, whatever it is
            if not url.done():
                url.set_exception(error)

    async def _serve(self, folder: Path, url: Future[str]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await serve(configured(self._settings, folder), self._stop, url.set_result)


def refusals() -> tuple[type[Exception], ...]:
    """Why a double does not start."""
    from mediaglot.gateway.http.app import REFUSALS  # noqa: PLC0415 - whoever only asks one needs no server

    return (*REFUSALS, OSError)


async def serve(settings: Settings, stop: asyncio.Event, tell: Any) -> None:
    """Be a double until ``stop``; ``tell`` is told the base URL when it answers."""
    from mediaglot.gateway.http.app import listen  # noqa: PLC0415 - whoever only asks one needs no server
    from mediaglot.gateway.http.double import Double as Server  # noqa: PLC0415

    server = Server(settings)
    runner = await listen(server)
    try:
        tell(server.site.url)
        await stop.wait()
    finally:
        await runner.cleanup()


def configured(given: Mapping[str, Any], folder: Path) -> Settings:
    """``given`` as settings of a double on a free port. Raises ValueError, whose text says what to change."""
    from mediaglot.gateway.config import Settings, load  # noqa: PLC0415 - whoever only asks a double needs none

    known = {item.name for item in fields(Settings) if not item.metadata.get("table")}
    if unknown := given.keys() - known:
        raise ValueError(f"there is no setting called {min(unknown)!r}")
    return load({"data": str(folder / "data"), "port": 0, **given, "double": True}, environment={})


class Separate:
    """One in a process of its own, which ends when it is told to, or when this one is gone, however it ends."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._folder: Path | None = None
        self._lock: IO[bytes] | None = None
        self._said: IO[bytes] | None = None

    def start(self) -> str:
        self._folder = Path(tempfile.mkdtemp(prefix="mediaglot-"))
        self._lock = held(self._folder / LOCK)
        try:
            url, self._said = spawn(self._folder, self._settings)
        except BaseException:
            self.stop()
            raise
        return url

    def stop(self) -> None:
        if self._lock is not None:
            release(self._lock)
        if self._said is not None:
            self._said.read()  # it ends with the process
            self._said.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._lock = self._said = None


def held(path: Path, kind: int = fcntl.LOCK_SH) -> IO[bytes]:
    """A lock on a file, which ends with its holder at the latest."""
    file = path.open("ab")
    fcntl.flock(file, kind)
    return file


def release(file: IO[bytes]) -> None:
    """A process that was forked meanwhile holds nothing on to it either."""
    fcntl.flock(file, fcntl.LOCK_UN)
    file.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One at a time, of all processes."""
    file = held(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        release(file)


def spawn(folder: Path, settings: Mapping[str, Any]) -> tuple[str, IO[bytes]]:
    """The base URL of a new process that ends when nobody holds LOCK of ``folder`` any more, and what it says, which
    ends with it. Raises DoubleError."""
    line = [sys.executable, "-P", "-m", "mediaglot.gateway.remote.keeper", str(folder), json.dumps(settings)]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=folder, env={**os.environ}
        )
        assert process.stdout is not None  # noqa: S101
        url = process.stdout.readline().decode().strip()
        process.wait()  # it has left a process behind that is nobody's child
    if not url:
        process.stdout.close()
        said = (folder / LOG).read_text(errors="replace").strip()
        raise DoubleError(f"the double does not start: {said}", "not_started")
    return url, process.stdout
