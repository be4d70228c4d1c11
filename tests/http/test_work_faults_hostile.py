"""Hostile files by every way that a job can bring one: refused in the client's words, and nobody is called.

That the same files leak without the guard is shown in tests/media/test_isolation_leaks.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}
LIST = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{place}\n#EXT-X-ENDLIST\n"
MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
    '<Period><AdaptationSet contentType="video"><Representation id="0" mimeType="video/mp4" bandwidth="9000">'
    "<BaseURL>{place}</BaseURL></Representation></AdaptationSet></Period></MPD>"
)
DRAWING = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">'
    '<image xlink:href="{place}" width="64" height="64"/></svg>'
)
TEXTS = {
    "list.mp4": LIST,
    "list.m3u8": LIST,
    "script.mp4": "ffconcat version 1.0\nfile {place}\n",
    "manifest.mp4": MANIFEST,
    "drawing.mp4": DRAWING,
    "subtitles.mp4": "[Script Info]\nScriptType: v4.00+\n[Events]\nDialogue: 0,0:00:00.00,0:00:01.00,{place}\n",
}
DAMAGED = "Source file is not a media file or is damaged"


class Trap:
    """Serves hostile files under lying names and types; ``called`` holds what they point to and somebody asked for."""

    def __init__(self, foreign: Path) -> None:
        self.url, self.called, self._foreign = "", list[str](), foreign

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        way, name = request.path.strip("/").split("/")
        if way == "secret":
            self.called.append(name)
            return web.FileResponse(self._foreign)
        places = {"file": f"file://{self._foreign}", "path": str(self._foreign), "http": f"{self.url}/secret/a.mp4"}
        return web.Response(body=TEXTS[name].replace("{place}", places[way]).encode(), content_type="video/mp4")


@pytest.fixture
async def trap(clips: Any) -> AsyncIterator[Trap]:
    one = Trap(clips("bars-2s-320x180-25fps.mp4"))
    async with RawTestServer(one) as server:
        one.url = str(server.make_url("")).rstrip("/")
        yield one


async def test_as_the_source_of_a_film_and_of_a_thumbnail(client: Any, trap: Trap, swept: Any) -> None:
    wanted = [SMALL, {"output": "thumbnail", "time": "0"}]
    urls = [f"{trap.url}/{way}/{name}" for way in ("file", "path", "http") for name in TEXTS]
    jobs = [await client.add(url, *wanted) for url in urls]
    for job in jobs:
        done = await client.end(job)
        assert (done["status"], done["description"]) == ("Error", DAMAGED)
    assert trap.called == []
    await swept("work", "outputs")


@pytest.mark.parametrize("way", ["file", "http"])
async def test_as_the_logo_and_as_the_font(client: Any, trap: Trap, way: str) -> None:
    urls = [f"{trap.url}/{way}/{name}" for name in TEXTS]
    logos = [SMALL | {"logo": {"logo_source": url}} for url in urls]
    fonts = [SMALL | {"text_overlay": {"text": "hello", "font_source": url}} for url in urls[::2]]
    done = await client.end(await client.add(SHORT, SMALL, *logos, *fonts))
    first, *others = done["format"]
    assert first["status"] == "Finished"
    assert [one["status"] for one in others] == ["Error"] * (len(logos) + len(fonts))
    assert not any("s3_destination" in one for one in others)
    assert trap.called == []


HOSTILE = "a':textfile=/etc/hosts:x=0[o];movie=/etc/hosts[p];[p]null;%{e\\:2}\\,,scale=2:2 #{}\n$(id)`id`"


async def test_text_of_the_client_s_never_becomes_an_option(client: Any, measure: Any) -> None:
    texts = [
        {"text_overlay": {"text": HOSTILE, "font_size": "10", "overlay_x": "1", "overlay_y": "1"}},
        {"metadata": {"title": HOSTILE, "author": "-i /etc/hosts", "description": "-y"}},
    ]
    done = await client.end(await client.add(SHORT, *(SMALL | text for text in texts)))
    assert [one["status"] for one in done["format"]] == ["Finished", "Finished"]
    for one in done["format"]:
        found = measure((await client.get(one["s3_destination"]))[2])
        assert (found["size"], found["frames"]) == ((160, 90), 25)
