"""The plainest lines of a Record: one key for one attribute, a pair of functions, keys without effect.

What such a line writes is read back at once: nothing is written that can't be read, and what differs is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger, Loss
from mediaglot.gateway.memory import AMOUNTS, SHORT, is_plain, remember
from mediaglot.gateway.model import Attribute
from mediaglot.gateway.model.attribute import PLAIN
from mediaglot.gateway.model.change import watched
from mediaglot.gateway.values import TEXT, Value

Tree = dict[str, Any]


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
    return not value and (value is None or isinstance(value, (str, list, dict)))


def one(value: Any) -> Any:
    """A list of one counts as its element, as loosely typed documents want."""
    return value[0] if value.__class__ is list and len(value) == 1 else value


def many(value: Any) -> list[Any]:
    """A bare value counts as a list of one, an empty one as no element."""
    if value is None or value.__class__ is str:
        return [value] if value else []
    if isinstance(value, list):
        return [item for item in value if not is_empty(item)]
    return [] if is_empty(value) else [value]


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


class Checked(NamedTuple):
    """What an entry writes, and what is to be noted of its attributes."""

    written: Tree
    notes: tuple[Loss, ...] = ()


class Field:
    """One key for one attribute. ``aliases`` are further keys that are read, never written."""

    def __init__(self, key: str, attribute: str, via: Scalar = TEXT, *aliases: str) -> None:
        self.key, self.attribute, self.via, self._names = key, attribute, via, (key, *aliases)
        self.keys = frozenset(self._names)
        self.attributes = frozenset({attribute})
        self.sure = via.sure if isinstance(via, Value) else None
        self._meanings: dict[str, Any] = {}
        self.checked: dict[tuple[type, Any], Checked] = {}

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        for key in self._names:
            value = tree.get(key)
            if not is_empty(value):
                return {self.attribute: self._meaning(value, ledger, key)}
        return {}

    def _meaning(self, value: Any, ledger: Ledger, key: str) -> Any:
        """What a value means; plain meanings of short texts are remembered."""
        if type(value) is str and (known := self._meanings.get(value)) is not None:
            return known
        meaning = read_scalar(self.via, value, f"{ledger.prefix}{key}")
        if type(value) is str and len(value) <= SHORT and is_plain(meaning) and self.via is not TEXT:
            remember(self._meanings, value, meaning)
        return meaning

    def write(self, item: Any, ledger: Ledger) -> Tree:
        value = getattr(item, self.attribute)
        return {} if is_empty(value) else {self.key: self.via.write(value)}


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
        self._meanings: dict[tuple[tuple[str, str], ...] | None, dict[str, Any]] = {}
        self.checked: dict[tuple[Any, ...], Checked] = {}

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        given = {key: one(value) for key, value in tree.items() if key in self.keys and not is_empty(value)}
        if not given:
            return {}
        short = all(type(value) is str and len(value) <= SHORT for value in given.values())
        key = tuple(given.items()) if short else None
        if (known := self._meanings.get(key)) is not None:
            return known.copy()
        try:
            found = self._read(given)
        except ValueError as error:
            raise Invalid(field=f"{ledger.prefix}{'/'.join(sorted(given))}", reason=str(error)) from None
        except (Invalid, Missing) as fault:
            raise type(fault)(**{**fault.data, "field": f"{ledger.prefix}{fault.data['field']}"}) from None
        meant = {name: value for name, value in found.items() if value is not None}
        if key is not None and meant and all(type(value) in AMOUNTS for value in meant.values()):
            remember(self._meanings, key, meant.copy())
        return meant

    def write(self, item: Any, ledger: Ledger) -> Tree:
        return {key: value for key, value in self._write(item).items() if not is_empty(value)}


class Kept:
    """Keys that are accepted, given back and without effect here; each is noted as unread.

    Those that somebody else reads are not ``noted``, and are theirs to give back.
    """

    attributes: Final[frozenset[str]] = frozenset()

    def __init__(self, keys: str, *, noted: bool = True) -> None:
        self.keys, self.noted = frozenset(keys.split()), noted

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        return {}

    def write(self, item: Any, ledger: Ledger) -> Tree:
        return {}


# --- what is written, read back ---------------------------------------------------------------------


def write_checked(entry: Field | Pair, own: tuple[Attribute, ...], item: Any, ledger: Ledger) -> Tree:
    """What ``entry`` writes, read back: nothing is written that can't be read, and what differs is noted."""
    if isinstance(entry, Field) and entry.sure is not None:
        value = getattr(item, entry.attribute)
        if not is_empty(value) and entry.sure(value):
            return {entry.key: entry.via.write(value)}
    key = _remembered_by(own, item)
    found = None if key is None else entry.checked.get(key)
    if found is None and key is None:
        found = _checked(entry, own, item)
    elif found is None:
        seen: set[str] = set()
        found = _checked(entry, own, watched(item, seen))
        if entry.attributes.issuperset(seen):
            remember(entry.checked, key, found)
    if found.notes:
        ledger.repeat(found.notes)
    return found.written


def is_self_contained(entry: Entry, own: tuple[Attribute, ...], item: Any) -> bool:
    """Whether what ``entry`` has just written for ``item`` follows from its own attributes alone. A Pair's function may
    look at others; where it does not, that was remembered."""
    return not isinstance(entry, Pair) or _remembered_by(own, item) in entry.checked


def _remembered_by(own: tuple[Attribute, ...], item: Any) -> tuple[Any, ...] | None:
    """The classes and values of all that an entry says, where they are plain: what it writes follows from them, if it
    looks at nothing else."""
    key: list[Any] = []
    for each in own:
        value = getattr(item, each.name)
        if value is each.silence:
            key.append(None)
            continue
        cls = value.__class__
        if not (cls in AMOUNTS or (cls in PLAIN and (cls is not str or len(value) <= SHORT))):
            return None
        key += (cls, value)
    return tuple(key)


def _checked(entry: Entry, own: tuple[Attribute, ...], item: Any) -> Checked:
    reason, again, unread, notes = None, {}, Ledger(), Ledger()
    try:
        if written := entry.write(item, unread):
            again = {name: value for name, value in entry.read(written, unread).items() if value is not None}
    except (ValueError, Invalid, Missing) as error:
        reason = str(error.data.get("reason")) if isinstance(error, Invalid) else str(error)
        written, again = {}, {}
    for name, silence, _, essential, _ in own:
        wanted = getattr(item, name)
        if is_empty(wanted) or wanted == silence:
            if name in again and again[name] != wanted:
                notes.note(Kind.DEFAULTED, name, wanted=wanted, got=again[name])
        elif name not in again:
            notes.note(Kind.DROPPED, name, wanted=wanted, essential=essential, reason=reason)
        elif again[name] != wanted:
            notes.note(Kind.APPROXIMATED, name, wanted=wanted, got=again[name])
    return Checked(written, tuple(notes))
