"""The report of a translation: each setting of a job, at every depth, and what became of it.

``compare`` sets the job that was asked for beside the one that the provider reads: what both say alike is exact, what
they say differently approximated, what only the first says dropped, what only the second says defaulted. What the
client's own dialect left unread, and what the provider refuses, comes from the notes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import Enum, auto
from fractions import Fraction
from functools import cache
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from mediaglot.gateway import loss
from mediaglot.gateway.likeness import alike
from mediaglot.gateway.loss import Kind, Loss, Policy
from mediaglot.gateway.mapping import UNSAID
from mediaglot.gateway.memory import recurs, remember
from mediaglot.gateway.model import (
    Attribute,
    Audio,
    Encryption,
    Job,
    Notification,
    Secret,
    Share,
    Sheet,
    Skip,
    Video,
    attributes,
)
from mediaglot.gateway.model.attribute import values_of
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.model.mask import STARS
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.values import decimal

OWN: Final[dict[Any, frozenset[str]]] = {Notification: frozenset({"style"})}
"""Further attributes that are a dialect's own business."""
EMPTY_SAYS: Final = frozenset({Sheet, Encryption})
"""Objects that say something even if all of their attributes are silent."""
ELSEWHERE: Final = re.compile(r"\.(?:destinations|clip)\.")
"""In the paths of what may be said in another way."""
TRACKS: Final = frozenset({Video, Audio})
"""Objects of many settings, which readers give again and again (``mediaglot.gateway.stretch``)."""
SCALARS: Final = frozenset({int, str, Fraction, bool})


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``exact`` are the paths of what came through; ``losses`` all that did not, in the order of the job."""

    exact: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()

    def __iter__(self) -> Iterator[Loss]:
        yield from (Loss(kind=Kind.EXACT, path=path) for path in self.exact)
        yield from self.losses

    def of(self, *kinds: Kind) -> list[Loss]:
        return [entry for entry in self if entry.kind in kinds]

    @property
    def counts(self) -> Mapping[Kind, int]:
        """How many there are of each kind, all kinds in their order."""
        counted = Counter(entry.kind for entry in self)
        return {kind: counted[kind] for kind in Kind}

    @property
    def lossless(self) -> bool:
        """Whether the strictest policy is content."""
        return not loss.forbidden(self.losses, Policy.STRICT)

    def enforce(self, policy: Policy) -> None:
        """Raise ``Lossy`` with the offending paths where the policy forbids what is lost."""
        loss.enforce(self.losses, policy)

    def summary(self) -> str:
        """One line, fit for a header: ``12 exact, 1 dropped (1 essential)``."""
        words = [f"{count} {kind}" for kind, count in self.counts.items() if count]
        serious = len(loss.forbidden(self.losses, Policy.ESSENTIAL))
        return (", ".join(words) or "nothing asked") + (f" ({serious} essential)" if serious else "")

    def document(self) -> dict[str, Any]:
        """The report as a plain tree."""
        return {
            "summary": self.summary(),
            "counts": {str(kind): count for kind, count in self.counts.items()},
            "exact": list(self.exact),
            "losses": [said(each) for each in self.losses],
        }


def said(entry: Loss) -> dict[str, Any]:
    tree: dict[str, Any] = {"kind": str(entry.kind), "path": entry.path, "wanted": entry.wanted, "got": entry.got}
    tree |= {"essential": entry.essential, "reason": entry.reason}
    return {key: value for key, value in tree.items() if value is not None}


def compare(wanted: Job, got: Job, notes: Iterable[Loss] = ()) -> Report:
    """What became of each setting of ``wanted`` in ``got``.

    Of ``notes``, taken while reading the one and writing the other, the unread settings are entries of their own; the
    reasons of the others are told with what was lost.
    """
    noted = list(notes)
    reasons = {note.path: note.reason for note in noted if note.reason is not None}
    comparison = Comparison(reasons)
    comparison.objects(wanted, got, "")
    further = (note for note in noted if note.kind is Kind.UNREAD)
    losses = comparison.losses
    if any(ELSEWHERE.search(each.path) for each in losses):
        losses = list(softened(losses, alike(wanted, got)))
    return Report(exact=tuple(comparison.exact), losses=(*losses, *further))


def softened(losses: Iterable[Loss], alike: frozenset[str]) -> Iterator[Loss]:
    """``alike`` are the paths at and below which what differs means the same: nothing essential is lost there."""
    below = tuple(f"{path}." for path in alike)
    for each in losses:
        same = f"{each.path}.".startswith(below)
        yield replace(each, essential=False, reason="said in another way") if same else each


class Comparison:
    """``reasons`` are what was noted of a path."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self.exact: list[str] = []
        self.losses: list[Loss] = []
        self._reasons = reasons

    def objects(self, wanted: Any, got: Any, prefix: str) -> None:
        rows, silence, read = settings(wanted.__class__)
        for row, default, one, other in zip(rows, silence, read(wanted), read(got), strict=True):
            if one is other and one is default:
                continue
            name, cls = row.name, one.__class__
            if cls in SCALARS and (one is other or one == other):
                if default is None or one != default:
                    self.exact.append(prefix + name)
            elif cls in TRACKS and cls is other.__class__:
                self.remembered(one, other, f"{prefix}{name}.")
            elif cls in _WHOLE and cls is other.__class__ and default is None:
                self.objects(one, other, f"{prefix}{name}.")
            else:
                self.values(one, other, prefix + name, default, row.essential)

    def remembered(self, wanted: Any, got: Any, prefix: str) -> None:
        """Two tracks that were compared before, with the same that was noted of them."""
        reasons = {path: reason for path, reason in self._reasons.items() if is_near(path, prefix)}
        key = id(wanted), id(got), prefix, *reasons.items()
        known = _COMPARED.get(key)
        if known is None:
            known = wanted, got, Comparison(reasons)
            known[2].objects(wanted, got, prefix)
            if recurs(wanted) and recurs(got):
                remember(_COMPARED, key, known)
        self.exact += known[2].exact
        self.losses += known[2].losses

    def values(self, wanted: Any, got: Any, path: str, default: Any, essential: bool) -> None:
        """Two values of one attribute; ``default`` is what silence means, beside None."""
        cls = wanted.__class__
        same = cls is got.__class__
        if same and cls is tuple and wanted and got and wanted[0].__class__ in _WHOLE:
            self.row(wanted, got, path, essential)
        elif wanted is None or (default is not None and wanted == default):
            if got is not None and (default is None or got != default):
                self.gained(got, path)
        elif got is None or (default is not None and got == default):
            self.lost(wanted, path, essential or type(wanted) is Skip)
        elif same:
            self.alike(wanted, got, path, essential)
        elif type(wanted) is Skip or type(got) is Skip:
            self.lost(wanted, path, essential=True)
            self.gained(got, path)
        else:
            self.other(wanted, got, path, essential)

    def alike(self, wanted: Any, got: Any, path: str, essential: bool) -> None:
        """Two values of one class, neither of them silent."""
        shape = shape_of(wanted.__class__)
        if shape is Shape.OBJECT:
            before = len(self.exact) + len(self.losses)
            self.objects(wanted, got, f"{path}.")
            if before == len(self.exact) + len(self.losses) and type(wanted) in EMPTY_SAYS:
                self.exact.append(path)
        elif shape is Shape.TUPLE and (is_row(wanted) or is_row(got)):
            self.row(wanted, got, path, essential)
        elif shape is Shape.MAPPING:
            for key in dict.fromkeys((*wanted, *got)):
                self.values(wanted.get(key), got.get(key), f"{path}.{key}", None, essential)
        elif wanted == got:
            self.exact.append(path)
        else:
            self.other(wanted, got, path, essential)

    def row(self, wanted: tuple[Any, ...], got: tuple[Any, ...], path: str, essential: bool) -> None:
        for number, (one, other) in enumerate(zip_longest(wanted, got)):
            if one.__class__ in _WHOLE and one.__class__ is other.__class__:
                self.objects(one, other, f"{path}.{number}.")
            else:
                self.values(one, other, f"{path}.{number}", None, essential)

    def other(self, wanted: Any, got: Any, path: str, essential: bool) -> None:
        if shape_of(wanted.__class__) is shape_of(got.__class__) is Shape.MAPPING:
            self.alike(dict(wanted), dict(got), path, essential)
        else:
            self._note(Kind.APPROXIMATED, path, text(wanted), text(got), essential=essential)

    def lost(self, value: Any, path: str, essential: bool) -> None:
        """All settings that a value holds are dropped; where the whole of it is essential, so are they."""
        for below, leaf, own in leaves(value, path, essential):
            self._note(Kind.DROPPED, below, text(leaf), None, essential=own)

    def gained(self, value: Any, path: str) -> None:
        for below, leaf, _ in leaves(value, path, essential=False):
            self._note(Kind.DEFAULTED, below, None, text(leaf), essential=False)

    def _note(self, kind: Kind, path: str, wanted: str | None, got: str | None, *, essential: bool) -> None:
        reason = self._reason(path) if kind is not Kind.DEFAULTED else None
        self.losses.append(Loss(kind=kind, path=path, wanted=wanted, got=got, essential=essential, reason=reason))

    def _reason(self, path: str) -> str | None:
        """The one that was noted for a setting, or for an object that it is in."""
        while self._reasons and path:
            if path in self._reasons:
                return self._reasons[path]
            path = path.rpartition(".")[0]
        return None


# --- the model, as settings -------------------------------------------------------------------------


class Settings(NamedTuple):
    """The attributes of a class that are settings."""

    rows: tuple[Attribute, ...]
    silence: tuple[Any, ...]
    """What silence is, of each."""
    read: Callable[[Any], tuple[Any, ...]]
    """Their values in an object."""


_SETTINGS: Final[dict[type, Settings]] = {}
_WHOLE: Final[set[type]] = set()
"""Classes of objects that say nothing but their settings, as far as they were met."""
_COMPARED: Final[dict[tuple[Any, ...], tuple[Any, Any, Comparison]]] = {}
"""By the ids of two objects, which live as long as their entry, where they are in the job, and what was noted there."""


def settings(cls: type) -> Settings:
    if cls not in _SETTINGS:
        skipped = UNSAID | OWN.get(cls, frozenset())
        every = tuple(each for each in attributes(cls) if each.compared and each.name not in skipped)
        look = values_of(*(each.name for each in every))
        _SETTINGS[cls] = Settings(every, tuple(each.silence for each in every), look)
        if cls not in EMPTY_SAYS:
            _WHOLE.add(cls)
    return _SETTINGS[cls]


def is_near(path: str, prefix: str) -> bool:
    """Whether it is in what lies below a prefix, or has that in it."""
    return path.startswith(prefix) or prefix.startswith(f"{path}.")


class Shape(Enum):
    """What there is below a value."""

    OBJECT = auto()
    TUPLE = auto()
    MAPPING = auto()
    SINGLE = auto()


@cache
def shape_of(cls: Any) -> Shape:
    if is_dataclass(cls) and cls not in (Share, Skip):
        return Shape.OBJECT
    if issubclass(cls, tuple):
        return Shape.TUPLE
    return Shape.MAPPING if issubclass(cls, Mapping) else Shape.SINGLE


def is_row(values: tuple[Any, ...]) -> bool:
    """A tuple of objects; one of scalars is a single setting. None holds both."""
    return bool(values) and shape_of(values[0].__class__) is Shape.OBJECT


def leaves(value: Any, path: str, essential: bool) -> Iterator[tuple[str, Any, bool]]:
    """The settings below a value: path, value, whether essential."""
    shape = shape_of(value.__class__)
    if shape is Shape.OBJECT:
        below = [
            leaf
            for each in settings(value.__class__).rows
            if (held := getattr(value, each.name)) is not None and (held is not each.silence and held != each.silence)
            for leaf in leaves(held, f"{path}.{each.name}", essential or each.essential)
        ]
        yield from below or ([(path, value, essential)] if type(value) in EMPTY_SAYS else [])
    elif shape is Shape.TUPLE and is_row(value):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}.{number}", essential)
    elif shape is Shape.MAPPING:
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}", essential)
    else:
        yield path, value, essential


def text(value: Any) -> str:
    """A setting's value for people, without secrets."""
    if value.__class__ is int:
        return str(value)
    if value.__class__ is str:
        return _shown(value)
    if isinstance(value, Secret):
        return STARS
    if isinstance(value, Fraction):
        return str(value.numerator) if value.denominator == 1 else _fraction(value)
    if isinstance(value, Share):
        return f"{decimal(value.of_source * 100, 2)}% of the source"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, (tuple, frozenset)):
        return ", ".join(sorted(map(text, value)) if isinstance(value, frozenset) else map(text, value))
    if is_dataclass(value):
        inside = [f"{path.lstrip('.')}={text(leaf)}" for path, leaf, _ in leaves(value, "", essential=False) if path]
        return " ".join([type(value).__name__.lower(), *inside])
    return _shown(str(value))


def _shown(words: str) -> str:
    """What a URL has behind its question mark is taken for a secret."""
    return f"{words.partition('?')[0]}?{STARS}" if "?" in words and "://" in words else words


def _fraction(value: Fraction) -> str:
    short = decimal(value, 3)
    return short if Fraction(short) == value else str(value)
