"""The facts of the dialect: where it lives, its actions, its words for states and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final

from mediaglot.emulators.encoding_com import answer, notification
from mediaglot.emulators.encoding_com import request as ask
from mediaglot.emulators.encoding_com.client import Client
from mediaglot.emulators.encoding_com.document import read_format, write_format
from mediaglot.emulators.encoding_com.sample import Sample
from mediaglot.gateway import exchange, faults
from mediaglot.gateway.auth import BodyPair
from mediaglot.gateway.dialect import Call, Complaint, Dialect, Knob, Route, State
from mediaglot.gateway.exchange import Intent, Response
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.ids import Serial
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Record, Tree
from mediaglot.gateway.model import Output, Phase, Status
from mediaglot.gateway.values import Table
from mediaglot.gateway.wire.form import FormField
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.xml import Xml

LISTS: Final = frozenset({"media", "user", "ui"})
"""What clients take for a list even with one entry or none; section 3, rule 4."""
WIRE: Final = FormField(
    formats={
        "xml": Xml(root="query", answer_root="response", paired={"destination": "destination_status"}, lists=LISTS),
        "json": Json(root="query", answer_root="response", stringly=True, lists=LISTS),
    },
    otherwise="xml",
)

Takes = Record[Any] | Callable[..., Intent]
Gives = Callable[..., Tree]


def action(name: str, intent: type[Intent], takes: Takes, gives: Gives, evidence: str) -> Route:
    return Route(
        method="POST", path="/", name=name, when=name, intent=intent, takes=takes, gives=gives, evidence=evidence
    )


ACTIONS: Final = (
    action("AddMedia", exchange.CreateJob, ask.add_media, answer.added, "captured"),
    action("AddMediaBenchmark", exchange.CreateJob, ask.add_media_benchmark, answer.added, "captured"),
    action("UpdateMedia", exchange.UpdateJob, ask.update_media, answer.said("Updated"), "captured"),
    action("ProcessMedia", exchange.StartJob, ask.PROCESS, answer.said("Started"), "documented"),
    action("CancelMedia", exchange.DeleteJobs, ask.CANCEL, answer.said("Deleted"), "documented"),
    action("StopMedia", exchange.CancelJob, ask.STOP, answer.said("Stopped"), "client"),
    action("RestartMedia", exchange.RetryJob, ask.RESTART, answer.said("Restarted"), "client"),
    action("RestartMediaErrors", exchange.RetryJob, ask.RESTART_ERRORS, answer.said("Restarted"), "client"),
    action("RestartMediaTask", exchange.RetryJob, ask.RESTART_TASK, answer.said("Task restarted"), "client"),
    action("GetMediaList", exchange.ListJobs, ask.get_media_list, answer.listed, "documented"),
    action("GetStatus", exchange.GetJob, ask.get_status, answer.status, "seed"),
    action("GetMediaInfo", exchange.GetJob, ask.GET, answer.media_info, "captured"),
    action("GetMediaInfoEx", exchange.GetJob, ask.GET, answer.media_info_ex, "proposed"),
    action("SavePreset", exchange.PutPresets, ask.save_preset, answer.saved, "documented"),
    action("GetPreset", exchange.GetPreset, ask.GET_PRESET, answer.preset, "client"),
    action("GetPresetsList", exchange.ListPresets, ask.get_presets_list, answer.presets, "documented"),
    action("DeletePreset", exchange.DeletePreset, ask.DELETE_PRESET, answer.said("Deleted"), "client"),
    action("GetUserInfo", exchange.GetAccount, ask.ACCOUNT, answer.user_info, "documented"),
    action("GetReservedInfo", exchange.GetAccount, ask.ACCOUNT, answer.reserved_info, "documented"),
)

STATUS_PAGE: Final = Route(
    method="GET",
    path="/status.php",
    name="status.php",
    intent=exchange.Health,
    takes=ask.HEALTH,
    gives=answer.health,
    public=True,
    wire=Json(),
    evidence="client",
)

STATES: Final[Table[State]] = Table(
    {
        "New": (Status.QUEUED, None),
        "Downloading": (Status.RUNNING, Phase.FETCHING),
        "Ready to process": (Status.HELD, None),
        "Waiting for encoder": (Status.QUEUED, Phase.WAITING),
        "Processing": (Status.RUNNING, Phase.ENCODING),
        "Saving": (Status.RUNNING, Phase.STORING),
        "Finished": (Status.FINISHED, None),
        "Error": (Status.FAILED, None),
        "Stopped": (Status.CANCELLED, None),
        "Unknown": (Status.UNKNOWN, None),
    },
    also={"Stopped Perform": (Status.CANCELLED, None), "Closed": (Status.FINISHED, None)},
    said={
        (Status.RUNNING, None): "Processing",
        (Status.RUNNING, Phase.PROBING): "Ready to process",
        (Status.RUNNING, Phase.WAITING): "Waiting for encoder",
    },
)


def says(text: str, evidence: str = "proposed") -> Complaint:
    """Errors travel with HTTP 200."""
    return Complaint(200, text, evidence=evidence)


FAULTS: Final[dict[type[Fault], Complaint]] = {
    # Section 5: the texts that clients' tests hold. The others are ours, plain and in this one place.
    faults.Unauthorized: says("Wrong user id or key!", "client"),
    faults.Forbidden: says("Wrong user id or key!", "inferred"),
    faults.Malformed: says("Wrong query format", "client"),
    ask.NoSource: says("Source file is not indicated!", "client"),
    ask.NoFormats: says("No formats specified!", "client"),
    faults.SourceMissing: says("Download error:  The requested URL returned error: {status} {reason}", "captured"),
    ask.NotReady: says("Media info is not available yet for media {id}"),
    faults.Missing: says("Parameter {field} is missing"),
    faults.Invalid: says("Wrong value of parameter {field}: {reason}"),
    faults.UnknownAction: says("Unknown action: {name}"),
    faults.MethodNotAllowed: says("Method {name} is not allowed, use {allowed}"),
    faults.Unsupported: says("Not supported: {feature} {value}"),
    faults.TooLarge: says("The query is larger than {limit} bytes"),
    faults.TooSlow: says("The query was not complete after {seconds} seconds"),
    faults.BadRequest: says("Wrong query: {reason}"),
    faults.Lossy: says("Not possible without loss: {fields}"),
    faults.NotFound: says("There is no {kind} {id}"),
    faults.Conflict: says("This action is not possible for {kind} {id} in status {state}"),
    faults.Busy: Complaint(421, "Too many requests", evidence="proposed"),
    faults.SourceTimeout: says("Download error:  The source took longer than {seconds} seconds"),
    faults.SourceForbidden: says("Download error:  The source address is not allowed"),
    faults.SourceUnreachable: says("Download error:  The source cannot be reached ({reason})"),
    faults.SourceTooLarge: says("Download error:  The source is larger than {limit} bytes"),
    faults.SourceUnreadable: says("Source file is not a media file or is damaged"),
    faults.NoSuchTrack: says("Source file has no {kind} track"),
    faults.UnknownEncoder: says("Codec {codec} is not available"),
    faults.UnknownContainer: says("Output {container} is not available"),
    faults.CodecMismatch: says("Codec {codec} is not possible in {container}"),
    faults.NoSpace: says("No space left for the result"),
    faults.Stalled: says("Encoding made no progress for {seconds} seconds"),
    faults.TimedOut: says("Encoding took longer than {seconds} seconds"),
    faults.Killed: says("Encoding was interrupted"),
    faults.DeliveryForbidden: says("The destination is not allowed ({reason})"),
    faults.DeliveryFailed: says("Upload error: {reason}"),
    faults.WorkFault: says("Encoding error"),
    Fault: says("Internal error"),
}


class EncodingCom(Dialect):
    name: ClassVar[str] = "encoding_com"
    title: ClassVar[str] = "Encoding.com API (XML and JSON)"
    docs: ClassVar[str] = "https://api.encoding.com"
    hosts: ClassVar[tuple[str, ...]] = ("manage.encoding.com", "status.encoding.com")
    wire = WIRE
    auth = BodyPair(user="userid", key="userkey", token="oidc_refresh_token", user_pattern=r"\d{1,20}")  # noqa: S106
    job_ids = Serial(counter="encoding_com.media", start=5001)
    output_ids = Serial(counter="encoding_com.task", start=9001)
    statuses = STATES
    kinds: ClassVar[dict[str, str]] = {"job": "media", "output": "task"}
    faults = FAULTS
    knobs: ClassVar[dict[str, Knob]] = {
        "echo": Knob(("full", "short"), "GetStatus repeats all format parameters with defaults, or none"),
        "temporary_link": Knob(("s3", "cf"), "the prefix of the key that links a result without destination"),
    }

    routes = (*ACTIONS, STATUS_PAGE)
    paging = ask.PAGES
    sample = Sample
    client = Client

    render_notification = notification.render

    def read_output(self, tree: Tree, ledger: Ledger) -> Output:
        return read_format(tree, ledger)

    def write_output(self, output: Output, ledger: Ledger) -> Tree:
        return write_format(output, ledger)

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        return {"errors": {"error": text}}

    def respond(self, call: Call, status: int, tree: Tree) -> Response:
        """Actions on the account have a status, also when they fail (2.13)."""
        if "errors" in tree and call.route is not None and call.route.intent is exchange.GetAccount:
            tree = {"action": call.route.name.lower(), "status": "Error"} | tree
        return super().respond(call, status, tree)
