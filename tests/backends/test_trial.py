"""What is remembered of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest

from mediaglot.gateway.backends.trial import KEPT, NOWHERE, STAND_IN, Trials, hangs, stand_in
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import (
    Audio,
    Clip,
    Edges,
    Input,
    Job,
    Location,
    MediaFacts,
    Output,
    Package,
    PackageKind,
    Stills,
    Variant,
    Video,
)


class Drawn:
    """Plans in earnest, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, job: Job, sources: Sequence[MediaFacts]) -> Plan:
        self.count += 1
        return partial(plan, encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS)(job, sources)


JOB = Job(inputs=(Input(location=Location(url="http://h/a.mp4")),), outputs=(Output(container="mp4"),))


@pytest.mark.parametrize(
    ("other", "again"),
    [
        (replace(JOB, inputs=(Input(location=Location(url="http://h/b.mp4")),), label="b"), 1),
        (replace(JOB, inputs=(Input(location=Location(url="http://h/a.mp4"), clip=Clip(start=Fraction(1))),)), 2),
        (replace(JOB, outputs=(Output(container="webm"),)), 2),
        (replace(JOB, outputs=(*JOB.outputs, *JOB.outputs)), 2),
    ],
)
def test_what_a_plan_depends_on_is_planned_for(other: Job, again: int) -> None:
    trials, drawn = Trials(), Drawn()
    assert trials.find(JOB, [STAND_IN], drawn) == trials.find(JOB, [STAND_IN], drawn) == ({}, ())
    trials.find(other, [STAND_IN], drawn)
    assert drawn.count == again


def test_facts_on_the_source_count() -> None:
    trials, drawn = Trials(), Drawn()
    for facts in (STAND_IN, replace(STAND_IN, audio=()), STAND_IN):
        trials.find(JOB, [facts], drawn)
    assert drawn.count == 2


def test_a_fault_is_found_anew_each_time() -> None:
    """It is raised, and one that was raised twice would drag its first request along."""
    bad, trials, drawn = replace(JOB, outputs=(Output(container="mp4", video=Video(codec="vp8")),)), Trials(), Drawn()
    first, second = (trials.find(bad, [STAND_IN], drawn)[0] for _ in range(2))
    assert type(first[0]) is type(second[0])
    assert first[0] is not second[0]


def test_the_latest_are_remembered() -> None:
    trials, drawn = Trials(), Drawn()
    for number in [*range(KEPT + 1), KEPT, 0]:
        trials.find(replace(JOB, outputs=(Output(container="mp4", name=f"{number}.mp4"),)), [STAND_IN], drawn)
    assert drawn.count == KEPT + 2


EDGES = Edges(left=1000, right=900, top=500, bottom=900)
LATE = Clip(start=Fraction(7200), duration=Fraction(5))


@pytest.mark.parametrize(
    "job",
    [
        replace(JOB, outputs=(Output(clip=LATE), Output())),
        replace(JOB, outputs=(Output(clip=Clip(start=Fraction(90), end=Fraction(95))),)),
        replace(JOB, inputs=(Input(location=NOWHERE, clip=Clip(start=Fraction(90))),), outputs=(Output(clip=LATE),)),
        replace(JOB, outputs=(Output(video=Video(crop=EDGES)),)),
        replace(JOB, outputs=(Output(video=Video(crop=EDGES)), Output(video=Video(crop=Edges(left=2))))),
        replace(JOB, outputs=(Output(video=Video(crop=EDGES, rotate=90)),)),
        replace(
            JOB, outputs=(Output(package=Package(kind=PackageKind.HLS, variants=(Variant(video=Video(crop=EDGES)),))),)
        ),
        replace(JOB, outputs=(Output(stills=(Stills(at=Fraction(3600)),), clip=LATE),)),
    ],
)
def test_a_source_that_is_long_and_large_enough_may_come(job: Job) -> None:
    assert Trials().find(job, [stand_in(job)] * len(job.inputs), Drawn())[0] == {}


@pytest.mark.parametrize(
    "output",
    [
        Output(clip=Clip(start=Fraction(90), end=Fraction(80))),
        Output(clip=Clip(start=Fraction(-1))),
        Output(video=Video(crop=Edges(left=20_000))),
        Output(video=Video(crop=Edges(left=-2))),
    ],
)
def test_no_source_is_long_and_large_enough_for_these(output: Output) -> None:
    job = replace(JOB, outputs=(output,))
    assert list(Trials().find(job, [stand_in(job)], Drawn())[0]) == [0]


COPIED = Video(codec="copy")
TAKEN = Audio(codec="copy")


@pytest.mark.parametrize(
    ("output", "open_yet"),
    [
        (Output(container="webm", video=COPIED, audio=TAKEN), True),
        (Output(container="mp3", audio=TAKEN), True),
        (Output(container="webm", video=COPIED), True),
        (Output(container="webm", video=Video(codec="h264")), False),
        (Output(container="webm", video=Video(codec="mpeg4"), audio=TAKEN), False),
        (Output(container="mp3", audio=Audio(codec="opus")), False),
    ],
)
def test_what_is_copied_hangs_on_the_source(output: Output, open_yet: bool) -> None:
    job = replace(JOB, outputs=(output,))
    (fault,) = Trials().find(job, [stand_in(job)], Drawn())[0].values()
    assert hangs(fault, output) is open_yet
