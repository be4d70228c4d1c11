"""``mediaglot dialects``: what is installed, which operations there are, how sure we are of each; and the pages on
translation."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from mediaglot.gateway.command.screen import FAINT, Screen
from mediaglot.gateway.config import UserError
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.registry import UnknownDialect, find, names
from mediaglot.gateway.trait import EVIDENCE


def run(given: dict[str, Any]) -> int:
    screen = Screen()
    if (folder := given.get("pages")) is not None:
        return (write_evidence if given.get("evidence") else write_pages)(screen, Path(folder))
    if (folder := given.get("grammars")) is not None:
        return write_grammars(screen, Path(folder))
    name = given.get("name")
    if name is None:
        for flag in ("openapi", "evidence"):
            if given.get(flag):
                raise UserError(f"--{flag} wants a dialect: mediaglot dialects NAME --{flag}")
        overview(screen)
        return 0
    try:
        dialect = find(name)
    except (UnknownDialect, ValueError) as error:
        raise UserError(str(error)) from None
    if given.get("openapi"):
        print(describe(dialect))  # noqa: T201 - a document, not a screen
        return 0
    (prove if given.get("evidence") else portrait)(screen, dialect)
    return 0


def describe(dialect: Dialect) -> str:
    """The dialect as an OpenAPI document."""
    from mediaglot.gateway.contract.openapi import document  # noqa: PLC0415 - reads all fixtures

    return json.dumps(document(dialect), indent=2, ensure_ascii=False)


def write_pages(screen: Screen, folder: Path) -> int:
    """The pages on translation, written anew; those of pairs that are gone are removed."""
    from mediaglot.gateway.command.pages import pages  # noqa: PLC0415 - loads every dialect and all fixtures

    try:
        folder.mkdir(parents=True, exist_ok=True)
        texts = pages()
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        for stale in (path for path in folder.glob("*-to-*.md") if path.name not in texts):
            stale.unlink()
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}; choose another folder") from None
    screen.say(f"wrote {len(texts)} pages to {folder}")
    return 0


def write_grammars(screen: Screen, folder: Path) -> int:
    """The grammars of XML messages, beside the JSON Schemas that they are made from."""
    from mediaglot.gateway.contract.grammar import SUFFIX, grammars  # noqa: PLC0415 - loads every schema

    count = 0
    try:
        for name in names():
            texts = grammars(find(name))
            for stale in (path for path in (folder / name).glob(f"*{SUFFIX}") if path.name not in texts):
                stale.unlink()
            for file, text in texts.items():
                (folder / name).mkdir(parents=True, exist_ok=True)
                (folder / name / file).write_bytes(text)
            count += len(texts)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}; choose another folder") from None
    screen.say(f"wrote {count} grammars to {folder}")
    return 0


def write_evidence(screen: Screen, folder: Path) -> int:
    """A page for each dialect."""
    from mediaglot.gateway.contract.evidence import page  # noqa: PLC0415 - loads every schema

    texts = {f"{name}.md": page(find(name)) for name in names()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}; choose another folder") from None
    screen.say(f"wrote {len(texts)} pages to {folder}")
    return 0


def prove(screen: Screen, dialect: Dialect) -> None:
    """What proves each operation, field and error."""
    from mediaglot.gateway.contract.evidence import COUNTED, proofs, tally  # noqa: PLC0415 - loads every schema

    found = list(proofs(dialect))
    rows = [(each.what, each.owner, each.name, each.about, each.evidence) for each in found]
    screen.table(("", "of", "name", "", "evidence"), rows)
    screen.say()
    screen.table(COUNTED, tally(found), right=COUNTED[1:-1])


def overview(screen: Screen) -> None:
    dialects = [find(name) for name in names()]
    rows = [
        (dialect.name, dialect.title, f"/{dialect.name}/", str(len(dialect.routes)), tally(dialect))
        for dialect in dialects
    ]
    screen.table(("dialect", "title", "path", "operations", "evidence"), rows, right=("operations",))
    screen.say()
    screen.say("More on one of them: mediaglot dialects NAME", FAINT)


def tally(dialect: Dialect) -> str:
    """How many operations rest on which evidence, the surest first."""
    counts = Counter(route.evidence for route in dialect.routes)
    known = [*EVIDENCE, *sorted(counts.keys() - EVIDENCE.keys())]
    return ", ".join(f"{counts[kind]} {kind}" for kind in known if counts[kind])


def portrait(screen: Screen, dialect: Dialect) -> None:
    facts = [
        ("dialect", dialect.name),
        ("title", dialect.title),
        ("documentation", dialect.docs or "-"),
        ("mounted at", f"/{dialect.name}/"),
        ("and, by the Host header, as", ", ".join(dialect.hosts) or "-"),
    ]
    screen.pairs(facts)
    screen.say()
    operations = [(route.name, f"{route.method} {route.path}", route.evidence) for route in dialect.routes]
    screen.table(("operation", "request", "evidence"), operations)
    screen.say()
    found = {route.evidence for route in dialect.routes}
    screen.pairs([(kind, meaning) for kind, meaning in EVIDENCE.items() if kind in found])
    if dialect.knobs:
        screen.say()
        knobs = [(name, " | ".join(knob.values), knob.about) for name, knob in dialect.knobs.items()]
        screen.table(("option", "values, the default first", "about"), knobs)
        first, knob = next(iter(dialect.knobs.items()))
        screen.say()
        screen.say(f"Use: mediaglot serve --dialects {dialect.name},{first}={knob.values[-1]}", FAINT)
