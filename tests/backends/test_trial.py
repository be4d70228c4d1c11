"""What is remembered of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest

from mediaglot.gateway.backends.making import STAND_IN
from mediaglot.gateway.backends.trial import KEPT, Trials
from mediaglot.gateway.media.parts import Plan
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import Clip, Input, Job, Location, MediaFacts, Output, Video


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
