"""The facts of the dialect: where it lives, its operations, its words for states and errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, NoReturn

from mediaglot.emulators.tpstreams import answer, manners, wire
from mediaglot.emulators.tpstreams import request as ask
from mediaglot.emulators.tpstreams.client import Client
from mediaglot.emulators.tpstreams.document import FOLDERS, NAME, OUTPUT, furnish
from mediaglot.emulators.tpstreams.facts import LOGINS
from mediaglot.emulators.tpstreams.fields import WrongFields
from mediaglot.emulators.tpstreams.sample import Sample
from mediaglot.gateway import exchange, faults
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.auth import HeaderToken
from mediaglot.gateway.dialect import Call, Complaint, Dialect, Insistence, Knob, Route, State
from mediaglot.gateway.exchange import Headers, Intent, Request, Response, Thing, headers
from mediaglot.gateway.faults import Fault, MethodNotAllowed, NotFound, Unauthorized, UnknownAction
from mediaglot.gateway.ids import Drawn, Uuid
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import (
    Access,
    Delivery,
    Event,
    Job,
    Location,
    Made,
    Notification,
    Secret,
    Status,
    Ticket,
)
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import Table

ORGANIZATION: Final = re.compile(r"[a-z0-9]{6}")
SYMBOLS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
JOBS: Final = "/api/v1/{organization}/transcoding_jobs/"
HOOKS: Final = "/api/v1/{organization}/webhooks/"
SAFE: Final = frozenset({"GET", "DELETE"})
"""Methods whose body nobody looks at."""

Takes = Callable[[Call, Ledger], Intent]
Gives = Callable[[Any, Call, Any], Tree | Response]


def route(
    method: str,
    path: str,
    name: str,
    intent: type[Intent],
    takes: Takes,
    gives: Gives,
    status: int = 200,
    evidence: str = "documented",
    public: bool = False,
) -> Route:
    return Route(
        method=method,
        path=path,
        name=name,
        intent=intent,
        takes=takes,
        gives=gives,
        status=status,
        evidence=evidence,
        public=public,
    )


LOGIN: Final = route(
    "POST", "/api/auth/login/", "Login", exchange.IssueToken, ask.login, answer.token, evidence="client", public=True
)
ROUTES: Final = (
    LOGIN,
    route("POST", "/api/auth/logout/", "Logout", exchange.RevokeToken, ask.logout, answer.nothing, 204),
    route(
        "GET", "/api/v1/organizations/", "Organizations", exchange.GetAccount, ask.organizations, answer.organizations
    ),
    route("GET", JOBS, "ListJobs", exchange.ListJobs, ask.listed, answer.jobs, evidence="seed"),
    route("POST", JOBS, "CreateJob", exchange.CreateJob, ask.create, answer.one, 201),
    route("GET", f"{JOBS}{{id}}/", "GetJob", exchange.GetJob, ask.get, answer.one, evidence="seed"),
    route("DELETE", f"{JOBS}{{id}}/", "CancelJob", exchange.CancelJob, ask.cancel, answer.cancelled),
    route("GET", HOOKS, "ListWebhooks", exchange.ListThings, ask.webhooks, answer.webhooks),
    route("POST", HOOKS, "CreateWebhook", exchange.PutThing, ask.put_webhook, answer.webhook, 201),
    route("GET", f"{HOOKS}{{id}}/", "GetWebhook", exchange.GetThing, ask.get_webhook, answer.webhook, 200, "proposed"),
    route("PUT", f"{HOOKS}{{id}}/", "ReplaceWebhook", exchange.PutThing, ask.put_webhook, answer.webhook),
    route("DELETE", f"{HOOKS}{{id}}/", "DeleteWebhook", exchange.DeleteThing, ask.delete_webhook, answer.nothing, 204),
)

STATES: Final[Table[State]] = Table(
    {
        "Queued": (Status.QUEUED, None),
        "Transcoding": (Status.RUNNING, None),
        "Completed": (Status.FINISHED, None),
        "Error": (Status.FAILED, None),
        "Cancelled": (Status.CANCELLED, None),
        "Unknown": (Status.UNKNOWN, None),
    },
    also={"Uploading": (Status.RUNNING, None), "Processing": (Status.RUNNING, None)},
    said={(Status.HELD, None): "Queued"},
)


class NoOrganization(NotFound):
    """There is no such organization, or none that the token opens."""

    code = "no_organization"


def says(text: str, evidence: str = "proposed", status: int = 400) -> Complaint:
    return Complaint(status, text, evidence=evidence)


def refuses(text: str) -> Complaint:
    return Complaint(401, text, evidence="inferred")


UNREACHABLE: Final = says("The specified input URL does not exist or cannot be accessed", "seed")
REASONS: Final = {
    "missing": refuses("Authentication credentials were not provided."),
    "empty": refuses("Invalid token header. No credentials provided."),
    "spaces": refuses("Invalid token header. Token string should not contain spaces."),
}
FAULTS: Final[dict[type[Fault], Complaint]] = {
    # Section 1.3. The key of a text is its Complaint's code, "detail" without one.
    Unauthorized: refuses("Invalid token."),
    faults.Forbidden: says("You do not have permission to perform this action.", "inferred", 403),
    NotFound: says("Not found.", "documented", 404),
    ask.InvalidPage: says("Invalid page.", "inferred", 404),
    MethodNotAllowed: says('Method "{name}" not allowed.', "inferred", 405),
    UnknownAction: says("The requested resource was not found on this server.", "documented", 404),
    wire.NotJson: says("JSON parse error - {reason}", "inferred"),
    wire.NotAnObject: Complaint(400, "Invalid data. Expected a dictionary, but got {got}.", "non_field_errors"),
    wire.NoData: Complaint(400, "No data provided", "non_field_errors"),
    wire.UnsupportedType: says('Unsupported media type "{media_type}" in request.', "inferred", 415),
    manners.NotAcceptable: says("Could not satisfy the request Accept header.", "inferred", 406),
    WrongFields: Complaint(400, "Invalid input.", "non_field_errors"),
    faults.Missing: says("This field is required.", "documented"),
    faults.Conflict: Complaint(200, "Job is already completed.", "message", "documented"),
    faults.Busy: says("Request was throttled.", "proposed", 429),
    faults.TooLarge: says("The request is larger than {limit} bytes.", status=413),
    faults.TooSlow: says("The request was not complete after {seconds} seconds.", status=408),
    faults.Lossy: says("Not possible without loss: {fields}"),
    faults.BadRequest: says("Invalid input."),
    # What ends a job: only the first is known, the others are ours.
    faults.SourceMissing: UNREACHABLE,
    faults.SourceUnreachable: UNREACHABLE,
    faults.SourceTooLarge: says("The input file is too large"),
    faults.SourceUnreadable: says("The input file could not be read as a video"),
    faults.NoSuchTrack: says("The input file has no {kind}"),
    faults.DeliveryFailed: says("The output could not be saved to the output path"),
    faults.WorkFault: says("The video could not be transcoded"),
    Fault: says("Internal server error.", "proposed", 500),
}

HEARD: Final = frozenset({Event.STARTED, Event.FINISHED, Event.FAILED})


class TPStreams(Dialect):
    name: ClassVar[str] = NAME
    title: ClassVar[str] = "TPStreams transcoding jobs (v1)"
    docs: ClassVar[str] = "https://developer.tpstreams.com"
    hosts: ClassVar[tuple[str, ...]] = ("app.tpstreams.com",)
    wire = wire.Documents()
    auth = HeaderToken("Token")
    free_tokens: ClassVar[bool] = True
    tenant_parameter: ClassVar[str] = "organization"
    job_ids = Drawn(SYMBOLS, 11)
    output_ids = Drawn(SYMBOLS, 11)
    thing_ids: ClassVar[Mapping[str, Uuid]] = {ask.WEBHOOK: Uuid()}
    standing: ClassVar[str] = ask.WEBHOOK
    insistence: ClassVar[Insistence] = Insistence(attempts=4, timeout=10.0, taken=range(200, 500))
    statuses = STATES
    faults = FAULTS
    routes = ROUTES
    quoted: ClassVar[frozenset[str]] = frozenset({"resolutions"})
    output = OUTPUT
    sample = Sample
    client = Client
    knobs: ClassVar[dict[str, Knob]] = {
        "cancel_completed": Knob(("200", "400"), "the status of the answer to cancelling a completed job"),
        "lowercase_status": Knob(("no", "webhook", "webhook_and_list"), "where states are written in lower case"),
        "duration": Knob(("text", "seconds"), "video_duration as 00:01:43 or as 103"),
        "page_size": Knob(("20", "2", "10", "25", "40"), "jobs on a page"),
        "webhook_queued": Knob(("yes", "no"), "whether webhooks hear of a new job"),
        "webhook_cancelled": Knob(("no", "yes"), "whether webhooks hear of a cancelled job"),
        "echo": Knob(("input_url", "input_path"), "the key that answers have a source from input_path under"),
        "resolutions": Knob(("documented", "assets", "all"), "which are accepted: also 540p, also 1440p and 2160p"),
        "zone": Knob(("Asia/Kolkata", "UTC"), "the zone of all times"),
        "layout": Knob(tuple(FOLDERS), "rendition folders: 240p_h264_hls, 240p_hls or 240p"),
        "empty_resolutions": Knob(("refused", "every"), "what an empty list of resolutions means"),
        "drm": Knob(
            ("clear", "aes128"), "what enable_drm does to the output: nothing, or AES-128 with a key beside it"
        ),
        "storage": Knob(("configured", "required"), "whether output_path may come without credentials"),
    }

    # --- a request on its way in ------------------------------------------------------------------

    def open(self, request: Request) -> Call:
        """The framework's order: path, Accept, credential; then, in ``read``, method and body."""
        on_path = self.routing.on_path(request.path)
        if not on_path:
            raise UnknownAction(name=request.path)
        if not manners.acceptable(request):
            raise manners.NotAcceptable
        method = "GET" if request.method == "HEAD" else request.method
        found, params = next(((each, params) for each, params in on_path if each.method == method), on_path[0])
        public = all(each.public for each, _ in on_path)
        credential = None if public else self.auth.claim(request, {})
        tree: Tree = {}
        if found.method != method:
            found = replace(found, takes=raising(MethodNotAllowed(name=request.method)))
        elif method not in SAFE:
            try:
                tree = self.wire.read(request)
            except Fault as fault:
                found = replace(found, takes=raising(fault))
        call = Call(request=request, wire=self.wire, route=found, tree=tree, params=params, options=self.options)
        return replace(call, credential=credential)

    def tenant(self, call: Call, account: Account) -> Account:
        """A token that was issued for an organization opens that one, one that nobody issued opens all."""
        organization = call.params.get("organization")
        if organization is None:
            return Account(id=account.user or account.id, user=account.user)
        if account.user not in ("", organization) or not ORGANIZATION.fullmatch(organization):
            raise NoOrganization(kind="organization", id=organization)
        return Account(id=organization, user=organization)

    # --- an answer on its way out -----------------------------------------------------------------

    def respond(self, call: Call, status: int, tree: Tree) -> Response:
        lines = [] if status == 204 else [("Content-Type", call.wire.content_type)]
        if status == 401:
            lines.append(("WWW-Authenticate", "Token"))
        lines += [("Allow", ", ".join(self._allowed(call.request.path))), ("Vary", "Accept")]
        body = b"" if status == 204 else call.wire.write(tree)
        return Response(status=status, headers=Headers(lines=tuple(lines)), body=body)

    def complain(self, call: Call, fault: Fault) -> Response:
        if isinstance(fault, NoOrganization):
            return manners.not_found()
        if isinstance(fault, UnknownAction):
            known = self._allowed(f"{call.request.path}/")
            return manners.with_slash(self, call.request) if known else manners.not_found()
        if isinstance(fault, WrongFields) and fault.data.get("errors"):
            return self.respond(call, 400, fault.data["errors"])
        complaint = self.complaint(fault)
        if call.route is not None and call.route.name == LOGIN.name:
            complaint = LOGINS.get(type(fault), complaint)
        if isinstance(fault, faults.Conflict):
            complaint = replace(complaint, status=int(self.options["cancel_completed"]))
        text = complaint.say(self.worded(fault.data))
        field = fault.data.get("field") if isinstance(fault, faults.BadRequest) else None
        return self.respond(call, complaint.status, {field: [text]} if field else self.envelope(complaint, text))

    def complaint(self, fault: Fault) -> Complaint:
        if isinstance(fault, Unauthorized):
            return REASONS.get(str(fault.data.get("reason")), FAULTS[Unauthorized])
        return super().complaint(fault)

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        key = complaint.code or "detail"
        return {key: [text] if key == "non_field_errors" else text}

    def _allowed(self, path: str) -> Sequence[str]:
        """The methods of a path; none for one that is not there."""
        on_path = self.routing.on_path(path)
        methods = [
            method for method in ("GET", "POST", "PUT", "DELETE") if method in {each.method for each, _ in on_path}
        ]
        return [*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"] if methods else []

    # --- jobs ---------------------------------------------------------------------------------------

    def settle(self, job: Job, found: Mapping[tuple[str, str], Thing]) -> Job:
        return furnish(job, self.options["layout"])

    def facets(self, ticket: Ticket) -> Mapping[str, str]:
        return {"enable_drm": "true" if ticket.job.document.get("enable_drm") else "false"}

    # --- news ---------------------------------------------------------------------------------------

    def subscription(self, thing: Thing) -> Notification:
        events = HEARD
        if self.options["webhook_queued"] == "yes":
            events |= {Event.QUEUED}
        if self.options["webhook_cancelled"] == "yes":
            events |= {Event.CANCELLED}
        access = Access(password=Secret(thing.document["secret_token"]))
        return Notification(target=Location(url=thing.document["url"], access=access), events=events)

    def render_notification(
        self,
        ticket: Ticket,
        notification: Notification,
        event: Event,
        base: str,
        subject: tuple[Made, Delivery | None] | None,
    ) -> Request | None:
        """The job object, with the webhook's secret in a header: the service signs nothing (4.2)."""
        access = notification.target.access
        if access is None or access.password is None:
            return None
        tree = answer.job(self, ticket, lower=self.options["lowercase_status"] != "no")
        lines = (*headers(content_type=wire.JSON).lines, ("x-streams-token", access.password.reveal()))
        return Request(method="POST", headers=Headers(lines=lines), body=self.wire.write(tree))


def raising(fault: Fault) -> Takes:
    def takes(call: Call, ledger: Ledger) -> NoReturn:
        raise fault

    return takes
