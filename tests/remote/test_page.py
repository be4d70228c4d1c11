"""docs/testing.md keeps its word, and every verb of the control API can be said in Python."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator, ValidationError

from mediaglot.gateway.faults import WorkFault, by_code, every
from mediaglot.gateway.http import lever, shape
from mediaglot.gateway.http.laboratory import VERBS
from mediaglot.gateway.lab import fate, inbox, journal, matcher, mishap, turn
from mediaglot.gateway.lab.spec import Spec
from mediaglot.gateway.remote import plan
from mediaglot.gateway.remote.sync import Face, Wire
from mediaglot.gateway.script import rule
from mediaglot.testing import Double, World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"


def rows(title: str) -> list[Any]:
    """The JSON documents that the tables of a section begin their rows with."""
    section = PAGE.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [json.loads(cell) for cell in re.findall(r"^\| `({.*?})` \|", section, re.MULTILINE)]


def words(documents: list[Any]) -> set[str]:
    return {word for document in documents for word in document}


def test_all_faults_are_told(world: World) -> None:
    assert words(rows("Faults on the wire")) == {*mishap.ENDS, *mishap.CHANGES}
    for document in rows("Faults on the wire"):
        assert world.faults.add(document).document == document


def test_the_faults_names_are_told() -> None:
    told = PAGE.read_text().partition("The names of faults")[2].partition("## ")[0].partition(":")[2]
    known = {kind.code for kind in every() if kind.__module__ == "mediaglot.gateway.faults"}
    jobs = {kind.code for kind in every(WorkFault)}
    assert set(re.findall(r"`(\w+)`", told)) == known - jobs - {"fault", "lossy", "refused"}
    assert all(by_code(code) for code in re.findall(r"`(\w+)`", told))


def test_all_fates_are_told(world: World) -> None:
    assert words(rows("Messages")) == {*fate.VERBS}
    for document in rows("Messages"):
        assert world.fates.add(document).document == document


def test_all_that_a_world_is_made_with_is_told(world: World) -> None:
    table = PAGE.read_text().partition("A world is made with")[2].partition("\n\nWith")[0]
    told = dict(re.findall(r"^\| (`[^|]+) \| ([^|]+) \|", table, re.MULTILINE))
    assert {word.strip("`") for words in told for word in words.split(", ")} == {each.name for each in fields(Spec)}
    assert told["`start`"].strip("`") == world.spec["start"].replace("+00:00", "Z")
    assert told["`journal`"] == str(world.spec["journal"])


def test_all_conditions_are_told(world: World) -> None:
    assert words(rows("Matchers")) == matcher.WORDS
    for condition in rows("Matchers"):
        assert world.requests.count({"response.status": condition}) == 0


def test_all_moves_of_the_clock_are_told(world: World) -> None:
    for document in rows("Clock"):
        ((word, value),) = document.items()
        next(plan._move(world.clock, word, value))
        assert {"advance", "set", "next", "run"} >= {word}
        world.clock.wire(next(plan._move(world.clock, word, value)))


HERE = Face(Wire("http://127.0.0.1:1"), "worlds/w1")
PLANS: list[Callable[[Face], Generator[Any, Any, Any]]] = [
    plan.show_worlds,
    plan.make_world,
    plan.close,
    plan.reset,
    plan.export,
    plan.snapshot,
    plan.restore,
    lambda here: plan.show_world(here, "w1"),
    lambda here: plan.seed(here, []),
]
ROOMS: dict[str, list[Callable[[Face], Generator[Any, Any, Any]]]] = {
    "": [plan.reset],
    "worlds/w1/clock": [plan.now, lambda here: plan.advance(here, 1)],
    "worlds/w1/jobs": [plan.jobs],
    "worlds/w1/faults": [
        plan.planned,
        plan.add,
        plan.clear,
        lambda here: plan.get(here, "f"),
        lambda here: plan.remove(here, "f"),
    ],
    "worlds/w1/fates": [
        plan.planned,
        plan.add,
        plan.clear,
        lambda here: plan.get(here, "f"),
        lambda here: plan.remove(here, "f"),
    ],
    "worlds/w1/rules": [plan.planned, plan.add, plan.clear, plan.default, lambda here: plan.remove(here, "r")],
    "worlds/w1/journal": [plan.entries, plan.wait, plan.verify, plan.near, plan.forget],
    "worlds/w1/notifications": [
        plan.letters,
        lambda here: plan.letter(here, "n"),
        lambda here: plan.redeliver(here, "n"),
    ],
    "inboxes/w1.x": [plan.messages, plan.wait_for_messages, plan.forget, lambda here: plan.respond(here, 500)],
}


def check(document: Any, schema: Any) -> None:
    Draft202012Validator(schema).validate(document)


def test_the_schemas_have_all_words() -> None:
    turns = {"match", *turn.WORDS}
    assert {*shape.FAULT["properties"]} == {*mishap.WHICH, *mishap.ENDS, *mishap.CHANGES}
    assert {*shape.FATE["properties"]} == {*fate.VERBS} | turns
    assert {*shape.RULE["properties"]} == {*rule.KEYS}
    assert {*shape.SPEC["properties"]} == {each.name for each in fields(Spec)}
    assert {*shape.MOVE["properties"]} == {*lever.MOVES}
    assert ({*shape.REQUEST["required"]}, {*shape.MESSAGE["required"]}) == (journal.FIELDS, inbox.FIELDS)
    assert shape.MATCH["additionalProperties"] is True, "or tools make a type of it that has no fields"
    assert all(verb.shape is not None for verb in VERBS if verb.takes is not None)


@pytest.mark.parametrize(
    ("title", "schema"),
    [("Faults on the wire", shape.FAULT), ("Messages", shape.FATE), ("Clock", shape.MOVE)],
)
def test_the_schemas_take_what_the_page_says(title: str, schema: Any) -> None:
    for document in rows(title):
        check(document, schema)
        with pytest.raises(ValidationError):
            check({**document, "strange": 1}, schema)
        with pytest.raises(ValidationError):
            check({}, {"minProperties": 1, **schema})


def test_every_verb_can_be_said_in_python() -> None:
    asked = [next(each(HERE)) for each in PLANS]
    for room, plans in ROOMS.items():
        asked += [next(each(Face(HERE.wire, room))) for each in plans]
    said = {VERBS.find(ask.method, ask.path)[0].about for ask in asked}
    assert said == {verb.about for verb in VERBS} - {"This document"}


@pytest.mark.heavy
def test_every_verb_answers_over_http(double: Double, world: World, client: Any) -> None:
    """Each with what it says that it takes, where that fits this world."""
    for verb in sorted(VERBS, key=lambda verb: (verb.method == "DELETE", verb.path == "worlds/{world}")):
        world.reset()
        client.create(notify=world.inbox().url)
        world.clock.advance(3600)
        world.snapshot("kept")
        places = {"world": world.id, "letter": world.notifications.list()[0]["id"], "snapshot": "kept"}
        places |= {"fault": world.faults.add(drop=True).id, "fate": world.fates.add(drop=True).id}
        places["rule"] = world.rules.add(outcome={"wait": 60}).id
        path = verb.path.format(**places, box=f"{world.id}.inbox")
        answer = requests.request(verb.method, f"{double.url}/_mediaglot/{path}", json=verb.takes, timeout=60)
        assert answer.status_code == verb.status, (verb.method, verb.path, answer.text)
        check(verb.takes, verb.shape or {})
        check(answer.json(), verb.gives or {"type": "object"})


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.path != "openapi.json"], ids=lambda verb: verb.path)
def test_every_verb_is_told(verb: Any) -> None:
    parts = verb.path.replace("{world}", "ID").split("/")
    room = next((part for part in reversed(parts) if "{" not in part and part != "ID"), "")
    assert room in PAGE.read_text()
