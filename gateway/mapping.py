"""Records: descriptions of a document that are read in both directions.

A Record names each field of a document once, with the model attribute that it stands for. Reading gives a
model object and notes what it did not understand; writing gives a document and notes what it could not say
(``dropped``) or said only nearly (``approximated``, found by reading back what was written).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

from mediaglot.gateway.entry import (
    Entry,
    Field,
    Kept,
    Pair,
    Scalar,
    Tree,
    given,
    is_empty,
    many,
    one,
    read_scalar,
    several,
)
from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.model import EMPTY, SKIP, Attribute, Skip, attributes
from mediaglot.gateway.model.attribute import values_of
from mediaglot.gateway.stretch import Line, lines_of, read_lines, write_lines
from mediaglot.gateway.values import Value

__all__ = [
    "UNSAID",
    "Entry",
    "Field",
    "Inline",
    "Kept",
    "Many",
    "Nested",
    "Pair",
    "Record",
    "Scalar",
    "Tree",
    "given",
    "is_empty",
    "many",
    "one",
    "read_scalar",
    "several",
]
T = TypeVar("T")
UNSAID: Final = frozenset({"extras", "document"})
"""Attributes that are a dialect's own leftovers, not settings."""


class Nested:
    """An object under ``key`` for a model object."""

    def __init__(self, key: str, attribute: str, record: Record[Any]) -> None:
        self.key, self.attribute, self.record = key, attribute, record
        self.keys, self.attributes = frozenset({key}), frozenset({attribute})

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        value = one(tree.get(self.key))
        if is_empty(value):
            return {}
        return {self.attribute: self.record.read(value, ledger.within(self.key))}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        value = getattr(item, self.attribute)
        return {} if value is None else {self.key: self.record.write(value, ledger.within(self.attribute))}


class Many:
    """A list under ``key`` for a tuple of model objects, or of scalars."""

    def __init__(self, key: str, attribute: str, of: Record[Any] | Scalar) -> None:
        self.key, self.attribute, self.of = key, attribute, of
        self.keys, self.attributes = frozenset({key}), frozenset({attribute})

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        values = many(tree.get(self.key))
        if not values:
            return {}
        if isinstance(self.of, Record):
            within = ledger.within(self.key)
            return {self.attribute: tuple([self.of.read(item, within.within(n)) for n, item in enumerate(values)])}
        read = self.of.read
        try:
            return {self.attribute: tuple([read(one(item)) for item in values])}
        except ValueError:
            prefix = f"{ledger.prefix}{self.key}."
            return {self.attribute: tuple(read_scalar(self.of, item, f"{prefix}{n}") for n, item in enumerate(values))}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        values = getattr(item, self.attribute)
        if not values:
            return {}
        if isinstance(self.of, Record):
            return {self.key: [*self._objects(self.of, values, ledger.within(self.attribute))]}
        return {self.key: self._scalars(self.of, values, ledger)}

    def _objects(self, of: Record[Any], values: Sequence[Any], ledger: Ledger) -> Iterator[Tree]:
        """Each as it is written; what would be an empty object, and so not read again, is noted."""
        for number, value in enumerate(values):
            written = of.write(value, ledger.within(number))
            if not written:
                ledger.note(Kind.DROPPED, number, wanted=value)
            yield written

    def _scalars(self, of: Scalar, values: Sequence[Any], ledger: Ledger) -> list[Any]:
        """Each as it is written; what does not read back as it was is noted."""
        found: list[Any] = []
        sure = of.sure if isinstance(of, Value) else None
        for number, value in enumerate(values):
            if sure is not None and sure(value):
                found.append(of.write(value))
                continue
            try:
                written = of.write(value)
                again = of.read(written)
            except ValueError as error:
                ledger.within(self.attribute).note(Kind.DROPPED, number, wanted=value, reason=str(error))
                continue
            if again != value:
                ledger.within(self.attribute).note(Kind.APPROXIMATED, number, wanted=value, got=again)
            found.append(written)
        return found


class Inline:
    """A model object whose fields lie flat among those of its owner.

    ``off`` is a pair of key and word that say there is no such object at all: the model's SKIP. Where something is
    said, but not what the object needs, that is noted as unread.
    """

    def __init__(self, attribute: str, record: Record[Any], off: tuple[str, str] | None = None) -> None:
        self.attribute, self.record, self.off = attribute, record, off
        self.attributes = frozenset({attribute})

    @cached_property
    def keys(self) -> frozenset[str]:
        return self.record.keys | ({self.off[0]} if self.off else set())

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        if self.off and str(one(tree.get(self.off[0]))).lower() == self.off[1]:
            return {self.attribute: SKIP}
        found = {name: value for name, value in self.record.gather(tree, ledger).items() if value is not None}
        needed = [name for name in self.record.required if name not in found]
        if not found or not needed:
            return {self.attribute: self.record.model(**found)} if found else {}
        for key in sorted(self.record.keys):
            if not is_empty(tree.get(key)):
                ledger.note(Kind.UNREAD, key, reason=f"means nothing without {', '.join(needed)}")
        return {}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        value = getattr(item, self.attribute)
        if isinstance(value, Skip) and self.off:
            return {self.off[0]: self.off[1]}
        if isinstance(value, Skip):
            ledger.note(Kind.DROPPED, self.attribute, wanted=value)
        return self.record.write(value, ledger.within(self.attribute)) if isinstance(value, self.record.model) else {}

    def note_overruled(self, item: Any, tree: Tree, shared: Iterable[Entry], ledger: Ledger) -> None:
        """Notes what another object at the same level wrote over; ``shared`` are the entries that it has too."""
        value = getattr(item, self.attribute)
        for entry in shared if not isinstance(value, Skip) else ():
            unwritten = entry.keys.isdisjoint(tree)
            if unwritten and value is None:
                continue
            again = {} if unwritten else entry.read(tree, Ledger())
            for name in sorted(entry.attributes):
                if again.get(name) != (wanted := getattr(value, name, None)):
                    ledger.within(self.attribute).note(Kind.APPROXIMATED, name, wanted=wanted, got=again.get(name))


class Record(Generic[T]):
    """A document for ``model`` as a row of entries. ``extras`` names the dialect whose leftovers it keeps.

    ``meant`` are attributes that hold where the document does not say otherwise; ``needs`` is one that must be said
    although the model has a default. A record that is ``open_keys`` has no opinion on other keys.
    """

    def __init__(
        self,
        model: type[T],
        *entries: Entry,
        extras: str | None = None,
        open_keys: bool = False,
        meant: Mapping[str, Any] = EMPTY,
        needs: str = "",
    ) -> None:
        self.model, self.entries, self.extras, self.open_keys = model, entries, extras, open_keys
        self.meant, self.needs = meant, needs

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset().union(*(entry.keys for entry in self.entries))

    @cached_property
    def understood(self) -> frozenset[str]:
        """The keys that have a meaning; the rest are kept and noted."""
        unread = [entry for entry in self.entries if isinstance(entry, Kept) and entry.noted]
        return frozenset().union(*(entry.keys for entry in self.entries if entry not in unread))

    @cached_property
    def attributes(self) -> frozenset[str]:
        return frozenset().union(*(entry.attributes for entry in self.entries))

    def on(self, keys: frozenset[str]) -> tuple[Entry, ...]:
        """The entries for some of the keys."""
        return tuple(entry for entry in self.entries if not entry.keys.isdisjoint(keys))

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The model's attributes that have no default, and what is needed beside them."""
        bare = (each.name for each in attributes(self.model) if each.required)
        return (*bare, self.needs) if self.needs else tuple(bare)

    @cached_property
    def overlapping(self) -> tuple[tuple[Inline, str, tuple[Entry, ...]], ...]:
        """Objects that lie flat in one document with another: the attribute of that, and their entries for keys that
        both have."""
        flat = [entry for entry in self.entries if isinstance(entry, Inline)]
        pairs = ((one, other, one.keys & other.keys) for one in flat for other in flat if one is not other)
        return tuple((one, other.attribute, one.record.on(shared)) for one, other, shared in pairs if shared)

    @cached_property
    def _lines(self) -> tuple[Line, ...]:
        return lines_of(self.model, self.entries)

    @cached_property
    def _unsayable(self) -> tuple[tuple[Attribute, Any], ...]:
        """The attributes that no entry can say, and what silence means for them."""
        every = (each for each in attributes(self.model) if each.name not in self.attributes | UNSAID)
        return tuple((each, self.meant.get(each.name, each.silence)) for each in every)

    @cached_property
    def _unsaid(self) -> tuple[Callable[[Any], tuple[Any, ...]], tuple[Any, ...]]:
        """What reads all that no entry can say, and what comes where all of that is silent."""
        names = (each.name for each, _ in self._unsayable)
        return values_of(*names), tuple(silent for _, silent in self._unsayable)

    def gather(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        """The attributes that ``tree`` sets."""
        return read_lines(self._lines, tree, ledger)

    def read(self, tree: Any, ledger: Ledger, **more: Any) -> T:
        """A model object; ``more`` are attributes that no entry reads.

        Raises Invalid or Missing with the path of the first value that stands in the way.
        """
        if not isinstance(tree, dict):
            raise Invalid(field=ledger.prefix.rstrip("."), reason="must be an object")
        found = {**self.meant, **self.gather(tree, ledger), **more}
        if not self.understood.issuperset(tree) and (left := self._left(tree)):
            for key in left if not self.open_keys else ():
                ledger.note(Kind.UNREAD, key, reason="kept" if key in self.keys else "unknown")
            if self.extras is not None:
                found["extras"] = {self.extras: left}
        for name in self.required:
            if name in found:
                continue
            keys = (key for entry in self.entries if name in entry.attributes for key in sorted(entry.keys))
            raise Missing(field=ledger.prefix + next(keys, name))
        return self.model(**found)

    def _left(self, tree: Tree) -> Tree:
        return {key: value for key, value in tree.items() if key not in self.understood and not is_empty(value)}

    def write(self, item: T, ledger: Ledger) -> Tree:
        tree = write_lines(self._lines, item, ledger)
        told, silence = self._unsaid
        for attribute, silent in self._unsayable if told(item) != silence else ():
            if (value := getattr(item, attribute.name)) != silent:
                ledger.note(Kind.DROPPED, attribute.name, wanted=value, essential=attribute.essential)
        for flat, other, shared in self.overlapping:
            if getattr(item, other) is not None:
                flat.note_overruled(item, tree, shared, ledger)
        if self.extras is not None:
            tree.update(getattr(item, "extras", {}).get(self.extras, {}))
        return tree
