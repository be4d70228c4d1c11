"""Plans run by a real FFmpeg: sizes, turning, time, bad sources."""

from __future__ import annotations

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.parts import Note
from mediaglot.gateway.media.plan import plan

pytestmark = pytest.mark.ffmpeg
Tools = tuple[frozenset[str], frozenset[str]]


def output(container: str = "mp4", video: Any = None, audio: Any = m.SKIP, **more: Any) -> m.Output:
    return m.Output(container=container, video=video, audio=audio, **more)


def test_a_plain_transcode_keeps_size_rate_and_duration(make: Any, look: Any) -> None:
    made = make(m.Output())
    seen = look(made.path())
    assert (seen.video, seen.audio, seen.size, seen.rate, seen.pixels) == ("h264", "aac", (320, 180), 25, "yuv420p")
    assert len(seen.frames) == 50
    assert abs(seen.duration - 2) <= 0.04
    assert seen.sound == (44100, 1)
    assert seen.metadata.get("title") is None
    assert made.plan.products[0][0].duration == 2


# --- sizes --------------------------------------------------------------------------------------

SIZES = {
    "height": (m.Size(height=90), (160, 90)),
    "odd width": (m.Size(width=101), (102, 58)),
    "share": (m.Size(width=m.Share(Fraction(1, 2))), (160, 90)),
    "stretch": (m.Size(width=100, height=100, fit=m.Fit.STRETCH), (100, 100)),
    "inside": (m.Size(width=100, height=100, fit=m.Fit.INSIDE), (100, 56)),
    "pad": (m.Size(width=100, height=100), (100, 100)),
    "crop": (m.Size(width=100, height=100, fit=m.Fit.CROP), (100, 100)),
}


def test_size_rules_in_one_run(make: Any, look: Any) -> None:
    made = make(*(output(video=m.Video(size=size)) for size, _ in SIZES.values()))
    assert len(made.plan.runs) == 1
    seen = {name: look(made.path(index)) for index, name in enumerate(SIZES)}
    assert {name: one.size for name, one in seen.items()} == {name: size for name, (_, size) in SIZES.items()}
    assert max(seen["pad"].color(50, 5)) < 20
    assert max(seen["crop"].color(50, 5)) > 60


def test_anamorphic_odd_source(make: Any, look: Any) -> None:
    made = make(output(), output(video=m.Video(size=m.Size(height=50))), sources=("wide",))
    plain, scaled = look(made.path(0)), look(made.path(1))
    assert (plain.size, plain.aspect) == ((180, 100), 2)
    assert (scaled.size, scaled.aspect) == ((180, 50), 1)


def test_crop_then_pad(make: Any, look: Any) -> None:
    video = m.Video(crop=m.Edges(left=21, right=21, top=10, bottom=10), pad=m.Edges(top=20, bottom=20))
    seen = look(make(output(video=video)).path())
    assert seen.size == (278, 200)
    assert max(seen.color(100, 5)) < 20


# --- turning ------------------------------------------------------------------------------------


def test_the_display_matrix_is_followed_ignored_or_overruled(make: Any, look: Any, apart: Any) -> None:
    outputs = [output(video=m.Video(rotate=turn)) for turn in (None, 0, 90, 180)]
    made = make(*outputs, output("mov", video=m.Video(codec="copy")), sources=("turned",))
    seen = [look(made.path(index)) for index in range(5)]
    assert [one.size for one in seen] == [(180, 320), (320, 180), (180, 320), (320, 180), (320, 180)]
    assert [one.frames[0].rotation for one in seen] == [0, 0, 0, 0, -90]
    assert apart(seen[1].gray(0), seen[3].gray(0).rotate(180)) < 5
    assert apart(seen[1].gray(0), seen[2].gray(0).rotate(90, expand=True)) < 5


def test_shares_of_a_turned_picture_are_of_the_one_before(make: Any, look: Any) -> None:
    half = m.Share(Fraction(1, 2))
    asked = [m.Size(width=half), m.Size(height=half), m.Size(width=half, height=half)]
    made = make(*(output(video=m.Video(rotate=90, size=size)) for size in asked))
    assert [look(made.path(index)).size for index in range(3)] == [(160, 284), (50, 90), (160, 90)]


def test_a_rotation_mark_is_written(make: Any, look: Any) -> None:
    made = make(output(video=m.Video(tag_rotation=90)), output())
    marked, plain = look(made.path(0)), look(made.path(1))
    assert (marked.size, marked.frames[0].rotation) == ((320, 180), -90)
    assert plain.frames[0].rotation == 0


# --- time ---------------------------------------------------------------------------------------


def test_clips_are_exact_by_seek_and_by_filter(make: Any, look: Any) -> None:
    clip = m.Clip(start=Fraction(17, 25), end=Fraction(32, 25))
    alone = make(m.Output(container="mp4", clip=clip))
    seen = look(alone.path())
    assert (len(seen.frames), abs(seen.duration - 0.6) <= 0.04) == (15, True)
    assert "-ss" in alone.plan.runs[0].feeds[0].options


def test_unlike_clips_start_at_the_right_picture(make: Any, look: Any, apart: Any) -> None:
    made = make(
        m.Output(), m.Output(clip=m.Clip(start=Fraction(17, 25), end=Fraction(32, 25))), m.Output(container="mp3")
    )
    whole, part = look(made.path(0)), look(made.path(1))
    assert (len(whole.frames), len(part.frames)) == (50, 15)
    assert abs(part.samples - 0.6 * 44100) <= 2048
    distances = [apart(part.gray(0), whole.gray(at)) for at in range(50)]
    assert distances.index(min(distances)) == 17


def test_input_and_output_clip_add_up(make: Any, look: Any) -> None:
    made = make(output(clip=m.Clip(start=Fraction(1, 5), duration=Fraction(2, 5))), clips=(m.Clip(start=Fraction(1)),))
    assert len(look(made.path()).frames) == 10
    assert made.plan.runs[0].duration == Fraction(2, 5)


def test_frame_rates(make: Any, look: Any) -> None:
    rates = [
        m.FrameRate(value=Fraction(10)),
        m.FrameRate(value=Fraction(10), at_most=True),
        m.FrameRate(value=Fraction(50), at_most=True),
    ]
    made = make(
        *(output(video=m.Video(frame_rate=one)) for one in rates),
        output("mpeg1", video=m.Video(frame_rate=m.FrameRate(value=Fraction(12)))),
    )
    assert [look(made.path(index)).rate for index in range(4)] == [10, 10, 25, Fraction(24000, 1001)]
    assert made.plan.notes == (Note("outputs.3.video.frame_rate"),)


def test_key_frames(make: Any, look: Any) -> None:
    by_distance = m.KeyFrames(seconds=Fraction(1, 2), closed=True)
    by_place = m.KeyFrames(frames=250, at=(Fraction(2, 5), Fraction(6, 5)))
    tune = {"sc_threshold": "0", "keyint_min": "1"}
    made = make(*(output(video=m.Video(key_frames=keys, tune=tune)) for keys in (by_distance, by_place)))
    # seconds count in frames: half a second of 25 fps is 12 frames
    assert look(made.path(0)).keys == pytest.approx([0, 0.48, 0.96, 1.44, 1.92])
    assert look(made.path(1)).keys == pytest.approx([0, 0.4, 1.2])


# --- bad sources --------------------------------------------------------------------------------


def run_on(data: bytes, tmp_path: Path, program: str, has: Tools) -> int:
    job = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=(m.Output(),))
    known = m.MediaFacts(container="mov", size=1, video=(m.VideoFacts(codec="h264", width=320, height=180),))
    (run,) = plan(job, (known,), encoders=has[0], muxers=has[1]).runs
    (tmp_path / "source-0").write_bytes(data)
    (tmp_path / "out-0").mkdir(exist_ok=True)
    return subprocess.run(argv(run, program), cwd=tmp_path, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nsecret.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.ts\n",
    ],
)
def test_a_list_of_files_opens_none(media: Path, tmp_path: Path, program: str, has: Tools, text: str) -> None:
    remux = (program, "-v", "error", "-i", media / "clip", "-c", "copy", tmp_path / "secret.ts")
    subprocess.run(remux, check=True)
    assert run_on(text.encode(), tmp_path, program, has) != 0
    # without the guard FFmpeg does follow it, playlists by their extension only
    shutil.copy(tmp_path / "source-0", tmp_path / "list.m3u8")
    words = (program, "-v", "error", "-i", "list.m3u8", "-f", "null", "-")
    assert subprocess.run(words, cwd=tmp_path, check=False).returncode == 0


def test_half_a_file_is_a_failure(media: Path, tmp_path: Path, program: str, has: Tools) -> None:
    whole = tmp_path / "whole"
    words = ("-v", "error", "-i", media / "clip", "-c", "copy", "-movflags", "+faststart", "-f", "mp4", whole)
    subprocess.run([program, *words], check=True)
    data = whole.read_bytes()
    assert run_on(data, tmp_path, program, has) == 0
    assert run_on(data[: len(data) // 2], tmp_path, program, has) != 0
