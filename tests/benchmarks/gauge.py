"""What a piece of work costs: wall and CPU seconds, the largest resident memory, and what others took meanwhile.

Linux only: everything is read from /proc.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
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
LONG = 15.0
"""Seconds of a run that is not done again, as nobody would wait for that: what others took is told beside it."""

PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Cost:
    """``peak`` is in megabytes, resident, summed over all processes; ``foreign`` a share of the machine's CPU."""

    wall: float
    cpu: float
    peak: float
    foreign: float


def measure(action: Callable[[], object], pid: int, beside: frozenset[int] = frozenset()) -> Cost:
    """The cost of ``action`` in the process ``pid``, which is this one or a child, and in all below it.

    The trees ``beside`` it, and this process itself, don't count as memory. Children must have been waited for, but
    for those that a sandbox leaves behind when it ends: these are ours then, see ``adopting``.
    """
    adopting()
    stop, peak = threading.Event(), [0.0]

    def look() -> None:
        while not stop.wait(PERIOD):
            peak[0] = max(peak[0], resident(pid, beside))
            _bury(pid, beside)

    watching = threading.Thread(target=look)
    watching.start()
    began, busy, own, everything = time.perf_counter(), _busy(), _own(os.getpid()), _used(os.getpid())
    try:
        action()
    finally:
        wall = time.perf_counter() - began
        stop.set()
        watching.join()
    while _bury(pid, beside):
        time.sleep(0.002)
    told = _used(os.getpid()) - everything
    foreign = max(0.0, _busy() - busy - told) / (wall * CORES)
    return Cost(wall, told if pid == os.getpid() else told - (_own(os.getpid()) - own), peak[0], foreign)


@functools.cache
def adopting() -> None:
    """From now on, orphans among our descendants become children of this process.

    A sandbox (bubblewrap) ends before the first process inside of it has been waited for, so that nobody else would
    know how much CPU FFmpeg took.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "can't adopt orphans")


def _bury(pid: int, beside: frozenset[int]) -> bool:
    """Wait for the adopted ones that have ended, so that their CPU is told; whether some of them still end.

    Where the work is done by this process itself, its children are its own to wait for.
    """
    if pid == os.getpid():
        return False
    left = False
    for child in set(_children(os.getpid())) - {pid, *beside}:
        left |= os.waitpid(child, os.WNOHANG) == (0, 0)
    return left


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
        listed = ""
        with contextlib.suppress(FileNotFoundError):  # the thread has ended meanwhile
            listed = (task / "children").read_text()
        yield from map(int, listed.split())


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
        counts = not left or cost.wall > LONG
        print(f"    {name}: others took {cost.foreign:.0%}, " + ("and it counts" if counts else "again"), flush=True)
        if counts:
            break
    return cost


def middle(costs: list[Cost]) -> Cost:
    """The median of each figure, the largest memory."""
    walls, cpus = [one.wall for one in costs], [one.cpu for one in costs]
    foreign = statistics.median(one.foreign for one in costs)
    return Cost(statistics.median(walls), statistics.median(cpus), max(one.peak for one in costs), foreign)
