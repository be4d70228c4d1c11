"""``mediaglot contract check``: recordings, journals and HAR files against the contract, without a network."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.contract.docket import dialect_of, trials
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.contract.recording import Exchange
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.contracts import flags as shared
from mediaglot.gateway.contracts import source, telling

PART: Final = 500
"""Exchanges that a process takes at a time."""
FEW: Final = 1_500
"""Exchanges that are not worth a process of their own."""


def flags(command: argparse.ArgumentParser) -> None:
    about = "a tape's folder, a folder of fixtures, a journal of a test double, a HAR file"
    command.add_argument("recordings", nargs="+", metavar="RECORDING", help=about)
    whose(command)
    command.add_argument(
        "--answers-only", action="store_true", help="say nothing of requests that are not as they should be"
    )
    command.add_argument(
        "--jobs", type=int, default=0, metavar="N", help="processes that work, one for each core without it"
    )
    telling.flags(command)


def whose(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dialect", metavar="DIALECT", help="whose they are, where that is not said in them")
    about = "in HAR files, the dialect is what is asked below this URL; without it, its own hosts and our mounts"
    command.add_argument("--base-url", metavar="URL", help=about)


def where_of(given: dict[str, Any]) -> Whereabouts:
    dialect = given.get("dialect") or ""
    base = source.url_of(given["base_url"], "--base-url") if given.get("base_url") else ""
    if dialect or base:
        shared.dialect_of({"dialect": dialect})
    return Whereabouts(dialect=dialect, base=base)


def run(given: dict[str, Any]) -> int:
    recording = source.read(map(Path, given["recordings"]), where_of(given))
    found = judged(recording.exchanges, requests=not given.get("answers_only"), jobs=given.get("jobs") or 0)
    named = ", ".join(given["recordings"])
    outcome = Outcome(
        command="check",
        subject=named,
        trials=found,
        left_out=recording.left_out,
        missing=missing(recording.exchanges, found),
    )
    return telling.tell(given, outcome)


def missing(exchanges: Sequence[Exchange], found: Sequence[Trial]) -> tuple[str, ...]:
    """Operations of the dialects that nothing in the recordings is about."""
    names = {each.dialect for each, trial in zip(exchanges, found, strict=True) if not trial.skipped}
    seen = {trial.operation for trial in found if not trial.skipped}
    return tuple(route.name for name in sorted(names) for route in dialect_of(name).routes if route.name not in seen)


def judged(exchanges: Sequence[Exchange], *, requests: bool = True, jobs: int = 0) -> list[Trial]:
    """A trial for each exchange, in order; many of them by several processes."""
    cores = jobs or len(os.sched_getaffinity(0))
    if cores < 2 or len(exchanges) < FEW:
        return list(trials(exchanges, requests=requests))
    return spread(exchanges, requests=requests, cores=cores)


def spread(exchanges: Sequence[Exchange], *, requests: bool, cores: int) -> list[Trial]:
    """In order, by so many processes."""
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - only many exchanges want processes
    from multiprocessing import get_context  # noqa: PLC0415

    parts = [exchanges[start : start + PART] for start in range(0, len(exchanges), PART)]
    with ProcessPoolExecutor(min(cores, len(parts)), mp_context=get_context("forkserver")) as pool:
        return [trial for part in pool.map(partial(_part, requests=requests), parts) for trial in part]


def _part(exchanges: Sequence[Exchange], *, requests: bool) -> list[Trial]:
    return list(trials(exchanges, requests=requests))
