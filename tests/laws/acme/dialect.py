"""A provider that there isn't, in one file: what a newcomer has to say, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Generator
from fractions import Fraction
from typing import Any

from mediaglot.gateway.auth import BodyPair
from mediaglot.gateway.dialect import Call, Complaint, Dialect, Route, Sighting
from mediaglot.gateway.exchange import CancelJob, CreateJob, GetJob, ListJobs, Page, Request, Response
from mediaglot.gateway.faults import Fault, NotFound, Unauthorized
from mediaglot.gateway.ids import Serial
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Inline, Nested, Record, Tree
from mediaglot.gateway.model import Audio, Input, Job, Output, Phase, Size, Status, Ticket, Video
from mediaglot.gateway.paging import PageNumber
from mediaglot.gateway.values import KILOBITS, LOCATION, NATURAL, Table, names
from mediaglot.gateway.wire.json import Json

from .client import Client

OUTPUT = Record(
    Output,
    Field("format", "container", names("mp4 webm")),
    Inline(
        "video",
        Record(
            Video,
            Field("codec", "codec", Table({"AVC": "h264", "VP9": "vp9"})),
            Nested("size", "size", Record(Size, Field("w", "width", NATURAL), Field("h", "height", NATURAL))),
        ),
    ),
    Inline("audio", Record(Audio, Field("audio_rate", "bitrate", KILOBITS))),
)
PAGES = PageNumber(page="page", size="size", default=10, least=1, most=50)


def read_job(call: Call, ledger: Ledger) -> CreateJob:
    source = Record(Input, Field("source", "location", LOCATION), open_keys=True).read(call.tree, ledger)
    output = OUTPUT.read(call.tree.get("make", {}), ledger)
    return CreateJob(job=Job(inputs=(source,), outputs=(output,), label=call.tree.get("note") or None))


def read_list(call: Call, ledger: Ledger) -> ListJobs:
    return ListJobs(window=PAGES.window(call.tree, sort="created", descending=True))


def shown(dialect: Dialect, call: Call, ticket: Ticket) -> Tree:
    files = [file.path for made in ticket.outputs for file in made.files]
    return {
        "job": ticket.id,
        "state": dialect.state(ticket.status, ticket.phase),
        "files": [f"{call.request.site}/_mediaglot/outputs/{path}" for path in files],
        "trouble": dialect.describe(ticket.trouble) if ticket.trouble else "",
    } | ({"note": ticket.job.label} if ticket.job.label else {})


def listed(dialect: Dialect, call: Call, page: Page[Ticket]) -> Tree:
    return {"jobs": [shown(dialect, call, ticket) for ticket in page.items], "of": page.total}


def route(path: str, intent: Any, takes: Any, gives: Any) -> Route:
    return Route(
        method="POST", path=f"/{path}", name=path, intent=intent, takes=takes, gives=gives, evidence="proposed"
    )


class Sample:
    """A client of it."""

    def create(self, source: str) -> Generator[Request, Response, str]:
        size = {"w": 160, "h": 90}
        return str((yield from ask("make", source=source, make={"format": "mp4", "size": size}))["job"])

    def status(self, job_id: str) -> Generator[Request, Response, Sighting]:
        seen = yield from ask("look", job=job_id)
        done = Fraction(seen["state"] == "done")
        return Sighting(word=seen["state"], progress=done, results=tuple(seen["files"]), detail=seen["trouble"])


def ask(path: str, **fields: Any) -> Generator[Request, Response, Tree]:
    body = json.dumps({"user": "ann", "key": "demo", **fields}).encode()
    answer = yield Request(method="POST", path=f"/{path}", body=body)
    found: Tree = json.loads(answer.body)
    if answer.status != 200:
        raise ValueError(found["error"])
    return found


class Acme(Dialect):
    name, title = "acme", "Acme Encoder"
    home = __package__ or ""
    wire = Json()
    auth = BodyPair(user="user", key="key")
    job_ids = output_ids = Serial(counter="acme")
    statuses = Table(
        {
            "waiting": (Status.QUEUED, None),
            "held": (Status.HELD, None),
            "busy": (Status.RUNNING, None),
            "storing": (Status.RUNNING, Phase.STORING),
            "done": (Status.FINISHED, None),
            "failed": (Status.FAILED, None),
            "gone": (Status.CANCELLED, None),
            "odd": (Status.UNKNOWN, None),
        }
    )
    faults = {  # noqa: RUF012
        Unauthorized: Complaint(401, "Who are you?"),
        NotFound: Complaint(404, "There is no {kind} {id}"),
        Fault: Complaint(400, "Sorry: {reason}"),
    }
    paging = PAGES
    output = OUTPUT
    sample = Sample
    client = Client
    routes = (
        route("make", CreateJob, read_job, shown),
        route("look", GetJob, Record(GetJob, Field("job", "id"), open_keys=True), shown),
        route("list", ListJobs, read_list, listed),
        route("stop", CancelJob, Record(CancelJob, Field("job", "id"), open_keys=True), lambda *_: {"stopped": True}),
    )

    def envelope(self, complaint: Complaint, text: str) -> Tree:
        return {"error": text}
