"""Translation as a function: the requests, the report, the policies, and what can't be translated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Errand, Login, Pass, Placed
from mediaglot.gateway.exchange import Request, headers
from mediaglot.gateway.faults import Lossy, Missing, Unauthorized
from mediaglot.gateway.loss import Kind, Ledger, Policy
from mediaglot.gateway.mapping import Field, Record
from mediaglot.gateway.model import Input, Job, Location, Output, Secret, Stills
from mediaglot.gateway.rehearsal import MOST, Rehearsal
from mediaglot.gateway.translation import Untranslatable, client_of, entered, read_job, stage, translate, write_job

NAME = "encoding_com"
ASKED = """<query><userid>1</userid><userkey>k</userkey><action>AddMedia</action>
<source>http://a.example/in.mov</source>
<format><output>mp4</output><size>640x360</size><turbo>yes</turbo></format></query>"""
STREAM = Request(
    method="POST",
    path="/api/v1/abc123/transcoding_jobs/",
    headers=headers(authorization="Token t", content_type="application/json"),
    body=json.dumps(
        {
            "input_url": "https://a.example/in.mp4",
            "output_path": "s3://out/folder/?access_key=AK&secret_key=SK/1&region=eu",
            "resolutions": ["240p", "720p"],
        }
    ).encode(),
)


def document(request: Request) -> Any:
    return json.loads(parse_qs(request.body.decode())["json"][0])["query"]


def test_another_dialects_request_becomes_this_ones() -> None:
    done = translate(STREAM, read="tpstreams", write=NAME, options={"format": "json"})
    (request,) = done.requests
    assert (request.method, request.path) == ("POST", "/")
    query = document(request)
    assert (query["action"], query["source"]) == ("AddMedia", ["https://a.example/in.mp4"])
    (made,) = query["format"]
    assert made["output"] == "advanced_hls"
    assert [stream["size"] for stream in made["stream"]] == ["0x240", "0x720"]
    assert made["destination"] == ["s3://AK:SK%2F1@out/folder/"]
    assert "outputs.0.package.variants.1.video.size.height" in done.report.exact
    assert {loss.path for loss in done.report.of(Kind.DROPPED)} == {
        "outputs.0.destinations.0.access.region",
        "outputs.0.package.playlist",
        "outputs.0.package.media_playlist",
        "outputs.0.package.segment_name",
    }
    assert done.got is not None


@pytest.mark.parametrize("asked", [ASKED, ASKED.encode(), f"xml={ASKED}"])
def test_a_body_alone_is_enough(asked: str | bytes) -> None:
    report = translate(asked, read=NAME, write=NAME).report
    assert report.exact[-3:] == tuple(f"outputs.0.video.size.{side}" for side in ("width", "height", "fit"))
    assert [(loss.kind, loss.path) for loss in report.losses] == [(Kind.UNREAD, "format.0.turbo")]


def test_a_body_needs_no_credentials() -> None:
    query = {"query": {"source": "http://a.example/in.mov", "format": {"output": "mp3", "audio_bitrate": "96k"}}}
    (request,) = translate(json.dumps(query), read=NAME, write=NAME, options={"format": "json"}).requests
    assert document(request)["format"] == [{"output": "mp3", "audio_bitrate": "96k"}]


def test_the_strictest_policy_gives_no_request() -> None:
    with pytest.raises(Lossy, match=r"fields=format\.0\.turbo"):
        translate(ASKED, read=NAME, write=NAME, policy=Policy.STRICT)


def test_an_essential_loss_is_refused_unless_it_is_let_pass() -> None:
    job = Job(outputs=(Output(container="mp4", stills=(Stills(),), label="x"),))
    report = write_job(
        registry.find(NAME), replace(job, inputs=(Input(location=Location(url="ftp://a.example/b")),))
    ).report
    assert {loss.path for loss in report.losses} == {"outputs.0.label"}
    with pytest.raises(Lossy):
        translate(ASKED.replace("<output>mp4", "<output_preset>mine</output_preset><output>mp4"), read=NAME, write=NAME)


def test_a_preset_of_the_account_is_unread_and_essential() -> None:
    asked = ASKED.replace("<output>mp4</output>", "<output_preset>mine</output_preset>")
    job, notes = read_job(registry.find(NAME), asked)
    assert job.outputs[0].preset == "mine"
    assert [(note.kind, note.path, note.essential) for note in notes[-1:]] == [(Kind.UNREAD, "preset", True)]


def test_a_preset_that_comes_along_is_known() -> None:
    asked = ASKED.replace("</format>", "<save_preset>mine</save_preset></format>")
    asked = asked.replace("</query>", "<format><output_preset>mine</output_preset></format></query>")
    job, notes = read_job(registry.find(NAME), asked)
    assert job.outputs[1].video == job.outputs[0].video
    assert all(output.preset is None for output in job.outputs)
    assert not any(note.essential for note in notes)


@pytest.mark.parametrize("container", ["matroska", "qt"])
def test_what_the_provider_cannot_do_at_all_is_refused_with_the_reason(container: str) -> None:
    job = Job(inputs=(Input(location=Location(url="ftp://a.example/b")),), outputs=(Output(container=container),))
    done = write_job(registry.find(NAME), job)
    assert done.got is None
    assert done.report.exact == ()
    assert [(loss.path, loss.reason) for loss in done.report.of(Kind.REFUSED)] == [("format", "no_formats")]
    (dropped,) = done.report.of(Kind.DROPPED)
    assert (dropped.path, dropped.reason) == ("outputs.0.container", f"has no word for {container}")
    with pytest.raises(Lossy):
        done.report.enforce(Policy.ESSENTIAL)


def test_faults_of_the_reading_side_are_raised() -> None:
    with pytest.raises(Missing):
        translate("<query><format><output>mp4</output></format></query>", read=NAME, write=NAME)
    with pytest.raises(Unauthorized):
        translate(replace(STREAM, headers=headers()), read="tpstreams", write=NAME)


def test_a_request_that_creates_no_job_is_not_translated() -> None:
    with pytest.raises(Untranslatable, match="creates no job: GetStatus"):
        translate("<query><action>GetStatus</action><mediaid>1</mediaid></query>", read=NAME, write=NAME)


def test_a_dialect_without_a_client_can_only_be_read() -> None:
    with pytest.raises(Untranslatable, match="mute has no client"):
        translate(ASKED, read=NAME, write=Mute())


def test_an_unknown_option_or_dialect_is_named() -> None:
    with pytest.raises(ValueError, match="encoding_com has no option colour"):
        translate(ASKED, read=NAME, write=NAME, options={"colour": "red"})
    with pytest.raises(registry.UnknownDialect, match="did you mean encoding_com"):
        translate(ASKED, read="encodingcom", write=NAME)


# --- rehearsals ---------------------------------------------------------------------------------------


class Mute(Dialect):
    name, title = "mute", "Mute"


class Endless(Client):
    example = Login(secret=Secret("x"))

    def create(self, permit: Pass, job: Job, ledger: Ledger, **more: Any) -> Errand[Placed]:
        while True:
            yield client_of(registry.find(NAME)).frame(b"<query><action>GetReservedInfo</action></query>")


def test_an_errand_without_an_end_is_ended() -> None:
    done = Rehearsal(registry.find(NAME)).run(Endless(registry.find(NAME)).create(permit(), Job(), Ledger()))
    assert len(done.requests) == MOST
    assert done.fault is not None


def permit() -> Pass:
    return entered(registry.find(NAME))


def test_a_rehearsal_is_the_same_each_time() -> None:
    dialect, (job, _) = registry.find(NAME), read_job(registry.find(NAME), ASKED)
    one, other = (write_job(dialect, job) for _ in range(2))
    assert (one.requests, one.got) == (other.requests, other.got)
    assert not stage(dialect).tickets


def test_a_rehearsed_provider_answers_in_its_own_words() -> None:
    rehearsal, client = stage(registry.find(NAME)).again(), client_of(registry.find(NAME))
    answer = rehearsal.answer(client.frame(b"<query><action>GetStatus</action><mediaid>9</mediaid></query>"))
    assert b"<error>There is no media 9</error>" in answer.body
    assert rehearsal.fault is not None


def test_records_with_leftovers_do_not_carry_them_to_another_dialect() -> None:
    record: Mapping[str, Any] = {"turbo": "yes"}
    output = Output(container="mp4", extras={"other": record})
    assert Record(Output, Field("output", "container"), extras="mine").write(output, Ledger()) == {"output": "mp4"}


def test_a_rehearsal_remembers_the_first_answers_and_no_later_ones() -> None:
    """A provider whose client looks through a list before it makes something, which is in the list from then on."""
    dialect = registry.find("transparent_edge")
    job = Job(inputs=STREAMED.inputs, outputs=(Output(container="mp4", destinations=(PLACE,)),))
    first = None
    for _ in range(2):
        rehearsal = stage(dialect).again()
        requests = rehearsal.run(client_of(dialect).create(entered(dialect), job, Ledger())).requests
        assert [request.method for request in requests] == ["GET", "POST", "POST"]
        later, new = rehearsal.answer(requests[0]).body, stage(dialect).again().answer(requests[0])
        assert b"mediaglot" in later
        assert b"mediaglot" not in new.body
        assert first in (None, new)
        first = new


PLACE = Location(url="ftp://out.example/a/b.mp4")
STREAMED = Job(inputs=(Input(location=Location(url="https://a.example/in.mp4")),))
