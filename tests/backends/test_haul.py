"""What comes from another provider stays in its folder, whatever its playlists say."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from mediaglot.gateway.backends.haul import Haul, joined, pieces, within
from mediaglot.gateway.errand import Artifact
from mediaglot.gateway.faults import Fault, SourceForbidden, SourceMissing, SourceUnreachable
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow/index.m3u8\n"
LOW = '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="k.key"\n#EXTINF:2,\na.ts?sig=1\n#EXTINF:2,\n../b.ts\n#EXT-X-ENDLIST\n'


class Site:
    def __init__(self, files: Mapping[str, str]) -> None:
        self.files, self.url = files, ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        text = self.files.get(request.path)
        return web.Response(status=404) if text is None else web.Response(text=text)


class Nothing:
    async def probe(self, path: Path) -> Any:
        raise AssertionError(f"{path} is no media")


@pytest.fixture
async def haul() -> AsyncIterator[Haul]:
    web, other = Carrier(Policy(local_addresses=True)), Carrier(Policy())

    async def prober() -> Nothing:
        return Nothing()

    yield Haul(web, other, prober)
    await web.close()
    await other.close()


@pytest.fixture
async def serve() -> AsyncIterator[Any]:
    runners: list[web.ServerRunner] = []

    async def start(files: Mapping[str, str]) -> str:
        runner = web.ServerRunner(web.Server(Site(files)))
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_a_package_comes_whole_in_its_own_folders(haul: Haul, serve: Any, tmp_path: Path) -> None:
    files = {"/x/master.m3u8": MASTER, "/x/low/index.m3u8": LOW, "/x/low/a.ts": "aa", "/x/b.ts": "bbb"}
    site = await serve({**files, "/x/low/k.key": "k"})
    found = await haul.bring([Artifact(url=f"{site}/x/master.m3u8")], tmp_path / "out")
    assert [product.name for product in found] == ["master.m3u8", "low/index.m3u8", "low/a.ts", "b.ts", "low/k.key"]
    assert [product.file.size for product in found[2:]] == [2, 3, 1]
    assert [product.file.role for product in found] == ["playlist", "playlist", "segment", "segment", "key"]


async def test_playlists_that_are_told_beside_their_master_come_once(haul: Haul, serve: Any, tmp_path: Path) -> None:
    dash = '<MPD><SegmentTemplate initialization="b.ts" media="low/a.ts"/></MPD>'
    files = {"/x/master.m3u8": MASTER, "/x/low/index.m3u8": LOW, "/x/low/a.ts": "aa", "/x/b.ts": "bbb"}
    site = await serve({**files, "/x/low/k.key": "k", "/x/show.mpd": dash, "/x/a.zip": "z"})
    told = [f"{site}/x/{name}" for name in ("master.m3u8", "low/index.m3u8", "a.zip", "show.mpd")]
    found = await haul.bring([Artifact(url=url) for url in told], tmp_path / "out")
    lists = ["master.m3u8", "low/index.m3u8", "show.mpd"]
    assert [product.name for product in found] == [*lists, "low/a.ts", "b.ts", "low/k.key", None]


async def test_what_one_missing_file_makes_useless_is_not_brought_any_more(haul: Haul, tmp_path: Path) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        if request.path.endswith("m3u8"):
            return web.Response(text="#EXTM3U\n#EXTINF:2,\nlong.ts\n#EXTINF:2,\nmissing.ts\n")
        if request.path.endswith("missing.ts"):
            await asked.wait()
            return web.Response(status=404)
        try:
            asked.set()
            await asyncio.Event().wait()
        finally:
            left.set()
        raise AssertionError("nobody ends it")

    runner = web.ServerRunner(web.Server(answer, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        with pytest.raises(SourceMissing):
            await haul.bring([Artifact(url=f"http://127.0.0.1:{runner.addresses[0][1]}/x/a.m3u8")], tmp_path / "out")
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.m3u8"]
        await asyncio.wait_for(left.wait(), 10)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "line",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "http://127.0.0.1:1/a.ts",
        "file:///etc/passwd",
        "%2e%2e/%2e%2e/a.ts",
        "..%2fa.ts",
    ],
)
async def test_a_playlist_that_leads_elsewhere_is_refused(haul: Haul, serve: Any, tmp_path: Path, line: str) -> None:
    site = await serve({"/x/y/master.m3u8": f"#EXTM3U\n#EXTINF:2,\n{line}\n"})
    with pytest.raises(SourceForbidden):
        await haul.bring([Artifact(url=f"{site}/x/y/master.m3u8")], tmp_path / "out")
    assert {name for _, _, names in os.walk(tmp_path) for name in names} == {"master.m3u8"}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "gopher://h/x",
        "nonsense",
        "http://[x/a.mp4",
        "http://h\u2100/a.mp4",
        "http://h/\ud800.mp4",
    ],
)
async def test_files_that_are_no_files_of_a_provider(haul: Haul, tmp_path: Path, url: str) -> None:
    with pytest.raises(Fault) as refused:
        await haul.bring([Artifact(url=url)], tmp_path / "out")
    assert isinstance(refused.value, SourceUnreachable)


@pytest.mark.parametrize(
    "lines",
    [["http://[x/a.ts"], ["a/b.ts", "a"], ["a", "a/b.ts"], ["a" * 300 + ".ts"], ["a.m3u8", "a.m3u8/b.ts"]],
    ids=["url", "file in a file", "folder for a file", "long name", "file in a playlist"],
)
async def test_a_playlist_whose_names_can_t_be_had_is_the_provider_s_trouble(
    haul: Haul, serve: Any, tmp_path: Path, lines: list[str]
) -> None:
    files = {f"/x/{line}": "#EXTM3U\n" for line in lines}
    text = "".join(f"#EXTINF:2,\n{line}\n" for line in lines)
    site = await serve({**files, "/x/master.m3u8": f"#EXTM3U\n{text}"})
    with pytest.raises(SourceUnreachable):
        await haul.bring([Artifact(url=f"{site}/x/master.m3u8")], tmp_path / "out")


async def test_a_file_that_is_told_twice_comes_once(haul: Haul, serve: Any, tmp_path: Path) -> None:
    site = await serve({"/a.vtt": "a"})
    found = await haul.bring([Artifact(url=f"{site}/a.vtt"), Artifact(url=f"{site}/a.vtt", size=1)], tmp_path / "out")
    assert len(found) == 1


async def test_two_files_of_one_name_are_the_provider_s_trouble(haul: Haul, serve: Any, tmp_path: Path) -> None:
    site = await serve({"/x/master.m3u8": "#EXTM3U\n", "/y/master.m3u8": "#EXTM3U\n"})
    with pytest.raises(SourceUnreachable):
        await haul.bring([Artifact(url=f"{site}/{room}/master.m3u8") for room in "xy"], tmp_path / "out")


def test_references_are_joined_whatever_the_scheme() -> None:
    assert joined("s3://films/a/b.m3u8", "low/c.ts") == "s3://films/a/low/c.ts"
    assert joined("s3://films/a/b.m3u8", "/c.ts") == "s3://films/c.ts"
    assert [
        piece.name for piece in pieces("#EXTM3U\nlow/c.ts\nlow/c.ts\n", "s3://films/a/b.m3u8", "s3://films/a/")
    ] == ["low/c.ts"]
    with pytest.raises(SourceForbidden):
        within("s3://films/a/", "s3://films/ab/c.ts")
