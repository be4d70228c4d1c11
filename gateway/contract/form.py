"""How an answer is written, beside what it says: its media type, its characters, the order and folding of its parts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from email.message import Message
from functools import lru_cache
from typing import Any

from mediaglot.gateway.contract.finding import kind, short, spot
from mediaglot.gateway.exchange import Response
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire import Wire
from mediaglot.gateway.wire.xml import elements

Problem = tuple[str, str, str]
"""Rule, place, message."""


@lru_cache(maxsize=1000)
def parsed(content_type: str) -> tuple[str, str]:
    """Media type and charset, in lower case."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_content_type() if content_type else "", str(message.get_param("charset") or "").lower()


def same_type(told: str, wanted: str) -> bool:
    """UTF-8 may be left out where it is said otherwise, and said where it is left out; another charset may not."""
    (kind_told, charset), (kind_wanted, wanted_charset) = parsed(told), parsed(wanted)
    return kind_told == kind_wanted and (charset or "utf-8") == (wanted_charset or "utf-8")


def problems(wire: Wire, response: Response, tree: Any) -> Iterator[Problem]:
    body = response.body
    if not body:
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        yield "charset", spot("response.body"), f"expected UTF-8, found other bytes at offset {error.start}"
        return
    if tree is None:
        return
    if "json" in wire.content_type:
        yield from (
            ("body", "response.body", f"expected each field once, found {short(name)} twice") for name in twice(body)
        )
    again = wire.write(tree)
    if "xml" in wire.content_type:
        yield from _order(elements(body), elements(again))
    else:
        yield from _fold(tree, _read(wire, again))


def twice(body: bytes) -> list[str]:
    """Names that one object has more than once: readers differ in which of the values they take."""
    found: list[str] = []

    def note(pairs: list[tuple[str, None]]) -> None:
        found.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)

    with suppress(ValueError):  # what can't be read is told of elsewhere
        json.loads(body, object_pairs_hook=note, parse_int=str, parse_float=str)
    return list(dict.fromkeys(found))


def _read(wire: Wire, body: bytes) -> Any:
    try:
        return wire.read_answer(body)
    except Malformed:  # such as what only another implementation may say
        return None


def _order(told: list[str], wanted: list[str]) -> Iterator[Problem]:
    """Elements in the order in which the dialect writes the same document."""
    if told != wanted:
        number = next(
            (at for at, pair in enumerate(zip(told, wanted, strict=False)) if pair[0] != pair[1]),
            min(len(told), len(wanted)),
        )
        found, expected = (each[number] if number < len(each) else "nothing" for each in (told, wanted))
        yield "order", spot("response.body", found.split("/")[1:]), f"expected the element {expected}, found {found}"


def _fold(told: Any, wanted: Any, path: tuple[Any, ...] = ()) -> Iterator[Problem]:
    """The first place where the dialect would write the same document otherwise: a list of one, or a lone value."""
    if told == wanted or wanted is None:
        return
    if isinstance(told, dict) and isinstance(wanted, dict) and told.keys() == wanted.keys():
        for key in told:
            yield from _fold(told[key], wanted[key], (*path, key))
    elif isinstance(told, list) and isinstance(wanted, list) and len(told) == len(wanted):
        for number, pair in enumerate(zip(told, wanted, strict=True)):
            yield from _fold(*pair, (*path, number))
    else:
        message = f"expected {kind(wanted)}, as the dialect writes it, found {kind(told)} {short(told)}"
        yield "one_or_many", spot("response.body", path), message
