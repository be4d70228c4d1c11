"""Finds the FFmpeg processes that a dead server left behind, by a file that each one has where it works."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MARK: Final = "ffmpeg.pid"
MARKS: Final = "ffmpeg*.pid"
"""Of processes that share a folder, each after the first has its id in the name."""


def mark(folder: Path, pid: int, program: str) -> Path:
    """Note that the process group ``pid`` runs ``program`` in ``folder``; remove the file when it has ended."""
    path = folder / MARK
    if path.exists():
        path = folder / f"ffmpeg-{pid}.pid"
    with contextlib.suppress(OSError):  # on a full disk the work fails by itself, and the leash holds anyway
        path.write_text(f"{pid}\n{program}\n", encoding="utf-8")
    return path


def unmark(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def kill_orphans(folder: Path) -> list[int]:
    """KILL every process of a marked group below ``folder`` that still runs there, and drop the marks; their ids.

    In a sandbox that is the sandbox's own processes and FFmpeg itself. A process counts only if its working folder
    and its command line are those of the mark, so an id that has been given to another one since is left alone.
    """
    killed = []
    for path in sorted(folder.rglob(MARKS)):
        for pid in _owners(path):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        unmark(path)
    return killed


def _owners(path: Path) -> Iterator[int]:
    try:
        first, program, *_ = path.read_text(encoding="utf-8").splitlines()
        group, home = int(first), path.parent.resolve()
    except (OSError, ValueError):
        return
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if group in (pid, _group(pid)) and _runs(entry, program, home):
            yield pid


def _group(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getpgid(pid)
    return None


def _runs(entry: Path, program: str, home: Path) -> bool:
    try:
        words = (entry / "cmdline").read_bytes().split(b"\0")
        return program.encode() in words and (entry / "cwd").readlink() == home
    except OSError:
        return False
