"""What rate control and filters are asked to do, measured on what came out."""

from __future__ import annotations

import re
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image, ImageChops, ImageStat

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

pytestmark = pytest.mark.ffmpeg
Tools = tuple[frozenset[str], frozenset[str]]
SECONDS = 4
PLACE = m.Location(url="https://example.test/a")
SMALL = m.Size(height=90)


@pytest.fixture(scope="session")
def noisy(program: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, m.MediaFacts]:
    """Four seconds that are hard to encode, with a quiet tone in both of two channels."""
    path = tmp_path_factory.mktemp("noisy") / "noisy.mp4"
    picture = f"testsrc2=size=320x180:rate=25:duration={SECONDS},noise=alls=20:allf=t"
    tone = f"sine=440:sample_rate=48000:duration={SECONDS},volume=0.2,aformat=channel_layouts=stereo"
    coding = (
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-crf",
        "20",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "aac",
        "-b:a",
        "128k",
    )
    words = ("-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, *coding, str(path))
    subprocess.run([program, *words], check=True)
    with av.open(str(path)) as file:
        video, audio = file.streams.video[0].bit_rate, file.streams.audio[0].bit_rate
    track = m.VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25), bitrate=video)
    sound = m.AudioFacts(codec="aac", sample_rate=48_000, channels=2, bitrate=audio)
    size = path.stat().st_size
    return path, m.MediaFacts(container="mov", size=size, duration=Fraction(SECONDS), video=(track,), audio=(sound,))


@pytest.fixture
def made(noisy: tuple[Path, m.MediaFacts], has: Tools, program: str, tmp_path: Path) -> Any:
    def made(*outputs: m.Output) -> tuple[list[Path], Plan]:
        path, facts = noisy
        drawn = plan(m.Job(inputs=(m.Input(location=PLACE),), outputs=outputs), [facts], encoders=has[0], muxers=has[1])
        assert drawn.faults == {}
        (tmp_path / "source-0").symlink_to(path)
        for index in drawn.products:
            (tmp_path / f"out-{index}").mkdir()
            Image.new("RGBA", (40, 20), (255, 0, 0, 255)).save(tmp_path / f"overlay-{index}-0", "PNG")
        for run in drawn.runs:
            words = argv(run, program, threads=2)
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
            assert done.returncode == 0, done.stderr
        return [tmp_path / drawn.products[index][0].path for index in range(len(outputs))], drawn

    return made


def silent(**video: Any) -> m.Output:
    return m.Output(container="mp4", video=m.Video(**{"size": SMALL, **video}), audio=m.SKIP)


def packets(path: Path) -> list[tuple[float, int]]:
    """When each picture is shown, and its bits."""
    with av.open(str(path)) as file:
        return sorted(
            (float(one.pts * one.time_base), one.size * 8) for one in file.demux(video=0) if one.pts is not None
        )


def rate(path: Path) -> float:
    return sum(bits for _, bits in packets(path)) / SECONDS


def worst(path: Path, window: float = 1) -> float:
    """Bits per second in the fullest second."""
    found = packets(path)
    return max(sum(bits for at, bits in found if begin <= at < begin + window) for begin, _ in found) / window


# --- rates --------------------------------------------------------------------------------------


def test_average_constant_and_caps_hold_what_they_say(made: Any) -> None:
    asked: dict[str, m.Rate] = {
        "average": m.Average(bitrate=400_000),
        "capped": m.Average(bitrate=400_000, most=450_000, buffer=200_000),
        "constant": m.Constant(bitrate=300_000),
        "padded": m.Constant(bitrate=900_000, padded=True),
        "quality, capped": m.Quality(level=Fraction(10), most=300_000, buffer=150_000),
    }
    paths, _ = made(*(silent(rate=one) for one in asked.values()))
    rates = dict(zip(asked, map(rate, paths), strict=True))
    tops = dict(zip(asked, map(worst, paths), strict=True))
    assert rates["average"] == pytest.approx(400_000, rel=0.2)
    assert rates["capped"] == pytest.approx(400_000, rel=0.15)
    assert tops["capped"] <= 450_000 + 200_000
    assert rates["constant"] == pytest.approx(300_000, rel=0.1)
    assert tops["constant"] <= 300_000 * 2
    assert 900_000 * 0.95 <= rates["padded"] <= 900_000 * 1.15, "filled up although fewer bits would do"
    assert rates["quality, capped"] <= 300_000 * 1.15


def test_quality_counts_the_right_way_for_each_encoder(made: Any) -> None:
    codecs = {"h264": (18, 40), "hevc": (18, 40), "vp8": (8, 55), "vp9": (15, 55), "av1": (20, 60), "mpeg4": (2, 25)}
    outputs = [
        m.Output(
            container="mkv",
            video=m.Video(codec=codec, size=SMALL, rate=m.Quality(level=Fraction(level)), speed="ultrafast"),
            audio=m.SKIP,
        )
        for codec, levels in codecs.items()
        for level in levels
    ]
    paths, _ = made(*outputs)
    sizes = [path.stat().st_size for path in paths]
    assert all(fine > 1.5 * coarse for fine, coarse in zip(sizes[::2], sizes[1::2], strict=True)), sizes


def test_a_source_s_rate_is_a_measure_and_a_limit(made: Any, noisy: tuple[Path, m.MediaFacts]) -> None:
    source = noisy[1].video[0].bitrate
    assert source is not None
    full = {"size": None}
    paths, drawn = made(
        silent(rate=m.Average(bitrate=m.Share(Fraction(1, 4))), **full),
        silent(rate=m.Average(bitrate=source * 5, at_most_source=True), **full),
        m.Output(container="m4a", audio=m.Audio(bitrate=m.Share(Fraction(1, 2)))),
        m.Output(container="m4a", audio=m.Audio(bitrate=320_000, at_most_source=True)),
    )
    assert rate(paths[0]) == pytest.approx(source / 4, rel=0.15)
    assert rate(paths[1]) <= source * 1.25
    options = [target.options for target in drawn.runs[0].targets]
    sound = noisy[1].audio[0].bitrate
    assert sound is not None
    assert [one[one.index("-b:a") + 1] for one in options[2:]] == [str(sound // 2), str(sound)]


def test_two_passes_come_closer_than_one(made: Any) -> None:
    asked = m.Average(bitrate=250_000)
    paths, drawn = made(silent(rate=asked, passes=2, codec="h264"), silent(rate=asked, passes=2, codec="hevc"))
    assert [run.weight for run in drawn.runs] == [Fraction(1, 3), Fraction(2, 3)]
    assert all(run.duration == SECONDS for run in drawn.runs)
    assert [rate(path) for path in paths] == pytest.approx([250_000] * 2, rel=0.1)


# --- sound --------------------------------------------------------------------------------------


def loudness(program: str, path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP, by EBU R128."""
    words = ("-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-")
    told = subprocess.run([program, *words], capture_output=True, text=True, check=True).stderr
    summary = told.rpartition("Summary:")[2]
    found = [re.search(pattern, summary) for pattern in (r"I:\s+(-?[\d.]+) LUFS", r"Peak:\s+(-?[\d.]+) dBFS")]
    integrated, peak = (float(match[1]) for match in found if match)
    return integrated, peak


def test_loudness_and_volume_are_what_was_asked_for(made: Any, program: str) -> None:
    def sound(**settings: Any) -> m.Output:
        return m.Output(container="wav", audio=m.Audio(**settings))

    targets = (-23, -16, -30)
    wanted = [sound(loudness=m.Loudness(integrated=Fraction(one), peak=Fraction(-2))) for one in targets]
    paths, _ = made(sound(), *wanted, sound(volume=Fraction(1, 2)), sound(volume=Fraction(2)))
    found = [loudness(program, path) for path in paths]
    plain = found[0][0]
    assert [one for one, _ in found[1:4]] == pytest.approx(targets, abs=1)
    assert all(peak <= -1.5 for _, peak in found[1:4])
    assert [one - plain for one, _ in found[4:]] == pytest.approx([-6.02, 6.02], abs=0.3)


def test_resampled_and_remixed_sound_keeps_its_pitch_and_length(made: Any) -> None:
    rates = (48_000, 44_100, 22_050, 8_000)
    outputs = [
        m.Output(container="wav", audio=m.Audio(sample_rate=one, channels=count)) for one in rates for count in (1, 2)
    ]
    paths, _ = made(*outputs)
    for path, output in zip(paths, outputs, strict=True):
        with av.open(str(path)) as file:
            track = file.streams.audio[0]
            assert (track.rate, track.channels) == (output.audio.sample_rate, output.audio.channels)
            plain = av.AudioResampler(format="s16", layout="mono")
            data = b"".join(
                bytes(part.planes[0])[: part.samples * 2]
                for frame in file.decode(track)
                for part in plain.resample(frame)
            )
            samples = memoryview(data).cast("h")
            assert len(samples) / track.rate == pytest.approx(SECONDS, abs=0.03)
            middle = samples[track.rate : 2 * track.rate]
            crossings = sum((one < 0) != (other < 0) for one, other in pairwise(middle))
            assert crossings / 2 == pytest.approx(440, abs=3)


# --- pictures -----------------------------------------------------------------------------------


def at(path: Path, seconds: float) -> Image.Image:
    with av.open(str(path)) as file:
        return next(frame for frame in file.decode(video=0) if frame.time >= seconds - 0.001).to_image()


def rough(image: Image.Image) -> float:
    """How much neighbouring pixels differ."""
    plain = image.convert("L")
    return float(ImageStat.Stat(ImageChops.difference(plain, ImageChops.offset(plain, 1, 0))).mean[0])


def test_denoising_a_ceiling_and_crop_with_pad(made: Any) -> None:
    strong = m.Denoise(luma_spatial=Fraction(12), chroma_spatial=Fraction(9), luma_temporal=Fraction(16))
    fine = m.Quality(level=Fraction(12))
    paths, _ = made(
        silent(size=None, rate=fine),
        silent(size=None, rate=fine, denoise=strong),
        silent(frame_rate=m.FrameRate(value=Fraction(10), at_most=True)),
        silent(frame_rate=m.FrameRate(value=Fraction(60), at_most=True)),
        silent(size=None, crop=m.Edges(left=20, top=10, right=40, bottom=30), pad=m.Edges(left=8, right=8)),
    )
    assert rough(at(paths[1], 2)) < 0.8 * rough(at(paths[0], 2))
    assert [len(packets(path)) for path in paths[2:4]] == [10 * SECONDS, 25 * SECONDS]
    cut, whole = at(paths[4], 2), at(paths[0], 2)
    assert cut.size == (276, 140)
    assert max(cut.getpixel((3, 70))) < 30
    assert ImageStat.Stat(cut.crop((8, 0, 268, 140))).mean == pytest.approx(
        ImageStat.Stat(whole.crop((20, 10, 280, 150))).mean, abs=8
    )


def test_a_logo_and_a_text_come_and_go(made: Any) -> None:
    logo = m.ImageOverlay(location=PLACE, x=10, y=10, start=Fraction(1), duration=Fraction(1), opacity=Fraction(1, 2))
    solid = m.ImageOverlay(location=PLACE, x=10, y=10, start=Fraction(1), duration=Fraction(1))
    paths, _ = made(silent(size=None), *(replaced(silent(size=None), one) for one in (logo, solid)))
    box = (12, 12, 48, 28)
    means = [[ImageStat.Stat(at(path, moment).crop(box)).mean for moment in (0.5, 1.5, 2.5)] for path in paths]
    plain, half, full = means
    for moment in (0, 2):
        assert half[moment] == pytest.approx(plain[moment], abs=12)
        assert full[moment] == pytest.approx(plain[moment], abs=12)
    assert full[1] == pytest.approx([255, 0, 0], abs=20)
    assert half[1] == pytest.approx([(one + other) / 2 for one, other in zip(plain[1], full[1], strict=True)], abs=20)


def replaced(output: m.Output, overlay: m.ImageOverlay) -> m.Output:
    return m.Output(container=output.container, video=output.video, audio=output.audio, overlays=(overlay,))
