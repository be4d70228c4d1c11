"""How the verbs tell what came out: a table for people, JSON and JUnit XML for programs, and the exit code."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.command.contract.cleaning import cleaned
from mediaglot.gateway.command.screen import BAD, FAINT, GOOD, Screen
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.finding import ERROR
from mediaglot.gateway.contract.outcome import NOBODY, Outcome, grouped, junit

SHOWN: Final = 200
"""Different findings that a table shows."""


def flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document")
    command.add_argument("--junit", metavar="FILE", help="write the result as JUnit XML into this file")


def tell(given: Mapping[str, Any], outcome: Outcome) -> int:
    """The exit code. Raises UserError where a report can't be written."""
    outcome = cleaned(outcome, [given.get("secret") or ""])
    if given.get("junit"):
        write(Path(given["junit"]), junit(outcome))
    if given.get("json"):
        print(json.dumps(outcome.tree(), ensure_ascii=False, indent=2))  # noqa: T201
    else:
        show(Screen(), outcome)
    return 0 if outcome.passed else 1


def write(path: Path, text: bytes) -> None:
    try:
        path.write_bytes(text)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def show(screen: Screen, outcome: Outcome) -> None:
    rows = [(name, str(tried), str(found)) for name, (tried, found) in outcome.by_operation().items()]
    screen.table(("operation", "tried", "findings"), rows, right=("tried", "findings"))
    groups = grouped(outcome.findings)
    for finding, count in groups[:SHOWN]:
        more = f"(and in {count - 1} more)" if count > 1 else ""
        screen.say()
        style = BAD if finding.level == ERROR else FAINT
        screen.say(f"{finding.operation or NOBODY} {finding.place} [{finding.label}]", style)
        screen.say(f"  {finding.message}")
        if where := " ".join(filter(None, (finding.exchange, finding.schema, more))):
            screen.say(f"  {where}", FAINT)
    screen.say()
    if len(groups) > SHOWN:
        screen.say(f"{len(groups) - SHOWN} more kinds of findings are not shown; --json has them all", FAINT)
    for reason, names in outcome.skipped.items():
        screen.say(f"skipped: {', '.join(names)}: {reason}", FAINT)
    for reason, count in outcome.left_out.items():
        screen.say(f"left out: {count} {reason}", FAINT)
    if outcome.missing:
        screen.say(f"not exercised, no good answer to: {', '.join(outcome.missing)}", FAINT)
    _sum_up(screen, outcome)


def _sum_up(screen: Screen, outcome: Outcome) -> None:
    if not outcome.tried:
        screen.say("Nothing was exercised, so nothing is shown.", BAD)
    else:
        warnings = len(outcome.findings) - len(outcome.errors)
        more = f", {warnings} warnings" if warnings else ""
        said = f"{len(outcome.tried)} tried, {len(outcome.errors)} findings{more}"
        screen.say(said, GOOD if outcome.passed else BAD)
