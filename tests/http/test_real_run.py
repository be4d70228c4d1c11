"""FFmpeg under the server's hands: ended in time, watched, and told no secrets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
SHORT = "https://media.mediaglot.test/bars-1s-320x180-25fps.mp4"
LONG = "https://media.mediaglot.test/bars-8s-320x180-25fps.mp4"
SMALL = {"output": "mp4", "size": "160x90"}


def left(data: Path) -> list[str]:
    return [str(path.relative_to(data)) for room in ("work", "outputs") for path in (data / room).rglob("*")]


@pytest.mark.parametrize("action", ["StopMedia", "CancelMedia"])
async def test_ended_within_a_second_with_its_partial_files(
    serve: Any, slow: Path, data: Path, encoders: Any, action: str
) -> None:
    client = await serve(ffmpeg=str(slow))
    media = await client.add(LONG, SMALL, {"output": "webm", "size": "0x90"})
    await client.encoding(media)
    assert len(encoders()) == 1
    assert any(name.endswith((".mp4", ".webm")) for name in left(data))
    began = time.monotonic()
    await client.json(action, mediaid=media)
    assert encoders() == []
    assert time.monotonic() - began < 1
    assert left(data) == []


async def test_a_stopped_ffmpeg_is_given_up(serve: Any, slow: Path, swept: Any, encoders: Any) -> None:
    client = await serve(ffmpeg=str(slow), encode_stall=2, workers=2)
    media = await client.add(LONG, SMALL)
    await client.encoding(media)
    (process,) = encoders()
    os.kill(process, signal.SIGSTOP)
    beside = await client.add(SHORT, SMALL)
    assert (await client.end(beside))["status"] == "Finished"
    done = await client.end(media)
    assert (done["status"], done["description"]) == ("Error", "Encoding made no progress for 2 seconds")
    assert process not in encoders()
    await swept("work")
    assert "Error" in done["format"]["status"]
    assert (await client.json("RestartMediaErrors", mediaid=media))["message"] == "Restarted"
    assert (await client.end(media))["status"] == "Finished"


async def test_a_killed_ffmpeg_is_a_failure_with_a_name(serve: Any, slow: Path, encoders: Any, receiver: Any) -> None:
    client = await serve(ffmpeg=str(slow))
    media = await client.add(LONG, SMALL, notify_encoding_errors=f"{receiver.url}/lost")
    await client.encoding(media)
    (process,) = encoders()
    os.kill(process, signal.SIGKILL)
    done = await client.end(media)
    assert (done["status"], done["description"]) == ("Error", "Encoding was interrupted")
    assert (done["format"]["status"], done["format"]["description"]) == ("Error", "Encoding was interrupted")
    (told,) = await receiver.at("/lost")
    assert (told["mediaid"], told["format"]["status"]) == (media, "Error")


@pytest.mark.parametrize(
    "bad",
    [
        {"output": "mp4", "video_codec": "nosuchcodec"},
        {"output": "vidly"},
        {"output": "webm", "video_codec": "libx264"},
        {"output": "mp4", "keyframe": "999999999999"},
        {"output": "mp4", "crop_left": "400"},
        {"output": "mp4", "start": "5000"},
        {"output": "mp4", "logo": {"logo_source": SHORT.replace("bars", "nothing")}},
        {"output": "mp4", "text_overlay": {"text": "x", "font_source": SHORT}},
        {"output": "mp4", "pix_format": "nosuchformat"},
        {"output": "mp4", "size": "16384x16384"},
    ],
    ids=lambda bad: "-".join(map(str, bad))[7:] or "output",
)
async def test_what_cant_be_made_does_not_lose_the_rest(client: Any, measure: Any, bad: Any) -> None:
    done = await client.end(await client.add(SHORT, SMALL, bad, {"output": "mp3"}), seconds=90)
    first, second, third = done["format"]
    assert done["status"] == "Error"
    assert [one["status"] for one in (first, second, third)] == ["Finished", "Error", "Finished"]
    assert second["description"]
    assert "Internal" not in second["description"]
    assert "s3_destination" not in second
    assert measure((await client.get(first["s3_destination"]))[2])["size"] == (160, 90)
    assert measure((await client.get(third["s3_destination"]))[2])["codecs"] == {"audio": "mp3"}


async def test_progress_never_falls(serve: Any, slow: Path, wait: Any) -> None:
    client = await serve(ffmpeg=str(slow))
    media = await client.add(LONG, SMALL | {"two_pass": "yes"}, {"output": "webm", "size": "0x90"})
    seen: list[float] = []
    tasks: list[float] = []

    async def look() -> bool:
        found = await client.json("GetStatus", mediaid=media, extended="yes")
        seen.append(float(found["job"]["progress"]))
        tasks.append(float(found["job"]["format"][0]["progress"]))
        assert found["job"]["status"] != "Error"
        return bool(found["job"]["status"] == "Finished")

    await wait(look)
    assert seen == sorted(seen)
    assert tasks == sorted(tasks)
    assert seen[-1] == tasks[-1] == 100
    assert len(set(seen)) > 5


def words_of_all_processes() -> bytes:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with contextlib.suppress(OSError):
                found.append((entry / name).read_bytes())
    return b"\n".join(found)


async def test_secrets_stay_out_of_processes_logs_and_errors(
    command: Any, visit: Any, slow: Path, origin: Any, tmp_path: Path
) -> None:
    flags = ("--ffmpeg", str(slow), "--log-level", "debug", "--allow-dir", str(tmp_path), "--deliver-patience", "0")
    server = await command(*flags)
    client = visit(server.site).as_user("100", "key-hunter0")
    host = origin.url.removeprefix("http://")
    source = f"http://bob:hunter1@{host}/clips/bars-2s-320x180-25fps.mp4?token=hunter2"
    closed = "127.0.0.1:9"
    media = await client.add(
        source,
        SMALL | {"destination": f"http://bob:hunter3@{closed}/x.mp4?sig=hunter4"},
        SMALL | {"logo": {"logo_source": f"http://bob:hunter5@{closed}/logo.png"}},
        SMALL | {"encryption_key": "hunter6"},
        notify=f"http://bob:hunter7@{closed}/n?t=hunter8",
    )
    lost = await client.add(f"http://bob:hunter9@{host}/nothing.mp4?token=hunter2", SMALL)
    await client.encoding(media)
    assert b"hunter" not in await asyncio.to_thread(words_of_all_processes)
    done, other = await client.end(media), await client.end(lost)
    assert done["sourcefile"] == source
    troubles = [done["description"], other["description"], *done["format"][0]["destination_status"].split("?")]
    troubles += [one.get("description", "") for one in done["format"]]
    assert "hunter" not in " ".join(troubles)
    assert other["description"] == "Download error:  The requested URL returned error: 404 Not Found"
    assert any("Authorization" in request.headers for request in origin.asked)
    bad = f"http://bob:hunter1@{host}:notaport/"
    for answer in (
        await client.json("AddMedia", source=bad, format=SMALL),
        await client.json("AddMedia", source=source, format=SMALL | {"destination": bad}),
        await client.json("AddMedia", source=source, format=SMALL, notify=bad),
        await client.json("AddMedia", source=source, format=SMALL | {"logo": {"logo_source": bad}}),
        await client.json("AddMedia", source=source, format=SMALL | {"bitrate": bad}),
        await client.as_user("me", "hunter0").json("GetMediaList"),
    ):
        assert list(answer) == ["errors"]
        assert "hunter" not in str(answer)
    assert await server.end() == 0
    log = server.log.read_text()
    assert "hunter" not in log
    assert "Traceback" not in log
