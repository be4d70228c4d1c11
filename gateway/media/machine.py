"""What of this machine may be used for encoding: cores by affinity and control group, memory by control group."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Final

GROUP: Final = Path("/sys/fs/cgroup")
MEMINFO: Final = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What one job may count on."""

    cores: int
    memory: int | None = None
    """Bytes, None where nobody knows."""
    chunk: Fraction | None = None
    """Seconds of a chunk, None to let the planner choose whether there are chunks, and which."""


def machine(asked: int = 0, chunk: float = 0) -> Machine:
    """``asked`` cores (0: all that this process may use); ``chunk`` is in seconds, 0 for the planner's choice."""
    length = Fraction(chunk).limit_denominator(1000) if chunk > 0 else None
    return Machine(cores=asked or cores(), memory=memory(), chunk=length)


def cores(group: Path = GROUP) -> int:
    """The cores of our affinity, or as many as the control group's time is worth, rounded up."""
    mine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = quota_of(_text(group / "cpu.max"))
    return mine if quota is None else max(1, min(mine, ceil(quota)))


def quota_of(text: str) -> Fraction | None:
    """``150000 100000`` is one core and a half; ``max 100000`` and anything else is no limit."""
    words = text.split()
    if len(words) != 2 or not all(word.isdigit() and int(word) for word in words):
        return None
    return Fraction(int(words[0]), int(words[1]))


def memory(group: Path = GROUP, meminfo: Path = MEMINFO) -> int | None:
    """Bytes that are free by the system's own estimate, at most the control group's limit."""
    limit = _text(group / "memory.max").strip()
    line = next((line for line in _text(meminfo).splitlines() if line.startswith("MemAvailable:")), "")
    bounds = [int(line.split()[1]) * 1024] if line else []
    bounds += [int(limit)] if limit.isdigit() else []
    return min(bounds, default=None)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
