"""Credentials in running text: what URLs, documents and headers carry of them, replaced by three stars.

It is meant for what is read by people (logs, the control API) and rather hides too much than too little. URLs are
found as they are, percent-encoded, and with the escaped slashes of some JSON.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote

from mediaglot.gateway.model.secret import Secret

STARS: Final = "***"
LEAST: Final = 4
"""Characters of the shortest known secret that is looked for: a shorter one is in every text by chance."""

NAME: Final = (
    r"(?!token_type\b)[\w.-]{0,40}(?:signature|secret|token|passw(?:or)?d|passphrase|credential|api_?-?key|access_?-?key|userkey"
    r"|accessid|key-pair-id)[\w-]{0,20}|sig|pass|pwd|pw|key|hmac|policy|auth|authorization|hdne[at]|hdnts|code"
)
"""Of query parameters, fields and headers whose values are credentials or a part of them."""
USER: Final = (
    # What is before the last @ of the authority; after a colon that begins no port also slashes, as in bare S3 keys.
    r"(?P<mark>[a-z][a-z0-9+.-]{1,20}:(?:\\?/){2})"
    r"(?:[^\s/?#\"'<>]{0,1000}|[^\s/?#\"'<>:@]{0,500}:(?!\d{1,5}\\?/)[^\s?#\"'<>@]{0,1000})(?:@|%(?:25)*40)"
)
END: Final = r"%(?P=level)(?:20|22|27|3C|3E|0A|0D)"
"""What ends a URL in a document that was encoded as often as the URL's own marks; what is in it was once more."""
ENCODED_USER: Final = (
    r"(?P<mark>[a-z][a-z0-9+.-]{1,20}%(?P<level>(?:25)*)3A(?:%(?P=level)2F|/){2})"
    rf"(?:(?:(?!{END}|%(?P=level)(?:2F|3F|23))[^\s/?#\"'<>]){{0,1000}}"
    rf"|(?:(?!{END}|%(?P=level)(?:2F|3F|23|3A|40))[^\s/?#\"'<>:@]){{0,500}}(?:%(?P=level)3A|:)"
    rf"(?!\d{{1,5}}(?:/|%(?P=level)2F))(?:(?!{END}|%(?P=level)(?:3F|23|40))[^\s?#\"'<>@]){{0,1000}})"
    r"(?:@|%(?P=level)40)"
)
USERS: Final = {("@", "%"): USER, ("3A%", "3a%", "3A/", "3a/"): ENCODED_USER}
"""Patterns, by texts of which every match has one."""
VALUES: Final = {
    rf"(?P<mark>(?<![\w-])(?:{NAME})=)[^\s&\"'<>;,)\]}}#]+": "=",
    rf"(?P<mark>(?:%(?:25)*(?:26|3F)|(?<![\w-]))(?:{NAME})%(?P<level>(?:25)*)3D)"
    rf"(?:(?!%(?:25)*(?:26|23)|{END})[^\s&\"'<>])+": "%",
    rf"(?P<mark>[\"'](?:{NAME})[\"']\s?:\s?)(?:\"(?:[^\"\\]|\\.)*\"?|'[^']*'?)": "\"'",
    rf"(?P<mark><(?:{NAME})>)[^<]+": "<",
    rf"(?P<mark>^[ \t]*(?:{NAME}|cookie|set-cookie)[ \t]*:[ \t]*)\S[^\r\n]*": ":",
}
"""Patterns, each with characters of which every match has one."""


@cache
def _patterns() -> tuple[tuple[Iterable[str], re.Pattern[str], str], ...]:
    """Each behind characters of which every match has one: most texts need not be searched for most of them.

    Made on first use: compiling them takes as long as much of the program's start.
    """
    values = (
        (needs, re.compile(value, re.IGNORECASE | re.MULTILINE), rf"\g<mark>{STARS}") for value, needs in VALUES.items()
    )
    users = ((needs, re.compile(user, re.IGNORECASE), rf"\g<mark>{STARS}@") for needs, user in USERS.items())
    return *users, *values


def masked(text: str, known: Iterable[str] = ()) -> str:
    """``text`` without credentials, as far as their place gives them away, and without the ``known`` ones anywhere."""
    spelled = {spelling for secret in known for spelling in spellings(secret)}
    for spelling in sorted(spelled, key=len, reverse=True):  # one may begin with another, whose rest must not stay
        text = text.replace(spelling, STARS)
    for needs, pattern, stars in _patterns():
        if any(need in text for need in needs):
            text = pattern.sub(stars, text)
    return text


def spellings(secret: str) -> set[str]:
    """A secret as documents and URLs write it."""
    if len(secret) < LEAST:
        return set()
    escaped = json.dumps(secret)[1:-1]
    plain = (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret))
    return {*plain, escaped, escaped.replace("/", "\\/"), quote(quote(secret, safe=""))}


def secrets_in(value: Any) -> Iterator[str]:
    """The text of every Secret in a tree of dataclasses, mappings and sequences."""
    if isinstance(value, Secret):
        yield value.reveal()
    elif is_dataclass(value) and not isinstance(value, type):
        for each in fields(value):
            yield from secrets_in(getattr(value, each.name))
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_in(inner)
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from secrets_in(inner)


def credentials_of(url: str) -> Iterator[str]:
    """The user name, the password and the signatures of a URL, or of what should have been one."""
    for host in re.findall(r"://([^/?#]*)@", url):
        yield from filter(None, map(unquote, host.split(":", 1)))
    for name, value in parse_qsl(url.partition("?")[2]):
        if is_credential(name):
            yield value


def is_credential(name: str) -> bool:
    """Whether a parameter, field or header of that name holds a credential."""
    return re.fullmatch(NAME, name, re.IGNORECASE) is not None
