"""When a high dynamic range is made a standard one, as a pure plan."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tone import NEEDED
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS

TRACK = m.VideoFacts(codec="hevc", width=640, height=360, frame_rate=Fraction(25), transfer="smpte2084")
GRAPH = (
    "[0:V:0]scale=320:180,setsar=1,zscale=tin=smpte2084:min=2020_ncl:pin=2020:t=linear:npl=100,format=gbrpf32le,"
    "zscale=p=709,tonemap=hable:desat=0,zscale=t=709:m=709:r=limited,format=yuv420p,"
    "sidedata=mode=delete:type=MASTERING_DISPLAY_METADATA,sidedata=mode=delete:type=CONTENT_LIGHT_LEVEL,"
    "sidedata=mode=delete:type=DYNAMIC_HDR_PLUS[v0]"
)


def graph(video: m.Video, track: m.VideoFacts = TRACK, filters: frozenset[str] = NEEDED) -> str:
    source = m.MediaFacts(container="mov", size=1, duration=Fraction(4), video=(track,))
    output = m.Output(container="mp4", video=replace(video, size=m.Size(height=180)))
    job = m.Job(inputs=(m.Input(location=m.Location(url="a")),), outputs=(output,))
    drawn = plan(job, [source], encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS, filters=filters)
    assert drawn.faults == {}
    return drawn.runs[0].graph


def test_eight_bits_get_a_standard_range_after_the_scaling() -> None:
    assert graph(m.Video()) == GRAPH


@pytest.mark.parametrize(
    "given",
    [
        {"track": replace(TRACK, transfer="bt709")},
        {"track": replace(TRACK, transfer=None)},
        {"filters": NEEDED - {"tonemap"}},
        {"video": m.Video(codec="hevc", profile="main10")},
        {"video": m.Video(pixel_format="yuv420p10le")},
        {"video": m.Video(color=m.Color(transfer="smpte2084"))},
        {"video": m.Video(codec="hevc", profile="main422-10")},
    ],
)
def test_others_are_left_alone(given: Any) -> None:
    assert "tonemap" not in graph(**{"video": m.Video(), **given})


def test_the_words_of_the_source_are_passed_on() -> None:
    track = replace(TRACK, transfer="arib-std-b67", matrix="bt2020c", primaries="smpte432")
    assert "zscale=tin=arib-std-b67:min=2020_cl:pin=smpte432:t=linear" in graph(m.Video(), track)
