"""The client of TPStreams against our own server over HTTP, and what it makes of answers that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediaglot.emulators.tpstreams import Dialect
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.errand import Client, Login, Pass, Placed
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import (
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    Malformed,
    Missing,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Access, Input, Job, Location, Output, Secret, Size, Skip, Status, Video

LOGIN = Login(name="dev@example.test", secret=Secret("s3cret"), tenant="ab12cd")
KEYS = Access(user="EXAMPLEKEY", password=Secret("EX+AMPLE/SECRET"), region="ap-south-1")
TWO = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-600s-320x180-25fps.mp4"


def client(**options: str) -> Client:
    return Dialect.client(Dialect(), options)


def job(source: str = TWO, *heights: int, place: str = "s3://course-out/intro/") -> Job:
    outputs = tuple(
        Output(container="mp4", video=Video(size=Size(height=height)), destinations=(Location(url=place, access=KEYS),))
        for height in heights or (240,)
    )
    return Job(inputs=(Input(location=Location(url=source)),), outputs=outputs)


async def test_a_job_from_the_login_to_its_playlist(upstream: Any) -> None:
    provider, speaks = await upstream("tpstreams"), client()
    permit = await provider.run(speaks.enter(LOGIN))
    assert (permit.tenant, permit.lifetime) == ("ab12cd", None)
    placed = await provider.run(speaks.create(permit, job(TWO, 240, 700), Ledger(), marker="m1"))
    done = await provider.ended(lambda: speaks.look(permit, placed))
    assert (done.id, done.status, done.word, done.progress) == (placed.id, Status.FINISHED, "Completed", 1)
    assert [file.url for file in done.files] == ["s3://course-out/intro/video.m3u8"]
    assert done.marker == "m1"
    assert done.started <= done.finished
    (seen,) = await provider.run(speaks.find(permit, "m1"))
    assert seen == done


async def test_requests_are_the_documented_ones(upstream: Any) -> None:
    place = "s3://wasabisys.com/my.bucket/out/"
    asked = client().write_job(job("s3://course-in/raw/a.mp4", 240, 700, 250, place=place), Ledger(), "m1")
    assert asked == {
        "input_path": "s3://course-in/raw/a.mp4/",
        "output_path": f"{place}?access_key=EXAMPLEKEY&secret_key=EX%2BAMPLE/SECRET&region=ap-south-1",
        "resolutions": ["240p", "720p"],
        "client_metadata": {"mediaglot": "m1"},
    }


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("s3://b/out/a.mp4", "s3://b/out/a.mp4/"),
        ("s3://b", "s3://b/"),
        ("s3://b/out?region=eu-west-1", "s3://b/out/?region=eu-west-1"),
    ],
)
def test_a_file_becomes_a_folder(url: str, written: str) -> None:
    output = Output(destinations=(Location(url="ftp://h/x"), Location(url=url)))
    assert client().write_job(Job(outputs=(output,)), Ledger())["output_path"] == written


def test_what_has_no_place_in_s3_needs_the_option() -> None:
    nowhere = Job(inputs=(Input(location=Location(url=TWO)),), outputs=(Output(container="mp4"),))
    with pytest.raises(Unsupported) as caught:
        client().write_job(nowhere, Ledger())
    assert caught.value.data["feature"] == "outputs.0.destinations"
    stored = client(storage="s3://mine/all?access_key=K&secret_key=S")
    by_marker = stored.write_job(nowhere, Ledger(), "m1")["output_path"]
    assert by_marker == "s3://mine/all/m1/?access_key=K&secret_key=S"
    by_content = [stored.write_job(each, Ledger())["output_path"] for each in (nowhere, nowhere, job(place="ftp://h/"))]
    assert by_content[0] == by_content[1] != by_content[2]
    assert all(path.startswith("s3://mine/all/mediaglot-") for path in by_content)


def test_sound_alone_asks_for_no_resolution_of_its_own() -> None:
    sound = Output(container="mp3", video=Skip(), destinations=(Location(url="s3://b/x/"),))
    both = Job(outputs=(sound, *job(TWO, 360).outputs))
    assert client().write_job(both, Ledger())["resolutions"] == ["360p"]


async def test_a_second_job_is_found_by_its_marker_on_a_later_page(upstream: Any) -> None:
    provider, speaks = await upstream("tpstreams,page_size=2"), client()
    permit = await provider.run(speaks.enter(LOGIN))
    made = [
        (await provider.run(speaks.create(permit, job(place=f"s3://o/{n}/"), Ledger(), marker=f"m{n}"))).id
        for n in range(5)
    ]
    newest = await provider.run(speaks.find(permit))
    assert [glimpse.id for glimpse in newest] == made[:2:-1]
    (first,) = await provider.run(speaks.find(permit, "m0"))
    assert first.id == made[0]
    assert await provider.run(speaks.find(permit, "m")) == ()


@pytest.mark.parametrize("spec", ["tpstreams", "tpstreams,cancel_completed=400"])
async def test_a_running_job_is_cancelled_and_a_finished_one_is_not(upstream: Any, spec: str) -> None:
    provider, speaks = await upstream(spec), client()
    permit = await provider.run(speaks.enter(LOGIN))
    running = await provider.run(speaks.create(permit, job(LONG), Ledger()))
    await provider.run(speaks.cancel(permit, running))
    seen = await provider.run(speaks.look(permit, running))
    assert (seen.status, seen.word) == (Status.CANCELLED, "Cancelled")
    done = await provider.run(speaks.create(permit, job(), Ledger()))
    await provider.ended(lambda: speaks.look(permit, done))
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.cancel(permit, done))
    assert isinstance(caught.value.meaning, Conflict)


async def test_a_failing_job_says_why_in_our_words(upstream: Any) -> None:
    provider, speaks = await upstream("tpstreams"), client()
    permit = await provider.run(speaks.enter(LOGIN))
    placed = await provider.run(speaks.create(permit, job("ftps://a.example/b.mp4"), Ledger()))
    failed = await provider.ended(lambda: speaks.look(permit, placed))
    assert (failed.status, failed.files) == (Status.FAILED, ())
    assert failed.trouble is not None
    assert failed.trouble.code == "source_missing"
    assert failed.parts[0].trouble == failed.trouble


async def test_news_comes_to_one_webhook_for_all_jobs(upstream: Any, ear: Any) -> None:
    provider, speaks, other = await upstream("tpstreams"), client(), client()
    permit = await provider.run(speaks.enter(LOGIN))
    first = await provider.run(speaks.create(permit, job(), Ledger(), marker="m1", hear=ear.url))
    second = await provider.run(speaks.create(permit, job("ftps://a/b.mp4"), Ledger(), marker="m2", hear=ear.url))
    third = await provider.run(other.create(permit, job(), Ledger(), marker="m3", hear=ear.url))
    assert [way for way in provider.asked if way[1].endswith("/webhooks/")] == [
        ("GET", "/api/v1/ab12cd/webhooks/"),
        ("POST", "/api/v1/ab12cd/webhooks/"),
        ("GET", "/api/v1/ab12cd/webhooks/"),
    ]
    ends = {
        (first.id, Status.FINISHED, "m1"),
        (second.id, Status.FAILED, "m2"),
        (third.id, Status.FINISHED, "m3"),
    }

    def heard(came: list[Request]) -> set[Any]:
        return {(each.id, each.status, each.marker) for each in map(speaks.hear, came)}

    assert ends <= heard(await ear.hears(lambda came: ends <= heard(came)))


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b"{}", b'{"id":7,"status":"Queued"}', b'{"id":"x"}', b"[" * 9**6])
def test_what_is_no_news_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        client().hear(Request(method="POST", body=body))


def test_a_state_that_was_never_met_is_unknown() -> None:
    heard = client().hear(Request(body=b'{"id":"x","status":"Marinating","client_metadata":[1],"start_time":"soon"}'))
    assert (heard.id, heard.status, heard.word) == ("x", Status.UNKNOWN, "Marinating")
    assert client().hear(Request(body=b'{"id":"x","status":"completed"}')).status is Status.FINISHED


# --- who ------------------------------------------------------------------------------------------------


async def test_refused_credentials(upstream: Any) -> None:
    accounts = {"tpstreams": (Credential("ab12cd", Secret("s3cret")),)}
    provider, speaks = await upstream("tpstreams", accounts=accounts), client()
    assert await provider.run(speaks.find(await provider.run(speaks.enter(LOGIN)))) == ()
    wrong = [Login(name="x", secret=Secret("wrong"), tenant="ab12cd"), Login(secret=Secret("wrong"))]
    for login in wrong:
        with pytest.raises(Refused) as caught:
            await provider.run(speaks.enter(login))
        assert isinstance(caught.value.meaning, Unauthorized)
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.find(Pass(credential=Credential("", Secret("x"), token=True), tenant="ab12cd")))
    assert isinstance(caught.value.meaning, Unauthorized)


async def test_a_token_is_a_login_too(upstream: Any) -> None:
    accounts = {"tpstreams": (Credential("ab12cd", Secret("s3cret")),)}
    provider, speaks = await upstream("tpstreams", accounts=accounts), client()
    permit = await provider.run(speaks.enter(Login(secret=Secret("s3cret"))))
    assert permit.tenant == "ab12cd"
    assert await provider.run(speaks.enter(Login(secret=Secret("s3cret"), tenant="zz99zz"))) != permit
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.look(await provider.run(speaks.enter(Login(secret=LOGIN.secret, tenant="zz99zz"))),
                                       Placed(id="x")))  # fmt: skip
    assert isinstance(caught.value.meaning, NotFound)
    assert caught.value.meaning.data["kind"] == "organization"


async def test_the_last_token_has_been_issued(upstream: Any) -> None:
    provider, speaks = await upstream("tpstreams"), client()
    for _ in range(20):
        await provider.run(speaks.enter(LOGIN))
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.enter(LOGIN))
    assert isinstance(caught.value.meaning, Forbidden)


# --- answers that are none --------------------------------------------------------------------------------

PERMIT = Pass(credential=Credential("", Secret("a" * 64), token=True), tenant="ab12cd")


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_an_overloaded_provider_is_asked_again_later(canned: Any, status: int) -> None:
    body = json.dumps({"detail": "Request was throttled."}).encode() if status == 429 else b"<html>"
    provider, speaks = await canned(status, body, Retry_After="7"), client()
    for errand in (
        speaks.enter(LOGIN),
        speaks.create(PERMIT, job(), Ledger()),
        speaks.look(PERMIT, Placed(id="x")),
        speaks.cancel(PERMIT, Placed(id="x")),
        speaks.find(PERMIT),
    ):
        with pytest.raises(Unavailable) as caught:
            await provider.run(errand)
        assert (caught.value.data["status"], caught.value.data["retry_after"]) == (status, 7)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"id":', b'{"a":1}', b"\xff"])
async def test_an_answer_that_cannot_be_used(canned: Any, body: bytes) -> None:
    provider, speaks = await canned(200, body), client()
    for errand in (speaks.enter(LOGIN), speaks.create(PERMIT, job(), Ledger()), speaks.find(PERMIT)):
        with pytest.raises(Unavailable):
            await provider.run(errand)


@pytest.mark.parametrize(
    ("tree", "meaning", "field"),
    [
        ({"output_path": ["This field is required."]}, Missing, "output_path"),
        ({"resolutions": {"1": ['"4320p" is not a valid choice.']}}, Invalid, "resolutions"),
        ({"non_field_errors": ["Only one of input_url and input_path can be given."]}, BadRequest, None),
        ({"detail": "Something new."}, BadRequest, None),
        ({}, BadRequest, None),
    ],
)
async def test_what_is_wrong_with_a_request(canned: Any, tree: Any, meaning: type[BadRequest], field: Any) -> None:
    provider, speaks = await canned(400, json.dumps(tree).encode()), client()
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.create(PERMIT, job(), Ledger()))
    assert type(caught.value.meaning) is meaning
    assert caught.value.meaning.data.get("field") == field


def test_a_token_never_shows() -> None:
    request = next(client().look(PERMIT, Placed(id="a/../b")))
    assert request.path == "/api/v1/ab12cd/transcoding_jobs/a%2F..%2Fb/"
    assert request.headers == Headers(lines=(("Authorization", f"Token {'a' * 64}"),))
    assert "aaaa" not in repr(PERMIT)
