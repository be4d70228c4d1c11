"""The facts of the dialect: its routes, its scopes, its words for errors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from random import Random
from string import ascii_letters, digits
from typing import Any, ClassVar, Final

from mediaglot.emulators.xvid_mediahub import answer, catalog, file
from mediaglot.emulators.xvid_mediahub import request as ask
from mediaglot.emulators.xvid_mediahub.client import Client
from mediaglot.emulators.xvid_mediahub.complaint import DENIED, FAULTS, INPUT, MODULES
from mediaglot.emulators.xvid_mediahub.document import read_output, write_output
from mediaglot.emulators.xvid_mediahub.sample import Sample
from mediaglot.emulators.xvid_mediahub.wire import WIRE
from mediaglot.gateway import exchange, faults
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.auth import HeaderToken, SignedQuery
from mediaglot.gateway.collection import Collection, Manner, lacking
from mediaglot.gateway.dialect import Call, Complaint, Insistence, Knob, Route
from mediaglot.gateway.exchange import Intent, Request, Response, Result, Thing, headers
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.ids import Ids, ObjectId
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Event, Job, Notification, Output, Ticket
from mediaglot.gateway.oauth import BadClient
from mediaglot.gateway.validated import Validated
from mediaglot.gateway.wire.choice import parameters

FRONT: Final = ObjectId("xvid_mediahub.front", "e4b097397e", 1)
"""Jobs, their inputs, and what clients make."""
BACK: Final = ObjectId("xvid_mediahub.back", "bd0740a744", 1)
"""What the transcoder makes: section 1.2."""


def route(line: str, name: str, intent: type[Intent], takes: Any, gives: Any, scope: str = "", **more: Any) -> Route:
    """The documented paths of collections end in a slash, which ``MediaHub.locate`` takes off."""
    method, _, path = line.partition(" ")
    more |= {"takes": takes, "gives": gives, "scope": scope}
    return Route(method=method, path=f"/v1{path}", name=name, intent=intent, **more)


def uses(pipeline: str) -> exchange.Filter:
    return exchange.Filter(facets={"pipeline.id": pipeline})


def ends(call: Call, ledger: Ledger) -> exchange.DeleteJobs:
    return exchange.DeleteJobs(ids=(ask.checked(call),))


MANNER: Final = Manner(ask.checked, answer.show, answer.envelope, answer.matches, answer.SUCCESS, ask.PAGES)
READ, WRITE, SUBMIT, GET = "mediahub_read", "mediahub_write", "mediahub_submit_jobs", "mediahub_download_files"
OWN: Final[Any] = {"reads": READ, "writes": WRITE}
ALL: Final = "list get post put delete"
own: Final = partial(Collection, MANNER, texts=catalog.TEXTS)
TEXTS, MORE = ("name", "description"), ("target_format", "settings")
SHELVES: Final = (
    own("template", "/v1/jobs/templates", ALL, (*TEXTS, "job_settings"), proposed="delete", **OWN),
    own("pipeline", "/v1/pipelines", ALL, catalog.PIPELINE, check=ask.check_pipeline, busy=uses, **OWN),
    own("preset", "/v1/presets", ALL, (*TEXTS, *MORE), check=ask.check_preset, guests="list", proposed="delete", **OWN),
    own("codec", "/v1/codecs", "list get", guests="list get"),
    own("user", "/v1/users", "list get put", catalog.OWN_USER, reads="me", writes="me"),
    own("application", "/v1/applications", "get", reads=READ, evidence="proposed"),
    own("file", "/v1/files", "list get put delete", ("title", "description", "user_data"), proposed="put", **OWN),
)
TOKEN, STREAM, SIGHT = exchange.IssueToken, exchange.StreamFiles, exchange.GetThing
ROUTES: Final = (
    route("POST /oauth2/token", "oauth2 token", TOKEN, ask.issue_token, answer.token, public=True),
    route("GET /jobs", "jobs list", exchange.ListJobs, ask.list_jobs, answer.jobs, READ, evidence="seed"),
    route("POST /jobs", "jobs post", exchange.CreateJob, ask.create_job, answer.job, SUBMIT, status=201),
    route("GET /jobs/{id}", "jobs get", exchange.GetJob, ask.one(exchange.GetJob), answer.job, READ, evidence="seed"),
    route("DELETE /jobs/{id}", "jobs delete", exchange.DeleteJobs, ends, lambda *_: answer.SUCCESS, WRITE),
    route("GET /files/downloads", "downloads get", SIGHT, ask.download, answer.download, GET),
    route("POST /files/uploads", "uploads post", exchange.PutThing, ask.start_upload, answer.upload, WRITE),
    route("GET /files/uploads/{id}", "uploads get", SIGHT, ask.one(SIGHT, kind="upload"), answer.upload, READ),
    route("PUT /files/uploads/{id}", "uploads put", exchange.PutThing, ask.finish_upload, answer.upload, WRITE),
    route("GET /playlists/hls.m3u8", "playlists hls", STREAM, ask.playlist, answer.playlist, GET),
    route("GET /playlists/dash.mpd", "playlists dash", STREAM, ask.playlist, answer.playlist, GET),
    *(each for shelf in SHELVES for each in shelf.routes()),
)
OF_ACCOUNT: Final = lru_cache(maxsize=256)(catalog.of_account)
COLLECTIONS: Final = frozenset(each.path for each in ROUTES if "{" not in each.path and "/playlists/" not in each.path)


class MediaHub(Validated):
    name: ClassVar[str] = "xvid_mediahub"
    title: ClassVar[str] = "Xvid MediaHub API v1"
    docs: ClassVar[str] = "https://mediahub.xvid.com/manual/api"
    hosts: ClassVar[tuple[str, ...]] = ("api.xvid.com",)
    wire = WIRE
    auth = SignedQuery(HeaderToken("Bearer", "access_token"), ("/v1/files/downloads", "/v1/playlists/"))
    signed_urls: ClassVar[bool] = True
    checksums: ClassVar[frozenset[str]] = frozenset({"md5"})
    job_ids = FRONT
    source_ids = FRONT
    output_ids = BACK
    thing_ids: ClassVar[Mapping[str, Ids]] = dict.fromkeys(("pipeline", "preset", "template", "upload"), FRONT)
    dispensable: ClassVar[Mapping[str, bool]] = {"pipeline": False, "preset": True}
    uploads: ClassVar[str] = "upload"
    insistence: ClassVar[Insistence] = Insistence(attempts=3)
    statuses = answer.STATES
    faults = FAULTS
    knobs: ClassVar[dict[str, Knob]] = {
        "strict_slash": Knob(("false", "true"), "Collections answer without their final slash too, or only with it"),
        "strict_grant": Knob(("false", "true"), "The grant may have its standard name too, or only the provider's"),
    }
    routes = ROUTES
    sample = Sample
    client = Client

    # --- requests ---------------------------------------------------------------------------------

    def locate(self, request: Request) -> str:
        strict = self.options["strict_slash"] == "true" and request.path in COLLECTIONS
        return "" if strict else request.path.removesuffix("/")

    def provided(self, account: Account) -> tuple[Thing, ...]:
        return (*catalog.SYSTEM, *OF_ACCOUNT(account))

    def settle(self, job: Job, found: Mapping[tuple[str, str], Thing]) -> Job:
        return ask.settle(job, found)

    def christen(self, job: Job, job_id: str) -> Job:
        return ask.christen(job, job_id)

    def badges(self, output: Output) -> Mapping[str, Ids]:
        rows = [f"thumbnails.{number}" for number in range(len(output.stills))]
        return dict.fromkeys(["zip", *rows], BACK) if rows else {}

    def derive(self, ticket: Ticket) -> tuple[Thing, ...]:
        return file.derive(ticket)

    def facets(self, ticket: Ticket) -> Mapping[str, str]:
        said = ticket.job.document
        texts = {key: str(said[key] or "") for key in ("user_data", "unique_custom_key", "title")}
        name = ask.input_name(ticket.job).lower()
        autograph = str(said["autograph"] is not None).lower()
        return texts | {ask.NAME: name, "pipeline.id": said["pipeline"], "autograph": autograph}

    def mint_token(self, chance: Random) -> str:
        return "".join(chance.choices(f"{ascii_letters}{digits}-_", k=64))

    # --- answers ----------------------------------------------------------------------------------

    def respond(self, call: Call, status: int, tree: Tree) -> Response:
        return super().respond(call, status, answer.finish(call, tree)[0])

    def beside(self, call: Call, result: Result) -> tuple[tuple[str, str], ...]:
        asked = {"expand", "expand_all", "bin_data"} & parameters(call.request).keys()
        return lacking(self, call, result, lambda tree: answer.finish(call, tree)[1]) if asked else ()

    def complain(self, call: Call, fault: Fault) -> Response:
        """Codes and texts hang on the module that was asked: section 1.7."""
        complaint = self.complaint(fault)
        status, text, code = complaint.status, complaint.text, complaint.code
        _, _, room, *rest = [*call.request.path.split("/"), "", ""]
        room = "templates" if room == "jobs" and rest[0] == "templates" else room
        invalid, absent, missing = MODULES.get(room, MODULES["jobs"])
        if code == "invalid" or (isinstance(fault, faults.Forbidden) and "kind" in fault.data):
            status, text, code = INPUT.status, INPUT.text, invalid
        elif code == "absent":
            text, code = missing, absent
        elif room == "oauth2" and code == DENIED:
            text = FAULTS[BadClient].text
        return self.respond(call, status, self.envelope(Complaint(status, text, code), text))

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        return {"error": {"error_code": complaint.code, "error_message": text}}

    def render_notification(
        self, ticket: Ticket, notification: Notification, event: Event, base: str, subject: Any
    ) -> Request | None:
        """A ping is what a look at the job would tell."""
        call, tree = Call(request=Request(base=base), wire=WIRE), {"job": answer.job_tree(f"{base}/v1", ticket)}
        body = WIRE.write(answer.finish(call, tree)[0])
        return Request(method="POST", headers=headers(content_type=WIRE.content_type), body=body)

    def read_output(self, tree: Tree, ledger: Ledger) -> Output:
        return read_output(tree, ledger)

    def write_output(self, output: Output, ledger: Ledger) -> Tree:
        return write_output(output, ledger)
