"""AddMedia to a real file: the way of a client through the whole server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
SECOND, TWO = "clips/bars-1s-320x180-25fps.mp4", "clips/bars-2s-320x180-25fps.mp4"
LOCAL = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


async def test_xml_client_gets_two_files_from_a_web_source(client: Any, origin: Any, measure: Any) -> None:
    answer = await client.xml(
        "AddMedia",
        source=f"{origin.url}/{TWO}",
        format=[
            {"output": "mp4", "size": "160x90", "video_codec": "libx264", "bitrate": "200k"},
            {"output": "webm", "size": "0x120", "video_codec": "libvpx", "audio_codec": "libvorbis"},
        ],
    )
    assert list(answer) == ["message", "MediaID"]
    assert answer["message"] == "Added"
    assert answer["MediaID"].isdecimal()
    await client.end(answer["MediaID"])
    done = await client.xml("GetStatus", mediaid=answer["MediaID"])
    assert done["status"] == "Finished"
    assert done["progress"] == "100.0"
    assert done["prevstatus"] == "Saving"
    assert done["sourcefile"] == f"{origin.url}/{TWO}"
    assert [one["status"] for one in done["format"]] == ["Finished", "Finished"]
    mp4, webm = [await client.get(one["s3_destination"]) for one in done["format"]]
    assert [one["convertedsize"] for one in done["format"]] == [str(len(mp4[2])), str(len(webm[2]))]
    first, second = measure(mp4[2]), measure(webm[2])
    assert (first["codecs"], first["size"]) == ({"video": "h264", "audio": "aac"}, (160, 90))
    assert (second["codecs"], second["size"]) == ({"video": "vp8", "audio": "vorbis"}, (214, 120))
    for one in (first, second):
        assert abs(one["seconds"] - 2) <= 1 / 25
    assert (mp4[1]["Content-Type"], webm[1]["Content-Type"]) == ("video/mp4", "video/webm")


async def test_json_client_uses_a_preset_and_is_told(client: Any, origin: Any, receiver: Any, measure: Any) -> None:
    saved = await client.json("SavePreset", name="mine", format={"output": "mp4", "size": "160x90", "bitrate": "200k"})
    assert saved == {"message": "Saved", "SavedPreset": "mine"}
    got = await client.json("GetPreset", name="mine", type="all")
    assert got["format"] == {"output": "mp4", "size": "160x90", "bitrate": "200k"}
    media = await client.add(
        f"{origin.url}/{SECOND}",
        {"output_preset": "mine"},
        notify=f"{receiver.url}/ended",
        notify_format="json",
        meta={"order": "77"},
    )
    (told,) = await receiver.at("/ended")
    assert told["mediaid"] == media
    assert told["status"] == "Finished"
    assert told["description"] == []
    assert told["source"] == f"{origin.url}/{SECOND}"
    assert told["meta"] == {"order": "77"}
    assert told["format"]["output"] == "mp4"
    assert told["format"]["status"] == "Finished"
    done = await client.status(media)
    assert done["status"] == "Finished"
    assert (done["format"]["output_preset"], done["format"]["size"]) == ("mine", "160x90")
    assert told["format"]["taskid"] == done["format"]["id"]
    found = measure((await client.get(done["format"]["s3_destination"]))[2])
    assert (found["size"], found["codecs"]["video"], found["seconds"]) == ((160, 90), "h264", 1.0)


async def test_notifications_in_xml_as_a_form(client: Any, receiver: Any) -> None:
    await client.add(LOCAL, SMALL, notify=f"{receiver.url}/ended")
    (told,) = await receiver.at("/ended")
    (letter,) = receiver.letters
    assert letter["type"] == "application/x-www-form-urlencoded"
    assert letter["body"].startswith(b"xml=")
    assert told["status"] == "Finished"


@pytest.mark.parametrize(("kind", "content_type"), [("xml", "text/xml"), ("json", "application/json")])
async def test_raw_notifications_are_the_bare_document(
    client: Any, receiver: Any, kind: str, content_type: str
) -> None:
    extra = {"notify_format": kind, "notify_body_format": "raw"}
    media = await client.add(LOCAL, SMALL, notify=f"{receiver.url}/ended", **extra)
    (told,) = await receiver.at("/ended")
    (letter,) = receiver.letters
    assert letter["type"] == content_type
    assert told["mediaid"] == media


async def test_each_upload_is_told_with_what_was_measured(serve: Any, receiver: Any, tmp_path: Path) -> None:
    client = await serve(allow_dir=(tmp_path,))
    places = [f"file://{tmp_path}/one.mp4", f"file://{tmp_path}/deep/two.mp4"]
    media = await client.add(
        LOCAL,
        SMALL | {"destination": places},
        notify_upload=f"{receiver.url}/up",
        notify_upload_extended="yes",
        notify_format="json",
    )
    told = await receiver.at("/up", 2)
    assert [one["destination"] for one in told] == places
    assert {(one["mediaid"], one["status"]) for one in told} == {(media, "Saved")}
    assert told[0]["output_params"]["size"] == "160x90"
    assert told[0]["output_params"]["filesize"] == str((tmp_path / "one.mp4").stat().st_size)


async def test_several_destinations_get_the_same_file(serve: Any, tmp_path: Path, measure: Any) -> None:
    client = await serve(allow_dir=(tmp_path / "out",))
    (tmp_path / "out").mkdir()
    places = [f"file://{tmp_path}/out/a.mp4", f"file://{tmp_path}/out/b.mp4", f"file://{tmp_path}/out/folder/"]
    done = await client.end(await client.add(LOCAL, SMALL | {"destination": places}))
    task = done["format"]
    assert done["status"] == "Finished"
    assert (task["destination"], task["destination_status"]) == (places, ["Saved"] * 3)
    assert "s3_destination" not in task
    (third,) = (tmp_path / "out/folder").iterdir()
    assert third.name == f"bars-1s-320x180-25fps_{task['id']}.mp4"
    files = [tmp_path / "out/a.mp4", tmp_path / "out/b.mp4", third]
    assert len({file.read_bytes() for file in files}) == 1
    assert measure(files[0].read_bytes())["size"] == (160, 90)


async def test_two_equal_formats_in_one_folder_are_two_files(serve: Any, tmp_path: Path) -> None:
    client = await serve(allow_dir=(tmp_path,))
    one = SMALL | {"destination": f"file://{tmp_path}/out/"}
    done = await client.end(await client.add(LOCAL, one, one))
    names = {f"bars-1s-320x180-25fps_{task['id']}.mp4" for task in done["format"]}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert len(names) == 2


@pytest.mark.parametrize("place", ["/etc/mediaglot-test.mp4", "{allowed}/../escaped.mp4", "{allowed}/%2e%2e/e.mp4"])
async def test_files_go_below_allowed_directories_only(serve: Any, tmp_path: Path, place: str) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    client = await serve(allow_dir=(allowed,))
    url = "file://" + place.format(allowed=allowed)
    good = SMALL | {"destination": f"file://{allowed}/good.mp4"}
    done = await client.end(await client.add(LOCAL, SMALL | {"destination": url}, good))
    assert done["status"] == "Error"
    assert done["format"][0]["destination_status"].startswith("Error (")
    assert [one["status"] for one in done["format"]] == ["Error", "Finished"]
    assert (allowed / "good.mp4").is_file()
    refused = await client.json("AddMedia", source=LOCAL, format=SMALL | {"destination": url})
    assert refused["errors"]["error"].startswith("The destination is not allowed (")
    names = (*os.listdir(tmp_path), *os.listdir("/etc"))  # noqa: PTH208
    assert [name for name in names if name.endswith(".mp4")] == []


async def test_a_destination_that_is_not_allowed_is_told_before_the_source_is_there(
    serve: Any, origin: Any, tmp_path: Path
) -> None:
    client = await serve(allow_dir=(tmp_path,), workers=1)
    bad = SMALL | {"destination": [f"file://{tmp_path}/good.mp4", "file:///etc/bad.mp4"]}
    media = await client.add(f"{origin.url}/hang.mp4", SMALL, bad)
    await origin.reached.wait()
    first, second = (await client.status(media))["format"]
    assert first["status"] == "New"
    assert (second["status"], second["description"]) == ("Error", "The destination is not allowed (outside)")
    assert second["destination_status"] == ["Open", "Error (The destination is not allowed (outside))"]
    await client.json("StopMedia", mediaid=media)


async def test_sources_are_joined_in_order(client: Any, origin: Any, measure: Any) -> None:
    sources = [f"{origin.url}/{SECOND}", "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"]
    done = await client.end(await client.add(sources, SMALL))
    assert done["status"] == "Finished"
    assert done["sourcefile"] == sources
    found = measure((await client.get(done["format"]["s3_destination"]))[2])
    assert abs(found["seconds"] - 3) <= 1 / 25
    info = await client.json("GetMediaInfo", mediaid=done["id"])
    assert [one["duration"] for one in info["source"]] == ["1.00", "2.00"]


async def test_pictures_from_the_middle_and_every_so_often(client: Any, measure: Any) -> None:
    source = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
    one = {"output": "thumbnail", "time": "50%", "width": "160"}
    many = {"output": "thumbnail", "time": "0.5!", "width": "80"}
    done = await client.end(await client.add(source, one, many))
    assert done["status"] == "Finished"
    first, *rest = [done["format"][0]["s3_destination"], *done["format"][1]["s3_destination"]]
    assert len(rest) == 4
    for link, size in [(first, (160, 90)), *((link, (80, 45)) for link in rest)]:
        status, headers, body = await client.get(link)
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        assert measure(body)["size"] == size


async def test_the_source_is_described_once_it_is_here(client: Any) -> None:
    media = await client.add(LOCAL, SMALL)
    await client.end(media)
    info = await client.json("GetMediaInfo", mediaid=media)
    assert info["size"] == "320x180"
    assert info["duration"] == "1.00"
    assert info["frame_rate"] == "25"
    assert info["video_codec"].startswith("h264")
    assert info["audio_codec"] == "aac"
    assert info == await client.xml("GetMediaInfo", mediaid=media)
    more = await client.json("GetMediaInfoEx", mediaid=media)
    assert (more["id"], more["status"]) == (media, "Finished")


async def test_links_start_with_the_external_address(serve: Any) -> None:
    client = await serve(url="https://media.example.com/base/")
    done = await client.end(await client.add(LOCAL, SMALL))
    link = done["format"]["s3_destination"]
    assert link.startswith("https://media.example.com/base/_mediaglot/outputs/")
    status, _, _ = await client.get(link.removeprefix("https://media.example.com/base"))
    assert status == 200


async def test_results_are_read_in_parts_and_their_head_alone(client: Any) -> None:
    done = await client.end(await client.add(LOCAL, SMALL))
    link = done["format"]["s3_destination"]
    _, _, whole = await client.get(link)
    status, headers, part = await client.get(link, headers={"Range": "bytes=100-199"})
    assert (status, part) == (206, whole[100:200])
    assert headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
    async with client.session.head(link) as head:
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(whole)))
        assert await head.read() == b""


async def test_clips_by_recipe(client: Any, measure: Any) -> None:
    path = "/_mediaglot/media/bars-1s-320x180-25fps.mp4"
    status, headers, whole = await client.get(path)
    assert (status, headers["Content-Type"]) == (200, "video/mp4")
    found = measure(whole)
    assert (found["size"], found["seconds"], found["codecs"]) == ((320, 180), 1.0, {"video": "h264", "audio": "aac"})
    status, _, part = await client.get(path, headers={"Range": "bytes=-10"})
    assert (status, part) == (206, whole[-10:])
    async with client.session.head(client.site + path) as head:
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(whole)))
    fresh, _, made = await client.get("/_mediaglot/media/bars-0.4s-160x90-25fps.webm")
    assert fresh == 200
    assert measure(made)["frames"] == 10
    for name, kind in (("bars-0.2s-64x64.mkv", "video/x-matroska"), ("bars-0.2s.m4a", "audio/mp4")):
        assert (await client.get(f"/_mediaglot/media/{name}"))[1]["Content-Type"] == kind
    for bad in ("bars-9999999s.mp4", "bars.exe", "no-such-1s.mp4", "bars-1s-320x180-25fps", "..%2fmediaglot.db", ""):
        assert (await client.get(f"/_mediaglot/media/{bad}"))[0] == 404, bad
