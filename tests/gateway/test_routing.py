"""Which routes a request may be for."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import MethodNotAllowed, UnknownAction
from mediaglot.gateway.routing import Routing, wanted


class Route(NamedTuple):
    method: str
    path: str
    when: str | None = None


ADD, STOP, ANY = Route("POST", "/", "Add"), Route("POST", "/", "Stop"), Route("POST", "/")
NEWEST, ONE, CHANGE = Route("GET", "/jobs/newest"), Route("GET", "/jobs/{id}"), Route("PUT", "/jobs/{id}")
ROUTING = Routing((ADD, STOP, ONE, CHANGE, NEWEST))


def asked(method: str, path: str) -> Request:
    return Request(method=method, path=path)


def test_all_that_share_a_path_and_a_method_may_be_meant() -> None:
    assert ROUTING.candidates(asked("POST", "/"), "/") == [(ADD, {}), (STOP, {})]


def test_parameters_of_a_path_are_told_and_a_plain_path_goes_before_them() -> None:
    assert ROUTING.candidates(asked("GET", "/jobs/7"), "/jobs/7") == [(ONE, {"id": "7"})]
    assert ROUTING.candidates(asked("GET", "/jobs/newest"), "/jobs/newest") == [(NEWEST, {})]
    assert ROUTING.on_path("/jobs/7") == [(ONE, {"id": "7"}), (CHANGE, {"id": "7"})]


def test_a_path_is_looked_up_as_the_dialect_says_and_named_as_it_was_asked() -> None:
    assert ROUTING.candidates(asked("GET", "/v1/jobs/7"), "/jobs/7") == [(ONE, {"id": "7"})]
    with pytest.raises(UnknownAction) as unknown:
        ROUTING.candidates(asked("GET", "/v1/nothing"), "/nothing")
    assert unknown.value.data["name"] == "/v1/nothing"
    assert ROUTING.on_path("/jobs/7/8") == []


@pytest.mark.parametrize(("path", "allowed"), [("/jobs/7", "GET, PUT"), ("/", "POST")])
def test_another_method_is_told_which_there_are(path: str, allowed: str) -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTING.candidates(asked("DELETE", path), path)
    assert refused.value.data == {"name": "DELETE", "allowed": allowed}


def test_the_verb_decides_whatever_its_case_and_a_route_without_one_takes_all() -> None:
    both = [(ADD, {}), (STOP, {})]
    assert wanted(both, "STOP") == (STOP, {})
    assert wanted(both, "Start") == (None, {})
    assert wanted([*both, (ANY, {})], "Start") == (ANY, {})
