"""Records: descriptions of a document that are read in both directions.

A Record names each field of a document once, with the model attribute that it stands for. Reading gives a
model object and notes what it did not understand; writing gives a document and notes what it could not say
(``dropped``) or said only nearly (``approximated``, found by reading back what was written).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from dataclasses import Field as DataclassField
from functools import cached_property
from typing import Any, Final, Generic, Protocol, TypeVar

from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.model import EMPTY, SKIP, Skip, is_essential
from mediaglot.gateway.values import TEXT

UNSAID: Final = frozenset({"extras", "document"})
"""Attributes that are a dialect's own leftovers, not settings."""

Tree = dict[str, Any]
T = TypeVar("T")


class Scalar(Protocol):
    """What ``values.Value`` and ``values.Table`` have in common."""

    @property
    def read(self) -> Callable[[Any], Any]: ...
    @property
    def write(self) -> Callable[[Any], Any]: ...


class Entry(Protocol):
    """One line of a Record."""

    @property
    def keys(self) -> frozenset[str]:
        """The document's keys that it takes care of."""
        ...

    @property
    def attributes(self) -> frozenset[str]:
        """The model's attributes that it can say."""
        ...

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]: ...
    def write(self, item: Any, ledger: Ledger) -> Tree: ...


def is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def one(value: Any) -> Any:
    """A list of one counts as its element, as loosely typed documents want."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def many(value: Any) -> list[Any]:
    """A bare value counts as a list of one, an empty one as no element."""
    return (
        [item for item in value if not is_empty(item)] if isinstance(value, list) else [value] * (not is_empty(value))
    )


def read_scalar(via: Scalar, value: Any, field: str) -> Any:
    """``value`` read by ``via``. Raises Invalid with the field's name and the reason."""
    try:
        return via.read(one(value))
    except ValueError as error:
        raise Invalid(field=field, reason=str(error)) from None


def given(tree: Tree, key: str, via: Scalar = TEXT, default: Any = None) -> Any:
    """What ``key`` says, or ``default`` where it says nothing. Raises Invalid."""
    return default if is_empty(tree.get(key)) else read_scalar(via, tree[key], key)


def several(tree: Tree, key: str, most: int, prefix: str = "") -> list[Any]:
    """Everything under ``key``. Raises Invalid for more than ``most`` things."""
    found = many(tree.get(key))
    if len(found) > most:
        raise Invalid(field=f"{prefix}{key}", reason=f"is given more than {most} times")
    return found


class Field:
    """One key for one attribute. ``aliases`` are further keys that are read, never written."""

    def __init__(self, key: str, attribute: str, via: Scalar = TEXT, *aliases: str) -> None:
        self.key, self.attribute, self.via, self.aliases = key, attribute, via, aliases
        self.keys = frozenset({key, *aliases})
        self.attributes = frozenset({attribute})

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        for key in (self.key, *self.aliases):
            if not is_empty(tree.get(key)):
                return {self.attribute: read_scalar(self.via, tree[key], f"{ledger.prefix}{key}")}
        return {}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        value = getattr(item, self.attribute)
        return {} if is_empty(value) else {self.key: self.via.write(value)}


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
        within = ledger.within(self.key)
        if isinstance(self.of, Record):
            return {self.attribute: tuple(self.of.read(item, within.within(n)) for n, item in enumerate(values))}
        return {
            self.attribute: tuple(read_scalar(self.of, item, within.prefix + str(n)) for n, item in enumerate(values))
        }

    def write(self, item: Any, ledger: Ledger) -> Tree:
        values = getattr(item, self.attribute)
        if not values:
            return {}
        within = ledger.within(self.attribute)
        if isinstance(self.of, Record):
            return {self.key: list(self._objects(self.of, values, within))}
        return {self.key: list(self._scalars(self.of, values, within))}

    def _objects(self, of: Record[Any], values: Sequence[Any], ledger: Ledger) -> Iterator[Tree]:
        """Each as it is written; what would be an empty object, and so not read again, is noted."""
        for number, value in enumerate(values):
            written = of.write(value, ledger.within(number))
            if not written:
                ledger.note(Kind.DROPPED, number, wanted=value)
            yield written

    def _scalars(self, of: Scalar, values: Sequence[Any], ledger: Ledger) -> Iterator[Any]:
        """Each as it is written; what does not read back as it was is noted."""
        for number, value in enumerate(values):
            try:
                written = of.write(value)
                again = of.read(written)
            except ValueError as error:
                ledger.note(Kind.DROPPED, number, wanted=value, reason=str(error))
                continue
            if again != value:
                ledger.note(Kind.APPROXIMATED, number, wanted=value, got=again)
            yield written


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

    def note_overruled(self, item: Any, tree: Tree, shared: frozenset[str], ledger: Ledger) -> None:
        """Notes what another object at the same level wrote over, under a key that both of them have."""
        value = getattr(item, self.attribute)
        for entry in self.record.entries if not isinstance(value, Skip) else ():
            if entry.keys & shared:
                again = entry.read(tree, Ledger())
                for name in sorted(entry.attributes):
                    if again.get(name) != (wanted := getattr(value, name, None)):
                        ledger.within(self.attribute).note(Kind.APPROXIMATED, name, wanted=wanted, got=again.get(name))


class Pair:
    """Two short functions side by side, for what a table cannot say.

    ``read(tree)`` sees its own keys, where there are any, and gives attributes; ``write(item)`` gives keys.
    Both leave out what is not there.
    """

    def __init__(
        self,
        keys: str,
        attributes: str,
        read: Callable[[Tree], Mapping[str, Any]],
        write: Callable[[Any], Tree],
    ) -> None:
        self.keys, self.attributes = frozenset(keys.split()), frozenset(attributes.split())
        self._read, self._write = read, write

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        given = {key: one(value) for key, value in tree.items() if key in self.keys and not is_empty(value)}
        if not given:
            return {}
        try:
            found = self._read(given)
        except ValueError as error:
            raise Invalid(field=f"{ledger.prefix}{'/'.join(sorted(given))}", reason=str(error)) from None
        except (Invalid, Missing) as fault:
            raise type(fault)(**{**fault.data, "field": f"{ledger.prefix}{fault.data['field']}"}) from None
        return {name: value for name, value in found.items() if value is not None}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        return {key: value for key, value in self._write(item).items() if not is_empty(value)}


class Kept:
    """Keys that are accepted, given back and without effect here; each is noted as unread."""

    attributes: Final[frozenset[str]] = frozenset()

    def __init__(self, keys: str) -> None:
        self.keys = frozenset(keys.split())

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        return {}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        return {}


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
        return frozenset().union(*(entry.keys for entry in self.entries if not isinstance(entry, Kept)))

    @cached_property
    def attributes(self) -> frozenset[str]:
        return frozenset().union(*(entry.attributes for entry in self.entries))

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The model's attributes that have no default, and what is needed beside them."""
        every = fields(self.model)  # type: ignore[arg-type]
        bare = (f.name for f in every if f.default is MISSING and f.default_factory is MISSING)
        return (*bare, self.needs) if self.needs else tuple(bare)

    @cached_property
    def overlapping(self) -> tuple[tuple[Inline, Inline], ...]:
        """Pairs of objects that lie flat in one document and share a key of it."""
        flat = [entry for entry in self.entries if isinstance(entry, Inline)]
        return tuple((one, other) for one in flat for other in flat if one is not other and one.keys & other.keys)

    def gather(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        """The attributes that ``tree`` sets."""
        found: dict[str, Any] = {}
        for entry in self.entries:
            found.update(entry.read(tree, ledger))
        return found

    def read(self, tree: Any, ledger: Ledger) -> T:
        """A model object. Raises Invalid or Missing with the path of the first value that stands in the way."""
        if not isinstance(tree, dict):
            raise Invalid(field=ledger.prefix.rstrip("."), reason="must be an object")
        found = {**self.meant, **self.gather(tree, ledger)}
        left = {key: value for key, value in tree.items() if key not in self.understood and not is_empty(value)}
        if not self.open_keys:
            for key in left:
                ledger.note(Kind.UNREAD, key, reason="kept" if key in self.keys else "unknown")
        if self.extras is not None and left:
            found["extras"] = {self.extras: left}
        for name in self.required:
            if name in found:
                continue
            keys = (key for entry in self.entries if name in entry.attributes for key in sorted(entry.keys))
            raise Missing(field=ledger.prefix + next(keys, name))
        return self.model(**found)

    def write(self, item: T, ledger: Ledger) -> Tree:
        tree: Tree = {}
        for entry in self.entries:
            checked = isinstance(entry, (Field, Pair))
            tree.update(_write_checked(entry, item, ledger) if checked else entry.write(item, ledger))
        self._note_dropped(item, ledger)
        for one, other in self.overlapping:
            one.note_overruled(item, tree, one.keys & other.keys, ledger)
        if self.extras is not None:
            tree.update(getattr(item, "extras", {}).get(self.extras, {}))
        return tree

    def _note_dropped(self, item: T, ledger: Ledger) -> None:
        for attribute in fields(item):  # type: ignore[arg-type]
            value = getattr(item, attribute.name)
            silent = self.meant.get(attribute.name, _default(attribute))
            if attribute.name in (*self.attributes, *UNSAID) or value == silent:
                continue
            ledger.note(
                Kind.DROPPED, attribute.name, wanted=value, essential=bool(attribute.metadata.get("essential", False))
            )


def _write_checked(entry: Entry, item: Any, ledger: Ledger) -> Tree:
    """What ``entry`` writes, read back: nothing is written that can't be read, and what differs is noted."""
    reason = None
    try:
        written = entry.write(item, ledger)
        again = {name: value for name, value in entry.read(written, Ledger()).items() if value is not None}
    except (ValueError, Invalid, Missing) as error:
        reason = str(error.data.get("reason")) if isinstance(error, Invalid) else str(error)
        written, again = {}, {}
    silent = {attribute.name: _default(attribute) for attribute in fields(item)}
    for name in sorted(entry.attributes):
        wanted = getattr(item, name)
        if is_empty(wanted) or wanted == silent[name]:
            if name in again and again[name] != wanted:
                ledger.note(Kind.DEFAULTED, name, wanted=wanted, got=again[name])
        elif name not in again:
            ledger.note(Kind.DROPPED, name, wanted=wanted, essential=is_essential(type(item), name), reason=reason)
        elif again[name] != wanted:
            ledger.note(Kind.APPROXIMATED, name, wanted=wanted, got=again[name])
    return written


def _default(attribute: DataclassField[Any]) -> Any:
    if attribute.default is not MISSING:
        return attribute.default
    return attribute.default_factory() if attribute.default_factory is not MISSING else None
