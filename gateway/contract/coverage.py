"""How much of a dialect's contract some exchanges really used: operations, fields and error cases. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract.example import code_path, leaves, value_at
from mediaglot.gateway.contract.judge import Judgement
from mediaglot.gateway.contract.refusal import known
from mediaglot.gateway.contract.sketch import ENTRY, REPLY, REQUEST, Place, Sketch, Surveyor, add, shown
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import recognise
from mediaglot.gateway.exchange import Response
from mediaglot.gateway.trait import Complaint
from mediaglot.gateway.wire.schema import SUFFIX, Schemas, stem

KINDS: Final = ("operations", "request fields", "answer fields", "error cases")
TEXT: Final = "t3xt"
Case = tuple[int, str, str]
"""An error as a client sees it: status, code, text with {fields}."""


@dataclass(frozen=True, slots=True)
class Share:
    """``used`` of ``all``, each in words."""

    used: frozenset[str]
    all: frozenset[str]

    @property
    def unused(self) -> list[str]:
        return sorted(self.all - self.used)

    def tree(self) -> dict[str, Any]:
        return {"used": len(self.used), "of": len(self.all), "percent": percent([self]), "unused": self.unused}


def percent(shares: Iterable[Share]) -> float:
    """Of all of them together; 100 of nothing."""
    every = list(shares)
    whole = sum(len(share.all) for share in every)
    return round(100 * sum(len(share.used) for share in every) / whole, 1) if whole else 100.0


@dataclass(slots=True)
class Coverage:
    """Of one dialect. ``operations`` counts exchanges."""

    dialect: Dialect
    operations: Counter[str] = field(default_factory=Counter)
    _sketches: dict[str, Sketch] = field(default_factory=dict)
    _errors: set[Case] = field(default_factory=set)

    def add(self, judgement: Judgement, response: Response) -> None:
        """One more exchange; what the dialect has no operation for says only how it was refused."""
        if judgement.operation is not None:
            self.operations[judgement.operation] += 1
            sketch = self._sketches.setdefault(judgement.operation, Sketch())
            add(sketch, judgement, response, requests=True)
        if judgement.is_error:
            self._errors.add(case_of(self.dialect, response.status, judgement.tree))

    def shares(self) -> dict[str, Share]:
        """By the words of KINDS."""
        names = frozenset(route.name for route in self.dialect.routes)
        whole, used = contract(self.dialect), self._sketches
        asked, told = ({*places(whole, part)} for part in (REQUEST, REPLY))
        errors = {word: case for case, word in cases(self.dialect).items()}
        return {
            "operations": Share(names & self.operations.keys(), names),
            "request fields": Share(frozenset({*places(used, REQUEST)} & asked), frozenset(asked)),
            "answer fields": Share(frozenset({*places(used, REPLY)} & told), frozenset(told)),
            "error cases": Share(
                frozenset(word for word, case in errors.items() if case in self._errors), frozenset(errors)
            ),
        }

    def strangers(self) -> list[str]:
        """Fields that were used and that the contract does not have."""
        whole = contract(self.dialect)
        return sorted(
            f"{operation} {shown(place)}"
            for operation, sketch in self._sketches.items()
            for place in sketch.traits
            if place[0] in (REQUEST, REPLY) and _is_strange(place, whole[operation])
        )

    def tree(self) -> dict[str, Any]:
        shares = self.shares()
        return {
            "dialect": self.dialect.name,
            "exchanges": sum(self.operations.values()),
            "percent": percent(shares.values()),
            "operations": dict(self.operations),
            "shares": {kind: share.tree() for kind, share in shares.items()},
            "strangers": self.strangers(),
        }


def _is_strange(place: Place, whole: Sketch) -> bool:
    """Whether the contract describes what it is in, and not it; what is in a strange field is no news."""
    return len(place) > 1 and place[-1] != ENTRY and place not in whole.traits and place[:-1] in whole.objects


def places(sketches: dict[str, Sketch], part: str) -> Iterator[str]:
    """The fields of a part of every operation, in words."""
    for operation, sketch in sketches.items():
        for place in sketch.traits:
            if place[0] == part and len(place) > 1 and place[-1] != ENTRY:
                yield f"{operation} {shown(place)}"


def contract(dialect: Dialect) -> dict[str, Sketch]:
    """What its schemas allow, by the names of operations."""
    kind: Any = type(dialect)
    return _contract(kind)


@cache
def _contract(kind: Any) -> dict[str, Sketch]:
    dialect = kind()
    schemas = Schemas(dialect)
    surveyor = Surveyor(lambda file: schemas.document(file.removesuffix(SUFFIX)))
    sketches: dict[str, Sketch] = {}
    for route in dialect.routes:
        sketch = sketches.setdefault(route.name, Sketch())
        for part, place in (("request", REQUEST), ("reply", REPLY)):
            if (name := f"{stem(route.name)}.{part}") in schemas.names:
                surveyor.survey(sketch, (place,), name + SUFFIX)
    return sketches


# --- error cases ----------------------------------------------------------------------------------------


def cases(dialect: Dialect) -> dict[Case, str]:
    """Every way in which the dialect says no, with a word for each."""
    found: dict[Case, str] = {}
    for fault in known(dialect):
        complaint = dialect.complaint(fault())
        case = _case(complaint)
        if case not in found:
            found[case] = " ".join(filter(None, (str(complaint.status), complaint.code, complaint.text)))
    return found


def _case(complaint: Complaint) -> Case:
    return complaint.status, complaint.code, complaint.text


def case_of(dialect: Dialect, status: int, tree: Any) -> Case:
    """Which of them an answer is, by the dialect's own table read backwards."""
    kind: Any = type(dialect)
    code, text = (_text(value_at(tree, path)) if path else "" for path in (code_path(kind), text_path(kind)))
    return _case(dialect.complaint(recognise(dialect, status, code, text)))


@cache
def text_path(kind: Any) -> tuple[str, ...]:
    """Where errors say in words what is wrong."""
    tree = kind().envelope(Complaint(400, TEXT), TEXT)
    return next((path for path, value in leaves(tree) if value == TEXT), ())


def _text(value: Any) -> str:
    return str(value) if isinstance(value, (str, int)) else ""
