"""Streaming packages and picture sets, from a client's request to what a player fetches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import m3u8
import pytest

pytestmark = pytest.mark.ffmpeg
LOCAL = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
STREAMS = [
    {"sub_path": "high", "size": "160x90", "bitrate": "200k", "audio_bitrate": "64k"},
    {"sub_path": "low/er", "size": "96x54", "bitrate": "60k", "framerate": "12.5"},
]
ADVANCED = {"output": "advanced_hls", "segment_duration": "1", "stream": STREAMS}


async def test_a_package_without_a_destination_is_linked_and_plays(client: Any, measure: Any) -> None:
    done = await client.end(await client.add(LOCAL, ADVANCED))
    task = done["format"]
    assert (done["status"], task["status"]) == ("Finished", "Finished")
    high, low, master = task["s3_destination"]
    assert (high.rpartition("/")[0], low.rpartition("/")[0]) == (
        urljoin(master, "high"),
        urljoin(master, "low/er"),
    )
    status, headers, body = await client.get(master)
    assert (status, headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    shown = m3u8.loads(body.decode(), uri=master)
    assert [one.absolute_uri for one in shown.playlists] == [high, low]
    total = len(body)
    for one, size, frames in zip(shown.playlists, ((160, 90), (96, 54)), (25, None), strict=True):
        assert one.stream_info.resolution == size
        text = (await client.get(one.absolute_uri))[2]
        media = m3u8.loads(text.decode(), uri=one.absolute_uri)
        segments = [await client.get(segment.absolute_uri) for segment in media.segments]
        assert [found[1]["Content-Type"] for found in segments] == ["video/mp2t"] * 2
        assert measure(segments[1][2])["size"] == size
        assert frames is None or measure(segments[1][2])["frames"] == frames
        total += len(text) + sum(len(found[2]) for found in segments)
    assert task["convertedsize"] == str(total)


async def test_a_destination_names_the_master(serve: Any, tmp_path: Path) -> None:
    client = await serve(allow_dir=(tmp_path,))
    place = f"file://{tmp_path}/deep/show.m3u8"
    done = await client.end(await client.add(LOCAL, ADVANCED | {"output": "fmp4_hls", "destination": place}))
    task, folder = done["format"], tmp_path / "deep"
    variants = [f"file://{folder}/{name}/index.m3u8" for name in ("high", "low/er")]
    assert (task["destination"], task["destination_status"]) == ([*variants, place], ["Saved"] * 3)
    assert sorted(path.name for path in folder.iterdir()) == ["high", "low", "show.m3u8"]
    for one in m3u8.load(str(folder / "show.m3u8")).playlists:
        media = m3u8.load(str(folder / one.uri))
        assert (folder / one.uri).with_name(media.segment_map[0].uri).is_file()
        assert all((folder / one.uri).with_name(segment.uri).is_file() for segment in media.segments)


@pytest.mark.parametrize("path", ["../up", "/etc", "a/../../b", "a\\b", "x" * 200, "master.m3u8", "high"])
async def test_a_folder_that_leads_elsewhere_is_an_error_of_its_task(client: Any, data: Path, path: str) -> None:
    bad = ADVANCED | {"stream": [STREAMS[0], STREAMS[1] | {"sub_path": path}]}
    done = await client.end(await client.add(LOCAL, bad, {"output": "mp3"}))
    assert [one["status"] for one in done["format"]] == ["Error", "Finished"]
    wrong = "Wrong value of parameter stream"
    assert done["format"][0]["description"].startswith(wrong)
    assert playlists(data) == []


def playlists(folder: Path) -> list[str]:
    """Wherever they are; folders may go while one looks."""
    return [name for _, _, names in os.walk(folder) for name in names if name.endswith(".m3u8")]


async def test_the_simulated_backend_has_the_same_names(serve: Any) -> None:
    client = await serve(backend="simulated")
    done = await client.end(await client.add("https://example.test/bars-2s.mp4", ADVANCED))
    names = [link.split("/", 7)[7] for link in done["format"]["s3_destination"]]
    assert names == ["high/index.m3u8", "low/er/index.m3u8", "master.m3u8"]


SOUND = {"sub_path": "sound", "audio_only": "yes", "audio_bitrate": "64k"}


async def test_one_set_of_segments_for_both_kinds_of_players(client: Any) -> None:
    """The links are those of HLS, the streams in their order and then the master, with the manifest between."""
    asked = {"output": "advanced_fmp4", "segment_duration": "1", "stream": [*STREAMS, SOUND]}
    done = await client.end(await client.add(LOCAL, asked))
    task = done["format"]
    assert (done["status"], task["status"]) == ("Finished", "Finished")
    names = [link.split("/", 7)[7] for link in task["s3_destination"]]
    assert names == [
        *("high/index.m3u8", "low/er/index.m3u8", "sound/index.m3u8", "audio-2/index.m3u8"),
        *("manifest.mpd", "master.m3u8"),
    ]
    manifest, master = task["s3_destination"][-2:]
    shown = m3u8.loads((await client.get(master))[2].decode(), uri=master)
    assert {one.uri for one in shown.media} == {"sound/index.m3u8", "audio-2/index.m3u8"}
    status, headers, body = await client.get(manifest)
    assert (status, headers["Content-Type"]) == (200, "application/dash+xml")
    assert 'initialization="low/er/init.mp4"' in body.decode()
    for path in ("low/er/init.mp4", "low/er/segment_00001.m4s", "sound/segment_00000.m4s"):
        assert (await client.get(urljoin(manifest, path)))[0] == 200


async def test_a_destination_names_the_manifest(serve: Any, tmp_path: Path) -> None:
    client = await serve(allow_dir=(tmp_path,))
    place = f"file://{tmp_path}/deep/show.mpd"
    for product, more in (("advanced_dash", set()), ("advanced_fmp4", {"master.m3u8"})):
        done = await client.end(await client.add(LOCAL, ADVANCED | {"output": product, "destination": place}))
        assert done["format"]["destination_status"] == "Saved"
        found = {path.name for path in (tmp_path / "deep").iterdir()}
        assert found == {"show.mpd", "high", "low", "audio-1", "audio-2"} | more


async def test_the_simulated_backend_has_the_same_names_for_dash(serve: Any) -> None:
    client = await serve(backend="simulated")
    names = {}
    for product in ("advanced_dash", "advanced_fmp4"):
        asked = ADVANCED | {"output": product, "stream": [STREAMS[0], SOUND]}
        links = (await client.end(await client.add("https://example.test/bars-2s.mp4", asked)))["format"][
            "s3_destination"
        ]
        names[product] = [link.split("/", 7)[7] for link in ([links] if isinstance(links, str) else links)]
    assert names["advanced_dash"] == ["manifest.mpd"]
    assert names["advanced_fmp4"] == ["high/index.m3u8", "sound/index.m3u8", "manifest.mpd", "master.m3u8"]
