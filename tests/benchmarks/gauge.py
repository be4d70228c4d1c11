"""What a piece of work costs: wall and CPU seconds, the largest resident memory, and what others took meanwhile.

Linux only: everything is read from /proc.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CORES = len(os.sched_getaffinity(0))
PERIOD = 0.05
"""Seconds between two looks at the memory."""

QUIET = 0.02
"""The share of the machine's CPU that others may take in a run that counts."""

TRIES = 4


@dataclass(frozen=True)
class Cost:
    """``peak`` is in megabytes, resident, summed over all processes; ``foreign`` a share of the machine's CPU."""

    wall: float
    cpu: float
    peak: float
    foreign: float


def measure(action: Callable[[], object], pid: int, beside: frozenset[int] = frozenset()) -> Cost:
    """The cost of ``action`` in the process ``pid``, which is this one or a child, and in all below it.

    The trees ``beside`` it, and this process itself, don't count as memory. Children must have been waited for. What
    ends in a sandbox is waited for by nobody who would tell: of that, only the CPU that was seen in passing counts.
    """
    stop, peak, seen = threading.Event(), [0.0], dict[int, float]()
    before = {child: _own(child) for child in _below(pid)}

    def look() -> None:
        while not stop.wait(PERIOD):
            peak[0] = max(peak[0], resident(pid, beside))
            seen.update((child, used) for child in _below(pid) if (used := _own(child)))

    watching = threading.Thread(target=look)
    watching.start()
    began, busy, own, everything = time.perf_counter(), _busy(), _used(pid), _used(os.getpid())
    alone = _own(pid)
    try:
        action()
    finally:
        wall = time.perf_counter() - began
        stop.set()
        watching.join()
    told = _used(pid) - own
    passing = _own(pid) - alone + sum(max(0.0, used - before.get(child, 0.0)) for child, used in seen.items())
    cpu = max(told, passing)
    foreign = max(0.0, _busy() - busy - (_used(os.getpid()) - everything) - (cpu - told)) / (wall * CORES)
    return Cost(wall, cpu, peak[0], foreign)


def resident(pid: int, beside: frozenset[int] = frozenset()) -> float:
    """Megabytes of a process and all below it. This process itself only measures, so it does not count."""
    total = 0.0
    with contextlib.suppress(OSError, ValueError, IndexError):
        if pid != os.getpid():
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6
        for child in _children(pid):
            total += resident(child, beside) if child not in beside else 0
    return total


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from (int(word) for word in (task / "children").read_text().split())


def _below(pid: int) -> list[int]:
    try:
        children = list(_children(pid))
    except OSError:
        return []
    return children + [one for child in children for one in _below(child)]


def _own(pid: int) -> float:
    """CPU seconds of this process alone, 0 when it has gone."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(word) for word in words[11:13]) / TICK


def _used(pid: int) -> float:
    """CPU seconds of a process, of the children that it has waited for and of those that still run."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = list(_children(pid))
    except OSError:
        return 0.0
    own = sum(int(word) for word in words[11:15]) / TICK
    return own + sum(_used(child) for child in children)


def _busy() -> float:
    """CPU seconds that the machine has worked, those that the host took among them."""
    words = [int(word) for word in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    user, nice, system, _, _, irq, soft, steal = words
    return (user + nice + system + irq + soft + steal) / TICK


def compare(rounds: int, alternatives: Mapping[str, Callable[[], Cost]]) -> dict[str, list[Cost]]:
    """Each in turn, every second round backwards. A run that others disturbed is thrown away, a few times."""
    found: dict[str, list[Cost]] = {name: [] for name in alternatives}
    for number in range(rounds):
        for name in reversed(found) if number % 2 else list(found):
            found[name].append(_undisturbed(name, alternatives[name]))
    return found


def _undisturbed(name: str, run: Callable[[], Cost]) -> Cost:
    for left in reversed(range(TRIES)):
        cost = run()
        if cost.foreign <= max(QUIET, 3 / TICK / cost.wall / CORES):
            return cost
        print(f"    {name}: others took {cost.foreign:.0%}, " + ("again" if left else "and it counts"), flush=True)
    return cost


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure, the largest memory."""
    walls, cpus = [one.wall for one in costs], [one.cpu for one in costs]
    foreign = statistics.median(one.foreign for one in costs)
    return Cost(statistics.median(walls), statistics.median(cpus), max(one.peak for one in costs), foreign)
