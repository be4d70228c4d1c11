"""``mediaglot contract drift``: what appeared, vanished or changed between two recordings or two folders of schemas."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.command.contract import source, telling
from mediaglot.gateway.command.contract.check import where_of, whose
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.docket import dialect_of
from mediaglot.gateway.contract.drift import compare
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.contract.sketch import ERROR, REPLY, REQUEST, Sketch, Surveyor, add
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.registry import UnknownDialect

PARTS: Final = {".request.json": REQUEST, ".reply.json": REPLY}
EVERY: Final = "every operation"
"""Whose errors ``error.reply.json`` describes."""


def flags(command: argparse.ArgumentParser) -> None:
    for name in ("old", "new"):
        about = f"the {name} recording: a tape's folder, a journal, a HAR file; or the {name} folder of schemas"
        command.add_argument(name, metavar=name.upper(), help=about)
    whose(command)
    command.add_argument("--requests", action="store_true", help="tell of what clients send, too")
    telling.flags(command)


def run(given: dict[str, Any]) -> int:
    paths = Path(given["old"]), Path(given["new"])
    kinds = {_has_schemas(path) for path in paths}
    if len(kinds) != 1:
        raise UserError(f"{paths[0]} and {paths[1]} can't be compared: one is a folder of schemas, the other is none")
    if kinds == {True}:
        old, new = (surveyed(path) for path in paths)
    else:
        old, new = (seen(path, where_of(given), requests=given.get("requests", False)) for path in paths)
    return telling.tell(given, outcome(old, new, *map(str, paths)))


def outcome(old: Mapping[str, Sketch], new: Mapping[str, Sketch], old_name: str, new_name: str) -> Outcome:
    """Operations that only one recording has show no drift; of those that only one contract has, they do."""
    exact = any(each.exact for each in (*old.values(), *new.values()))
    found = compare(old, new)
    gone, come = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    if exact:
        found |= {name: [_whole(name, "vanished", "was there, is there no more")] for name in gone}
        found |= {name: [_whole(name, "appeared", "is there, was not")] for name in come}
    trials = [Trial(operation=name, name=name, findings=tuple(found[name])) for name in sorted(found)]
    left_out = {} if exact else {f"operation only in {new_name}: {name}": 1 for name in come}
    missing = () if exact else tuple(gone)
    return Outcome(
        command="drift", subject=f"{old_name} and {new_name}", trials=trials, left_out=left_out, missing=missing
    )


def _whole(name: str, rule: str, message: str) -> Finding:
    return Finding(rule=rule, operation=name, place="operation", message=message)


def seen(path: Path, where: Whereabouts, *, requests: bool) -> dict[str, Sketch]:
    """By operation; what the dialect does not know is left out."""
    sketches: dict[str, Sketch] = {}
    for exchange in source.read([path], where):
        if exchange.injected:
            continue
        try:
            dialect = dialect_of(exchange.dialect)
        except (UnknownDialect, ValueError):
            raise UserError(f"nothing says whose recording {path} is; name --dialect") from None
        judgement = judge(dialect, exchange.request, exchange.response)
        if judgement.operation is not None:
            sketch = sketches.setdefault(judgement.operation, Sketch())
            add(sketch, judgement, exchange.response, requests=requests)
    return sketches


def _has_schemas(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.reply.json"))


def surveyed(folder: Path) -> dict[str, Sketch]:
    """By operation. Raises UserError for what can't be read."""
    documents: dict[str, Any] = {}

    def document(file: str) -> Any:
        if file not in documents:
            if "/" in file or "\\" in file or not (folder / file).is_file():
                raise UserError(f"{folder}: a schema refers to {file[:100]!r}, which is not in this folder")
            documents[file] = source.tree_of(folder / file)
        return documents[file]

    sketches: dict[str, Sketch] = {}
    surveyor = Surveyor(document)
    for path in sorted(folder.glob("*.json")):
        suffix = next((each for each in PARTS if path.name.endswith(each)), None)
        if suffix is not None:
            name = path.name.removesuffix(suffix)
            is_error = name == "error"
            place = ERROR if is_error else PARTS[suffix]
            surveyor.survey(sketches.setdefault(EVERY if is_error else name, Sketch()), (place,), path.name)
    return sketches
