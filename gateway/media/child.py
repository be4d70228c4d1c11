"""Child processes that can't outlive us: how they are started, bounded and ended."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import resource
import shutil
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Final

GRACE: Final = 0.5
"""Seconds between TERM and KILL: FFmpeg ends within these unless it is stopped or blocked."""


@functools.cache
def leash() -> tuple[str, ...]:
    """A prefix for a command line that has the kernel kill the process with its parent, empty where there is none.

    The kernel looks at the *thread* that started the process, so start them from one that lasts.
    """
    setpriv = shutil.which("setpriv")
    prefix = (setpriv or "setpriv", "--pdeathsig", "KILL", "--")
    if setpriv is None:
        return ()
    # A minimal setpriv may know no --pdeathsig, so it has to show that it does.
    tried = subprocess.run([*prefix, "true"], check=False, capture_output=True, env=bare())
    return prefix if tried.returncode == 0 else ()


async def spawn(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: int = DEVNULL,
    stderr: int | None = PIPE,
    nice: int = 0,
    limits: Mapping[int, int] | None = None,
    prefix: Sequence[str] | None = None,
    pass_fds: Sequence[int] = (),
    buffer: int = 1 << 16,
) -> Process:
    """A process in a group of its own, with ``limits`` (``resource.RLIMIT_*`` -> value), stdout as a pipe, and of the
    environment what is ``bare``.

    ``prefix`` is what goes before the command instead of the ``leash``. It stays in our session: the kernel's
    autogroups weigh sessions against each other and would make ``nice`` worthless between two of them.
    """
    process = await asyncio.create_subprocess_exec(
        *(leash() if prefix is None else prefix),
        *argv,
        cwd=cwd,
        env=bare(),
        stdin=stdin,
        stdout=PIPE,
        stderr=stderr,
        process_group=0,
        pass_fds=pass_fds,
        limit=buffer,
    )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PGRP, process.pid, nice)
    if hasattr(resource, "prlimit"):  # only Linux has it
        for kind, bound in bounds(limits or {}).items():
            # ValueError: a stricter limit holds already. OSError: the process has ended.
            with contextlib.suppress(ValueError, OSError):
                resource.prlimit(process.pid, kind, bound)
    return process


def bounds(limits: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Soft and hard limits. SIGXCPU comes at the soft one and can be handled; at the hard one it would be KILL.

    None is over a hard limit that holds already, for that is refused.
    """
    found = {}
    for kind, value in limits.items():
        most = resource.getrlimit(kind)[1]
        hard = value + 5 if kind == resource.RLIMIT_CPU else value
        found[kind] = (value, hard) if most == resource.RLIM_INFINITY else (min(value, most), min(hard, most))
    return found


KEPT: Final = frozenset("HOME LANG LC_ALL LC_CTYPE LD_LIBRARY_PATH PATH PYTHONHOME PYTHONPATH TMPDIR TZ".split())


def bare() -> dict[str, str]:
    """The environment without what is not a program's business, such as passwords and proxies."""
    return {key: value for key in KEPT if (value := os.environ.get(key)) is not None}


def signal_group(process: Process, number: int) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


async def end(process: Process, *, grace: float = GRACE) -> None:
    """TERM, ``grace`` seconds of real time, KILL; returns when the process is gone and reaped."""
    pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None and not pipe.at_eof()]
    if process.returncode is not None and not pipes:
        return
    draining = [asyncio.create_task(_drain(pipe)) for pipe in pipes]
    try:
        if grace > 0:
            signal_group(process, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await process.wait()
        signal_group(process, signal.SIGKILL)
        await process.wait()
        # A sandbox's outer process can end first: the one inside of it holds the pipes until it is gone.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await asyncio.gather(*draining)
    finally:
        for task in draining:
            task.cancel()
        # Pipes that somebody holds even now would be complained of when the loop is closed. Process itself can't do it.
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001


async def _drain(pipe: asyncio.StreamReader) -> None:
    # Nobody else reads any more, and a process that blocks on a full pipe does not see TERM in time.
    while await pipe.read(1 << 16):
        pass


async def through(work: Awaitable[None]) -> None:
    """Finish ``work`` whatever happens: a cancellation is passed on only afterwards."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()
