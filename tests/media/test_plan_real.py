"""Plans run by a real FFmpeg; what came out is measured with PyAV."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction as F
from pathlib import Path

import av
import imageio_ffmpeg
import pytest
from PIL import Image, ImageChops, ImageStat

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.draw import draw
from mediaglot.gateway.media.format import CONTAINERS
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

pytestmark = pytest.mark.ffmpeg
PROGRAM = os.environ.get("MEDIAGLOT_TEST_FFMPEG") or imageio_ffmpeg.get_ffmpeg_exe()
FRAME = 0.04
READ_AS = {"libdav1d": "av1", "mp3float": "mp3", "flv": "flv1", "amrnb": "amr_nb", "pgssub": ""}

VIDEO = m.VideoFacts(codec="h264", width=320, height=180, frame_rate=F(25), bitrate=400_000, duration=F(2))
AUDIO = m.AudioFacts(codec="aac", sample_rate=44100, channels=1, bitrate=70_000)
CLIP = m.MediaFacts(container="mov", size=100_000, duration=F(2), bitrate=480_000, video=(VIDEO,), audio=(AUDIO,))


def facts(**changes: object) -> m.MediaFacts:
    values = {name: getattr(VIDEO, name) for name in VIDEO.__slots__} | changes
    return m.MediaFacts(container="mov", size=1, duration=F(2), video=(m.VideoFacts(**values),))


def listed(option: str) -> frozenset[str]:
    text = subprocess.run([PROGRAM, "-hide_banner", option], capture_output=True, text=True, check=True).stdout
    words = [line.split()[1] for line in text.splitlines() if len(line.split()) > 1]
    return frozenset(name for word in words for name in word.split(","))


@pytest.fixture(scope="session")
def has() -> tuple[frozenset[str], frozenset[str]]:
    return listed("-encoders"), listed("-muxers")


def ffmpeg(*words: str) -> None:
    subprocess.run([PROGRAM, "-v", "error", "-nostdin", "-y", *words], check=True)


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small sources: ``clip``, ``turned`` (shown upright at 180x320), ``wide`` (anamorphic, silent), ``sound``."""
    folder = tmp_path_factory.mktemp("media")
    picture = "testsrc2=size={}:rate={}:duration=2"
    x264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "10")
    clip = str(folder / "clip")
    tone = ("-f", "lavfi", "-i", "sine=440:sample_rate=44100:duration=2")
    sources = ("-f", "lavfi", "-i", picture.format("320x180", 25), *tone)
    ffmpeg(*sources, *x264, "-metadata", "title=Old", "-c:a", "aac", "-f", "mp4", clip)
    ffmpeg("-display_rotation:v:0", "-90", "-i", clip, "-c", "copy", "-f", "mp4", str(folder / "turned"))
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
    rate: F | None = None
    frames: list[av.VideoFrame] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)
    sound: tuple[int, int] | None = None
    samples: int = 0
    duration: float = 0
    metadata: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    pixels: str | None = None
    aspect: F | None = None
    profile: str | None = None

    def color(self, x: int, y: int, at: int = 0) -> tuple[int, int, int]:
        red, green, blue = self.frames[at].to_image().getpixel((x, y))
        return red, green, blue

    def gray(self, at: int) -> Image.Image:
        return self.frames[at].to_image().convert("L")


def mean(picture: Image.Image) -> float:
    """0 is black, 255 is white."""
    return float(ImageStat.Stat(picture).mean[0])


def apart(one: Image.Image, other: Image.Image) -> float:
    """The mean distance of two pictures' pixels."""
    return mean(ImageChops.difference(one, other))


def shown(path: Path) -> tuple[tuple[int, int], str | None]:
    with Image.open(path) as image:
        return image.size, image.format


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


@pytest.fixture
def make(media: Path, has: tuple[frozenset[str], frozenset[str]], tmp_path: Path) -> Iterator[Make]:
    def make(
        *outputs: m.Output,
        sources: tuple[tuple[str, m.MediaFacts], ...] = (("clip", CLIP),),
        clips: tuple[m.Clip | None, ...] = (),
    ) -> Made:
        place = m.Location(url="https://example.test/a")
        inputs = [m.Input(location=place, clip=clips[i] if clips else None) for i in range(len(sources))]
        asked = m.Job(inputs=tuple(inputs), outputs=outputs)
        made = plan(asked, [known for _, known in sources], encoders=has[0], muxers=has[1])
        for index, (name, _) in enumerate(sources):
            shutil.copy(media / name, tmp_path / f"source-{index}")
        for index in range(len(outputs)):
            (tmp_path / f"out-{index}").mkdir()
            Image.new("RGBA", (20, 10), (255, 0, 0, 255)).save(tmp_path / f"overlay-{index}-0", "PNG")
        for drawing in made.drawings:
            (tmp_path / drawing.path).write_bytes(draw(drawing.overlay, drawing.width, drawing.height))
        for run in made.runs:
            done = subprocess.run(
                argv(run, PROGRAM, threads=2), cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
        return Made(made, tmp_path)

    yield make


def output(container: str = "mp4", video: object = None, audio: object = m.SKIP, **more: object) -> m.Output:
    return m.Output(container=container, video=video, audio=audio, **more)  # type: ignore[arg-type]


# --- containers and codecs ----------------------------------------------------------------------

PAIRS = [
    (name, video, audio)
    for name, container in CONTAINERS.items()
    for video, audio in [
        (container.video[0] if container.video else None, container.audio[0] if container.audio else None),
        *((codec, None) for codec in container.video[1:]),
        *((None, codec) for codec in container.audio[1:]),
    ]
]


def short(name: str, video: str | None, audio: str | None) -> m.Output:
    """Half a second; a kind that the pair does not name is left out where it can be."""
    asked = m.Video(codec=video) if video else (m.SKIP if CONTAINERS[name].video and audio else None)
    return m.Output(
        container=name,
        video=asked,
        audio=m.Audio(codec=audio) if audio else m.SKIP,
        clip=m.Clip(duration=F(1, 2)),
    )


@pytest.mark.parametrize("name", CONTAINERS)
def test_each_container_holds_each_codec_that_it_offers(make: Make, name: str) -> None:
    pairs = [pair for pair in PAIRS if pair[0] == name]
    made = make(*(short(*pair) for pair in pairs))
    assert made.plan.faults == {}
    for index, (_, video, audio) in enumerate(pairs):
        seen = look(made.path(index))
        assert (seen.video, seen.audio) == (video, audio)
        if video:
            # half a second at 25 frames per second, 15 in a GIF
            assert len(seen.frames) in ((7, 8) if video == "gif" else (12, 13))


def test_a_plain_transcode_keeps_size_rate_and_duration(make: Make) -> None:
    made = make(m.Output())
    seen = look(made.path())
    assert (seen.video, seen.audio, seen.size, seen.rate, seen.pixels) == ("h264", "aac", (320, 180), 25, "yuv420p")
    assert len(seen.frames) == 50
    assert abs(seen.duration - 2) <= FRAME
    assert seen.sound == (44100, 1)
    assert seen.metadata.get("title") is None
    assert made.plan.products[0][0].duration == 2


# --- sizes --------------------------------------------------------------------------------------

SIZES = {
    "height": (m.Size(height=90), (160, 90)),
    "odd width": (m.Size(width=101), (102, 58)),
    "share": (m.Size(width=m.Share(F(1, 2))), (160, 90)),
    "stretch": (m.Size(width=100, height=100, fit=m.Fit.STRETCH), (100, 100)),
    "inside": (m.Size(width=100, height=100, fit=m.Fit.INSIDE), (100, 56)),
    "pad": (m.Size(width=100, height=100), (100, 100)),
    "crop": (m.Size(width=100, height=100, fit=m.Fit.CROP), (100, 100)),
}


def test_size_rules_in_one_run(make: Make) -> None:
    made = make(*(output(video=m.Video(size=size)) for size, _ in SIZES.values()))
    assert len(made.plan.runs) == 1
    seen = {name: look(made.path(index)) for index, name in enumerate(SIZES)}
    assert {name: one.size for name, one in seen.items()} == {name: size for name, (_, size) in SIZES.items()}
    assert max(seen["pad"].color(50, 5)) < 20
    assert max(seen["crop"].color(50, 5)) > 60


def test_anamorphic_odd_source(make: Make) -> None:
    known = facts(codec="ffv1", width=181, height=101, pixel_aspect=F(2), frame_rate=F(30))
    made = make(output(), output(video=m.Video(size=m.Size(height=50))), sources=(("wide", known),))
    plain, scaled = look(made.path(0)), look(made.path(1))
    assert (plain.size, plain.aspect) == ((180, 100), 2)
    assert (scaled.size, scaled.aspect) == ((180, 50), 1)


def test_crop_then_pad(make: Make) -> None:
    video = m.Video(crop=m.Edges(left=21, right=21, top=10, bottom=10), pad=m.Edges(top=20, bottom=20))
    seen = look(make(output(video=video)).path())
    assert seen.size == (278, 200)
    assert max(seen.color(100, 5)) < 20


# --- turning ------------------------------------------------------------------------------------


def test_the_display_matrix_is_followed_ignored_or_overruled(make: Make) -> None:
    outputs = [output(video=m.Video(rotate=turn)) for turn in (None, 0, 90, 180)]
    made = make(*outputs, output("mov", video=m.Video(codec="copy")), sources=(("turned", facts(rotation=90)),))
    seen = [look(made.path(index)) for index in range(5)]
    assert [one.size for one in seen] == [(180, 320), (320, 180), (180, 320), (320, 180), (320, 180)]
    assert [one.frames[0].rotation for one in seen] == [0, 0, 0, 0, -90]
    assert apart(seen[1].gray(0), seen[3].gray(0).rotate(180)) < 5
    assert apart(seen[1].gray(0), seen[2].gray(0).rotate(90, expand=True)) < 5


def test_a_rotation_mark_is_written(make: Make) -> None:
    made = make(output(video=m.Video(tag_rotation=90)), output())
    marked, plain = look(made.path(0)), look(made.path(1))
    assert (marked.size, marked.frames[0].rotation) == ((320, 180), -90)
    assert plain.frames[0].rotation == 0


# --- time ---------------------------------------------------------------------------------------


def test_clips_are_exact_by_seek_and_by_filter(make: Make) -> None:
    clip = m.Clip(start=F(17, 25), end=F(32, 25))
    alone = make(m.Output(container="mp4", clip=clip))
    seen = look(alone.path())
    assert (len(seen.frames), abs(seen.duration - 0.6) <= FRAME) == (15, True)
    assert "-ss" in alone.plan.runs[0].feeds[0].options


def test_unlike_clips_start_at_the_right_picture(make: Make) -> None:
    made = make(m.Output(), m.Output(clip=m.Clip(start=F(17, 25), end=F(32, 25))), m.Output(container="mp3"))
    whole, part = look(made.path(0)), look(made.path(1))
    assert (len(whole.frames), len(part.frames)) == (50, 15)
    assert abs(part.samples - 0.6 * 44100) <= 2048
    distances = [apart(part.gray(0), whole.gray(at)) for at in range(50)]
    assert distances.index(min(distances)) == 17


def test_input_and_output_clip_add_up(make: Make) -> None:
    made = make(output(clip=m.Clip(start=F(1, 5), duration=F(2, 5))), clips=(m.Clip(start=F(1)),))
    assert len(look(made.path()).frames) == 10
    assert made.plan.runs[0].duration == F(2, 5)


def test_frame_rates(make: Make) -> None:
    rates = [m.FrameRate(value=F(10)), m.FrameRate(value=F(10), at_most=True), m.FrameRate(value=F(50), at_most=True)]
    made = make(
        *(output(video=m.Video(frame_rate=one)) for one in rates),
        output("mpeg1", video=m.Video(frame_rate=m.FrameRate(value=F(12)))),
    )
    assert [look(made.path(index)).rate for index in range(4)] == [10, 10, 25, F(24000, 1001)]
    assert made.plan.notes == ("outputs.3.video.frame_rate",)


def test_key_frames(make: Make) -> None:
    by_distance = m.KeyFrames(seconds=F(1, 2), closed=True)
    by_place = m.KeyFrames(frames=250, at=(F(2, 5), F(6, 5)))
    tune = {"sc_threshold": "0", "keyint_min": "1"}
    made = make(*(output(video=m.Video(key_frames=keys, tune=tune)) for keys in (by_distance, by_place)))
    # seconds count in frames: half a second of 25 fps is 12 frames
    assert look(made.path(0)).keys == pytest.approx([0, 0.48, 0.96, 1.44, 1.92])
    assert look(made.path(1)).keys == pytest.approx([0, 0.4, 1.2])


# --- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "mpeg4", "mpeg2video"])
def test_two_passes(make: Make, codec: str) -> None:
    """Behind a one-pass output with sound, so that the pass logs' numbers must be right."""
    video = m.Video(codec=codec, rate=m.Average(bitrate=300_000), passes=2, size=m.Size(height=90))
    container = "mkv"
    made = make(m.Output(container="mp3"), m.Output(container=container, video=video), output(container, video=video))
    assert len(made.plan.runs) == 2
    assert sum(run.weight for run in made.plan.runs) == 1
    for index in (1, 2):
        seen = look(made.path(index))
        assert (seen.video, len(seen.frames)) == (codec, 50)
    assert made.path(2).stat().st_size * 8 / 2 == pytest.approx(300_000, rel=0.4)


def test_rate_control_changes_the_size(make: Make) -> None:
    rates: list[m.Rate] = [
        m.Quality(level=F(20)),
        m.Quality(level=F(40)),
        m.Average(bitrate=m.Share(F(1, 4))),
        m.Average(bitrate=5_000_000, at_most_source=True),
        m.Constant(bitrate=600_000, padded=True),
        m.Average(bitrate=300_000, most=350_000, least=100_000, buffer=400_000),
    ]
    made = make(*(output(video=m.Video(rate=one)) for one in rates))
    sizes = [made.path(index).stat().st_size for index in range(6)]
    assert sizes[0] > 2 * sizes[1]
    assert sizes[2] < sizes[3]
    assert sizes[3] * 4 <= 400_000 * 1.5
    assert sizes[4] * 4 == pytest.approx(600_000, rel=0.15)


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("mp4", "av1", m.Constant(bitrate=200_000)),
        ("mp4", "av1", m.Quality(level=F(40), most=500_000)),
        ("webm", "vp8", m.Constant(bitrate=200_000)),
        ("webm", "vp9", m.Average(bitrate=200_000, most=300_000, least=100_000)),
        ("mp4", "hevc", m.Constant(bitrate=300_000, padded=True)),
        ("ogg", "theora", m.Quality(level=F(5))),
        ("mpeg2", "mpeg2video", m.Constant(bitrate=500_000)),
        ("mov", "prores", m.Average(bitrate=500_000)),
        ("flv", "flv1", m.Average(bitrate=200_000, most=300_000)),
    ],
)
def test_other_encoders_take_rates(make: Make, container: str, codec: str, rate: m.Rate) -> None:
    made = make(output(container, video=m.Video(codec=codec, rate=rate)))
    assert look(made.path()).video == codec


@pytest.mark.parametrize("speed", ["ultrafast", "fast", "veryslow"])
def test_every_encoder_knows_the_words_of_effort(make: Make, speed: str) -> None:
    size = m.Size(height=64)
    clip = m.Clip(duration=F(1, 5))
    codecs = ["h264", "hevc", "vp8", "vp9", "av1"]
    made = make(*(output("mkv", m.Video(codec=one, speed=speed, size=size), clip=clip) for one in codecs))
    assert [look(made.path(index)).video for index in range(5)] == codecs


def test_fine_settings_and_profile(make: Make) -> None:
    tune = {
        **{"coder": "1", "cmp": "+chroma", "subq": "7", "me_range": "16", "qcomp": "0.6", "qmin": "10", "qmax": "51"},
        **{"qdiff": "4", "trellis": "1", "i_qfactor": "0.71", "direct-pred": "1", "motion-est": "umh", "refs": "4"},
        **{"b_strategy": "1", "wpredp": "0", "flags": "+loop", "bf": "2", "level": "30"},
    }
    made = make(
        output(video=m.Video(profile="main", tune=tune)),
        output(video=m.Video(profile="HIGH10", level="3.1", b_frames=0, references=2, color=m.Color(matrix="bt709"))),
        output(video=m.Video(field_order="tff", deinterlace=m.Deinterlace.ON, denoise=DENOISE)),
    )
    assert [look(made.path(index)).profile for index in range(2)] == ["Main", "High 10"]
    assert made.plan.notes == ()


DENOISE = m.Denoise(luma_spatial=F(4), chroma_spatial=F(3), luma_temporal=F(6))


# --- sound --------------------------------------------------------------------------------------


def test_sound_settings(make: Make) -> None:
    loud = m.Loudness(integrated=F(-20), range=F(7), peak=F(-2))
    made = make(
        m.Output(container="m4a", audio=m.Audio(sample_rate=22050, channels=2, bitrate=64_000, language="deu")),
        m.Output(container="mp3", audio=m.Audio(loudness=loud, volume=F(1, 2), resync=1)),
        m.Output(container="flv", audio=m.Audio(codec="mp3", sample_rate=48000)),
        m.Output(container="3gp", audio=m.Audio(codec="amr_nb", bitrate=12_000)),
    )
    seen = [look(made.path(index)) for index in range(4)]
    assert [one.sound for one in seen] == [(22050, 2), (44100, 1), (44100, 1), (8000, 1)]
    assert seen[0].language == "deu"
    assert set(made.plan.notes) == {"outputs.2.audio.sample_rate", "outputs.3.audio.bitrate"}


def test_a_silent_source_gives_a_silent_video(make: Make) -> None:
    known = facts(codec="ffv1", width=181, height=101, frame_rate=F(30))
    seen = look(make(m.Output(), sources=(("wide", known),)).path())
    assert (seen.video, seen.audio) == ("h264", None)


def test_sound_alone_in_a_container_for_both(make: Make) -> None:
    known = m.MediaFacts(container="mp3", size=1, duration=F(2), audio=(AUDIO,))
    made = make(m.Output(container="mkv"), m.Output(), sources=(("sound", known),))
    assert look(made.path()).video is None
    assert made.plan.faults[1].data == {"kind": "video"}


def test_fades(make: Make) -> None:
    fade_in, fade_out = m.Fade(start=F(0), duration=F(1, 2)), m.Fade(start=F(3, 2), duration=F(2, 5))
    video = m.Video(fade_in=fade_in, fade_out=fade_out)
    seen = look(make(output(video=video, audio=m.Audio(fade_in=fade_in, fade_out=fade_out))).path())
    assert mean(seen.gray(0)) < 20
    assert mean(seen.gray(25)) > 60
    assert mean(seen.gray(49)) < 20


# --- copies, metadata ---------------------------------------------------------------------------


def test_copies_and_metadata(make: Make) -> None:
    made = make(
        m.Output(container="mkv", video=m.Video(codec="copy"), audio=m.Audio(codec="copy"), keep_metadata=True),
        m.Output(
            container="mp4",
            video=m.Video(codec="copy"),
            clip=m.Clip(start=F(1)),
            metadata={"Title": "Größe; 'quoted' [x]=y", "author": "me", "encoder_private": "no"},
            brand="mp42",
        ),
    )
    kept, cut = look(made.path(0)), look(made.path(1))
    assert (kept.video, kept.audio, len(kept.frames), kept.metadata["title"]) == ("h264", "aac", 50, "Old")
    # packets can only be cut at key frames, every 0.4 s here
    assert 25 <= len(cut.frames) <= 35
    assert (cut.metadata["title"], cut.metadata["artist"]) == ("Größe; 'quoted' [x]=y", "me")
    assert cut.metadata["major_brand"] == "mp42"
    assert made.plan.notes == ("outputs.1.metadata.encoder_private",)


# --- overlays -----------------------------------------------------------------------------------


def test_a_logo_shows_where_and_when_it_should(make: Make) -> None:
    logo = m.ImageOverlay(
        location=m.Location(url="https://example.test/l"), x=4, y=6, anchor=("bottom", "right"), start=F(1)
    )
    seen = look(make(output(overlays=(logo,))).path())
    spot = (320 - 4 - 10, 180 - 6 - 5)
    red, green, blue = seen.color(*spot, at=40)
    assert (red > 200, green < 60, blue < 60) == (True, True, True)
    assert seen.color(*spot, at=5) != seen.color(*spot, at=40)
    assert abs(seen.color(*spot, at=5)[0] - 255) > 30 or seen.color(*spot, at=5)[1] > 60


def test_opacity_width_and_key_color(make: Make) -> None:
    place = m.Location(url="https://example.test/l")
    half = m.ImageOverlay(location=place, anchor=("middle", "center"), width=m.Share(F(1, 2)), opacity=F(1, 2))
    gone = m.ImageOverlay(location=place, width=320, height=180, key_color="ff0000")
    made = make(output(), output(overlays=(half,)), output(overlays=(gone,)))
    plain, mixed, keyed = (look(made.path(index)) for index in range(3))
    below, above = plain.color(160, 90), mixed.color(160, 90)
    assert above[0] == pytest.approx((below[0] + 255) / 2, abs=30)
    assert mixed.color(160, 55) != plain.color(160, 55)
    assert apart(keyed.gray(0), plain.gray(0)) < 3


def test_a_text_is_drawn_and_never_parsed(make: Make) -> None:
    text = m.TextOverlay(text="',movie=source-0[x];█████", centered=True, font_size=40, color="#00ff00")
    size = m.Size(width=320, height=320)
    made = make(output(video=m.Video(size=size), overlays=(text,)), output(video=m.Video(size=size)))
    with_text, without = look(made.path(0)), look(made.path(1))
    assert with_text.size == (320, 320)
    middle, top = (0, 150, 320, 170), (0, 75, 320, 95)
    assert apart(with_text.gray(10).crop(middle), without.gray(10).crop(middle)) > 5
    assert apart(with_text.gray(10).crop(top), without.gray(10).crop(top)) < 3
    assert all("movie" not in word for run in made.plan.runs for word in (run.graph,))


# --- stills -------------------------------------------------------------------------------------


def test_stills(make: Make, media: Path) -> None:
    made = make(
        m.Output(
            stills=(
                m.Stills(at=F(1), size=m.Size(width=160)),
                m.Stills(every=F(1, 2), format=m.StillFormat.PNG),
                m.Stills(count=3, format=m.StillFormat.WEBP, size=m.Size(width=100, height=100)),
                m.Stills(at=m.Share(F(1)), format=m.StillFormat.GIF),
                m.Stills(at=F(500), quality=1),
            )
        ),
        m.Output(container="mp4"),
    )
    assert [len(made.many(0, index)) for index in range(5)] == [1, 4, 3, 1, 1]
    pictures = [shown(made.many(0, index)[0]) for index in range(5)]
    assert [size for size, _ in pictures] == [(160, 90), (320, 180), (100, 100), (320, 180), (320, 180)]
    assert [name for _, name in pictures] == ["JPEG", "PNG", "WEBP", "GIF", "JPEG"]
    assert len(look(made.path(1)).frames) == 50
    source = look(media / "clip")
    for number, path in enumerate(made.many(0, 1)):
        # each shows what a player shows at its moment: 0, 0.5 s, 1 s, 1.5 s
        with Image.open(path) as image:
            distances = [apart(image.convert("L"), source.gray(at)) for at in range(50)]
        assert abs(distances.index(min(distances)) - number * 12.5) <= 0.5


def test_a_series_of_a_clip(make: Make) -> None:
    stills = (m.Stills(every=F(1, 4)), m.Stills(at=F(0)))
    made = make(m.Output(stills=stills, clip=m.Clip(start=F(1))), m.Output(container="mp4"))
    assert [len(made.many(0, index)) for index in range(2)] == [4, 1]


# --- several sources ----------------------------------------------------------------------------

WIDE = facts(codec="ffv1", width=181, height=101, pixel_aspect=F(2), frame_rate=F(30))
TURNED = facts(rotation=90)
IMAGE = m.MediaFacts(container="png_pipe", size=1, video=(m.VideoFacts(codec="png", width=300, height=300),))
SOUND = m.MediaFacts(container="mp3", size=1, duration=F(2), audio=(AUDIO,))


def test_unlike_sources_become_one(make: Make) -> None:
    made = make(
        m.Output(container="mp4"),
        m.Output(container="mp4", video=m.Video(size=m.Size(height=90)), clip=m.Clip(start=F(1), duration=F(2))),
        m.Output(stills=(m.Stills(at=F(7)), m.Stills(count=4))),
        sources=(("clip", CLIP), ("wide", WIDE), ("turned", TURNED), ("image", IMAGE), ("sound", SOUND)),
        clips=(None, None, m.Clip(start=F(1)), m.Clip(duration=F(1)), None),
    )
    whole, part = look(made.path(0)), look(made.path(1))
    assert made.plan.runs[0].duration == 8
    assert (whole.size, whole.rate, whole.sound) == ((320, 180), 25, (48000, 2))
    assert abs(len(whole.frames) - 200) <= 1
    assert abs(whole.samples - 8 * 48000) <= 3000
    assert whole.color(160, 90, at=int(5.5 * 25))[0] > 200
    assert max(whole.color(160, 90, at=int(7 * 25))) < 20
    assert (part.size, len(part.frames)) == ((160, 90), 50)
    assert len(made.many(2, 1)) == 4


def test_a_still_picture_becomes_a_clip(make: Make) -> None:
    made = make(output(), m.Output(stills=(m.Stills(at=F(1)),)), sources=(("image", IMAGE),))
    seen = look(made.path())
    assert (seen.size, len(seen.frames)) == ((300, 300), 125)
    assert shown(made.path(1))[0] == (300, 300)


# --- bad sources --------------------------------------------------------------------------------


def run_on(data: bytes, tmp_path: Path, has: tuple[frozenset[str], frozenset[str]]) -> int:
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=(m.Output(),))
    (run,) = plan(job, (CLIP,), encoders=has[0], muxers=has[1]).runs
    (tmp_path / "source-0").write_bytes(data)
    (tmp_path / "out-0").mkdir()
    return subprocess.run(argv(run, PROGRAM), cwd=tmp_path, capture_output=True, check=False).returncode


def test_a_playlist_reads_no_other_file(
    media: Path, tmp_path: Path, has: tuple[frozenset[str], frozenset[str]]
) -> None:
    shutil.copy(media / "clip", tmp_path / "secret.mp4")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{tmp_path}/secret.mp4\n#EXT-X-ENDLIST\n"
    assert run_on(playlist.encode(), tmp_path, has) != 0
    script = tmp_path / "second"
    script.mkdir()
    assert run_on(b"ffconcat version 1.0\nfile ../secret.mp4\n", script, has) != 0


def test_half_a_file_is_a_failure(media: Path, tmp_path: Path, has: tuple[frozenset[str], frozenset[str]]) -> None:
    whole = tmp_path / "whole"
    ffmpeg("-i", str(media / "clip"), "-c", "copy", "-movflags", "+faststart", "-f", "mp4", str(whole))
    data = whole.read_bytes()
    assert run_on(data[: len(data) // 2], tmp_path, has) != 0
