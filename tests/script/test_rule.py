"""Rules: which jobs they take, how they count, what they can't mean, and that they are data."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.faults import Busy, Invalid, NotFound
from mediaglot.gateway.model import (
    SKIP,
    Access,
    Audio,
    Average,
    FrameRate,
    Input,
    Job,
    Location,
    Output,
    Secret,
    Video,
)
from mediaglot.gateway.script.rule import OWN, Script

JOB = Job(
    inputs=(Input(location=Location(url="https://h/films/one.mov", access=Access(user="u", password=Secret("p")))),),
    outputs=(
        Output(container="mp4", preset="x", video=Video(codec="hevc", frame_rate=FrameRate(value=Fraction(25, 2)))),
        Output(container="webm", video=Video(rate=Average(bitrate=400_000)), audio=Audio(channels=2)),
        Output(video=SKIP),
    ),
    priority=3,
    tags={"team": "a"},
)
FAIL = {"fail": "encoding"}


def takes(match: Any, job: Job = JOB) -> bool:
    return OWN in Script([{"match": match, "outcome": FAIL}]).direct(job).extras


@pytest.mark.parametrize(
    "match",
    [
        {},
        {"outputs.0.preset": "x"},
        {"outputs[].video.codec": "hevc"},
        {"outputs.[].container": {"in": ["mkv", "webm"]}},
        {"outputs.*.video.codec": "hevc"},
        {"inputs[].location.url": {"like": "*.mov"}},
        {"outputs[].video.rate.bitrate": {"most": 400_000}},
        {"outputs.0.video.frame_rate.value": 12.5},
        {"outputs.0.video.frame_rate.value": {"least": 12.5}},
        {"outputs.1.preset": None},
        {"outputs.1.audio.channels": {"not": 6}},
        {"priority": 3, "tags.team": "a", "hold": False},
    ],
)
def test_a_rule_takes_the_jobs_that_fit(match: Any) -> None:
    assert takes(match)


@pytest.mark.parametrize(
    "match",
    [
        {"outputs.1.preset": "x"},
        {"outputs.7.preset": "x"},
        {"outputs[].video.codec": "h264"},
        {"outputs.0.video.frame_rate.value": {"least": 13}},
        {"inputs[].location.url": {"like": "*.mp4"}},
        {"hold": 0},
        {"priority": "3"},
        {"label": {"least": 1}},
        {"outputs.0.preset": "x", "priority": 4},
    ],
)
def test_and_leaves_the_others(match: Any) -> None:
    assert not takes(match)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"match": {"outputs[].video.colour": "red"}}, "match.outputs[].video.colour"),
        ({"match": {"outputs[].video": "x"}}, "match.outputs[].video"),
        ({"match": {"inputs[].location.access.password": "p"}}, "match.inputs[].location.access.password"),
        ({"match": {"inputs[].location.spelling": "p"}}, "match.inputs[].location.spelling"),
        ({"match": {"document.a": "p"}}, "match.document.a"),
        ({"match": {"priority": {"over": 3}}}, "match.priority"),
        ({"match": {"priority": {"least": "3"}}}, "match.priority"),
        ({"match": {"priority": {"in": 3}}}, "match.priority"),
        ({"match": {"priority": [3]}}, "match.priority"),
        ({"match": {"priority": {"is": {"a": 1}}}}, "match.priority"),
        ({"match": []}, "match"),
        ({"outcome": {"fail": "cooking"}}, "outcome.fail"),
        ({"outcome": {"fail": "encoding", "fault": "missing"}}, "outcome.fault"),
        ({"every": 0}, "every"),
        ({"next": True}, "next"),
        ({"skip": -1}, "skip"),
        ({"id": "a b"}, "id"),
        ({"each": 3}, "rule"),
        ({"match": {"priority": 3}}, "outcome"),
        ("rule", "rule"),
    ],
)
def test_what_it_can_not_mean_is_refused_when_it_is_set(rule: Any, field: str) -> None:
    script = Script()
    with pytest.raises(Invalid) as caught:
        script.add(rule)
    assert caught.value.data["field"] == field
    assert script.rules == []


def hits(**more: Any) -> str:
    script = Script([{"outcome": FAIL, **more}])
    return "".join("x" if OWN in script.direct(JOB).extras else "." for _ in range(12))


def test_of_the_jobs_that_fit_it_takes_some() -> None:
    assert hits(next=2) == "xx.........."
    assert hits(every=3) == "..x..x..x..x"
    assert hits(skip=1, every=3, next=2) == "...x..x....."


def test_rules_count_and_the_first_that_takes_a_job_has_it() -> None:
    script = Script([{"id": "two", "outcome": FAIL, "next": 2}, {"id": "rest", "outcome": {"wait": 5}}])
    marks = [script.direct(JOB).extras[OWN] for _ in range(3)]
    assert marks == [{"fail": "encoding"}, {"fail": "encoding"}, {"wait": "5"}]
    assert [(one["id"], one["seen"], one["hits"]) for one in script.rules] == [("two", 3, 2), ("rest", 1, 1)]


def test_rules_are_data_and_go_on_counting_where_they_were() -> None:
    script = Script([{"match": {"outputs.0.video.frame_rate.value": 12.5}, "outcome": {"fail": "storing"}, "every": 2}])
    script.direct(JOB)
    kept = json.loads(json.dumps(script.rules))
    again = Script(kept)
    assert again.rules == script.rules
    assert OWN in again.direct(JOB).extras


def test_rules_have_names_and_go() -> None:
    script = Script()
    assert [script.add({"outcome": FAIL})["id"] for _ in range(2)] == ["rule-1", "rule-2"]
    script.add({"id": "rule-1", "outcome": {"wait": 1}})
    assert [one["outcome"] for one in script.rules] == [{"wait": "1"}, {"fail": "encoding"}]
    script.remove("rule-1")
    with pytest.raises(NotFound):
        script.remove("rule-1")
    script.clear()
    assert script.rules == []


def test_a_url_comes_before_rules_and_they_before_the_default() -> None:
    script = Script([{"match": {"priority": 3}, "outcome": {"wait": 1}}], default={"wait": 2})
    said = Job(inputs=(Input(location=Location(url="https://media.mediaglot.test/a.mp4?wait=3")),), priority=3)
    assert [script.direct(job).extras[OWN]["wait"] for job in (said, JOB, Job())] == ["3", "1", "2"]


def test_a_job_may_be_refused() -> None:
    script = Script([{"outcome": {"refuse": "busy"}, "next": 1}])
    with pytest.raises(Busy):
        script.direct(JOB)
    assert script.direct(JOB) == JOB


def test_a_job_of_which_nothing_is_told_stays_as_it_is() -> None:
    assert Script().direct(JOB) is JOB


def test_a_rule_without_an_id_takes_nobody_elses() -> None:
    script = Script([{"id": "rule-2", "outcome": {"fail": "encoding"}}])
    assert [script.add({"outcome": {}})["id"], script.add({"outcome": {}})["id"]] == ["rule-3", "rule-4"]
    script.remove("rule-4")
    script.add({"outcome": {}})
    assert [each["id"] for each in script.rules] == ["rule-2", "rule-3", "rule-5"]
