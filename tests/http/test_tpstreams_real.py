"""TPStreams over real HTTP with real FFmpeg: what a client of the provider sees, and the files that it gets."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import m3u8
import pytest
from aiohttp import web
from yarl import URL

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.model import Secret

README = Path(__file__).resolve().parents[2] / "emulators" / "tpstreams" / "README.md"
ORGANIZATION = "ab12cd"
TWO = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
KEYS = "access_key=EXAMPLEKEY&secret_key=EX+AMPLE/SECRET&region=ap-south-1"
ENDS = ("Completed", "Error", "Cancelled")


class Visitor:
    """A client with a token of its own; paths are the provider's."""

    def __init__(self, session: aiohttp.ClientSession, base: str, token: str = "a" * 64) -> None:
        self.session, self.base, self.token = session, base, token

    async def ask(self, method: str, path: str, tree: Any = None, **more: Any) -> tuple[int, Any, Any]:
        """Status, headers and the answer: JSON where it is, otherwise text."""
        headers = {"Authorization": f"Token {self.token}"} | more.pop("headers", {})
        if tree is not None:
            more["json"] = tree
        async with self.session.request(
            method, self.base + path, headers=headers, allow_redirects=False, **more
        ) as answer:
            text = await answer.text()
            return answer.status, answer.headers, json.loads(text) if answer.content_type.endswith("json") else text

    async def create(self, source: str = TWO, name: str = "intro", **more: Any) -> dict[str, Any]:
        wanted = {"input_url": source, "output_path": f"s3://course-out/{name}/?{KEYS}", "resolutions": ["240p"]}
        status, _, job = await self.ask("POST", self.jobs(), wanted | more)
        assert status == 201, job
        return dict(job)

    async def job(self, job_id: str) -> dict[str, Any]:
        return dict((await self.ask("GET", self.jobs(f"{job_id}/")))[2])

    async def ended(self, job: dict[str, Any], wait: Any) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found = await self.job(job["id"])
            return found if found["status"] in ENDS else None

        return dict(await wait(look))

    def jobs(self, rest: str = "") -> str:
        return f"/api/v1/{ORGANIZATION}/transcoding_jobs/{rest}"


@pytest.fixture
async def visitor(serve: Any, session: aiohttp.ClientSession) -> Visitor:
    client = await serve()
    return Visitor(session, f"{client.server.site.url}/tpstreams")


class Hooks:
    """Takes webhooks: what came, and with which token. ``refuse`` holds the answers to the next ones."""

    def __init__(self) -> None:
        self.url = ""
        self.refuse: list[int] = []
        self.came: list[tuple[str, dict[str, Any]]] = []
        self.news = asyncio.Condition()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        tree = await request.json()
        if self.refuse:
            return web.Response(status=self.refuse.pop(0))
        async with self.news:
            self.came.append((request.headers["x-streams-token"], tree))
            self.news.notify_all()
        return web.Response()

    async def states(self, job_id: str, last: str) -> list[str]:
        def told() -> list[str]:
            return [tree["status"] for _, tree in self.came if tree["id"] == job_id]

        async with asyncio.timeout(30), self.news:
            await self.news.wait_for(lambda: last in told())
        return told()


@pytest.fixture
async def hooks() -> AsyncIterator[Hooks]:
    hooks = Hooks()
    runner = web.ServerRunner(web.Server(hooks), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield hooks
    await runner.cleanup()


@pytest.mark.ffmpeg
@pytest.mark.usefixtures("no_mistakes")
async def test_a_job_becomes_a_playlist_with_a_rendition_for_each_resolution(
    visitor: Visitor, data: Path, wait: Any, measure: Any
) -> None:
    made = await visitor.create(resolutions=["360p", "240p", "360p"], client_metadata={"lesson": 42})
    assert (made["status"], made["start_time"], made["video_duration"]) == ("Queued", None, None)
    done = await visitor.ended(made, wait)
    assert (done["status"], done["video_duration"], done["error_message"]) == ("Completed", "00:00:02", None)
    assert done["client_metadata"] == {"lesson": 42}
    assert done["resolutions"] == ["360p", "240p", "360p"]
    assert done["start_time"] <= done["end_time"]
    folder = data / "storage" / "s3" / "course-out" / "intro"
    master = m3u8.load(str(folder / "video.m3u8"))
    shown = [(one.uri, one.stream_info.resolution) for one in master.playlists]
    assert shown == [("360p_h264_hls/video.m3u8", (640, 360)), ("240p_h264_hls/video.m3u8", (426, 240))]
    for uri, size in shown:
        media = m3u8.load(str(folder / uri))
        assert (media.playlist_type, media.is_endlist, media.target_duration) == ("vod", True, 2)
        found = measure((folder / uri).with_name("video_0.ts").read_bytes())
        assert found == {"codecs": {"video": "h264", "audio": "aac"}, "size": size, "frames": 50, "seconds": 2.0}


@pytest.mark.ffmpeg
async def test_a_long_source_is_cut_every_ten_seconds(visitor: Visitor, data: Path, wait: Any) -> None:
    await visitor.ended(await visitor.create(TWO.replace("2s", "25s"), name="long"), wait)
    media = m3u8.load(str(data / "storage/s3/course-out/long/240p_h264_hls/video.m3u8"))
    assert [(one.uri, one.duration) for one in media.segments] == [
        ("video_0.ts", 10.0),
        ("video_1.ts", 10.0),
        ("video_2.ts", 5.0),
    ]


@pytest.mark.ffmpeg
async def test_an_output_of_one_job_is_a_source_of_the_next_in_both_spellings(
    visitor: Visitor, data: Path, wait: Any
) -> None:
    await visitor.ended(await visitor.create(), wait)
    source = f"s3://wasabisys.com/course-out/intro/240p_h264_hls/video_0.ts/?{KEYS}"
    wanted = {"input_path": source, "output_path": f"s3://wasabisys.com/my.bucket/x?{KEYS}", "resolutions": ["240p"]}
    _, _, made = await visitor.ask("POST", visitor.jobs(), wanted)
    done = await visitor.ended(made, wait)
    assert (done["status"], done["input_url"], done["output_path"]) == ("Completed", source, wanted["output_path"])
    assert (data / "storage/s3/my.bucket/x/video.m3u8").is_file()


@pytest.mark.ffmpeg
@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/gone.mp4", "The specified input URL does not exist or cannot be accessed"),
        ("/noise.mp4", "The input file could not be read as a video"),
    ],
)
async def test_a_source_that_cannot_be_used_ends_in_error(
    visitor: Visitor, origin: Any, data: Path, wait: Any, path: str, message: str
) -> None:
    done = await visitor.ended(await visitor.create(origin.url + path), wait)
    assert (done["status"], done["error_message"], done["end_time"]) == ("Error", message, None)
    assert done["start_time"] is not None
    assert not (data / "storage").exists()
    _, _, answer = await visitor.ask("DELETE", visitor.jobs(f"{done['id']}/"))
    assert answer == {"message": "Job cancelled successfully."}
    assert (await visitor.job(done["id"]))["status"] == "Cancelled"


@pytest.mark.ffmpeg
async def test_cancelling(visitor: Visitor, origin: Any, data: Path, wait: Any) -> None:
    """What runs is ended, twice is as good as once, and what is done stays done."""
    running = await visitor.create(f"{origin.url}/hang.mp4")
    await origin.reached.wait()
    for _ in range(2):
        status, _, answer = await visitor.ask("DELETE", visitor.jobs(f"{running['id']}/"))
        assert (status, answer) == (200, {"message": "Job cancelled successfully."})
    seen = await visitor.job(running["id"])
    assert (seen["status"], seen["end_time"], seen["error_message"]) == ("Cancelled", None, None)
    done = await visitor.ended(await visitor.create(), wait)
    status, _, answer = await visitor.ask("DELETE", visitor.jobs(f"{done['id']}/"))
    assert (status, answer) == (200, {"message": "Job is already completed."})
    assert await visitor.job(done["id"]) == done


@pytest.mark.ffmpeg
async def test_webhooks_hear_of_each_change_in_order_with_their_token(
    visitor: Visitor, hooks: Hooks, origin: Any, wait: Any
) -> None:
    path = f"/api/v1/{ORGANIZATION}/webhooks/"
    status, _, hook = await visitor.ask("POST", path, {"url": hooks.url, "secret_token": "whsec-example"})
    assert status == 201
    done = await visitor.ended(await visitor.create(client_metadata={"a": [1, None]}), wait)
    assert await hooks.states(done["id"], "Completed") == ["Queued", "Transcoding", "Completed"]
    assert hooks.came[-1] == ("whsec-example", done)
    failed = await visitor.create(f"{origin.url}/gone.mp4")
    assert await hooks.states(failed["id"], "Error") == ["Queued", "Transcoding", "Error"]
    status, _, _ = await visitor.ask("PUT", f"{path}{hook['id']}/", {"url": hooks.url, "secret_token": "other"})
    assert status == 200
    hooks.refuse = [404]
    again = await visitor.create()
    assert await hooks.states(again["id"], "Completed") == ["Transcoding", "Completed"], "404 counts as delivered"
    assert hooks.came[-1][0] == "other"
    assert (await visitor.ask("DELETE", f"{path}{hook['id']}/"))[0] == 204
    assert (await visitor.ask("GET", path))[2] == {"count": 0, "next": None, "previous": None, "results": []}
    count = len(hooks.came)
    await visitor.ended(await visitor.create(), wait)
    assert len(hooks.came) == count


async def test_a_token_opens_its_organization_until_it_is_given_up(visitor: Visitor) -> None:
    who = {"username": "dev@example.test", "password": "s3cret", "organization_id": ORGANIZATION}
    status, _, issued = await visitor.ask("POST", "/api/auth/login/", who, headers={"Authorization": ""})
    assert (status, issued["expiry"]) == (200, None)
    assert re.fullmatch("[0-9a-f]{64}", issued["token"])
    visitor.token = issued["token"]
    _, _, page = await visitor.ask("GET", "/api/v1/organizations/")
    assert [one["uuid"] for one in page["results"]] == [ORGANIZATION]
    status, headers, text = await visitor.ask("GET", "/api/v1/zz99zz/transcoding_jobs/")
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "The requested resource was not found on this server." in text
    assert (await visitor.ask("POST", "/api/auth/logout/"))[0] == 204
    status, headers, answer = await visitor.ask("GET", visitor.jobs())
    assert (status, answer, headers["WWW-Authenticate"]) == (401, {"detail": "Invalid token."}, "Token")


async def test_the_twenty_first_token_is_refused(visitor: Visitor) -> None:
    who = {"username": "x", "password": "y", "organization_id": ORGANIZATION}
    answers = [await visitor.ask("POST", "/api/auth/login/", who) for _ in range(21)]
    assert [status for status, _, _ in answers] == [200] * 20 + [400]


async def test_a_list_of_accounts_closes_the_door(serve: Any, session: aiohttp.ClientSession, tmp_path: Path) -> None:

    client = await serve(accounts={"tpstreams": (Credential(ORGANIZATION, Secret("k3y")),)})
    visitor = Visitor(session, f"{client.server.site.url}/tpstreams")
    assert (await visitor.ask("GET", visitor.jobs()))[0] == 401
    who = {"username": "x", "password": "wrong", "organization_id": ORGANIZATION}
    status, _, answer = await visitor.ask("POST", "/api/auth/login/", who)
    assert (status, answer) == (400, {"non_field_errors": ["Unable to log in with provided credentials."]})
    status, _, issued = await visitor.ask("POST", "/api/auth/login/", who | {"password": "k3y"})
    for token in (issued["token"], "k3y"):
        visitor.token = token
        assert (await visitor.ask("GET", visitor.jobs()))[0] == 200
        assert (await visitor.ask("GET", "/api/v1/zz99zz/transcoding_jobs/"))[0] == 404


@pytest.fixture
async def simulated(serve: Any, session: aiohttp.ClientSession) -> Visitor:
    client = await serve(backend="simulated", dialects=("tpstreams,page_size=2",))
    return Visitor(session, f"{client.server.site.url}/tpstreams")


async def test_pages_lead_through_the_whole_list_in_order(simulated: Visitor) -> None:
    made = [(await simulated.create(name=str(number)))["id"] for number in range(5)]
    path, seen = simulated.jobs(), []
    while path:
        _, _, page = await simulated.ask("GET", path)
        assert page["count"] == 5
        seen += [job["id"] for job in page["results"]]
        path = (page["next"] or "").removeprefix(simulated.base)
    assert seen == made
    _, _, last = await simulated.ask("GET", simulated.jobs("?page=last&ordering=-created"))
    assert [job["id"] for job in last["results"]] == made[:1]
    _, _, before = await simulated.ask("GET", last["previous"].removeprefix(simulated.base))
    assert [job["id"] for job in before["results"]] == made[2:0:-1]


async def test_filters_are_combined(simulated: Visitor, wait: Any) -> None:
    bad = await simulated.create("ftps://a.example/b.mp4")
    assert (await simulated.ended(bad, wait))["status"] == "Error"
    good = await simulated.ended(await simulated.create(TWO, enable_drm=True), wait)
    clear = await simulated.ended(await simulated.create(TWO), wait)

    async def found(query: str) -> list[str]:
        return [job["id"] for job in (await simulated.ask("GET", simulated.jobs(query)))[2]["results"]]

    both = [good["id"], clear["id"]]
    assert await found("?status=completed") == both
    assert await found("?status=error&status=Cancelled") == [bad["id"]]
    assert await found("?status=completed&enable_drm=true") == [good["id"]]
    assert await found("?enable_drm=false&status=queued") == []
    assert await found(f"?status=completed&created_to={good['start_time'][:26]}%2B05:30") == [good["id"]]
    assert await found("?created_from=2200-01-01") == []


async def test_organizations_do_not_see_each_others_jobs(simulated: Visitor) -> None:
    job = await simulated.create()
    other = simulated.jobs(f"{job['id']}/").replace(ORGANIZATION, "zz99zz")
    assert (await simulated.ask("GET", other))[2] == {"detail": "Not found."}
    assert (await simulated.ask("DELETE", other))[0] == 404
    assert (await simulated.ask("GET", "/api/v1/zz99zz/transcoding_jobs/"))[2]["count"] == 0


async def test_the_providers_own_host_leads_here_and_links_stay_on_it(simulated: Visitor) -> None:
    for number in range(3):
        await simulated.create(name=str(number))
    simulated.base = simulated.base.removesuffix("/tpstreams")
    host = {"Host": "app.tpstreams.com"}
    _, _, page = await simulated.ask("GET", simulated.jobs(), headers=host)
    assert page["next"] == f"http://app.tpstreams.com{simulated.jobs()}?page=2"
    status, headers, _ = await simulated.ask("GET", simulated.jobs()[:-1] + "?a=1", headers=host)
    assert (status, headers["Location"]) == (301, simulated.jobs() + "?a=1")


KINDS = "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "x", "a/b; c=\u00fc"
BODIES = (
    b"",
    b"\0",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"input_url":1e999}',
    b"9" * 5000,
    b'"\xed\xa0\x80"',
    b'{"input_url":"http://[","output_path":"s3://[/","resolutions":["240p"],"client_metadata":{"a":"\\ud800"}}',
    b'{"input_url":"http://a:99999/","output_path":"\\ud800","resolutions":[{},[],1e5,"\\ud800"],"enable_drm":{}}',
    b'{"url":"http://\\u0000","secret_token":"\\n"}',
    b"%ff%fe=%&&==;&resolutions=%ff",
    b"--x\r\n\r\n\r\n--x--",
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--",
)
QUERIES = (
    *("page=%00", "page=%ff", "page=" + "9" * 50, "page=%D9%A3", "status=%00", "status=%ff", "ordering=%F0%9F%98%80"),
    *("created_from=0000-00-00", "created_to=9999-12-31T23:59:59-23:59", "created_to=0001-01-01T00:00:00%2B23:00"),
    *("created_from=2023-01-01T00:00:00%2B99:99", "&&&=;=", "enable_drm=%00", "page=2%00", "page=last&page=1"),
)
PATHS = (
    *("/", "/api", "/api/v1/%2e%2e/x/", "/api/v1/%00/transcoding_jobs/", "/api/v1/a%0d%0ab/transcoding_jobs"),
    *("/api/auth/login/", "/api/auth/logout", f"/api/v1/{ORGANIZATION}/transcoding_jobs/%ff/", "/api/v1/%ff/webhooks"),
    *(f"/api/v1/{ORGANIZATION}/webhooks/%F0%9F%98%80/", f"/api/v1/{ORGANIZATION}/transcoding_jobs/{'x' * 3000}/"),
)
METHODS = "GET POST PUT PATCH DELETE HEAD OPTIONS TRACE".split()
ODD: list[tuple[str, str, dict[str, Any]]] = [
    *(
        ("POST", f"/api/v1/{ORGANIZATION}/{rest}/", {"data": body, "headers": {"Content-Type": kind}})
        for rest in ("transcoding_jobs", "webhooks")
        for kind in KINDS
        for body in BODIES
    ),
    *(
        ("GET", f"/api/v1/{ORGANIZATION}/{rest}/?{query}", {})
        for rest in ("transcoding_jobs", "webhooks")
        for query in QUERIES
    ),
    *((method, path, {}) for method in METHODS for path in PATHS),
]


@pytest.mark.heavy
@pytest.mark.usefixtures("no_mistakes")
async def test_whatever_comes_is_answered_in_the_providers_way(simulated: Visitor) -> None:
    for method, path, more in ODD:
        sent = {"Authorization": f"Token {simulated.token}", **more.get("headers", {})}
        url = URL(simulated.base + path, encoded=True)
        async with simulated.session.request(
            method, url, headers=sent, allow_redirects=False, data=more.get("data")
        ) as answer:
            body = await answer.read()
            seen = (method, path, more, answer.status, body)
            assert answer.status < 500, seen
            assert b"Traceback" not in body, seen
            if answer.content_type == "text/html":
                assert (
                    (answer.status, body) == (301, b"") or b"was not found on this server" in body or method == "HEAD"
                ), seen
            elif body:
                assert isinstance(json.loads(body), dict), seen


@pytest.mark.ffmpeg
@pytest.mark.skipif(shutil.which("curl") is None, reason="the README is written with curl, which is not here")
async def test_the_readmes_own_lines_run(serve: Any, tmp_path: Path, data: Path) -> None:
    (script,) = re.findall(r"^```sh\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    client = await serve()
    run = ["timeout", "60", "bash", "-euo", "pipefail", "-c", script]
    environment = os.environ | {"BASE": client.server.site.url}
    done = await asyncio.to_thread(
        subprocess.run, run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "Completed"
    assert (data / "storage/s3/course-out/intro/video.m3u8").is_file()
