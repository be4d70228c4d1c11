"""One message of an implementation held to its dialect's contract: how it is sent, and what it says. Pure.

What a dialect's ``notification.json`` says beside the document: ``x-root``, the member or element that it is in, and
``x-certainty``, how sure it is what clients are told. What rests on a guess is a warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract import form
from mediaglot.gateway.contract.finding import ERROR, WARNING, Finding, of_flaw, short, spot
from mediaglot.gateway.contract.judge import home_of, is_deep, schemas
from mediaglot.gateway.contract.stage import CERTAIN
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Glimpse
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Fault, Malformed
from mediaglot.gateway.wire import FORM
from mediaglot.gateway.wire.form import pairs
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.xml import Xml

NAME: Final = "notification"
"""Of the schema, and what findings have for an operation."""
BODY: Final = f"{NAME}.body"
KIND: Final = "content-type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """Kinds of evidence, empty for what nobody says: that the ``end`` of a job is told, that the ``steps`` on the way
    are, ``how`` a message is sent and what is in it, and that nothing is told but ``once``."""

    end: str = ""
    steps: str = ""
    how: str = ""
    once: str = ""


ABOUT: Final[Mapping[str, str]] = {
    "end": "a job's end is told",
    "steps": "the steps on the way are told",
    "how": "method, headers and document",
    "once": "nothing is told twice",
}


@cache
def certainty(home: Any) -> Certainty | None:
    """Of a class of dialects; None for one whose messages nobody describes."""
    known = schemas(home)
    return Certainty(**known.document(NAME).get("x-certainty", {})) if NAME in known.names else None


def level(evidence: str) -> str:
    return ERROR if evidence in CERTAIN else WARNING


@dataclass(slots=True, kw_only=True)
class Heard:
    """A message, and what was made of it. ``order`` is how many came before it."""

    order: int
    message: Request
    tree: Any = None
    glimpse: Glimpse | None = None
    """What a client understands; None for what can't be read."""
    findings: list[Finding] = field(default_factory=list)


def hear(client: Client, dialect: Dialect, order: int, message: Request, paper: Request) -> Heard:
    """``paper`` is the message that the dialect itself would send."""
    heard = Heard(order=order, message=message)
    heard.findings += _sent(message, paper)
    if paper.body:
        heard.findings += _read(client, dialect, heard, paper)
    known = certainty(home_of(dialect)) or Certainty()
    heard.findings = [replace(each, level=level(known.how)) for each in heard.findings]
    return heard


def wrong(rule: str, place: str, message: str, evidence: str = "seed") -> Finding:
    return Finding(
        rule=rule, operation=NAME, place=place, message=message, schema=f"{NAME}.json", level=level(evidence)
    )


# --- how it is sent ---------------------------------------------------------------------------------------


def _sent(message: Request, paper: Request) -> Iterator[Finding]:
    if message.method != paper.method:
        yield wrong("method", f"{NAME}.method", f"expected {paper.method}, found {short(message.method)}")
    for name, value in paper.headers:
        told, place = message.headers.get(name), spot(f"{NAME}.headers", [name])
        if name.lower() == KIND:
            if not form.same_type(told, value):
                yield wrong("content_type", place, f"expected {short(value)}, found {short(told)}")
        elif told != value:
            found = "another one" if told else "none"
            yield wrong("header", place, f"expected the value that was agreed on, found {found}")


# --- what it says -----------------------------------------------------------------------------------------


def _read(client: Client, dialect: Dialect, heard: Heard, paper: Request) -> Iterable[Finding]:
    try:
        heard.tree = document(dialect, heard.message, paper)
    except Malformed as fault:
        return [wrong("body", BODY, f"expected a document, found what can't be read: {fault.data.get('reason')}")]
    except (ValueError, RecursionError):
        return [wrong("body", BODY, "expected a document, found what can't be read")]
    found = [of_flaw(each, NAME, NAME, BODY) for each in schemas(home_of(dialect)).flaws(NAME, heard.tree)]
    with suppress(Fault, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        glimpse = client.hear(heard.message)
        heard.glimpse = glimpse if glimpse.id else None
    if heard.glimpse is None and not found:
        return [wrong("body", BODY, "expected a message that a client understands, found another one")]
    return found


def document(dialect: Dialect, message: Request, paper: Request) -> Any:
    """Read as what it has to be, whatever its header calls it. Raises Malformed, or ValueError."""
    (name, text), (wanted, shown) = (_content(each.body, paper) for each in (message, paper))
    if name != wanted:
        raise Malformed(reason=f"no field {short(wanted)}")
    root = schemas(home_of(dialect)).document(NAME).get("x-root", "")
    is_xml = shown.lstrip().startswith(b"<")
    wire = Xml(root=root, answer_root=root) if is_xml else Json(answer_root=root or None)
    tree = wire.read_answer(text.strip())
    if is_deep(tree):
        raise Malformed(reason="nested too deeply")
    return tree


def _content(body: bytes, paper: Request) -> tuple[str, bytes]:
    """A document's text, and the name of the field that it is in, where it is in a form."""
    if form.parsed(paper.headers.get(KIND))[0] != FORM:
        return "", body
    return next(((name, text) for name, text in pairs(body) if text.strip()), ("", b""))


def repeated(heard: Iterable[Heard]) -> Iterator[tuple[Heard, Glimpse]]:
    """Those that tell once more what was told of the same job."""
    seen: set[tuple[str, str]] = set()
    for each in heard:
        if each.glimpse is not None:
            key = (each.glimpse.id, each.glimpse.word or repr(each.tree))
            if key in seen:
                yield each, each.glimpse
            seen.add(key)
