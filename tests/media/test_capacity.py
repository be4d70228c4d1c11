"""Cores and memory, by the files in which the kernel tells them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediaglot.gateway.media import capacity

OWN = capacity.cores(Path("/nowhere"))
WHOLE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def kernel(root: Path, groups: str, **files: str) -> Path:
    for name, text in {"proc/self/cgroup": groups, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_bare_machine_has_what_it_has(tmp_path: Path) -> None:
    assert capacity.memory(tmp_path) == WHOLE
    assert capacity.cores(tmp_path) == OWN >= 1


@pytest.mark.parametrize("place", ["", "a", "a/b"])
def test_the_least_limit_of_all_groups_around_counts(tmp_path: Path, place: str) -> None:
    path = f"sys/fs/cgroup/{place}/memory.max".replace("//", "/")
    root = kernel(tmp_path, "0::/a/b\n", **{"sys/fs/cgroup/a/b/memory.max": "max\n", path: "500000000\n"})
    assert capacity.memory(root) == 500_000_000


def test_a_quota_of_cores_is_rounded_up(tmp_path: Path) -> None:
    root = kernel(tmp_path, "0::/\n", **{"sys/fs/cgroup/cpu.max": "50000 100000\n"})
    assert capacity.cores(root) == 1
    (root / "sys/fs/cgroup/cpu.max").write_text("max 100000\n")
    assert capacity.cores(root) == OWN


def test_groups_of_the_old_kind(tmp_path: Path) -> None:
    root = kernel(
        tmp_path,
        "5:memory:/box\n4:cpu,cpuacct:/box\n",
        **{
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "700000000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
        },
    )
    assert (capacity.memory(root), capacity.cores(root)) == (700_000_000, 1)


def test_a_limit_over_the_machine_s_memory_gives_no_more(tmp_path: Path) -> None:
    root = kernel(tmp_path, "0::/\n", **{"sys/fs/cgroup/memory.max": str(10**18)})
    assert capacity.memory(root) == WHOLE


@pytest.mark.parametrize(("cores", "workers"), [(1, 2), (2, 2), (4, 2), (8, 4), (64, 32)])
def test_workers_follow_the_cores(cores: int, workers: int) -> None:
    assert capacity.workers(cores) == workers


def test_the_budget_is_a_share_unless_it_is_set() -> None:
    assert capacity.budget(123) == 123
    assert 0.6 * capacity.memory() < capacity.budget(0) < 0.8 * capacity.memory()
