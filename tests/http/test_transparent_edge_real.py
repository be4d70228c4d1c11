"""Transparent Edge from outside: real orders to finished files, notifications by HTTP and SMTP, and bad input."""

from __future__ import annotations

import asyncio
import email
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest

from mediaglot.gateway.command.demo import demonstrate
from mediaglot.gateway.command.screen import Screen

pytestmark = [pytest.mark.usefixtures("no_mistakes")]
SHORT = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
FILE = {"name": "file", "video_format": "mp4", "video_codec": "libx264", "video_width": 160, "video_height": 90}
HLS = {"profile_type": "hls", "hls_time": 1, "h264_preset": "ultrafast", "h264_profile": "main"}
README = Path(__file__).resolve().parents[2] / "emulators" / "transparent_edge" / "README.md"


class Account:
    """A client of one company, with a token."""

    def __init__(self, session: aiohttp.ClientSession, site: str, company: int = 42) -> None:
        self.session, self.base = session, f"{site}/transparent_edge"
        self.media = f"/v1/media/{company}"
        self.token = ""

    async def enter(self, client: str = "4f2a90c1", **more: str) -> Account:
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": "c0ffee77", **more}
        status, told = await self.ask("POST", "/v1/oauth2/access_token/", data=form)
        assert status == 200, told
        self.token = told["access_token"]
        return self

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        lines = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        lines |= options.pop("headers", {})
        async with self.session.request(method, self.base + path, headers=lines, **options) as answer:
            body = await answer.read()
            assert not body or answer.content_type == "application/json", body
            return answer.status, json.loads(body or b"null")

    async def profile(self, **fields: Any) -> int:
        status, told = await self.ask("POST", f"{self.media}/transcoding_profiles/", json={**FILE, **fields})
        assert status == 201, told
        return int(told["id"])

    async def order(self, *jobs: Any, **fields: Any) -> str:
        order = {"origin": SHORT, "destinations": ["ftp://ana:s3cret@ftp.example.com/out"], "jobs": jobs, **fields}
        status, told = await self.ask("POST", f"{self.media}/transcode", data={"order": json.dumps(order)})
        assert status == 201, told
        return str(told["message"].partition("#")[2].partition(" ")[0])

    async def detail(self, order: str) -> Any:
        status, told = await self.ask("GET", f"{self.media}/transcode/{order}")
        assert status == 200, told
        return told


@pytest.fixture
async def client(serve: Any, session: aiohttp.ClientSession) -> Account:
    return await Account(session, (await serve()).site).enter()


@pytest.fixture
def end(wait: Any) -> Any:
    async def reach(client: Account, order: str) -> Any:
        async def look() -> Any:
            found = await client.detail(order)
            return found if found["status"] in {"FINISHED", "ERROR"} else None

        return await wait(look)

    return reach


@pytest.mark.ffmpeg
async def test_an_order_with_everything(client: Account, end: Any, data: Path, measure: Any) -> None:
    plain = await client.profile(video_bitrate=200, restrict_bitrate=True)
    copied = await client.profile(
        name="copy", video_codec="copy", audio_codec="copy", video_width=None, video_height=None
    )
    logo = {"profile_type": "overlay", "position": "after", "url": "https://media.mediaglot.test/bars-64x64.png"}
    marked = {"video_format": "mpegts", "video_width": None, "video_height": None}
    stream = await client.profile(
        name="hls", **marked, custom_profiles=[HLS, logo | {"scale_width": 32, "scale_height": 32}]
    )
    small = {"filename": "a.jpg", "label": "t", "width": "64", "height": 36, "time": 0.5}
    order = await client.order(
        {"label": "one", "filename": "plain.mp4", "profile_id": plain, "thumbnails": [small]},
        {"label": "two", "filename": "copied.mp4", "profile_id": copied},
        {
            "label": "three",
            "filename": "live.mp4",
            "profile_id": stream,
            "thumbnails": [{**small, "filename": "b.png"}],
        },
        destinations=["ftp://ana:s3cret@ftp.example.com/out", "s3://KEY:SECRET@vod-bucket/show/"],
        thumbnails=[{**small, "filename": "top.jpg", "time": 1.5, "width": 32, "height": 32}],
    )
    done = await end(client, order)
    assert (done["status"], done["comment"]) == ("FINISHED", f"Order {order} finished")
    assert [job["progress"] for job in done["transcodingjob_set"]] == [100.0] * 3
    assert (done["duration"], done["filename"], done["label"]) == (2.0, "plain.mp4", "one")
    assert [place["upload_user"] for place in done["transcodingupload_set"]] == ["ana", "KEY"]
    assert "s3cret" not in json.dumps(done)
    assert "SECRET" not in json.dumps(done)
    for folder in (data / "storage/ftp/ftp.example.com/out", data / "storage/s3/vod-bucket/show"):
        sizes = {name: measure((folder / name).read_bytes())["size"] for name in ("a.jpg", "b.png", "top.jpg")}
        assert sizes == {"a.jpg": (64, 36), "b.png": (64, 36), "top.jpg": (32, 32)}
        file = measure((folder / "plain.mp4").read_bytes())
        assert (file["size"], file["frames"], file["codecs"]) == ((160, 90), 50, {"video": "h264", "audio": "aac"})
        assert measure((folder / "copied.mp4").read_bytes())["size"] == (320, 180)
        listed = sorted(path.name for path in (folder / "live").iterdir())
        assert listed == ["live.m3u8", "live_00000.ts", "live_00001.ts", "master.m3u8"]
        assert "live.m3u8" in (folder / "live/master.m3u8").read_text()
        assert measure((folder / "live/live_00000.ts").read_bytes())["size"] == (320, 180)


class Box:
    """Keeps the mails that it is given."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.come = asyncio.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        self.come.set()
        return "250 OK"


@pytest.fixture
async def box(mail_server: Any) -> tuple[Box, int]:
    kept = Box()
    return kept, await mail_server(kept)


@pytest.mark.ffmpeg
async def test_notifications_by_callback_and_by_mail(
    serve: Any, session: Any, end: Any, receiver: Any, box: tuple[Box, int]
) -> None:
    mails, port = box
    client = await Account(session, (await serve(smtp_host="127.0.0.1", smtp_port=port)).site).enter()
    number = await client.profile()
    job = {"label": "one", "filename": "told.mp4", "profile_id": number}
    both = {"email": "ops+vod@example.net", "call": f"{receiver.url}/hook?a=1"}
    order = await client.order(job, notifications=[both])
    done = await end(client, order)
    assert done["transcodingnotification_set"] == [{"callback_url": both["call"], "email": both["email"]}]
    async with asyncio.timeout(20):
        await mails.come.wait()
    letter = await arrived(receiver, 1)
    assert json.loads(letter["body"]) == done
    assert letter["type"] == "application/json"
    ((to, mail),) = mails.mails
    assert (to, mail["Subject"]) == (["ops+vod@example.net"], f"Order {order} finished")
    text = mail.get_payload(decode=True).decode()
    assert f"Order {order} finished" in text
    assert "told.mp4" in text
    assert (await client.ask("POST", f"{client.media}/transcode_requeue/{order}/"))[0] == 200
    assert (await end(client, order))["timestamp"] == done["timestamp"]
    await arrived(receiver, 2)


async def arrived(receiver: Any, count: int) -> Any:
    async with asyncio.timeout(20), receiver._news:
        await receiver._news.wait_for(lambda: len(receiver.letters) >= count)
    assert len(receiver.letters) == count
    return receiver.letters[-1]


@pytest.mark.ffmpeg
async def test_a_failed_order_says_why_and_can_be_repeated(client: Account, end: Any, origin: Any) -> None:
    job = {"label": "x", "filename": "x.mp4", "profile_id": await client.profile()}
    order = await client.order(job, origin=f"{origin.url}/nothing.mp4")
    done = await end(client, order)
    assert (done["status"], done["duration"], done["size"]) == ("ERROR", None, None)
    assert done["comment"] == f"Order {order} failed: the origin answered 404 Not Found"
    assert (await client.ask("POST", f"{client.media}/transcode_requeue/{order}"))[0] == 200
    assert (await end(client, order))["status"] == "ERROR"
    _, rows = await client.ask("GET", f"{client.media}/transcode?filters={quote(json.dumps({'status': 'ERROR'}))}")
    assert [row["id"] for row in rows] == [order]


@pytest.mark.ffmpeg
async def test_priorities_go_first(serve: Any, session: Any, slow: Path, end: Any, wait: Any) -> None:
    client = await Account(session, (await serve(workers=1, ffmpeg=str(slow))).site).enter()
    number = await client.profile()

    def job(name: str) -> dict[str, Any]:
        return {"label": "", "filename": f"{name}.mp4", "profile_id": number}

    first = await client.order(job("first"), origin=LONG)

    async def begun() -> bool:
        return bool((await client.detail(first))["status"] == "TRANSCODING")

    await wait(begun)
    ready = await client.order(job("ready"), priority=10)

    async def fetched() -> bool:
        return bool((await client.detail(ready))["status"] != "QUEUED")

    await wait(fetched)
    plain = await client.order(job("plain"))
    low, high = await client.order(job("low"), priority=5), await client.order(job("high"), priority=10)
    waiting = {"status": "QUEUED", "profile_name": "file"}
    _, rows = await client.ask("GET", f"{client.media}/transcode?filters={quote(json.dumps(waiting))}")
    assert [row["id"] for row in rows] == [high, low, plain]
    status, told = await client.ask("POST", f"{client.media}/transcode_requeue/{first}")
    assert (status, list(told)) == (400, ["message"])
    ended: list[str] = []
    for order in (ready, high, low, plain):
        await end(client, order)
        ended = [one for one in (high, low, plain) if (await client.detail(one))["status"] == "FINISHED"]
        assert ended == [high, low, plain][: len(ended)], "larger first, none last"
    _, told = await client.ask("GET", f"{client.media}/transcoding/consumed_minutes/")
    assert told["minutes"][0]["duration"] == round((8 + 4 * 2) / 60, 2)


async def test_profiles_from_cradle_to_grave(client: Account) -> None:
    number = await client.profile()
    one, all_of_them = f"{client.media}/transcoding_profile/{number}/", f"{client.media}/transcoding_profiles"
    status, changed = await client.ask(
        "PUT", one, json={"video_width": None, "video_height": None, "custom_profiles": [HLS]}
    )
    assert (status, changed["company"], changed["custom_profiles"][0]["transcoding_profile"]) == (200, 42, number)
    assert await client.ask("GET", one) == (200, changed)
    assert await client.ask("GET", all_of_them) == (200, [changed])
    assert await client.ask("DELETE", one) == (204, None)
    assert (await client.ask("GET", one))[0] == (await client.ask("DELETE", one))[0] == 404
    assert await client.ask("GET", all_of_them) == (200, [])


async def test_tokens_companies_and_scopes(client: Account, session: Any, serve: Any) -> None:
    number = await client.profile()
    other = Account(session, client.base.removesuffix("/transparent_edge"), company=7)
    assert (await other.ask("GET", f"{other.media}/transcode"))[0] == 401
    await other.enter()
    assert (await other.ask("GET", f"{other.media}/transcoding_profile/{number}/"))[0] == 404, "another company"
    await other.enter("7/own")
    assert (await other.ask("GET", f"{other.media}/transcode"))[0] == 200
    assert (await other.ask("GET", f"{client.media}/transcode"))[0] == 403
    await other.enter("reader", scope="read")
    assert (await other.ask("GET", f"{other.media}/transcode"))[0] == 200
    assert (await other.ask("POST", f"{other.media}/transcoding_profiles/", json=FILE))[0] == 403
    assert (await other.ask("POST", "/v1/core/revoke_token/?all=true"))[0] == 200
    assert (await other.ask("GET", f"{other.media}/transcode"))[0] == 401


async def test_the_providers_host_name_is_enough(client: Account) -> None:
    site = client.base.removesuffix("/transparent_edge")
    lines = {"Authorization": f"Bearer {client.token}", "Host": "api.transparentcdn.com"}
    async with client.session.get(f"{site}/v1/media/42/allowed_values/", headers=lines) as answer:
        assert answer.status == 200
        assert set(await answer.json()) == {"audio_codecs", "video_formats", "aspect_ratio", "video_codecs"}


JUNK: tuple[Any, ...] = (
    None,
    "",
    " ",
    0,
    -1,
    1.5,
    10**400,
    True,
    [],
    {},
    [None],
    {"a": 1},
    "x" * 5000,
    "\x00",
    "é%zz",
    "#",
    [[[]]],
)
PLACES = ("origin", "destinations", "jobs", "thumbnails", "notifications", "priority", "post_process")


def junk() -> Iterator[tuple[str, str, dict[str, Any]]]:
    job = {"label": "x", "filename": "x.mp4", "profile_id": 31}
    still = {"filename": "x.jpg", "label": "x", "width": 1, "height": 1, "time": 0}
    for value in JUNK:
        for key in PLACES:
            yield "POST", "transcode/", {"data": {"order": json.dumps({**base(job), key: value})}}
            yield "POST", "transcode/", {"data": {"order": json.dumps({**base(job), key: [value]})}}
        for key in (*job, "thumbnails"):
            yield "POST", "transcode/", {"data": {"order": json.dumps(base({**job, key: value}))}}
        for key in still:
            yield (
                "POST",
                "transcode/",
                {"data": {"order": json.dumps(base({**job, "thumbnails": [{**still, key: value}]}))}},
            )
        for key in (*FILE, "custom_profiles", "segmentation", "restrict_bitrate", "audio_codec", "video_aspect"):
            yield "POST", "transcoding_profiles/", {"json": {**FILE, key: value}}
            yield "PUT", "transcoding_profile/31/", {"json": {key: value}}
        for kind in ("overlay", "hls"):
            for key in ("url", "opacity", "hls_time", "maxrate", "profile_type", "h264_preset", "offset_x"):
                yield (
                    "PUT",
                    "transcoding_profile/31/",
                    {"json": {"custom_profiles": [{"profile_type": kind, key: value}]}},
                )
        for key in ("timestamp", "status", "order_id", "profile_name"):
            yield "GET", f"transcode/?{urlencode({'filters': json.dumps({key: value})})}", {}
        for key in ("limit", "offset", "output", "search", "filters"):
            yield "GET", f"transcode/?{urlencode({key: str(value)}, errors='replace')}&output=std", {}
        yield "GET", f"transcode/{quote(str(value)[:200], safe='')}", {}
        yield "GET", f"transcoding_profile/{quote(str(value)[:200], safe='')}/", {}


def base(job: Any) -> dict[str, Any]:
    return {"origin": "http://127.0.0.1:9/x.mp4", "destinations": ["s3://b"], "jobs": [job]}


@pytest.mark.heavy
async def test_bad_input_is_refused_in_the_providers_shape(serve: Any, session: Any) -> None:
    client = await Account(session, (await serve(backend="simulated")).site).enter()
    await client.profile()
    seen: set[int] = set()
    for method, path, options in junk():
        status, told = await client.ask(method, f"{client.media}/{path}", **options)
        seen.add(status)
        assert status < 500, (method, path, options, told)
        if status >= 400:
            assert len(told) == 1, told
            ((key, text),) = told.items()
            assert isinstance(text, str if key in {"message", "detail"} else list), told
    assert {200, 201, 400, 404} <= seen


@pytest.mark.heavy
@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "text/xml", "application/x-www-form-urlencoded", ""]
)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"order=", b"--x", b"\xff\xfe\x00", b"order={}&order={}", b'{"order": {}}']
)
async def test_bodies_of_all_kinds(client: Account, kind: str, body: bytes) -> None:
    lines = {"Content-Type": kind}
    for method, path in (("POST", "transcode/"), ("POST", "transcoding_profiles/"), ("PUT", "transcoding_profile/31/")):
        status, told = await client.ask(method, f"{client.media}/{path}", data=body, headers=lines)
        assert status in {400, 404}
        assert len(told) == 1
    status, told = await client.ask("POST", "/v1/oauth2/access_token/", data=body, headers=lines)
    assert (status, list(told)) == (400, ["error"])


@pytest.mark.ffmpeg
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README is written with curl, which is not here")
async def test_the_readmes_own_lines(serve: Any, data: Path, tmp_path: Path, measure: Any) -> None:
    site = (await serve()).site
    (script,) = README.read_text().partition("```sh\n")[2].partition("```")[::2][:1]
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"BASE": site, "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "FINISHED"
    folder = data / "storage/ftp/ftp.example.com/out"
    assert measure((folder / "clip.mp4").read_bytes())["size"] == (320, 180)
    assert measure((folder / "clip.jpg").read_bytes())["size"] == (160, 90)


@pytest.mark.ffmpeg
async def test_the_demo_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from mediaglot.gateway.config import Settings

    (tmp_path / "results").mkdir()
    settings = Settings(port=0, data=tmp_path / "data", dialects=("transparent_edge",))
    (outcome,) = await demonstrate(settings, tmp_path / "results", Screen())
    assert outcome.good, outcome
    assert (outcome.dialect, outcome.word) == ("transparent_edge", "FINISHED")
