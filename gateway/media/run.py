"""Runs one FFmpeg process: progress out, limits and a watchdog on it, gone within a second when cancelled.

The command line must hold ``-nostdin -nostats -progress pipe:1 -loglevel level+warning``, or a level that says more;
nothing is added to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import resource
from asyncio.subprocess import Process
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import EncodingFailed, Stalled, TimedOut, WorkFault
from mediaglot.gateway.media import orphan, sandbox
from mediaglot.gateway.media.child import end, spawn, through
from mediaglot.gateway.media.classify import classify
from mediaglot.gateway.media.progress import Progress, ProgressReader

NICE: Final = 10
"""Below the server, whose answers would take ten times as long beside FFmpeg at 0."""
TICK: Final = 5.0
"""Seconds between two looks at a process, at most."""

_BOXES: Final[dict[tuple[str, str], sandbox.Sandbox]] = {}
TAIL_LINES: Final = 60
TAIL_WIDTH: Final = 1000
ERROR: Final = re.compile(r"\[(?:error|fatal|panic)\]")
NOTED: Final = 5
"""Lines of a failed process that are for the operator: the first of them mostly tells the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What ends a process that does not end by itself, and what it is kept in. None means no limit."""

    stall: float = 60.0
    """Seconds without any progress."""
    wall: float | None = None
    """Seconds in all."""
    cpu: int | None = None
    """Seconds of CPU, over all its cores."""
    output_bytes: int | None = None
    """The size of any one file that it writes."""
    memory: int | None = None
    """Bytes of address space, of which a good run takes several times what it uses."""
    sandbox: sandbox.Mode = "off"

    def resources(self) -> dict[int, int]:
        values = {
            resource.RLIMIT_CPU: self.cpu,
            resource.RLIMIT_FSIZE: self.output_bytes,
            resource.RLIMIT_AS: self.memory,
        }
        return {kind: value for kind, value in values.items() if value is not None}


def unread(line: str) -> None:
    """For those who don't care what it says while it works."""


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    on_progress: Callable[[Progress], None],
    on_line: Callable[[str], None] = unread,
    limits: Limits = Limits(),
    clock: Clock = RealClock(),  # noqa: B008 - has no state
) -> None:
    """Run ``argv`` in ``cwd``, the folder of its job for as long as it runs.

    Raises the WorkFault that says why it failed, with its own words as a note. A partial output is left behind: write
    to a temporary name.
    When cancelled, or when ``on_progress`` raises, the process is gone before the exception goes on.
    """
    started = clock.monotonic()
    box, process = await _start(argv, cwd, limits)
    mark = orphan.mark(cwd, process.pid, argv[0])
    tail, pulse = _Tail(on_line), _Pulse(clock)
    readers = [asyncio.create_task(work) for work in (_follow(process, pulse, on_progress), tail.read(process))]
    watching = asyncio.create_task(_watch(pulse, limits, clock))
    ended: asyncio.Future[Any] = asyncio.gather(*readers, process.wait())
    try:
        await asyncio.wait([ended, watching], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            raise watching.result()
        await ended
    finally:
        await through(_settle(process, [ended, *readers, watching], mark))
    if process.returncode:
        used = (clock.monotonic() - started) * (os.cpu_count() or 1)
        cpu = limits.cpu if limits.cpu is not None and used >= limits.cpu else None
        code = process.returncode
        fault = classify(tail.lines, code, output_limit=limits.output_bytes, cpu_limit=cpu, nested=box.nested)
        fault.add_note("; ".join(tail.errors()[:NOTED]))
        raise fault


async def _start(argv: Sequence[str], cwd: Path, limits: Limits) -> tuple[sandbox.Sandbox, Process]:
    try:
        box = await _box(limits.sandbox, argv[0])
        process = await (_nested if box.nested else _plain)(box, argv, cwd, limits.resources())
    except OSError as error:
        raise EncodingFailed(reason="start") from error
    except sandbox.NoSandbox as error:
        raise EncodingFailed(reason="sandbox") from error
    return box, process


async def _plain(box: sandbox.Sandbox, argv: Sequence[str], cwd: Path, limits: Mapping[int, int]) -> Process:
    return await spawn(argv, cwd=cwd, nice=NICE, limits=limits, prefix=box.prefix(argv, cwd))


async def _nested(box: sandbox.Sandbox, argv: Sequence[str], cwd: Path, limits: Mapping[int, int]) -> Process:
    """The sandbox has no child before its own limits hold, which the child will have of it."""
    hears, tells = os.pipe()
    try:
        prefix = box.prefix(argv, cwd, hears)
        process = await spawn(argv, cwd=cwd, nice=NICE, limits=limits, prefix=prefix, pass_fds=(hears,))
        with contextlib.suppress(BrokenPipeError):  # it has ended, and its exit code says so
            os.write(tells, box.shown(argv, cwd))
    finally:
        os.close(hears)
        os.close(tells)
    return process


async def _box(mode: sandbox.Mode, program: str) -> sandbox.Sandbox:
    """Tried off the loop, remembered on it."""
    if (mode, program) not in _BOXES:
        _BOXES[mode, program] = await asyncio.to_thread(sandbox.choose, mode, program)
    return _BOXES[mode, program]


async def _settle(process: Process, tasks: Sequence[asyncio.Future[Any]], mark: Path) -> None:
    """Nothing is left of the run after this."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await end(process)
    orphan.unmark(mark)


class _Pulse:
    """When the process last showed that it works."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: object = None
        self.moved = clock.monotonic()

    def forgive(self, overslept: float) -> None:
        """We stood still ourselves, and it may have been stopped with us."""
        if overslept > TICK:
            self.moved = min(self.moved + overslept, self._clock.monotonic())

    def beat(self, progress: Progress) -> None:
        seen = (progress.out_time, progress.frame, progress.total_size, progress.done)
        if seen != self._seen:
            self._seen, self.moved = seen, self._clock.monotonic()


async def _follow(process: Process, pulse: _Pulse, on_progress: Callable[[Progress], None]) -> None:
    assert process.stdout is not None  # noqa: S101 - spawn makes it a pipe
    reader = ProgressReader()
    while chunk := await process.stdout.read(1 << 16):
        for progress in reader.feed(chunk):
            pulse.beat(progress)
            on_progress(progress)


class _Tail:
    """The last lines of stderr, each cut to a bearable width; all of them are handed on."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._on_line = on_line

    async def read(self, process: Process) -> None:
        assert process.stderr is not None  # noqa: S101 - spawn makes it a pipe
        rest = b""
        while chunk := await process.stderr.read(1 << 14):
            *lines, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
            self._keep(lines)
            rest = rest[:TAIL_WIDTH]
        self._keep([rest])

    def errors(self) -> list[str]:
        """All lines, where none is marked as an error."""
        return [line for line in self.lines if ERROR.search(line)] or [*self.lines]

    def _keep(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if line.strip():
                self.lines.append(line[:TAIL_WIDTH].decode("utf-8", "replace"))
                self._on_line(self.lines[-1])


async def _watch(pulse: _Pulse, limits: Limits, clock: Clock) -> WorkFault:
    """Returns the fault that a process has come to deserve."""
    started = clock.monotonic()
    while True:
        now = clock.monotonic()
        if limits.wall is not None and now - started >= limits.wall:
            return TimedOut(seconds=limits.wall)
        if now - pulse.moved >= limits.stall:
            return Stalled(seconds=limits.stall)
        due = pulse.moved + limits.stall
        if limits.wall is not None:
            due = min(due, started + limits.wall)
        pause = min(max(due - now, 0.001), TICK)
        await clock.sleep(pause)
        pulse.forgive(clock.monotonic() - now - pause)
