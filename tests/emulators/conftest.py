"""A ticket of this provider in any state, and its answers as a client reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from urllib.parse import quote_plus

import pytest
from lxml import etree

from mediaglot.emulators.encoding_com import Dialect
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import CreateJob, Request
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import (
    AudioFacts,
    Delivery,
    File,
    Made,
    MediaFacts,
    Phase,
    Source,
    Status,
    Step,
    Ticket,
    VideoFacts,
)

START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2020, 1, 2, 3, 5, 0, tzinfo=UTC)
FACTS = MediaFacts(
    container="mov",
    size=2_259_000,
    duration=Fraction(646483, 100),
    bitrate=1_807_400,
    video=(
        VideoFacts(
            codec="h264",
            profile="High",
            width=640,
            height=352,
            frame_rate=Fraction(24000, 1001),
            bitrate=1_679_000,
            duration=Fraction(10),
            pixel_aspect=Fraction(1),
            display_aspect=Fraction(20, 11),
            rotation=90,
        ),
    ),
    audio=(AudioFacts(codec="aac", sample_rate=48_000, channels=2, bitrate=128_000, duration=Fraction(10)),),
)


def post(field: str, query: dict[str, Any]) -> Request:
    text = json.dumps({"query": query}) if field == "json" else f"<query>{''.join(elements(query))}</query>"
    site = "https://gate.example"
    return Request(method="POST", body=f"{field}={quote_plus(text)}".encode(), base=f"{site}/encoding_com", site=site)


def elements(query: dict[str, Any]) -> list[str]:
    return [
        f"<{key}>{''.join(elements(item)) if isinstance(item, dict) else item}</{key}>"
        for key, value in query.items()
        for item in (value if isinstance(value, list) else [value])
    ]


class Client:
    """Asks the dialect for the answer to an action, given the result of a backend."""

    def __init__(self, **options: str) -> None:
        self.dialect = Dialect(**options)

    def call(self, action: str, field: str, query: dict[str, Any]) -> Call:
        request = post(field, {"userid": "7", "userkey": "k", "action": action, **query})
        call = self.dialect.open(request)
        return Call(**{name: getattr(call, name) for name in ("request", "wire", "route", "tree", "params")} | {
            "account": Account(id="7-abc", user="7"), "credential": call.credential,
        })  # fmt: skip

    def json(self, action: str, result: Any, **query: Any) -> Any:
        answer = self.dialect.render_response(self.call(action, "json", query), result)
        assert answer.status == 200
        assert list(json.loads(answer.body)) == ["response"]
        return json.loads(answer.body)["response"]

    def xml(self, action: str, result: Any, **query: Any) -> Any:
        answer = self.dialect.render_response(self.call(action, "xml", query), result)
        return etree.fromstring(answer.body)

    def job(self, *formats: dict[str, Any], source: Any = "http://u:p@h/in.mov", **query: Any) -> Any:
        """The job that a client's own words make."""
        document = {"userid": "7", "userkey": "k", "action": "AddMediaBenchmark", "source": source, **query}
        request = post("json", {**document, "format": list(formats)})
        intent = self.dialect.read(self.dialect.open(request), Ledger())
        assert isinstance(intent, CreateJob)
        return intent.job


def made(number: int, output: Any, status: Status, phase: Phase | None = None, **changes: Any) -> Made:
    facts: dict[str, Any] = {
        "id": str(9001 + number),
        "status": status,
        "phase": phase,
        "created": START,
        "deliveries": tuple(Delivery(location=location) for location in output.destinations),
        "history": (Step(at=START, status=Status.QUEUED),),
    }
    return Made(**{**facts, **changes})


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def client_with() -> type[Client]:
    return Client


@pytest.fixture
def facts() -> MediaFacts:
    return FACTS


@pytest.fixture
def new(client: Client) -> Callable[..., Ticket]:
    """A ticket just taken in, for formats as the client wrote them."""

    def build(*formats: dict[str, Any], changes: dict[str, Any] | None = None, **query: Any) -> Ticket:
        job = client.job(*formats, **query)
        facts: dict[str, Any] = {
            "id": "5001",
            "account": "7-abc",
            "dialect": "encoding_com",
            "job": job,
            "created": START,
            "sources": tuple(Source(id=str(index)) for index in range(len(job.inputs))),
            "outputs": tuple(made(number, output, Status.QUEUED) for number, output in enumerate(job.outputs)),
        }
        return Ticket(**{**facts, **(changes or {})})

    return build


@pytest.fixture
def done(client: Client) -> Callable[..., Ticket]:
    """A ticket at its end, every destination saved, or every file kept where there is none."""

    def build(*formats: dict[str, Any], changes: dict[str, Any] | None = None, **query: Any) -> Ticket:
        job = client.job(*formats, **query)
        outputs = tuple(
            made(
                number,
                output,
                Status.FINISHED,
                queued=START,
                started=START,
                finished=LATER,
                deliveries=tuple(Delivery(location=location, saved=True) for location in output.destinations),
                files=(File(path=f"room/{9001 + number}/out.mp4", size=4096, facts=FACTS),),
            )
            for number, output in enumerate(job.outputs)
        )
        facts: dict[str, Any] = {
            "id": "5001",
            "account": "7-abc",
            "dialect": "encoding_com",
            "job": job,
            "created": START,
            "started": START,
            "fetched": START,
            "stored": LATER,
            "finished": LATER,
            "status": Status.FINISHED,
            "previous": (Status.RUNNING, Phase.STORING),
            "progress": Fraction(1),
            "phase_progress": Fraction(1),
            "left": 0,
            "sources": tuple(Source(id=str(index), size=FACTS.size, facts=FACTS) for index in range(len(job.inputs))),
            "outputs": outputs,
        }
        return Ticket(**{**facts, **(changes or {})})

    return build
