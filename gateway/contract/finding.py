"""What is wrong, and where: one value for every command, report and format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mediaglot.gateway.wire.flaw import Flaw

ERROR: Final = "error"
WARNING: Final = "warning"
LONGEST: Final = 120
"""Characters of a value that a message shows."""
KINDS: Final[Mapping[type, str]] = {
    bool: "boolean",
    str: "string",
    int: "number",
    float: "number",
    list: "array",
    dict: "object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``place`` is where in the exchange: ``response.body: job.status``, ``response.headers: Content-Type``,
    ``response.status``, ``request.body: source``. ``schema`` is the schema's file, or points into it. ``message``
    says what was expected and what was found."""

    rule: str
    operation: str
    place: str
    message: str
    schema: str = ""
    exchange: str = ""
    """Which exchange it was, in the words of who asked."""
    level: str = ERROR
    """A WARNING is what is expected by a guess: nobody knows that the provider does it that way."""

    def __str__(self) -> str:
        where = " ".join(part for part in (self.exchange, self.operation, self.place) if part)
        return f"{where}: {self.message} [{self.label}]"

    @property
    def label(self) -> str:
        return self.rule if self.level == ERROR else f"{self.rule}, a guess: {self.level}"

    def of(self, exchange: str) -> Finding:
        return replace(self, exchange=exchange)


def kind(value: Any) -> str:
    """The word of JSON for what a value is."""
    return KINDS.get(type(value), "null")


def short(value: Any) -> str:
    """A value in a message: whole where it is short, otherwise its beginning; of objects and arrays only the kind."""
    if isinstance(value, (dict, list)):
        return f"an {kind(value)}"
    text = "null" if value is None else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def dotted(path: Iterable[Any]) -> str:
    return ".".join(str(part) for part in path)


def spot(part: str, path: Iterable[Any] = ()) -> str:
    """A place: ``response.body: jobs.0.id``; without a path the whole of the part."""
    return f"{part}: {within}" if (within := dotted(path)) else part


def of_flaw(flaw: Flaw, rule: str, operation: str, part: str) -> Finding:
    """What a schema has against a document."""
    path, message = flaw.path, _said(flaw)
    if flaw.names:
        path, named = (*path, flaw.names[0]), ", ".join(map(repr, flaw.names))
        message = (
            f"expected the field {named}, it is missing"
            if flaw.word == "required"
            else f"expected no field {named}, it is there"
        )
    return Finding(rule=rule, operation=operation, place=spot(part, path), message=message, schema=flaw.pointer)


def _said(flaw: Flaw) -> str:
    found = f"found {short(flaw.found)}"
    match flaw.word:
        case "type":
            words = flaw.wanted if isinstance(flaw.wanted, list) else [flaw.wanted]
            shown = "" if isinstance(flaw.found, (dict, list, type(None))) else f" {short(flaw.found)}"
            return f"expected {' or '.join(words)}, found {kind(flaw.found)}{shown}"
        case "enum":
            return f"expected one of {', '.join(map(short, flaw.wanted))}; {found}"
        case "const":
            return f"expected {short(flaw.wanted)}, {found}"
        case "pattern":
            return f"expected the form {flaw.wanted}, {found}"
        case "format":
            return f"expected a {flaw.wanted}, {found}"
        case "minimum" | "maximum" | "minLength" | "maxLength" | "minItems" | "maxItems":
            return f"expected {flaw.word} {flaw.wanted}, {found}"
        case "anyOf" | "oneOf":
            return f"expected {' or '.join(map(_alternative, flaw.wanted))}; {found}"
    return f"expected what {flaw.word} says, {found}"


def _alternative(schema: Any) -> str:
    """What one of several schemas would have liked, in a word."""
    words = schema if isinstance(schema, dict) else {}
    if "const" in words:
        return short(words["const"])
    if "enum" in words:
        return f"one of {', '.join(map(short, words['enum']))}"
    kinds = words.get("type", words.get("title", words.get("$ref", "something else").rpartition("/")[2]))
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)
