"""Interlaced sources become whole pictures, unless the job says otherwise. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS
from mediaglot.gateway.media.plan import plan

VIDEO = m.VideoFacts(codec="mpeg2video", width=720, height=576, frame_rate=Fraction(25), interlaced=True)
TAPE = m.MediaFacts(container="mpegts", size=1, duration=Fraction(10), video=(VIDEO,))
FILM = replace(TAPE, video=(replace(VIDEO, interlaced=False),))
STILL = m.Stills(at=Fraction(1))
SERIES = m.Stills(every=Fraction(2))


def command(output: m.Output, *sources: m.MediaFacts) -> str:
    inputs = tuple(m.Input(location=m.Location(url="https://example.test/a")) for _ in sources)
    encoders = frozenset(name for names in ENCODERS.values() for name in names)
    muxers = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2"})
    made = plan(m.Job(inputs=inputs, outputs=(output,)), sources, encoders=encoders, muxers=muxers)
    assert not made.faults
    return " ".join(word for run in made.runs for word in argv(run, "ffmpeg", threads=2))


@pytest.mark.parametrize(
    ("asked", "deint"),
    [
        (m.Output(), "interlaced"),
        (m.Output(video=m.Video(size=m.Size(height=240))), "interlaced"),
        (m.Output(video=m.Video(field_order="progressive")), "interlaced"),
        (m.Output(video=m.Video(deinterlace=m.Deinterlace.AUTO)), "interlaced"),
        (m.Output(video=m.Video(deinterlace=m.Deinterlace.ON)), "all"),
        (m.Output(video=m.Video(deinterlace=m.Deinterlace.OFF)), None),
        (m.Output(video=m.Video(field_order="tff")), None),
        (m.Output(stills=(STILL,)), "interlaced"),
        (m.Output(stills=(SERIES,)), "interlaced"),
    ],
)
def test_fields_are_brought_together(asked: m.Output, deint: str | None) -> None:
    text = command(asked, TAPE)
    assert text.count("bwdif") == (0 if deint is None else 1)
    assert deint is None or f"deint={deint}" in text


@pytest.mark.parametrize("asked", [m.Output(), m.Output(stills=(STILL,)), m.Output(stills=(SERIES,))])
def test_whole_pictures_are_left_alone(asked: m.Output) -> None:
    assert "bwdif" not in command(asked, FILM)


def test_joined_sources_are_made_whole_before_they_are_scaled() -> None:
    chains = command(m.Output(video=m.Video(deinterlace=m.Deinterlace.AUTO)), FILM, TAPE).split(";")
    joined = {pad: next(chain for chain in chains if chain.endswith(f"[jv{pad}]")) for pad in (0, 1)}
    assert "bwdif" not in joined[0]
    assert joined[1].index("bwdif") < joined[1].index("fps=")
