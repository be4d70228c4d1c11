from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway.faults import SourceUnreadable
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.tool import find

pytestmark = pytest.mark.ffmpeg

PICTURE = "-f lavfi -i testsrc2=size=128x72:rate=25:duration=1"
SOUND = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=1"
X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"


def make(target: Path, words: str) -> Path:
    line = [find().path, "-nostdin", "-v", "error", "-y", *words.split(), str(target)]
    subprocess.run(line, check=True, cwd=target.parent)
    return target


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("probe") / "clip.mp4", f"{PICTURE} {SOUND} {X264} -c:a aac")


@pytest.fixture(scope="module")
def content(clip: Path) -> bytes:
    return clip.read_bytes()


@pytest.fixture
async def prober() -> AsyncIterator[Prober]:
    async with Prober(helpers=1) as made:
        yield made


def size(path: Path) -> int:
    return path.stat().st_size


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def reason(prober: Prober, path: Path) -> str:
    with pytest.raises(SourceUnreadable) as caught:
        await prober.probe(path)
    return str(caught.value.data["reason"])


def helper_pid(prober: Prober) -> int:
    process = prober._helpers[0]._process
    assert process is not None
    return process.pid


# --- what is measured -----------------------------------------------------------------------------


async def test_a_plain_clip(prober: Prober, clip: Path) -> None:
    facts = await prober.probe(clip)
    assert (facts.container, facts.size, facts.duration) == ("mov", size(clip), 1)
    (video,), (audio,) = facts.video, facts.audio
    assert (video.codec, video.width, video.height, video.frame_rate) == ("h264", 128, 72, 25)
    assert (video.frames, video.rotation, video.interlaced, video.pixel_format) == (25, 0, False, "yuv420p")
    assert video.display_aspect == Fraction(16, 9)
    assert (audio.codec, audio.sample_rate, audio.channels, audio.profile) == ("aac", 48000, 1, "LC")
    assert audio.bitrate is not None
    assert audio.bitrate > 10_000


@pytest.mark.parametrize(
    ("name", "words", "container", "video", "audio"),
    [
        ("a.webm", f"{PICTURE} {SOUND} -c:v libvpx -c:a libvorbis", "matroska", "vp8", "vorbis"),
        ("a.mkv", f"{PICTURE} {SOUND} -c:v libvpx-vp9 -cpu-used 8 -c:a libopus", "matroska", "vp9", "opus"),
        (
            "a.ts",
            f"{PICTURE} {SOUND} -c:v libx265 -preset ultrafast -x265-params log-level=-1 -c:a ac3",
            "mpegts",
            "hevc",
            "ac3",
        ),
        ("a.avi", f"{PICTURE} {SOUND} -c:v mpeg4 -c:a libmp3lame", "avi", "mpeg4", "mp3"),
        ("a.wmv", f"{PICTURE} {SOUND} -c:v wmv2 -c:a wmav2", "asf", "wmv2", "wmav2"),
        ("a.flv", f"{PICTURE} {SOUND} -c:v flv -ar 44100 -c:a libmp3lame", "flv", "flv1", "mp3"),
        ("a.mp3", SOUND, "mp3", None, "mp3"),
        ("a.wav", SOUND, "wav", None, "pcm_s16le"),
        ("a.ogg", f"{SOUND} -c:a libopus", "ogg", None, "opus"),
        ("a.gif", PICTURE, "gif", "gif", None),
        ("a.jpg", f"{PICTURE} -frames:v 1 -update 1", "jpeg_pipe", "mjpeg", None),
        ("a.png", f"{PICTURE} -frames:v 1 -update 1", "png_pipe", "png", None),
    ],
)
async def test_codecs_have_the_names_of_their_formats(
    prober: Prober, tmp_path: Path, name: str, words: str, container: str, video: str | None, audio: str | None
) -> None:
    facts = await prober.probe(make(tmp_path / name, words))
    found = [track.codec for track in facts.video], [track.codec for track in facts.audio]
    assert (facts.container, *found) == (container, [video] if video else [], [audio] if audio else [])


LIVE = f"{PICTURE} {SOUND} -c:v libvpx -c:a libvorbis -f webm -live 1"


@pytest.mark.parametrize(("more", "begin"), [("", 0), ("-output_ts_offset 5", 5)], ids=["from zero", "late"])
async def test_a_file_that_does_not_say_how_long_it_is_is_measured(
    prober: Prober, tmp_path: Path, more: str, begin: int
) -> None:
    live = make(tmp_path / "live.webm", f"{LIVE} {more}")
    facts = await prober.probe(live)
    assert (facts.container, facts.start) == ("matroska", begin)
    assert facts.duration is not None
    assert 0.95 < facts.duration < 1.05
    torn = write(tmp_path / "torn.webm", live.read_bytes()[:-1000])
    assert 0.5 < ((await prober.probe(torn)).duration or 0) < 1.05


async def test_what_an_ffprobe_does_not_say_of_the_length_is_measured(tmp_path: Path) -> None:
    said = {"format": {"format_name": "matroska,webm"}, "streams": [{"codec_type": "audio", "codec_name": "opus"}]}
    said["streams"][0] |= {"sample_rate": "48000"}  # type: ignore[operator]
    async with pretend_ffprobe(tmp_path, f"cat <<'X'\n{json.dumps(said)}\nX") as asked:
        facts = await asked.probe(make(tmp_path / "live.webm", LIVE))
    assert ([track.codec for track in facts.audio], facts.video) == (["opus"], ())
    assert facts.duration is not None
    assert 0.95 < facts.duration < 1.05


async def test_profiles_are_told_apart(prober: Prober, tmp_path: Path) -> None:
    for profile, said in (("baseline", "Constrained Baseline"), ("main", "Main"), ("high", "High")):
        words = f"{PICTURE} -c:v libx264 -pix_fmt yuv420p -profile:v {profile}"
        facts = await prober.probe(make(tmp_path / f"{profile}.mp4", words))
        assert facts.video[0].profile == said


async def test_a_picture_that_is_turned_by_the_player(prober: Prober, clip: Path, tmp_path: Path) -> None:
    turned = make(tmp_path / "turned.mp4", f"-display_rotation -90 -i {clip} -c copy")
    assert (await prober.probe(turned)).video[0].rotation == 90


async def test_interlaced_pictures_with_oblong_pixels(prober: Prober, tmp_path: Path) -> None:
    words = f"{PICTURE} {X264} -vf setfield=tff,setsar=4/3 -flags +ilme+ildct -x264-params tff=1"
    video = (await prober.probe(make(tmp_path / "tv.ts", words))).video[0]
    assert (video.interlaced, video.pixel_aspect, video.display_aspect) == (True, Fraction(4, 3), Fraction(64, 27))


async def test_languages_and_several_tracks(prober: Prober, tmp_path: Path) -> None:
    words = f"{PICTURE} {SOUND} -map 0 -map 1 -map 1 {X264} -metadata:s:a:0 language=deu -metadata:s:a:1 language=fra"
    facts = await prober.probe(make(tmp_path / "two.mkv", words))
    assert [track.language for track in facts.audio] == ["deu", "fra"]


@pytest.mark.parametrize("container", ["mp4", "matroska"])
async def test_chapters_are_counted(prober: Prober, clip: Path, tmp_path: Path, container: str) -> None:
    book = "\n".join(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={at}\nEND={at + 500}" for at in (0, 500))
    write(tmp_path / "book", f";FFMETADATA1\n{book}\n".encode())
    inputs = f"-i {clip} -i {tmp_path / 'book'} -map 0"
    with_some = make(tmp_path / "some", f"{inputs} -map_chapters 1 -c copy -f {container}")
    without = make(tmp_path / "none", f"{inputs} -c copy -map_chapters -1 -f {container}")
    assert [(await prober.probe(one)).chapters for one in (with_some, without)] == [2, 0]


async def test_the_cover_of_a_song_is_not_a_video_track(prober: Prober, tmp_path: Path) -> None:
    make(tmp_path / "cover.jpg", f"{PICTURE} -frames:v 1 -update 1")
    song = make(tmp_path / "song.mp3", f"{SOUND} -i cover.jpg -map 0 -map 1 -disposition:v:0 attached_pic")
    facts = await prober.probe(song)
    assert (facts.video, [track.codec for track in facts.audio]) == ((), ["mp3"])


async def test_the_name_of_a_file_decides_nothing(prober: Prober, content: bytes, tmp_path: Path) -> None:
    for name in ("source", "clip.jpg", "a%03d.png", "-i", "concat:x", "ä ö.mp4"):
        path = write(tmp_path / name, content)
        assert (await prober.probe(path)).container == "mov"


# --- what is refused ------------------------------------------------------------------------------


async def test_what_is_no_media_is_refused_with_a_reason(prober: Prober, content: bytes, tmp_path: Path) -> None:
    contents = {
        "zero.mp4": (b"", "empty"),
        "page.mp4": (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "invalid_data"),
        "notes.txt": (b"dear diary\n" * 5000, "invalid_data"),
        "captions.srt": (b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n" * 50, "invalid_data"),
        "cut.mp4": (content[:-5000], "invalid_data"),
        "program": (b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 400, "invalid_data"),
    }
    for name, (written, expected) in contents.items():
        assert await reason(prober, write(tmp_path / name, written)) == expected, name
    assert await reason(prober, tmp_path / "nothing") == "no_file"
    assert await reason(prober, tmp_path) == "no_file"


async def test_a_pipe_is_not_waited_for(prober: Prober, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert await reason(prober, tmp_path / "fifo") == "no_file"


async def test_a_small_file_with_a_huge_picture_is_refused(prober: Prober, tmp_path: Path) -> None:
    huge = make(tmp_path / "huge.png", "-f lavfi -i color=size=9000x9000 -frames:v 1 -update 1")
    assert await reason(prober, huge) in {"invalid_data", "too_many_pixels"}


MANIFEST = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
 mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet
 mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{clip}</BaseURL></Representation></AdaptationSet>
 </Period></MPD>"""


@pytest.mark.parametrize("name", ["upload", "upload.mp4", "upload.m3u8", "upload.ts"])
async def test_a_file_that_only_names_other_files_is_refused(
    prober: Prober, clip: Path, tmp_path: Path, name: str
) -> None:
    stolen = make(tmp_path / "stolen.ts", f"-i {clip} -c copy")
    upload = tmp_path / name
    for attack in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{stolen}\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:{stolen}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile stolen.ts\n",
        f"ffconcat version 1.0\nfile '{stolen}'\n",
        MANIFEST.format(clip=f"file:{clip}"),
    ):
        write(upload, attack.encode())
        assert await reason(prober, upload) == "invalid_data", attack


# --- the helper process ---------------------------------------------------------------------------


async def test_one_helper_serves_many_probes(prober: Prober, clip: Path) -> None:
    await prober.probe(clip)
    first = helper_pid(prober)
    assert len(await asyncio.gather(*(prober.probe(clip) for _ in range(20)))) == 20
    assert helper_pid(prober) == first


async def test_a_helper_that_is_killed_in_the_middle_is_replaced(prober: Prober, clip: Path) -> None:
    facts = await prober.probe(clip)
    pid = helper_pid(prober)
    os.kill(pid, signal.SIGSTOP)
    asking = asyncio.create_task(prober.probe(clip))
    asyncio.get_running_loop().call_later(0.1, os.kill, pid, signal.SIGKILL)
    assert await asking == facts
    assert helper_pid(prober) != pid


async def test_a_probe_that_hangs_is_given_up_and_its_helper_with_it(prober: Prober, clip: Path) -> None:
    await prober.probe(clip)
    pid = helper_pid(prober)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(SourceUnreadable) as caught:
        await prober.probe(clip, timeout=0.1)
    assert caught.value.data == {"reason": "timeout"}
    assert not running(pid)
    assert (await prober.probe(clip)).video


async def test_a_probe_that_is_cancelled_does_not_answer_the_next_question(
    prober: Prober, clip: Path, tmp_path: Path
) -> None:
    song = make(tmp_path / "song.mp3", SOUND)
    await prober.probe(clip)
    os.kill(helper_pid(prober), signal.SIGSTOP)
    asking = asyncio.create_task(prober.probe(clip))
    asyncio.get_running_loop().call_later(0.05, asking.cancel)
    await asyncio.gather(asking, return_exceptions=True)
    assert (await prober.probe(song)).container == "mp3"


async def test_closing_ends_the_helper(clip: Path) -> None:
    async with Prober(helpers=1) as prober:
        await prober.probe(clip)
        pid = helper_pid(prober)
    assert not running(pid)


PARENT = """
import asyncio
from pathlib import Path
from mediaglot.gateway.media.probe import Prober
async def main():
    prober = Prober(helpers=1)
    await prober.probe(Path({clip!r}))
    print(prober._helpers[0]._process.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_the_helper_dies_with_a_server_that_is_killed(clip: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT.format(clip=str(clip)), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    helper = os.pidfd_open(int(await parent.stdout.readline()))
    parent.kill()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(helper, ended.set)
    async with asyncio.timeout(10):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(helper)
    os.close(helper)
    await parent.wait()


def test_the_helper_loads_nothing_that_it_does_not_need() -> None:
    code = "import mediaglot.gateway.media.probe_worker, sys; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not {"aiohttp", "orjson", "lxml", "sqlite3", "asyncio", "numpy", "mediaglot.gateway.model"} & loaded


# --- ffprobe --------------------------------------------------------------------------------------


def pretend_ffprobe(folder: Path, script: str) -> Prober:
    program = folder / "ffprobe"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Prober(replace(find(), ffprobe=str(program)), helpers=1)


async def test_ffprobe_is_asked_first_with_the_same_guard(clip: Path, tmp_path: Path) -> None:
    stream = {"codec_type": "audio", "codec_name": "opus", "sample_rate": "48000"}
    answer = json.dumps({"format": {"format_name": "ogg"}, "streams": [stream]})
    async with pretend_ffprobe(tmp_path, f"echo \"$@\" > '{tmp_path}/words'; echo '{answer}'") as prober:
        assert (await prober.probe(clip)).container == "ogg"
    words = (tmp_path / "words").read_text()
    assert "-protocol_whitelist file -format_whitelist mov,mp4" in words
    assert not {"concat", "hls", "dash", "image2", "m3u8"} & set(words.replace(",", " ").split())
    assert str(clip) not in words


@pytest.mark.parametrize(
    ("script", "patience", "outcome"),
    [
        ("exit 1", 20, "invalid_data"),
        ("echo hello", 20, "invalid_data"),
        ("yes", 20, "invalid_data"),
        ("exec sleep 60", 0.2, "timeout"),
    ],
)
async def test_an_ffprobe_that_refuses_chatters_or_hangs(
    clip: Path, tmp_path: Path, script: str, patience: float, outcome: str
) -> None:
    async with pretend_ffprobe(tmp_path, script) as prober:
        with pytest.raises(SourceUnreadable) as caught:
            await prober.probe(clip, timeout=patience)
    assert caught.value.data == {"reason": outcome}


async def test_an_ffprobe_that_crashes_is_replaced_by_the_helper(clip: Path, tmp_path: Path) -> None:
    async with pretend_ffprobe(tmp_path, "kill -SEGV $$") as prober:
        assert (await prober.probe(clip)).video[0].codec == "h264"
