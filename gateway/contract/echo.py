"""What a client said comes back as it was said, wherever a provider on paper shows it again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.difference import Path, leaves, name_of
from mediaglot.gateway.contract.finding import short, spot
from mediaglot.gateway.contract.form import Problem
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.testing.case import read_call

LONG = 8
"""Characters of a text that is known again under another name, too."""
MISSING = object()
Said = frozenset[tuple[str, str]]


def said(dialect: Dialect, requests: Iterable[Request]) -> Said:
    """Names and values of requests, but for ids, which every implementation gives itself."""
    trees = [read_call(dialect, request).call.tree for request in requests]
    pairs = ((name_of(path), text_of(value)) for path, value in leaves(trees))
    return frozenset((name, text) for name, text in pairs if text and not name.endswith("id"))


def problems(known: Said, paper: Any, told: Any, way: Path = ()) -> Iterator[Problem]:
    """``paper`` is the answer on paper, ``told`` the one that has to say the same of what was said; both are at
    ``way``."""
    texts = {text for _, text in known if len(text) >= LONG}
    for path, value in leaves(paper):
        text, found = text_of(value), at(told, path)
        again = (name_of(path), text) in known or (text in texts and not name_of(path).endswith("id"))
        if again and found is not MISSING and not alike(text, text_of(found)):
            message = f"expected {short(value)}, as the client said it, found {short(found)}"
            yield "echo", spot("response.body", (*way, *path)), message


def alike(text: str, found: str) -> bool:
    """Numbers may be written otherwise, and what is hidden behind stars is not known."""
    if text == found or (found and not found.strip("*")):
        return True
    try:
        return float(text) == float(found)
    except ValueError:
        return False


def text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def at(tree: Any, path: Path) -> Any:
    for part in path:
        inside = dict(enumerate(tree)) if isinstance(tree, list) else tree
        if not isinstance(inside, dict) or part not in inside:
            return MISSING
        tree = inside[part]
    return tree


@dataclass(slots=True)
class Shadow:
    """The same job on paper, and what its client said of it."""

    paper: Rehearsal
    id: str = ""
    known: Said = field(default_factory=frozenset)

    def problems(self, sample: Sample, told: Any, own: str) -> Iterator[Problem]:
        """``told`` is what the implementation said of its own job, ``own`` the job's id there."""
        request = asking.with_id(self.paper.dialect, sample, self.id) if self.id else None
        if request is None:
            return
        answer = self.paper.answer(request)
        if self.paper.fault is None:
            yield from self.held(sample.reading.call.wire.read_answer(answer.body), told, own)

    def held(self, paper: Any, told: Any, own: str, way: Path = ()) -> Iterator[Problem]:
        yield from problems(self.known, paper, told, way)
        for path, value in leaves(paper):
            text, found = text_of(value), text_of(at(told, path))
            mine = name_of(path).endswith("id") and text == self.id
            if at(told, path) is not MISSING and (mine or f"/{self.id}" in text) and own not in found:
                yield "id", spot("response.body", (*way, *path)), f"expected the job {own}, found {short(found)}"
