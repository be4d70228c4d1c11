"""What proves each operation, field and error of a dialect, as it is written in its routes, schemas and faults.

Unknown is a legal value: it says that nobody has looked yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mediaglot.gateway.contract.judge import home_of
from mediaglot.gateway.contract.message import ABOUT, certainty
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.trait import EVIDENCE
from mediaglot.gateway.wire.schema import SUFFIX, Schemas, stem

Tree = dict[str, Any]
UNKNOWN: Final = "unknown"
KINDS: Final[Mapping[str, str]] = {**EVIDENCE, UNKNOWN: "nobody has looked yet"}
SHARED: Final = "common"


@dataclass(frozen=True, slots=True)
class Proof:
    """``what`` is operation, field or error; ``owner`` the schema or the operation that a field belongs to."""

    what: str
    owner: str
    name: str
    evidence: str
    about: str = ""


def proofs(dialect: Dialect) -> Iterator[Proof]:
    yield from operations(dialect)
    schemas = Schemas(dialect)
    for name in schemas.names:
        if name != SHARED:
            yield from fields(schemas.document(name), name)
    definitions = schemas.document(SHARED).get("$defs", {}) if SHARED in schemas.names else {}
    for name, schema in definitions.items():
        yield from fields(schema, f"{SHARED}/{name}")
    yield from errors(dialect)


def operations(dialect: Dialect) -> Iterator[Proof]:
    told = {route.name: route for route in reversed(dialect.routes)}
    for route in reversed(told.values()):
        yield Proof("operation", stem(route.name), route.name, route.evidence, f"{route.method} {route.path}")


def fields(schema: Any, owner: str, path: str = "") -> Iterator[Proof]:
    """Those that a schema names itself; what it refers to is told where that is."""
    if not isinstance(schema, dict):
        return
    for key, each in schema.get("properties", {}).items():
        name = f"{path}.{key}" if path else key
        yield Proof("field", owner, name, each.get("x-evidence", UNKNOWN), kind(each))
        yield from fields(each, owner, name)
    for word in ("items", "additionalProperties"):
        mark = "[]" if word == "items" else ".*"
        yield from fields(schema.get(word), owner, f"{path}{mark}")
    for word in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(word, ()):
            yield from fields(each, owner, path)


def errors(dialect: Dialect) -> Iterator[Proof]:
    for fault, complaint in dialect.faults.items():
        code = f" {complaint.code}" if complaint.code else ""
        yield Proof("error", fault.code, complaint.text, complaint.evidence, f"{complaint.status}{code}")


def kind(schema: Any) -> str:
    """In a few words what a field may hold; ``@media`` is a definition that fields share."""
    if not isinstance(schema, dict):
        return "anything"
    if "$ref" in schema:
        file, _, pointer = str(schema["$ref"]).partition("#/$defs/")
        return f"@{pointer or file.removesuffix(SUFFIX)}"
    if "const" in schema or "enum" in schema:
        return "one of some values" if "enum" in schema else repr(schema["const"])
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(map(kind, several)))
    kinds = schema.get("type", "anything")
    shown = " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
    return f"{shown} of {kind(schema['items'])}" if shown == "array" and "items" in schema else shown


def tally(found: list[Proof]) -> list[tuple[str, ...]]:
    """How many operations, fields and errors rest on which evidence."""
    counts = Counter((each.what, each.evidence) for each in found)
    whats = ("operation", "field", "error")
    known = [*KINDS, *sorted({each.evidence for each in found} - KINDS.keys())]
    rows = ((word, *(str(counts[what, word] or "") for what in whats)) for word in known)
    return [(*row, KINDS.get(row[0], "")) for row in rows if any(row[1:])]


# --- pages --------------------------------------------------------------------------------------------

HEAD: Final = "<!-- written by `mediaglot dialects --evidence --pages docs/evidence`; do not edit -->\n"
COUNTED: Final = ("evidence", "operations", "fields", "errors", "which is")


def page(dialect: Dialect) -> str:
    found = list(proofs(dialect))
    parts = [HEAD, f"# {dialect.title}: what proves it\n\n", table(COUNTED, tally(found))]
    parts.append("\nFields are told once, where they are defined; `@name` is a definition that several share.\n")
    told = [(f"`{each.name}`", each.about, each.evidence) for each in found if each.what == "operation"]
    parts += ["\n## Operations\n\n", table(("operation", "request", "evidence"), told)]
    parts += messages(dialect)
    owners: dict[str, list[Proof]] = {}
    for each in found:
        if each.what == "field":
            owners.setdefault(each.owner, []).append(each)
    for owner, mine in owners.items():
        rows = [(f"`{each.name}`", each.about, each.evidence) for each in mine]
        shown = owner.replace(f"{SHARED}/", "@")
        parts += [f"\n## {shown}\n\n", table(("field", "holds", "evidence"), rows)]
    faults = [(f"`{each.owner}`", each.about, each.name, each.evidence) for each in found if each.what == "error"]
    parts += ["\n## Errors\n\n", table(("fault", "told as", "text", "evidence"), faults)]
    return "".join(parts)


def messages(dialect: Dialect) -> Iterator[str]:
    """How sure it is what clients are told of their jobs."""
    known = certainty(home_of(dialect))
    if known is not None:
        told = [(about, getattr(known, name)) for name, about in ABOUT.items() if getattr(known, name)]
        yield from ("\n## Messages\n\n", table(("what", "evidence"), told))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
