"""Whatever the planner takes, FFmpeg makes: outputs of which each setting is one that a client may well ask for.

A setting that an encoder can't have is refused, or left out and told; it never costs the run.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.encoder import PROFILES, pixel_formats
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.plan import plan

EACH = 6
"""Outputs of each container."""
SOUND = {1: "mono", 2: "stereo", 6: "5.1(side)"}
VIDEO: Mapping[str, Sequence[Any]] = {
    "size": (m.Size(width=128), m.Size(width=99, height=333, fit=m.Fit.PAD), m.Size(height=m.Share(Fraction(1, 3)))),
    "rate": (
        m.Constant(bitrate=600_000),
        m.Constant(bitrate=900_000, padded=True),
        m.Average(bitrate=400_000),
        m.Average(bitrate=m.Share(Fraction(1, 2)), at_most_source=True),
        m.Average(bitrate=400_000, most=800_000, least=200_000),
        m.Average(bitrate=400_000, least=200_000),
        m.Average(bitrate=400_000, buffer=900_000),
        m.Average(most=700_000),
        m.Quality(level=Fraction(5), most=800_000),
        m.Quality(level=Fraction(9)),
    ),
    "frame_rate": tuple(m.FrameRate(value=Fraction(rate)) for rate in ("1", "12", "24000/1001", "50", "120")),
    "key_frames": (
        m.KeyFrames(frames=1),
        m.KeyFrames(frames=12, closed=True),
        m.KeyFrames(seconds=Fraction(1, 2), scene_cuts=False),
        m.KeyFrames(closed=True, scene_cuts=True),
    ),
    "b_frames": (0, 2, 16),
    "references": (1, 16),
    "passes": (2,),
    "speed": ("ultrafast", "medium"),
    "field_order": ("tff",),
    "deinterlace": tuple(m.Deinterlace),
    "crop": (m.Edges(left=3, top=1),),
    "rotate": (0, 90),
    "sync": ("cfr", "vfr"),
    "color": (m.Color(range="pc"),),
}
AUDIO: Mapping[str, Sequence[Any]] = {
    "bitrate": (8_000, 32_000, 128_000, 448_000, m.Share(Fraction(2))),
    "sample_rate": (8_000, 22_050, 48_000, 96_000),
    "channels": (1, 2, 3, 4, 6, 8),
    "volume": (Fraction(1, 2),),
    "resync": (1,),
}


@pytest.fixture(scope="module", params=SOUND, ids=lambda channels: SOUND[channels])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, program: str) -> tuple[Path, int]:
    """Two thirds of a second, with so many channels."""
    path = tmp_path_factory.mktemp("source") / "clip"
    seen = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30000/1001:duration=0.67")
    layout = f"aformat=channel_layouts={SOUND[request.param]}"
    heard = ("-f", "lavfi", "-i", f"sine=440:sample_rate=44100:duration=0.67,{layout}")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "flac", "-f", "matroska")
    subprocess.run([program, "-v", "error", "-nostdin", *seen, *heard, *coded, str(path)], check=True)
    return path, request.param


def facts(channels: int) -> m.MediaFacts:
    picture = m.VideoFacts(codec="h264", width=160, height=120, frame_rate=Fraction(30000, 1001), bitrate=900_000)
    sound = m.AudioFacts(codec="flac", sample_rate=44100, channels=channels, bitrate=96_000)
    return m.MediaFacts(container="matroska", size=90_000, duration=Fraction(67, 100), video=(picture,), audio=(sound,))


def some(chance: random.Random, choices: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return {name: chance.choice(values) for name, values in choices.items() if chance.random() < 0.35}


def wish(name: str, chance: random.Random) -> m.Output:
    known = CONTAINERS[name]
    video = m.Video(codec=chance.choice(known.video), **some(chance, VIDEO)) if known.video else None
    audio = m.Audio(codec=chance.choice(known.audio), **some(chance, AUDIO)) if known.audio else None
    return m.Output(container=name, video=video, audio=audio)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_planned_is_made(name: str, source: tuple[Path, int], has: Any, program: str, tmp_path: Path) -> None:
    path, channels = source
    chance, made = random.Random(f"{name} {channels}"), 0
    (tmp_path / "source-0").symlink_to(path)
    (tmp_path / "out-0").mkdir()
    for _ in range(EACH // len(SOUND)):
        output = wish(name, chance)
        job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=(output,))
        drawn = plan(job, [facts(channels)], encoders=has[0], muxers=has[1])
        assert all(isinstance(fault, Invalid) for fault in drawn.faults.values()), output
        for run in drawn.runs:
            words = argv(run, program, threads=1)
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
            assert done.returncode == 0, f"{output}\n{words}\n{done.stderr[-2000:]}"
        made += len(drawn.runs)
    assert made


PROFILED = {codec: encoders[0] for codec, encoders in ENCODERS.items() if encoders[0] in PROFILES}


@pytest.mark.ffmpeg
@pytest.mark.parametrize("codec", PROFILED)
def test_every_profile_is_made(make: Any, codec: str) -> None:
    encoder = PROFILED[codec]
    kinds = [(word, pixels) for word in PROFILES[encoder] for pixels in pixel_formats(encoder, word)]
    small = m.Video(codec=codec, size=m.Size(width=256, height=120), speed="ultrafast")
    videos = [replace(small, profile=profile, pixel_format=pixels) for profile, pixels in kinds]
    box = next(name for name, known in CONTAINERS.items() if codec in known.video)
    made = make(*(m.Output(container=box, video=video, audio=m.SKIP) for video in videos))
    assert len(made.plan.products) == len(kinds)


@pytest.mark.ffmpeg
def test_sound_and_pictures_do_not_wait_for_each_other(has: Any, program: str, tmp_path: Path) -> None:
    """Of six such runs three stood still for good, while gaps in sound were filled in the graph of the pictures."""
    source = tmp_path / "source-0"
    seen = ("-f", "lavfi", "-i", "testsrc2=size=640x480:rate=30000/1001:duration=1")
    heard = ("-f", "lavfi", "-i", "sine=440:sample_rate=44100:duration=1")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-f", "mp4")
    subprocess.run([program, "-v", "error", "-nostdin", *seen, *heard, *coded, str(source)], check=True)
    picture = m.VideoFacts(codec="h264", width=640, height=480, frame_rate=Fraction(30000, 1001), bitrate=900_000)
    sound = m.AudioFacts(codec="aac", sample_rate=44100, channels=1, bitrate=70_000)
    told = m.MediaFacts(container="mov", size=90_000, duration=Fraction(1), video=(picture,), audio=(sound,))
    quick = m.Video(codec="wmv1", size=m.Size(width=320, height=180), rate=m.Average(bitrate=20_000_000))
    filled = m.Audio(codec="aac", bitrate=8_000, resync=1)
    outputs = (m.Output(container="mp4"), m.Output(container="wmv", video=quick, audio=filled))
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
    (run,) = plan(job, [told], encoders=has[0], muxers=has[1]).runs
    for index in range(len(outputs)):
        (tmp_path / f"out-{index}").mkdir()
    for _ in range(6):
        words = argv(run, program, threads=1)
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
