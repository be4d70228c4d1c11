"""``mediaglot contract coverage``: how much of the contract a test run really used; and it as a Pact file."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import mediaglot.gateway.config as configuration
from mediaglot.gateway.command.contract import source, telling
from mediaglot.gateway.command.contract.check import where_of, whose
from mediaglot.gateway.command.contract.flags import up_to, url_of
from mediaglot.gateway.command.notifications import ask
from mediaglot.gateway.command.screen import BAD, FAINT, GOOD, Screen
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.coverage import KINDS, Coverage, Share, percent
from mediaglot.gateway.contract.docket import dialect_of
from mediaglot.gateway.contract.judge import Judgement, judge
from mediaglot.gateway.contract.minute import from_journal
from mediaglot.gateway.contract.pact import Parties, pact
from mediaglot.gateway.contract.recording import Exchange, Recording, Unreadable
from mediaglot.gateway.registry import UnknownDialect

WORLDS: Final = "/_mediaglot/worlds"
EVERYTHING: Final = "everything"


def flags(command: argparse.ArgumentParser) -> None:
    about = "the journal of a test double; a tape's folder or a HAR file will do, too"
    command.add_argument("journals", nargs="*", metavar="JOURNAL", help=about)
    command.add_argument("--server", metavar="URL", help="the running double whose journals are read instead")
    command.add_argument("--world", metavar="NAME", help="only the journal of this world of the double")
    whose(command)
    about, percents = "exit code 1 where less than this is used", up_to(100, "percent")
    command.add_argument("--fail-under", "--min", type=percents, default=0.0, metavar="PERCENT", help=about)
    about = "what the threshold is for: everything together, or one kind"
    command.add_argument("--of", choices=(EVERYTHING, *KINDS), default=EVERYTHING, help=about)
    command.add_argument(
        "--unused", action="store_true", help="list the fields and error cases that were not used, too"
    )
    command.add_argument("--pact", metavar="FILE", help="write the interactions that fit as a Pact file, version 3")
    command.add_argument("--consumer", default="consumer", metavar="NAME", help="who the Pact says is asking")
    command.add_argument("--provider", metavar="NAME", help="who the Pact says is asked; the dialect without it")
    command.add_argument("--json", action="store_true", help="print one JSON document")


def run(given: dict[str, Any]) -> int:
    recording = _recording(given)
    used = [each for each in judged(recording) if given.get("dialect") in (None, each[0].dialect)]
    found = covered(used)
    if given.get("pact"):
        _write_pact(given, used, list(found))
    reached = reached_of(found, given["of"])
    if given.get("json"):
        tree = {
            "dialects": [each.tree() for each in found.values()],
            "percent": reached,
            "left_out": recording.left_out,
        }
        print(json.dumps(tree, ensure_ascii=False, indent=2))  # noqa: T201
    else:
        show(Screen(), found, recording.left_out, every=bool(given.get("unused")))
    return _verdict(given, found, reached)


def _verdict(given: Mapping[str, Any], found: Mapping[str, Coverage], reached: float) -> int:
    """What used nothing has covered nothing."""
    screen, quiet = Screen(), bool(given.get("json"))
    if not any(each.operations for each in found.values()):
        if not quiet:
            screen.say("Nothing was exercised, so nothing is covered.", BAD)
        return 1
    if reached < given["fail_under"]:
        if not quiet:
            screen.say(f"{reached} % of {given['of']} is used, {given['fail_under']:g} % are wanted", BAD)
        return 1
    if not quiet:
        screen.say(f"{reached} % of {given['of']} is used", GOOD)
    return 0


def reached_of(found: Mapping[str, Coverage], kind: str) -> float:
    shares: list[Share] = []
    for each in found.values():
        mine = each.shares()
        shares += mine.values() if kind == EVERYTHING else [mine[kind]]
    return percent(shares) if shares else 0.0


# --- what was used --------------------------------------------------------------------------------------


def _recording(given: Mapping[str, Any]) -> Recording:
    if bool(given.get("journals")) is bool(given.get("server")):
        raise UserError("coverage of what? Name a journal, or a running double with --server")
    where = where_of({**given, "dialect": given.get("dialect")})
    if not given.get("server"):
        return source.read(map(Path, given["journals"]), where)
    return fetched(url_of(given["server"], "--server"), given.get("world"))


def fetched(base: str, world: str | None) -> Recording:
    """The journals of a running double. Raises UserError."""
    settings = configuration.load({})
    names = [world] if world else [each["id"] for each in ask(base + WORLDS, "GET", settings)["worlds"]]
    recording = Recording()
    try:
        for name in names:
            told = ask(f"{base}{WORLDS}/{quote(name, safe='')}/journal?limit=1000000", "GET", settings)
            recording.take(from_journal(name, told["entries"]))
    except Unreadable as error:
        raise UserError(str(error)) from None
    return recording


def judged(recording: Recording) -> list[tuple[Exchange, Judgement]]:
    """Whatever was not made up. ``recording`` counts the rest."""
    found = []
    for exchange in recording:
        if exchange.injected:
            recording.left_out["with an answer that was made up by a test"] += 1
            continue
        try:
            dialect = dialect_of(exchange.dialect)
        except (UnknownDialect, ValueError):
            raise UserError(f"nothing says whose {exchange.name} is; name --dialect") from None
        found.append((exchange, judge(dialect, exchange.request, exchange.response)))
    return found


def covered(used: Sequence[tuple[Exchange, Judgement]]) -> dict[str, Coverage]:
    """By dialect."""
    found: dict[str, Coverage] = {}
    for exchange, judgement in used:
        name = exchange.dialect.partition(",")[0]
        found.setdefault(name, Coverage(dialect_of(name))).add(judgement, exchange.response)
    return found


# --- what is told of it ---------------------------------------------------------------------------------


def show(screen: Screen, found: Mapping[str, Coverage], left_out: Mapping[str, int], *, every: bool) -> None:
    rows = [
        (name, kind, str(len(share.used)), str(len(share.all)), f"{percent([share])}")
        for name, coverage in found.items()
        for kind, share in coverage.shares().items()
    ]
    screen.table(("dialect", "what", "used", "of", "percent"), rows, right=("used", "of", "percent"))
    for name, coverage in found.items():
        _show_unused(screen, name, coverage, every=every)
    for reason, count in left_out.items():
        screen.say(f"left out: {count} {reason}", FAINT)
    screen.say()


def _show_unused(screen: Screen, name: str, coverage: Coverage, *, every: bool) -> None:
    for kind, share in coverage.shares().items():
        if share.unused and (every or kind == "operations"):
            screen.say()
            screen.say(f"{name}: {kind} that were not used", FAINT)
            for word in share.unused:
                screen.say(f"  {word}", FAINT)
    if strangers := coverage.strangers():
        screen.say()
        screen.say(f"{name}: fields that the contract does not have", BAD)
        for word in strangers:
            screen.say(f"  {word}")


def _write_pact(given: Mapping[str, Any], used: Sequence[tuple[Exchange, Judgement]], names: Sequence[str]) -> None:
    if len(names) != 1:
        raise UserError(f"a Pact is with one provider, here are {', '.join(names) or 'none'}; name --dialect")
    parties = Parties(given["consumer"], given.get("provider") or names[0])
    tree, unfit = pact(parties, used, importlib.metadata.version("mediaglot"))
    text = json.dumps(tree, ensure_ascii=False, indent=2) + "\n"
    telling.write(Path(given["pact"]), text.encode())
    if not given.get("json"):
        _tell_pact(Screen(), given["pact"], len(tree["interactions"]), unfit)


def _tell_pact(screen: Screen, file: str, count: int, unfit: Counter[str]) -> None:
    screen.say(f"{count} interactions are in {file}")
    for reason, number in unfit.items():
        screen.say(f"not in it: {number} exchanges {reason}", FAINT)
    screen.say()
