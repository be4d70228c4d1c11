"""Where a list has its entries and its numbers, learned from lists on paper: no dialect has to say it.

A few lists of known length are asked for on paper, in pages of known size. A value that is the total in all of them is
the total; one that is the number of the page is that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from mediaglot.gateway.contract.asking import Sample, with_tree
from mediaglot.gateway.contract.example import Path, leaves
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import ListJobs, Request, Window
from mediaglot.gateway.mapping import many
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.testing.case import read_call

FEW: Final = "2"
WIDE: Final = "100"
Counts = Mapping[str, int]
Maker = Callable[[Rehearsal], str]
MEANINGS: Final[Mapping[str, Callable[[Counts], int]]] = {
    "total": lambda known: known["total"],
    "pages": lambda known: -(-known["total"] // known["size"]),
    "page": lambda known: known["offset"] // known["size"] + 1,
    "offset": lambda known: known["offset"],
    "size": lambda known: known["size"],
    "here": lambda known: known["here"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """``entries`` is where the list is, ``id`` where an entry has its id, ``numbers`` what a number outside means."""

    entries: Path
    id: Path
    numbers: Mapping[Path, str]
    size: str
    """The parameter for the size of a page; empty where there is none."""
    start: str
    """The parameter for where a page begins: its number, or the number of its first entry."""
    by_page: bool
    least: int
    """The smallest size."""

    def values(self, size: int, offset: int) -> dict[str, str]:
        place = offset // size + 1 if self.by_page else offset
        return {**({self.size: str(size)} if self.size else {}), **({self.start: str(place)} if self.start else {})}

    def ids(self, tree: Any) -> list[str]:
        return [str(_at(entry, self.id)) for entry in self.entries_of(tree)]

    def entries_of(self, tree: Any) -> list[Any]:
        return list(many(_at(tree, self.entries)))


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def window(dialect: Dialect, request: Request) -> Window | None:
    intent = read_call(dialect, request).intent
    return intent.window if isinstance(intent, ListJobs) else None


def with_values(dialect: Dialect, request: Request, values: Mapping[str, str]) -> Request | None:
    """The same request with other parameters, wherever the dialect has them."""
    if not values:
        return request
    if request.method == "GET":
        kept = [(key, value) for key, value in parse_qsl(request.query, True) if key not in values]
        return replace(request, query=urlencode([*kept, *values.items()], quote_via=quote))
    return with_tree(dialect, request, {**read_call(dialect, request).call.tree, **values})


def learn(dialect: Dialect, sample: Sample, others: Iterable[Sample], make: Maker) -> Layout | None:
    """``make`` creates a job on paper. None where the list has no entries that can be told apart."""
    request = sample.request
    size, start, by_page, least = _parameters(dialect, request, others)
    wide = with_values(dialect, request, {size: WIDE}) if size else request
    lists = [_on_paper(dialect, wide or request, count, make) for count in (1, 3)]
    found = [_entries(tree, ids) for tree, ids in lists]
    if not found[1] or found[0] not in (None, found[1]):
        return None
    entries, within = found[1]
    layout = Layout(entries=entries, id=within, numbers={}, size=size, start=start, by_page=by_page, least=least)
    return replace(layout, numbers=_numbers(dialect, request, layout, make)) if least else layout


def _parameters(dialect: Dialect, request: Request, others: Iterable[Sample]) -> tuple[str, str, bool, int]:
    """Which parameters move the window, among those that any fixture of the operation has."""
    plain, size, start, by_page = window(dialect, request), "", "", False
    names = {key for other in others for key in other.reading.call.tree}
    names |= {key for other in others for key, _ in parse_qsl(other.request.query, True)}
    if plain is None or plain.limit is None:
        return "", "", False, 0
    least = plain.limit
    for name in sorted(names):
        moved = with_values(dialect, request, {name: FEW})
        seen = window(dialect, moved) if moved is not None else None
        if seen is None:
            continue
        if seen.limit != plain.limit and seen.limit:
            size, least = name, seen.limit
        elif seen.offset != plain.offset:
            start, by_page = name, seen.offset == plain.limit
    return size, start, by_page, least


def _on_paper(dialect: Dialect, request: Request, count: int, make: Maker) -> tuple[Any, list[str]]:
    paper = Rehearsal(dialect)
    ids = [make(paper) for _ in range(count)]
    call, answer = read_call(dialect, request).call, paper.answer(request)
    return call.wire.read_answer(answer.body), ids


def _entries(tree: Any, ids: list[str]) -> tuple[Path, Path] | None:
    """Where all of the ids are, as parts of entries of one list."""
    for path, value in leaves(tree):
        if str(value) != ids[-1]:
            continue
        indices = [place for place, part in enumerate(path) if part.isdecimal()]
        cut = indices[0] if indices else max(len(path) - 1, 0)
        entries, within = path[:cut], path[cut + 1 :] if indices else path[cut:]
        if sorted(str(_at(entry, within)) for entry in many(_at(tree, entries))) == sorted(ids):
            return entries, within
    return None


def _numbers(dialect: Dialect, request: Request, layout: Layout, make: Maker) -> Mapping[Path, str]:
    size = layout.least
    meanings: dict[Path, set[str]] | None = None
    for count, offset in ((size + 1, 0), (size + 1, size), (2 * size + 1, size), (3, 0)):
        asked = with_values(dialect, request, layout.values(size, offset))
        if asked is None or (offset and not layout.start):
            continue
        tree, _ = _on_paper(dialect, asked, count, make)
        known = {"total": count, "size": size, "offset": offset, "here": len(layout.ids(tree))}
        fitting = {
            path: {name for name, meant in MEANINGS.items() if str(value) == str(meant(known))}
            for path, value in leaves(tree)
            if path[: len(layout.entries)] != layout.entries or not layout.entries
        }
        before = fitting if meanings is None else meanings
        meanings = {path: before[path] & fitting[path] for path in before.keys() & fitting.keys()}
    return {path: next(iter(names)) for path, names in (meanings or {}).items() if len(names) == 1}
