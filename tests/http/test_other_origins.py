"""Pages of other sites may read what they have a link to, and nothing else of this server."""

from __future__ import annotations

from typing import Any

import pytest

CLIP = "bars-1s-320x180-25fps.mp4"
LOCAL = f"https://media.mediaglot.test/{CLIP}"
PAGE = {"Origin": "https://player.example"}
EVERYBODY = "Access-Control-Allow-Origin"


@pytest.mark.ffmpeg
async def test_a_page_of_another_site_reads_outputs_and_parts_of_them(client: Any) -> None:
    done = await client.end(await client.add(LOCAL, {"output": "fmp4_hls", "segment_duration": "1"}))
    for link in done["format"]["s3_destination"]:
        status, headers, body = await client.get(link, headers=PAGE | {"Range": "bytes=1-4"})
        assert (status, len(body), headers[EVERYBODY]) == (206, 4, "*")
        exposed = headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Content-Length", "Content-Range"} <= set(exposed)


@pytest.mark.parametrize("path", ["media/no-such.mp4", "outputs/x/1/master.m3u8", "files/outputs/x?signature=1"])
async def test_it_sees_why_it_gets_nothing(client: Any, path: str) -> None:
    status, headers, _ = await client.get(f"/_mediaglot/{path}", headers=PAGE)
    assert (status, headers[EVERYBODY]) == (403 if "files" in path else 404, "*")


async def test_a_browser_that_asks_first_is_told_what_it_may(client: Any) -> None:
    wish = PAGE | {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
    async with client.session.options(f"{client.site}/_mediaglot/outputs/x/1/a.ts", headers=wish) as answer:
        assert (answer.status, await answer.read(), answer.headers[EVERYBODY]) == (204, b"", "*")
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, HEAD"
        assert answer.headers["Access-Control-Allow-Headers"] in ("*", "range")


@pytest.mark.parametrize("path", ["/_mediaglot/health", "/_mediaglot/ready", "/_mediaglot/uploads/x", "/encoding_com/"])
async def test_it_reads_nothing_else(client: Any, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        async with client.session.request(method, client.site + path, headers=PAGE) as answer:
            assert EVERYBODY not in answer.headers
            assert answer.status != 204


TYPES = {
    "a.m3u8": "application/vnd.apple.mpegurl",
    "a.mpd": "application/dash+xml",
    "a.ts": "video/mp2t",
    "a.m4s": "video/iso.segment",
    "a.mp4": "video/mp4",
    "a.m4a": "audio/mp4",
    "a.aac": "audio/aac",
    "a.vtt": "text/vtt",
}


@pytest.mark.parametrize("name", TYPES)
async def test_players_are_told_what_a_file_is(client: Any, data: Any, name: str) -> None:
    (data / "outputs" / "x").mkdir(parents=True)
    (data / "outputs" / "x" / name).write_bytes(b"12345")
    status, headers, _ = await client.get(f"/_mediaglot/outputs/x/{name}")
    assert (status, headers["Content-Type"]) == (200, TYPES[name])
