"""What of this machine one job may count on."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

from mediaglot.gateway.media import capacity

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
    return Machine(cores=asked or capacity.cores(), memory=free(capacity.memory()), chunk=length)


def free(most: int, meminfo: Path = MEMINFO) -> int:
    """Bytes that nobody uses by the system's own estimate, at most ``most``."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return most
    line = next((line for line in lines if line.startswith("MemAvailable:")), "")
    return min(most, int(line.split()[1]) * 1024) if line else most
