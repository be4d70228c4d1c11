"""``mediaglot contract verify``: the contract of a dialect, walked against a running implementation."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import fields, replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.command.contract import hearing, telling
from mediaglot.gateway.command.contract.cleaning import cleaned
from mediaglot.gateway.command.contract.drive import drive
from mediaglot.gateway.command.contract.flags import credentials, dialect, dialect_of, login_of, url_of
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.judge import schemas
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.contract.sarif import sarif
from mediaglot.gateway.contract.stage import Line, Stage, Terms
from mediaglot.gateway.contract.walk import SCENES, walk
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.http.transport import Transport

LARGEST: Final = 20_000_000
"""Bytes of an answer that are read."""
LONGEST: Final = 30.0
"""Seconds that an answer may take."""


def flags(command: argparse.ArgumentParser) -> None:
    dialect(command)
    command.add_argument("--base-url", required=True, metavar="URL", help="URL that the dialect's own paths are below")
    credentials(command)
    command.add_argument("--jobs", type=int, default=0, metavar="N", help="jobs that may be created; none without it")
    command.add_argument(
        "--write", action="store_true", help="make and change presets and the like too, and take them away again"
    )
    command.add_argument("--source", default=Terms.source, metavar="URL", help="source of the jobs")
    command.add_argument(
        "--deliver", default=Terms.deliver, metavar="URL", help="destination of the jobs that need one"
    )
    command.add_argument("--broken", default=Terms.broken, metavar="URL", help="the source of a job that is to fail")
    command.add_argument(
        "--patience", type=float, default=Terms.patience, metavar="SECONDS", help="longest wait for one job"
    )
    command.add_argument(
        "--pause", type=float, default=Terms.pause, metavar="SECONDS", help="between two looks at a job"
    )
    hearing.flags(command)
    command.add_argument("--seed", type=int, default=0, metavar="N", help="seed of generated lists and jobs")
    command.add_argument("--only", action="append", choices=[*SCENES], help="only these scenes; may be repeated")
    telling.flags(command)
    command.add_argument("--sarif", metavar="FILE", help="write the findings as SARIF 2.1.0 into this file")


def run(given: dict[str, Any]) -> int:
    held = dialect_of(given)
    stage = Stage(held, url_of(given["base_url"], "--base-url"), login_of(given), terms_of(given))
    asyncio.run(play(stage, given))
    if stage.astray:
        hint = f"is --base-url right? servers of ours have {held.name} at http://HOST:PORT/{held.name}"
        raise UserError(f"nothing of {held.name} is at {stage.base} (404): {hint}")
    outcome = outcome_of(stage)
    if given.get("sarif"):
        telling.write(Path(given["sarif"]), sarif(outcome, held.name, partial(document, held)))
    return telling.tell(given, outcome)


def terms_of(given: dict[str, Any]) -> Terms:
    named = {each.name: given[each.name] for each in fields(Terms)}
    waits = [named[name] for name in ("pause", "linger", "patience", "hear_patience")]
    if named["jobs"] < 0 or not all(0 <= each < inf for each in waits) or not all(waits[2:]):
        numbers = "--jobs, --pause, --linger, --patience and --hear-patience"
        raise UserError(f"{numbers} are no negative numbers, and no endless ones")
    return Terms(**named)


async def play(stage: Stage, given: Mapping[str, Any]) -> None:
    """Raises UserError where nobody answers at all."""
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(Transport(most=LARGEST, seconds=LONGEST))
        hear = await hearing.listen(stage, given, stack)
        try:
            send = partial(transport.send, base=stage.base)
            await drive(walk(stage, given.get("only") or ()), send, hear=hear)
        except ConnectionError as error:
            if not stage.answered:
                raise UserError(f"no answer from {stage.base}: {error}; is the server running?") from None
            stage.skip("connection", "all the rest", f"nobody answers any more: {error}")


def outcome_of(stage: Stage) -> Outcome:
    """Without secrets, and without anything that a terminal would follow."""
    trials = [trial(line) for line in stage.lines]
    done = {name for name, _ in stage.exercised}
    missing = [route.name for route in stage.dialect.routes if route.name not in done]
    found = bool(done) or any(each.findings for each in trials)
    outcome = Outcome(
        command="verify",
        subject=f"{stage.dialect.name} at {stage.base}",
        trials=trials
        if found
        else [replace(each, skipped=each.skipped or "no answer was a good one") for each in trials],
        missing=tuple(dict.fromkeys(missing)),
    )
    return cleaned(outcome, secrets(stage))


def trial(line: Line) -> Trial:
    return Trial(
        operation=line.operation or line.scene,
        name=f"{line.scene}: {line.name}",
        findings=tuple(line.findings),
        skipped="" if line.findings else line.skipped,
    )


def secrets(stage: Stage) -> list[str]:
    known = [stage.login.secret] if stage.login else []
    known += [each.credential.secret for each in stage.permits]
    return [each.reveal() for each in known]


def document(held: Dialect, file: str) -> Any:
    home: Any = type(held)
    return schemas(home).document(file.removesuffix(".json"))
