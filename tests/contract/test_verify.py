"""Our own server keeps the contract: every scene, in every format, over a real socket."""

from __future__ import annotations

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
