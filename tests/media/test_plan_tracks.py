"""Plans run by a real FFmpeg: rates, sound, copies, overlays, stills, several sources."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from mediaglot.gateway import model as m
from mediaglot.gateway.media.parts import Note

pytestmark = pytest.mark.ffmpeg


def output(container: str = "mp4", video: Any = None, audio: Any = m.SKIP, **more: Any) -> m.Output:
    return m.Output(container=container, video=video, audio=audio, **more)


def shown(path: Path) -> tuple[tuple[int, int], str | None]:
    with Image.open(path) as image:
        return image.size, image.format


# --- rates --------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp8", "vp9", "mpeg4", "mpeg2video"])
def test_two_passes(make: Any, codec: str, look: Any) -> None:
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


@pytest.mark.parametrize(
    ("codec", "profile", "level"), [("h264", "baseline", "3.1"), ("hevc", "main", "3.1"), ("vp9", "0", None)]
)
def test_two_passes_with_a_profile(make: Any, codec: str, profile: str, level: str | None, look: Any) -> None:
    """Beside sound, for which the analysis has a stream that knows of none."""
    rate = m.Average(bitrate=300_000)
    video = m.Video(codec=codec, profile=profile, level=level, rate=rate, passes=2, size=m.Size(height=90))
    made = make(m.Output(container="mkv", video=video, audio=m.Audio(codec="aac")))
    assert len(made.plan.runs) == 2
    assert look(made.path(0)).video == codec


def test_rate_control_changes_the_size(make: Any) -> None:
    rates: list[m.Rate] = [
        m.Quality(level=Fraction(20)),
        m.Quality(level=Fraction(40)),
        m.Average(bitrate=m.Share(Fraction(1, 4))),
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
        ("mp4", "av1", m.Quality(level=Fraction(40), most=500_000)),
        ("webm", "vp8", m.Constant(bitrate=200_000)),
        ("webm", "vp9", m.Average(bitrate=200_000, most=300_000, least=100_000)),
        ("mp4", "hevc", m.Constant(bitrate=300_000, padded=True)),
        ("ogg", "theora", m.Quality(level=Fraction(5))),
        ("mpeg2", "mpeg2video", m.Constant(bitrate=500_000)),
        ("mov", "prores", m.Average(bitrate=500_000)),
        ("flv", "flv1", m.Average(bitrate=200_000, most=300_000)),
    ],
)
def test_other_encoders_take_rates(make: Any, container: str, codec: str, rate: m.Rate, look: Any) -> None:
    made = make(output(container, video=m.Video(codec=codec, rate=rate)))
    assert look(made.path()).video == codec


@pytest.mark.parametrize("speed", ["ultrafast", "fast", "veryslow"])
def test_every_encoder_knows_the_words_of_effort(make: Any, speed: str, look: Any) -> None:
    size = m.Size(height=64)
    clip = m.Clip(duration=Fraction(1, 5))
    codecs = ["h264", "hevc", "vp8", "vp9", "av1"]
    made = make(*(output("mkv", m.Video(codec=one, speed=speed, size=size), clip=clip) for one in codecs))
    assert [look(made.path(index)).video for index in range(5)] == codecs


def test_fine_settings_and_profile(make: Any, look: Any) -> None:
    tune = {
        "coder": "1",
        "cmp": "+chroma",
        "subq": "7",
        "me_range": "16",
        "qcomp": "0.6",
        "qmin": "10",
        "qmax": "51",
        "qdiff": "4",
        "trellis": "1",
        "i_qfactor": "0.71",
        "direct-pred": "1",
        "motion-est": "umh",
        "refs": "4",
        "b_strategy": "1",
        "wpredp": "0",
        "flags": "+loop",
        "bf": "2",
        "level": "30",
    }
    made = make(
        output(video=m.Video(profile="main", tune=tune)),
        output(video=m.Video(profile="HIGH10", level="3.1", b_frames=0, references=2, color=m.Color(matrix="bt709"))),
        output(video=m.Video(field_order="tff", deinterlace=m.Deinterlace.ON, denoise=DENOISE)),
    )
    assert [look(made.path(index)).profile for index in range(2)] == ["Main", "High 10"]
    assert made.plan.notes == ()


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_colors_are_marked_in_the_file(make: Any, codec: str) -> None:
    color = m.Color(range="pc", primaries="bt470bg", transfer="gamma28", matrix="smpte170m")
    made = make(output(video=m.Video(codec=codec, size=m.Size(width=64), color=color)))
    with av.open(str(made.path())) as file:
        context = file.streams.video[0].codec_context
        said = (context.color_range, context.color_primaries, context.color_trc, context.colorspace)
    assert said == (2, 5, 5, 6), "the numbers of ITU-T H.273"


DENOISE = m.Denoise(luma_spatial=Fraction(4), chroma_spatial=Fraction(3), luma_temporal=Fraction(6))


# --- sound --------------------------------------------------------------------------------------


def test_sound_settings(make: Any, look: Any) -> None:
    loud = m.Loudness(integrated=Fraction(-20), range=Fraction(7), peak=Fraction(-2))
    made = make(
        m.Output(container="m4a", audio=m.Audio(sample_rate=22050, channels=2, bitrate=64_000, language="deu")),
        m.Output(container="mp3", audio=m.Audio(loudness=loud, volume=Fraction(1, 2), resync=1)),
        m.Output(container="flv", audio=m.Audio(codec="mp3", sample_rate=48000)),
        m.Output(container="3gp", audio=m.Audio(codec="amr_nb", bitrate=12_000)),
    )
    seen = [look(made.path(index)) for index in range(4)]
    assert [one.sound for one in seen] == [(22050, 2), (44100, 1), (44100, 1), (8000, 1)]
    assert seen[0].language == "deu"
    assert set(made.plan.notes) == {
        Note("outputs.2.audio.sample_rate", 48000, 44100),
        Note("outputs.3.audio.bitrate", 12_000, 12_200),
    }


def test_bitrates_are_those_that_were_told(make: Any) -> None:
    made = make(
        m.Output(container="mp3", audio=m.Audio(bitrate=100_000)),
        m.Output(container="mp3", audio=m.Audio(bitrate=300_000, sample_rate=22050)),
        m.Output(container="mpegts", video=m.SKIP, audio=m.Audio(codec="mp2", bitrate=40_000)),
    )
    assert [note.got for note in made.plan.notes] == [96_000, 160_000, 32_000]
    for index, note in enumerate(made.plan.notes):
        with av.open(str(made.path(index))) as file:
            assert file.streams.audio[0].bit_rate == note.got


@pytest.mark.parametrize("bitrate", [4_000, 10_000_000])
@pytest.mark.parametrize(
    ("codec", "sample_rates"),
    [
        ("aac", (8000, 44100)),
        ("opus", (8000, 48000)),
        ("ac3", (32000, 48000)),
        ("eac3", (32000, 48000)),
        ("vorbis", (8000, 12000, 16000, 24000, 32000, 48000, 96000)),
    ],
)
def test_there_is_sound_whatever_bitrate_is_asked_for(
    make: Any, look: Any, codec: str, sample_rates: tuple[int, ...], bitrate: int
) -> None:
    """Encoders give up beyond what they can do with so many channels of so many samples."""
    kinds = [
        m.Audio(codec=codec, bitrate=bitrate, sample_rate=one, channels=n) for one in sample_rates for n in (1, 2, 6)
    ]
    made = make(*(m.Output(container="mkv", video=m.SKIP, audio=audio) for audio in kinds))
    for index, audio in enumerate(kinds):
        assert look(made.path(index)).sound[1] == audio.channels
    if (codec, bitrate) != ("aac", 4_000):
        told = {note.path for note in made.plan.notes if note.wanted == bitrate}
        assert told == {f"outputs.{index}.audio.bitrate" for index in range(len(kinds))}


def test_aac_has_six_bits_for_each_sample_at_most(make: Any) -> None:
    made = make(m.Output(container="m4a", audio=m.Audio(bitrate=128_000, sample_rate=8000, channels=1)))
    assert made.plan.notes == (Note("outputs.0.audio.bitrate", 128_000, 48_000),)


def test_a_silent_source_gives_a_silent_video(make: Any, look: Any) -> None:
    seen = look(make(m.Output(), sources=("wide",)).path())
    assert (seen.video, seen.audio) == ("h264", None)


def test_sound_alone_in_a_container_for_both(make: Any, look: Any) -> None:
    made = make(m.Output(container="mkv"), m.Output(), sources=("sound",))
    assert look(made.path()).video is None
    assert made.plan.faults[1].data == {"kind": "video"}


def test_fades(make: Any, look: Any) -> None:
    fade_in = m.Fade(start=Fraction(0), duration=Fraction(1, 2))
    fade_out = m.Fade(start=Fraction(3, 2), duration=Fraction(2, 5))
    video = m.Video(fade_in=fade_in, fade_out=fade_out)
    seen = look(make(output(video=video, audio=m.Audio(fade_in=fade_in, fade_out=fade_out))).path())
    assert seen.light(0) < 20
    assert seen.light(25) > 60
    assert seen.light(49) < 20


# --- copies, metadata ---------------------------------------------------------------------------


def test_copies_and_metadata(make: Any, look: Any) -> None:
    made = make(
        m.Output(container="mkv", video=m.Video(codec="copy"), audio=m.Audio(codec="copy"), keep_metadata=True),
        m.Output(
            container="mp4",
            video=m.Video(codec="copy"),
            clip=m.Clip(start=Fraction(1)),
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
    assert made.plan.notes == (Note("outputs.1.clip"), Note("outputs.1.metadata.encoder_private"))


# --- overlays -----------------------------------------------------------------------------------


def test_a_logo_shows_where_and_when_it_should(make: Any, look: Any) -> None:
    logo = m.ImageOverlay(
        location=m.Location(url="https://example.test/l"), x=4, y=6, anchor=("bottom", "right"), start=Fraction(1)
    )
    seen = look(make(output(overlays=(logo,))).path())
    spot = (320 - 4 - 10, 180 - 6 - 5)
    red, green, blue = seen.color(*spot, at=40)
    assert (red > 200, green < 60, blue < 60) == (True, True, True)
    red, green, blue = seen.color(*spot, at=5)
    assert (red > 200, green < 60, blue < 60) != (True, True, True)


def test_opacity_width_and_key_color(make: Any, look: Any, apart: Any) -> None:
    place = m.Location(url="https://example.test/l")
    half = m.ImageOverlay(
        location=place, anchor=("middle", "center"), width=m.Share(Fraction(1, 2)), opacity=Fraction(1, 2)
    )
    gone = m.ImageOverlay(location=place, width=320, height=180, key_color="ff0000")
    made = make(output(), output(overlays=(half,)), output(overlays=(gone,)))
    plain, mixed, keyed = (look(made.path(index)) for index in range(3))
    below, above = plain.color(160, 90), mixed.color(160, 90)
    assert above[0] == pytest.approx((below[0] + 255) / 2, abs=30)
    assert mixed.color(160, 55) != plain.color(160, 55)
    assert apart(keyed.gray(0), plain.gray(0)) < 3


def test_a_text_is_drawn_and_never_parsed(make: Any, look: Any, apart: Any) -> None:
    text = m.TextOverlay(text="',movie=source-0[x];█████", centered=True, font_size=40, color="#00ff00")
    size = m.Size(width=320, height=320)
    made = make(output(video=m.Video(size=size), overlays=(text,)), output(video=m.Video(size=size)))
    with_text, without = look(made.path(0)), look(made.path(1))
    assert with_text.size == (320, 320)
    middle, top = (0, 150, 320, 170), (0, 75, 320, 95)
    assert apart(with_text.gray(10).crop(middle), without.gray(10).crop(middle)) > 5
    assert apart(with_text.gray(10).crop(top), without.gray(10).crop(top)) < 3
    assert "movie" not in made.plan.runs[0].graph


# --- stills -------------------------------------------------------------------------------------


def test_stills(make: Any, media: Path, look: Any, apart: Any) -> None:
    made = make(
        m.Output(
            stills=(
                m.Stills(at=Fraction(1), size=m.Size(width=160)),
                m.Stills(every=Fraction(1, 2), format=m.StillFormat.PNG),
                m.Stills(count=3, format=m.StillFormat.WEBP, size=m.Size(width=100, height=100)),
                m.Stills(at=m.Share(Fraction(1)), format=m.StillFormat.GIF),
                m.Stills(at=Fraction(500), quality=1),
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


def test_a_still_is_as_large_as_asked(make: Any) -> None:
    exact, narrow = m.Size(width=101, height=57, fit=m.Fit.STRETCH), m.Size(width=80)
    stills = [m.Stills(at=Fraction(1), size=exact, format=kind) for kind in m.StillFormat]
    more = (m.Stills(at=Fraction(1), size=narrow), m.Stills(every=Fraction(1), size=narrow))
    made = make(m.Output(stills=(*stills, *more)))
    sizes = [shown(made.many(0, index)[0])[0] for index in range(len(stills) + 2)]
    assert sizes == [(101, 57)] * len(stills) + [(80, 45)] * 2


def test_the_last_picture_shows_until_the_end(make: Any, media: Path, look: Any, apart: Any) -> None:
    """Key frames are 0.4 s apart, the last one at 1.6 s."""
    made = make(m.Output(stills=(m.Stills(every=Fraction(9, 10), key_frames=True),)))
    source = look(media / "clip")
    found = []
    for path in made.many(0, 0):
        with Image.open(path) as image:
            distances = [apart(image.convert("L"), source.gray(at)) for at in range(50)]
        found.append(distances.index(min(distances)))
    assert found == [0, 20, 40]


def test_a_series_of_a_clip(make: Any) -> None:
    stills = (m.Stills(every=Fraction(1, 4)), m.Stills(at=Fraction(0)))
    made = make(m.Output(stills=stills, clip=m.Clip(start=Fraction(1))), m.Output(container="mp4"))
    assert [len(made.many(0, index)) for index in range(2)] == [4, 1]


# --- several sources ----------------------------------------------------------------------------


def test_unlike_sources_become_one(make: Any, look: Any) -> None:
    made = make(
        m.Output(container="mp4"),
        m.Output(
            container="mp4", video=m.Video(size=m.Size(height=90)), clip=m.Clip(start=Fraction(1), duration=Fraction(2))
        ),
        m.Output(stills=(m.Stills(at=Fraction(7)), m.Stills(count=4))),
        sources=("clip", "wide", "turned", "image", "sound"),
        clips=(None, None, m.Clip(start=Fraction(1)), m.Clip(duration=Fraction(1)), None),
    )
    whole, part = look(made.path(0)), look(made.path(1))
    assert made.plan.runs[0].duration == 8
    assert (whole.size, whole.rate, whole.sound) == ((320, 180), 25, (48000, 2))
    assert abs(len(whole.frames) - 200) <= 1
    assert abs(whole.samples - 8 * 48000) <= 3000
    assert whole.color(160, 90, at=int(5.5 * 25))[0] > 200
    assert max(whole.color(160, 90, at=7 * 25)) < 20
    assert (part.size, len(part.frames)) == ((160, 90), 50)
    assert len(made.many(2, 1)) == 4
    assert shown(made.many(2, 0)[0])[0] == shown(made.many(2, 1)[0])[0] == (320, 180)


def test_a_still_picture_becomes_a_clip(make: Any, look: Any) -> None:
    made = make(output(), m.Output(stills=(m.Stills(at=Fraction(1)),)), sources=("image",))
    seen = look(made.path())
    assert (seen.size, len(seen.frames)) == ((300, 300), 125)
    assert shown(made.path(1))[0] == (300, 300)
