"""The journal of a test double as it is exported: the exchanges that are in its entries."""

from __future__ import annotations

import base64
import re
from typing import Any, Final

from mediaglot.gateway.contract.recording import Exchange, Recording, Unreadable, lines_of
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.model.mask import STARS

LONGEST: Final = 20_000
"""Characters of a body that a journal keeps."""
BARE: Final = re.compile(r"(?P<mark>[\"']\s?:\s?)\*\*\*(?=\s*[,}\]])")
"""A secret's place in JSON, of which the mask took the quotes, too."""
BASIC: Final = f"Basic {STARS}"
PAIR: Final = f"Basic {base64.b64encode(f'{STARS}:{STARS}'.encode()).decode()}"
"""A pair that can be read in place of one that is hidden."""
PLACES: Final = {"{site}": "http://site.example.test", "{host}": "site.example.test"}
"""What a journal has in place of where the server stood."""


def entries_of(tree: Any) -> list[Any] | None:
    """The entries of an answer of the control API, of an export, or of a list. None where there are none."""
    if isinstance(tree, dict):
        if {"request", "response", "dialect"} <= tree.keys():
            return [tree]
        tree = next((tree[key] for key in ("entries", "journal") if key in tree), None)
    return tree if isinstance(tree, list) else None


def from_journal(name: str, entries: list[Any]) -> Recording:
    """Raises Unreadable."""
    recording = Recording()
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise Unreadable(f"{name}: entry {number} is no entry of a journal, which is an object")
        try:
            _add(recording, f"{name}: entry {entry.get('number', number)}", entry)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"there is no {error} in it" if isinstance(error, KeyError) else str(error)[:120]
            raise Unreadable(f"{name}: entry {number} is no entry of a journal: {why}") from None
    return recording


def _add(recording: Recording, name: str, entry: dict[str, Any]) -> None:
    asked, told = entry["request"], entry["response"]
    if told["status"] is None:
        recording.left_out["without an answer"] += 1
    elif max(len(asked["body"]), len(told["body"])) >= LONGEST:
        recording.left_out["too long for the journal"] += 1
    else:
        base = _base(told, str(entry["dialect"]).partition(",")[0])
        request = Request(
            method=str(asked["method"]),
            path=_placed(asked["path"]),
            query=_placed(asked["query"]),
            headers=Headers(
                lines=tuple((name, PAIR if value == BASIC else value) for name, value in lines_of(asked["headers"]))
            ),
            body=_placed(asked["body"]).encode(),
            base=base,
            site=PLACES["{site}"],
        )
        response = Response(
            status=int(told["status"]), headers=lines_of(told["headers"]), body=_placed(told["body"]).encode()
        )
        shown = f"{request.path}?{request.query} {asked['body']} {told['body']}"
        exchange = Exchange(
            name=name,
            scrubbed=STARS in shown,
            dialect=str(entry["dialect"]),
            operation=str(entry.get("operation") or ""),
            request=request,
            response=response,
            injected=tuple(map(str, entry.get("injected") or ())),
        )
        recording.add(exchange)


def _base(told: dict[str, Any], dialect: str) -> str:
    """What the dialect's own paths are below, as links in the answer have it."""
    found = re.search(
        rf"\{{site\}}((?:/[\w-]{{1,80}}){{0,5}}/{re.escape(dialect)})/", f"{told['body']} {told['headers']}"
    )
    return PLACES["{site}"] + (found[1] if found else "")


def _placed(text: str) -> str:
    """With values where a journal has only marks."""
    for mark, place in PLACES.items():
        text = text.replace(mark, place)
    return BARE.sub(rf'\g<mark>"{STARS}"', text) if STARS in text else text
