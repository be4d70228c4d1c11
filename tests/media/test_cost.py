"""Estimated memory against what FFmpeg 9.0 took. No FFmpeg is run here."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media import cost
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2"})
SIZES = {180: 320, 360: 640, 720: 1280, 1080: 1920}


def source(height: int) -> m.MediaFacts:
    video = m.VideoFacts(
        codec="h264", width=SIZES[height], height=height, frame_rate=Fraction(30), pixel_format="yuv420p"
    )
    audio = m.AudioFacts(codec="aac", sample_rate=44_100, channels=1)
    return m.MediaFacts(container="mov", size=1_000_000, duration=Fraction(4), video=(video,), audio=(audio,))


def video(height: int | None = None, container: str = "mp4", **words: Any) -> m.Output:
    size = m.Size(height=height) if height else None
    return m.Output(container=container, video=m.Video(size=size, **words))


def estimate(height: int, threads: int, *outputs: m.Output, processes: int = 1) -> float:
    """In MiB."""
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
    made = plan(job, [source(height)], encoders=ALL_ENCODERS, muxers=ALL_MUXERS)
    assert not made.faults
    return cost.peak(made, [source(height)], threads, processes) / 2**20


LADDER = tuple(video(height, rate=m.Average(bitrate=height * 4000)) for height in (1080, 720, 480, 240))
COPY = m.Output(container="mp4", video=m.Video(codec=m.COPY), audio=m.Audio(codec=m.COPY))

# name: source's height, threads, MiB measured, outputs
MEASURED: dict[str, tuple[int, int, int, tuple[m.Output, ...]]] = {
    "copy 1080": (1080, 1, 38, (COPY,)),
    "sound only": (1080, 3, 38, (m.Output(container="mp3"),)),
    "180": (180, 1, 47, (video(),)),
    "180, 3 threads": (180, 3, 52, (video(),)),
    "360": (360, 1, 64, (video(),)),
    "360, 3 threads": (360, 3, 76, (video(),)),
    "720": (720, 1, 125, (video(),)),
    "720, 3 threads": (720, 3, 163, (video(),)),
    "1080": (1080, 1, 225, (video(),)),
    "1080, 3 threads": (1080, 3, 314, (video(),)),
    "1080 to 360": (1080, 1, 87, (video(360),)),
    "1080 to 360, 3 threads": (1080, 3, 116, (video(360),)),
    "two of 720": (720, 3, 264, (video(), video(rate=m.Quality(level=Fraction(30))))),
    "medium": (720, 3, 260, (video(speed="medium"),)),
    "slow": (720, 3, 297, (video(speed="slow"),)),
    "two passes": (720, 3, 166, (video(passes=2, rate=m.Average(bitrate=1_000_000)),)),
    "one still": (1080, 3, 88, (m.Output(stills=(m.Stills(at=Fraction(1)),)),)),
    "stills": (1080, 3, 100, (m.Output(stills=(m.Stills(every=Fraction(1)),)),)),
    "hevc 360": (360, 3, 137, (video(codec="hevc"),)),
    "hevc 720": (720, 3, 276, (video(codec="hevc"),)),
    "hevc 720, 1 thread": (720, 1, 243, (video(codec="hevc"),)),
    "hevc 1080": (1080, 3, 484, (video(codec="hevc"),)),
    "hevc medium": (720, 3, 301, (video(codec="hevc", speed="medium"),)),
    "10 bits": (720, 3, 254, (video(pixel_format="yuv420p10le"),)),
    "full colour": (720, 3, 259, (video(pixel_format="yuv444p"),)),
    "vp9 1080": (1080, 3, 377, (video(container="webm", codec="vp9"),)),
    "vp8 1080": (1080, 3, 166, (video(container="webm", codec="vp8"),)),
    "av1 1080": (1080, 3, 471, (video(codec="av1"),)),
    "vp9 360": (360, 3, 111, (video(container="webm", codec="vp9"),)),
    "vp9 720": (720, 3, 216, (video(container="webm", codec="vp9"),)),
    "vp8 360": (360, 3, 55, (video(container="webm", codec="vp8"),)),
    "vp8 720": (720, 3, 97, (video(container="webm", codec="vp8"),)),
    "av1 360": (360, 3, 125, (video(codec="av1"),)),
    "av1 720": (720, 3, 262, (video(codec="av1"),)),
    "mpeg4 720": (720, 3, 80, (video(container="avi", codec="mpeg4"),)),
    "mpeg2 720": (720, 3, 80, (video(container="mkv", codec="mpeg2video"),)),
    "prores 720": (720, 3, 88, (video(container="mov", codec="prores"),)),
    "mjpeg 720": (720, 3, 89, (video(container="mov", codec="mjpeg"),)),
    "dnxhd 360": (360, 3, 82, (video(container="mov", codec="dnxhd"),)),
    "dnxhd 720": (720, 3, 192, (video(container="mov", codec="dnxhd"),)),
    "wmv2 720": (720, 3, 66, (video(container="wmv", codec="wmv2"),)),
    "gif 720": (720, 3, 81, (video(container="gif"),)),
    "theora 720": (720, 3, 73, (video(container="ogg", codec="theora"),)),
}


@pytest.mark.parametrize("name", MEASURED)
def test_the_estimate_is_near_what_was_measured(name: str) -> None:
    height, threads, measured, outputs = MEASURED[name]
    assert 0.9 <= estimate(height, threads, *outputs) / measured <= 1.35


@pytest.mark.parametrize(("threads", "measured"), [(1, 360), (3, 500), (6, 631), (8, 723)])
def test_a_ladder_is_told_from_above(threads: int, measured: int) -> None:
    assert 1 <= estimate(1080, threads, *LADDER) / measured <= 1.2


def test_more_threads_than_ffmpeg_is_given_cost_nothing() -> None:
    assert estimate(720, 8, video()) == estimate(720, 64, video()) > estimate(720, 4, video())


def test_processes_at_the_same_time_add_up() -> None:
    assert estimate(720, 2, video(), processes=3) == 3 * estimate(720, 2, video())


def test_nothing_to_run_takes_nothing() -> None:
    assert cost.peak(Plan(runs=(), products={}, faults={}), [source(720)]) == 0
