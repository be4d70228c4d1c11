"""DASH, CMAF and shared sounds made with a real FFmpeg, read back with an XML reader, an HLS parser and PyAV."""

from __future__ import annotations

import shutil
import subprocess
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import av
import m3u8
import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.gather import gather
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.parts import Run
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober

pytestmark = pytest.mark.ffmpeg
MPD = {"d": "urn:mpeg:dash:schema:mpd:2011"}
FRAME = 1001 / 30000
SMALL, TINY = m.Size(height=90), m.Size(height=54)
TWO = (
    m.Variant(folder="high", name="High", video=m.Video(size=SMALL, rate=m.Average(bitrate=200_000))),
    m.Variant(folder="low", video=m.Video(size=TINY, rate=m.Average(bitrate=60_000), b_frames=0)),
)
Pack = Callable[..., Awaitable[tuple[Path, tuple[Product, ...]]]]


@pytest.fixture(scope="session")
def two_tones(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three and a half seconds: an English sound of 440 Hz, a German one of 880, and a picture that changes wholly."""
    path = tmp_path_factory.mktemp("tones") / "clip.mp4"
    picture = "testsrc2=size=320x180:rate=30000/1001:duration=3.5,negate=enable='lt(mod(t,0.7),0.3)'"
    tones = [f"-f lavfi -i sine={pitch}:sample_rate=44100:duration=3.5" for pitch in (440, 880)]
    maps = "-map 0 -map 1 -map 2 -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger".split()
    coding = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -ac 2 -f mp4".split()
    ffmpeg(the_tool.path, "-f", "lavfi", "-i", picture, *" ".join(tones).split(), *maps, *coding, str(path))
    return path


def ffmpeg(path: str, *words: str) -> None:
    subprocess.run([path, "-v", "error", "-y", *words], check=True)


def encode(run: Run, work: Path, path: str) -> None:
    for target in run.targets:
        (work / target.path).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(argv(run, path, threads=2), cwd=work, check=True, capture_output=True)


@pytest.fixture
async def pack(the_tool: tool.Tool, two_tones: Path, tmp_path: Path) -> AsyncIterator[Pack]:
    """Makes one output of the clip; its files as a client finds them, and what is said about each."""
    async with Prober(the_tool) as prober:

        async def made(output: m.Output, source: Path = two_tones) -> tuple[Path, tuple[Product, ...]]:
            work, found = tmp_path / "work", tmp_path / "found"
            work.mkdir()
            shutil.copyfile(source, work / "source-0")
            job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=(output,))
            facts = await prober.probe(work / "source-0")
            drawn = plan(job, [facts], encoders=the_tool.encoders, muxers=the_tool.muxers)
            assert drawn.faults == {}
            for run in drawn.runs:
                encode(run, work, the_tool.path)
            products = await gather(work, drawn.products[0], prober.probe)
            for product in products:
                (found / product.file.path).parent.mkdir(parents=True, exist_ok=True)
                product.path.replace(found / product.file.path)
            return found, products

        yield made


@dataclass
class Track:
    """A representation as a player finds it: its attributes, its segments, and when they are shown."""

    said: dict[str, str]
    set: dict[str, str]
    init: Path
    segments: list[Path]
    times: list[Fraction]
    ends: list[Fraction]


def representations(path: Path) -> list[Track]:
    """What a DASH player makes of a manifest."""
    root = ET.fromstring(path.read_text())
    assert root.get("type") == "static"
    found = []
    for group in root.iterfind("d:Period/d:AdaptationSet", MPD):
        for one in group.iterfind("d:Representation", MPD):
            (template,) = one.iterfind("d:SegmentTemplate", MPD)
            scale, offset = int(template.attrib["timescale"]), int(template.attrib["presentationTimeOffset"])
            moment = 0
            spans: list[tuple[int, int]] = []
            for entry in template.iterfind("d:SegmentTimeline/d:S", MPD):
                moment = int(entry.get("t", moment))
                length, count = int(entry.attrib["d"]), int(entry.get("r", "0")) + 1
                spans += [(moment + n * length, moment + (n + 1) * length) for n in range(count)]
                moment += count * length
            names = [template.attrib["media"].replace("$Number%05d$", f"{number:05}") for number in range(len(spans))]
            times = [Fraction(start - offset, scale) for start, _ in spans]
            ends = [Fraction(end - offset, scale) for _, end in spans]
            init = path.parent / template.attrib["initialization"]
            found.append(
                Track(dict(one.attrib), dict(group.attrib), init, [path.parent / name for name in names], times, ends)
            )
    return found


def frames(init: Path, segments: list[Path]) -> list[Any]:
    """The decoded frames of some segments behind their beginning."""
    whole = init.with_name("whole.mp4")
    whole.write_bytes(b"".join(path.read_bytes() for path in (init, *segments)))
    with av.open(str(whole)) as box:
        found = list(box.decode(box.streams[0]))
    whole.unlink()
    return found


def pitch(sound: list[Any]) -> int:
    """Roughly, from how often a tone crosses zero."""
    values = array("f", b"".join(bytes(frame.planes[0])[: 4 * frame.samples] for frame in sound[10:60]))
    crossings = sum(one < 0 <= other for one, other in pairwise(values))
    return round(crossings * sound[0].sample_rate / len(values))


LANGUAGES = (
    m.Rendition(name="English & more", audio=m.Audio(source_language="en", language="en")),
    m.Rendition(audio=m.Audio(track=2, language="de", bitrate=64_000), default=True),
)


async def test_one_set_of_segments_serves_hls_and_dash(pack: Pack) -> None:
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1), variants=TWO, audio=LANGUAGES)
    folder, products = await pack(m.Output(package=package))
    assert [one.file.path for one in products if one.file.role == "playlist"] == [
        *("master.m3u8", "high/index.m3u8", "low/index.m3u8"),
        *("audio-1/index.m3u8", "audio-2/index.m3u8", "manifest.mpd"),
    ]
    assert {one.file.path for one in products} == {
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()
    }
    tracks = representations(folder / "manifest.mpd")
    high, low, german, english = tracks
    by_hls: set[Path] = set()
    master = m3u8.load(str(folder / "master.m3u8"))
    for uri in [*(one.uri for one in master.playlists), *(one.uri for one in master.media)]:
        media = m3u8.load(str(folder / uri))
        assert media.segments[0].init_section is not None
        by_hls |= {(folder / uri).with_name(segment.uri) for segment in media.segments}
        by_hls.add((folder / uri).with_name(media.segments[0].init_section.uri))
    assert by_hls == {path for track in tracks for path in (track.init, *track.segments)}

    assert high.times == low.times
    assert high.times[0] == 0
    for track in (high, low):
        seen = [frames(track.init, [path]) for path in track.segments]
        assert sum(map(len, seen)) == 105
        for pictures, start in zip(seen, track.times, strict=True):
            assert pictures[0].key_frame
            assert pictures[0].time == pytest.approx(float(start) + 1, abs=1e-4)
    for track in (german, english):
        sound = frames(track.init, track.segments)
        assert -0.05 < track.times[0] <= 0
        assert sound[0].time == pytest.approx(float(track.times[0]) + 1, abs=1e-4)
        assert abs(track.ends[-1] - high.ends[-1]) < FRAME
        assert abs(sum(frame.samples for frame in sound) / 44100 + track.times[0] - 3.5) < FRAME
    assert [pitch(frames(one.init, one.segments)) for one in (german, english)] == [
        pytest.approx(880, rel=0.03), pytest.approx(440, rel=0.03),
    ]  # fmt: skip


async def test_the_manifest_and_the_master_tell_the_truth(pack: Pack) -> None:
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1), variants=TWO, audio=LANGUAGES)
    folder, products = await pack(m.Output(package=package))
    tracks = representations(folder / "manifest.mpd")
    high, low, german, english = tracks
    assert [(one.said["width"], one.said["height"], one.said["frameRate"]) for one in (high, low)] == [
        ("160", "90", "30000/1001"), ("96", "54", "30000/1001"),
    ]  # fmt: skip
    assert high.set["segmentAlignment"] == "true"
    assert {one.set["startWithSAP"] for one in tracks} == {"1"}
    assert [one.set["mimeType"] for one in tracks] == ["video/mp4"] * 2 + ["audio/mp4"] * 2
    assert [(one.set["lang"], one.said["codecs"], one.said["audioSamplingRate"]) for one in (german, english)] == [
        ("de", "mp4a.40.2", "44100"), ("en", "mp4a.40.2", "44100"),
    ]  # fmt: skip
    root = ET.fromstring((folder / "manifest.mpd").read_text())
    wait = Fraction(root.attrib["minBufferTime"][2:-1])
    for one in tracks:
        loaded = 0
        for path, start in zip(one.segments, one.times, strict=True):
            loaded += 8 * path.stat().st_size
            needed = int(one.said["bandwidth"]) * (start - one.times[0] + wait)
            assert loaded <= needed + 8 * path.stat().st_size * (start == one.times[-1])
    assert float(root.attrib["mediaPresentationDuration"][2:-1]) == pytest.approx(3.5, abs=0.04)
    master = m3u8.load(str(folder / "master.m3u8"))
    assert master.is_independent_segments
    assert [
        (one.type, one.group_id, one.name, one.language, one.default, one.autoselect, one.channels)
        for one in master.media
    ] == [
        ("AUDIO", "audio", "English & more", "en", "NO", "YES", "2"),
        ("AUDIO", "audio", "de", "de", "YES", "YES", "2"),
    ]
    for one, track in zip(master.playlists, (high, low), strict=True):
        info = one.stream_info
        sound = max(int(track.said["bandwidth"]) for track in (german, english))
        assert info.bandwidth == int(track.said["bandwidth"]) + sound
        assert info.average_bandwidth < info.bandwidth
        assert info.audio == "audio"
        assert info.codecs == f"{track.said['codecs']},mp4a.40.2"
        assert info.frame_rate == 29.97
    facts = {one.file.path: one.file.facts for one in products if one.file.facts is not None}
    assert [facts[name].container for name in ("master.m3u8", "manifest.mpd")] == ["hls", "dash"]
    assert facts["audio-2/index.m3u8"].audio[0].language == "deu"


async def test_a_player_that_reads_playlists_by_itself(pack: Pack) -> None:
    """FFmpeg's own reader, as a whole presentation: all pictures, and the sound at their side."""
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1))
    folder, _ = await pack(m.Output(package=package, video=m.Video(size=TINY)))
    with av.open(str(folder / "master.m3u8")) as box:
        pictures = [float(frame.time) for frame in box.decode(video=0)]
    with av.open(str(folder / "master.m3u8")) as box:
        sounds = [float(frame.time) for frame in box.decode(audio=0)]
    assert len(pictures) == 105
    assert abs(sounds[0] - pictures[0]) < FRAME
    assert abs(sounds[-1] - pictures[-1]) < 2 * FRAME


async def test_dash_alone_has_no_playlists(pack: Pack) -> None:
    package = m.Package(kind=m.PackageKind.DASH, segment=Fraction(2), manifest="show.mpd", segment_name="part-%d.m4s")
    folder, products = await pack(m.Output(package=package, video=m.Video(size=TINY), audio=m.Audio(channels=1)))
    assert [one.file.path for one in products] == [
        *("show.mpd", "init.mp4", "part-0.m4s", "part-1.m4s"),
        *("audio/init.mp4", "audio/part-0.m4s", "audio/part-1.m4s"),
    ]
    text = (folder / "show.mpd").read_text()
    assert 'media="audio/part-$Number$.m4s"' in text
    assert 'value="1"/>' in text
    assert [float(one.times[1]) for one in representations(folder / "show.mpd")] == pytest.approx([2.002, 2], abs=0.03)


async def test_a_variant_of_sound_alone_is_the_sound_of_the_others(pack: Pack) -> None:
    variants = (*TWO, m.Variant(folder="sound", video=m.SKIP), m.Variant(folder="mute", audio=m.SKIP,
                                                                        video=m.Video(size=TINY)))  # fmt: skip
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1), variants=variants)
    folder, products = await pack(m.Output(package=package, audio=m.Audio(codec="opus")))
    assert {Path(one.file.path).parent.name for one in products} == {"", "high", "low", "sound", "mute"}
    master = m3u8.load(str(folder / "master.m3u8"))
    assert [one.uri for one in master.media] == ["sound/index.m3u8"]
    info = {one.uri.partition("/")[0]: one.stream_info for one in master.playlists}
    assert [info[name].audio for name in ("high", "low", "sound", "mute")] == ["audio", "audio", None, None]
    assert (info["sound"].codecs, info["sound"].resolution) == ("opus", None)
    assert info["high"].codecs.endswith(",opus")
    assert "," not in info["mute"].codecs
    assert len([one for one in representations(folder / "manifest.mpd") if one.set["contentType"] == "audio"]) == 1


@pytest.mark.parametrize("fragmented", [False, True], ids=["mpegts", "fmp4"])
async def test_hls_with_sounds_of_its_own(pack: Pack, fragmented: bool) -> None:
    package = m.Package(
        kind=m.PackageKind.HLS, fragmented=fragmented, segment=Fraction(1), variants=TWO, audio=LANGUAGES
    )
    folder, _ = await pack(m.Output(package=package))
    master = m3u8.load(str(folder / "master.m3u8"))
    assert [(one.uri, one.language) for one in master.media] == [
        ("audio-1/index.m3u8", "en"),
        ("audio-2/index.m3u8", "de"),
    ]
    starts = []
    for uri in ("high/index.m3u8", "audio-2/index.m3u8"):
        with av.open(str(folder / uri)) as box:
            assert len(box.streams) == 1
            found = list(box.decode(box.streams[0]))
        starts.append(float(found[0].time))
        if uri.startswith("audio"):
            assert pitch(found) == pytest.approx(880, rel=0.03)
        else:
            assert len(found) == 105
    assert abs(starts[0] - starts[1]) < FRAME


@pytest.mark.parametrize(
    ("video", "audio", "words"),
    [
        ("av1", "opus", ("av01.0.00M.08", "opus")),
        ("vp9", "flac", ("vp09.00.10.08", "flac")),
        ("hevc", "eac3", ("hvc1.1.6.L30.90", "ec-3")),
    ],
)
async def test_other_codecs(pack: Pack, video: str, audio: str, words: tuple[str, str]) -> None:
    wanted = m.Video(codec=video, size=m.Size(width=160, height=90), speed="ultrafast")
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1))
    folder, _ = await pack(m.Output(package=package, video=wanted, audio=m.Audio(codec=audio)))
    pictures, sound = representations(folder / "manifest.mpd")
    assert (pictures.said["codecs"], sound.said["codecs"]) == words
    seen = [frames(pictures.init, [path]) for path in pictures.segments]
    assert all(segment[0].key_frame for segment in seen)
    assert sum(map(len, seen)) == 105
    assert pictures.times == [Fraction(1001, 1000) * number for number in range(4)]
    assert frames(sound.init, sound.segments)[0].time == pytest.approx(1, abs=0.03)


async def test_copied_tracks(pack: Pack) -> None:
    package = m.Package(kind=m.PackageKind.CMAF, segment=Fraction(1))
    folder, _ = await pack(m.Output(package=package, video=m.Video(codec="copy"), audio=m.Audio(codec="copy", track=2)))
    pictures, sound = representations(folder / "manifest.mpd")
    assert pictures.times[0] == 0
    assert abs(sound.times[0]) < FRAME
    assert pitch(frames(sound.init, sound.segments)) == pytest.approx(880, rel=0.03)


async def test_a_copied_part_begins_at_a_key_frame(pack: Pack) -> None:
    """The source has one picture in 250 to begin at, and so does the copy; sound and picture stay together."""
    package = m.Package(kind=m.PackageKind.HLS, fragmented=True, segment=Fraction(1))
    copied = m.Output(
        package=package, video=m.Video(codec="copy"), audio=m.Audio(codec="copy"), clip=m.Clip(start=Fraction(2))
    )
    folder, _ = await pack(copied)
    with av.open(str(folder / "index.m3u8")) as box:
        first = next(box.decode(video=0))
    with av.open(str(folder / "index.m3u8")) as box:
        sound = next(box.decode(audio=0))
    assert first.key_frame
    assert abs(sound.time - first.time) < 2 * FRAME


async def test_a_sound_that_begins_late_stays_late(
    pack: Pack, two_tones: Path, the_tool: tool.Tool, tmp_path: Path
) -> None:
    late, clip = tmp_path / "late.mkv", str(two_tones)
    maps = "-map 0:v -map 1:a:0 -c copy".split()
    ffmpeg(the_tool.path, "-i", clip, "-itsoffset", "0.5", "-i", clip, *maps, str(late))
    folder, _ = await pack(m.Output(package=m.Package(kind=m.PackageKind.CMAF), video=m.Video(size=TINY)), late)
    pictures, sound = representations(folder / "manifest.mpd")
    assert pictures.times[0] == 0
    assert float(sound.times[0]) == pytest.approx(0.5, abs=FRAME)
