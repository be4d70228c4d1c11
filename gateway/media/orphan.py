"""Finds the FFmpeg processes that a dead server left behind, by a file that each one has where it works."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Final

MARK: Final = "ffmpeg.pid"
MARKS: Final = "ffmpeg*.pid"
"""Of processes that share a folder, each after the first has its id in the name."""


def mark(folder: Path, pid: int, program: str) -> Path:
    """Note that ``pid`` runs ``program`` in ``folder``; remove the file when it has ended."""
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
    """KILL every marked process below ``folder`` that still runs there, and drop the marks. Returns their ids.

    A process counts only if its working folder and its command line are those of the mark, so an id that has
    been given to another process since is left alone.
    """
    killed = []
    for path in sorted(folder.rglob(MARKS)):
        pid = _owner(path)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        unmark(path)
    return killed


def _owner(path: Path) -> int | None:
    try:
        first, program, *_ = path.read_text(encoding="utf-8").splitlines()
        pid = int(first)
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        here = Path(f"/proc/{pid}/cwd").readlink() == path.parent.resolve()
    except (OSError, ValueError):
        return None
    return pid if here and program.encode() in words else None
