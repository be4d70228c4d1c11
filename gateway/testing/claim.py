"""Claims that explain themselves when they fail, wherever they are run from, and walks over documents."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from string import Formatter
from typing import Any

Path = tuple[str | int, ...]
WORDS = {"kind": "job", "state": "running"}


def hold(claim: bool, otherwise: str) -> None:
    if not claim:
        raise AssertionError(otherwise)


def same(what: str, got: Any, wanted: Any) -> None:
    """Raises AssertionError with the lines that differ; ``got`` is marked with +."""
    if got != wanted:
        lines = difflib.unified_diff(_lines(wanted), _lines(got), "wanted", "got", lineterm="", n=2)
        raise AssertionError(f"{what} differs\n" + "\n".join(list(lines)[:200]))


def _lines(value: Any) -> list[str]:
    if isinstance(value, bytes):
        return re.sub(r"(>)(<)", r"\1\n\2", value.decode("utf-8", "backslashreplace")).splitlines()
    return json.dumps(value, indent=2, ensure_ascii=False, default=repr).splitlines()


def filled(text: str) -> dict[str, str]:
    """A word for each {field} of a text."""
    return {name: WORDS.get(name, "x1") for _, name, _, _ in Formatter().parse(text) if name}


def blanks(text: str) -> list[str]:
    """What is left of a template in a finished text."""
    return re.findall(r"[{}]|\bNone\b", text)


def every_leaf(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all values of a document that are no object and no list."""
    if isinstance(tree, (dict, list)):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from every_leaf(value, (*path, key))
    else:
        yield path


def with_leaf(tree: Any, path: Path, value: Any) -> Any:
    """A copy of a document with another value at a path."""
    if not path:
        return value
    first, *rest = path
    if isinstance(tree, dict):
        return {**tree, first: with_leaf(tree[first], tuple(rest), value)}
    return [with_leaf(item, tuple(rest), value) if number == first else item for number, item in enumerate(tree)]
