"""The client of Transparent Edge against our own server over HTTP, and what it makes of answers that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_plus

import pytest

from mediaglot.emulators.transparent_edge import Dialect
from mediaglot.emulators.transparent_edge.facts import addressed, distinct, filename, folder
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
from mediaglot.gateway.model import (
    Access,
    Event,
    Input,
    Job,
    Location,
    Notification,
    Output,
    Package,
    PackageKind,
    Phase,
    Secret,
    Share,
    Size,
    Skip,
    Status,
    StillFormat,
    Stills,
    Variant,
    Video,
)

LOGIN = Login(name="4f2a90c1", secret=Secret("c0ffee77"), tenant="42")
ANA = Access(user="ana", password=Secret("s3 cret"))
TWO = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-600s-320x180-25fps.mp4"
HLS = Package(kind=PackageKind.HLS, playlist="master.m3u8")


def client(**options: str) -> Client:
    return Dialect.client(Dialect(), options)


def at(url: str) -> Location:
    return Location(url=url, access=ANA)


def file(url: str = "ftp://ftp.example.com/out/clip.mp4", height: int = 360) -> Output:
    return Output(container="mp4", video=Video(codec="h264", size=Size(height=height)), destinations=(at(url),))


def job(source: str = TWO, *outputs: Output, **more: Any) -> Job:
    return Job(inputs=(Input(location=Location(url=source)),), outputs=outputs or (file(),), **more)


async def entered(provider: Any, speaks: Client) -> Pass:
    return await provider.run(speaks.enter(LOGIN))


async def test_an_order_from_the_token_to_its_files(upstream: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    assert (permit.tenant, permit.lifetime) == ("42", 36_000)
    stream = Output(
        package=HLS, video=Video(size=Size(height=240)), destinations=(at("ftp://ftp.example.com/out/tv/"),)
    )
    placed = await provider.run(speaks.create(permit, job(TWO, file(), stream), Ledger(), marker="m1"))
    done = await provider.ended(lambda: speaks.look(permit, placed))
    assert (done.id, done.status, done.word, done.progress) == (placed.id, Status.FINISHED, "FINISHED", 1)
    assert [file.url for file in done.files] == [
        "ftp://ftp.example.com/out/clip.mp4",
        "ftp://ftp.example.com/out/tv/tv.m3u8",
    ]
    assert [part.progress for part in done.parts] == [1, 1]
    assert (done.marker, done.trouble) == ("m1", None)
    assert done.created is not None
    (seen,) = await provider.run(speaks.find(permit, "m1"))
    assert seen == done


async def test_profiles_are_made_once_and_found_again(upstream: Any) -> None:
    provider, speaks, other = await upstream("transparent_edge"), client(), client()
    permit = await entered(provider, speaks)
    both = job(TWO, file(), file("ftp://ftp.example.com/out/small.mp4", 240))
    ids = await provider.run(speaks.wrap(permit, both, Ledger()))
    assert len(ids) == 2
    assert all(name.startswith("mediaglot-") for name in ids)
    for each in (speaks, other, speaks, other):
        await provider.run(each.create(permit, both, Ledger()))
    listed = json.loads((await provider.send(next(client().wrap(permit, both, Ledger())))).body)
    assert {each["name"]: str(each["id"]) for each in listed} == ids
    profiles = [way for way in provider.asked if way[1].endswith("/transcoding_profiles/")]
    assert [method for method, _ in profiles] == ["GET", "POST", "POST", "GET", "GET"]
    assert other.known == {("profile", name): number for name, number in ids.items()}


async def test_a_profile_that_somebody_deleted_is_made_again(upstream: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    await provider.run(speaks.create(permit, job(), Ledger()))
    ((_, number),) = speaks.known.items()
    lines = Headers(lines=(("Authorization", f"Bearer {permit.credential.secret.reveal()}"),))
    gone = Request(method="DELETE", path=f"/v1/media/42/transcoding_profile/{number}/", headers=lines)
    assert (await provider.send(gone)).status == 204
    placed = await provider.run(speaks.create(permit, job(), Ledger(), marker="m2"))
    assert (await provider.run(speaks.look(permit, placed))).marker == "m2"
    count = len(provider.asked)
    with pytest.raises(Refused):
        await provider.run(speaks.create(permit, job("gopher://h/a"), Ledger()))
    assert [method for method, _ in provider.asked[count:]] == ["POST", "GET"]


async def test_orders_are_found_by_their_marker_or_listed_newest_first(upstream: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    made = [(await provider.run(speaks.create(permit, job(), Ledger(), marker=f"m{number}"))).id for number in range(3)]
    newest = await provider.run(speaks.find(permit))
    assert sorted(each.id for each in newest) == sorted(made)
    assert all(each.created for each in newest)
    for number, order in enumerate(made):
        (seen,) = await provider.run(speaks.find(permit, f"m{number}"))
        assert seen.id == order
    again = speaks.find(permit, "m")
    rows = await provider.send(next(again))
    with pytest.raises(StopIteration) as end:
        again.send(rows)
    assert end.value.value == (), "what was seen of an order is remembered: nothing else is asked"


async def test_an_order_whose_number_another_one_has_is_not_found(upstream: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    placed = await provider.run(speaks.create(permit, job(), Ledger(), marker="theirs"))
    speaks.known["order", placed.id] = "ours"
    assert await provider.run(speaks.find(permit, "ours")) == ()


async def test_of_two_markers_in_a_label_the_last_one_is_ours(upstream: Any) -> None:
    """The first one is of a server like ours, which is our client."""
    provider, speaks = await upstream("transparent_edge"), client()
    permit, theirs = await entered(provider, speaks), replace(file(), label="tv mediaglot:theirs")
    placed = await provider.run(speaks.create(permit, job(TWO, theirs), Ledger(), marker="ours"))
    assert (await provider.run(speaks.look(permit, placed))).marker == "ours"
    assert [each.id for each in await provider.run(speaks.find(permit, "ours"))] == [placed.id]


async def test_a_running_order_cannot_be_cancelled_or_repeated(upstream: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    placed = await provider.run(speaks.create(permit, job(LONG), Ledger()))
    with pytest.raises(Unsupported):
        await provider.run(speaks.cancel(permit, placed))
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.retry(permit, placed))
    assert isinstance(caught.value.meaning, Conflict)
    assert caught.value.meaning.data["id"] == placed.id


async def test_a_failed_order_says_why_and_is_repeated(upstream: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    placed = await provider.run(speaks.create(permit, job("ftps://a.example/b.mp4"), Ledger()))
    for _ in range(2):
        failed = await provider.ended(lambda: speaks.look(permit, placed))
        assert (failed.status, failed.files) == (Status.FAILED, ())
        assert failed.trouble is not None
        assert (failed.trouble.code, failed.trouble.data["status"]) == ("source_missing", "404")
        await provider.run(speaks.retry(permit, placed))


async def test_news_comes_when_an_order_has_ended(upstream: Any, ear: Any) -> None:
    provider, speaks = await upstream("transparent_edge"), client()
    permit = await entered(provider, speaks)
    good = await provider.run(speaks.create(permit, job(), Ledger(), marker="m1", hear=ear.url))
    bad = await provider.run(speaks.create(permit, job("ftps://a/b.mp4"), Ledger(), marker="m2", hear=ear.url))
    came = await ear.hears(lambda came: len(came) == 2)
    heard = {(each.id, each.status, each.marker) for each in map(speaks.hear, came)}
    assert heard == {(good.id, Status.FINISHED, "m1"), (bad.id, Status.FAILED, "m2")}


# --- what is asked --------------------------------------------------------------------------------------


def order(wanted: Job, **options: str) -> Any:
    return client(**options).write_order(addressed(wanted))


def entries(wanted: Job) -> Any:
    return client().write_jobs(addressed(wanted), Ledger())


def test_an_order_is_the_documented_one() -> None:
    ends = frozenset({Event.FINISHED})
    tellings = (
        Notification(target=Location(url="https://cms.example.net/hook"), events=ends),
        Notification(target=Location(url="mailto:ops@example.net"), events=ends),
        Notification(target=Location(url="sqs://queue"), events=ends),
    )
    assert order(job(notifications=tellings, priority=99)) == {
        "priority": 10,
        "origin": TWO,
        "notifications": [{"call": "https://cms.example.net/hook"}, {"email": "ops@example.net"}],
        "destinations": ["ftp://ana:s3%20cret@ftp.example.com/out/"],
    }
    assert "priority" not in order(job(priority=4))
    ((entry, document),) = entries(job())
    assert entry == {"label": "clip.mp4", "filename": "clip.mp4"}
    assert document == {
        "name": document["name"],
        "video_format": "mp4",
        "video_codec": "libx264",
        "video_height": 360,
    }


def test_a_name_follows_from_what_is_in_a_profile() -> None:
    one, same, other = (entries(job(TWO, each))[0][1] for each in (file(), file("ftp://x/y.mp4"), file(height=240)))
    assert one == same
    assert one["name"] != other["name"]


def test_of_several_variants_the_highest_is_made() -> None:
    variants = tuple(Variant(name=f"{side}p", video=Video(size=Size(height=side))) for side in (240, 720, 360))
    stream = Output(package=replace(HLS, variants=variants), destinations=(at("s3://b/show/tv.1/"),))
    ((entry, document),) = entries(job(TWO, stream))
    assert (document["video_format"], document["video_height"]) == ("mpegts", 720)
    assert document["custom_profiles"][0]["profile_type"] == "hls"
    assert document["name"].startswith("mediaglot-hls-")
    assert entry["filename"] == "tv.1.mp4"
    assert order(job(TWO, stream))["destinations"] == ["s3://ana:s3%20cret@b/show/"]


def test_thumbnails_that_can_be_said() -> None:
    still = Stills(name="a", format=StillFormat.PNG, size=Size(width=160, height=90), at=Share(0.5))
    ((entry, _),) = entries(job(TWO, replace(file(), stills=(still, replace(still, size=None)))))
    assert entry["thumbnails"] == [{"label": "a.png", "filename": "a.png", "width": 160, "height": 90, "time": 0.5}]
    alone = Output(video=Skip(), stills=(still,), destinations=(at("ftp://ftp.example.com/out/"),))
    assert [each["filename"] for each in order(job(TWO, file(), alone))["thumbnails"]] == ["a.png"]
    assert len(entries(job(TWO, file(), alone))) == 1


@pytest.mark.parametrize(
    ("url", "directory", "name"),
    [
        ("ftp://h/out/a%20b.mp4", "ftp://h/out/", "a b.mp4"),
        ("ftp://h/out/", "ftp://h/out/", "own.mp4"),
        ("ftp://h/out/x.mp4?passive=yes", "ftp://h/out/?passive=yes", "x.mp4"),
        ("s3://b/v1.2", "s3://b/", "v1.2.mp4"),
        ("s3://b", "s3://b/", "own.mp4"),
    ],
)
def test_where_a_file_goes(url: str, directory: str, name: str) -> None:
    output = replace(file(url), name="own")
    assert folder(output.destinations[0], output).url == directory
    assert filename(output, 0) == name


def test_jobs_of_orders_whose_profiles_nobody_knows_keep_their_places() -> None:
    place, words = at("ftp://h/out"), {"profile_id": 31}
    unknown = Output(name="clip.mov", destinations=(place,), document=words)
    beside = Output(stills=(Stills(name="a.jpg"),), destinations=(at("ftp://h/out/"),))
    assert order(job(TWO, unknown, beside))["destinations"] == ["ftp://ana:s3%20cret@h/out/"]
    assert entries(job(TWO, unknown, beside))[0][0]["filename"] == "clip.mov"


def test_files_that_would_overwrite_each_other_get_numbers() -> None:
    assert distinct(["a.mp4", "A.mp4", "a-2.mp4", "a", "a"]) == ["a.mp4", "A-2.mp4", "a-2-2.mp4", "a", "a-2"]


def test_what_cannot_be_asked_for_at_all() -> None:
    nowhere = replace(file(), destinations=())
    with pytest.raises(Unsupported) as caught:
        order(job(TWO, nowhere))
    assert caught.value.data["feature"] == "outputs.0.destinations"
    with pytest.raises(Unsupported) as caught:
        order(job(TWO, file(), nowhere, file("ftp://ftp.example.com/other/clip.mp4")))
    assert caught.value.data["feature"] == "outputs.2.destinations"
    assert order(job(TWO, nowhere), storage="ftp://h/out")["destinations"] == ["ftp://h/out"]
    with pytest.raises(Unsupported):
        order(job(TWO, replace(file("s3://b/"), package=HLS)))
    with pytest.raises(Unsupported):
        entries(job(TWO, replace(file(), video=Skip(), container="mp3")))


def test_an_order_in_a_file_is_framed() -> None:
    document = b'{"origin": "ftp://h/a.mov?x=1&y=+"}'
    for body in (document, b"order=" + document):
        assert unquote_plus(client().frame(document).body.decode()) == f"order={document.decode()}"
        assert Dialect().open(client().frame(body)).tree == {"order": json.loads(document)}


# --- who ------------------------------------------------------------------------------------------------


async def test_refused_credentials(upstream: Any) -> None:
    accounts = {"transparent_edge": (Credential("42/4f2a90c1", Secret("c0ffee77")),)}
    provider, speaks = await upstream("transparent_edge", accounts=accounts), client()
    own = replace(LOGIN, name="42/4f2a90c1")
    permit = await provider.run(speaks.enter(own))
    assert await provider.run(speaks.find(permit)) == ()
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.enter(replace(own, secret=Secret("wrong"))))
    assert (type(caught.value.meaning), caught.value.data["error"]) == (Unauthorized, "invalid_client")
    for other, meaning in (
        (Pass(credential=Credential("", Secret("stale"), token=True), tenant="42"), Unauthorized),
        (replace(permit, tenant="43"), Forbidden),
    ):
        with pytest.raises(Refused) as caught:
            await provider.run(speaks.find(other))
        assert type(caught.value.meaning) is meaning
    with pytest.raises(Refused) as caught:
        await provider.run(speaks.look(permit, Placed(id="1789034411-4821")))
    assert type(caught.value.meaning) is NotFound
    assert caught.value.meaning.data == {"kind": "job", "id": "1789034411-4821"}


# --- answers that are none --------------------------------------------------------------------------------

PERMIT = Pass(credential=Credential("", Secret("a" * 64), token=True), tenant="42")


def errands(speaks: Client) -> tuple[Any, ...]:
    return (
        speaks.enter(LOGIN),
        speaks.create(PERMIT, job(), Ledger()),
        speaks.look(PERMIT, Placed(id="x")),
        speaks.find(PERMIT),
        speaks.retry(PERMIT, Placed(id="x")),
    )


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_an_overloaded_provider_is_asked_again_later(canned: Any, status: int) -> None:
    body = b'{"detail": "Request was throttled."}' if status == 429 else b"<html>"
    provider = await canned(status, body, Retry_After="7")
    for errand in errands(client()):
        with pytest.raises(Unavailable) as caught:
            await provider.run(errand)
        assert (caught.value.data["status"], caught.value.data["retry_after"]) == (status, 7)


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b'{"id":', b"7", b"\xff", b"[" * 100_000])
async def test_an_answer_that_cannot_be_used(canned: Any, body: bytes) -> None:
    provider = await canned(200, body)
    for errand in errands(client()):
        with pytest.raises(Unavailable):
            await provider.run(errand)


@pytest.mark.parametrize(
    ("tree", "meaning", "field"),
    [
        ({"message": "jobs.0.profile_id: there is no such profile"}, BadRequest, None),
        ({"message": "origin is required"}, Missing, "origin"),
        ({"video_codec": ["This value is not one of h264."]}, Invalid, "profile.video_codec"),
        ({"detail": "Something new."}, BadRequest, None),
        ({}, BadRequest, None),
        ([], BadRequest, None),
    ],
)
async def test_what_is_wrong_with_a_request(canned: Any, tree: Any, meaning: type[BadRequest], field: Any) -> None:
    provider = await canned(400, json.dumps(tree).encode())
    with pytest.raises(Refused) as caught:
        await provider.run(client().create(PERMIT, job(), Ledger()))
    assert type(caught.value.meaning) is meaning
    assert caught.value.meaning.data.get("field") == field


@pytest.mark.parametrize("body", [b"", b"[", b"[1]", b"{}", b'{"order_id":7,"status":"QUEUED"}', b'{"order_id":"x"}'])
def test_what_is_no_news_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        client().hear(Request(method="POST", body=body))


def test_a_state_that_was_never_met_is_unknown() -> None:
    odd = {
        "order_id": "x",
        "status": "MARINATING",
        "transcodingjob_set": [{"progress": "half"}, 7],
        "timestamp": "soon",
    }
    heard = client().hear(Request(body=json.dumps(odd).encode()))
    assert (heard.id, heard.status, heard.word, heard.created) == ("x", Status.UNKNOWN, "MARINATING", None)
    running = {**odd, "status": "TRANSCODING", "transcodingjob_set": [{"progress": 50}, {"progress": 0.0}]}
    seen = client().hear(Request(body=json.dumps(running).encode()))
    assert (seen.status, seen.phase, seen.progress) == (Status.RUNNING, Phase.ENCODING, 0.25)
    assert [part.phase for part in seen.parts] == [Phase.ENCODING] * 2


def test_a_token_never_shows() -> None:
    request = next(client().look(PERMIT, Placed(id="a/../b")))
    assert request.path == "/v1/media/42/transcode/a%2F..%2Fb/"
    assert request.headers.get("Authorization") == f"Bearer {'a' * 64}"
    assert "aaaa" not in repr(PERMIT)
