"""What ``on`` of a route can name: every reason that the code gives, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaglot.gateway import faults
from mediaglot.gateway.backends.reason import REASONS, check
from mediaglot.gateway.backends.rules import LOCAL, Rule
from mediaglot.gateway.backends.rules import check as check_rule

GATEWAY = Path(__file__).resolve().parents[2] / "gateway"
ELSEWHERE = ("contract", "lab", "script", "testing")
"""Rooms without work, or with other people's words for its faults."""


def trees() -> Iterator[ast.Module]:
    for path in sorted(GATEWAY.rglob("*.py")):
        if path.relative_to(GATEWAY).parts[0] not in ELSEWHERE and path.name != "reason.py":
            yield ast.parse(path.read_text())


def given(call: ast.Call) -> Iterator[tuple[str, str]]:
    """The code and the reason of a fault that is made of words."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    fault = getattr(faults, name, None)
    if isinstance(fault, type) and issubclass(fault, faults.WorkFault):
        for keyword in call.keywords:
            if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant):
                yield fault.code, str(keyword.value.value)


def test_each_reason_that_is_given_can_be_named() -> None:
    calls = [call for tree in trees() for call in ast.walk(tree) if isinstance(call, ast.Call)]
    found = {pair for call in calls for pair in given(call)}
    assert len(found) > 70
    for code, reason in found:
        check(f"{code}:{reason}")


def test_each_reason_that_can_be_named_is_given() -> None:
    words = {node.value for tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    listed = {reason for known in REASONS.values() for reason in known}
    elsewhere = {"not_on_tape"}
    """By tapes."""
    assert listed - words == elsewhere


@pytest.mark.parametrize(
    "word",
    [
        "fault",
        "work_fault:breaker",
        "encoding_failed:timeout",
        "provider_failed:unauthorized",
        "provider_failed:download_source_missing",
        "provider_failed:ClientConnectorError",
        "provider_failed:no id",
        "source_unreachable:stall",
        "source_missing:Not Found",
        "delivery_failed:whatever they say",
    ],
)
def test_what_can_be_named(word: str) -> None:
    check(word)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("bad_luck", "'bad_luck' is the code of no fault, as killed, no_space, .* are"),
        ("unauthorized", "'unauthorized' ends no job; a provider that says so is 'provider_failed:unauthorized'"),
        ("provider_failed:timed_out", "provider_failed has no reason 'timed_out'; did you mean 'timeout'\\?"),
        ("source_missing:not found", "source_missing has no reason 'not found'; there are .*what the server said .*"),
        ("source_timeout:slow", "source_timeout has no reason 'slow'; there are connect, stall, total"),
        ("killed:memory", "killed has no reason 'memory'; it has none"),
    ],
)
def test_what_can_not_be_named_is_refused_with_a_hint(word: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"^on: .*{hint}$") as caught:
        check_rule(Rule(to=(LOCAL,), on=frozenset({word, "stalled"})), frozenset())
    assert "\n" not in str(caught.value)
