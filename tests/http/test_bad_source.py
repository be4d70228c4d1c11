"""Sources and settings that real media tools choke on: an Error within bounds, and the others go on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.model import Secret

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{origin}/page.mp4", "Source file is not a media file or is damaged"),
        ("{origin}/empty.mp4", "Source file is not a media file or is damaged"),
        ("{origin}/noise.mp4", "Source file is not a media file or is damaged"),
        ("{origin}/list.m3u8", "Source file is not a media file or is damaged"),
        ("{origin}/nothing.mp4", "Download error:  The requested URL returned error: 404 Not Found"),
        ("http://127.0.0.1:9/a.mp4", "Download error:  The source cannot be reached"),
        ("file:///etc/passwd", "Download error:  The source"),
        ("file:///proc/self/environ", "Download error:  The source"),
        ("gopher://127.0.0.1/a.mp4", "Download error:  The source"),
        ("data:video/mp4;base64,AAAA", "Download error:  The source"),
        ("concat:/etc/passwd|/etc/hosts", "Download error:  The source"),
        ("https://media.mediaglot.test/../mediaglot.db", "Download error:  The requested URL returned error: 404"),
        ("https://media.mediaglot.test/bars-999999s.mp4", "Download error:  The requested URL returned error: 404"),
    ],
)
async def test_a_source_that_is_none(client: Any, origin: Any, source: str, says: str) -> None:
    bad = await client.add(source.format(origin=origin.url), SMALL)
    good = await client.add(SHORT, SMALL)
    done = await client.end(bad, seconds=30)
    assert done["status"] == "Error"
    assert done["description"].startswith(says)
    assert (await client.end(good))["status"] == "Finished"


@pytest.mark.parametrize(("percent", "status"), [(5, "Finished"), (0, "Error")])
async def test_a_source_with_a_gap(serve: Any, origin: Any, percent: int, status: str) -> None:
    client = await serve(max_damage=percent)
    media = await client.add(f"{origin.url}/off-air/bars-6s-320x180-25fps.ts", SMALL)
    assert (await client.end(media))["status"] == status
    account = Credential("100", Secret("k")).account
    report = orjson.loads((await client.get(f"/_mediaglot/reports/encoding_com/{account}/{media}"))[2])
    told = [(loss["path"], loss["reason"]) for loss in report["losses"]]
    assert set(told) == ({("inputs.0", "the source is damaged")} if status == "Finished" else set())


async def test_the_operator_is_told_why_ffmpeg_failed(client: Any, caplog: pytest.LogCaptureFixture) -> None:
    """And the client is not: these words are not the provider's."""
    media = await client.add(SHORT, {"output": "wmv", "bitrate": "1k", "two_pass": "yes"})
    done = await client.end(media)
    assert (done["status"], done["description"]) == ("Error", "Encoding error")
    told = f"job {media} of encoding_com, output 0 can't be made: 'encoding_failed reason=bitrate_too_low: "
    said = next(record.getMessage() for record in caplog.records if record.getMessage().startswith(told))
    assert "requested bitrate is too low" in said


async def test_a_source_that_hangs(serve: Any, origin: Any) -> None:
    client = await serve(fetch_stall=0.2, workers=1)
    bad = await client.add(f"{origin.url}/hang.mp4", SMALL)
    await origin.reached.wait()
    good = await client.add(SHORT, SMALL)
    done = await client.end(bad, seconds=20)
    assert (done["status"], done["format"]["status"]) == ("Error", "New") or done["status"] == "Error"
    assert done["description"] == "Download error:  The source took longer than 0.2 seconds"
    assert (await client.end(good))["status"] == "Finished"


async def test_a_job_is_cancelled_while_its_source_hangs(serve: Any, origin: Any) -> None:
    client = await serve(workers=1)
    bad = await client.add(f"{origin.url}/hang.mp4", SMALL)
    await origin.reached.wait()
    good = await client.add(SHORT, SMALL)
    assert (await client.status(bad))["status"] == "Downloading"
    assert (await client.json("StopMedia", mediaid=bad))["message"] == "Stopped"
    assert (await client.end(good))["status"] == "Finished"
    assert (await client.status(bad))["status"] == "Stopped"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(served: Any, clips: Any, known_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that stands for all tests of settings."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "media").mkdir()
    for path in (clips(SHORT.rpartition("/")[2]), known_tools):
        shutil.copy(path, folder / ("media" if path.suffix == ".mp4" else "") / path.name)
    async with aiohttp.ClientSession() as session, served(session, folder) as client:
        yield client


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "setting",
    [
        {"metadata": {"title": "a\x00b"}},
        {"metadata": {"title": "x" * 200_000}},
        {"metadata": {"title": "a=b\nc;d#e[f]"}},
        {"pix_format": "yuv420p\x00"},
        {"audio_channels_number": "1000"},
        {"audio_sample_rate": "1000000000000"},
        {"audio_volume": "100000000000000"},
        {"keyframe": "1000000000000000"},
        {"bframes": "100000"},
        {"bitrate": "1"},
        {"bitrate": "9999999k"},
        {"framerate": "1e-30"},
        {"framerate": "0.001"},
        {"framerate": "1000"},
        {"size": "16384x16384"},
        {"size": "2x2"},
        {"size": "1x16000"},
        {"crop_top": "10000"},
        {"padd_top": "1000000000000000"},
        {"start": "10000000"},
        {"duration": "0"},
        {"duration": "0.000001"},
        {"set_aspect_ratio": "99.99"},
        {"fade_in": "1000000000000000:1e-40"},
        {"noise_reduction": "1000000000000000:0:0"},
        {"force_keyframes": "0s"},
        {"force_keyframes": ",".join(["1"] * 5000)},
        {"text_overlay": {"text": "a" * 20_000, "font_size": "100000"}},
        {"text_overlay": {"text": "a\x00b", "font_color": "ffffff", "overlay_x": "-100000000"}},
        {"color_range": "nosuch\x00range"},
        {"video_codec_parameters": {"qcomp": "0.6:stats=/tmp/x", "stats": "/tmp/y"}},
        {"destination": "file:///etc/x.mp4"},
    ],
    ids="-".join,
)
async def test_settings_beyond_reason(shared: Any, setting: Any) -> None:
    answer = await shared.json("AddMedia", source=SHORT, format=[SMALL, SMALL | setting])
    if "errors" in answer:
        assert "Internal" not in answer["errors"]["error"]
        return
    done = await shared.end(answer["MediaID"], seconds=60)
    assert "Internal" not in str(done.get("description"))
    assert done["format"][0]["status"] == "Finished"
    assert done["format"][1]["status"] in ("Finished", "Error")


async def test_a_source_with_a_name_that_is_too_long(client: Any, origin: Any) -> None:
    name = "%F0%A0%80%80" * 100
    done = await client.end(await client.add(f"{origin.url}/clips/bars-1s-320x180-25fps.mp4/{name}.mp4", SMALL))
    assert done["status"] == "Finished"
    status, _, _ = await client.get(done["format"]["s3_destination"])
    assert status == 200


async def test_sources_that_hardly_come_keep_nobody_waiting(
    serve: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are more of them than this server takes in hand at once."""
    monkeypatch.setattr("mediaglot.gateway.transfer.tempo.SPAN", 0.1)
    client = await serve(workers=1, fetch_stall=60)
    slow = [await client.add(f"{origin.url}/hang.mp4", SMALL) for _ in range(5)]
    good = await client.add("https://media.mediaglot.test/bars-1s-320x180-25fps.mp4", SMALL)
    assert (await client.end(good))["status"] == "Finished"
    for media in slow:
        assert (await client.status(media))["status"] == "Downloading"
        await client.json("CancelMedia", mediaid=media)


async def test_a_picture_that_hardly_comes_keeps_no_encoder_waiting(
    serve: Any, origin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediaglot.gateway.transfer.tempo.SPAN", 0.1)
    client = await serve(workers=1, fetch_stall=60)
    logo = {"overlay": {"overlay_source": f"{origin.url}/hang.mp4"}}
    slow = [await client.add(SHORT, SMALL | logo) for _ in range(3)]
    await origin.reached.wait()
    assert (await client.end(await client.add(SHORT, SMALL)))["status"] == "Finished"
    for media in slow:
        assert (await client.status(media))["status"] == "Downloading"
        await client.json("CancelMedia", mediaid=media)
