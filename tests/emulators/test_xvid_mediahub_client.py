"""The client of Xvid MediaHub against our own server over HTTP, and what it makes of answers that are none."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl

import pytest

from mediaglot.emulators.xvid_mediahub import Dialect
from mediaglot.gateway import registry
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.errand import Client, Login, Pass, Placed
from mediaglot.gateway.exchange import Request, Response, headers
from mediaglot.gateway.faults import (
    BadRequest,
    Conflict,
    Fault,
    Forbidden,
    Malformed,
    NotFound,
    Refused,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.model import (
    SKIP,
    Access,
    Audio,
    Average,
    Clip,
    Event,
    Input,
    Job,
    Location,
    Notification,
    Output,
    Secret,
    Size,
    Status,
    Stills,
    Video,
)
from mediaglot.gateway.translation import read_job, write_job

NAME = "xvid_mediahub"
ID = "66aabb000123456789abcd01"
LOGIN = Login(name=ID, secret=Secret("s3cret+/"))
PERMIT = Pass(credential=Credential("", Secret("a" * 64), token=True))
TWO = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-600s-320x180-25fps.mp4"
FORMATS = ("json", "xml")


def client(**options: str) -> Client:
    return Dialect.client(Dialect(), options)


def job(source: str = TWO, *outputs: Output, **more: Any) -> Job:
    return Job(inputs=(Input(location=Location(url=source)),), outputs=outputs or (Output(container="mp4"),), **more)


def paths(provider: Any, method: str) -> list[str]:
    return [path.removeprefix("/v1") for verb, path in provider.asked if verb == method]


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_job_from_the_login_to_its_files(upstream: Any, kind: str) -> None:
    provider, speaks = await upstream(NAME), client(format=kind)
    permit = await provider.run(speaks.enter(LOGIN))
    assert permit.lifetime == 3600
    film = Output(container="mp4", name="film", video=Video(codec="h264", rate=Average(bitrate=800_000)))
    sound = Output(container="mp3", name="sound", video=SKIP, audio=Audio(codec="mp3"))
    placed = await provider.run(speaks.create(permit, job(TWO, film, sound), Ledger(), marker="m1"))
    done = await provider.ended(lambda: speaks.look(permit, placed))
    assert (done.id, done.status, done.word, done.progress) == (placed.id, Status.FINISHED, "SUCCESS", 1)
    assert done.marker == "m1"
    assert done.created <= done.finished
    assert tuple(part.id for part in done.parts) == placed.outputs
    names = [file.url.partition("?")[0].rpartition("/")[2] for file in done.files]
    assert (names, [len(part.files) for part in done.parts]) == (["film.mp4", "sound.mp3"], [1, 1])
    assert all(file.size for file in done.files)
    (seen,) = await provider.run(speaks.find(permit, "m1"))
    assert (seen.id, seen.status, seen.progress) == (done.id, Status.FINISHED, Fraction(1))


def finished(pipeline: dict[str, Any]) -> dict[str, Any]:
    """A job with a film, pictures and their zip, as ``expand`` shows it."""
    row = {"id": "f3", "elements": [{"name": "t 1.jpg", "size": 10}, {"name": "t 2.jpg", "size": 20}]}
    made = {
        "file": {"id": "f1", "name": "film.mp4", "size": 4096},
        "thumbnail_zip": {"file": {"id": "f2", "name": "t.zip", "size": 30}},
        "thumbnails": [{"file": row}],
    }
    return {"job": {"id": "x", "status": "SUCCESS", "output_prefix": "a/", "pipeline": pipeline, "outputs": [made]}}


def told(request: Request, tree: dict[str, Any]) -> Response:
    """A job, and links: the zip is gone, rows have several."""
    query = dict(parse_qsl(request.query))
    match query.get("file_id"):
        case None:
            return Response(body=json.dumps(tree).encode())
        case "f1":
            assert query["redirect"] == "true"
            return Response(status=302, headers=headers(location="https://files.example/f1"))
        case "f2":
            error = {"error": {"error_code": "0x0230002", "error_message": "Requested file does not exist"}}
            return Response(status=404, body=json.dumps(error).encode())
    links = [{"url": f"https://files.example/{number}"} for number in (1, 2)]
    return Response(body=json.dumps({"downloads": links}).encode())


LINKS = {"f1": 4096, "1": 10, "2": 20}
PLACES = {"film.mp4": 4096, "t.zip": 30, "t%201.jpg": 10, "t%202.jpg": 20}


@pytest.mark.parametrize(
    ("folder", "at", "files"),
    [(None, "https://files.example/", LINKS), ("s3://key:secret@bucket/out/", "s3://bucket/out/a/", PLACES)],
)
def test_where_the_files_of_a_job_are(folder: str | None, at: str, files: dict[str, int]) -> None:
    tree = finished({"id": "p", "output_upload_dir": folder})

    def run() -> Any:
        errand = client().look(PERMIT, Placed(id="x"))
        request = next(errand)
        while True:
            request = errand.send(told(request, tree))

    with pytest.raises(StopIteration) as caught:
        run()
    assert [(file.url, file.size) for file in caught.value.value.files] == [(at + name, files[name]) for name in files]


def test_files_are_not_gone_because_a_page_says_so() -> None:
    errand = client().look(PERMIT, Placed(id="x"))
    next(errand)
    errand.send(Response(body=json.dumps(finished({"id": "p", "output_upload_dir": None})).encode()))
    with pytest.raises(Refused):
        errand.send(Response(status=404, body=b"<html>Not here</html>"))


@pytest.mark.parametrize("kind", FORMATS)
async def test_what_was_measured_on_the_source(upstream: Any, kind: str) -> None:
    provider, speaks = await upstream(NAME), client(format=kind)
    permit = await provider.run(speaks.enter(LOGIN))
    placed = await provider.run(speaks.create(permit, job(), Ledger()))
    await provider.ended(lambda: speaks.look(permit, placed))
    (facts,) = await provider.run(speaks.probe(permit, placed))
    assert (facts.container, facts.duration) == ("mov", Fraction(2))
    assert [(each.codec, each.width, each.height) for each in facts.video] == [("h264", 320, 180)]
    assert [each.codec for each in facts.audio] == ["aac"]


async def test_presets_and_pipelines_are_made_once_and_found_by_another(upstream: Any) -> None:
    provider, speaks, other = await upstream(NAME), client(), client()
    permit = await provider.run(speaks.enter(LOGIN))
    places = [Location(url=f"ftp://ftp.example.com/{folder}/a.mp4") for folder in ("one", "two/three")]
    for who in (speaks, speaks, other):
        for place in places:
            wanted = job(TWO, Output(container="mp4", destinations=(place,)))
            await provider.run(who.create(permit, wanted, Ledger()))
    assert sorted(paths(provider, "POST")) == ["/jobs/"] * 6 + ["/oauth2/token/", "/pipelines/", "/presets/"]
    assert paths(provider, "GET") == ["/pipelines/", "/presets/"] * 2
    again = await provider.run(other.wrap(permit, wanted, Ledger()))
    assert len(again) == 2
    assert set(again.values()) <= set(speaks.known.values())


async def test_a_job_that_wants_nothing_of_a_pipeline_gets_the_default_one(upstream: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    await provider.run(speaks.create(permit, job(), Ledger()))
    assert "/pipelines/" not in paths(provider, "POST")


async def test_what_is_gone_by_now_is_made_again(upstream: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    await provider.run(speaks.create(permit, job(), Ledger()))
    stale = dict.fromkeys(speaks.known, "66aabb00ffffffffffffffff")
    speaks.known.update(stale)
    placed = await provider.run(speaks.create(permit, job(), Ledger()))
    assert placed.id
    assert not set(stale.values()) & set(speaks.known.values())
    assert len([path for path in paths(provider, "POST") if path == "/presets/"]) == 1


async def test_a_refusal_is_not_tried_for_ever(upstream: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    await provider.run(speaks.create(permit, job(), Ledger(), marker="m1"))
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.create(permit, job(), Ledger(), marker="m1"))
    assert isinstance(caught.value.meaning, BadRequest)
    assert (caught.value.data["status"], caught.value.data["error"]) == (400, "0050001")
    assert len(await provider.run(speaks.find(permit, "m1"))) == 1


async def test_jobs_are_found_by_their_marker_and_the_newest_first(upstream: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    made = [(await provider.run(speaks.create(permit, job(), Ledger(), marker=f"m{n}"))).id for n in range(3)]
    assert [each.id for each in await provider.run(speaks.find(permit))] == made[::-1]
    assert [each.id for each in await provider.run(speaks.find(permit, "m1"))] == made[1:2]
    assert await provider.run(speaks.find(permit, "m")) == ()


async def test_a_running_job_is_cancelled_and_a_finished_one_keeps_its_files(upstream: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    running = await provider.run(speaks.create(permit, job(LONG), Ledger()))
    await provider.run(speaks.cancel(permit, running))
    for errand in (speaks.look(permit, running), speaks.cancel(permit, running)):
        with pytest.raises(Refused) as caught:
            await provider.run(errand)
        assert isinstance(caught.value.meaning, NotFound)
        assert caught.value.meaning.data == {"kind": "job", "id": running.id}
    done = await provider.run(speaks.create(permit, job(), Ledger()))
    await provider.ended(lambda: speaks.look(permit, done))
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.cancel(permit, done))
    assert isinstance(caught.value.meaning, Conflict)
    assert (await provider.run(speaks.look(permit, done))).files


async def test_a_failing_job_says_so(upstream: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    placed = await provider.run(speaks.create(permit, job("ftps://a.example/b.mp4"), Ledger()))
    failed = await provider.ended(lambda: speaks.look(permit, placed))
    assert (failed.status, failed.word, failed.files) == (Status.FAILED, "FAILURE", ())
    assert failed.trouble is not None
    assert failed.trouble.code == "encoding_failed"
    assert failed.parts[0].trouble == failed.trouble


async def test_pings_are_heard(upstream: Any, ear: Any) -> None:
    provider, speaks = await upstream(NAME), client()
    permit = await provider.run(speaks.enter(LOGIN))
    first = await provider.run(speaks.create(permit, job(), Ledger(), marker="m1", hear=ear.url))
    second = await provider.run(speaks.create(permit, job("ftps://a/b.mp4"), Ledger(), marker="m2", hear=ear.url))
    assert paths(provider, "POST").count("/pipelines/") == 1
    ends = {(first.id, Status.FINISHED, "m1"), (second.id, Status.FAILED, "m2")}

    def heard(came: list[Request]) -> set[Any]:
        return {(each.id, each.status, each.marker) for each in map(speaks.hear, came)}

    assert ends <= heard(await ear.hears(lambda came: ends <= heard(came)))


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b"{}", b'{"job":7}', b'{"job":{"status":"SUCCESS"}}'])
def test_what_is_no_ping_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        client().hear(Request(method="POST", body=body))


def test_a_state_that_was_never_met_is_unknown() -> None:
    job = {"id": "x", "status": "MARINATING", "outputs": 7, "percentage_completed": "soon", "created_at": [1]}
    heard = client().hear(Request(body=json.dumps({"job": job}).encode()))
    assert (heard.id, heard.status, heard.word, heard.progress) == ("x", Status.UNKNOWN, "MARINATING", 0)


# --- how it is said -------------------------------------------------------------------------------------


def posted(wanted: Job) -> dict[str, Any]:
    """What is sent to make the pipeline, the presets and the job."""
    done = write_job(registry.find(NAME), wanted)
    sent = [json.loads(request.body) for request in done.requests if request.method == "POST"]
    return {key: value for each in sent for key, value in each.items()}


def test_places_names_and_clips() -> None:
    place = Location(url="s3://bucket/films/a%20b.m4v", access=Access(user="K", password=Secret("s/1")))
    output = Output(container="mp4", destinations=(place,), clip=Clip(start=Fraction(3, 2), duration=Fraction(8)))
    sent = posted(job(TWO, output))
    assert sent["pipeline"]["output_upload_dir"] == "s3://K:s%2F1@bucket/"
    assert sent["job"]["output_prefix"] == "films/"
    assert sent["job"]["input"] == {"input_name": TWO, "start_time": "1.5"}
    (wish,) = sent["job"]["outputs"]
    assert (wish["output_name"], wish["settings"]) == ("a b", {"max_duration": "8"})
    assert sent["preset"]["target_format"]["extension"] == "m4v"
    report = write_job(registry.find(NAME), job(TWO, output)).report
    assert not [loss for loss in report.losses if loss.essential]


def test_outputs_without_names_do_not_share_one() -> None:
    sent = posted(job(TWO, Output(container="mp4"), Output(container="mp4")))
    assert [each["output_name"] for each in sent["job"]["outputs"]] == ["{input_name}", "{input_name}_2"]


@pytest.mark.parametrize(
    ("container", "codecs"),
    [("mp4", ("H.264 / AVC", "MPEG-4 AAC")), ("webm", ("VP8", "Vorbis")), ("mp3", (None, "MPEG-1 Layer 3 (MP3)"))],
)
def test_a_silent_track_gets_a_codec_that_fits(container: str, codecs: tuple[str | None, str]) -> None:
    from mediaglot.emulators.xvid_mediahub.catalog import code

    target = posted(job(TWO, Output(container=container)))["preset"]["target_format"]
    found = tuple(target.get(key, {}).get("codec", {}).get("id") for key in ("vcodec", "acodec"))
    assert found == tuple(None if name is None else code("codec", name) for name in codecs)


def test_caps_out_of_range_are_left_out_and_told() -> None:
    video = Video(codec="h264", most=Size(width=9000, height=1080))
    report = write_job(registry.find(NAME), job(TWO, Output(container="mp4", video=video))).report
    assert "outputs.0.video.most.height" in report.exact
    assert [loss.path for loss in report.of(Kind.DROPPED)] == ["outputs.0.video.most.width"]


def test_one_url_for_each_event_and_no_mail() -> None:
    ends = frozenset({Event.FINISHED, Event.FAILED})
    sent = posted(
        job(
            notifications=(
                Notification(target=Location(url="mailto:a@example.com"), events=ends),
                Notification(target=Location(url="https://a.example/ends"), events=ends),
                Notification(target=Location(url="https://a.example/more"), events=frozenset(Event)),
            )
        )
    )
    assert sent["pipeline"]["ping_urls"] == {
        "started": "https://a.example/more",
        "finished": "https://a.example/ends",
        "error": "https://a.example/ends",
        "warning": "https://a.example/more",
    }


@pytest.mark.parametrize("wanted", [Job(), job(TWO, Output(video=SKIP, audio=SKIP, stills=(Stills(),)))])
def test_what_the_provider_cannot_make_at_all(wanted: Job) -> None:
    with pytest.raises(Unsupported):
        next(client().create(PERMIT, wanted, Ledger()))


def test_a_request_is_read_without_its_account() -> None:
    """The system's presets are known; a pipeline is told to be unread, a preset of the account is essential."""
    from mediaglot.emulators.xvid_mediahub.catalog import SMALL, code

    known, foreign = code("preset", SMALL), "66aabb00eeeeeeeeeeeeeeee"
    document = {"pipeline": {"id": ID}, "input": {"input_name": TWO}}
    outputs = [{"preset": {"id": each}, "output_name": "a"} for each in (known, foreign)]
    for count, essential in ((1, False), (2, True)):
        body = json.dumps({"job": {**document, "outputs": outputs[:count]}})
        read, notes = read_job(registry.find(NAME), body)
        assert read.outputs[0].video.codec == "h264"
        assert [(note.kind, note.path) for note in notes] == [(Kind.UNREAD, "pipeline"), (Kind.UNREAD, "preset")][
            :count
        ]
        assert any(note.essential for note in notes) is essential


# --- who ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
async def test_refused_credentials(upstream: Any, kind: str) -> None:
    accounts = {NAME: (Credential(ID, Secret("s3cret+/")),)}
    provider, speaks = await upstream(f"{NAME},strict_grant=true", accounts=accounts), client(format=kind)
    assert await provider.run(speaks.find(await provider.run(speaks.enter(LOGIN)))) == ()
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.enter(Login(name=ID, secret=Secret("wrong"))))
    assert isinstance(caught.value.meaning, (Forbidden, Unauthorized))
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.find(PERMIT))
    assert isinstance(caught.value.meaning, Unauthorized)
    assert (caught.value.data["status"], caught.value.data["error"]) == (403, "0x0000003")


# --- answers that are none --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_an_overloaded_provider_is_asked_again_later(canned: Any, status: int) -> None:
    error = {"error": {"error_code": "0x0000001", "error_message": "Internal Error"}}
    provider, speaks = await canned(status, json.dumps(error).encode(), Retry_After="7"), client()
    for errand in (
        speaks.enter(LOGIN),
        speaks.create(PERMIT, job(), Ledger()),
        speaks.look(PERMIT, Placed(id="x")),
        speaks.cancel(PERMIT, Placed(id="x")),
        speaks.probe(PERMIT, Placed(id="x")),
        speaks.find(PERMIT),
    ):
        with pytest.raises(Unavailable) as caught:
            await provider.run(errand)
        assert (caught.value.data["status"], caught.value.data["retry_after"]) == (status, 7)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"job":', b'{"job":7}', b"\xff", b"[" * 9**6])
@pytest.mark.parametrize("kind", FORMATS)
async def test_an_answer_that_cannot_be_used(canned: Any, body: bytes, kind: str) -> None:
    provider, speaks = await canned(200, body), client(format=kind)
    for errand in (speaks.enter(LOGIN), speaks.create(PERMIT, job(), Ledger()), speaks.look(PERMIT, Placed(id="x"))):
        with pytest.raises(Unavailable):
            await provider.run(errand)


@pytest.mark.parametrize(
    ("status", "code", "text", "meaning"),
    [
        (400, "0050001", "Invalid Input", BadRequest),
        (404, "0x0170002", "Pipeline does not exist", NotFound),
        (404, "0x0990002", "Something does not exist", NotFound),
        (403, "0x0000003", "Invalid access token", Unauthorized),
        (403, "", "", Forbidden),
        (418, "0x0990009", "New", BadRequest),
    ],
)
async def test_complaints_are_told_by_their_codes(
    canned: Any, status: int, code: str, text: str, meaning: type[Fault]
) -> None:
    body = json.dumps({"error": {"error_code": code, "error_message": text}}).encode()
    provider = await canned(status, body if code else b"<html>")
    with pytest.raises(Refused) as caught:
        await provider.run(client().find(PERMIT))
    assert type(caught.value.meaning) is meaning


def test_a_token_never_shows_and_an_id_is_no_path() -> None:
    request = next(client().look(PERMIT, Placed(id="a/../b")))
    assert request.path == "/v1/jobs/a%2F..%2Fb"
    assert request.headers.get("Authorization") == f"Bearer {'a' * 64}"
    assert "aaaa" not in repr(PERMIT)
