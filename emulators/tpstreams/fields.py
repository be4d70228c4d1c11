"""Fields of a document, checked as the service's framework checks them: everything that is wrong is told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway.address import BLANKS
from mediaglot.gateway.faults import BadRequest
from mediaglot.gateway.mapping import Tree

SCHEMES: Final = frozenset({"http", "https", "ftp", "ftps", "s3"})
YES: Final = ("t", "T", "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", "1", 1, True)
NO: Final = ("f", "F", "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", "0", 0, False)

Told = list[str] | dict[str, list[str]]
"""What is wrong with one field: texts, or texts by the place in its list."""


class WrongFields(BadRequest):
    """``errors`` holds what is wrong, by field."""

    code = "wrong_fields"


class Wrong(Exception):
    """A value can't be used, for reasons that its client is told."""

    def __init__(self, told: str | Told) -> None:
        super().__init__(told)
        self.told: Told = [told] if isinstance(told, str) else told


@dataclass(frozen=True, slots=True)
class Wanted:
    """One field. ``read`` raises Wrong."""

    read: Callable[[Any], Any]
    required: bool = True
    nullable: bool = False


def read_fields(tree: Tree, wanted: Mapping[str, Wanted]) -> tuple[Tree, dict[str, Told]]:
    """What the fields hold, and what is wrong with the others. Keys that nobody wants are ignored."""
    found: Tree = {}
    errors: dict[str, Told] = {}
    for name, field in wanted.items():
        try:
            if name in tree:
                found[name] = _value(field, tree[name])
            elif field.required:
                errors[name] = ["This field is required."]
        except Wrong as wrong:
            errors[name] = wrong.told
    return found, errors


def checked(tree: Tree, wanted: Mapping[str, Wanted]) -> Tree:
    """Raises WrongFields."""
    found, errors = read_fields(tree, wanted)
    if errors:
        raise WrongFields(errors=errors, field=next(iter(errors)))
    return found


def _value(field: Wanted, value: Any) -> Any:
    if value is None:
        if field.nullable:
            return None
        raise Wrong("This field may not be null.")
    return field.read(value)


def text(value: Any) -> str:
    """Numbers count as their text, and blanks around it don't."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Wrong("Not a valid string.")
    stripped = str(value).strip()
    if not stripped:
        raise Wrong("This field may not be blank.")
    if "\0" in stripped:
        raise Wrong("Null characters are not allowed.")
    whole(stripped)
    return stripped


def whole(text: str) -> None:
    """Raises Wrong for half a character."""
    if found := re.search("[\ud800-\udfff]", text):
        raise Wrong(f"Surrogate characters are not allowed: U+{ord(found[0]):X}.")


def header(value: Any) -> str:
    """A text that can travel in a header."""
    found = text(value)
    if not found.isprintable():
        raise Wrong("Not a valid string.")
    return found


def web_url(value: Any) -> str:
    if (found := url(value)).partition(":")[0].lower() not in ("http", "https"):
        raise Wrong("Enter a valid URL.")
    return found


def url(value: Any) -> str:
    """Hosts need no dot in their name, unlike the framework's: this server lives in small networks."""
    address = text(value if isinstance(value, str) else "?")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or len(address) > 8192 or BLANKS.search(address):
        raise Wrong("Enter a valid URL.")
    return address


def boolean(value: Any) -> bool:
    if isinstance(value, (list, dict)) or value not in YES + NO:
        raise Wrong("Must be a valid boolean.")
    return value in YES


def choices(words: Sequence[str], *, may_be_empty: bool) -> Callable[[Any], tuple[str, ...]]:
    """A list of ``words``."""

    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list):
            raise Wrong(f'Expected a list of items but got type "{type(value).__name__}".')
        if not value and not may_be_empty:
            raise Wrong("This list may not be empty.")
        wrong = {str(place): [_unlike(word)] for place, word in enumerate(value) if str(word) not in words}
        if wrong:
            raise Wrong(wrong)
        return tuple(map(str, value))

    return read


def _unlike(word: Any) -> str:
    return "This field may not be null." if word is None else f'"{word}" is not a valid choice.'


def dictionary(value: Any) -> Tree:
    if not isinstance(value, dict):
        raise Wrong(f'Expected a dictionary of items but got type "{type(value).__name__}".')
    return value
