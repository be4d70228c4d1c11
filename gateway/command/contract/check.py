"""``mediaglot contract check``: recordings, journals and HAR files against the contract, without a network."""

from __future__ import annotations

import argparse
import gc
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.command.contract import flags as shared
from mediaglot.gateway.command.contract import source, telling
from mediaglot.gateway.command.contract.source import Found, Lead, exchange_of
from mediaglot.gateway.contract.docket import dialect_of, trials
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.media import capacity

PART: Final = 250
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
        "--jobs", type=int, default=0, metavar="N", help="number of processes, one for each core without it"
    )
    telling.flags(command)


def whose(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dialect", metavar="DIALECT", help="whose they are, where that is not said in them")
    about = "in HAR files, requests below this URL are the dialect's; without it, those to its hosts and to our paths"
    command.add_argument("--base-url", metavar="URL", help=about)


def where_of(given: dict[str, Any]) -> Whereabouts:
    dialect = given.get("dialect") or ""
    base = shared.url_of(given["base_url"], "--base-url") if given.get("base_url") else ""
    if dialect or base:
        shared.dialect_of({"dialect": dialect})
    return Whereabouts(dialect=dialect, base=base)


def run(given: dict[str, Any]) -> int:
    found, left_out = source.find(map(Path, given["recordings"]), where_of(given))
    with source.complaining():
        tried = judged(found, requests=not given.get("answers_only"), jobs=given.get("jobs") or 0)
    subject, lacking = ", ".join(given["recordings"]), missing(found, tried)
    outcome = Outcome(command="check", subject=subject, trials=tried, left_out=left_out, missing=lacking)
    return telling.tell(given, outcome)


def missing(found: Sequence[Found], tried: Sequence[Trial]) -> tuple[str, ...]:
    """Operations of the dialects that nothing in the recordings is about."""
    held = [each for each, trial in zip(found, tried, strict=True) if not trial.skipped]
    names = {(each.owner if isinstance(each, Lead) else each.dialect).partition(",")[0] for each in held}
    seen = {trial.operation for trial in tried if not trial.skipped}
    return tuple(route.name for name in sorted(names) for route in dialect_of(name).routes if route.name not in seen)


def judged(found: Sequence[Found], *, requests: bool = True, jobs: int = 0) -> list[Trial]:
    """A trial for each exchange, in order; of many by several processes, which read what they judge themselves."""
    cores = jobs or capacity.cores()
    if cores < 2 or len(found) < FEW:
        return _part(found, requests=requests)
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - only many exchanges want processes
    from multiprocessing import get_context  # noqa: PLC0415

    alone = threading.active_count() == 1 and sys.platform == "linux"
    if alone:  # then a process can be split, and all have what one has found out about the dialects
        _part([*{(each.owner, each.operation): each for each in found if isinstance(each, Lead)}.values()])
        gc.freeze()
    parts = [found[start : start + PART] for start in range(0, len(found), PART)]
    context = get_context("fork" if alone else "spawn")
    with ProcessPoolExecutor(min(cores, len(parts)), mp_context=context) as pool:
        return [trial for part in pool.map(partial(_part, requests=requests), parts) for trial in part]


def _part(found: Sequence[Found], *, requests: bool = True) -> list[Trial]:
    return list(trials(map(exchange_of, found), requests=requests))
