"""Our own server keeps the contract: every scene, in every format, over a real socket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.contract.asking import formats

JOBS = 34
ABSENT = {"tpstreams": {"Login", "Logout"}}
"""What a walk cannot bring about: a login where there is a token."""


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_our_own_server_keeps_the_contract(standing: Any, name: str) -> None:
    _, outcome = standing.walk(name, jobs=JOBS, write=True)
    assert [str(each) for each in outcome.findings] == []
    assert set(outcome.missing) == ABSENT.get(name, set())
    assert outcome.passed


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_every_format_is_exercised(standing: Any, name: str) -> None:
    dialect = registry.find(name)
    stage, outcome = standing.walk(name, "look", "format")
    assert [str(each) for each in outcome.findings] == []
    assert {kind for _, kind in stage.exercised} == set(formats(type(dialect)))


@pytest.mark.heavy
def test_nothing_is_changed_unless_it_is_allowed(standing: Any) -> None:
    asked = []

    def listen(request: Any, answer: Any) -> Any:
        asked.append(request)
        return answer

    for name in registry.names():
        stage, outcome = standing.walk(name, alter=listen)
        assert outcome.passed
        assert stage.made == []
        assert any("--jobs" in each.skipped for each in outcome.trials)
        reads = {route.name for route in registry.find(name).routes if route.method == "GET" or route.when}
        tokens = {"token", "Login", "oauth2 token", "Logout", "revoke_token"}
        assert {each for each, _ in stage.exercised} <= reads | tokens


@pytest.mark.heavy
def test_what_is_not_shown_is_left_alone(standing: Any) -> None:
    """An implementation that does not show a setting keeps it: it was there before us."""
    sent: list[Any] = []

    def alter(request: Any, answer: Any) -> Any:
        if "/users/" not in request.path:
            return answer
        if request.method == "PUT":
            sent.append(json.loads(request.body))
            return answer
        return replace(answer, body=answer.body.replace(b'"email"', b'"address"'))

    standing.walk("xvid_mediahub", "look", "link", alter=alter, write=True)
    assert sent
    assert not [each for each in sent if "email" in each["user"]]
