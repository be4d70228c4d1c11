"""The cores and the memory that this process may use, by the machine and by the control group that it is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath
from typing import Final

ROOT: Final = Path("/")
SHARE: Final = 0.7
"""Of the memory, for FFmpeg; the rest is for the server, the system and its file cache."""


def cores(root: Path = ROOT) -> int:
    """Those that the scheduler gives us, or fewer where the group has a quota."""
    affine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affine, *(ceil(quota) for quota in _quotas(root))]))


def memory(root: Path = ROOT) -> int:
    """Bytes of the machine, or fewer where a group has a limit."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([whole, *_limits(root)])


def workers(cores: int) -> int:
    """Jobs at the same time: FFmpeg fills most cores alone, but fetching, short and small jobs leave many idle."""
    return max(2, cores // 2)


def budget(asked: int) -> int:
    """Bytes that running jobs may use together: what is ``asked``, or with 0 a share of what there is."""
    return asked or int(memory() * SHARE)


def _limits(root: Path) -> Iterator[int]:
    for folder in _groups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if words and words[0].isdigit():
                yield int(words[0])


def _quotas(root: Path) -> Iterator[float]:
    """Cores, from ``cpu.max`` (``150000 100000``, or ``max 100000``), or the two files of old groups."""
    for folder in _groups(root, "cpu"):
        words = _words(folder / "cpu.max") or [
            *_words(folder / "cpu.cfs_quota_us"),
            *_words(folder / "cpu.cfs_period_us"),
        ]
        if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]):
            yield int(words[0]) / int(words[1])


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of our groups and all that they lie in, as every limit on the way counts."""
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / (controllers and controller)
        place = PurePosixPath(path.lstrip("/"))
        if number and ".." not in place.parts:
            yield from (top / one for one in (place, *place.parents))


def _words(path: Path) -> list[str]:
    return (_text(path) or "").split()


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
