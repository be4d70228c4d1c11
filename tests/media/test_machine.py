"""What one job may use of the machine."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from mediaglot.gateway.media import capacity
from mediaglot.gateway.media.machine import Machine, free, machine


def test_memory_is_what_is_free_and_allowed(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert free(5_000_000, meminfo) == 5_000_000
    meminfo.write_text("MemTotal:  4000 kB\nMemAvailable:  2000 kB\n")
    assert free(5_000_000, meminfo) == 2_048_000
    assert free(1_000_000, meminfo) == 1_000_000


def test_settings_come_first() -> None:
    asked = machine(3, 2.5)
    assert asked == Machine(cores=3, memory=asked.memory, chunk=Fraction(5, 2))
    assert machine().cores == capacity.cores()
    assert machine().chunk is None
