"""The contract of a dialect: facts in tables, and the pure methods that follow from them.

A dialect turns a Request into a Call with an Intent, and a Result or a Fault back into a Response. It knows
no clock, no store and no socket. Subclasses state facts; they override a method only where a fact is odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mediaglot.gateway.accounts import ANYBODY, Account
from mediaglot.gateway.auth import Auth, Credential
from mediaglot.gateway.exchange import Headers, Intent, Request, Response, Result
from mediaglot.gateway.faults import Fault, MethodNotAllowed, UnknownAction, from_trouble
from mediaglot.gateway.ids import Ids
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Record, Tree
from mediaglot.gateway.model import Delivery, Event, Made, Notification, Phase, Preset, Status, Ticket, Trouble
from mediaglot.gateway.values import Table
from mediaglot.gateway.wire import Wire

State = tuple[Status, Phase | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request on its way through: how it is written, which operation it wants, who sent it."""

    request: Request
    wire: Wire
    route: Route | None = None
    tree: Tree = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    credential: Credential | None = None
    account: Account = ANYBODY
    intent: Intent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation: where it lives, what it takes and what it gives.

    ``takes`` is a Record of the intent, or a function of the Call; ``gives`` makes the answer's document.
    ``when`` names the verb in the body where several operations share a path. ``public`` ones want neither a
    document nor a credential; ``wire`` is for answers written otherwise than the rest. ``evidence`` says how
    sure it is: seed, documented, captured, client, inferred or proposed.
    """

    method: str
    path: str
    name: str
    intent: type[Intent]
    takes: Record[Any] | Callable[[Call, Ledger], Intent]
    gives: Callable[[Any, Call, Any], Tree]
    when: str | None = None
    status: int = 200
    public: bool = False
    wire: Wire | None = None
    evidence: str = "documented"


@dataclass(frozen=True, slots=True)
class Complaint:
    """How a fault is told: HTTP status, the provider's code where it has codes, and a text with {fields}."""

    status: int
    text: str
    code: str = ""
    evidence: str = "inferred"

    def say(self, data: Mapping[str, Any]) -> str:
        return self.text.format_map(_Blank(data))


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Knob:
    """A choice between behaviours that the evidence leaves open; the first value is the default."""

    values: tuple[str, ...]
    about: str


class Dialect:
    """Base of all dialects. See the class attributes for the facts that one states."""

    name: ClassVar[str]
    title: ClassVar[str]
    docs: ClassVar[str] = ""
    hosts: ClassVar[tuple[str, ...]] = ()
    """The provider's own host names; a request with one in its Host header is for this dialect."""
    wire: ClassVar[Wire]
    auth: ClassVar[Auth]
    job_ids: ClassVar[Ids]
    output_ids: ClassVar[Ids]
    statuses: ClassVar[Table[State]]
    faults: ClassVar[Mapping[type[Fault], Complaint]]
    """Looked up along the fault's own line of classes, so ``Fault`` itself must have an entry."""
    routes: ClassVar[tuple[Route, ...]]
    kinds: ClassVar[Mapping[str, str]] = {}
    """The dialect's words for what a fault is about: job, output, preset."""
    knobs: ClassVar[Mapping[str, Knob]] = {}
    presets: ClassVar[tuple[Preset, ...]] = ()
    """Those that the provider brings for every account."""

    def __init__(self, **options: str) -> None:
        unknown = options.keys() - self.knobs.keys()
        if unknown:
            raise ValueError(f"{self.name} has no option {', '.join(sorted(unknown))}")
        for option, value in options.items():
            if value not in self.knobs[option].values:
                raise ValueError(f"{self.name}: {option} is one of {', '.join(self.knobs[option].values)}, not {value}")
        self.options = {name: options.get(name, knob.values[0]) for name, knob in self.knobs.items()}

    # --- when we are the provider ----------------------------------------------------------------

    def open(self, request: Request) -> Call:
        """Decode a request, find its credential and its operation.

        Raises Malformed, Unauthorized, UnknownAction or MethodNotAllowed, in that order of checks.
        """
        wire = self.wire.choose(request)
        candidates = self._candidates(request)
        if candidates and all(route.public for route, _ in candidates):
            route, params = candidates[0]
            return Call(request=request, wire=route.wire or wire, route=route, params=params)
        tree = wire.read(request)
        credential = self.auth.claim(request, tree)
        for route, params in candidates:
            if route.when is None or route.when.lower() == self.verb(tree).lower():
                return Call(request=request, wire=wire, route=route, tree=tree, params=params, credential=credential)
        raise UnknownAction(name=self.verb(tree) or request.path)

    def verb(self, tree: Tree) -> str:
        """The operation that a document names, for dialects that have their verbs in the body."""
        return str(tree.get("action") or "")

    def read(self, call: Call, ledger: Ledger) -> Intent:
        """What the client wants. Raises a BadRequest that names the field to change."""
        assert call.route is not None  # noqa: S101
        takes = call.route.takes
        if isinstance(takes, Record):
            intent: Intent = takes.read({**call.tree, **call.params}, ledger)
            return intent
        return takes(call, ledger)

    def render_response(self, call: Call, result: Result | Fault) -> Response:
        if isinstance(result, Fault):
            return self.complain(call, result)
        assert call.route is not None  # noqa: S101
        return self.respond(call, call.route.status, call.route.gives(self, call, result))

    def respond(self, call: Call, status: int, tree: Tree) -> Response:
        content_type = ("Content-Type", call.wire.content_type)
        return Response(status=status, headers=Headers(lines=(content_type,)), body=call.wire.write(tree))

    def complain(self, call: Call, fault: Fault) -> Response:
        complaint = self.complaint(fault)
        return self.respond(call, complaint.status, self.envelope(complaint, complaint.say(self.worded(fault.data))))

    def complaint(self, fault: Fault) -> Complaint:
        return next(self.faults[cls] for cls in type(fault).__mro__ if cls in self.faults)

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        """The document of an error."""
        raise NotImplementedError

    def describe(self, trouble: Trouble) -> str:
        """What the dialect says of a job's or an output's failure."""
        fault = from_trouble(trouble)
        return self.complaint(fault).say(self.worded(fault.data))

    def worded(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """A fault's data with kinds and states in the dialect's own words."""
        words = dict(data)
        kind, state = str(words.get("kind")), str(words.get("state"))
        words["kind"] = self.kinds.get(kind, kind)
        words["state"] = self.state(Status(state), None) if state in set(Status) else state
        return words

    def facets(self, ticket: Ticket) -> Mapping[str, str]:
        """Names and values that a job can be listed by, beside those that every ticket has."""
        return {}

    def render_notification(
        self,
        ticket: Ticket,
        notification: Notification,
        event: Event,
        base: str,
        subject: tuple[Made, Delivery | None] | None,
    ) -> Request | None:
        """The message to ``notification.target`` about ``event``; None where the dialect has none for it.

        ``subject`` is the output, and the delivery, that the event is about; None for the whole job.
        """
        return None

    def state(self, status: Status, phase: Phase | None) -> str:
        """The dialect's word for a state; a phase without a word of its own has its status's."""
        for key in ((status, phase), (status, None)):
            if key in self.statuses.meanings():
                return self.statuses.write(key)
        return self.statuses.write((Status.UNKNOWN, None))

    def _candidates(self, request: Request) -> Sequence[tuple[Route, Mapping[str, str]]]:
        on_path = [
            (route, match.groupdict())
            for route in self.routes
            if (match := _pattern(route.path).fullmatch(request.path))
        ]
        found = [(route, params) for route, params in on_path if route.method == request.method]
        if on_path and not found:
            raise MethodNotAllowed(
                name=request.method, allowed=", ".join(sorted({route.method for route, _ in on_path}))
            )
        if not found:
            raise UnknownAction(name=request.path)
        return found


_PATTERNS: dict[str, re.Pattern[str]] = {}


def _pattern(path: str) -> re.Pattern[str]:
    if path not in _PATTERNS:
        _PATTERNS[path] = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))
    return _PATTERNS[path]
