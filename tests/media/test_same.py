"""What is copied because it is already as it is asked for, and what is not. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "hls"})

PICTURE = m.VideoFacts(
    codec="h264",
    width=1280,
    height=720,
    profile="High",
    frame_rate=Fraction(30),
    bitrate=1_200_000,
    duration=Fraction(60),
    frames=1800,
    pixel_format="yuv420p",
)
SOUND = m.AudioFacts(codec="aac", sample_rate=48_000, channels=2, profile="LC", bitrate=96_000)
SOURCE = m.MediaFacts(
    container="mov", size=9_000_000, duration=Fraction(60), bitrate=1_300_000, video=(PICTURE,), audio=(SOUND,)
)
CLIP = m.Clip(start=Fraction(1), end=Fraction(2))


def job(*outputs: m.Output, clip: m.Clip | None = None, sources: int = 1) -> m.Job:
    source = m.Input(location=m.Location(url="https://example.test/a.mp4"), clip=clip)
    return m.Job(inputs=(source,) * sources, outputs=outputs)


def make(asked: m.Job, source: m.MediaFacts = SOURCE, *, copy: bool = True) -> Plan:
    made = plan(asked, [source] * len(asked.inputs), encoders=ALL_ENCODERS, muxers=ALL_MUXERS, copy=copy)
    assert not made.faults
    return made


def copied(output: m.Output, source: m.MediaFacts = SOURCE, **more: Any) -> tuple[bool, bool]:
    """Whether the picture and the sound of the only output are copied."""
    options = make(job(output, **more), source).runs[-1].targets[0].options
    pairs = set(pairwise(options))
    return ("-c:v", "copy") in pairs, ("-c:a", "copy") in pairs


def video(**words: Any) -> m.Output:
    return m.Output(container="mp4", video=m.Video(**words))


def sound(**words: Any) -> m.Output:
    return m.Output(container="mp4", audio=m.Audio(**words))


MET = {
    "nothing": m.Output(container="mp4"),
    "another container": m.Output(container="mkv"),
    "its codec": video(codec="h264"),
    "its size": video(size=m.Size(width=1280, height=720)),
    "a size that it fits into": video(most=m.Size(width=1920, height=1080)),
    "its frame rate": video(frame_rate=m.FrameRate(value=Fraction(30))),
    "a ceiling of frame rates": video(frame_rate=m.FrameRate(value=Fraction(60), at_most=True)),
    "its profile": video(profile="high"),
    "its pixels": video(pixel_format="yuv420p"),
    "a cap": video(rate=m.Average(most=1_200_000)),
    "a rate that gives way to the source's": video(rate=m.Average(bitrate=2_000_000, at_most_source=True)),
    "all of the source's rate": video(rate=m.Average(bitrate=m.Share(Fraction(1)))),
    "as much effort as there is": video(speed="veryslow"),
    "its sound": sound(codec="aac", sample_rate=48_000, channels=2, profile="lc"),
    "a ceiling of sample rates": sound(most_sample_rate=48_000, most_channels=6),
    "a bitrate of sound that gives way": sound(bitrate=128_000, at_most_source=True),
    "a level that stays": sound(volume=Fraction(1)),
}

ENCODED_VIDEO = {
    "codec": {"codec": "hevc"},
    "size": {"size": m.Size(height=480)},
    "a smaller most": {"most": m.Size(width=640)},
    "frame rate": {"frame_rate": m.FrameRate(value=Fraction(25))},
    "a lower ceiling": {"frame_rate": m.FrameRate(value=Fraction(25), at_most=True)},
    "bitrate": {"rate": m.Average(bitrate=1_200_000)},
    "less than the source's": {"rate": m.Average(bitrate=1_000_000, at_most_source=True)},
    "a lower cap": {"rate": m.Average(most=1_000_000)},
    "buffer": {"rate": m.Average(most=2_000_000, buffer=2_000_000)},
    "floor": {"rate": m.Average(least=500_000, bitrate=2_000_000, at_most_source=True)},
    "half of the source's": {"rate": m.Average(bitrate=m.Share(Fraction(1, 2)))},
    "constant rate": {"rate": m.Constant(bitrate=1_200_000)},
    "quality": {"rate": m.Quality(level=Fraction(18))},
    "profile": {"profile": "main"},
    "level": {"level": "3.1"},
    "pixels": {"pixel_format": "yuv422p"},
    "key frames": {"key_frames": m.KeyFrames(frames=60)},
    "references": {"references": 2},
    "b frames": {"b_frames": 0},
    "crop": {"crop": m.Edges(left=2)},
    "pad": {"pad": m.Edges(left=2)},
    "turn": {"rotate": 90},
    "turned mark": {"tag_rotation": 90},
    "denoise": {"denoise": m.Denoise(luma_spatial=Fraction(1), chroma_spatial=Fraction(1), luma_temporal=Fraction(1))},
    "fade": {"fade_in": m.Fade(start=Fraction(0), duration=Fraction(1))},
    "aspect": {"display_aspect": Fraction(4, 3)},
    "colour": {"color": m.Color(range="tv")},
    "field order": {"field_order": "tff"},
    "sync": {"sync": "cfr"},
    "fine settings": {"tune": {"qmin": "10"}},
    "deinterlacing": {"deinterlace": m.Deinterlace.ON},
}

ENCODED_SOUND = {
    "codec": {"codec": "mp3"},
    "bitrate": {"bitrate": 96_000},
    "less than the source's": {"bitrate": 64_000, "at_most_source": True},
    "sample rate": {"sample_rate": 44_100},
    "channels": {"channels": 1},
    "a lower ceiling": {"most_channels": 1},
    "volume": {"volume": Fraction(1, 2)},
    "loudness": {"loudness": m.Loudness(integrated=Fraction(-23))},
    "fade": {"fade_out": m.Fade(start=Fraction(59), duration=Fraction(1))},
    "resync": {"resync": 100},
}


@pytest.mark.parametrize("name", MET)
def test_what_the_source_is_already_is_copied(name: str) -> None:
    assert copied(MET[name]) == (True, True)


@pytest.mark.parametrize("name", ENCODED_VIDEO)
def test_what_the_picture_is_not_yet_is_encoded_and_the_sound_beside_it_copied(name: str) -> None:
    assert copied(video(**ENCODED_VIDEO[name])) == (False, True)


@pytest.mark.parametrize("name", ENCODED_SOUND)
def test_what_the_sound_is_not_yet_is_encoded_and_the_picture_beside_it_copied(name: str) -> None:
    assert copied(sound(**ENCODED_SOUND[name])) == (True, False)


def of(picture: dict[str, Any] | None = None, audio: dict[str, Any] | None = None, **more: Any) -> m.MediaFacts:
    return replace(
        SOURCE, video=(replace(PICTURE, **(picture or {})),), audio=(replace(SOUND, **(audio or {})),), **more
    )


ODD_SOURCES = {
    "turned by a mark": (of({"rotation": 90}), (False, True)),
    "interlaced": (of({"interlaced": True}), (False, True)),
    "of other pixels": (of({"pixel_format": "yuv420p10le"}), (False, True)),
    "of unknown pixels": (of({"pixel_format": None}), (False, True)),
    "of odd size": (of({"width": 1279}), (False, True)),
    "of oblong pixels": (of({"pixel_aspect": Fraction(4, 3)}), (False, True)),
    "of another codec": (of({"codec": "hevc"}, {"codec": "opus"}), (False, False)),
    "without time stamps": (of(container="avi"), (False, False)),
    "with hidden pictures": (of({"frames": 1803}), (False, False)),
    "with an unknown number of pictures": (of({"frames": None}), (False, False)),
    "that tells no number and hides nothing": (of({"frames": None}, container="matroska"), (True, True)),
    "of efficient sound": (of({}, {"profile": "HE-AAC"}), (True, False)),
}


@pytest.mark.parametrize("name", ODD_SOURCES)
def test_a_source_that_is_not_as_results_are_is_encoded(name: str) -> None:
    source, expected = ODD_SOURCES[name]
    assert copied(m.Output(container="mp4"), source) == expected


def test_an_unknown_bitrate_meets_no_ceiling() -> None:
    source = replace(of({"bitrate": None}, {"bitrate": None}), bitrate=None)
    assert copied(video(rate=m.Average(most=9_000_000)), source) == (False, True)
    assert copied(sound(bitrate=900_000, at_most_source=True), source) == (True, False)


def test_nothing_is_copied_of_a_part_or_of_several_sources() -> None:
    whole = m.Output(container="mp4")
    assert copied(replace(whole, clip=CLIP)) == (False, False)
    assert copied(whole, clip=CLIP) == (False, False)
    assert copied(whole, sources=2) == (False, False)


def test_the_sound_that_is_asked_for_is_the_one_that_is_looked_at() -> None:
    source = replace(SOURCE, audio=(SOUND, replace(SOUND, codec="opus", profile=None)))
    for track, expected in ((1, True), (2, False)):
        assert copied(sound(track=track), source) == (True, expected)
    swapped = replace(source, audio=tuple(reversed(source.audio)))
    (run,) = make(job(sound(track=2)), swapped).runs
    assert run.targets[0].maps == ("0:V:0", "0:a:1")
    assert "aac" not in run.targets[0].options


def test_no_track_of_a_package_is_copied() -> None:
    assert copied(m.Output(package=m.Package(kind=m.PackageKind.HLS))) == (False, False)


def test_a_picture_under_a_text_is_encoded() -> None:
    asked = m.Output(container="mp4", overlays=(m.TextOverlay(text="x"),))
    assert copied(asked) == (False, True)


def test_without_leave_nothing_is_copied() -> None:
    options = make(job(m.Output(container="mp4")), copy=False).runs[0].targets[0].options
    assert "copy" not in options


def test_a_ladder_with_a_rung_like_the_source_still_decodes_once() -> None:
    small = video(size=m.Size(height=360), rate=m.Average(bitrate=500_000))
    smaller = video(size=m.Size(height=180), rate=m.Average(bitrate=200_000))
    (run,) = make(job(m.Output(container="mp4"), small, smaller)).runs
    assert [feed.path for feed in run.feeds] == ["source-0"]
    assert [target.maps for target in run.targets] == [("0:V:0", "0:a:0"), ("[v1]", "0:a:0"), ("[v2]", "0:a:0")]


def test_the_command_of_a_remux_keeps_the_source_s_clock() -> None:
    (run,) = make(job(m.Output(container="mp4"))).runs
    words = list(argv(run, "ffmpeg", threads=2))
    tail = "-i source-0 -map 0:V:0 -map 0:a:0 -threads 2 -c:v copy -c:a copy -map_metadata -1 -map_chapters 0"
    assert words[words.index("-i") :] == [*tail.split(), *"-movflags +faststart -f mp4 out-0/media.mp4".split()]
