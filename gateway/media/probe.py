"""What is in a file, measured: by ffprobe where there is one, else by PyAV in a long-lived process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from mediaglot.gateway.faults import SourceUnreadable
from mediaglot.gateway.media import sandbox
from mediaglot.gateway.media.child import end, spawn, through
from mediaglot.gateway.media.facts import lasts_unsaid, read_facts
from mediaglot.gateway.media.guard import FORMATS, MOST_PIXELS, PROTOCOLS
from mediaglot.gateway.media.tool import Tool
from mediaglot.gateway.model import MediaFacts

WORKER: Final = (sys.executable, "-P", "-m", "mediaglot.gateway.media.probe_worker")
LIMITS: Final = {resource.RLIMIT_AS: 4 << 30}
LONGEST: Final = 4 << 20
"""Bytes of an answer."""
NICE: Final = 5
QUESTION: Final = (
    *(
        "-v",
        "fatal",
        "-of",
        "json",
        "-show_format",
        "-show_streams",
        "-show_chapters",
        "-protocol_whitelist",
        PROTOCOLS,
    ),
    *("-format_whitelist", FORMATS, "-max_pixels", str(MOST_PIXELS), "-i"),
)


class Prober:
    """``await prober.probe(path)``. Processes start with the first probe; ``close`` (or ``async with``) ends them.

    They have no network and no rights, unless ``mode`` is off or the machine does not allow that.
    """

    def __init__(self, tool: Tool | None = None, *, helpers: int = 2, mode: sandbox.Mode = "auto") -> None:
        self._ffprobe, self._mode = tool.ffprobe if tool is not None else None, mode
        self._helpers = [_Helper(mode) for _ in range(helpers)]
        self._idle: asyncio.LifoQueue[_Helper] = asyncio.LifoQueue()
        for helper in self._helpers:
            self._idle.put_nowait(helper)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        for helper in self._helpers:
            await helper.close()

    async def probe(self, path: Path, *, timeout: float = 30.0) -> MediaFacts:
        """Facts on the file. Raises SourceUnreadable, whose ``reason`` is one of

        ``no_file``, ``empty``, ``invalid_data`` (no media, or a format that may open other files), ``no_tracks``,
        ``too_many_pixels``, ``out_of_memory``, ``crashed`` and ``timeout`` (after ``timeout`` seconds).
        """
        size = _size(path)
        document = await self._by_ffprobe(path, timeout) if self._ffprobe is not None else None
        if document is None:
            document = await self._by_helper(path, timeout)
        elif lasts_unsaid(document):
            measured = (await self._by_helper(path, timeout)).get("format", {})
            document["format"] |= {key: measured[key] for key in ("end", "start_time") if key in measured}
        if "error" in document:
            raise SourceUnreadable(reason=document["error"])
        return read_facts(document, size)

    async def _by_helper(self, path: Path, timeout: float) -> dict[str, Any]:
        helper = await self._idle.get()
        try:
            async with asyncio.timeout(timeout):
                # One that was idle may have been killed meanwhile; a fresh one that dies was killed by the file.
                answer = await helper.ask(path) if helper.started else None
                return answer or await helper.ask(path) or {"error": "crashed"}
        except TimeoutError:
            return {"error": "timeout"}
        finally:
            self._idle.put_nowait(helper)

    async def _by_ffprobe(self, path: Path, timeout: float) -> dict[str, Any] | None:
        """None if ffprobe crashed: some builds do, on good files."""
        try:
            async with asyncio.timeout(timeout):
                return await _ask_ffprobe(self._ffprobe or "ffprobe", path, self._mode)
        except TimeoutError:
            return {"error": "timeout"}


def _size(path: Path) -> int:
    try:
        facts = path.stat()
    except OSError:
        raise SourceUnreadable(reason="no_file") from None
    if not stat.S_ISREG(facts.st_mode):  # opening a pipe would block
        raise SourceUnreadable(reason="no_file")
    if not facts.st_size:
        raise SourceUnreadable(reason="empty")
    return facts.st_size


class _Helper:
    """One process that answers one question at a time. After anything but an answer it is ended and started anew."""

    def __init__(self, mode: sandbox.Mode) -> None:
        self._mode = mode
        self._process: Process | None = None

    @property
    def started(self) -> bool:
        return self._process is not None

    async def ask(self, path: Path) -> dict[str, Any] | None:
        """The answer, None if the process died over it."""
        try:
            if self._process is None:
                alone = await asyncio.to_thread(sandbox.offline, self._mode)
                self._process = await spawn(
                    WORKER, stdin=PIPE, stderr=None, nice=NICE, limits=LIMITS, prefix=alone, buffer=LONGEST
                )
            answer = await _converse(self._process, json.dumps({"path": os.fspath(path)}).encode() + b"\n")
        except BaseException:
            await self.close()
            raise
        if answer is None:
            await self.close()
        return answer

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            await through(end(process, grace=0))


async def _converse(process: Process, question: bytes) -> dict[str, Any] | None:
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(question)
        await process.stdin.drain()
        answer: dict[str, Any] = json.loads(await process.stdout.readline())
    except (ConnectionError, ValueError):  # it died before or in the middle of its answer
        return None
    return answer


async def _ask_ffprobe(program: str, path: Path, mode: sandbox.Mode) -> dict[str, Any] | None:
    with path.open("rb") as file:
        # A path without a name: FFmpeg judges names before contents, and reads wildcards in them.
        place = f"/dev/fd/{file.fileno()}"
        alone = await asyncio.to_thread(sandbox.offline, mode)
        process = await spawn(
            [program, *QUESTION, place],
            stderr=DEVNULL,
            nice=NICE,
            limits=LIMITS,
            prefix=alone,
            pass_fds=(file.fileno(),),
        )
        try:
            text = await _read(process)
            code = await process.wait() if len(text) < LONGEST else 1
        finally:
            await through(end(process, grace=0))
    if code < 0:
        return None
    try:  # tags can be in any encoding
        return dict(json.loads(text.decode("utf-8", "replace"))) if code == 0 else {"error": "invalid_data"}
    except ValueError:
        return {"error": "invalid_data"}


async def _read(process: Process) -> bytes:
    assert process.stdout is not None  # noqa: S101 - spawn makes it a pipe
    text = b""
    while len(text) < LONGEST and (chunk := await process.stdout.read(1 << 16)):
        text += chunk
    return text
