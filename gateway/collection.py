"""The usual routes of a kind of a provider's own documents: list, get, post, put and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mediaglot.gateway.dialect import Call, Dialect, Route
from mediaglot.gateway.exchange import (
    DeleteThing,
    Done,
    Filter,
    GetThing,
    ListThings,
    Page,
    PutThing,
    Result,
    Thing,
    Window,
)
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.paging import Offset
from mediaglot.gateway.reference import Ref
from mediaglot.gateway.values import TEXT


@dataclass(frozen=True, slots=True)
class Manner:
    """What all collections of a dialect have in common."""

    check_id: Callable[[Call], str]
    """The id in the path; raises a BadRequest for what is none."""
    show: Callable[[Call, Thing], Tree]
    envelope: Callable[[Call, str, list[Tree], int, Window], Tree]
    """The document of a list: its kind, what is on the page, the total, and where the page lies."""
    matches: Callable[[Thing, Mapping[str, Any]], bool]
    """Whether a list's parameters let a document through."""
    deleted: Tree
    paging: Offset


@dataclass(frozen=True, slots=True)
class Collection:
    """A request's document is the value of the key ``kind``, of which ``fields`` are kept.

    A POST fills what is not said with None, a PUT leaves it. ``check`` raises a BadRequest for what can't be used and
    is told whether all must be there. ``busy`` gives the filter of jobs that forbid a deletion while they run.
    """

    manner: Manner
    kind: str
    path: str
    verbs: str
    fields: tuple[str, ...] = ()
    reads: str = ""
    writes: str = ""
    guests: str = ""
    """The verbs for which a credential is welcome, but not needed."""
    check: Callable[[Tree, bool], None] = lambda document, whole: None
    busy: Callable[[str], Filter | None] = lambda thing_id: None
    evidence: str = "documented"
    proposed: str = ""
    """The verbs that are our own idea."""
    texts: frozenset[str] = frozenset()
    """Fields that are texts, whatever scalar a client sent."""

    def routes(self) -> Iterator[Route]:
        member, name = f"{self.path}/{{id}}", f"{self.kind}s"
        table: dict[str, tuple[str, str, Any, Any, Any]] = {
            "list": ("GET", self.path, ListThings, lambda call, ledger: ListThings(kind=self.kind), self._listed),
            "get": ("GET", member, GetThing, self._get, self._one),
            "post": ("POST", self.path, PutThing, self._put, self._one),
            "put": ("PUT", member, PutThing, self._put, self._one),
            "delete": ("DELETE", member, DeleteThing, self._delete, self._deleted),
        }
        for verb in self.verbs.split():
            method, path, intent, takes, gives = table[verb]
            yield Route(
                method=method,
                path=path,
                name=f"{name} {verb}",
                intent=intent,
                takes=takes,
                gives=gives,
                status=201 if verb == "post" else 200,
                guests=verb in self.guests.split(),
                scope=self.reads if method == "GET" else self.writes,
                evidence="proposed" if verb in self.proposed.split() else self.evidence,
            )

    def _get(self, call: Call, ledger: Ledger) -> GetThing:
        return GetThing(kind=self.kind, id=self.manner.check_id(call))

    def _put(self, call: Call, ledger: Ledger) -> PutThing:
        said = call.tree[self.kind]
        for key in (key for key in said if key not in self.fields):
            ledger.note(Kind.UNREAD, f"{self.kind}.{key}", reason="unknown")
        document = {key: self._worded(key, said[key]) for key in self.fields if key in said}
        new = "id" not in call.params
        self.check(document, new)
        if new:
            return PutThing(kind=self.kind, document=dict.fromkeys(self.fields) | document)
        return PutThing(kind=self.kind, id=self.manner.check_id(call), document=document, merge=True)

    def _worded(self, key: str, value: Any) -> Any:
        return value if key not in self.texts or value is None else TEXT.read(value)

    def _delete(self, call: Call, ledger: Ledger) -> DeleteThing:
        thing_id = self.manner.check_id(call)
        return DeleteThing(kind=self.kind, id=thing_id, unless=self.busy(thing_id))

    def _one(self, dialect: Dialect, call: Call, thing: Thing) -> Tree:
        return {self.kind: self.manner.show(call, thing)}

    def _deleted(self, dialect: Dialect, call: Call, done: Done) -> Tree:
        return self.manner.deleted

    def _listed(self, dialect: Dialect, call: Call, page: Page[Thing]) -> Tree:
        found = [self.manner.show(call, thing) for thing in page.items if self.manner.matches(thing, call.tree)]
        descending = str(call.tree.get("direction")) == "-1"
        if sort := call.tree.get("sort"):
            found.sort(key=lambda tree: rank(tree, str(sort).split(".")), reverse=descending)
        window = self.manner.paging.window(call.tree, sort="", descending=descending)
        cut = found[window.offset :][: window.limit]
        return self.manner.envelope(call, self.kind, cut, len(found), window)


def rank(tree: Any, path: Iterable[str]) -> tuple[bool, float, str]:
    """The place of a document in a list that is sorted by the value at a path: numbers before texts, nothing first."""
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else getattr(tree, key, None) if isinstance(tree, Ref) else None
    if tree is None:
        return False, 0, ""
    number = isinstance(tree, (int, float))
    return True, tree if number else float("inf"), "" if number else str(tree)


def lacking(
    dialect: Dialect, call: Call, result: Result, missing: Callable[[Tree], Iterable[tuple[str, str]]]
) -> tuple[tuple[str, str], ...]:
    """For ``Dialect.beside``: what an answer's document still lacks. A refusal, a file, a redirect lack nothing."""
    if call.route is None:
        return ()
    try:
        tree = call.route.gives(dialect, call, result)
    except Fault:
        return ()
    return tuple(missing(tree)) if isinstance(tree, dict) else ()
