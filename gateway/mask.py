"""HTTP messages for people to look at: every secret that is known is masked, in whatever spelling it is there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.model import Location, Secret, credentials_of
from mediaglot.gateway.model.mask import STARS

LEAST: Final = 4
"""Characters of the shortest signature that is looked for elsewhere than in its URL."""
PRIVATE: Final = re.compile(r"authorization|cookie|token|key|secret|password|signature", re.IGNORECASE)
"""Header names whose values nobody sees, known or not; the scheme of an Authorization stays."""
SIGNED: Final = re.compile(
    r"(?i)((?:signature|token|secret|password|access[_-]?key|credential)[\w-]{0,100}(?:=|%3D|%253D))[^&\s\"'<>,;]+?"
    r"(?=&|%26|%2526|[\s\"'<>,;]|%22|%3C|%2522|%253C|$)"
)
"""Parameters of URLs that are credentials by their names."""


def secrets(value: Any) -> Iterator[str]:
    """The texts of all secrets in a value of the model; of a spelling, which is a whole URL, only what is in it."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, Location):
        yield from secrets(value.access)
        yield from (text for text in credentials_of(value.url) if len(text) >= LEAST)
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            if each.name != "document":
                yield from secrets(getattr(value, each.name))
    elif isinstance(value, (tuple, list, frozenset)):
        for item in value:
            yield from secrets(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from [item] if isinstance(item, str) and PRIVATE.search(str(key)) else secrets(item)


def masked(request: Request, known: Iterable[str] = ()) -> Request:
    """A request without the ``known`` secrets, without credentials in its headers and in the URLs that it holds."""
    pattern = _pattern(known)

    def hidden(text: str) -> str:
        text = SIGNED.sub(rf"\1{STARS}", text)
        return pattern.sub(STARS, text) if pattern else text

    lines = tuple(
        (name, _header(name, value) if PRIVATE.search(name) else hidden(value)) for name, value in request.headers
    )
    body = hidden(request.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return replace(
        request, path=hidden(request.path), query=hidden(request.query), headers=Headers(lines=lines), body=body
    )


def _header(name: str, value: str) -> str:
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {STARS}" if blank and name.lower() == "authorization" else STARS


def _pattern(known: Iterable[str]) -> re.Pattern[str] | None:
    spelled = {form for text in known if text for form in spellings(text)}
    words = sorted(map(re.escape, spelled), key=len, reverse=True)
    if not words:
        return None
    # A short secret is not looked for inside of words; what a percent code ends with is no word.
    return re.compile(rf"(?:(?<![0-9A-Za-z])|(?<=%[0-9A-F]{{2}}))(?:{'|'.join(words)})(?![0-9A-Za-z])")


def spellings(text: str) -> set[str]:
    """A text as documents, URLs and forms write it, and one within the other."""
    plain = {text, escape(text), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    once = {way(form) for form in plain for way in (str, quote, quote_plus, _all)}
    return once | {way(form) for each in once for form in (each, escape(each)) for way in (quote, quote_plus, _all)}


def _all(text: str) -> str:
    return quote(text, safe="")
