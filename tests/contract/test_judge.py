"""What the judge says of exchanges that are right, and of ones that are wrong in one place."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.contract.example import code_path
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.exchange import Headers, Response
from mediaglot.gateway.testing.case import Case, folders, read_response


def cases(name: str) -> list[Case]:
    return [each for each in folders(name) if isinstance(each, Case) and each.has("response.http")]


def case(spec: str) -> Case:
    return next(each for each in cases(spec.partition("/")[0]) if str(each) == spec)


def told(spec: str, **changes: Any) -> list[str]:
    """The findings on a fixture's own exchange, with another answer: text replaced, or parts of it."""
    one = case(spec)
    answer = read_response(one.bytes_of("response.http"))
    if "swap" in changes:
        old, new = changes.pop("swap")
        assert old in answer.body
        changes["body"] = answer.body.replace(old, new, 1)
    if "header" in changes:
        name, value = changes.pop("header")
        lines = [line for line in answer.headers if line[0] != name] + ([(name, value)] if value else [])
        changes["headers"] = Headers(lines=tuple(lines))
    return [
        f"{each.place} [{each.rule}]" for each in judge(one.dialect, one.request, replace(answer, **changes)).findings
    ]


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_every_fixture_keeps_the_contract(name: str) -> None:
    wrong = [
        (str(each), str(finding))
        for each in cases(name)
        for finding in judge(each.dialect, each.request, read_response(each.bytes_of("response.http"))).findings
    ]
    assert not wrong


def test_a_finding_points_into_the_schema() -> None:
    one = case("tpstreams/get_job/completed")
    answer = read_response(one.bytes_of("response.http"))
    judgement = judge(one.dialect, one.request, replace(answer, body=answer.body.replace(b'"status"', b'"state"')))
    missing = next(each for each in judgement.told if each.place == "response.body: status")
    assert missing.schema == "common.json#/$defs/job/required"
    assert missing.message == "expected the field 'status', it is missing"
    assert (judgement.operation, judgement.is_error) == ("GetJob", False)


def test_an_answer_that_is_nothing_at_all() -> None:
    one = case("tpstreams/get_job/completed")
    assert judge(one.dialect, one.request, Response(status=599)).is_error


def test_elements_in_another_order() -> None:
    """Destinations and what became of them come in turn; a client pairs them by their places."""
    spec = "encoding_com/get_status/xml_several_destinations"
    one = case(spec)
    body = read_response(one.bytes_of("response.http")).body
    states = re.findall(rb"<destination_status>[^<]*</destination_status>", body)
    assert len(states) > 1
    rest = re.sub(rb"<destination_status>[^<]*</destination_status>", b"", body)
    last = rest.rindex(b"</destination>") + len(b"</destination>")
    assert told(spec, body=rest[:last] + b"".join(states) + rest[last:]) == [
        "response.body: format.destination [order]"
    ]


ODD: Any = ([1], {"a": 1}, "\ud800", 123456789012345678901, float("nan"))


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("name", registry.names())
def test_answers_of_wrong_kinds_are_findings(name: str, odd: Any) -> None:
    """Where the dialect has the code of an error, and in the place of what an answer has first."""
    for one in {each.operation: each for each in cases(name)}.values():
        answer = read_response(one.bytes_of("response.http"))
        for path in (code_path(type(one.dialect)) or ("error",), ("id",)):
            tree: Any = odd
            for part in reversed(path):
                tree = {part: tree}
            changed = replace(answer, body=json.dumps(tree).encode(), status=400)
            assert judge(one.dialect, one.request, changed).told
