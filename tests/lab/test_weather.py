"""What goes wrong, with which requests, and how often."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from mediaglot.gateway.lab.mishap import LONGEST, latency
from mediaglot.gateway.lab.weather import Weather

OPERATIONS = {"acme": frozenset({"make", "look"}), "zed": frozenset({"order"})}


def weather(*documents: Any) -> Weather:
    made = Weather(OPERATIONS, Random(1))
    for document in documents:
        made.add(document)
    return made


def struck(made: Weather, count: int, operation: str = "look", dialect: str = "acme") -> list[bool]:
    return [made.strike(dialect, operation, {}, 0.0).ends for _ in range(count)]


def test_by_dialect_and_operation() -> None:
    made = weather({"dialect": "acme", "operation": "look", "status": 500})
    assert struck(made, 1) == [True]
    assert struck(made, 1, "make") == [False]
    assert struck(made, 1, "order", "zed") == [False]
    assert [(each.turns.seen, each.turns.hits) for each in made] == [(1, 1)]


def test_the_first_few() -> None:
    assert struck(weather({"drop": True, "first": 2}), 4) == [True, True, False, False]


def test_every_so_many_after_some() -> None:
    assert struck(weather({"drop": True, "every": 2, "skip": 1}), 6) == [False, False, True, False, True, False]


def test_only_what_matches() -> None:
    made = weather({"match": {"intent.job.label": "bad"}, "status": 500})
    assert made.strike("acme", "make", {"intent": {"job": {"label": "bad"}}}, 0.0).status == 500
    assert not made.strike("acme", "make", {"intent": {"job": {"label": "good"}}}, 0.0).ends
    assert not made.strike("acme", None, {"intent": None}, 0.0).ends


def test_a_limit_counts_on_the_clock() -> None:
    made = weather({"limit": {"requests": 2, "seconds": 10, "status": 429}})
    at = [made.strike("acme", "look", {}, now).status for now in (0.0, 1.0, 2.0, 9.9, 10.1, 10.2, 11.5)]
    assert at == [None, None, 429, 429, None, 429, None]


def test_two_things_at_once() -> None:
    made = weather({"latency": 1.0}, {"latency": 0.5, "status": 503}, {"drop": True}, {"slow": 10})
    effects = made.strike("acme", "look", {}, 0.0)
    assert (effects.latency, effects.status, effects.cut, effects.slow) == (1.5, 503, "", 10)
    assert effects.names == ("f1", "f2", "f3", "f4")


def test_the_providers_own_error_by_name() -> None:
    effects = weather({"error": {"code": "conflict", "data": {"id": "7"}}}).strike("acme", "look", {}, 0.0)
    assert effects.fault is not None
    assert (effects.fault.code, effects.fault.data["id"], effects.status) == ("conflict", "7", None)


def test_latencies_are_drawn_from_the_seed() -> None:
    uniform, bell = latency({"uniform": [0.1, 0.2]}), latency({"lognormal": {"median": 0.2, "sigma": 0.5}})
    drawn = [(uniform(Random(seed)), bell(Random(seed))) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(0.1 <= one <= 0.2 and other > 0 for one, other in drawn)
    assert latency(0.3)(Random(1)) == 0.3
    wide = latency({"lognormal": {"median": 0.2, "sigma": 3600}})
    assert all(0 <= wide(Random(seed)) <= LONGEST for seed in range(9))


def test_all_is_well_again() -> None:
    made = weather({"drop": True})
    assert made.remove("f1")
    assert not made.remove("f1")
    assert struck(made, 1) == [False]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "an object"),
        ({}, "what goes wrong"),
        ({"first": 1}, "what goes wrong"),
        ({"status": 500, "drop": True}, "one way"),
        ({"dialect": "nope", "drop": True}, "acme, zed"),
        ({"operation": "lok", "drop": True}, "near are look"),
        ({"operation": [], "drop": True}, "are texts"),
        ({"dialect": {}, "drop": True}, "are texts"),
        ({"dialect": "zed", "operation": "look", "drop": True}, "no operation"),
        ({"staus": 500}, "no 'staus'; there are"),
        ({"status": 99}, "200 to 599"),
        ({"status": "500"}, "200 to 599"),
        ({"error": "nope"}, "no fault"),
        ({"error": {"code": "busy", "data": 3}}, "data is an object"),
        ({"error": {"code": "busy", "retry_after": 3}}, "no 'retry_after'; there are code, data"),
        ({"body": "x", "drop": True}, "goes with a status"),
        ({"drop": 1}, "true or false"),
        ({"drop": True, "first": 0}, "from 1 on"),
        ({"drop": True, "every": "2"}, "from 1 on"),
        ({"drop": True, "match": {"a": []}}, "match:"),
        ({"slow": 0}, "from 1 on"),
        ({"truncate": -1}, "from 0 on"),
        ({"latency": -1}, "latency is a number of seconds"),
        ({"latency": True}, "latency is a number of seconds"),
        ({"latency": {"uniform": [1]}}, "latency is"),
        ({"latency": {"lognormal": {"median": 0, "sigma": 1}}}, "median"),
        ({"limit": {"requests": 0}}, "from 1 on"),
        ({"limit": {"requests": 1, "status": 200}}, "400 to 599"),
        ({"limit": 3}, "limit is an object"),
        ({"limit": {}}, "limit has requests"),
        ({"limit": {"requests": 1, "second": 3}}, "no 'second'"),
        ({"malform": True, "headers": {"a": "b"}}, "headers go with"),
        ({"status": 500, "headers": {"a b": "c"}}, "can't be sent"),
        ({"status": 500, "headers": {"a": "c\r\nd: e"}}, "can't be sent"),
        ({"content_type": "a\r\nb"}, "is a text"),
    ],
)
def test_what_can_not_be_set(document: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        weather(document)
    assert said in str(caught.value)
