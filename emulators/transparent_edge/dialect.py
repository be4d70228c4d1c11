"""The facts of the dialect: where it lives, its routes, its words for states and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from mediaglot.emulators.transparent_edge import answer, document, order, profile
from mediaglot.emulators.transparent_edge import request as ask
from mediaglot.emulators.transparent_edge.client import Client
from mediaglot.emulators.transparent_edge.notification import render
from mediaglot.emulators.transparent_edge.sample import Sample
from mediaglot.gateway import exchange, faults
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.auth import HeaderToken
from mediaglot.gateway.dialect import Call, Complaint, Dialect, Insistence, Knob, Route, State
from mediaglot.gateway.exchange import Headers, Intent, PutThing, Request, Response, Thing
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.ids import Serial, Stamped
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Job, Notification, Output, Phase, Status, Ticket
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import Table
from mediaglot.gateway.wire.loose import Loose

MEDIA: Final = "/v1/media/{company_id}"
Gives = Callable[..., Any]


def route(method: str, path: str, name: str, intent: type[Intent], takes: Any, gives: Gives, *more: Any) -> Route:
    """``more`` is the evidence, and the status where it is not 200. What a token must allow follows from the method."""
    evidence, status = (*more, 200)[:2]
    scope = ("read" if method == "GET" else "write") if path.startswith(MEDIA) else ""
    facts: dict[str, Any] = {"public": path == TOKENS, "scope": scope, "evidence": evidence, "status": status}
    return Route(method=method, path=path, name=name, intent=intent, takes=takes, gives=gives, **facts)


SEED, TOLD, CLIENT = "seed", "documented", "client"
TOKENS: Final = "/v1/oauth2/access_token"
ORDERS, ORDER = f"{MEDIA}/transcode", f"{MEDIA}/transcode/{{order_id}}"
PROFILES, PROFILE = f"{MEDIA}/transcoding_profiles", f"{MEDIA}/transcoding_profile/{{id}}"
AGAIN, MINUTES = f"{MEDIA}/transcode_requeue/{{order_id}}", f"{MEDIA}/transcoding/consumed_minutes"
ONCE: Final = (
    route("POST", TOKENS, "token", exchange.IssueToken, ask.token, answer.token, TOLD),
    route("POST", "/v1/core/revoke_token", "revoke_token", exchange.RevokeToken, ask.revoke, answer.revoked, CLIENT),
    route("GET", "/v1/companies/current_user", "current_user", exchange.GetAccount, ask.WHO, answer.user, TOLD),
    route("POST", ORDERS, "create_order", exchange.CreateJob, order.create_order, answer.created, SEED, 201),
    route("GET", ORDERS, "list_orders", exchange.ListJobs, ask.list_orders, answer.listed, SEED),
    route("GET", ORDER, "get_order", exchange.GetJob, ask.ORDER, answer.detail, SEED),
    route("POST", AGAIN, "requeue_order", exchange.RetryJob, ask.REQUEUE, answer.requeued, TOLD),
    route("GET", PROFILES, "list_profiles", exchange.ListThings, ask.LIST_PROFILES, answer.profiles, CLIENT),
    route("POST", PROFILES, "create_profile", exchange.PutThing, ask.put_profile, answer.profile, CLIENT, 201),
    route("GET", PROFILE, "get_profile", exchange.GetThing, ask.GET_PROFILE, answer.profile, CLIENT),
    route("PUT", PROFILE, "update_profile", exchange.PutThing, ask.put_profile, answer.profile, CLIENT),
    route("DELETE", PROFILE, "delete_profile", exchange.DeleteThing, ask.DELETE_PROFILE, answer.gone, CLIENT, 204),
    route("GET", f"{MEDIA}/allowed_values", "allowed_values", exchange.Health, ask.NOTHING, answer.allowed, CLIENT),
    route("GET", MINUTES, "consumed_minutes", exchange.ListThings, ask.minutes, answer.minutes, CLIENT),
)

STATES: Final[Table[State]] = Table(
    {
        "QUEUED": (Status.QUEUED, None),
        "DOWNLOADING": (Status.RUNNING, Phase.FETCHING),
        "TRANSCODING": (Status.RUNNING, Phase.ENCODING),
        "UPLOADING": (Status.RUNNING, Phase.STORING),
        "FINISHED": (Status.FINISHED, None),
        "ERROR": (Status.FAILED, None),
        "CANCELLED": (Status.CANCELLED, None),  # no request of this API leads there
        "UNKNOWN": (Status.UNKNOWN, None),
    },
    also={"PENDING": (Status.QUEUED, None)},
    said={
        (Status.HELD, None): "QUEUED",
        (Status.RUNNING, None): "TRANSCODING",
        (Status.RUNNING, Phase.PROBING): "DOWNLOADING",
    },
)


def message(text: str, status: int = 400, evidence: str = "proposed") -> Complaint:
    """Errors have one key; which one is the complaint's code, but for those that are told by a field's name."""
    return Complaint(status, text, code="message", evidence=evidence)


def plain(text: str, status: int, evidence: str = "inferred") -> Complaint:
    return Complaint(status, text, code="detail", evidence=evidence)


FAULTS: Final[dict[type[Fault], Complaint]] = {
    # Section 1.3: statuses and keys have evidence there, the texts are the framework's or ours.
    faults.Unauthorized: plain("Authentication credentials were not provided.", 401),
    faults.Forbidden: plain("You do not have permission to perform this action.", 403),
    faults.NotFound: plain("Not found.", 404),
    faults.UnknownAction: plain("Not found.", 404),
    faults.MethodNotAllowed: plain('Method "{name}" not allowed.', 405),
    faults.TooLarge: plain("The request is larger than {limit} bytes.", 413),
    faults.TooSlow: plain("The request was not complete after {seconds} seconds.", 408),
    faults.Busy: plain("Request was throttled.", 429),
    profile.BadField: Complaint(400, "{field}: {reason}", code="field"),
    ask.BadGrant: message("The grant type is not supported"),
    ask.BadScope: message("The scope is not known"),
    faults.Malformed: message("The request is not valid {format}: {reason}"),
    faults.Missing: message("{field} is required"),
    faults.Invalid: message("{field}: {reason}"),
    faults.Unsupported: message("{feature} {value} is not supported"),
    faults.Conflict: message("Order {id} is {state}, it cannot be queued again"),
    faults.BadRequest: message("The request cannot be used. {reason}"),
    faults.SourceMissing: message("the origin answered {status} {reason}"),
    faults.SourceTimeout: message("the origin took longer than {seconds} seconds"),
    faults.SourceForbidden: message("the origin is not allowed"),
    faults.SourceUnreachable: message("the origin cannot be reached ({reason})"),
    faults.SourceTooLarge: message("the origin is larger than {limit} bytes"),
    faults.SourceUnreadable: message("the origin is not a media file or is damaged"),
    faults.NoSuchTrack: message("the origin has no {kind} track"),
    faults.UnknownEncoder: message("codec {codec} is not available"),
    faults.UnknownContainer: message("format {container} is not available"),
    faults.CodecMismatch: message("codec {codec} is not possible in {container}"),
    faults.Stalled: message("transcoding made no progress for {seconds} seconds"),
    faults.DeliveryForbidden: message("a destination is not allowed ({reason})"),
    faults.DeliveryFailed: message("an upload failed ({reason})"),
    faults.WorkFault: message("transcoding failed"),
    Fault: plain("A server error occurred.", 500),
}


class TransparentEdge(Dialect):
    name: ClassVar[str] = "transparent_edge"
    title: ClassVar[str] = "Transparent Edge transcoding API"
    docs: ClassVar[str] = "https://docs.transparentedge.eu"
    hosts: ClassVar[tuple[str, ...]] = ("api.transparentcdn.com",)
    wire = Loose(documents=frozenset({"order", "data", "filters"}), beside=frozenset({"data"}))
    auth = HeaderToken("Bearer")
    tenant_parameter: ClassVar[str] = "company_id"
    job_ids = Stamped()
    output_ids = Serial(counter="transparent_edge.job")
    thing_ids: ClassVar[dict[str, Serial]] = {ask.PROFILE: Serial(counter="transparent_edge.profile", start=31)}
    statuses = STATES
    kinds: ClassVar[dict[str, str]] = {"job": "order", "output": "job"}
    sayings = (answer.QUEUED, f"{answer.QUEUED} again")
    faults = FAULTS
    routes = tuple(replace(each, path=path) for each in ONCE for path in (each.path, f"{each.path}/"))
    sample = Sample
    client = Client
    insistence = Insistence(attempts=3, timeout=10.0)
    read_output = staticmethod(document.read_output)
    write_output = staticmethod(document.write_output)
    knobs: ClassVar[dict[str, Knob]] = {
        "order_body": Knob(("form", "any"), "an order comes in a form field; or also as JSON, or in the query"),
        "progress": Knob(("percent", "zero"), "a job's progress, or 0.0 to the end as in the documented example"),
        "callback": Knob(("POST", "GET"), "the method of callbacks; a GET has no body"),
        "priority": Knob(("honoured", "ignored"), "whether companies have the contract that priorities need"),
    }

    def tenant(self, call: Call, account: Account) -> Account:
        """Each company is a tenant of its own. A client whose id begins with a number and a slash has that one only."""
        account = super().tenant(call, account)
        company = call.params.get("company_id")
        if company is None:
            return account
        if not (company.isascii() and company.isdigit() and len(company) < 16):
            raise faults.NotFound(kind="company", id=company)
        own, slash, _ = account.user.partition("/")
        if slash and own.isdigit() and int(own) != int(company):
            raise faults.Forbidden(kind="company", id=company)
        return replace(account, id=f"{account.id}.{int(company)}")

    def settle(self, job: Job, found: Mapping[tuple[str, str], Thing]) -> Job:
        outputs: list[Output] = []
        for number, each in enumerate(job.outputs):
            if "profile_id" not in each.document:
                outputs.append(each)
                continue
            thing = found.get((ask.PROFILE, str(each.document["profile_id"])))
            if thing is None:
                raise faults.Invalid(field=f"jobs.{number}.profile_id", reason="there is no such profile")
            shown = {"id": int(thing.id), "name": thing.document["name"]}
            outputs += document.outfit(each, thing.document, shown)
        order.check_folders(outputs)
        return replace(job, outputs=tuple(outputs))

    def revise(self, intent: PutThing, earlier: Thing | None) -> Mapping[str, Any]:
        return profile.revised(intent.document, earlier.document if earlier else {})

    def derive(self, ticket: Ticket) -> tuple[Thing, ...]:
        spent = answer.consumed(ticket)
        return (Thing(kind=ask.MINUTES, id=ticket.id, document=spent),) if spent else ()

    def facets(self, ticket: Ticket) -> Mapping[str, str]:
        profiles = (output.document["profile"]["name"] for output, _ in answer.made(ticket))
        return {ask.ID: ticket.id, **{f"profile_name:{name}": "yes" for name in profiles}}

    def render_notification(self, ticket: Ticket, notification: Notification, *_: Any) -> Request:
        return render(self, ticket, notification)

    def complain(self, call: Call, fault: Fault) -> Response:
        if call.route is not None and call.route.path.rstrip("/") == TOKENS:
            complaint = next(ask.OAUTH[cls] for cls in type(fault).__mro__ if cls in ask.OAUTH)
            return self.respond(call, complaint.status, {"error": complaint.text})
        if isinstance(fault, profile.BadField):
            said = {str(fault.data.get("field", "non_field_errors")): [str(fault.data.get("reason", "Invalid."))]}
            return self.respond(call, 400, said)
        refusal = super().complain(call, fault)
        return replace(refusal, headers=Headers(lines=(*refusal.headers, *more_headers(fault))))

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        return {complaint.code: text}


def more_headers(fault: Fault) -> tuple[tuple[str, str], ...]:
    """Those that the framework adds."""
    if isinstance(fault, faults.Unauthorized):
        return (("WWW-Authenticate", 'Bearer realm="api"'),)
    if isinstance(fault, faults.MethodNotAllowed) and "allowed" in fault.data:
        return (("Allow", str(fault.data["allowed"])),)
    if isinstance(fault, faults.Busy) and "retry_after" in fault.data:
        return (("Retry-After", str(fault.data["retry_after"])),)
    return ()
