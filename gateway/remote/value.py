"""What the control API tells, as values: requests of the journal, messages, jobs, faults, times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any, Self

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Headers and a body."""

    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def header(self, name: str) -> str | None:
        """The first one of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        """The body read as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Text):
    method: str
    path: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Text):
    status: int | None
    """None where the connection was cut instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request and its answer. Secrets are masked; ``tree`` is all of it, which matchers look at.

    ``intent`` and ``fault`` are what was meant and what was wrong, in words that all dialects share. ``unread`` are
    fields that nothing looked at, ``injected`` the faults that had a hand in the answer.
    """

    number: int
    at: datetime
    dialect: str
    operation: str | None
    account: str
    request: Asked
    response: Answered
    intent: Any
    fault: Any
    job: str | None
    unread: tuple[str, ...]
    injected: tuple[str, ...]
    tree: Tree = field(repr=False)

    @classmethod
    def read(cls, tree: Tree) -> Self:
        asked, answered = tree["request"], tree["response"]
        return cls(
            **{name: tree[name] for name in ("number", "dialect", "operation", "account", "intent", "fault", "job")},
            at=datetime.fromisoformat(tree["at"]),
            request=Asked(**{**asked, "headers": lines(asked["headers"])}),
            response=Answered(**{**answered, "headers": lines(answered["headers"])}),
            unread=tuple(tree["unread"]),
            injected=tuple(tree["injected"]),
            tree=tree,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A request that nearly matched: ``misses`` are the conditions that did not hold, with what was there instead."""

    entry: Entry
    misses: Mapping[str, list[Any]]

    @classmethod
    def read(cls, tree: Tree) -> Self:
        return cls(entry=Entry.read(tree["entry"]), misses=tree["misses"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Text):
    """What came into an inbox."""

    number: int
    at: datetime
    method: str
    query: str

    @classmethod
    def read(cls, tree: Tree) -> Self:
        return cls(**{**tree, "at": datetime.fromisoformat(tree["at"]), "headers": lines(tree["headers"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A fault, a fate or a rule: how many it was asked about (``seen``) and how many it hit, when it was told."""

    id: str
    seen: int
    hits: int
    document: Tree

    @classmethod
    def read(cls, tree: Tree) -> Self:
        own = {"id", "seen", "hits"}
        document = {key: value for key, value in tree.items() if key not in own}
        return cls(id=tree["id"], seen=tree["seen"], hits=tree["hits"], document=document)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it is: ``status`` and ``phase`` in words that all dialects share, ``fault`` the code of what ended it.

    ``tree`` is all of it: what was asked (``tree["job"]``) and what became of it.
    """

    id: str
    dialect: str
    account: str
    status: str
    phase: str | None
    progress: float
    fault: str | None
    tree: Tree = field(repr=False)

    @classmethod
    def read(cls, tree: Tree) -> Self:
        trouble = tree.get("trouble")
        return cls(
            id=tree["id"],
            dialect=tree["dialect"],
            account=tree["account"],
            status=tree.get("status", "queued"),
            phase=tree.get("phase"),
            progress=float(Fraction(tree.get("progress", 0))),
            fault=trouble["code"] if trouble else None,
            tree=tree,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a client logs in with: a user, key or client id; its secret; and what the provider's paths name."""

    name: str
    secret: str = field(repr=False)
    tenant: str = ""


def lines(told: Any) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in told)
