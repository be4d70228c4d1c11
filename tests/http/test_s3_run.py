"""Real jobs from a bucket to a bucket: every dialect's own spelling reaches one S3 server, and so do its options."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.transfer.endpoint import Endpoint

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
CLIP = "bars-1s-320x180-25fps.mp4"
INLINE = "KEY:SE%2FCR%2BET"
QUERY = "access_key=KEY&secret_key=SE/CR+ET&region=ap-south-1"


@pytest.fixture
async def filled(store: Any, clips: Callable[[str], Path]) -> Any:
    """The store with a film in its bucket."""
    await store.put("in/a film.mp4", clips(CLIP).read_bytes())
    return store


@pytest.fixture
async def client(serve: Callable[..., Awaitable[Any]], filled: Any) -> Any:
    return await serve(s3=(Endpoint(url=filled.url),))


async def test_encoding_com(client: Any, filled: Any, measure: Callable[[bytes], dict[str, Any]]) -> None:
    bucket = filled.bucket
    media = await client.add(
        f"https://{INLINE}@{bucket}.s3.amazonaws.com/in/a%20film.mp4?nocopy",
        {
            "output": "mp4",
            "size": "160x90",
            "destination": [
                f"http://{INLINE}@{bucket}.s3.amazonaws.com/out/a.mp4?acl=public-read&content_type=video/x-test",
                f"s3://{INLINE}@s3.eu-west-1.amazonaws.com/{bucket}/b.mp4",
            ],
        },
    )
    done = await client.end(media)
    assert done["status"] == "Finished", done
    content, headers = await filled.get("out/a.mp4")
    assert measure(content)["size"] == (160, 90)
    assert headers["Content-Type"] == "video/x-test"
    assert "global/AllUsers" in await filled.ask("acl", "out/a.mp4")
    assert (await filled.get("b.mp4"))[0] == content
    assert filled.refused == []


async def test_tpstreams(visitor: Callable[[str], Any], ended: Callable[..., Awaitable[Any]], filled: Any) -> None:
    guest = visitor("tpstreams")
    guest.authorization = f"Token {'a' * 64}"
    wanted = {
        "input_path": f"s3://{filled.bucket}/in/a%20film.mp4/?{QUERY}",
        "output_path": f"s3://wasabisys.com/{filled.bucket}/out/?{QUERY}",
        "resolutions": ["240p"],
    }
    path = "/api/v1/ab12cd/transcoding_jobs/"
    job = await guest.ask("POST", path, json=wanted)
    done = await ended(lambda: guest.ask("GET", f"{path}{job['id']}/"), "Completed", "Error")
    assert done["status"] == "Completed", done
    puts = [request.path.partition("/out/")[2] for request in filled.asked if request.method == "PUT"]
    assert puts[-1] == "video.m3u8"
    content, headers = await filled.get("out/video.m3u8")
    assert content.startswith(b"#EXTM3U")
    assert headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert filled.refused == []


async def test_transparent_edge(
    visitor: Callable[[str], Any],
    ended: Callable[..., Awaitable[Any]],
    filled: Any,
    measure: Callable[[bytes], dict[str, Any]],
) -> None:
    guest = visitor("transparent_edge")
    form = {"grant_type": "client_credentials", "client_id": "4f2a90c1", "client_secret": "c0ffee77"}
    guest.authorization = f"Bearer {(await guest.ask('POST', '/v1/oauth2/access_token/', data=form))['access_token']}"
    size = {"video_width": 160, "video_height": 90}
    profile = {"name": "file", "video_format": "mp4", "video_codec": "libx264", **size}
    number = (await guest.ask("POST", "/v1/media/42/transcoding_profiles/", json=profile))["id"]
    order = {
        "origin": f"s3://{INLINE}@{filled.bucket}/in/a film.mp4",
        "destinations": [f"s3://{INLINE}@{filled.bucket}/show", f"s3://{INLINE}@{filled.bucket}"],
        "jobs": [{"label": "one", "filename": "plain.mp4", "profile_id": number}],
    }
    told = await guest.ask("POST", "/v1/media/42/transcode", data={"order": json.dumps(order)})
    name = told["message"].partition("#")[2].partition(" ")[0]
    done = await ended(lambda: guest.ask("GET", f"/v1/media/42/transcode/{name}"), "FINISHED", "ERROR")
    assert done["status"] == "FINISHED", done
    for key in ("show/plain.mp4", "plain.mp4"):
        assert measure((await filled.get(key))[0])["size"] == (160, 90)
    assert filled.refused == []


async def test_xvid_mediahub(visitor: Callable[[str], Any], filled: Any, wait: Callable[..., Awaitable[Any]]) -> None:
    guest = visitor("xvid_mediahub/v1")
    form = {"grant_type": "client_credential", "client_id": "66aabb000123456789abcd01", "client_secret": "AAECAwQF" * 4}
    guest.authorization = f"Bearer {(await guest.ask('POST', '/oauth2/token/', data=form))['access_token']}"
    place = f"s3://{INLINE}@s3-eu-west-1.amazonaws.com/{filled.bucket}"
    pipeline = {
        "name": "through the store",
        "input_download_dir": f"{place}/in/",
        "output_upload_dir": f"{place}/done/",
        "upload_options": {"s3_allow_read": "everyone", "s3_reduced_redundancy": True},
    }
    made = (await guest.ask("POST", "/pipelines/", json={"pipeline": pipeline}))["pipeline"]
    presets = (await guest.ask("GET", "/presets/"))["presets"]
    small = next(each["id"] for each in presets if each["name"] == "MP4 small")
    outputs = [{"preset": {"id": small}, "output_name": "a"}]
    job = {"pipeline": {"id": made["id"]}, "input": {"input_name": "a film.mp4"}, "outputs": outputs}
    asked = (await guest.ask("POST", "/jobs/", json={"job": job}))["job"]

    async def look() -> Any:
        found = (await guest.ask("GET", f"/jobs/{asked['id']}"))["job"]
        return found if found["status"] in {"SUCCESS", "FAILURE"} else None

    done = await wait(look)
    assert done["status"] == "SUCCESS", done
    key = f"done/{done['output_prefix']}a.mp4"
    content, headers = await filled.get(key)
    assert b"ftyp" in content[:12]
    assert headers["x-amz-storage-class"] == "REDUCED_REDUNDANCY"
    assert "global/AllUsers" in await filled.ask("acl", key)
    assert filled.refused == []


@pytest.mark.parametrize("keys", [INLINE, "KEY:wrong"], ids=["missing", "forbidden"])
async def test_what_can_not_be_had_fails_the_job_and_shows_no_credential(client: Any, filled: Any, keys: str) -> None:
    name = "none.mp4" if keys == INLINE else "in/a%20film.mp4"
    ended = await client.end(
        await client.add(f"https://{keys}@{filled.bucket}.s3.amazonaws.com/{name}", {"output": "mp4"})
    )
    assert ended["status"] == "Error", ended
    assert "download" in ended["description"].lower(), ended
    assert keys.partition(":")[2] not in ended["description"]


async def test_a_bucket_that_lets_nobody_write_fails_the_delivery(client: Any, filled: Any) -> None:
    place = f"https://KEY:wrong@{filled.bucket}.s3.amazonaws.com/out/a.mp4"
    source = f"s3://{INLINE}@{filled.bucket}/in/a film.mp4"
    ended = await client.end(await client.add(source, {"output": "mp4", "size": "160x90", "destination": place}))
    assert ended["status"] == "Error", ended
    assert set(filled.refused) == {"SignatureDoesNotMatch"}


async def test_a_public_source_by_plain_http_with_its_bucket_mapped(client: Any, filled: Any) -> None:
    filled.public.add(filled.bucket)
    source = f"http://{filled.bucket}.s3.amazonaws.com/in/a%20film.mp4"
    ended = await client.end(await client.add(source, {"output": "mp4", "size": "160x90"}))
    assert ended["status"] == "Finished", ended
    assert "Authorization" not in filled.asked[0].headers
