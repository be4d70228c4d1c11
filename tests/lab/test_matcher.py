"""Which trees a matcher means, and what it says of conditions that can't be."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.lab.matcher import Matcher

TREE = {
    "operation": "CreateJob",
    "response": {"status": 200},
    "fault": None,
    "injected": [],
    "intent": {"job": {"outputs": [{"video": {"codec": "h264"}}, {"video": {"codec": "hevc"}}], "hold": True}},
}


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"operation": "CreateJob"},
        {"response.status": 200},
        {"response.status": "200"},
        {"response.status": {"in": ["404", "200"]}},
        {"intent.job.outputs.*.video.codec": "hevc"},
        {"intent.job.outputs.1.video.codec": "hevc"},
        {"intent.job.hold": True},
        {"intent.job.hold": "true"},
        {"operation": {"in": ["GetJob", "CreateJob"]}},
        {"operation": {"like": "Create*"}},
        {"response.status": {"least": 200, "most": 299}},
        {"fault": {"absent": True}},
        {"injected": {"absent": True}},
        {"intent.job": {"absent": False}},
    ],
)
def test_what_matches(wanted: Any) -> None:
    assert Matcher.read(wanted).matches(TREE)
    assert Matcher.read(wanted).misses(TREE) == {}


@pytest.mark.parametrize(
    ("wanted", "instead"),
    [
        ({"operation": "GetJob"}, {"operation": ["CreateJob"]}),
        ({"response.status": 404}, {"response.status": [200]}),
        ({"intent.job.outputs.0.video.codec": "hevc"}, {"intent.job.outputs.0.video.codec": ["h264"]}),
        ({"intent.job.outputs.2.video.codec": "hevc"}, {"intent.job.outputs.2.video.codec": []}),
        ({"intent.job.hold": 1}, {"intent.job.hold": [True]}),
        ({"operation": {"least": 3}}, {"operation": ["CreateJob"]}),
        ({"response.status": {"least": 201}}, {"response.status": [200]}),
        ({"fault": {"absent": False}}, {"fault": []}),
        ({"operation": {"absent": True}}, {"operation": ["CreateJob"]}),
        ({"operation": "CreateJob", "response.status": 500}, {"response.status": [200]}),
        ({f"intent.job.outputs.{'9' * 5000}": 1}, {f"intent.job.outputs.{'9' * 5000}": []}),
    ],
)
def test_what_does_not(wanted: Any, instead: Any) -> None:
    assert not Matcher.read(wanted).matches(TREE)
    assert Matcher.read(wanted).misses(TREE) == instead


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([], "an object"),
        ({"a..b": 1}, "no path"),
        ({"a": [1, 2]}, "{'in': [...]}"),
        ({"a": {"is": 1}}, "a condition is"),
        ({"a": {}}, "a condition is"),
        ({"a": {"in": 3}}, "a list"),
        ({"a": {"like": 3}}, "a text"),
        ({"a": {"least": True}}, "a number"),
        ({"a": {"absent": "no"}}, "true or false"),
        ({"a": {"absent": True, "like": "x"}}, "nothing else"),
        ({str(number): 1 for number in range(101)}, "100"),
    ],
)
def test_what_is_no_matcher(wanted: Any, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        Matcher.read(wanted)
    assert said in str(caught.value)
