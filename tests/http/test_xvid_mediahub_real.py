"""Xvid MediaHub over real HTTP, with real files: tokens, jobs, files, uploads, downloads, playlists, pings, errors."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import zipfile
from base64 import b64decode
from collections.abc import Awaitable, Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest
from aiohttp import web
from lxml import etree
from PIL import Image, ImageChops
from yarl import URL

pytestmark = pytest.mark.ffmpeg
CLIENT = "66aabb000123456789abcd01"
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
SHORT = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
PRESETS = {"small": "MP4 small", "webm": "WebM HD", "avi": "Xvid AVI", "hd": "MP4 HD"}


class Hub:
    """A client of the provider."""

    def __init__(self, session: aiohttp.ClientSession, site: str) -> None:
        self.session, self.site, self.base = session, site, f"{site}/xvid_mediahub/v1"
        self.token = ""

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any, bytes]:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        data = json.dumps(body) if isinstance(body, dict) else body
        url = URL(path if "://" in path else self.base + path, encoded=True)
        async with self.session.request(
            method, url, data=data, headers=headers, allow_redirects=False, **options
        ) as answer:
            return answer.status, answer.headers, await answer.read()

    async def json(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        found, _, content = await self.ask(method, path, body)
        assert found == status, content
        return json.loads(content)

    async def log_in(self, secret: str = SECRET, **fields: str) -> Any:
        form = {"grant_type": "client_credential", "client_id": CLIENT, "client_secret": secret, **fields}
        _, _, content = await self.ask(
            "POST", "/oauth2/token/", aiohttp.FormData(form)(), headers={"Authorization": ""}
        )
        answer = json.loads(content)
        self.token = answer.get("access_token", "")
        return answer

    async def preset(self, name: str) -> str:
        found = await self.json("GET", "/presets/")
        return next(str(each["id"]) for each in found["presets"] if each["name"] == PRESETS[name])

    async def pipeline(self) -> str:
        return str((await self.json("GET", "/pipelines/"))["pipelines"][0]["id"])

    async def submit(self, source: str = SHORT, *outputs: dict[str, Any], status: int = 201, **fields: Any) -> Any:
        small = {"preset": {"id": await self.preset("small")}, "output_name": "a"}
        job = {"pipeline": {"id": await self.pipeline()}, "input": {"input_name": source}, "outputs": list(outputs)}
        job["outputs"] = job["outputs"] or [small]
        return (await self.json("POST", "/jobs/?show_null=true", {"job": job | fields}, status=status)).get("job")

    async def end(self, job_id: str) -> Any:
        async with asyncio.timeout(60):
            while True:
                job = (await self.json("GET", f"/jobs/{job_id}"))["job"]
                if job["status"] in ("SUCCESS", "FAILURE"):
                    return job
                pause = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_later(0.02, pause.set_result, None)
                await pause

    async def file(self, file_id: str) -> bytes:
        status, headers, _ = await self.ask("GET", f"/files/downloads/?file_id={file_id}&redirect=true")
        assert status == 302
        status, headers, content = await self.ask("GET", headers["Location"], headers={"Authorization": ""})
        assert (status, headers["Accept-Ranges"], int(headers["Content-Length"])) == (200, "bytes", len(content))
        return content


@pytest.fixture
async def hub(serve: Callable[..., Awaitable[Any]], session: aiohttp.ClientSession) -> Hub:
    one = Hub(session, (await serve()).site)
    await one.log_in()
    return one


async def test_a_job_ends_in_real_files(hub: Hub, measure: Callable[..., dict[str, Any]]) -> None:
    picture = {"width": "50%", "height": "50%", "bitrate": "80%"}
    row = {"thumbnail_names": "t_{resolution}", "thumbnail_preset": "thumbnails_small"}
    half = {
        "preset": {"id": await hub.preset("hd")},
        "output_name": "{input_name}_half",
        "settings": {"max_duration": 1, "video": picture},
        "thumbnails": [row],
    }
    turned = {
        "preset": {"id": await hub.preset("webm")},
        "output_name": "turned",
        "settings": {"video": {"rotate": 90}},
    }
    asked = await hub.submit(SHORT, half, turned, user_data="order-17")
    assert (asked["status"], asked["percentage_completed"], asked["finished_at"]) == ("QUEUED", 0, None)
    assert asked["output_prefix"] == f"{asked['id']}/"
    assert asked["updated_at"] <= asked["created_at"]
    done = await hub.end(asked["id"])
    assert (done["status"], done["percentage_completed"]) == ("SUCCESS", 100)
    first, second = done["outputs"]
    assert first["output_name"] == "bars-2s-320x180-25fps_half"
    seen = measure(await hub.file(first["file"]["id"]))
    assert (seen["codecs"], seen["size"], seen["frames"]) == ({"video": "h264", "audio": "aac"}, (160, 90), 25)
    seen = measure(await hub.file(second["file"]["id"]))
    assert (seen["codecs"], seen["size"], seen["frames"]) == ({"video": "vp9", "audio": "opus"}, (180, 320), 50)
    with zipfile.ZipFile(BytesIO(await hub.file(first["thumbnail_zip"]["file"]["id"]))) as archive:
        assert archive.namelist() == ["t_160x90_0001.jpg"]
    assert first["thumbnails"][0]["thumbnail_names"] == "t_{resolution}"


async def test_logos_lie_over_the_picture(hub: Hub, data: Path) -> None:
    """An SVG from a storage at the bottom right, and a PNG from the web at the top left."""
    place = data / "storage" / "s3" / "logos" / "green.svg"
    place.parent.mkdir(parents=True)
    place.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><path d="M0 0h2v1H0z" fill="lime"/></svg>'
    )
    logos = [
        {"logo_image": "s3://key:secret@logos/green.svg", "logo_preset": "logo_25_bottom_right"},
        {"logo_image": "https://media.mediaglot.test/bars-64x64.png", "logo_preset": "logo_10_top_left"},
    ]
    plain = {"preset": {"id": await hub.preset("small")}, "output_name": "a"}
    job = await hub.end((await hub.submit(SHORT, plain, {**plain, "output_name": "b", "logos": logos}))["id"])
    assert job["status"] == "SUCCESS"
    before, after = [first_picture(await hub.file(each["file"]["id"])) for each in job["outputs"]]
    box = ImageChops.difference(before, after).point(lambda value: 255 * (value > 40)).convert("L").getbbox()
    assert box is not None
    assert (box[0] < 16, box[1] < 16, box[2] > 304, box[3] > 168) == (True, True, True, True)
    red, green, blue = after.getpixel((320 - 6 - 40, 180 - 4 - 20))
    assert (red < 60, green > 200, blue < 60) == (True, True, True)
    assert (
        max(abs(one - other) for one, other in zip(before.getpixel((160, 60)), after.getpixel((160, 60)), strict=True))
        < 30
    )


def first_picture(content: bytes) -> Image.Image:
    with av.open(BytesIO(content)) as box:
        return next(box.decode(video=0)).to_image()


async def test_files_say_what_was_measured(hub: Hub) -> None:
    job = await hub.end((await hub.submit())["id"])
    file_id = job["outputs"][0]["file"]["id"]
    content = await hub.file(file_id)
    file = (await hub.json("GET", f"/files/{file_id}"))["file"]
    assert file["md5_checksum"] == hashlib.md5(content).hexdigest()
    assert (file["size"], file["name"], file["mime_type"]) == (len(content), "a.mp4", "video/mp4")
    assert (file["video_tracks"][0]["width"], file["video_tracks"][0]["video_codec"]) == (320, "H.264 / AVC")
    expanded = (await hub.json("GET", f"/jobs/{job['id']}?expand=file"))["job"]
    assert expanded["outputs"][0]["file"] == file
    assert expanded["input"]["file"]["video_tracks"][0]["height"] == 180
    assert set(expanded["outputs"][0]["preset"]) == {"id", "href"}
    whole = (await hub.json("GET", f"/jobs/{job['id']}?expand_all=true"))["job"]
    assert whole["outputs"][0]["file"]["job"] == {"id": job["id"], "href": job["href"]}
    assert whole["outputs"][0]["preset"]["target_format"]["vcodec"]["codec"]["name"] == "H.264 / AVC"
    listed = (await hub.json("GET", f"/files/?job.id={job['id']}&type=file"))["files"]
    assert [each["id"] for each in listed] == [file_id]


async def test_everything_speaks_xml(hub: Hub) -> None:
    job = await hub.submit()
    await hub.end(job["id"])
    _, headers, content = await hub.ask(
        "GET", f"/jobs/{job['id']}?show_null=true", headers={"Accept": "application/xml"}
    )
    assert headers["Content-Type"] == "application/xml;charset=UTF-8"
    tree = etree.fromstring(content)
    assert (tree.tag, tree.findtext("job/status")) == ("response", "SUCCESS")
    assert tree.findtext("job/outputs/output/file/id") == job["outputs"][0]["file"]["id"]
    assert tree.find("job/title") is None
    assert tree.find("job/user_data").attrib == {"nil": "true"}
    _, _, content = await hub.ask("GET", "/jobs/ffffffffffffffffffffffff?format=xml")
    assert etree.fromstring(content).findtext("error/error_code") == "0x0050005"


async def test_an_upload_becomes_a_job(hub: Hub, clips: Callable[[str], Path]) -> None:
    pipeline = await hub.pipeline()
    begun = await hub.json("POST", f"/files/uploads/?object_key=uploads%2Fmine.mp4&pipeline_id={pipeline}")
    upload = begun["upload"]
    assert (upload["status"], upload["form_post_params"]["success_action_status"]) == ("UPLOADING", "201")
    form = aiohttp.FormData(upload["form_post_params"])
    form.add_field("file", clips("bars-1s-320x180-25fps.mp4").read_bytes(), filename="mine.mp4")
    status, _, _ = await hub.ask("POST", upload["form_post_url"], form())
    assert status == 201
    said = await hub.json("PUT", f"/files/uploads/{upload['id']}", {"upload": {"nb_chunks": 1}})
    assert said["upload"]["status"] == "COMPLETING"
    assert (await hub.json("GET", f"/files/uploads/{upload['id']}"))["upload"]["status"] == "COMPLETED"
    assert await hub.file(upload["id"]) == clips("bars-1s-320x180-25fps.mp4").read_bytes()
    found = await hub.json("GET", f"/files/downloads/?object_key=uploads%2Fmine.mp4&pipeline_id={pipeline}")
    assert "/_mediaglot/files/uploads/" in found["download"]["url"]
    done = await hub.end((await hub.submit("uploads/mine.mp4"))["id"])
    assert (done["status"], done["input"]["file"]["name"]) == ("SUCCESS", "mine.mp4")


async def bring(hub: Hub, key: str) -> str:
    """A file of a client's; the id of its upload."""
    pipeline = await hub.pipeline()
    begun = await hub.json("POST", f"/files/uploads/?object_key={key}&pipeline_id={pipeline}")
    status, _, _ = await hub.ask("PUT", begun["upload"]["form_post_url"], b"film")
    assert status == 201
    return str(begun["upload"]["id"])


async def test_an_upload_that_is_deleted_leaves_nothing(hub: Hub, data: Path) -> None:
    first, second = [await bring(hub, "mine.mp4") for _ in range(2)]
    assert len(list((data / "uploads").iterdir())) == 4
    await hub.json("DELETE", f"/files/{first}")
    assert len(list((data / "uploads").iterdir())) == 2
    await hub.json("GET", f"/files/uploads/{first}", status=404)
    await hub.json("GET", f"/files/{first}", status=404)
    found = await hub.json("GET", f"/files/downloads/?object_key=mine.mp4&pipeline_id={await hub.pipeline()}")
    assert (await hub.ask("GET", found["download"]["url"], headers={"Authorization": ""}))[2] == b"film"
    await hub.json("DELETE", f"/files/{second}")
    assert list((data / "uploads").iterdir()) == []


async def test_lists_are_filtered_and_cut(hub: Hub) -> None:
    ids = [(await hub.submit(user_data=f"n{number}", title="t"))["id"] for number in range(3)]
    for one in ids:
        await hub.end(one)
    failed = (
        await hub.submit("https://media.mediaglot.test/nothing-here.mp4", autograph={"watermark_strength": "light"})
    )["id"]
    gone = await hub.end(failed)
    assert (gone["error_code"], gone["error_msg"]) == ("0x005015", "Failed to transcode the file")
    assert gone["finished_at"] >= gone["created_at"]

    async def listed(query: str) -> list[str]:
        return [job["id"] for job in (await hub.json("GET", f"/jobs/?{query}"))["jobs"]]

    assert await listed("sort=created_at&direction=-1") == [failed, *reversed(ids)]
    assert await listed("sort=user_data&direction=-1&status=SUCCESS") == [*reversed(ids)]
    assert await listed("user_data=n1") == [ids[1]]
    assert await listed("status=FAILURE") == await listed("autograph=true") == [failed]
    assert await listed("input.file.name=BARS-2S") == ids
    assert await listed("input.file.name=bars&user_data=n2&autograph=false") == [ids[2]]
    assert len(await listed("inprogress=true")) == 4
    assert await listed(f"pipeline.id={'0' * 24}") == []
    created = [job["created_at"] for job in (await hub.json("GET", "/jobs/"))["jobs"]]
    assert await listed(f"from_date={created[1]}") == [ids[2], failed]
    assert await listed(f"to_date={created[1]}") == [ids[0]]
    page = await hub.json("GET", "/jobs/?start=2&limit=1&human=true")
    turns = {
        name: re.search(r"start=(\d+)&limit=1&human=true$", page[name]["href"])[1]
        for name in ("first", "last", "next", "prev")
    }
    assert (page["total"], turns) == (4, {"first": "0", "last": "3", "next": "3", "prev": "1"})
    assert "next" not in await hub.json("GET", "/jobs/?start=3&limit=1")


async def test_deleting_takes_a_job_and_its_files(hub: Hub) -> None:
    job = await hub.end((await hub.submit(unique_custom_key="only-once"))["id"])
    await hub.submit(unique_custom_key="only-once", status=400)
    file_id, source = job["outputs"][0]["file"]["id"], job["input"]["file"]["id"]
    assert await hub.json("DELETE", f"/jobs/{job['id']}") == {"result": {"status": "SUCCESS"}}
    missing = {"error": {"error_code": "0x0050005", "error_message": "Job does not exist"}}
    assert await hub.json("GET", f"/jobs/{job['id']}", status=404) == missing
    missing = {"error": {"error_code": "0x0230002", "error_message": "Requested file does not exist"}}
    assert await hub.json("GET", f"/files/{file_id}", status=404) == missing
    assert (await hub.json("GET", f"/files/{source}"))["file"]["id"] == source
    again = await hub.submit(LONG, unique_custom_key="only-once")
    assert await hub.json("DELETE", f"/jobs/{again['id']}") == {"result": {"status": "SUCCESS"}}


async def test_a_signed_url_opens_one_file(hub: Hub) -> None:
    job = await hub.end((await hub.submit())["id"])
    file_id = job["outputs"][0]["file"]["id"]

    def signed(query: str, *, more: str = "", expires: int = 4_000_000_000) -> str:
        path = f"/v1/files/downloads/?file_id={file_id}{query}&client_id={CLIENT}{more}&expiry_time={expires}"
        digest = hmac.new(b64decode(SECRET), path.encode(), hashlib.sha256).hexdigest()
        return f"{path.removeprefix('/v1')}&signature={digest}"

    nobody = {"Authorization": ""}
    status, headers, _ = await hub.ask("GET", signed("&redirect=true"), headers=nobody)
    assert (status, "signature=" in headers["Location"]) == (302, True)
    refused = [signed("", expires=1), signed("") + "0", signed("").replace("file_id", "FILE_ID")]
    for url in refused:
        status, _, content = await hub.ask("GET", url, headers=nobody)
        assert (status, json.loads(content)["error"]["error_code"]) == (403, "0x0000003")
    once = signed("", more="&multi_use=false")
    assert [(await hub.ask("GET", once, headers=nobody))[0] for _ in range(2)] == [200, 403]


async def test_playlists_play(hub: Hub, measure: Callable[..., dict[str, Any]]) -> None:
    job = await hub.end((await hub.submit())["id"])
    status, headers, content = await hub.ask("GET", f"/playlists/hls.m3u8?job_id={job['id']}")
    assert (status, headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    media = [line for line in content.decode().splitlines() if line.startswith("http")]
    _, _, inner = await hub.ask("GET", media[0])
    segment = re.search(r'URI="([^"]+)"', inner.decode())
    assert segment is not None
    _, _, fragment = await hub.ask("GET", f"{media[0].rpartition('/')[0]}/{segment[1]}")
    assert (measure(fragment)["size"], measure(fragment)["frames"]) == ((320, 180), 50)
    file_id = job["outputs"][0]["file"]["id"]
    status, headers, content = await hub.ask("GET", f"/playlists/dash.mpd?file_id={file_id}")
    assert (status, headers["Content-Type"]) == (200, "application/dash+xml")
    assert etree.fromstring(content).tag.endswith("}MPD")
    assert (await hub.ask("GET", f"/playlists/hls.m3u8?file_id={'0' * 24}"))[0] == 404
    assert (await hub.ask("GET", "/playlists/hls.m3u8"))[0] == 400


async def test_playlists_tell_how_long_each_segment_is(hub: Hub) -> None:
    """The preset has a key frame every 5 seconds, and segments are at least 6 seconds long."""
    job = await hub.end((await hub.submit("https://media.mediaglot.test/bars-12s-320x180-25fps.mp4"))["id"])
    _, _, content = await hub.ask("GET", f"/playlists/hls.m3u8?job_id={job['id']}")
    media = next(line for line in content.decode().splitlines() if line.startswith("http"))
    _, _, inner = await hub.ask("GET", media)
    assert re.findall(r"#EXTINF:(\d+)\.0+,", inner.decode()) == ["10", "2"]
    assert b"DATE" not in inner
    _, _, content = await hub.ask("GET", f"/playlists/dash.mpd?job_id={job['id']}")
    manifest = etree.fromstring(content)
    pictures, sound = manifest.iter("{*}SegmentList")
    assert [one.get("d") for one in pictures.iter("{*}S")] == ["10000000", "2000000"]
    assert [round(int(one.get("d")) / 1_000_000) for one in sound.iter("{*}S")] == [6, 6]
    assert not {"duration"} & {*pictures.attrib, *sound.attrib}
    assert manifest.get("maxSegmentDuration") == "PT10.0S"


async def test_pings_tell_of_a_job(hub: Hub, receiver: Any) -> None:
    urls = {event: f"{receiver.url}/{event}" for event in ("started", "finished", "error", "warning")}
    made = await hub.json("POST", "/pipelines/", {"pipeline": {"name": "p", "ping_urls": urls}}, status=201)
    pipeline = made["pipeline"]["id"]
    job = await hub.submit(pipeline={"id": pipeline})
    await hub.end(job["id"])
    async with asyncio.timeout(20), receiver._news:
        await receiver._news.wait_for(lambda: {"/started", "/finished"} <= {one["path"] for one in receiver.letters})
    words = {one["path"]: json.loads(one["body"])["job"]["status"] for one in receiver.letters}
    assert words == {"/started": "PROCESSING", "/finished": "SUCCESS"}
    await hub.json("PUT", f"/pipelines/{pipeline}", {"pipeline": {"description": "d", "name": None}})
    kept = (await hub.json("GET", f"/pipelines/{pipeline}?show_null=true"))["pipeline"]
    assert (kept["name"], kept["description"], kept["ping_urls"]) == (None, "d", urls)
    assert await hub.json("DELETE", f"/pipelines/{pipeline}") == {"result": {"status": "SUCCESS"}}


async def test_own_presets_and_places(hub: Hub, data: Path) -> None:
    system = next(
        one for one in (await hub.json("GET", "/presets/?type=system"))["presets"] if one["name"] == "Xvid AVI"
    )
    target = system["target_format"]
    target["vcodec"]["caps"]["max_width"] = "160"
    made = await hub.json("POST", "/presets/", {"preset": {"name": "mine", "target_format": target}}, status=201)
    assert [one["id"] for one in (await hub.json("GET", "/presets/?type=custom"))["presets"]] == [made["preset"]["id"]]
    place = {"name": "out", "output_upload_dir": "s3://key:secret@eu-bucket/results/"}
    pipeline = (await hub.json("POST", "/pipelines/", {"pipeline": place}, status=201))["pipeline"]["id"]
    output = {"preset": {"id": made["preset"]["id"]}, "output_name": "{input_name}"}
    job = await hub.submit(SHORT, output, pipeline={"id": pipeline}, output_prefix="x/{job_id}")
    done = await hub.end(job["id"])
    assert done["status"] == "SUCCESS"
    (there,) = (data / "storage").rglob("*.avi")
    assert there.parent.name == job["id"]
    assert (await hub.ask("GET", f"/files/downloads/?file_id={done['outputs'][0]['file']['id']}"))[0] == 404
    bad = {"name": "bad", "target_format": {**target, "acodec": {**target["acodec"], "caps": {"max_width": 3}}}}
    assert (await hub.json("POST", "/presets/", {"preset": bad}, status=400))["error"][
        "error_message"
    ] == "Invalid Input"
    await hub.json("DELETE", f"/presets/{system['id']}", status=400)


async def test_tokens_and_scopes(hub: Hub) -> None:
    assert (await hub.log_in())["expires_in"] == 3600
    answer = await hub.log_in(expires_in="600", scope="mediahub_read,me")
    assert (answer["expires_in"], len(answer["access_token"])) == ("600", 64)
    assert (await hub.json("GET", "/users/"))["users"][0]["password"] == "********"
    assert (await hub.ask("GET", "/jobs/"))[0] == 200
    assert (await hub.ask("DELETE", f"/jobs/{'0' * 24}"))[0] == 403
    assert (await hub.ask("GET", f"/jobs/?access_token={hub.token}", headers={"Authorization": ""}))[0] == 200
    for method, path in (("GET", "/codecs/"), ("GET", "/presets/")):
        assert (await hub.ask(method, path, headers={"Authorization": ""}))[0] == 200
    denied = {"error": {"error_code": "0x0000003", "error_message": "Invalid client credentials"}}
    form = aiohttp.FormData({"grant_type": "client_credential", "client_id": "x", "client_secret": "y"})
    status, _, content = await hub.ask("POST", "/oauth2/token/", form())
    assert (status, json.loads(content)) == (403, denied)


async def test_other_accounts_see_nothing(hub: Hub) -> None:
    job = await hub.submit()
    await hub.end(job["id"])
    await hub.log_in(secret="another")
    assert (await hub.json("GET", "/jobs/"))["total"] == 0
    assert (await hub.ask("GET", f"/jobs/{job['id']}"))[0] == 404
    assert (await hub.ask("GET", f"/files/downloads/?file_id={job['outputs'][0]['file']['id']}"))[0] == 404


BODIES = (
    b"",
    b"{",
    b"[]",
    b"<job/>",
    b"\xff\xfe\x00",
    b'{"job":[]}',
    b'{"job":{}}',
    b'{"job":{"pipeline":{"id":7}}}',
    b'{"job":{"pipeline":{"id":"000000000000000000000000"},"input":{"input_name":["a"]},"outputs":[{}]}}',
    b"{job:{pipeline_id:'000000000000000000000000',input:{input_name:'a'},outputs:'x'}}",
    b"[" * 100_000,
    b'{"job":' * 5000 + b"1" + b"}" * 5000,
)


@pytest.mark.parametrize("number", range(len(BODIES)))
async def test_bad_bodies_get_the_provider_s_error(hub: Hub, number: int) -> None:
    invalid = {"error": {"error_code": "0050001", "error_message": "Invalid Input"}}
    status, headers, content = await hub.ask("POST", "/jobs/", BODIES[number])
    assert (status, json.loads(content)) == (400, invalid)
    assert headers["Content-Type"] == "application/json;charset=UTF-8"


async def test_bad_requests_get_the_provider_s_error(hub: Hub) -> None:
    asked = {
        ("GET", "/nothing/"): (404, "0x0000001"),
        ("PATCH", "/jobs/"): (405, "0x0000001"),
        ("GET", "/jobs/zz"): (400, "0050001"),
        ("GET", "/jobs/?limit=x"): (400, "0050001"),
        ("GET", "/jobs/?human=1"): (400, "0050001"),
        ("GET", "/jobs/?format=csv"): (400, "0050001"),
        ("GET", "/jobs/?status=DONE"): (400, "0050001"),
        ("GET", "/jobs/?from_date=99999999999999999999"): (400, "0050001"),
        ("GET", "/files/downloads/?file_id=x"): (400, "0x0230001"),
        ("GET", "/files/downloads/?file_id=000000000000000000000000&expiry_time=99999999999999"): (400, "0x0230001"),
        ("GET", "/pipelines/000000000000000000000000"): (404, "0x0170002"),
        ("DELETE", "/pipelines/x"): (400, "0x0170001"),
        ("POST", "/files/uploads/?pipeline_id=x"): (400, "0x0230001"),
        ("PUT", "/jobs/templates/000000000000000000000000"): (400, "0050001"),
    }
    for (method, path), wanted in asked.items():
        status, _, content = await hub.ask(method, path)
        assert (status, json.loads(content)["error"]["error_code"]) == wanted, path
    hub.token = "nobody's"
    status, _, content = await hub.ask("GET", "/jobs/")
    assert (status, json.loads(content)["error"]) == (
        403,
        {"error_code": "0x0000003", "error_message": "Invalid access token"},
    )


async def test_the_provider_s_own_host(hub: Hub) -> None:
    status, _, _ = await hub.ask("GET", f"{hub.site}/v1/jobs/", headers={"Host": "api.xvid.com"})
    assert status == 200


@pytest.mark.parametrize("number", range(1))
async def test_strict_slashes(
    serve: Callable[..., Awaitable[Any]], session: aiohttp.ClientSession, number: int
) -> None:
    one = Hub(session, (await serve(dialects=("xvid_mediahub,strict_slash=true",))).site)
    await one.log_in()
    assert [(await one.ask("GET", path))[0] for path in ("/jobs/", "/jobs")] == [200, 404]
    assert one.token
    assert isinstance(web.Response, type)


async def test_the_lines_of_the_readme(hub: Hub, tmp_path: Path, measure: Callable[..., dict[str, Any]]) -> None:
    import mediaglot.emulators.xvid_mediahub as package

    text = (Path(package.__path__[0]) / "README.md").read_text()
    (script,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    room = tmp_path / "readme"
    room.mkdir()
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script, cwd=room, env={**os.environ, "BASE": hub.site}
    )
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    seen = measure((room / "clip_half.mp4").read_bytes())
    assert (seen["codecs"], seen["size"], seen["frames"]) == ({"video": "h264", "audio": "aac"}, (160, 90), 50)
    assert json.loads((room / "job.json").read_bytes())["job"]["status"] == "SUCCESS"
    assert etree.parse(room / "job.xml").findtext("job/status") == "SUCCESS"
