"""Each dialect as an OpenAPI document: stock validators take it, nothing is lacking, its examples are the fixtures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from mediaglot.gateway import cli, registry
from mediaglot.gateway.contract.openapi import document
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.testing.case import Case, folders
from mediaglot.gateway.wire.schema import stem

NAMES = registry.names()
METHODS = {"get", "post", "put", "delete"}


@cache
def described(name: str) -> dict[str, Any]:
    return document(registry.find(name), [f"http://127.0.0.1:8080/{name}"])


def operations(name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in described(name)["paths"].items():
        assert item.keys() <= METHODS
        for method, operation in item.items():
            yield path, method.upper(), operation


def problems(name: str, schema: Any, value: Any) -> list[str]:
    validator = Draft202012Validator({**schema, "components": described(name)["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_a_stock_validator_takes_it(name: str) -> None:
    OpenAPIV31SpecValidator(described(name)).validate()


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_there_with_its_evidence(name: str) -> None:
    found = {}
    for path, method, operation in operations(name):
        many = operation.get("x-operations", {operation["summary"]: operation})
        found |= {title: (method, path, each["x-evidence"]) for title, each in many.items()}
        for other in operation.get("x-also-at", ()):
            assert any((route.method, route.path) == (method, other) for route in registry.find(name).routes)
    assert found == {
        route.name: (route.method, route.path, route.evidence) for route in reversed(registry.find(name).routes)
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_of_a_path_and_every_schema_is_told(name: str) -> None:
    for path, _, operation in operations(name):
        told = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert told == {part[1:-1] for part in path.split("/") if part.startswith("{")}
    used = described(name)["components"]["schemas"].keys()
    dialect = registry.find(name)
    # Those that describe parameters have been taken apart; a playlist and an empty answer are no documents.
    wanted = {f"{stem(route.name)}.reply" for route in dialect.routes if is_document(dialect, route.name)}
    assert wanted | {"error.reply"} <= used


def is_document(dialect: Dialect, operation: str) -> bool:
    cases = [case for case in folders(dialect.name) if isinstance(case, Case) and case.operation == stem(operation)]
    kinds = {case.bytes_of("response.http").partition(b"\n\n")[0] for case in cases if case.has("response.http")}
    return any(b" 20" in head.splitlines()[0] and b"application/json" in head for head in kinds)


@pytest.mark.parametrize("name", NAMES)
def test_statuses_are_those_of_the_table_of_faults(name: str) -> None:
    for _, _, operation in operations(name):
        faults = [reply.get("x-faults", {}) for reply in operation["responses"].values()]
        told = {code: each for found in faults for code, each in found.items()}
        assert told.keys() >= {"unauthorized", "not_found", "invalid", "missing", "internal"}
        assert all(each["text"] for each in told.values())


def examples(name: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Where each example is, the media type object that it is in, and its value."""
    for path, method, operation in operations(name):
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for place, body in bodies.items():
            for kind, content in body.get("content", {}).items():
                for title, example in content.get("examples", {}).items():
                    yield f"{method} {path} {place} {kind} {title}", content, example["value"]


@pytest.mark.heavy
@pytest.mark.parametrize("name", NAMES)
def test_examples_are_the_fixtures_and_valid(name: str) -> None:
    wrong, seen = [], set()
    for place, content, value in examples(name):
        title = place.rpartition(" ")[2]
        seen.add(title)
        tree = value
        if "xml " in place and " request " not in place and content["schema"] != {"type": "string"}:
            tree = answered(name, title)
        wrong += [f"{place}: {each}" for each in problems(name, content["schema"], tree)]
    assert wrong == []
    known = {f"{case.operation}/{case.name}" for case in folders(name) if isinstance(case, Case)}
    assert seen <= known
    assert len(seen) > len(known) / 2


def answered(name: str, title: str) -> Any:
    """The document of a fixture's answer."""
    case = next(each for each in folders(name) if isinstance(each, Case) and f"{each.operation}/{each.name}" == title)
    reading = case.read()
    result = reading.fault or case.result
    assert result is not None
    return reading.call.wire.read_answer(case.dialect.render_response(reading.call, result).body)


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_kept(name: str) -> None:
    text = json.dumps(described(name))
    assert text.count('"x-evidence"') > 100
    assert "common.json" not in text


def test_a_verb_in_the_body_is_told_by_the_schemas() -> None:
    operation = described("encoding_com")["paths"]["/"]["post"]
    form = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    fields = {field: each["properties"][field] for each in form["oneOf"] for field in each["properties"]}
    assert fields.keys() == {"xml", "json"}
    inner = fields["json"]["contentSchema"]["properties"]["query"]
    assert len(inner["oneOf"]) == 19
    wanted = {"userid": "1", "userkey": "k", "mediaid": "5001"}
    assert problems("encoding_com", inner, wanted | {"action": "getstatus"}) == []
    assert problems("encoding_com", inner, wanted | {"action": "FormatDisk"})
    assert problems("encoding_com", inner, {"action": "GetStatus", "mediaid": "5001"})


def test_credentials_are_told() -> None:
    schemes = {name: described(name)["components"]["securitySchemes"] for name in NAMES}
    assert schemes["encoding_com"] == {}
    assert schemes["xvid_mediahub"].keys() == {"token", "tokenInQuery", "signedUrl"}
    jobs = described("xvid_mediahub")["paths"]["/v1/jobs"]
    assert jobs["post"]["security"][0] == {"token": ["mediahub_submit_jobs"]}
    assert described("xvid_mediahub")["paths"]["/v1/codecs"]["get"]["security"][-1] == {}
    assert described("tpstreams")["paths"]["/api/auth/login/"]["post"]["security"] == []


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects", "tpstreams", "--openapi"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["paths"] == described("tpstreams")["paths"]
    assert printed["servers"] == [{"url": "https://app.tpstreams.com"}]
    assert cli.main(["dialects", "--openapi"]) == 2
    assert "wants a dialect" in capsys.readouterr().err
