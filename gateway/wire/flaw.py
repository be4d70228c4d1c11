"""What a schema has against a document, with the place in the schema's file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

WHOLE: Final = ("type", "const", "enum")
STRANGERS: Final = ("additionalProperties", "unevaluatedProperties")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """``word`` is the schema's that is not kept, with its value ``wanted``."""

    path: tuple[str | int, ...]
    word: str
    wanted: Any
    found: Any
    pointer: str
    """Where that word stands: ``jobs_get.reply.json#/properties/job/required``."""
    names: tuple[str, ...] = ()
    """The fields that are missing, or that should not be there, where that is it."""


def flaws(errors: Iterable[Any], file: str, document: Callable[[str], Any]) -> list[Flaw]:
    """A validator's errors, in the order of the checked document. ``file`` is the schema's, ``document`` reads one."""
    found = [_flaw(each, file, document) for each in _likely(errors)]
    return sorted(found, key=lambda flaw: [str(part) for part in flaw.path])


def _likely(errors: Iterable[Any]) -> Iterator[Any]:
    """Of alternatives, what keeps the likeliest one from being right.

    A field that nothing allows is told only where nothing else is wrong: what is wrong is not evaluated either.
    """
    known = list(errors)
    others = [error for error in known if error.validator != "unevaluatedProperties"]
    for error in others or known:
        branches: dict[Any, list[Any]] = {}
        for inner in error.context if error.validator in ("anyOf", "oneOf") else ():
            branches.setdefault(inner.schema_path[0], []).append(inner)
        if not branches or all(map(_otherwise, branches.values())):
            yield error
        else:
            yield from _likely(min(branches.values(), key=_unlikeliness))


def _otherwise(branch: list[Any]) -> bool:
    """Whether an alternative wants another value altogether."""
    return any(inner.validator in WHOLE and not inner.path for inner in branch)


def _unlikeliness(branch: Any) -> tuple[bool, int, bool, int]:
    """One that is for another word in one of the fields is less likely than one that fits it."""
    told = [inner for inner in branch if inner.validator != "unevaluatedProperties"] or branch
    another_word = any(inner.validator in ("const", "enum") and len(inner.path) == 1 for inner in told)
    return _otherwise(branch), len(told), another_word, -max(len(inner.path) for inner in told)


def _flaw(error: Any, file: str, document: Callable[[str], Any]) -> Flaw:
    names: tuple[str, ...] = ()
    if error.validator in ("required", *STRANGERS) and isinstance(error.instance, dict):
        known = error.validator_value if error.validator == "required" else error.instance
        names = tuple(name for name in known if repr(name) in error.message)
    return Flaw(
        path=tuple(error.absolute_path),
        word=str(error.validator),
        wanted=error.validator_value,
        found=error.instance,
        pointer=pointer(file, error.absolute_schema_path, document),
        names=names,
    )


def pointer(file: str, steps: Iterable[Any], document: Callable[[str], Any]) -> str:
    """The place in a file that a way leads to, ``common.json#/$defs/job/required``; the way names no references."""
    way: list[str] = []
    for step in map(str, steps):
        tree = _at(document(file), way)
        while isinstance(tree, dict) and step not in tree and isinstance(tree.get("$ref"), str):
            home, _, within = tree["$ref"].partition("#")
            file, way = home or file, [part for part in within.split("/") if part]
            tree = _at(document(file), way)
        way.append(step)
    return f"{file}#{''.join('/' + part.replace('~', '~0').replace('/', '~1') for part in way)}"


def _at(tree: Any, way: list[str]) -> Any:
    for part in way:
        tree = tree[int(part)] if isinstance(tree, list) else tree[part]
    return tree
