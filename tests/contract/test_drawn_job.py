"""Jobs drawn from schemas: what is sent, what it may not do, and that a server that trips over one is found."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from random import Random
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.furnished import Room
from mediaglot.gateway.contract.judge import schemas
from mediaglot.gateway.contract.stage import Stage, Terms
from mediaglot.gateway.contract.variant import ABSENT, Atlas, Change, Face, changed, changes
from mediaglot.gateway.exchange import CancelJob, CreateJob, Request, Response
from mediaglot.gateway.model import Clip, Job, Output, Video
from mediaglot.gateway.testing.case import read_call
from mediaglot.gateway.wire.schema import stem

PROGRESSION = "immediate"
SCENE = "drawn-job"
JOBS = 8


class Ear:
    """Hears which jobs were asked for, and how they were answered. ``alter`` makes other answers of them."""

    def __init__(self, name: str, alter: Any = None) -> None:
        self.dialect, self.alter = registry.find(name), alter
        self.jobs: list[tuple[Any, Response]] = []
        self.cancelled: list[str] = []

    def __call__(self, request: Request, answer: Response) -> Response:
        reading = read_call(self.dialect, request)
        route = reading.call.route
        if isinstance(reading.intent, CancelJob):
            self.cancelled.append(reading.intent.id)
        if route is None or route.intent is not CreateJob:
            return answer
        self.jobs.append((reading, answer))
        return self.alter(reading, answer) if self.alter else answer


def sent(stage: Any) -> list[str]:
    return [line.name for line in stage.lines if line.scene == "drawn job" and line.exchanges and ": " in line.name]


def kinds(name: str) -> set[tuple[str, str]]:
    known = [each for each in asking.samples(type(registry.find(name))) if not each.wrong]
    return {(each.operation, each.format) for each in known if isinstance(each.reading.intent, CreateJob)}


@pytest.fixture(scope="module")
def plain(standing: Any) -> Any:
    """A walk of each dialect against the server as it is, made once: the stage, the outcome, what was heard."""

    @cache
    def walked(name: str) -> tuple[Any, Any, Ear]:
        ear = Ear(name)
        return *standing.walk(name, SCENE, jobs=JOBS, alter=ear), ear

    return walked


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_our_own_server_takes_them(plain: Any, name: str) -> None:
    """Each kind in each format: valid, from our source, for nobody's ears, and as often as it is allowed."""
    stage, outcome, ear = plain(name)
    assert [str(each) for each in outcome.findings] == []
    assert len(ear.jobs) == len(sent(stage)) == JOBS - stage.jobs_left
    assert {(each.call.route.name, each.call.wire.content_type) for each, _ in ear.jobs} == kinds(name)
    known, good = schemas(type(ear.dialect)), [each for each, _ in ear.jobs if each.fault is None]
    assert len(good) > len(ear.jobs) / 2
    for each, _ in ear.jobs:
        assert known.check(f"{stem(each.call.route.name)}.request", each.call.tree) == []
    for each in good:
        intent: Any = each.intent
        assert (intent.presets, intent.job.notifications) == ((), ())
        assert {source.location.url for source in intent.job.inputs} <= {Terms.source}


def test_they_are_cancelled_as_soon_as_they_were_looked_at(plain: Any) -> None:
    stage, _, ear = plain("tpstreams")
    assert ear.cancelled == stage.made
    assert len(stage.made) == sum(answer.status == 201 for _, answer in ear.jobs)


@pytest.mark.heavy
def test_a_seed_draws_the_same(standing: Any, plain: Any) -> None:
    known = sent(plain("tpstreams")[0])[:4]
    one, two = (sent(standing.walk("tpstreams", SCENE, jobs=4, seed=seed)[0]) for seed in (0, 5))
    assert one == known != two


def test_none_are_drawn_when_no_job_is_left(standing: Any) -> None:
    ear = Ear("tpstreams")
    _, outcome = standing.walk("tpstreams", SCENE, jobs=2, alter=ear)
    assert len(ear.jobs) == 2
    assert "the 2 of --jobs are used up" in outcome.skipped
    _, outcome = standing.walk("tpstreams", SCENE, alter=ear)
    assert len(ear.jobs) == 2
    assert outcome.skipped["--jobs N lets N jobs be created"] == ["drawn job: CreateJob json"]


# --- servers that are broken ------------------------------------------------------------------------------


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "way", "rule"),
    [
        ("encoding_com", "crash", "server_error"),
        ("xvid_mediahub", "shape", "reply"),
        ("tpstreams", "crash", "server_error"),
        ("transparent_edge", "shape", "reply"),
    ],
)
def test_who_trips_over_a_setting_is_found(standing: Any, plain: Any, name: str, way: str, rule: str) -> None:
    """One setting, as it is drawn: a job that has it is answered wrongly, all others rightly."""
    stage, _, ear = plain(name)
    number = next(number for number, (_, answer) in enumerate(ear.jobs) if number and answer.status < 300)
    fatal = ear.jobs[number][0].call.tree

    def trip(reading: Any, answer: Response) -> Response:
        if reading.call.tree != fatal:
            return answer
        return replace(answer, status=500) if way == "crash" else replace(answer, body=odd(answer.body))

    _, outcome = standing.walk(name, SCENE, jobs=number + 1, alter=Ear(name, trip))
    assert {each.exchange for each in outcome.findings} == {sent(stage)[number]}
    assert rule in {each.rule for each in outcome.findings}


def odd(body: bytes) -> bytes:
    """With a field of another name."""
    return body.replace(b"essage", b"essages").replace(b"created_at", b"creation")


def test_who_takes_what_has_to_be_refused_is_found(standing: Any, plain: Any) -> None:
    """And who refuses what has to be taken."""
    ear = plain("tpstreams")[2]
    good = next(answer for _, answer in ear.jobs if answer.status == 201)
    bad = next(answer for _, answer in ear.jobs if answer.status == 400)
    for same, message in ((good, "expected an error with 400"), (bad, "expected no error")):
        _, outcome = standing.walk("tpstreams", SCENE, jobs=4, alter=Ear("tpstreams", lambda _, __, same=same: same))
        assert any(message in each.message for each in outcome.findings)


@pytest.mark.parametrize(
    ("output", "plain"),
    [
        (Output(container="mp4"), True),
        (Output(container="mp4", clip=Clip(start=Fraction(1))), True),
        (Output(container="mp4", clip=Clip(start=Fraction(25))), False),
        (Output(container="mp4", video=Video(codec="h264", pixel_format="640x360")), False),
    ],
)
def test_what_an_implementation_can_make_is_its_own_matter(output: Output, plain: bool) -> None:
    """A source may be shorter, and no schema says which pixel formats there are."""
    stage = Stage(registry.find("encoding_com"), "http://127.0.0.1:1")
    room = Room(stage, (), {}, (), stage.paper())
    assert room.is_plain(Job(inputs=(), outputs=(output,))) is plain


# --- documents --------------------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name", "size"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "size": {"type": "integer", "minimum": 3, "maximum": 5},
        "mode": {"enum": ["a", "b"]},
        "form": {"type": "string", "pattern": "^[x]{9}$"},
        "parts": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/part"}},
    },
    "$defs": {"part": {"type": "object", "required": ["kind"], "properties": {"kind": {"const": "p"}}}},
}


REST = {"$defs": SCHEMA["$defs"]}


def test_values_are_those_of_the_schema() -> None:
    atlas = Atlas({"own": SCHEMA}.__getitem__)
    chance = Random(1)
    drawn = [atlas.value(atlas.face("own"), chance) for _ in range(300)]
    assert {each["size"] for each in drawn} == {3, 4, 5}
    assert {each["mode"] for each in drawn if "mode" in each} == {"a", "b"}
    assert all(each["name"] for each in drawn)
    assert not any("form" in each for each in drawn)
    assert {part["kind"] for each in drawn for part in each.get("parts", ())} == {"p"}


def test_kinds_are_those_of_the_schema() -> None:
    """None is any: nothing is said of what is inside of ``free``, nor of ``open`` itself."""
    atlas = Atlas({"own": {"properties": {**SCHEMA["properties"], "free": {"type": "object"}, "open": {}}, **REST}}.get)
    own = atlas.face("own")
    assert atlas.kinds(own, ("size",)) == {"integer"}
    assert atlas.kinds(own, ("parts", "*")) == {"object"}
    assert atlas.kinds(own, ("parts", "*", "kind")) == frozenset()
    assert atlas.kinds(own, ("free",)) == {"object"}
    assert atlas.kinds(own, ("free", "any", "way")) is atlas.kinds(own, ("open",)) is None


def test_changes_are_at_every_depth_and_apart() -> None:
    atlas, chance = Atlas({"own": SCHEMA}.__getitem__), Random(2)
    tree = {"name": "n", "size": 3, "parts": [{"kind": "q"}]}
    places = list(atlas.places(tree, atlas.face("own")))
    found = [changes(tree, places, atlas, chance) for _ in range(200)]
    assert ("parts", 0, "kind") in {each.place for said in found for each in said}
    for said in found:
        ways = [each.place for each in said]
        assert not any(one != two and two[: len(one)] == one for one in ways for two in ways)


def test_a_change_leaves_the_document_alone() -> None:
    tree = {"a": [{"b": 1}]}
    assert changed(tree, Change(("a", 0, "b"), 2)) == {"a": [{"b": 2}]}
    assert changed(tree, Change(("a", 0, "b"), ABSENT)) == {"a": [{}]}
    assert changed(tree, Change(("x", "b"), 2)) == tree == {"a": [{"b": 1}]}
    assert str(Change(("a", 0, "b"), ABSENT)) == "no a.0.b"
    assert Atlas({}.__getitem__).value(Face(True, ""), Random(0)) is ABSENT
