"""Odd sources, made by FFmpeg, probed by us, made into something real: what is said of both must be true."""

from __future__ import annotations

import shutil
import subprocess
from array import array
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.gather import gather
from mediaglot.gateway.faults import WorkFault
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.run import Limits
from mediaglot.gateway.media.run import run as run_one
from mediaglot.gateway.media.tone import NEEDED

pytestmark = pytest.mark.ffmpeg
FLASHED = 0.96
"""Seconds until the flash and the beep of some sources."""
FRAME = 0.04
"""Seconds; all pictures here come 25 times in a second, but for those of ``varying``."""

LAVFI = ("-f", "lavfi", "-i")
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")
HDR10 = "mastering-display=G(8500,39850)B(6550,2300)R(35400,14600)WP(15635,16450)L(10000000,1):max-cll=1000,400"
FLASH = "color=black:size=320x180:rate=25:duration=2,drawbox=c=white:t=fill:enable='between(t,0.95,1.19)'"
BEEP = "sine=1000:sample_rate=48000:duration=2,volume='between(t,0.96,1.2)':eval=frame:precision=float"
ARROW = "color=blue:size=320x180:rate=25:duration=1,drawbox=x=0:y=0:w=80:h=60:c=red:t=fill"
"""A red corner at the upper left."""


def hdr(transfer: str) -> tuple[str, ...]:
    """Dark to bright from left to right, from 10 to 1000 nits in PQ."""
    colors = ("-color_primaries", "bt2020", "-color_trc", transfer, "-colorspace", "bt2020nc", "-color_range", "tv")
    told = f"log-level=none:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited:hdr10=1:{HDR10}"
    picture = (
        "color=black:size=320x180:rate=25:duration=1,format=yuv420p10le,geq=lum='64+640*floor(X/40)/7':cb=512:cr=512"
    )
    return (*LAVFI, picture, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", told, *colors, "-tag:v", "hvc1")


DURATION = b"\x23\xe3\x83\x84"
"""How long a picture of a Matroska track is, four bytes: what browsers record does not say."""

MADE: dict[str, tuple[str, ...]] = {
    "flash.mp4": (*LAVFI, FLASH, *LAVFI, BEEP, *X264, "-c:a", "aac"),
    "pq.mp4": hdr("smpte2084"),
    "hlg.mp4": hdr("arib-std-b67"),
    "odd.mkv": (*LAVFI, "testsrc2=size=642x362:rate=25:duration=1,format=yuv444p,crop=321:181:0:0", "-c:v", "ffv1"),
    "arrow.mp4": (*LAVFI, ARROW, *X264),
    "varying.mp4": (
        *LAVFI,
        FLASH,
        *LAVFI,
        BEEP,
        "-vf",
        "select='not(mod(n\\,3))+gt(t\\,1.5)'",
        "-fps_mode",
        "vfr",
        *X264,
        "-c:a",
        "aac",
    ),
    "holed.mkv": (*LAVFI, BEEP, "-af", "aselect='not(between(t,0.2,0.8))'", "-c:a", "aac"),
    "silent.mp4": (*LAVFI, "testsrc2=size=320x180:rate=25:duration=1", *X264),
    "late.ts": (*LAVFI, FLASH, *LAVFI, BEEP, *X264, "-c:a", "aac", "-output_ts_offset", "10", "-muxdelay", "0"),
    "combed.mp4": (
        *LAVFI,
        "testsrc2=size=320x180:rate=50:duration=1",
        "-vf",
        "scale=320:180,tinterlace=interleave_top,setfield=tff",
        *X264,
        "-flags",
        "+ildct+ilme",
    ),
    "wide.mp4": (*LAVFI, "testsrc2=size=320x240:rate=25:duration=1", "-vf", "setsar=4/3", *X264),
    "mono.mp4": (
        *LAVFI,
        "testsrc2=size=320x180:rate=25:duration=1",
        *LAVFI,
        "sine=440:sample_rate=8000:duration=1",
        *X264,
        "-c:a",
        "aac",
        "-ac",
        "1",
    ),
    "surround.mkv": (
        *LAVFI,
        "sine=440:sample_rate=48000:duration=1,pan=5.1|FL=c0|FR=c0|FC=c0|LFE=c0|BL=c0|BR=c0",
        "-c:a",
        "ac3",
    ),
    "browser.webm": (
        *LAVFI,
        "testsrc2=size=176x144:rate=30:duration=1",
        "-vf",
        "settb=1/1000,setpts='PTS+floor(random(1)*20)'",
        *("-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-c:v", "libvpx", "-deadline", "realtime"),
    ),
    "short-sound.mp4": (*LAVFI, "testsrc2=size=160x90:rate=25:duration=5", *LAVFI, "sine=440:duration=1", *X264),
    "short-picture.mp4": (*LAVFI, "testsrc2=size=160x90:rate=25:duration=1", *LAVFI, "sine=440:duration=5", *X264),
    "one.mp4": (*LAVFI, "testsrc2=size=320x180:rate=25", "-frames:v", "1", *X264),
    "cover.png": (*LAVFI, "color=red:size=200x200", "-frames:v", "1"),
    "languages.mkv": (
        *LAVFI,
        "testsrc2=size=320x180:rate=25:duration=1",
        *LAVFI,
        "sine=300:duration=1",
        *LAVFI,
        "sine=3000:duration=1",
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        *X264,
        "-c:a",
        "aac",
        "-metadata:s:a:0",
        "language=deu",
        "-metadata:s:a:1",
        "language=fra",
    ),
}
LATE = ("-map", "0:v", "-map", "1:a", "-c", "copy")
KINDS = {
    f"flash.{end}": ("-i", "flash.mp4", "-g", "25", "-q:v", "3") for end in ("flv", "avi", "wmv", "mpg", "ogg", "webm")
}
"""The same in other containers, with a key frame each second."""
FROM: dict[str, tuple[str, ...]] = {
    "turned90.mp4": ("-display_rotation:v:0", "-90", "-i", "arrow.mp4", "-c", "copy"),
    "turned180.mp4": ("-display_rotation:v:0", "180", "-i", "arrow.mp4", "-c", "copy"),
    "turned270.mp4": ("-display_rotation:v:0", "90", "-i", "arrow.mp4", "-c", "copy"),
    "covered.mp4": (
        "-i",
        "cover.png",
        "-i",
        "flash.mp4",
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-disposition:v:0",
        "attached_pic",
    ),
    "song.mp3": (
        "-i",
        "flash.mp4",
        "-i",
        "cover.png",
        "-map",
        "0:a",
        "-map",
        "1",
        "-c:a",
        "libmp3lame",
        "-c:v",
        "png",
        "-disposition:v:0",
        "attached_pic",
    ),
    "begun10.mkv": ("-i", "flash.mp4", "-c", "copy", "-output_ts_offset", "10"),
    "begun10.wmv": ("-i", "flash.mp4", "-output_ts_offset", "10", "-q:v", "3"),
    "late-sound.mkv": ("-i", "short-sound.mp4", "-itsoffset", "3", "-i", "short-sound.mp4", *LATE),
    "whole.mkv": ("-i", "flash.mp4", "-c", "copy"),
    "live.webm": ("-i", "flash.mp4", "-g", "25", "-live", "1"),
    **KINDS,
    "front.mp4": ("-i", "flash.mp4", "-c", "copy", "-movflags", "+faststart"),
}


@pytest.fixture(scope="session")
def odd(program: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for name, words in (*MADE.items(), *FROM.items()):
        subprocess.run([program, "-v", "error", "-nostdin", "-y", *words, name], cwd=folder, check=True)
    rated = (folder / "browser.webm").read_bytes()
    begin = rated.index(DURATION)
    (folder / "browser.webm").write_bytes(rated[:begin] + b"\xec\x86" + bytes(6) + rated[begin + 8 :])
    return folder


@dataclass
class Done:
    """What became of one source: what was said of it, the plan, and what was said of each output."""

    source: m.MediaFacts
    plan: Plan
    paths: list[Path]
    facts: list[m.MediaFacts]


def perform(made: Plan, program: str, folder: Path) -> None:
    for run in made.runs:
        words = argv(run, program, threads=2)
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == 0, done.stderr


Convert = Callable[..., Awaitable[Done]]


@pytest.fixture
def convert(odd: Path, has: tuple[frozenset[str], frozenset[str]], program: str, tmp_path: Path) -> Convert:
    runs: list[tuple[str, ...]] = []

    async def convert(*names: str, outputs: tuple[m.Output, ...] = (m.Output(),), can: bool = True) -> Done:
        folder = tmp_path / f"{len(runs)}"
        runs.append(names)
        folder.mkdir()
        inputs = tuple(m.Input(location=m.Location(url="https://example.test/a")) for _ in names)
        async with Prober(helpers=1) as prober:
            sources = [await prober.probe(odd / name) for name in names]
            made = plan(
                m.Job(inputs=inputs, outputs=outputs),
                sources,
                encoders=has[0],
                muxers=has[1],
                filters=NEEDED if can else frozenset(),
            )
            for index, name in enumerate(names):
                shutil.copy(odd / name, folder / f"source-{index}")
            for index in made.products:
                (folder / f"out-{index}").mkdir()
            perform(made, program, folder)
            paths = [min(folder.glob(products[0].path)) for products in made.products.values()]
            facts = [await prober.probe(path) for path in paths]
        return Done(sources[0], made, paths, facts)

    return convert


def gray(program: str, path: Path, at: int = 0) -> Image.Image:
    """One picture as players show it, without a rotation that is left to them."""
    words = ("-v", "error", "-i", str(path), "-vf", f"select=eq(n\\,{at}),setsar=1", "-frames:v", "1")
    raw = subprocess.run(
        [program, *words, "-f", "image2pipe", "-c:v", "png", "-"], capture_output=True, check=True
    ).stdout
    target = path.with_suffix(f".{at}.png")
    target.write_bytes(raw)
    with Image.open(target) as image:
        return image.convert("RGB")


def loud_from(path: Path) -> float:
    """When the beep begins, in seconds from the file's start."""
    with av.open(str(path)) as file:
        begin = (file.start_time or 0) / 1_000_000
        plain = av.AudioResampler(format="s16", layout="mono")
        for frame in file.decode(audio=0):
            for part in plain.resample(frame):
                samples = array("h", bytes(part.planes[0])[: part.samples * 2])
                found = next((at for at, sample in enumerate(samples) if abs(sample) > 800), None)
                if found is not None:
                    return float(part.time) + found / part.sample_rate - begin
    raise AssertionError("no beep")


def bright_from(path: Path) -> float:
    """When the flash begins, in the same way."""
    with av.open(str(path)) as file:
        begin = (file.start_time or 0) / 1_000_000
        bright = (frame for frame in file.decode(video=0) if frame.to_image().convert("L").getpixel((9, 9)) > 128)
        return float(next(bright).time) - begin


def together(path: Path, moment: float = FLASHED) -> None:
    flash, beep = bright_from(path), loud_from(path)
    assert abs(flash - beep) < FRAME, (flash, beep)
    assert flash == pytest.approx(moment, abs=0.1)


def light(image: Image.Image, x: int) -> float:
    return float(image.convert("L").getpixel((x, image.height // 2)))


@pytest.mark.parametrize("container", ["mp3", "wav", "flac", "ac3", "mkv", "m4a"])
async def test_silence_fills_a_gap_in_the_sound(convert: Convert, container: str) -> None:
    done = await convert("holed.mkv", outputs=(m.Output(container=container),))
    assert done.facts[0].duration == pytest.approx(2, abs=0.1)
    assert loud_from(done.paths[0]) == pytest.approx(FLASHED, abs=0.1)


# --- high dynamic range -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "transfer"), [("pq.mp4", "smpte2084"), ("hlg.mp4", "arib-std-b67")])
async def test_a_high_range_becomes_a_standard_picture(
    convert: Convert, program: str, name: str, transfer: str, look: Any
) -> None:
    still = m.Output(stills=(m.Stills(at=Fraction(0), format=m.StillFormat.PNG),))
    done = await convert(name, outputs=(m.Output(container="mp4"), still))
    (track,) = done.source.video
    assert (track.transfer, track.primaries, track.matrix) == (transfer, "bt2020", "bt2020nc")
    (made,) = done.facts[0].video
    assert (made.codec, made.pixel_format) == ("h264", "yuv420p")
    assert (made.transfer, made.primaries, made.matrix) == ("bt709", "bt709", "bt709")
    told = {one.type.name for one in look(done.paths[0]).frames[0].side_data}
    assert told <= {"SEI_UNREGISTERED"}, "what was measured of the high range says nothing here"
    image = gray(program, done.paths[0])
    steps = [light(image, 20 + 40 * step) for step in range(8)]
    assert steps == sorted(steps)
    assert steps[0] < 12
    assert steps[7] > 180
    assert steps[4] - steps[1] > 20
    assert float(ImageStat.Stat(ImageChops.difference(gray(program, done.paths[1]), image)).mean[0]) < 4


async def test_ten_bits_keep_the_high_range_and_its_words(convert: Convert) -> None:
    video = m.Video(codec="hevc", profile="main10", size=m.Size(height=90), speed="ultrafast")
    done = await convert("pq.mp4", outputs=(m.Output(container="mp4", video=video),))
    (made,) = done.facts[0].video
    assert (made.transfer, made.primaries, made.matrix) == ("smpte2084", "bt2020", "bt2020nc")
    assert made.pixel_format == "yuv420p10le"


async def test_without_the_filters_the_colours_are_at_least_named(convert: Convert) -> None:
    done = await convert("pq.mp4", can=False)
    (made,) = done.facts[0].video
    assert (made.transfer, made.primaries, made.matrix) == ("smpte2084", "bt2020", "bt2020nc")


# --- shapes -------------------------------------------------------------------------------------


async def test_an_odd_size_loses_at_most_a_line(convert: Convert) -> None:
    done = await convert("odd.mkv", outputs=(m.Output(), m.Output(video=m.Video(size=m.Size(height=90)))))
    assert (done.source.video[0].width, done.source.video[0].height) == (321, 181)
    assert [(facts.video[0].width, facts.video[0].height) for facts in done.facts] == [(320, 180), (160, 90)]
    assert [facts.video[0].frames for facts in done.facts] == [25, 25]


CORNERS = {"90": (1, 0), "180": (1, 1), "270": (0, 1)}


@pytest.mark.parametrize("turn", CORNERS)
async def test_a_turned_picture_comes_out_upright(convert: Convert, program: str, turn: str) -> None:
    """The red corner goes to the right, down, and to the left again."""
    plain, ignored = m.Output(), m.Output(video=m.Video(rotate=0))
    copied = m.Output(container="mp4", video=m.Video(codec="copy"))
    poster = m.Output(stills=(m.Stills(at=Fraction(0)),))
    done = await convert(f"turned{turn}.mp4", outputs=(plain, ignored, copied, poster))
    assert done.source.video[0].rotation == int(turn)
    assert [facts.video[0].rotation for facts in done.facts] == [0, 0, int(turn), 0]
    size = (180, 320) if turn in ("90", "270") else (320, 180)
    for path, wanted in zip(done.paths, [size, (320, 180), size, size], strict=True):
        image = gray(program, path)
        assert image.size == wanted
        right, down = CORNERS[turn] if wanted == size and path is not done.paths[1] else (0, 0)
        spot = (image.width - 10 if right else 10, image.height - 10 if down else 10)
        red, green, blue = image.getpixel(spot)
        assert (red > 180, green < 60, blue < 60) == (True, True, True), (path.name, spot)


async def test_anamorphic_pixels(convert: Convert) -> None:
    still = m.Output(stills=(m.Stills(at=Fraction(0)),))
    done = await convert("wide.mp4", outputs=(m.Output(), m.Output(video=m.Video(size=m.Size(height=180))), still))
    assert (done.source.video[0].pixel_aspect, done.source.video[0].display_aspect) == (Fraction(4, 3), Fraction(16, 9))
    seen = [(track.width, track.height, track.pixel_aspect) for facts in done.facts for track in facts.video]
    assert seen[:2] == [(320, 240, Fraction(4, 3)), (320, 180, 1)]
    assert seen[2][:2] == (426, 240)


async def test_fields_become_pictures(convert: Convert, program: str) -> None:
    wanted = [m.Video(deinterlace=how) for how in (m.Deinterlace.AUTO, m.Deinterlace.OFF)]
    done = await convert("combed.mp4", outputs=tuple(m.Output(video=video) for video in wanted))
    assert done.source.video[0].interlaced
    assert [facts.video[0].frames for facts in done.facts] == [25, 25]
    smooth, combed = (combing(gray(program, path, 12)) for path in done.paths)
    assert combed > 1.3 * smooth


def combing(image: Image.Image) -> float:
    """How unlike neighbouring lines are, beside those of one field."""
    plain = image.convert("L")
    near, far = (
        ImageStat.Stat(ImageChops.difference(plain, ImageChops.offset(plain, 0, lines))).mean[0] for lines in (1, 2)
    )
    return float(near / far)


# --- time ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flash.mp4", "varying.mp4", "late.ts", "covered.mp4", "whole.mkv"])
@pytest.mark.parametrize("container", ["mp4", "mkv", "mpegts", "webm", "avi"])
async def test_sound_stays_with_the_picture(convert: Convert, program: str, name: str, container: str) -> None:
    done = await convert(name, outputs=(m.Output(container=container),))
    assert done.facts[0].duration == pytest.approx(2, abs=0.1)
    together(done.paths[0])


async def test_a_varying_rate_keeps_its_moments_or_becomes_steady(convert: Convert, look: Any) -> None:
    steady = m.Output(video=m.Video(frame_rate=m.FrameRate(value=Fraction(25))))
    done = await convert("varying.mp4", outputs=(m.Output(), steady, m.Output(container="mpeg2")))
    count = done.source.video[0].frames
    assert count is not None
    assert count < 30
    assert done.source.video[0].frame_rate == pytest.approx(count / 2, abs=1)
    seen = [look(path) for path in done.paths]
    assert [len(one.frames) for one in seen[:2]] == [count, 50]
    moments = [float(frame.time) for frame in look(done.paths[0]).frames]
    assert moments[:4] == pytest.approx([0, 0.12, 0.24, 0.36])
    assert [facts.duration for facts in done.facts] == [pytest.approx(2, abs=0.05)] * 3


async def test_what_browsers_record_says_no_rate_and_gets_a_usual_one_where_it_needs_one(
    convert: Convert, has: Any
) -> None:
    """FFmpeg guesses that the file's clock is the rate, a thousand pictures in a second."""
    outputs = tuple(m.Output(container=name) for name in ("mp4", "m4v", "3gp", "wmv", "ogg", "mpeg2"))
    done = await convert("browser.webm", outputs=outputs)
    assert done.source.video[0].frame_rate is None
    assert [pictures(path) for path in done.paths] == [pytest.approx(30, abs=1)] * len(outputs)
    package = m.Output(package=m.Package(kind=m.PackageKind.HLS, segment=Fraction(2)))
    job = m.Job(inputs=(m.Input(location=m.Location(url="")),), outputs=(package,))
    made = plan(job, [done.source], encoders=has[0], muxers=has[1])
    (run,) = made.runs
    assert "fps=30" in run.graph
    joined = await convert("browser.webm", "browser.webm")
    assert pictures(joined.paths[0]) == pytest.approx(60, abs=2)


async def test_the_middle_of_what_browsers_record_is_not_its_beginning(convert: Convert, program: str) -> None:
    """Written as it comes, a file does not say how long it is."""
    stills = tuple(m.Stills(at=m.Share(of_source=share)) for share in (Fraction(1, 4), Fraction(1, 2)))
    done = await convert("live.webm", outputs=tuple(m.Output(stills=(still,)) for still in stills))
    assert float(done.source.duration or 0) == pytest.approx(2, abs=0.05)
    dark, bright = [float(ImageStat.Stat(gray(program, path)).mean[0]) for path in done.paths]
    assert dark < 30
    assert bright > 200


def pictures(path: Path) -> int:
    with av.open(str(path)) as file:
        return sum(packet.size > 0 for packet in file.demux(video=0))


async def test_one_picture_is_enough(convert: Convert) -> None:
    done = await convert("one.mp4", outputs=(m.Output(), m.Output(container="webm"), m.Output(stills=(m.Stills(),))))
    assert (done.source.duration, done.source.video[0].frames) == (Fraction(1, 25), 1)
    assert [float(facts.duration or 0) for facts in done.facts[:2]] == pytest.approx([0.04, 0.04], abs=0.01)
    assert done.facts[0].video[0].frames == 1
    assert (done.facts[2].video[0].width, done.facts[2].video[0].height) == (320, 180)


# --- tracks -------------------------------------------------------------------------------------


async def test_no_sound_is_no_fault_unless_sound_is_all_that_is_wanted(convert: Convert) -> None:
    done = await convert("silent.mp4", outputs=(m.Output(), m.Output(container="mp3")))
    assert (done.source.audio, done.facts[0].audio) == ((), ())
    assert done.plan.faults[1].data == {"kind": "audio"}


async def test_the_first_of_many_languages(convert: Convert) -> None:
    named = m.Output(container="m4a", audio=m.Audio(language="eng"))
    done = await convert(
        "languages.mkv", outputs=(m.Output(), named, m.Output(container="mkv", audio=m.Audio(codec="copy")))
    )
    assert [track.language for track in done.source.audio] == ["deu", "fra"]
    assert [[track.language for track in facts.audio] for facts in done.facts] == [["deu"], ["eng"], ["deu"]]
    assert all(low_pitched(path) for path in done.paths), "300 hertz are in the first track, 3000 in the second"


def low_pitched(path: Path) -> bool:
    """By how often the wave goes through zero in a second."""
    with av.open(str(path)) as file:
        plain = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        parts = [part for frame in file.decode(audio=0) for part in plain.resample(frame)]
    samples = array("h", b"".join(bytes(part.planes[0])[: part.samples * 2] for part in parts))
    crossings = sum((one < 0) != (other < 0) for one, other in pairwise(samples))
    return crossings / (len(samples) / 16_000) < 1000


async def test_a_cover_is_not_the_film(convert: Convert, program: str) -> None:
    still = m.Output(stills=(m.Stills(at=Fraction(1)),))
    done = await convert(
        "covered.mp4", outputs=(m.Output(), m.Output(container="mkv", video=m.Video(codec="copy")), still)
    )
    assert [(track.codec, track.width) for track in done.source.video] == [("h264", 320)]
    assert [[(track.codec, track.width) for track in facts.video] for facts in done.facts[:2]] == [[("h264", 320)]] * 2
    assert light(gray(program, done.paths[2]), 160) > 200
    together(done.paths[0])
    together(done.paths[1])


async def test_a_song_with_a_cover_is_sound_alone(convert: Convert) -> None:
    done = await convert("song.mp3", outputs=(m.Output(container="m4a"), m.Output(container="mkv"), m.Output()))
    assert (done.source.video, len(done.source.audio)) == ((), 1)
    assert [(facts.video, len(facts.audio)) for facts in done.facts] == [((), 1), ((), 1)]
    assert [float(facts.duration or 0) for facts in done.facts] == pytest.approx([2, 2], abs=0.06)
    assert done.plan.faults[2].data == {"kind": "video"}


async def test_eight_kilohertz_and_one_channel(convert: Convert) -> None:
    containers = ("mp4", "mp3", "mpegts", "webm", "wma", "flv")
    wanted = (*(m.Output(container=one) for one in containers), m.Output(container="mkv", audio=m.Audio(codec="ac3")))
    done = await convert("mono.mp4", outputs=wanted)
    assert (done.source.audio[0].sample_rate, done.source.audio[0].channels) == (8000, 1)
    sounds = [(facts.audio[0].sample_rate, facts.audio[0].channels) for facts in done.facts]
    # Opus says 48 kHz whatever it was made from
    assert sounds == [(8000, 1), (8000, 1), (8000, 1), (48_000, 1), (16_000, 1), (8000, 1), (32_000, 1)]
    assert all(facts.duration == pytest.approx(1, abs=0.15) for facts in done.facts)


async def test_six_channels_stay_or_become_two(convert: Convert) -> None:
    two = m.Audio(channels=2)
    wanted = (
        m.Output(container="m4a"),
        m.Output(container="mp3"),
        m.Output(container="m4a", audio=two),
        m.Output(container="eac3"),
    )
    done = await convert("surround.mkv", outputs=wanted)
    assert done.source.audio[0].channels == 6
    assert [facts.audio[0].channels for facts in done.facts] == [6, 2, 2, 6]
    assert all(facts.duration == pytest.approx(1, abs=0.06) for facts in done.facts)
    assert all(peak(path) < 32_700 for path in done.paths[1:3]), "a sum of channels that is too loud"


def peak(path: Path) -> int:
    with av.open(str(path)) as file:
        plain = av.AudioResampler(format="s16", layout="mono")
        parts = [part for frame in file.decode(audio=0) for part in plain.resample(frame)]
    return max(abs(one) for part in parts for one in array("h", bytes(part.planes[0])[: part.samples * 2]))


async def gathered(done: Done, folder: Path) -> list[Any]:
    async with Prober(helpers=1) as prober:
        return [await gather(folder, products, prober.probe) for products in done.plan.products.values()]


@pytest.mark.parametrize(
    ("name", "output", "lasts"),
    [
        ("short-sound.mp4", m.Output(container="mp3"), 1),
        ("short-sound.mp4", m.Output(), 5),
        ("late-sound.mkv", m.Output(container="mp3"), 1),
        ("short-picture.mp4", m.Output(audio=m.SKIP), 1),
        ("short-picture.mp4", m.Output(clip=m.Clip(start=Fraction(1, 2)), audio=m.SKIP), 0.5),
        ("begun10.mkv", m.Output(), 2),
        ("begun10.wmv", m.Output(), 2),
    ],
)
async def test_a_track_that_ends_early_or_begins_late_is_not_broken_off(
    convert: Convert, name: str, output: m.Output, lasts: float
) -> None:
    done = await convert(name, outputs=(output,))
    ((product,),) = await gathered(done, done.paths[0].parents[1])
    assert product.file.facts.duration == pytest.approx(lasts, abs=0.1)
    assert done.source.duration == pytest.approx(2 if name.startswith("begun") else 5, abs=0.1)


async def test_there_are_as_many_stills_as_were_asked_for_where_sound_goes_on(convert: Convert) -> None:
    stills = m.Output(stills=(m.Stills(count=5),))
    for name in ("short-picture.mp4", "short-sound.mp4"):
        done = await convert(name, outputs=(stills,))
        assert len(list(done.paths[0].parent.glob("*.jpg"))) == 5


# --- broken tails -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["whole.mkv", "late.ts", "front.mp4", "flash.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.8])
async def test_a_cut_off_file_is_a_fault_or_measured(
    odd: Path, has: tuple[frozenset[str], frozenset[str]], program: str, tmp_path: Path, name: str, share: float
) -> None:
    """Whatever is left: what is said of the result is what is in it."""
    data = (odd / name).read_bytes()
    (tmp_path / "source-0").write_bytes(data[: int(len(data) * share)])
    (tmp_path / "out-0").mkdir()
    said = await honest(tmp_path, has, program)
    if isinstance(said, WorkFault):
        assert said.code in TORN
        # without the index at its end no part of such a file can be read; others break off where they are cut
        assert name == "flash.mp4" or share < 0.5 or name == "front.mp4", said
        return
    with av.open(str(tmp_path / "out-0" / "media.mp4")) as file:
        pictures = [float(frame.time) for frame in file.decode(video=0)]
    assert said.video[0].frames == len(pictures)
    assert float(said.video[0].duration or 0) == pytest.approx(pictures[-1] - pictures[0] + FRAME, abs=FRAME)
    assert float(said.duration or 0) <= 2.1


TORN = frozenset({"source_unreadable", "encoding_failed", "no_such_track"})


async def honest(folder: Path, has: tuple[frozenset[str], frozenset[str]], program: str) -> m.MediaFacts | WorkFault:
    """What is said of the output of ``source-0``, or why there is none."""
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=(m.Output(),))
    async with Prober(helpers=1) as prober:
        try:
            source = await prober.probe(folder / "source-0")
            made = plan(job, [source], encoders=has[0], muxers=has[1])
            if isinstance(made.faults.get(0), WorkFault):
                return made.faults[0]
            for run in made.runs:
                words = argv(run, program, threads=2)
                await run_one(words, cwd=folder, on_progress=lambda _: None, limits=Limits(wall=20))
            (product,) = await gather(folder, made.products[0], prober.probe)
        except WorkFault as fault:
            return fault
    assert product.file.facts is not None
    return product.file.facts


# --- joined and cut -----------------------------------------------------------------------------


@pytest.mark.parametrize("second", ["flash.mp4", "late.ts", "varying.mp4"])
async def test_sound_stays_with_the_picture_of_a_second_source(convert: Convert, second: str) -> None:
    """After a source with another size, another rate and no sound."""
    cut = m.Clip(start=Fraction(1, 2))
    done = await convert("wide.mp4", second, outputs=(m.Output(), m.Output(container="mkv", clip=cut)))
    assert [float(facts.duration or 0) for facts in done.facts] == pytest.approx([3, 2.5], abs=0.1)
    together(done.paths[0], 1 + FLASHED)
    together(done.paths[1], 1 + FLASHED - 0.5)


@pytest.mark.parametrize("name", ["flash.mp4", "late.ts", "whole.mkv", *KINDS])
async def test_a_clip_is_cut_at_one_moment_of_both_tracks(convert: Convert, program: str, name: str) -> None:
    """By seeking where it is alone, by filters beside the whole."""
    cut = m.Output(clip=m.Clip(start=Fraction(7, 10), end=Fraction(17, 10)))
    before, after = (m.Output(stills=(m.Stills(at=at),)) for at in (Fraction(9, 10), Fraction(1)))
    for outputs in ((cut, before, after), (cut, before, after, m.Output())):
        done = await convert(name, outputs=outputs)
        assert done.facts[0].duration == pytest.approx(1, abs=0.12)
        with av.open(str(done.paths[0])) as file:
            assert len(list(file.decode(video=0))) == pytest.approx(25, abs=2)
        together(done.paths[0], FLASHED - 0.7)
        assert [light(gray(program, path), 160) > 128 for path in done.paths[1:3]] == [False, True]


async def test_a_high_range_among_others_becomes_standard_too(convert: Convert, program: str) -> None:
    done = await convert("silent.mp4", "pq.mp4")
    assert done.facts[0].duration == pytest.approx(2, abs=0.05)
    alone = await convert("pq.mp4")
    joined, plain = gray(program, done.paths[0], 40), gray(program, alone.paths[0], 15)
    assert float(ImageStat.Stat(ImageChops.difference(joined, plain)).mean[0]) < 4
