"""Holding one exchange to a dialect's contract, whoever had it.

Everything that is held against an answer follows from the dialect: its routes and faults, its schemas, its fixtures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from mediaglot.gateway.contract import form, habit, link
from mediaglot.gateway.contract.example import Example, code_path, of_operation, refusals, value_at
from mediaglot.gateway.contract.finding import Finding, of_flaw, short, spot
from mediaglot.gateway.contract.variant import Atlas
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Request, Response
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.testing.case import Reading, read_call
from mediaglot.gateway.wire.schema import Schemas, stem

DEPTH = 64
"""Levels of an answer's document that are looked into."""
BODY, STATUS, HEADERS = "response.body", "response.status", "response.headers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """``asked`` is what is wrong with the request, ``told`` what is wrong with the answer."""

    operation: str | None
    is_error: bool
    asked: tuple[Finding, ...] = ()
    told: tuple[Finding, ...] = ()
    reading: Reading = field(repr=False)
    schema: str = ""
    """The name of the schema that the answer was held against."""
    tree: Any = field(repr=False, default=None)
    """The answer's document, where it has one."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        return (*self.asked, *self.told)


def judge(dialect: Dialect, request: Request, response: Response) -> Judgement:
    reading = read_call(dialect, request)
    hearing = Hearing(dialect, reading, response)
    told = tuple(hearing.findings())
    asked = tuple(_asked(dialect, reading, hearing.is_error))
    return Judgement(
        operation=hearing.operation or None,
        is_error=hearing.is_error,
        asked=asked,
        told=told,
        reading=reading,
        schema=hearing.schema,
        tree=hearing.tree,
    )


def hear(dialect: Dialect, request: Request, response: Response) -> Hearing:
    """What kind of answer it is, without a look at what is wrong with it."""
    return Hearing(dialect, read_call(dialect, request), response)


def home_of(dialect: Dialect) -> Any:
    """Its class, which all that is known of it is kept by."""
    return type(dialect)


@cache
def schemas(dialect: Any) -> Schemas:
    """Those of a class of dialects."""
    return Schemas(dialect())


@cache
def _any_kind(dialect: Any, schema: str, path: tuple[str, ...]) -> bool:
    """Whether a schema allows scalars of all kinds there: they come back as a client said them. Fewer are allowed where
    a format has no other way."""
    atlas = Atlas(schemas(dialect).document)
    kinds = atlas.kinds(atlas.face(schema), path)
    return kinds is None or kinds >= habit.SCALAR


def _asked(dialect: Dialect, reading: Reading, refused: bool) -> Iterator[Finding]:
    """A request that is refused as it should be is nobody's mistake."""
    route, fault = reading.call.route, reading.fault
    known = schemas(home_of(dialect))
    operation = route.name if route else ""
    if fault is not None and not refused:
        place = spot("request", [str(fault.data["field"])] if "field" in fault.data else [])
        message = f"expected a request that can be followed, found {fault.code} ({fault})"
        yield Finding(rule="request", operation=operation, place=place, message=message)
    name = f"{stem(operation)}.request"
    if fault is None and route and not route.public and name in known.names:
        for flaw in known.flaws(name, reading.call.tree):
            yield of_flaw(flaw, "request", operation, "request.body")


def is_deep(tree: Any) -> bool:
    level = [tree]
    for _ in range(DEPTH):
        level = [item for each in level for item in _inside(each)]
        if not level:
            return False
    return True


def _inside(tree: Any) -> Any:
    return tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()


class Hearing:
    """One answer, and what can be said against it."""

    def __init__(self, dialect: Dialect, reading: Reading, response: Response) -> None:
        self.dialect, self.reading, self.response = dialect, reading, response
        self.call: Call = reading.call
        self.home = home_of(dialect)
        self.operation = self.call.route.name if self.call.route else ""
        self.known = of_operation(self.home, self.operation) if self.operation else ()
        self.refusals = refusals(dialect, self.call)
        self.tree, self.unreadable = self._read()
        self.is_error = self._is_error()
        self.schema = "error.reply" if self.is_error else f"{stem(self.operation)}.reply"

    # --- what kind of answer it is ------------------------------------------------------------------

    @property
    def good(self) -> frozenset[int]:
        """The statuses of answers that are no errors."""
        own = {self.call.route.status} if self.call.route else set()
        return frozenset(own | {each.status for each in self.known if not each.error})

    @property
    def bad(self) -> frozenset[int]:
        return frozenset({each.status for each in self.refusals} | {each.status for each in self.known if each.error})

    def like(self) -> list[Example]:
        """The known answers of the same kind with the same status."""
        every = self.refusals if self.is_error else self.known
        same = [each for each in every if each.status == self.response.status and each.error is self.is_error]
        own = [each for each in self.known if each.status == self.response.status and each.error is self.is_error]
        return [*same, *own] if self.is_error else same

    def _read(self) -> tuple[Any, str]:
        if not self.response.body:
            return None, ""
        try:
            tree = self.call.wire.read_answer(self.response.body)
        except Malformed as fault:
            return None, str(fault.data.get("reason", "unreadable"))
        except (ValueError, RecursionError):
            return None, "nested too deeply, or a number too large"
        return (None, "nested too deeply") if is_deep(tree) else (tree, "")

    def _is_error(self) -> bool:
        if not self.operation or self.response.status >= 400:
            return self.response.status not in self.good
        return self._looks_wrong()

    def _looks_wrong(self) -> bool:
        """An error by its document: it has what every error has to have, or it fits nothing else."""
        known = schemas(self.home)
        needed = known.document("error.reply").get("required", [])
        if needed:
            return isinstance(self.tree, dict) and all(name in self.tree for name in needed)
        if self.response.status not in self.bad or self.tree is None:
            return False
        name = f"{stem(self.operation)}.reply"
        return name in known.names and bool(known.check(name, self.tree)) and not known.check("error.reply", self.tree)

    # --- what is wrong with it ----------------------------------------------------------------------

    def findings(self) -> Iterator[Finding]:
        yield from self._status()
        opaque = self._opaque()
        yield from self._content_type(opaque)
        yield from self._headers()
        if opaque or self.response.status in (204, 301, 302, 304):
            yield from self._empty()
            return
        if self.unreadable:
            yield self.wrong("body", BODY, f"expected {self._kind()}, found what can't be read: {self.unreadable}")
            return
        yield from (self.wrong(*each) for each in form.problems(self.call.wire, self.response, self.tree))
        yield from self._document()

    def wrong(self, rule: str, place: str, message: str, schema: str = "") -> Finding:
        return Finding(rule=rule, operation=self.operation, place=place, message=message, schema=schema)

    def _kind(self) -> str:
        return self.call.wire.content_type.partition(";")[0]

    def _status(self) -> Iterator[Finding]:
        status = self.response.status
        wanted = self.bad if self.is_error else self.good
        if status not in wanted:
            what = "an error to have one of" if self.is_error and status in self.good else "one of"
            known = ", ".join(map(str, sorted(wanted if status in self.good else wanted | self.good)))
            yield self.wrong("status", STATUS, f"expected {what} {known}; found {status}")

    def _opaque(self) -> bool:
        """Whether an answer of this kind may be something else than a document: a page, a file."""
        told = self.response.headers.get("Content-Type")
        return any(each.content_type and form.same_type(told, each.content_type) for each in self.like())

    def _content_type(self, opaque: bool) -> Iterator[Finding]:
        told, wanted = self.response.headers.get("Content-Type"), self.call.wire.content_type
        if opaque or not self.response.body or self.response.status == 204:
            return
        if not form.same_type(told, wanted):
            place = spot(HEADERS, ["Content-Type"])
            yield self.wrong("content_type", place, f"expected {short(wanted)}, found {short(told)}")

    def _headers(self) -> Iterator[Finding]:
        """Headers that every answer of the kind has."""
        like = self.like()
        for name in sorted(set.intersection(*(set(each.headers) for each in like)) if like else ()):
            values = {each.headers[name] for each in like}
            told = self.response.headers.get(name)
            place = spot(HEADERS, [name.title().replace("Www", "WWW")])
            if not told and name != "content-type":
                yield self.wrong("header", place, f"expected a header such as {short(min(values))}, it is missing")
            elif name == "www-authenticate" and told.split(" ")[0] not in {each.split(" ")[0] for each in values}:
                yield self.wrong("header", place, f"expected {short(min(values))}, found {short(told)}")

    def _empty(self) -> Iterator[Finding]:
        if self.response.status in (204, 304) and self.response.body:
            yield self.wrong("body", BODY, f"expected no body with {self.response.status}, found some")

    def _document(self) -> Iterator[Finding]:
        known = schemas(self.home)
        if self.schema not in known.names:
            return
        tree = {} if self.tree is None else self.tree
        flaws = known.flaws(self.schema, tree)
        yield from (of_flaw(flaw, "error" if self.is_error else "reply", self.operation, BODY) for flaw in flaws)
        if self.is_error:
            yield from self._code(tree)
        elif not flaws:
            json = "json" in self.call.wire.content_type
            any_kind = partial(_any_kind, self.home, self.schema)
            known_habits = habit.problems(
                self.home, self.operation, self.response.status, tree, json=json, any_kind=any_kind
            )
            yield from (self.wrong(*each) for each in known_habits)
            yield from (self.wrong(*each) for each in link.problems(self.dialect, self.call, tree))
            yield from (self.wrong(*each) for each in link.references(self.call, tree))

    def _code(self, tree: Any) -> Iterator[Finding]:
        """An error's code, and its status."""
        status, like = self.response.status, self.like()
        if path := code_path(self.home):
            told = value_at(tree, path)
            codes = {value_at(each.tree, path) for each in like} - {None}
            if told is not None and codes and told not in [*codes]:
                message = f"expected with {status} one of {', '.join(map(short, sorted(codes)))}; found {short(told)}"
                yield self.wrong("code", spot(BODY, path), message)
        elif isinstance(tree, dict) and tree:
            yield from self._key(next(iter(tree)), like)

    def _key(self, told: str, like: list[Example]) -> Iterator[Finding]:
        """Where the name of a field is the code: known ones have their statuses, others name what is wrong."""
        known = {next(iter(each.tree)) for each in (*self.refusals, *self.known) if each.error and each.tree}
        here = {next(iter(each.tree)) for each in like if each.tree}
        if told in known and told not in here and here:
            words = ", ".join(map(short, sorted(here)))
            yield self.wrong("code", spot(BODY, [told]), f"expected with {self.response.status} one of {words}")
