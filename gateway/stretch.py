"""Lines of a Record that follow each other and can have no secrets: what they read and write is remembered as one.

What a document says in short values is looked up by these values, and gives the same objects each time; what is written
for objects is looked up by who they are, which compares nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from mediaglot.gateway.entry import Entry, Field, Kept, Pair, Tree, is_self_contained, write_checked
from mediaglot.gateway.loss import Ledger, Loss
from mediaglot.gateway.memory import recur, recurs, remember, spoken
from mediaglot.gateway.model import Attribute, attributes
from mediaglot.gateway.model.attribute import secretless, values_of
from mediaglot.gateway.values import TEXT

WORTH: Final = 4
"""As many keys as it takes to remember what they say together."""


class Line(NamedTuple):
    """An entry, with the attribute without which it writes nothing, and with those whose writing is checked."""

    entry: Entry
    only: str | None
    own: tuple[Attribute, ...]


def lines_of(model: type, entries: Iterable[Entry]) -> tuple[Line, ...]:
    """What of a Record for ``model`` says anything, in its order, with as many stretches as there are."""
    closed = secretless(model)
    every = sorted(attributes(model), key=lambda each: each.name)
    found: list[Line] = []
    stretch: list[Line] = []
    for entry in entries:
        if isinstance(entry, Kept):
            continue
        own = tuple(each for each in every if each.name in entry.attributes)
        line = Line(entry, getattr(entry, "attribute", None), own)
        if own and entry.attributes <= closed and not is_free(entry):
            stretch.append(line)
        else:
            found += [*together(stretch), line]
            stretch = []
    return (*found, *together(stretch))


def is_free(entry: Entry) -> bool:
    """Whether this is a text of any kind, such as a name: it may be another one in each job."""
    return isinstance(entry, Field) and entry.via is TEXT


def together(stretch: Sequence[Line]) -> list[Line]:
    keys = {key for line in stretch for key in line.entry.keys}
    return [Line(Stretch(stretch), None, ())] if len(keys) >= WORTH else [*stretch]


def read_lines(lines: Iterable[Line], tree: Tree, ledger: Ledger) -> dict[str, Any]:
    """The attributes that ``tree`` sets; of several lines for one, the last holds."""
    found: dict[str, Any] = {}
    for entry, _, _ in lines:
        if not entry.keys.isdisjoint(tree):
            found.update(entry.read(tree, ledger))
    return found


def write_lines(lines: Iterable[Line], item: Any, ledger: Ledger) -> Tree:
    tree: Tree = {}
    for entry, only, own in lines:
        if only is not None and ((value := getattr(item, only)) is None or (type(value) is tuple and not value)):
            continue
        if isinstance(entry, (Field, Pair)):
            tree.update(write_checked(entry, own, item, ledger))
        else:
            tree.update(entry.write(item, ledger))
    return tree


class Stretch:
    """An Entry made of several. What was noted is remembered too, and noted again each time."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = tuple(lines)
        self.keys: frozenset[str] = frozenset().union(*(line.entry.keys for line in lines))
        self.attributes: frozenset[str] = frozenset().union(*(line.entry.attributes for line in lines))
        own = {each.name: each.silence for line in lines for each in line.own}
        self._look = values_of(*own)
        self._silence = tuple(own.values())
        self._meant: dict[tuple[tuple[str, type, Any], ...], tuple[dict[str, Any], tuple[Loss, ...]]] = {}
        self._written: dict[tuple[int, ...], tuple[Any, Tree, tuple[Loss, ...]]] = {}

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        said = spoken(tree, self.keys)
        if said is None:
            return read_lines(self.lines, tree, ledger)
        known = self._meant.get(said)
        if known is not None:
            ledger.repeat(known[1])
            return known[0]
        before, meant = len(ledger), read_lines(self.lines, tree, ledger)
        remember(self._meant, said, (meant, ledger.since(before)))
        recur(meant.values())
        return meant

    def write(self, item: Any, ledger: Ledger) -> Tree:
        values = self._look(item)
        key = tuple(map(id, values))
        known = self._written.get(key)
        if known is not None:
            ledger.repeat(known[2])
            return known[1]
        before, tree = len(ledger), write_lines(self.lines, item, ledger)
        if self._is_worth_it(values, item):
            # The values are kept too: as long as they are, nothing else has their ids.
            remember(self._written, key, (values, tree, ledger.since(before)))
        return tree

    def _is_worth_it(self, values: tuple[Any, ...], item: Any) -> bool:
        """Whether these very values may come again, and what is written follows from them."""
        recurring = all(value is silent or recurs(value) for value, silent in zip(values, self._silence, strict=True))
        return recurring and all(is_self_contained(line.entry, line.own, item) for line in self.lines)
