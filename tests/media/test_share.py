"""Threads where several FFmpegs run side by side."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media.parts import Load, Plan
from mediaglot.gateway.media.share import alone, threads

TRACK = m.VideoFacts(codec="h264", width=640, height=360, frame_rate=Fraction(30))
SOURCE = m.MediaFacts(container="mov", size=1, duration=Fraction(10), video=(TRACK,))
SMALL = Load(encoder="libx264", pixels=320 * 180)
NEW = (9, 0)


def plan(*loads: Load) -> Plan:
    return Plan(runs=(), products={}, faults={}, loads=loads)


@pytest.mark.parametrize(("whole", "count", "found"), [(3, 1, 3), (3, 2, 1), (12, 4, 3), (3, 9, 1), (None, 2, None)])
def test_brief_work_shares_them(whole: int | None, count: int, found: int | None) -> None:
    assert threads(whole, count, plan(SMALL), [SOURCE], NEW) == found


@pytest.mark.parametrize(
    "changed",
    [
        {"release": (6, 1)},
        {"sources": [m.MediaFacts(container="mov", size=1, duration=Fraction(3600), video=(TRACK,))]},
        {"sources": [m.MediaFacts(container="mov", size=1, video=(TRACK,))]},
        {"plan": plan(SMALL, Load(encoder="libx264", pixels=1920 * 1080))},
    ],
    ids=["old", "long", "unknown", "large"],
)
def test_what_takes_long_has_them_all(changed: dict[str, Any]) -> None:
    asked = {"plan": plan(SMALL), "sources": [SOURCE], "release": NEW} | changed
    assert threads(3, 2, **asked) == 3


def test_sound_alone_is_brief() -> None:
    assert threads(3, 2, plan(), [SOURCE], NEW) == 1


@pytest.mark.parametrize(("cores", "found"), [(1, 1), (2, 3), (8, 12)])
def test_one_that_is_alone_has_as_many_as_ffmpeg_would_choose(cores: int, found: int) -> None:
    assert alone(cores) == found
