"""For the tests that run plans with a real FFmpeg and measure what came out with PyAV."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from PIL import Image, ImageChops, ImageStat

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.draw import draw
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

PACKAGED = imageio_ffmpeg.get_ffmpeg_exe()
"""What makes sources, whichever FFmpeg is tested."""
PROGRAM = os.environ.get("MEDIAGLOT_TEST_FFMPEG") or PACKAGED
READ_AS = {"libdav1d": "av1", "mp3float": "mp3", "flv": "flv1", "amrnb": "amr_nb"}

VIDEO = m.VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25), bitrate=400_000)
WIDE = m.VideoFacts(codec="ffv1", width=181, height=101, pixel_aspect=Fraction(2), frame_rate=Fraction(30))
AUDIO = m.AudioFacts(codec="aac", sample_rate=44100, channels=1, bitrate=70_000)
IMAGE = m.VideoFacts(codec="png", width=300, height=300)


def facts(
    container: str, *tracks: m.VideoFacts | m.AudioFacts, duration: Fraction | None = Fraction(2)
) -> m.MediaFacts:
    return m.MediaFacts(
        container=container,
        size=100_000,
        duration=duration,
        video=tuple(track for track in tracks if isinstance(track, m.VideoFacts)),
        audio=tuple(track for track in tracks if isinstance(track, m.AudioFacts)),
    )


SOURCES = {
    "clip": facts("mov", VIDEO, AUDIO),
    "noise": facts("mov", VIDEO),
    "turned": facts("mov", replace(VIDEO, rotation=90)),
    "wide": facts("matroska", WIDE),
    "sound": facts("mp3", AUDIO),
    "image": facts("png_pipe", IMAGE, duration=None),
}
"""What probing says about the files of ``media``."""


def listed(option: str) -> frozenset[str]:
    text = subprocess.run([PROGRAM, "-hide_banner", option], capture_output=True, text=True, check=True).stdout
    words = [line.split()[1] for line in text.splitlines() if len(line.split()) > 1]
    return frozenset(name for word in words for name in word.split(","))


@pytest.fixture(scope="session")
def has() -> tuple[frozenset[str], frozenset[str]]:
    return listed("-encoders"), listed("-muxers")


def ffmpeg(*words: str) -> None:
    subprocess.run([PACKAGED, "-v", "error", "-nostdin", "-y", *words], check=True)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small sources: ``clip``, ``noise`` (every picture is another scene), ``turned`` (shown upright at 180x320),
    ``wide`` (anamorphic, silent), ``sound``."""
    folder = tmp_path_factory.mktemp("media")
    picture = "testsrc2=size={}:rate={}:duration=2"
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10")
    clip = str(folder / "clip")
    tone = ("-f", "lavfi", "-i", "sine=440:sample_rate=44100:duration=2")
    sources = ("-f", "lavfi", "-i", picture.format("320x180", 25), *tone)
    ffmpeg(*sources, *x264, "-metadata", "title=Old", "-c:a", "aac", "-f", "mp4", clip)
    ffmpeg("-display_rotation:v:0", "-90", "-i", clip, "-c", "copy", "-f", "mp4", str(folder / "turned"))
    noise = "color=gray:size=320x180:rate=25:duration=2,noise=alls=60:allf=t"
    often = ("-g", "50", "-keyint_min", "10", "-sc_threshold", "40")
    ffmpeg("-f", "lavfi", "-i", noise, *x264, *often, "-f", "mp4", str(folder / "noise"))
    wide = picture.format("181x101", 30)
    ffmpeg("-f", "lavfi", "-i", wide, "-vf", "setsar=2", "-c:v", "ffv1", "-f", "matroska", str(folder / "wide"))
    ffmpeg(*tone, "-c:a", "libmp3lame", "-f", "mp3", str(folder / "sound"))
    Image.new("RGB", (300, 300), (255, 0, 0)).save(folder / "image", "PNG")
    return folder


@dataclass
class Made:
    """What a job gave."""

    plan: Plan
    folder: Path

    def path(self, output: int = 0, product: int = 0) -> Path:
        return self.folder / self.plan.products[output][product].path

    def many(self, output: int = 0, product: int = 0) -> list[Path]:
        pattern = self.plan.products[output][product].path
        return sorted(self.folder.glob(pattern))


@dataclass
class Seen:
    video: str | None = None
    audio: str | None = None
    size: tuple[int, int] | None = None
    rate: Fraction | None = None
    frames: list[av.VideoFrame] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    sound: tuple[int, int] | None = None
    samples: int = 0
    duration: float = 0
    metadata: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    pixels: str | None = None
    aspect: Fraction | None = None
    profile: str | None = None

    def color(self, x: int, y: int, at: int = 0) -> tuple[int, int, int]:
        red, green, blue = self.frames[at].to_image().getpixel((x, y))
        return red, green, blue

    def gray(self, at: int) -> Image.Image:
        return self.frames[at].to_image().convert("L")

    def light(self, at: int) -> float:
        """0 is black, 255 is white."""
        return float(ImageStat.Stat(self.gray(at)).mean[0])


def apart(one: Image.Image, other: Image.Image) -> float:
    """The mean distance of two pictures' pixels."""
    return float(ImageStat.Stat(ImageChops.difference(one, other)).mean[0])


def look(path: Path) -> Seen:
    seen = Seen()
    with av.open(str(path)) as file:
        seen.duration = (file.duration or 0) / 1_000_000
        seen.metadata = {key.lower(): value for key, value in file.metadata.items()}
        for stream in file.streams.video[:1]:
            name = stream.codec_context.name
            seen.video, seen.size = READ_AS.get(name, name), (stream.width, stream.height)
            seen.rate, seen.pixels, seen.profile = stream.average_rate, stream.pix_fmt, stream.profile
            seen.aspect = stream.sample_aspect_ratio
            for frame in file.decode(stream):
                seen.frames.append(frame)
                if frame.key_frame:
                    seen.keys.append(float(frame.time or 0))
    with av.open(str(path)) as file:
        for sound in file.streams.audio[:1]:
            name = sound.codec_context.name
            seen.audio, seen.sound = READ_AS.get(name, name), (sound.rate, sound.channels)
            seen.language = sound.language
            seen.samples = sum(frame.samples for frame in file.decode(sound))
    return seen


Make = Callable[..., Made]


@pytest.fixture(name="look")
def look_fixture() -> Callable[[Path], Seen]:
    return look


@pytest.fixture(name="apart")
def apart_fixture() -> Callable[[Image.Image, Image.Image], float]:
    return apart


@pytest.fixture(scope="session")
def program() -> str:
    return PROGRAM


@pytest.fixture
def make(media: Path, has: tuple[frozenset[str], frozenset[str]], tmp_path: Path) -> Make:
    def make(
        *outputs: m.Output,
        sources: tuple[str, ...] = ("clip",),
        clips: tuple[m.Clip | None, ...] = (),
    ) -> Made:
        place = m.Location(url="https://example.test/a")
        inputs = [m.Input(location=place, clip=clips[i] if clips else None) for i in range(len(sources))]
        asked = m.Job(inputs=tuple(inputs), outputs=outputs)
        made = plan(asked, [SOURCES[name] for name in sources], encoders=has[0], muxers=has[1])
        for index, name in enumerate(sources):
            shutil.copy(media / name, tmp_path / f"source-{index}")
        for index in range(len(outputs)):
            (tmp_path / f"out-{index}").mkdir(exist_ok=True)
            Image.new("RGBA", (20, 10), (255, 0, 0, 255)).save(tmp_path / f"overlay-{index}-0", "PNG")
        for drawing in made.drawings:
            (tmp_path / drawing.path).write_bytes(draw(drawing.overlay, drawing.width, drawing.height))
        for run in made.runs:
            # With two, x264 makes another file in one run of ten: pictures are small here.
            words = argv(run, PROGRAM, threads=1)
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        return Made(made, tmp_path)

    return make
