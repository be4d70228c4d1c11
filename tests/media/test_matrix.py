"""Every container with every codec, and pair of codecs, that is offered: made, probed, decoded to the last frame."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.faults import UnknownContainer, UnknownEncoder
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.offer import lacking, offered
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS

Tools = tuple[frozenset[str], frozenset[str]]
Pair = tuple[str | None, str | None]

AT_ONCE = 36
"""Outputs of one process."""
LENGTH = Fraction(3, 5)
INPUT = m.Input(location=m.Location(url="https://example.test/a"))
SOURCE = m.MediaFacts(
    container="mov",
    size=1,
    duration=LENGTH,
    video=(m.VideoFacts(codec="h264", width=256, height=144, frame_rate=Fraction(25)),),
    audio=(m.AudioFacts(codec="aac", sample_rate=48_000, channels=2),),
)
READ_AS = {"asf": {"wmv", "asf", "wma"}, "avi": {"avi"}, "mpeg": {"mpeg1", "mpeg2"}, "mpegts": {"mpegts"}}
READ_AS |= {"matroska": {"mkv", "webm"}, "mov": {"mp4", "m4v", "mov", "3gp", "dnxhd", "m4a"}, "ogg": {"ogg", "opus"}}
FORMAT = {name: format_name for format_name, names in READ_AS.items() for name in names} | {"mp2": "mp3"}
"""Container to what probing calls it, where that is not its own name."""
SIZE = m.Size(width=256, height=144)
SIZES = {"h263": m.Size(width=176, height=144)}
SLACK = {"asf": 0.1, "avi": 0.1}
"""Seconds by which a duration may be off: a packet of sound, in some headers two."""


def pairs(name: str) -> list[Pair]:
    video, audio = CONTAINERS[name].video, CONTAINERS[name].audio
    return [(one, other) for one in video or (None,) for other in audio or (None,)]


def job(name: str, wanted: Sequence[Pair]) -> m.Job:
    outputs = tuple(
        m.Output(
            container=name,
            video=m.Video(codec=video, size=SIZES.get(video, SIZE), speed="ultrafast") if video else None,
            audio=m.Audio(codec=audio) if audio else None,
        )
        for video, audio in wanted
    )
    return m.Job(inputs=(INPUT,), outputs=outputs)


@pytest.fixture(scope="session")
def short(program: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "short.mp4"
    picture = f"testsrc2=size=256x144:rate=25:duration={float(LENGTH)}"
    tone = f"sine=440:sample_rate=48000:duration={float(LENGTH)},aformat=channel_layouts=stereo"
    words = ("-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone)
    coding = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    subprocess.run([program, *words, *coding, str(path)], check=True)
    return path


def decoded(program: str, paths: Sequence[Path]) -> str:
    """What FFmpeg has to say while it decodes all of them to their ends; nothing if nothing is wrong."""
    words = [word for path in paths for word in ("-i", str(path))]
    maps = [word for index in range(len(paths)) for word in ("-map", str(index))]
    done = subprocess.run(
        [program, "-v", "error", "-nostdin", "-xerror", *words, *maps, "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if not done.returncode else done.stderr or str(done.returncode)


@pytest.mark.ffmpeg
@pytest.mark.parametrize("name", CONTAINERS)
async def test_all_that_a_container_offers_is_made(
    name: str, has: Tools, short: Path, program: str, tmp_path: Path, look: Any
) -> None:
    gone = lacking(*has).get(name, ())
    wanted = [pair for pair in pairs(name) if not {*pair} & {*gone}]
    assert wanted or gone
    async with Prober(helpers=1) as prober:
        for begin in range(0, len(wanted), AT_ONCE):
            some, folder = wanted[begin : begin + AT_ONCE], tmp_path / str(begin)
            paths = made(job(name, some), folder, has, short, program)
            assert decoded(program, paths) == ""
            for path, pair in zip(paths, some, strict=True):
                check(name, pair, await prober.probe(path), look(path))


def made(asked: m.Job, folder: Path, has: Tools, source: Path, program: str) -> list[Path]:
    drawn = plan(asked, [SOURCE], encoders=has[0], muxers=has[1])
    assert (drawn.faults, drawn.notes) == ({}, ())
    folder.mkdir()
    (folder / "source-0").symlink_to(source)
    for index in drawn.products:
        (folder / f"out-{index}").mkdir()
    (run,) = drawn.runs
    done = subprocess.run(argv(run, program, threads=1), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [folder / drawn.products[index][0].path for index in range(len(drawn.products))]


def check(name: str, pair: Pair, facts: m.MediaFacts, seen: Any) -> None:
    video, audio = pair
    assert facts.container == FORMAT.get(name, name)
    assert [track.codec for track in facts.video] == ([video] if video else [])
    assert [track.codec for track in facts.audio] == ([audio] if audio else [])
    slack = SLACK.get(facts.container, 0.05)
    lengths = [facts.duration, *(track.duration for track in (*facts.video, *facts.audio))]
    assert all(length == pytest.approx(float(LENGTH), abs=slack) for length in lengths if length is not None), (
        pair,
        lengths,
    )
    if video:
        size = SIZES.get(video, SIZE)
        assert (facts.video[0].width, facts.video[0].height) == seen.size == (size.width, size.height)
        assert len(seen.frames) == (9 if video == "gif" else 15)
    if audio:
        assert seen.samples / seen.sound[0] == pytest.approx(float(LENGTH), abs=0.05)


# --- what is not there --------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize("name", CONTAINERS)
def test_a_missing_encoder_is_a_fault_with_its_codec_s_name(name: str) -> None:
    wanted = pairs(name)
    for codec in offered()[name]:
        encoders = (PROMISED_ENCODERS | {"libopencore_amrnb"}) - {*ENCODERS[codec]}
        assert codec in lacking(encoders, PROMISED_MUXERS)[name]
        drawn = plan(job(name, wanted), [SOURCE], encoders=encoders, muxers=PROMISED_MUXERS | {"amr", "mp2"})
        assert drawn.faults.keys() == {number for number, pair in enumerate(wanted) if codec in pair}
        assert all(isinstance(fault, UnknownEncoder) for fault in drawn.faults.values())
        assert {fault.data["codec"] for fault in drawn.faults.values()} == {codec}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_missing_muxer_is_a_fault_with_its_container_s_name(name: str) -> None:
    encoders = PROMISED_ENCODERS | {"libopencore_amrnb"}
    muxers = (PROMISED_MUXERS | {"amr", "mp2"}) - {CONTAINERS[name].muxer}
    assert lacking(encoders, muxers)[name] == offered()[name]
    drawn = plan(job(name, pairs(name)), [SOURCE], encoders=encoders, muxers=muxers)
    assert {type(fault) for fault in drawn.faults.values()} == {UnknownContainer}
    assert {fault.data["container"] for fault in drawn.faults.values()} == {name}


def test_what_is_offered_is_what_we_promise_of_an_ffmpeg() -> None:
    """But for the speech of old telephones, which few builds can make."""
    assert lacking(PROMISED_ENCODERS, PROMISED_MUXERS) == {"3gp": ("amr_nb",), "amr": ("amr_nb",), "mp2": ("mp2",)}


@pytest.mark.ffmpeg
def test_avi_holds_pictures_in_the_order_in_which_they_show(
    has: Tools, short: Path, program: str, tmp_path: Path, look: Any
) -> None:
    """It has no times but the packets' order, so pictures that are stored before their turn would show too early."""
    output = m.Output(container="avi", video=m.Video(codec="h264", speed="fast"), audio=m.SKIP)
    (path,) = made(m.Job(inputs=(INPUT,), outputs=(output,)), tmp_path / "0", has, short, program)
    seen = look(path)
    first = float(seen.frames[0].time)
    assert [float(frame.time) - first for frame in seen.frames] == pytest.approx([n / 25 for n in range(15)])
