"""Scenes on lists of jobs: every entry once, in order, on pages that lead to each other and count right."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract.asking import Sample, samples
from mediaglot.gateway.contract.example import value_at
from mediaglot.gateway.contract.finding import Finding, short, spot
from mediaglot.gateway.contract.judge import schemas
from mediaglot.gateway.contract.labour import on_paper
from mediaglot.gateway.contract.layout import MEANINGS, Layout, learn, window, with_values
from mediaglot.gateway.contract.link import target
from mediaglot.gateway.contract.scene import short_format
from mediaglot.gateway.contract.stage import GOOD, Line, Stage, Steps, Told
from mediaglot.gateway.contract.variant import Atlas
from mediaglot.gateway.exchange import Filter, ListJobs, Request, Window

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
    size: int = 0

    def walk(self) -> Steps[None]:
        size, trees = self.layout.least, []
        for number in range(MOST):
            offset = number * size
            told = yield from self._page(size, offset)
            if told is None or not told.good:
                break
            ids = self.layout.ids(told.judgement.tree)
            if size and not number and not self.layout.size:
                size = self._own_size(told.judgement.tree, len(ids))
            self.size = size
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
        self.line.findings += self._echoes([told for told, _, _ in trees])

    def _echoes(self, pages: list[Told]) -> Iterator[Finding]:
        """Entries of our own jobs say what was said of them."""
        for told in pages:
            for number, entry in enumerate(self.layout.entries_of(told.judgement.tree)):
                own = str(value_at(entry, self.layout.id))
                shadow = self.stage.shadows.get(own)
                paper = shadow.paper.answer(self.sample.request) if shadow is not None else None
                if shadow is None or paper is None or shadow.paper.fault is not None:
                    continue
                listed = self.layout.entries_of(self.sample.reading.call.wire.read_answer(paper.body))
                for there in listed[:1]:
                    found = shadow.held(there, entry, own, (*self.layout.entries, number))
                    yield from (self.stage.finding(self.line, self.sample.operation, *each) for each in found)

    def _own_size(self, tree: Any, here: int) -> int:
        """Where a client can't choose, every implementation has a size of its own: that of a page with one after it."""
        return here if here and isinstance(tree, dict) and target(tree.get("next")) else max(self.layout.least, here)

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
        if total is None or not self.size:
            return
        known = {"total": total, "size": self.size, "offset": offset, "here": here}
        for path, meaning in self.layout.numbers.items():
            wanted, found = MEANINGS[meaning](known), value_at(told.judgement.tree, path)
            if str(found) != str(wanted):
                shown = "it is missing" if found is None else f"found {short(found)}"
                yield self._wrong("count", path, f"expected {wanted} ({meaning} of {total} entries), {shown}")

    def _links(self, told: Told, offset: int, total: int | None) -> Iterator[Finding]:
        tree, size = told.judgement.tree, self.size
        if not isinstance(tree, dict) or total is None or not size:
            return
        last = max(total - 1, 0) // size * size
        onward = offset + size if offset + size < total else None
        back = max(offset - size, 0) if offset else None
        wanted = {"next": onward, "prev": back, "previous": back, "first": 0, "last": last}
        for name, place in wanted.items():
            if name in tree or (place is not None and name in self._links_known(told)):
                yield from self._link(told.request, name, target(tree.get(name)), place)

    def _links_known(self, told: Told) -> Container[str]:
        """Those that an answer of this kind may have: one that leads somewhere is not left out."""
        atlas = Atlas(schemas(self.stage.home).document)
        return atlas.fields(atlas.face(told.judgement.schema))

    def _link(self, request: Request, name: str, link: Any, wanted: int | None) -> Iterator[Finding]:
        if (link in (None, "")) is not (wanted is None):
            expected = "no link: there is nothing" if wanted is None else f"a link to the page at {wanted}"
            yield self._wrong("link", [name], f"expected {expected}, found {short(link)}")
        elif isinstance(link, str) and link:
            path, _, query = link.partition("?")
            there = replace(request, path=path.removeprefix(self.stage.base), query=query)
            seen = window(self.stage.dialect, there)
            found = self._first_of(seen) if seen is not None else wanted
            if found != wanted:
                yield self._wrong("link", [name], f"expected a link to the page at {wanted}, found one to {found}")

    def _first_of(self, page: Window) -> int:
        """Numbers of pages are counted in pages of this implementation."""
        return page.offset if self.layout.size else page.offset // self.layout.least * self.size

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
