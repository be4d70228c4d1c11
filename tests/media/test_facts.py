from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.faults import SourceUnreadable
from mediaglot.gateway.media.facts import read_facts
from mediaglot.gateway.model import AudioFacts, MediaFacts, VideoFacts

# What ffprobe 7.0.2 says about a portrait recording, cut to the keys that matter.
PHONE: dict[str, Any] = {
    "streams": [
        {
            "codec_name": "h264",
            "profile": "High",
            "codec_type": "video",
            "width": 320,
            "height": 180,
            "sample_aspect_ratio": "4:3",
            "pix_fmt": "yuv420p",
            "field_order": "tt",
            "r_frame_rate": "30000/1001",
            "avg_frame_rate": "30000/1001",
            "duration": "2.002000",
            "bit_rate": "238433",
            "nb_frames": "60",
            "disposition": {"attached_pic": 0},
            "tags": {"language": "und"},
            "side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}],
        },
        {
            "codec_name": "aac",
            "profile": "LC",
            "codec_type": "audio",
            "sample_rate": "44100",
            "channels": 2,
            "bits_per_sample": 0,
            "duration": "2.000000",
            "bit_rate": "69694",
            "disposition": {"attached_pic": 0},
            "tags": {"language": "deu"},
        },
        {"codec_name": "mov_text", "codec_type": "subtitle", "disposition": {"attached_pic": 0}},
    ],
    "format": {
        "format_name": "mov,mp4,m4a,3gp,3g2,mj2",
        "start_time": "0.000000",
        "duration": "2.002000",
        "bit_rate": "323228",
    },
}


def matroska(**video: Any) -> dict[str, Any]:
    stream = {
        "codec_name": "vp9",
        "codec_type": "video",
        "width": 64,
        "height": 48,
        "avg_frame_rate": "25/1",
        "tags": {"DURATION": "00:01:02.500000000", "BPS": "90000"},
    }
    return {"format": {"format_name": "matroska,webm", "duration": "62.5"}, "streams": [{**stream, **video}]}


def test_everything_that_ffprobe_says_is_read() -> None:
    assert read_facts(PHONE, 80888) == MediaFacts(
        container="mov",
        size=80888,
        duration=Fraction(1001, 500),
        bitrate=323228,
        start=Fraction(0),
        video=(
            VideoFacts(
                codec="h264",
                width=320,
                height=180,
                profile="High",
                frame_rate=Fraction(30000, 1001),
                bitrate=238433,
                duration=Fraction(1001, 500),
                pixel_format="yuv420p",
                pixel_aspect=Fraction(4, 3),
                display_aspect=Fraction(64, 27),
                rotation=90,
                frames=60,
                interlaced=True,
            ),
        ),
        audio=(
            AudioFacts(
                codec="aac",
                sample_rate=44100,
                channels=2,
                profile="LC",
                bitrate=69694,
                duration=Fraction(2),
                language="deu",
            ),
        ),
        subtitles=1,
    )


def test_matroska_hides_duration_and_bitrate_in_tags() -> None:
    track = read_facts(matroska(), 1).video[0]
    assert (track.duration, track.bitrate) == (Fraction(125, 2), 90000)


@pytest.mark.parametrize("aspect", ["0:1", "N/A", None])
def test_an_unknown_pixel_aspect_is_unknown_and_counts_as_square(aspect: str | None) -> None:
    track = read_facts(matroska(sample_aspect_ratio=aspect), 1).video[0]
    assert (track.pixel_aspect, track.display_aspect) == (None, Fraction(4, 3))


@pytest.mark.parametrize(("said", "turn"), [(-90, 90), (90, 270), (180, 180), (-180, 180), (0, 0)])
def test_rotation_is_clockwise(said: int, turn: int) -> None:
    assert read_facts(matroska(side_data_list=[{"rotation": said}]), 1).video[0].rotation == turn


@pytest.mark.parametrize(
    "stream",
    [
        {"disposition": {"attached_pic": 1}},
        {"codec_name": "unknown"},
        {"codec_name": None},
        {"width": 0},
        {"codec_type": "data"},
    ],
)
def test_a_file_without_a_track_that_can_be_decoded_is_refused(stream: dict[str, Any]) -> None:
    with pytest.raises(SourceUnreadable) as caught:
        read_facts(matroska(**stream), 1)
    assert caught.value.data == {"reason": "no_tracks"}


def test_a_picture_that_would_eat_the_memory_is_refused() -> None:
    with pytest.raises(SourceUnreadable) as caught:
        read_facts(matroska(width=16000, height=16000), 1)
    assert caught.value.data == {"reason": "too_many_pixels"}


def test_a_still_has_no_time() -> None:
    document = matroska(codec_name="png", duration="0.04")
    document["format"] = {"format_name": "png_pipe", "duration": "0.04", "bit_rate": "1551800"}
    facts = read_facts(document, 7448)
    track = facts.video[0]
    assert (facts.duration, facts.bitrate, track.duration, track.frame_rate) == (None, None, None, None)


@pytest.mark.parametrize(
    "number", ["9" * 5000, f"1.{'9' * 5000}", f"{'9' * 5000}/1", "9" * 65, "1e999999999", "1e1_0_0_0_0"]
)
def test_numbers_without_end_are_none(number: str) -> None:
    """Tags are the file's own, and Python refuses to read integers of such lengths."""
    for tags in ({"bps": number}, {"duration": f"{number}:00:00"}, {"duration": f"00:00:{number}"}):
        track = read_facts(matroska(tags=tags, duration=number, avg_frame_rate=number), 1).video[0]
        assert (track.bitrate, track.duration) == (None, None)
