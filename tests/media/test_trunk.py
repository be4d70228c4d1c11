"""What outputs have in common is filtered once: what of it is shared, and that nobody sees it in the files."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.plan import plan

ENCODER_NAMES = frozenset(name for names in ENCODERS.values() for name in names)
MUXERS = frozenset(container.muxer for container in CONTAINERS.values())
ROUGH = m.Quality(level=Fraction(30))


def graph(*videos: m.Video, size: tuple[int, int] = (1920, 1080), clip: m.Clip | None = None) -> str:
    picture = m.VideoFacts(codec="h264", width=size[0], height=size[1], frame_rate=Fraction(25), rotation=0)
    facts = m.MediaFacts(container="mov", size=1, duration=Fraction(9), video=(picture,), audio=(), chapters=0)
    clips = (None, *[clip] * (len(videos) - 1))
    outputs = tuple(m.Output(container="mp4", video=video, clip=cut) for video, cut in zip(videos, clips, strict=True))
    asked = m.Job(inputs=(m.Input(location=m.Location(url="https://example.test/a")),), outputs=outputs)
    made = plan(asked, [facts], encoders=ENCODER_NAMES, muxers=MUXERS)
    assert made.faults == {}
    (run,) = made.runs
    return run.graph


def high(height: int, **more: Any) -> m.Video:
    return m.Video(size=m.Size(height=height), **more)


def stretched(width: int, height: int) -> m.Video:
    return m.Video(size=m.Size(width=width, height=height, fit=m.Fit.STRETCH))


def test_smaller_pictures_are_made_of_greater_ones_whatever_their_order() -> None:
    assert graph(high(240), high(720), high(480)) == (
        "[0:V:0]scale=1280:720,setsar=1,split=2[s1][v1];[s1]scale=854:480,setsar=1,split=2[s2][v2];"
        "[s2]scale=426:240,setsar=1[v0]"
    )


APART = {
    "a picture made greater is no source for others": ((high(720), high(180)), (640, 360)),
    "who names a scaler gets it": ((high(720), high(480, scaler="lanczos")), (1920, 1080)),
    "neither is the narrower one lower": ((stretched(1280, 300), stretched(400, 720)), (1920, 1080)),
    "pixels of another format": ((high(720), high(480, codec="hevc")), (1920, 1080)),
    "a picture that is cut first": (
        (high(720, crop=m.Edges(top=8)), high(480, crop=m.Edges(top=16))),
        (1920, 1080),
    ),
}


@pytest.mark.parametrize(("videos", "size"), APART.values(), ids=APART)
def test_each_is_made_of_the_source_itself(videos: tuple[m.Video, ...], size: tuple[int, int]) -> None:
    assert graph(*videos, size=size).startswith("[0:V:0]split=2[s0][s1];")


def test_what_is_cut_by_filters_goes_its_own_way() -> None:
    cut = graph(high(720), high(480), clip=m.Clip(start=Fraction(2)))
    assert "]trim=start=2,setpts=PTS-2/TB,scale=854:480,setsar=1[v1]" in cut
    assert "scale=1280:720,setsar=1[v0]" in cut


def test_what_is_done_alike_is_done_once() -> None:
    both = {
        "deinterlace": m.Deinterlace.ON,
        "denoise": m.Denoise(luma_spatial=Fraction(4), chroma_spatial=Fraction(3), luma_temporal=Fraction(6)),
    }
    shared = graph(high(720, **both), high(720, rate=ROUGH, **both), high(480, **both), m.Video(**both))
    assert [shared.count(name) for name in ("bwdif", "hqdn3d", "scale=1280:720", "scale=854:480")] == [1, 1, 1, 1]
    assert [shared.count(f"[v{index}]") for index in range(4)] == [1, 1, 1, 1]


@pytest.mark.ffmpeg
def test_the_files_are_those_of_each_output_alone(make: Any) -> None:
    """Where nothing is made of a picture that was scaled already."""
    both = {"deinterlace": m.Deinterlace.ON, "size": m.Size(height=90)}
    outputs = [
        m.Output(container="mp4", audio=m.SKIP, video=m.Video(**both, rate=m.Quality(level=Fraction(level)), **more))
        for level, more in ((20, {}), (35, {}), (30, {"pad": m.Edges(top=10)}))
    ]
    together = make(*outputs)
    assert together.plan.runs[0].graph.count("bwdif") == 1
    files = [together.path(index).read_bytes() for index in range(len(outputs))]
    assert files == [make(one).path().read_bytes() for one in outputs]


@pytest.mark.ffmpeg
def test_a_picture_that_was_scaled_twice_looks_as_one_scaled_once(make: Any, look: Any, apart: Any) -> None:
    outputs = [
        m.Output(container="mp4", audio=m.SKIP, video=high(height, rate=m.Quality(level=Fraction(10))))
        for height in (120, 90, 60)
    ]
    together = make(*outputs)
    assert together.plan.runs[0].graph.count("[0:V:0]") == 1
    seen = [look(together.path(index)) for index in range(len(outputs))]
    for ours, one in zip(seen, outputs, strict=True):
        alone = look(make(one).path())
        assert (ours.size, len(ours.frames)) == (alone.size, len(alone.frames))
        assert apart(ours.gray(25), alone.gray(25)) < 2
