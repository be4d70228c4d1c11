"""Probing from the beginning of the first picture finds what whole pictures tell, for films of many kinds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from mediaglot.gateway.media import first_picture, probe_worker
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.tool import find

pytestmark = pytest.mark.ffmpeg

PICTURE = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=1"
SOUND = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=1"
X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p"
X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=-1"
HDR = "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
BT709 = "-color_primaries bt709 -color_trc bt709 -colorspace bt709"


def make(target: Path, words: str) -> Path:
    line = [find().path, "-nostdin", "-v", "error", "-y", *words.split(), str(target)]
    subprocess.run(line, check=True, cwd=target.parent, capture_output=True)
    return target


def quickly(path: Path) -> dict[str, Any] | None:
    with path.open("rb") as file:
        return probe_worker._quickly(file)


def thoroughly(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return probe_worker._thoroughly(file)


@pytest.mark.parametrize(
    "words",
    {
        "plain": f"{PICTURE} {SOUND} {X264} -c:a aac",
        "delayed pictures": f"{PICTURE} -c:v libx264 -preset slow -x264-params bframes=5:open-gop=1 -pix_fmt yuv420p",
        "slices": f"{PICTURE} {X264} -x264-params slices=4",
        "fields, oblong pixels": f"{PICTURE} {X264} -vf setfield=tff,setsar=4/3 -flags +ilme+ildct -x264-params tff=1",
        "ten bits": f"{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuv420p10le",
        "full range": f"{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuvj420p",
        "all colours": f"{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuv444p",
        "named colours": f"{PICTURE} {X264} -vf setparams=color_trc=bt709 {BT709}",
        "hevc": f"{PICTURE} {X265} -pix_fmt yuv420p -tag:v hvc1",
        "hevc, high range": f"{PICTURE} {X265}:{HDR} -pix_fmt yuv420p10le",
        "mpeg4": f"{PICTURE} -c:v mpeg4",
        "vp9": f"{PICTURE} -c:v libvpx-vp9 -cpu-used 8",
        "varying rate": f"{PICTURE} {X264} -vf select='not(mod(n\\,3))+gt(n\\,15)' -fps_mode vfr",
        "late start": f"{PICTURE} {SOUND} {X264} -c:a aac -output_ts_offset 5",
        "fragments": f"{PICTURE} {SOUND} {X264} -c:a aac -r 30000/1001 -movflags frag_keyframe+empty_moov",
        "one picture": f"{PICTURE} {X264} -frames:v 1",
    }.items(),
    ids=lambda pair: pair[0],
)
def test_headers_and_a_slice_say_what_whole_pictures_say(words: tuple[str, str], tmp_path: Path) -> None:
    path = make(tmp_path / "film.mp4", words[1])
    assert quickly(path) == thoroughly(path)


def test_a_turned_film_and_one_with_a_cover(tmp_path: Path) -> None:
    make(tmp_path / "plain.mp4", f"{PICTURE} {SOUND} {X264} -c:a aac")
    make(tmp_path / "cover.jpg", f"{PICTURE} -frames:v 1 -update 1")
    turned = make(tmp_path / "turned.mp4", "-display_rotation -90 -i plain.mp4 -c copy")
    covered = make(
        tmp_path / "covered.mp4",
        "-i cover.jpg -i plain.mp4 -map 0 -map 1 -c copy -disposition:v:0 attached_pic",
    )
    for path in (turned, covered):
        assert quickly(path) == thoroughly(path) != None  # noqa: E711 - a whole document, too


def test_little_of_a_large_picture_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = f"-f lavfi -i color=gray:size=1280x720:rate=25:duration=0.2,noise=alls=90:allf=t {X264} -qp 5"
    path = make(tmp_path / "noise.mp4", noise)
    sizes = []
    real = av.Packet
    monkeypatch.setattr(first_picture.av, "Packet", lambda data: sizes.append(len(data)) or real(data))
    with av.open(str(path)) as media:
        whole = next(media.demux(video=0)).size
    found = quickly(path)
    assert found is not None
    assert found["streams"][0]["pix_fmt"] == "yuv420p"
    assert whole > 500_000
    assert sizes[0] < first_picture.ENOUGH + first_picture.MOST


@pytest.mark.parametrize("content", [bytes(100_000), bytes(number * 7 & 255 for number in range(100_000))])
def test_pictures_that_are_none_are_looked_at_thoroughly(content: bytes, tmp_path: Path) -> None:
    path = make(tmp_path / "film.mp4", f"{PICTURE} {X264}")
    film = bytearray(path.read_bytes())
    begin = film.index(b"mdat") + 4
    end = film.index(b"moov", begin) - 4
    film[begin:end] = content[: end - begin].ljust(end - begin, b"\0")
    path.write_bytes(film)
    assert quickly(path) is None
    assert thoroughly(path)["streams"][0]["codec_name"] is None


def test_what_does_not_say_all_in_its_headers_is_looked_at_thoroughly(tmp_path: Path) -> None:
    twice = make(tmp_path / "two.mp4", f"{PICTURE} {X264} -map 0 -map 0")
    song = make(tmp_path / "song.m4a", f"{SOUND} -c:a aac")
    stream = make(tmp_path / "film.ts", f"{PICTURE} {X264}")
    assert [quickly(path) for path in (twice, song, stream)] == [None, None, None]
    assert len(probe_worker.describe(str(twice))["streams"]) == 2


async def test_the_helper_has_no_network(tmp_path: Path) -> None:
    path = make(tmp_path / "film.mp4", f"{PICTURE} {X264}")
    found = {}
    for mode in ("off", "auto"):
        async with Prober(helpers=1, mode=mode) as prober:  # type: ignore[arg-type]  # both are modes
            await prober.probe(path)
            process = prober._helpers[0]._process
            assert process is not None
            found[mode] = os.readlink(f"/proc/{process.pid}/ns/net")  # noqa: PTH115
    here = os.readlink("/proc/self/ns/net")  # noqa: PTH115
    if not sandboxed():
        pytest.skip("this machine lets nobody make a network of their own")
    assert found["off"] == here
    assert found["auto"] != here


def sandboxed() -> bool:
    words = ["unshare", "--user", "--map-current-user", "--net", "--", "true"]
    try:
        return subprocess.run(words, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
