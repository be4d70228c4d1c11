"""Caps: what may be less and never more, and overlays at shares of the picture."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.stream import dash_from, hls_from, restream
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import (
    Audio,
    AudioFacts,
    Average,
    ImageOverlay,
    Input,
    Job,
    Location,
    MediaFacts,
    Output,
    Quality,
    Share,
    Size,
    Video,
    VideoFacts,
)

INPUT = Input(location=Location(url="a"))
SOURCE = MediaFacts(
    container="mov",
    size=1000,
    duration=Fraction(4),
    video=(VideoFacts(codec="h264", width=1280, height=720, frame_rate=Fraction(25)),),
    audio=(AudioFacts(codec="aac", sample_rate=48_000, channels=6),),
)


def planned(output: Output, source: MediaFacts = SOURCE) -> tuple[str, dict[str, str]]:
    """The filter graph, and the options of the one file."""
    job = Job(inputs=(INPUT,), outputs=(output,))
    drawn = plan(job, [source], encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS)
    assert not drawn.faults
    (run,) = drawn.runs
    words = run.targets[0].options
    return run.graph, dict(zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("size", "most", "scale"),
    [
        (None, Size(width=640), "scale=640:360"),
        (None, Size(width=640, height=200), "scale=354:200"),
        (None, Size(width=1920, height=1080), ""),
        (Size(width=Share(Fraction(3, 4))), Size(width=640, height=640), "scale=640:360"),
        (Size(width=320, height=100), Size(width=640), "scale="),
    ],
)
def test_a_larger_picture_is_made_smaller_in_its_own_shape(size: Any, most: Size, scale: str) -> None:
    graph, _ = planned(Output(container="mp4", video=Video(size=size, most=most)))
    assert scale in graph if scale else "scale" not in graph


def test_sound_has_at_most_so_many_channels_and_samples() -> None:
    capped = Audio(most_channels=2, most_sample_rate=44_100)
    _, options = planned(Output(container="mp4", audio=capped))
    assert (options["-ac"], options["-ar"]) == ("2", "44100")
    quiet = replace(SOURCE, audio=(AudioFacts(codec="aac", sample_rate=32_000, channels=1),))
    _, options = planned(Output(container="mp4", audio=capped), quiet)
    assert "-ac" not in options
    assert "-ar" not in options


def test_flac_is_no_experiment_of_ours() -> None:
    """FFmpeg 5 takes its place in MP4 for one, and refuses it to those who do not ask for experiments."""
    _, options = planned(Output(container="mp4", audio=Audio(codec="flac")))
    assert options["-strict"] == "experimental"


def test_an_encoder_of_constrained_quality_takes_the_cap_as_its_bitrate() -> None:
    _, options = planned(Output(container="webm", video=Video(codec="vp9", rate=Average(most=900_000)), audio=Audio()))
    assert options["-b:v"] == "900000"
    assert "-maxrate" not in options
    _, options = planned(Output(container="mp4", video=Video(codec="h264", rate=Average(most=900_000))))
    assert options["-maxrate"] == "900000"


AIM = Average(bitrate=500_000)


@pytest.mark.parametrize(
    ("output", "options", "notes"),
    [
        (Output(container="mp4", video=Video(rate=AIM, passes=2, speed="ultrafast")), {"-preset": "ultrafast"}, {}),
        (
            Output(container="webm", video=Video(codec="vp9", rate=AIM, passes=2, speed="ultrafast")),
            {"-deadline": "good"},
            {"video.speed": ("ultrafast", "fast")},
        ),
        (
            Output(container="mp4", video=Video(codec="hevc", b_frames=16, references=16, speed="ultrafast")),
            {"-bf:v": "4", "-refs:v": "6"},
            {"video.b_frames": (16, 4), "video.references": (16, 6)},
        ),
        (
            Output(container="mp4", video=Video(codec="hevc", b_frames=16, speed="placebo")),
            {"-bf:v": "14"},
            {"video.b_frames": (16, 14), "video.speed": ("placebo", "veryfast")},
        ),
        (
            Output(
                container="webm", video=Video(codec="vp9", rate=Quality(level=Fraction(9), most=9_000, buffer=9_000))
            ),
            {"-crf": "9", "-b:v": "9000"},
            {"video.rate.buffer": (None, None)},
        ),
        (
            Output(container="mpeg2", video=Video(rate=Average(bitrate=500_000, least=400_000, buffer=900_000))),
            {"-b:v": "500000"},
            {"video.rate.least": (None, None), "video.rate.buffer": (None, None)},
        ),
        (Output(container="mpegts", audio=Audio(codec="aac", channels=8)), {"-ac": "7"}, {"audio.channels": (8, 7)}),
        (Output(container="mpegts", audio=Audio(codec="opus", channels=8)), {"-c:a": "libopus"}, {}),
    ],
)
def test_what_an_encoder_can_not_have_is_told_and_nothing_else(
    output: Output, options: dict[str, str], notes: dict[str, Any]
) -> None:
    drawn = plan(Job(inputs=(INPUT,), outputs=(output,)), [SOURCE], encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS)
    assert {note.path.removeprefix("outputs.0."): (note.wanted, note.got) for note in drawn.notes} == notes
    words = drawn.runs[-1].targets[0].options
    assert options.items() <= dict(zip(words[::2], words[1::2], strict=True)).items()


def test_what_can_not_be_made_there_can_still_be_copied_there() -> None:
    source = replace(SOURCE, container="matroska", audio=(AudioFacts(codec="vorbis", sample_rate=44_100, channels=2),))
    _, options = planned(Output(container="mp4", audio=Audio(codec="copy")), source)
    assert options["-c:a"] == "copy"


def test_an_overlay_keeps_its_distance_as_a_share() -> None:
    margin = Share(Fraction(2, 100))
    cover = ImageOverlay(location=Location(url="a"), x=margin, y=margin, anchor=("bottom", "right"))
    graph, _ = planned(Output(container="mp4", overlays=(cover,)))
    assert "x=W-w-26:y=H-h-14" in graph


def test_playlists_over_files_are_found_from_anywhere() -> None:
    run = restream([("/a.mp4", SOURCE), ("/b.mp4", SOURCE)])
    assert run.targets[0].maps == ("0:v:0", "1:v:0", "0:a:0")
    master = '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI="media_1.m3u8"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nmedia_0.m3u8\n\n'
    wanted = master.replace("media_", "{o}/f/media_")
    assert hls_from("{o}/f", master) == wanted
    assert (
        dash_from("http://h/f", '<MPD a="b">\n<Period/></MPD>')
        == '<MPD a="b">\n\t<BaseURL>http://h/f/</BaseURL>\n<Period/></MPD>'
    )
