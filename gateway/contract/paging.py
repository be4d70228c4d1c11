"""Scenes on lists of jobs: every entry once, in order, on pages that lead to each other and count right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract.asking import Sample, samples
from mediaglot.gateway.contract.example import value_at
from mediaglot.gateway.contract.finding import Finding, short, spot
from mediaglot.gateway.contract.labour import on_paper
from mediaglot.gateway.contract.layout import MEANINGS, Layout, learn, window, with_values
from mediaglot.gateway.contract.link import target
from mediaglot.gateway.contract.scene import short_format
from mediaglot.gateway.contract.stage import GOOD, Line, Stage, Steps, Told
from mediaglot.gateway.exchange import Filter, ListJobs, Request

MOST: Final = 12
"""Pages that are asked for."""
BODY: Final = "response.body"


def pages(stage: Stage) -> Steps[None]:
    for first in stage.firsts(is_plain_list):
        name = f"{first.operation} {short_format(first.format)}"
        sample, layout = best_layout(stage, first)
        if layout is None:
            stage.skip("pages", name, "its entries can't be told apart on paper")
            continue
        with stage.line("pages", name) as line:
            yield from Walker(stage, line, sample, layout).walk()


def is_plain_list(sample: Sample) -> bool:
    intent = sample.reading.intent
    return (
        isinstance(intent, ListJobs)
        and sample.reading.fault is None
        and intent.filter == Filter()
        and not intent.window.offset
        and not sample.wrong
    )


def best_layout(stage: Stage, first: Sample) -> tuple[Sample, Layout | None]:
    """Of the ways to ask for the same list, one that tells the most numbers."""
    like = [
        each
        for each in stage.samples
        if is_plain_list(each) and (each.operation, each.format) == (first.operation, first.format)
    ]
    found = [(sample, layout_of(stage, sample)) for sample in like]
    return max(found, key=lambda each: (each[1] is not None, len(each[1].numbers) if each[1] else 0))


def layout_of(stage: Stage, sample: Sample) -> Layout | None:
    return _learned(stage.home, tuple(stage.dialect.options.items()), sample.name)


@cache
def _learned(home: Any, options: tuple[tuple[str, str], ...], name: str) -> Layout | None:
    """Found out once for each dialect: it takes dozens of jobs on paper."""
    dialect = home(**dict(options))
    make = on_paper(dialect)
    if make is None:
        return None
    sample = next(each for each in samples(home) if each.name == name)
    return learn(dialect, sample, [each for each in samples(home) if each.operation == sample.operation], make)


@dataclass(slots=True)
class Walker:
    """Goes through a list page by page."""

    stage: Stage
    line: Line
    sample: Sample
    layout: Layout
    seen: list[str] = field(default_factory=list)

    def walk(self) -> Steps[None]:
        size, trees = self.layout.least, []
        for number in range(MOST):
            offset = number * size
            told = yield from self._page(size, offset)
            if told is None or not told.good:
                break
            ids = self.layout.ids(told.judgement.tree)
            self.line.findings += self._ids(ids, size, offset)
            trees.append((told, offset, len(ids)))
            self.seen += ids
            if len(ids) < size or not size or not self.layout.start:
                break
        whole = len(trees) < MOST
        if len(self.seen) < 2:
            self.line.skipped = "the list has fewer than two entries; --jobs makes some"
        for told, offset, here in trees:
            total = len(self.seen) if whole else self._total(told)
            self.line.findings += [*self._numbers(told, offset, here, total), *self._links(told, offset, total)]
        self.line.findings += self._order(trees[0][0] if trees else None)

    def _total(self, told: Told) -> int | None:
        """What an answer says itself, of a list that is too long to be counted."""
        place = next((path for path, meaning in self.layout.numbers.items() if meaning == "total"), None)
        found = value_at(told.judgement.tree, place) if place else None
        text = str(found)
        return int(text) if text.isdecimal() and len(text) < 10 else None

    def _page(self, size: int, offset: int) -> Steps[Told | None]:
        values = self.layout.values(size, offset) if size else {}
        asked = with_values(self.stage.dialect, self.sample.request, values)
        request = self.stage.ready(asked) if asked is not None else None
        if request is None:
            return None
        return (yield from self.stage.ask(self.line, request, None if offset else GOOD))

    def _wrong(self, rule: str, path: Any, message: str) -> Finding:
        return Finding(
            rule=rule, operation=self.sample.operation, place=spot(BODY, path), message=message, exchange=self.line.name
        )

    def _ids(self, ids: list[str], size: int, offset: int) -> Iterator[Finding]:
        if size and len(ids) > size:
            yield self._wrong("paging", self.layout.entries, f"expected at most {size} entries, found {len(ids)}")
        for number, each in enumerate(ids):
            if each in self.seen or each in ids[:number]:
                place = (*self.layout.entries, number, *self.layout.id)
                yield self._wrong("duplicate", place, f"expected each entry once, found {short(each)} again")

    def _numbers(self, told: Told, offset: int, here: int, total: int | None) -> Iterator[Finding]:
        if total is None or not self.layout.least:
            return
        known = {"total": total, "size": self.layout.least, "offset": offset, "here": here}
        for path, meaning in self.layout.numbers.items():
            wanted, found = MEANINGS[meaning](known), value_at(told.judgement.tree, path)
            if found is not None and str(found) != str(wanted):
                yield self._wrong(
                    "count", path, f"expected {wanted} ({meaning} of {total} entries), found {short(found)}"
                )

    def _links(self, told: Told, offset: int, total: int | None) -> Iterator[Finding]:
        tree, size = told.judgement.tree, self.layout.least
        if not isinstance(tree, dict) or total is None or not size:
            return
        last = max(total - 1, 0) // size * size
        onward = offset + size if offset + size < total else None
        back = max(offset - size, 0) if offset else None
        wanted = {"next": onward, "prev": back, "previous": back, "first": 0, "last": last}
        for name, place in wanted.items():
            if name in tree:
                yield from self._link(told.request, name, target(tree[name]), place)

    def _link(self, request: Request, name: str, link: Any, wanted: int | None) -> Iterator[Finding]:
        if (link in (None, "")) is not (wanted is None):
            expected = "no link: there is nothing" if wanted is None else f"a link to the page at {wanted}"
            yield self._wrong("link", [name], f"expected {expected}, found {short(link)}")
        elif isinstance(link, str) and link:
            path, _, query = link.partition("?")
            there = replace(request, path=path.removeprefix(self.stage.base), query=query)
            seen = window(self.stage.dialect, there)
            if seen is not None and seen.offset != wanted:
                message = f"expected a link to the page at {wanted}, found one to {seen.offset}"
                yield self._wrong("link", [name], message)

    def _order(self, told: Told | None) -> Iterator[Finding]:
        """Our own jobs are in the order that the list promises."""
        asked = window(self.stage.dialect, told.request) if told is not None else None
        if asked is None or asked.sort not in ("created", "id"):
            return
        made = self.stage.made[::-1] if asked.descending else self.stage.made
        wanted = [each for each in made if each in self.seen]
        found = [each for each in self.seen if each in wanted]
        if found != wanted and sorted(found) == sorted(wanted):
            number = next(at for at, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
            place = (*self.layout.entries, self.seen.index(found[number]), *self.layout.id)
            order = "newest first" if asked.descending else "oldest first"
            yield self._wrong(
                "order", place, f"expected {short(wanted[number])} ({order}), found {short(found[number])}"
            )
