"""Chunks made and joined by a real FFmpeg, against the same outputs made by one process: nothing may tell them apart
but the pictures' last bits."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.chunking import Chunker
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.chunkrun import FOLDER
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits, run
from mediaglot.tests.media.test_mark_real import fresh, told

pytestmark = pytest.mark.ffmpeg
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
FAST = {"speed": "ultrafast", "rate": m.Quality(level=Fraction(23))}
KEYS = m.KeyFrames(every=Fraction(1, 2), closed=True, scene_cuts=False)
VARIANTS = (m.Variant(), m.Variant(video=m.Video(**FAST, size=m.Size(height=54))))
LIMITS = Limits(stall=20)


@pytest.fixture(scope="session")
def generate(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A small source: moving picture, tone with a click; the words are FFmpeg's own for its video and the container."""
    folder, made = tmp_path_factory.mktemp("sources"), dict[tuple[str, ...], Path]()

    def generate(*words: str, rate: str = "30000/1001", seconds: str = "4", late: str = "0") -> Path:
        key = (*words, rate, seconds, late)
        if key not in made:
            path = folder / f"source-{len(made)}"
            picture = f"testsrc2=size=160x90:rate={rate}:duration={seconds}"
            sound = f"aevalsrc=sin(440*2*PI*t)*(0.1+0.5*mod(t\\,1)):s=44100:d={seconds}"
            sources = ("-itsoffset", late, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
            command = (the_tool.path, "-v", "error", "-y", *sources, *X264, "-g", "12", "-c:a", "aac", *words, path)
            subprocess.run(command, check=True)
            made[key] = path
        return made[key]

    return generate


@dataclass
class Pair:
    """One job, made by one process and in chunks."""

    plan: Plan
    whole: Path
    chunked: Path

    def files(self, index: int = 0) -> tuple[Path, Path]:
        path = self.plan.products[index][0].path
        return self.whole / path, self.chunked / path


Both = Callable[..., Pair]


@pytest.fixture
def both(the_tool: tool.Tool, tmp_path: Path) -> Both:
    def both(source: Path, *outputs: m.Output, chunk: Fraction = Fraction(1)) -> Pair:
        folders = tmp_path / "whole", tmp_path / "chunked"
        for folder in folders:
            folder.mkdir()
            (folder / "source-0").symlink_to(source)
            Image.new("RGB", (20, 10), (255, 0, 0)).save(folder / "overlay-7-0", "PNG")
        found = asyncio.run(_both(source, outputs, chunk, folders, the_tool))
        return Pair(found, *folders)

    return both


def prepared(source: Path, outputs: tuple[m.Output, ...], facts: m.MediaFacts, chunk: Fraction, has: tool.Tool) -> Any:
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
    machine = Machine(cores=2, chunk=chunk)
    return partial(plan, job, [facts], encoders=has.encoders, muxers=has.muxers, machine=machine)


async def _both(
    source: Path, outputs: tuple[m.Output, ...], chunk: Fraction, folders: tuple[Path, Path], has: tool.Tool
) -> Plan:
    async with Prober(has) as prober:
        draw = prepared(source, outputs, await prober.probe(source), chunk, has)
    chunker = Chunker(folders[1], has.path, LIMITS, 2)
    drawn: Plan = draw()
    assert drawn.scan is not None
    drawn = draw(pictures=await chunker.index(drawn.scan))
    assert drawn.faults == {}
    for path in (folder / target.path for folder in folders for one in drawn.runs for target in one.targets):
        path.parent.mkdir(parents=True, exist_ok=True)
    for one in drawn.runs:
        await run(argv(one, has.path, threads=2), cwd=folders[0], on_progress=lambda _: None, limits=LIMITS)
    if drawn.chunks is not None:
        shares: list[float] = []
        assert await chunker.make(drawn.chunks, lambda share, left=None: shares.append(share))
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)
        assert not (folders[1] / FOLDER).exists()
    return drawn


@dataclass
class Packets:
    times: list[Fraction]
    keys: list[Fraction]
    data: list[bytes]


def packets(path: Path, kind: str) -> Packets:
    """In the order of showing."""
    with av.open(str(path)) as file:
        stream = next(one for one in file.streams if one.type == kind)
        found = [one for one in file.demux(stream) if one.pts is not None]
        found.sort(key=lambda one: one.pts or 0)
        times = [(one.pts or 0) * Fraction(one.time_base) for one in found]
        keys = [time for time, one in zip(times, found, strict=True) if one.is_keyframe]
        return Packets(times, keys, [bytes(one) for one in found])


def pictures(path: Path) -> list[Any]:
    with av.open(str(path)) as file:
        return [frame.to_image().convert("L") for frame in file.decode(video=0)]


def apart(one: Any, other: Any) -> float:
    return float(ImageStat.Stat(ImageChops.difference(one, other)).mean[0])


def same(pair: Pair, index: int = 0, *, keys: bool = True, sound: bool = True) -> None:
    """As many pictures at the same times with the same contents, and the same sound to the byte."""
    alike(*pair.files(index), keys=keys, sound=sound)


def alike(whole: Path, chunked: Path, *, keys: bool = True, sound: bool = True) -> None:
    one, other = packets(whole, "video"), packets(chunked, "video")
    assert other.times == one.times
    if keys:
        assert other.keys == one.keys
    if sound:
        assert packets(chunked, "audio") == packets(whole, "audio")
    far = [apart(a, b) for a, b in zip(pictures(whole), pictures(chunked), strict=True)]
    assert max(far) < 4, [round(value, 1) for value in far]
    with av.open(str(whole)) as first, av.open(str(chunked)) as second:
        assert abs((first.duration or 0) - (second.duration or 0)) < 2000


def output(container: str = "mp4", **video: Any) -> m.Output:
    return m.Output(container=container, video=m.Video(**{**FAST, **video}), audio=m.Audio(codec="aac"))


# --- sources ------------------------------------------------------------------------------------

SOURCES = {
    "b-frames, 29.97": (("-bf", "2", "-f", "mp4"), {}),
    "open groups": (("-bf", "3", "-x264-params", "open-gop=1:scenecut=0", "-f", "mp4"), {}),
    "matroska": (("-bf", "2", "-f", "matroska"), {}),
    "picture starts late": (("-bf", "2", "-f", "mp4"), {"late": "0.3"}),
    "file starts late": (("-bf", "2", "-output_ts_offset", "5", "-f", "matroska"), {"rate": "25"}),
    "23.976": (("-f", "matroska"), {"rate": "24000/1001"}),
}


@pytest.mark.parametrize("name", SOURCES)
def test_chunks_of_any_source_are_as_one(name: str, both: Both, generate: Callable[..., Path]) -> None:
    words, more = SOURCES[name]
    pair = both(generate(*words, **more), output(key_frames=KEYS))
    assert pair.plan.chunks is not None
    assert len(pair.plan.chunks.pieces) >= 3
    same(pair)


# --- outputs ------------------------------------------------------------------------------------


def test_a_ladder_of_unlike_key_frames_and_rates(both: Both, generate: Callable[..., Path]) -> None:
    """Every rung is cut at one moment, decoded once a chunk; alike sounds are encoded once."""
    small = m.Size(height=54)
    source = generate("-bf", "2", "-f", "mp4", rate="30", seconds="5")
    logo = m.ImageOverlay(location=m.Location(url="https://example.test/logo.png"), x=10, y=10)
    pair = both(
        source,
        output(key_frames=KEYS),
        output(size=small, frame_rate=m.FrameRate(value=Fraction(15)), key_frames=KEYS),
        output("m4v", size=small, key_frames=m.KeyFrames(frames=15, scene_cuts=False)),
        output(size=small, frame_rate=m.FrameRate(value=Fraction(25)), key_frames=m.KeyFrames(every=Fraction(1))),
        output("mkv", codec="h264", key_frames=m.KeyFrames(at=(Fraction(3, 2),), frames=15, scene_cuts=False)),
        output("mov", frame_rate=m.FrameRate(value=Fraction(60)), key_frames=KEYS),
        m.Output(container="mp3"),
        replace(output(key_frames=KEYS), overlays=(logo,)),
        replace(output(key_frames=KEYS), audio=m.SKIP, stills=(m.Stills(every=Fraction(1)), m.Stills(at=Fraction(2)))),
    )
    assert pair.plan.chunks is not None
    assert len(pair.plan.chunks.pieces) == 5
    assert pair.plan.chunks.beside is not None
    assert len(pair.plan.chunks.beside.targets) == 5
    for index in (0, 1, 2, 3, 4, 5, 7, 8):
        same(pair, index, sound=index != 8)
    for name in (
        "out-6/media.mp3",
        *(f"out-8/still-0-{number:05d}.jpg" for number in range(1, 6)),
        "out-8/still-1.jpg",
    ):
        assert (pair.chunked / name).read_bytes() == (pair.whole / name).read_bytes()


def test_containers(both: Both, generate: Callable[..., Path]) -> None:
    """The picture begins 0.3 s after the sound, and stays there."""
    pairs = (("mpegts", "aac"), ("flv", "mp3"), ("mp4", "ac3"), ("mkv", "mp3"), ("mov", "eac3"), ("mkv", "aac"))
    outputs = [replace(output(container), audio=m.Audio(codec=sound)) for container, sound in pairs]
    pair = both(generate("-bf", "2", "-f", "mp4", rate="25", seconds="3", late="0.3"), *outputs)
    assert pair.plan.chunks is not None
    for index in range(len(outputs)):
        same(pair, index, keys=False)


@pytest.mark.parametrize("codec", ["hevc", "vp9", "av1"])
def test_codecs(codec: str, both: Both, generate: Callable[..., Path]) -> None:
    sound = "aac" if codec == "hevc" else "opus"
    asked = m.Output(
        container="mp4" if codec == "hevc" else "webm",
        video=m.Video(codec=codec, speed="ultrafast", rate=m.Quality(level=Fraction(20))),
        audio=m.Audio(codec=sound),
    )
    pair = both(generate("-f", "mp4", seconds="3"), asked)
    assert pair.plan.chunks is not None
    same(pair, keys=False)


@pytest.mark.parametrize("fragmented", [False, True])
def test_packages_are_cut_alike(fragmented: bool, both: Both, generate: Callable[..., Path]) -> None:
    package = m.Package(kind=m.PackageKind.HLS, segment=Fraction(1), fragmented=fragmented, variants=VARIANTS)
    asked = m.Output(package=package, video=m.Video(**FAST), audio=m.Audio(codec="aac"))
    pair = both(generate("-bf", "2", "-f", "mp4", seconds="4"), asked)
    assert pair.plan.chunks is not None
    for number in range(2):
        whole, chunked = (folder / f"out-0/v{number}/list.m3u8" for folder in (pair.whole, pair.chunked))
        lists = [text.read_text().splitlines() for text in (whole, chunked)]
        assert [one for one in lists[1] if "#EXTINF" in one] == [one for one in lists[0] if "#EXTINF" in one]
        alike(whole, chunked)


def test_a_package_of_one_track_each(both: Both, generate: Callable[..., Path]) -> None:
    """Its sound is made beside the chunks, on the same clock."""
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1), variants=VARIANTS)
    asked = m.Output(package=package, video=m.Video(**FAST), audio=m.Audio(codec="aac"))
    pair = both(generate("-bf", "2", "-f", "mp4", seconds="4"), asked)
    assert pair.plan.chunks is not None
    lists = sorted(path.relative_to(pair.whole) for path in pair.whole.rglob("list.m3u8"))
    assert len(lists) == 3
    for name in lists:
        one, other = pair.whole / name, pair.chunked / name
        assert other.read_text() == one.read_text()
        kind = "audio" if name == lists[0] else "video"
        assert packets(other, kind).times == packets(one, kind).times


# --- what is left to one process ----------------------------------------------------------------


UNEVEN = ("-vf", "select=not(eq(mod(n\\,7)\\,3))", "-fps_mode", "vfr")


@pytest.mark.parametrize("words", [UNEVEN, ("-g", "1000", "-sc_threshold", "0")], ids=["uneven", "few key frames"])
def test_pictures_that_do_not_allow_it(words: tuple[str, ...], both: Both, generate: Callable[..., Path]) -> None:
    assert both(generate(*words, "-f", "mp4", seconds="3"), output()).plan.chunks is None


def test_a_gap_that_would_be_filled(both: Both, generate: Callable[..., Path]) -> None:
    """FFmpeg repeats the first picture in containers for an even rate; nothing is taken to know how often."""
    late = generate("-bf", "2", "-f", "mp4", rate="25", seconds="3", late="0.3")
    assert both(late, output(), output("m4v")).plan.chunks is None


def test_the_key_frames_of_chunks_are_those_that_a_player_can_begin_with(both: Both, generate: Any) -> None:
    """Not each picture that is a scene of its own."""
    noise = generate("-vf", "drawbox=t=fill:color=gray,noise=alls=60:allf=t", "-f", "mp4")
    often = m.Video(**FAST | {"speed": "superfast"}, profile="baseline", key_frames=m.KeyFrames(frames=50))
    pair = both(noise, m.Output(container="mp4", video=often, audio=m.SKIP))
    _, chunked = pair.files()
    assert pair.plan.chunks is not None
    assert told(chunked) == fresh(chunked)
