"""The client: what it asks, and what it makes of documented, captured and broken answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from mediaglot.emulators.encoding_com.dialect import EncodingCom
from mediaglot.gateway.errand import Artifact, Errand, Glimpse, Pass, Placed
from mediaglot.gateway.exchange import Request, Response, headers
from mediaglot.gateway.faults import Conflict, Malformed, NotFound, Refused, Unauthorized, Unavailable
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import (
    SKIP,
    Clip,
    Event,
    Input,
    Job,
    Location,
    Notification,
    Output,
    Phase,
    Status,
    Trouble,
)
from mediaglot.gateway.testing.case import read_response
from mediaglot.gateway.translation import client_of, entered
from mediaglot.gateway.wire.xml import Xml

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "encoding_com"
DIALECT = EncodingCom()
SOURCE = Location(url="http://a.example/in.mov")
PLACED = Placed(id="5001")


def permit() -> Pass:
    return entered(DIALECT)


def client(**options: str) -> Any:
    return client_of(DIALECT, options)


def fixture(name: str) -> Response:
    return read_response((FIXTURES / name / "response.http").read_bytes())


def answered(errand: Errand[Any], *responses: Response) -> Any:
    """What an errand comes to when it is answered so."""
    next(errand)
    try:
        for response in responses:
            errand.send(response)
    except StopIteration as end:
        return end.value
    raise AssertionError("it asks for more")


def told(document: Mapping[str, Any]) -> Response:
    return Response(body=json.dumps({"response": document}).encode())


def query(request: Request) -> Any:
    ((kind, (text,)),) = parse_qs(request.body.decode()).items()
    return json.loads(text)["query"] if kind == "json" else Xml("query", "response").read_text(text.encode())


# --- what is asked ------------------------------------------------------------------------------------


def asked(job: Job, **more: str) -> Any:
    return query(next(client(format="json").create(permit(), job, Ledger(), **more)))


def test_a_job_in_full() -> None:
    told_of = Notification(target=SOURCE, events=frozenset({Event.FINISHED, Event.DELIVERED}))
    job = Job(
        inputs=(Input(location=SOURCE, clip=Clip(start=Fraction(1), end=Fraction(5, 2))), Input(location=SOURCE)),
        outputs=(Output(container="webm", destinations=(SOURCE,)),),
        notifications=(told_of,),
        priority=-3,
        tags={"film": "one"},
    )
    assert asked(job) == {
        "userid": "100",
        "userkey": client().example.secret.reveal(),
        "action": "AddMedia",
        "source": ["http://a.example/in.mov?start=1&end=2.5", "http://a.example/in.mov"],
        "priority": "-3",
        "meta": {"film": "one"},
        "notify": ["http://a.example/in.mov"],
        "notify_upload": ["http://a.example/in.mov"],
        "format": [{"destination": ["http://a.example/in.mov"], "output": "webm"}],
    }


def test_marker_and_listener_go_along() -> None:
    job = Job(inputs=(Input(location=SOURCE),), outputs=(Output(), Output(video=SKIP)), hold=True)
    found = asked(job, marker="m1", hear="https://us.example/hook")
    assert found["action"] == "AddMediaBenchmark"
    assert found["notify"] == ["https://us.example/hook"]
    assert [(each["output"], each["mediaglot"]) for each in found["format"]] == [("mp4", "m1"), ("mp3", "m1")]


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_news_is_wanted_in_the_format_of_requests(kind: str) -> None:
    job = Job(inputs=(Input(location=SOURCE),), outputs=(Output(),))
    request = next(client(format=kind).create(permit(), job, Ledger(), hear="https://us.example/hook"))
    assert query(request)["notify_format"] == kind


def test_requests_in_xml_by_default() -> None:
    request = next(client(region="eu-west-1").create(permit(), Job(inputs=(Input(location=SOURCE),)), Ledger()))
    assert request.headers.get("Content-Type") == "application/x-www-form-urlencoded"
    assert query(request)["region"] == "eu-west-1"


@pytest.mark.parametrize(
    ("verb", "action"),
    [("start", "ProcessMedia"), ("cancel", "StopMedia"), ("retry", "RestartMedia"), ("probe", "GetMediaInfo")],
)
def test_verbs_on_one_media(verb: str, action: str) -> None:
    found = query(next(getattr(client(), verb)(permit(), PLACED)))
    assert (found["action"], found["mediaid"]) == (action, "5001")


# --- what is answered ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("json", b'{"response":{"message":"Added","MediaID":"5001"}}'),
        ("xml", b"<response><message>Added</message><MediaID>5001</MediaID></response>"),
    ],
)
def test_a_created_media_has_its_id(kind: str, body: bytes) -> None:
    assert answered(client(format=kind).create(permit(), Job(), Ledger()), Response(body=body)) == PLACED
    with pytest.raises(Unavailable):
        answered(client(format=kind).create(permit(), Job(), Ledger()), Response(body=body.replace(b"MediaID", b"x")))


def look(response: Response) -> Glimpse:
    seen = answered(client(format="json").look(permit(), PLACED), response)
    assert isinstance(seen, Glimpse)
    return seen


def test_the_status_of_a_media_with_its_tasks() -> None:
    tasks = [
        {"id": "9001", "status": "Finished", "destination": ["ftp://h/a.mp4", "ftp://h/b.mp4"]}
        | {"destination_status": ["Saved", "Error (Upload error: refused)"], "convertedsize": "4096"},
        {"id": "9002", "status": "Processing", "progress": "40.5", "s3_destination": []},
        {"id": "9003", "status": "Error", "description": "Codec av1 is not available"},
        {"id": "9004", "status": "Waiting for encoder", "progress": "100.0"},
    ]
    media = {"id": "5001", "status": "Processing", "progress": "62.5", "format": tasks}
    seen = look(told({"job": media | {"created": "2020-01-02 03:04:05", "finished": "0000-00-00 00:00:00"}}))
    assert (seen.id, seen.status, seen.phase, seen.word) == ("5001", Status.RUNNING, Phase.ENCODING, "Processing")
    assert seen.progress == Fraction(5, 8)
    assert (seen.created, seen.finished) == (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), None)
    done, running, failed, waiting = seen.parts
    assert done.files == (Artifact(url="ftp://h/a.mp4", size=4096),) == seen.files
    assert done.trouble == Trouble(code="delivery_failed", data={"reason": "refused", "text": "Upload error: refused"})
    assert (running.status, running.progress) == (Status.RUNNING, Fraction(81, 200))
    assert failed.trouble is not None
    assert (failed.trouble.code, failed.trouble.data["codec"]) == ("unknown_encoder", "av1")
    assert (waiting.status, waiting.progress) == (Status.QUEUED, 0), "the service says 100 of what waits"


@pytest.mark.parametrize("key", ["destination", "s3_destination"])
def test_a_master_comes_before_the_variants_that_are_told_first(key: str) -> None:
    urls = [f"https://h/a/{name}.m3u8" for name in ("hd/index", "sd/index", "show")]
    task = {"id": "9001", "status": "Finished", key: urls, "destination_status": ["Saved"] * 3}
    (part,) = look(told({"job": {"id": "5001", "status": "Finished", "format": task}})).parts
    assert [file.url for file in part.files] == [urls[2], urls[0], urls[1]]


def test_documented_and_captured_answers() -> None:
    one = look(fixture("get_status/json_extended_one"))
    assert one.id
    with pytest.raises(Refused) as caught:
        look(told({"job": {"id": "5001", "deleted": "yes"}}))
    assert type(caught.value.meaning) is NotFound


def test_a_media_that_failed_says_why() -> None:
    media = {"id": "5001", "status": "Error"}
    said = "Download error:  The requested URL returned error: 404 Not Found"
    trouble = look(told({"job": media | {"description": said}})).trouble
    assert trouble is not None
    assert (trouble.code, trouble.data["status"], trouble.data["reason"]) == ("source_missing", "404", "Not Found")
    other = look(told({"job": media | {"description": "Something new"}})).trouble
    assert other == Trouble(code="encoding_failed", data={"text": "Something new"})


def test_an_unknown_word_says_nothing() -> None:
    assert look(told({"job": {"id": "5001", "status": "Reticulating"}})).status is Status.UNKNOWN


def test_markers_are_looked_for_page_by_page() -> None:
    def page(first: int, count: int, marker: str = "") -> Response:
        rows = [
            {"id": str(n), "status": "New", "format": {"mediaglot": "m" + str(n)}} for n in range(first, first + count)
        ]
        return told({"media": rows})

    finding = client(format="json").find(permit(), "m150")
    first = query(next(finding))
    assert (first["version"], first["page"], first["order"], first["format_params"]) == ("3", "1", "desc", "mediaglot")
    assert query(finding.send(page(0, 100)))["page"] == "2"
    with pytest.raises(StopIteration) as end:
        finding.send(page(100, 60))
    assert [glimpse.id for glimpse in end.value.value] == ["150"]
    assert answered(client(format="json").find(permit(), "none"), page(0, 3)) == ()
    assert answered(client(format="json").find(permit(), "none"), told({"media": [7, "x", None]})) == ()


def test_measured_sources() -> None:
    for name, kind in (("xml", "xml"), ("json_two_sources", "json"), ("json_rotation", "json")):
        found = answered(client(format=kind).probe(permit(), PLACED), fixture(f"get_media_info/{name}"))
        assert found
        assert all(facts.size > 0 and facts.duration > 0 for facts in found)
        assert all(facts.video[0].width > 0 and " " not in facts.video[0].codec for facts in found)
    assert found[0].video[0].rotation
    (sound,) = answered(client(format="json").probe(permit(), PLACED), fixture("get_media_info/json_audio_only"))
    assert (sound.video, len(sound.audio)) == ((), 1)


# --- what is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meaning", "data"),
    [
        ("Wrong user id or key!", Unauthorized, {}),
        ("There is no media 5001", NotFound, {"kind": "job", "id": "5001"}),
        (
            "This action is not possible for media 5001 in status Finished",
            Conflict,
            {"kind": "job", "id": "5001", "state": "finished"},
        ),
    ],
)
def test_errors_are_recognised(text: str, meaning: type[Exception], data: Mapping[str, str]) -> None:
    for response in (told({"errors": {"error": text}}), told({"errors": {"error": [text]}})):
        with pytest.raises(Refused) as caught:
            look(response)
        assert type(caught.value.meaning) is meaning
        assert caught.value.meaning.data == data
        assert caught.value.data["text"] == text


@pytest.mark.parametrize(
    "response",
    [
        Response(status=421, headers=headers(retry_after="5"), body=b"Too many requests"),
        Response(status=502, body=b"<html>"),
        Response(body=b'{"response":{"job":{"id":"50'),
        Response(body=b'{"other":{}}'),
        Response(body=b"[]"),
        Response(body=b"\xff\xfe"),
    ],
)
def test_no_answer_is_no_refusal(response: Response) -> None:
    with pytest.raises(Unavailable):
        look(response)


def test_a_success_may_have_an_empty_list_of_errors() -> None:
    assert look(told({"errors": [], "job": {"id": "5001", "status": "New"}})).status is Status.QUEUED


@pytest.mark.parametrize("body", [b"", b"xml=", b"json={}", b"json=%7B%22result%22%3A%7B%7D%7D", b"hello"])
def test_what_is_no_news_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        client().hear(Request(method="POST", body=body))


def test_an_upload_is_a_reason_to_look() -> None:
    body = b'json={"result":{"mediaid":"5001","taskid":"9001","destination":"ftp://h/a.mp4","status":"Saved"}}'
    assert client().hear(Request(body=body)) == Glimpse(id="5001")
