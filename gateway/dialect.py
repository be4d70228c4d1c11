"""The contract of a dialect: facts in tables, and the pure methods that follow from them.

A dialect turns a Request into a Call with an Intent, and a Result or a Fault back into a Response. It knows
no clock, no store and no socket. Subclasses state facts; they override a method only where a fact is odd.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from mediaglot.gateway.accounts import ANYBODY, Account
from mediaglot.gateway.auth import Auth, Credential
from mediaglot.gateway.errand import Client
from mediaglot.gateway.exchange import Headers, Intent, PutThing, Request, Response, Result, Thing
from mediaglot.gateway.faults import Fault, Forbidden, Unauthorized, UnknownAction, from_trouble
from mediaglot.gateway.ids import Ids
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Record, Tree, one
from mediaglot.gateway.model import (
    Delivery,
    Event,
    Job,
    Made,
    Notification,
    Output,
    Phase,
    Preset,
    Status,
    Ticket,
    Trouble,
)
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.paging import PageNumber
from mediaglot.gateway.routing import Routing, wanted
from mediaglot.gateway.trait import Complaint, Insistence, Knob, Sample, Sighting, chosen
from mediaglot.gateway.values import Table
from mediaglot.gateway.wire import Wire

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

State = tuple[Status, Phase | None]


class Link(Protocol):
    def __call__(
        self,
        path: str,
        *,
        filename: str = "",
        inline: bool = False,
        until: datetime | None = None,
        room: str = "outputs",
    ) -> str:
        """A signed URL, good for some minutes or ``until`` a time, for the path of a File. It is shown, or saved as
        ``filename``. ``room`` is uploads for what a client brought."""
        ...


@quick
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
    options: Mapping[str, str] = field(default_factory=dict)
    """The dialect's own, for ``Route.takes``."""
    link: Link | None = None
    found: Mapping[tuple[str, str], Thing | Ticket] = field(default_factory=dict)
    """The things that ``Dialect.beside`` asked for, by kind and id."""


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
    gives: Callable[[Any, Call, Any], Tree | Response]
    when: str | None = None
    status: int = 200
    public: bool = False
    guests: bool = False
    """Whether a request without any credential is welcome too."""
    scope: str = ""
    """What a token must allow; a token without scopes allows everything."""
    wire: Wire | None = None
    evidence: str = "documented"


__all__ = ["Call", "Complaint", "Dialect", "Insistence", "Knob", "Link", "Route", "Sample", "Sighting", "State"]


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
    source_ids: ClassVar[Ids | None] = None
    """How the ids of a job's sources look, for dialects that show them."""
    statuses: ClassVar[Table[State]]
    faults: ClassVar[Mapping[type[Fault], Complaint]]
    """Looked up along the fault's own line of classes, so ``Fault`` itself must have an entry."""
    routes: ClassVar[tuple[Route, ...]]
    sayings: ClassVar[tuple[str, ...]] = ()
    """Sentences of answers, as ``Order {id} is there``: what stands in the braces is told by nothing else."""
    kinds: ClassVar[Mapping[str, str]] = {}
    """The dialect's words for what a fault is about: job, output, preset."""
    knobs: ClassVar[Mapping[str, Knob]] = {}
    presets: ClassVar[tuple[Preset, ...]] = ()
    """Those that the provider brings for every account."""
    thing_ids: ClassVar[Mapping[str, Ids]] = {}
    """How the ids of a provider's own documents look, by kind."""
    things: ClassVar[tuple[Thing, ...]] = ()
    """Documents that the provider brings for every account."""
    dispensable: ClassVar[Mapping[str, bool]] = {}
    """Kinds of the account's own things that a job can be read without, where nobody knows them: ``settle`` then gets
    empty documents. And whether that changes the picture."""
    uploads: ClassVar[str] = ""
    """The kind of documents that announce a file. A new one gets the key ``upload``: the file is brought, as the
    field ``file`` of a form or as it is, to ``<site>/_mediaglot/uploads/<upload>``, and is a source as
    ``https://uploads.mediaglot.test/<upload>``. Once it has come, the document has its size as ``received``."""
    standing: ClassVar[str] = ""
    """The kind of documents that are subscriptions to the news of all of an account's jobs."""
    insistence: ClassVar[Insistence] = Insistence()
    checksums: ClassVar[frozenset[str]] = frozenset()
    """Which of ``md5`` and ``sha256`` it tells of finished files; others are not reckoned."""
    free_tokens: ClassVar[bool] = False
    """Whether a token that we did not issue is welcome, where no list of accounts says otherwise."""
    tenant_parameter: ClassVar[str] = ""
    """The parameter of paths that says whose account it is, where there is one."""
    signed_urls: ClassVar[bool] = False
    """Whether clients sign URLs: then the secrets that were traded for tokens are kept, to check signatures by."""
    paging: ClassVar[PageNumber | None] = None
    """How lists are cut, where they are."""
    quoted: ClassVar[frozenset[str]] = frozenset()
    """The outermost keys of requests whose unusable values the provider tells back; nobody puts a secret there."""
    output: ClassVar[Record[Output] | None] = None
    """The document of one output; where that takes several Records, ``read_output`` and ``write_output`` choose."""
    home: ClassVar[str] = ""
    """The package with the folders ``schemas/<name>`` and ``fixtures/<name>``; by default the class's top package."""
    sample: ClassVar[type[Sample] | None] = None
    """Shows how a client uses the dialect; ``mediaglot demo`` runs it."""
    client: ClassVar[type[Client] | None] = None
    """Speaks to the provider for us; without one nothing is translated into this dialect."""

    def __init__(self, **options: str) -> None:
        self.options = chosen(self.name, self.knobs, options)

    @cached_property
    def routing(self) -> Routing[Route]:
        return Routing(self.routes)

    # --- when we are the provider ----------------------------------------------------------------

    def open(self, request: Request) -> Call:
        """Decode a request, find its credential and its operation.

        Raises UnknownAction or MethodNotAllowed for its path, then Malformed, then Unauthorized. A verb that no route
        has is for ``read`` to complain of: who may not come in is not told what there is.
        """
        wire = self.wire.choose(request)
        candidates = self.routing.candidates(request, self.locate(request))
        chosen, given = candidates[0]
        if chosen.public and all(route.public for route, _ in candidates):
            return Call(request=request, wire=chosen.wire or wire, route=chosen, params=given, options=self.options)
        tree = wire.read(request)
        try:
            credential = self.auth.claim(request, tree)
        except Unauthorized as fault:
            if fault.data.get("reason") != "missing" or not all(route.guests for route, _ in candidates):
                raise
            credential = None
        route, params = wanted(candidates, self.verb(tree))
        return Call(
            request=request,
            wire=wire,
            route=route,
            tree=tree,
            params=params,
            credential=credential,
            options=self.options,
        )

    def verb(self, tree: Tree) -> str:
        """The operation that a document names, for dialects that have their verbs in the body."""
        return str(one(tree.get("action")) or "")

    def read(self, call: Call, ledger: Ledger) -> Intent:
        """What the client wants. Raises UnknownAction, or the BadRequest that names the field to change."""
        if call.route is None:
            raise UnknownAction(name=self.verb(call.tree) or call.request.path)
        takes = call.route.takes
        if isinstance(takes, Record):
            intent: Intent = takes.read({**call.tree, **call.params}, ledger)
            return intent
        return takes(call, ledger)

    def render_response(self, call: Call, result: Result | Fault) -> Response:
        if isinstance(result, Fault):
            return self.complain(call, result)
        assert call.route is not None  # noqa: S101
        try:
            given = call.route.gives(self, call, result)
        except Fault as fault:
            return self.complain(call, fault)
        return given if isinstance(given, Response) else self.respond(call, call.route.status, given)

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
        if (kind := words.get("kind")) is not None:
            words["kind"] = self.kinds.get(str(kind), kind)
        if (state := words.get("state")) in set(Status):
            words["state"] = self.state(Status(str(state)), None)
        return words

    def tenant(self, call: Call, account: Account) -> Account:
        """The account that a call is for, where its path names one; or checks of its right to be there.

        Raises Forbidden where the token does not allow the operation.
        """
        if call.route and call.route.scope and account.scopes and call.route.scope not in account.scopes:
            raise Forbidden(scope=call.route.scope)
        return account

    def settle(self, job: Job, found: Mapping[tuple[str, str], Thing]) -> Job:
        """``job`` with what its things say (profiles, pipelines). Raises a BadRequest for one that is missing."""
        return job

    def revise(self, intent: PutThing, earlier: Thing | None) -> Mapping[str, Any]:
        """The document to keep, from what was sent and the ``earlier`` thing that it changes. Raises a BadRequest."""
        return {**earlier.document, **intent.document} if earlier and intent.merge else dict(intent.document)

    def christen(self, job: Job, job_id: str) -> Job:
        """``job`` with what can only be said when it has its id: names and places."""
        return job

    def badges(self, output: Output) -> Mapping[str, Ids]:
        """Further ids that an output is given at submission, before its own one; they come as ``Made.ids``."""
        return {}

    def derive(self, ticket: Ticket) -> tuple[Thing, ...]:
        """Documents that follow from a ticket, written along with each of its steps.

        Of a deleted one: those that outlive it; the others go with it.
        """
        return ()

    def provided(self, account: Account) -> tuple[Thing, ...]:
        """What the provider brings for one account. Things without an owner stay as they are; of one that the account
        owns, a change makes a copy of its own."""
        return self.things

    def beside(self, call: Call, result: Result) -> tuple[tuple[str, str], ...]:
        """Kinds and ids of the things that an answer shows beside its result; what there is comes as ``call.found``.

        Asked again with what was found, until nothing new is wanted. ``job`` is a kind too, of tickets.
        """
        return ()

    def locate(self, request: Request) -> str:
        """The path that routes are looked up by."""
        return request.path

    def subscription(self, thing: Thing) -> Notification:
        """What a standing subscription wants to hear."""
        raise NotImplementedError

    def mint_token(self, chance: Random) -> str:
        """A new token's text."""
        return "".join(chance.choices("0123456789abcdef", k=64))

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

    def heard(self, word: str) -> State:
        """What a word for a state means; one that was never met is UNKNOWN, not a failure."""
        return self.statuses.read(word) if word in self.statuses else (Status.UNKNOWN, None)

    # --- documents and files -----------------------------------------------------------------------

    def read_output(self, tree: Tree, ledger: Ledger) -> Output:
        """The output that a document asks for. Raises a BadRequest, or NotImplementedError without ``output``."""
        if self.output is None:
            raise NotImplementedError(f"{self.name} has no document for an output")
        return self.output.read(tree, ledger)

    def write_output(self, output: Output, ledger: Ledger) -> Tree:
        """The document that asks for ``output``; what it can't say is in the ledger."""
        if self.output is None:
            raise NotImplementedError(f"{self.name} has no document for an output")
        return self.output.write(output, ledger)

    def material(self, kind: str) -> Traversable:
        """The folder of this dialect's ``schemas`` or ``fixtures``; it may be absent."""
        from importlib.resources import files  # noqa: PLC0415  (on first use: starting the program must stay cheap)

        return files(self.home or type(self).__module__.partition(".")[0]).joinpath(kind, self.name)
