"""What may be used of the machine."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway.media.machine import Machine, cores, machine, memory, quota_of


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000\n", None), ("150000 100000", Fraction(3, 2)), ("", None), ("0 100000", None), ("a b", None)],
)
def test_the_time_of_a_control_group(text: str, quota: Fraction | None) -> None:
    assert quota_of(text) == quota


def test_cores_are_those_of_the_affinity_and_of_the_group(tmp_path: Path) -> None:
    mine = len(os.sched_getaffinity(0))
    assert cores(tmp_path) == mine
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert cores(tmp_path) == 1
    (tmp_path / "cpu.max").write_text(f"{100_000 * (mine + 5)} 100000\n")
    assert cores(tmp_path) == mine


def test_memory_is_what_is_free_and_allowed(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert memory(tmp_path, meminfo) is None
    meminfo.write_text("MemTotal:  4000 kB\nMemAvailable:  2000 kB\n")
    assert memory(tmp_path, meminfo) == 2_048_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory(tmp_path, meminfo) == 2_048_000
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory(tmp_path, meminfo) == 1_000_000


def test_settings_come_first() -> None:
    asked = machine(3, 2.5)
    assert asked == Machine(cores=3, memory=asked.memory, chunk=Fraction(5, 2))
    assert machine().cores == cores()
    assert machine().chunk is None
