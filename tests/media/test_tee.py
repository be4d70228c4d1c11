"""Outputs that have one sound: when it is encoded once, the exact command, and that nothing else differs."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

ENCODER_NAMES = frozenset(name for names in ENCODERS.values() for name in names)
MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "tee"})
PICTURE = m.VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25), bitrate=90_000, rotation=0)
SOUND = m.AudioFacts(codec="aac", sample_rate=44_100, channels=1, bitrate=69_000)
CLIP = m.MediaFacts(
    container="mov", size=40_000, duration=Fraction(2), video=(PICTURE,), audio=(SOUND,), chapters=0
)  # fmt: skip
SMALL = m.Video(size=m.Size(height=90), rate=m.Quality(level=Fraction(30)))
LARGE = m.Output(container="mp4", video=m.Video(rate=m.Quality(level=Fraction(30))), audio=m.Audio(bitrate=64_000))
LOW = replace(LARGE, video=SMALL)


def drawn(*outputs: m.Output, facts: m.MediaFacts = CLIP, muxers: frozenset[str] = MUXERS) -> Plan:
    asked = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
    return plan(asked, [facts], encoders=ENCODER_NAMES, muxers=muxers)


def muxed(*outputs: m.Output, **more: Any) -> list[str]:
    (run,) = drawn(*outputs, **more).runs
    return [target.muxer for target in run.targets]


def test_the_sound_of_a_ladder_is_encoded_once() -> None:
    (run,) = drawn(LARGE, LOW).runs
    words = argv(run, "ffmpeg", threads=2)
    wanted = (
        "-filter_complex_threads 1 -filter_complex [0:V:0]scale=160:90,setsar=1[v1]"
        " -map 0:V:0 -map [v1] -map 0:a:0 -threads 2"
        " -c:v:0 libx264 -preset:v:0 veryfast -crf:v:0 30 -pix_fmt:v:0 yuv420p"
        " -c:v:1 libx264 -preset:v:1 veryfast -crf:v:1 30 -pix_fmt:v:1 yuv420p"
        " -c:a aac -b:a 64000 -flags +global_header -fps_mode:v vfr -map_metadata -1 -map_chapters 0 -f tee"
        r" [f=mp4:movflags=+faststart:select=\'v:0,a\']out-0/media.mp4"
        r"|[f=mp4:movflags=+faststart:select=\'v:1,a\']out-1/media.mp4"
    )
    assert " ".join(words[words.index("-filter_complex_threads") :]) == wanted


APART = {
    "another bitrate": replace(LOW, audio=m.Audio(bitrate=96_000)),
    "another volume": replace(LOW, audio=m.Audio(bitrate=64_000, volume=Fraction(2))),
    "another container": replace(LOW, container="mov"),
    "another codec": replace(LOW, video=m.Video(codec="hevc")),
    "a title of its own": replace(LOW, metadata={"title": "T"}),
    "a mark of its own": replace(LOW, brand="isom"),
    "no sound": replace(LOW, audio=m.SKIP),
    "a copied sound": replace(LOW, audio=m.Audio(codec="copy")),
    "a clip": replace(LOW, clip=m.Clip(start=Fraction(1))),
}


@pytest.mark.parametrize("other", APART.values(), ids=APART)
def test_an_output_that_is_otherwise_has_its_own(other: m.Output) -> None:
    assert "tee" not in muxed(LARGE, other)
    assert muxed(LARGE, other, LOW).count("tee") == 1, "beside those that share"


def test_chapters_are_not_lost() -> None:
    for chapters in (3, None):
        assert muxed(LARGE, LOW, facts=replace(CLIP, chapters=chapters)) == ["mp4", "mp4"]
    unwanted = [replace(one, keep_chapters=False) for one in (LARGE, LOW)]
    assert muxed(*unwanted, facts=replace(CLIP, chapters=3)) == ["tee"]


def test_an_ffmpeg_without_it_does_without() -> None:
    assert muxed(LARGE, LOW, muxers=MUXERS - {"tee"}) == ["mp4", "mp4"]


# --- by a real FFmpeg -------------------------------------------------------------------------------


def packets(path: Path) -> dict[str, list[Any]]:
    with av.open(str(path)) as file:
        found: dict[str, list[Any]] = {stream.type: [] for stream in file.streams}
        for packet in file.demux():
            found[packet.stream.type].append((packet.pts, packet.dts, packet.duration, bytes(packet)))
        return found


def made(folder: Path, media: Path, program: str, asked: Plan) -> list[Path]:
    folder.mkdir()
    shutil.copy(media / "clip", folder / "source-0")
    for index in asked.products:
        (folder / f"out-{index}").mkdir()
    (run,) = asked.runs
    done = subprocess.run(argv(run, program, threads=1), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [folder / found[0].path for found in asked.products.values()]


@pytest.mark.ffmpeg
@pytest.mark.parametrize("clip", [None, m.Clip(start=Fraction(17, 25), end=Fraction(32, 25))], ids=["whole", "clip"])
def test_the_files_are_those_that_each_output_alone_would_be(
    tmp_path: Path, media: Path, program: str, clip: m.Clip | None
) -> None:
    outputs = [replace(one, clip=clip) for one in (LARGE, LOW)]
    shared = made(tmp_path / "shared", media, program, drawn(*outputs))
    alone = made(tmp_path / "alone", media, program, drawn(*outputs, muxers=MUXERS - {"tee"}))
    for one, other in zip(shared, alone, strict=True):
        assert packets(one) == packets(other)
        assert one.read_bytes().index(b"moov") < one.read_bytes().index(b"mdat"), "begins to play at once"
