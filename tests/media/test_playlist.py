"""Playlists as text: the exact bytes, and the arithmetic behind them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mediaglot.gateway.media import playlist, rfc6381
from mediaglot.gateway.media.playlist import Entry, Segment
from mediaglot.gateway.model import AudioFacts, VideoFacts

BY_FFMPEG = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:5
#EXT-X-MAP:URI="init.mp4"
#EXTINF:5.005000,
00000.m4s
#EXTINF:2.002000,
00001.m4s
#EXT-X-ENDLIST
"""
SEGMENTS = (
    Segment("a b_0.ts", Fraction(10), 1_000_000),
    Segment("a b_1.ts", Fraction("9.6"), 600_000),
    Segment("a b_2.ts", Fraction("0.04"), 50_000),
)
WIDE = VideoFacts(codec="h264", width=1280, height=720, frame_rate=Fraction(30000, 1001))
THIN = VideoFacts(codec="h264", width=360, height=480, frame_rate=Fraction(25), pixel_aspect=Fraction(16, 9))

MASTER = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=900000,AVERAGE-BANDWIDTH=800000,RESOLUTION=1280x720,CODECS="avc1.64001f,mp4a.40.2",FRAME-RATE=29.970,NAME="HD, wide"
720p/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=400000,AVERAGE-BANDWIDTH=300000,RESOLUTION=640x480,FRAME-RATE=25.000
v%C3%ADdeo%20b/index.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=70000,AVERAGE-BANDWIDTH=65000,CODECS="mp4a.40.2"
sound/index.m3u8
"""  # noqa: E501

MEDIA = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-TARGETDURATION:10
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-INDEPENDENT-SEGMENTS
#EXTINF:10.000000,
a%20b_0.ts
#EXTINF:9.600000,
a%20b_1.ts
#EXTINF:0.040000,
a%20b_2.ts
#EXT-X-ENDLIST
"""

LAST_TWO = """#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:10
#EXT-X-MEDIA-SEQUENCE:1
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init.mp4"
#EXTINF:9.600000,
a%20b_1.ts
#EXTINF:0.040000,
a%20b_2.ts
#EXT-X-ENDLIST
"""


def test_the_segments_that_ffmpeg_lists() -> None:
    assert playlist.listed(BY_FFMPEG) == (
        Segment("00000.m4s", Fraction("5.005")),
        Segment("00001.m4s", Fraction("2.002")),
    )
    assert playlist.listed("#EXTM3U\n#EXT-X-ENDLIST\n") == ()


def test_a_master() -> None:
    entries = (
        Entry(
            uri="720p/index.m3u8", peak=900_000, average=800_000, codecs=("avc1.64001f", "mp4a.40.2"), video=WIDE,
            name="HD, wide",
        ),
        Entry(uri="vídeo b/index.m3u8", peak=400_000, average=300_000, video=THIN),
        Entry(uri="sound/index.m3u8", peak=70_000, average=65_000, codecs=("mp4a.40.2",)),
    )  # fmt: skip
    assert playlist.master(entries) == MASTER
    assert playlist.master(entries, fragmented=True) == MASTER.replace("VERSION:3", "VERSION:7")


def test_media_playlists() -> None:
    assert playlist.media(SEGMENTS) == MEDIA
    assert playlist.media(SEGMENTS, init="init.mp4", most=2) == LAST_TWO
    assert playlist.media(SEGMENTS, most=3) == MEDIA


def test_a_last_frame_alone_is_no_peak() -> None:
    """Its own bitrate is 10 Mbit/s; with its neighbour it is near 540 kbit/s."""
    assert playlist.target(SEGMENTS) == 10
    assert playlist.average(SEGMENTS) == -(-8 * 1_650_000 * 100 // 1964)
    assert playlist.peak(SEGMENTS) == 800_000


def test_short_segments_count_together() -> None:
    """Of halves of a second and a target of 2, one alone is under half of it and four are over one and a half."""
    segments = [Segment("a", Fraction(2), 1000), *(Segment("b", Fraction("0.9"), size) for size in (100, 4000, 4000))]
    assert playlist.peak(segments) == -(-8 * 8000 * 10 // 18)


@pytest.mark.parametrize(
    ("seconds", "whole"), [(["9.4", "9.6"], 10), (["5.005"], 5), (["5.5"], 6), (["0.1"], 1), ([], 1)]
)
def test_the_target_is_what_no_segment_rounds_over(seconds: list[str], whole: int) -> None:
    assert playlist.target([Segment("a", Fraction(text)) for text in seconds]) == whole


def test_codecs() -> None:
    wide, hevc = VideoFacts(codec="h264", width=2, height=2), VideoFacts(codec="hevc", width=2, height=2)
    annexb = b"G@\0\x10\0\0\0\1\x09\xf0\0\0\0\1\x67\x4d\x40\x1e\xe8"
    box = b"....avcC\x01\x64\x00\x1f\xff"
    assert rfc6381.video(wide, annexb) == "avc1.4d401e"
    assert rfc6381.video(wide, box) == "avc1.64001f"
    assert rfc6381.video(wide, b"nothing") is None
    main = b"hvcC\x01\x01\x60\0\0\0\x90\0\0\0\0\0\x5d\xf0"
    assert rfc6381.video(hevc, main) == "hvc1.1.6.L93.90"
    high = b"hvcC\x01\x22\x20\0\0\0\xb0\x01\0\0\0\0\x99\xf0"
    assert rfc6381.video(hevc, high) == "hvc1.2.4.H153.b0.1"
    assert rfc6381.video(VideoFacts(codec="vp9", width=2, height=2), box) is None


@pytest.mark.parametrize(
    ("codec", "profile", "word"),
    [
        ("aac", "LC", "mp4a.40.2"),
        ("aac", "HE-AACv2", "mp4a.40.29"),
        ("aac", None, "mp4a.40.2"),
        ("mp3", None, "mp4a.40.34"),
        ("eac3", None, "ec-3"),
        ("opus", None, "opus"),
        ("vorbis", None, None),
    ],
)
def test_sound_codecs(codec: str, profile: str | None, word: str | None) -> None:
    assert rfc6381.audio(AudioFacts(codec=codec, profile=profile)) == word
