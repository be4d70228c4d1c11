"""What differs between two documents: fields that appeared, vanished, or have another type or value. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mediaglot.gateway.contract.finding import dotted, kind, short

Path = tuple[str | int, ...]
Alike = Callable[[str, Any, Any], bool]
"""Whether two scalars may stand for each other under a name."""
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|UTC|[+-]\d\d:?\d\d))?)?", re.ASCII)
PLACE: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S*|[^\s@]+@[^\s@]+", re.IGNORECASE | re.ASCII)
PASSING: Final = re.compile(
    r"progress|percent|time|date|_at$|^(created|started|finished|updated|ended)|expir|(^|_)eta$|queue|_left$|downloaded"
)
"""Names of what is another value each time: times, how far a job is."""
BYTES: Final = frozenset({"convertedsize", "file_size", "filesize", "size", "size_on_disk"})
"""Names of how long a file is, which every encoder decides itself."""
SECONDS: Final = ((1_000_000_000, 3_000_000_000), (1_000_000_000_000, 3_000_000_000_000))
"""Numbers that are times since 1970, in seconds and in milliseconds."""
DIGITS: Final = 13
"""Of such a number at most."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``what`` is appeared, vanished, type, length (of a list), value, or document: that nothing of it is there."""

    what: str
    path: Path
    before: Any = None
    after: Any = None

    @property
    def message(self) -> str:
        match self.what:
            case "appeared":
                return f"expected no such field, found {_told(self.after)}"
            case "vanished":
                return f"expected {_told(self.before)}, it is missing"
            case "type":
                return f"expected {_told(self.before)}, found {_told(self.after)}"
            case "document":
                return (
                    f"expected a document with {short(', '.join(self.before))}, found one with {_beginning(self.after)}"
                )
            case "length":
                return f"expected {len(self.before)} entries, found {len(self.after)}"
        return f"expected {short(self.before)}, found {short(self.after)}"


def _beginning(document: dict[str, Any]) -> str:
    """What it says first: of an error its text."""
    path, value = next(leaves(document), (tuple(document)[:1], None))
    return f"{dotted(path)} {short(value)}"


def _told(value: Any) -> str:
    return short(value) if isinstance(value, (dict, list)) or value is None else f"{kind(value)} {short(value)}"


def differences(before: Any, after: Any, alike: Alike, path: Path = ()) -> Iterator[Difference]:
    """In the order of the documents."""
    if not path and _is_another(before, after):
        yield Difference("document", path, before, after)
    elif isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name in after:
                yield from differences(value, after[name], alike, (*path, name))
            else:
                yield Difference("vanished", (*path, name), before=value)
        news = (name for name in after if name not in before)
        yield from (Difference("appeared", (*path, name), after=after[name]) for name in news)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield Difference("length", path, before, after)
        for number, pair in enumerate(zip(before, after, strict=False)):
            yield from differences(*pair, alike, (*path, number))
    elif kind(before) != kind(after):
        yield Difference("type", path, before, after)
    elif not alike(name_of(path), before, after):
        yield Difference("value", path, before, after)


def _is_another(before: Any, after: Any) -> bool:
    """Whether they have nothing in common: one is an error, for instance."""
    both = isinstance(before, dict) and isinstance(after, dict) and bool(before) and bool(after)
    return both and before.keys().isdisjoint(after)


def name_of(path: Path) -> str:
    """The innermost name, in lower case."""
    return next((part.lower() for part in reversed(path) if isinstance(part, str)), "")


def passes(name: str, value: Any) -> bool:
    """Whether such a value is another one each time, whoever answers: a time, a place of one's own, a file's size."""
    if PASSING.search(name) or (name in BYTES and str(value).isdecimal()):
        return True
    if isinstance(value, str):
        return bool(TIME.fullmatch(value) or PLACE.fullmatch(value)) or (
            value.isdecimal() and len(value) <= DIGITS and _is_time(int(value))
        )
    return isinstance(value, (int, float)) and _is_time(value)


def _is_time(number: float) -> bool:
    return any(least <= number < most for least, most in SECONDS)


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All scalars of a document, with where they are."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            yield from leaves(value, (*path, name))
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from leaves(value, (*path, number))
    else:
        yield path, tree
