"""Schemathesis, whose opinion is nobody's here, asks a running server whatever its own OpenAPI documents allow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from lxml import etree
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from mediaglot.gateway import registry
from mediaglot.gateway.exchange import Headers, Request, Response, headers
from mediaglot.gateway.wire.xml import LEGAL
from mediaglot.testing import Double

SEED = 20261129
EXAMPLES = {GenerationMode.POSITIVE: 3, GenerationMode.NEGATIVE: 1}
MANY = 20
"""So many times more right ones where one operation is nineteen."""
EXCLUDED = {
    "positive_data_acceptance": "schemas know shapes: a well-formed id, profile or pipeline need not be there",
    "negative_data_rejection": "the providers ignore what they do not know, and one sends errors with status 200",
    "use_after_free": "needs links between operations; tests/http walks through the lives of jobs",
    "ensure_resource_availability": "needs links between operations, too",
    "ignored_auth": "one dialect takes any token, the double makes an account for any secret",
    "object_level_authorization": "needs two accounts; tests/http has them",
    "missing_required_header": "no header is described: credentials are told as security schemes",
    "unsupported_method": "one dialect has no 405: all of its errors have status 200",
    "allow_header_conformance": "two providers send no Allow",
}
"""Checks of Schemathesis that are left out, and why."""


@pytest.fixture(scope="module")
def double() -> Iterator[Double]:
    with Double.started() as one:
        yield one


@pytest.fixture(scope="module")
def checks() -> list[Any]:
    load_all_checks()
    assert EXCLUDED.keys() <= set(CHECKS.get_all_names()), "a check has gone: take it out of the table"
    return [CHECKS.get_one(name) for name in CHECKS.get_all_names() if name not in EXCLUDED]


# --- what the documents say that Schemathesis does not read -------------------------------------------


def plainer(tree: Any) -> Any:
    """Texts whose content is a document, as that document: it draws those, and ``sent`` writes them as texts again."""
    if isinstance(tree, list):
        return [plainer(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if "contentSchema" in tree:
        return plainer(tree["contentSchema"])
    return {key: plainer(value) for key, value in tree.items()}


def grown(parent: Any, tree: Any) -> None:
    for key, value in tree.items():
        for item in value if isinstance(value, list) else [value]:
            child = etree.SubElement(parent, re.sub(r"\W", "_", f"_{key}", flags=re.ASCII) if odd(key) else key)
            if isinstance(item, dict):
                grown(child, item)
            elif item is not None:
                child.text = str(item).translate(LEGAL)


def odd(name: str) -> bool:
    """No element can be called so."""
    return re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) is None


def xml_of(tree: Any) -> str:
    root = etree.Element("query")
    if isinstance(tree, dict):
        grown(root, tree)
    return etree.tostring(root).decode()


def sent(name: str, case: Any, known: Mapping[str, str]) -> None:
    """A request as a client of the provider would send it: with its credentials, mostly for what is there, and with a
    document that is a field of a form as the text of that field."""
    case.path_parameters = {key: known.get(key, value) for key, value in (case.path_parameters or {}).items()}
    if name == "encoding_com" and isinstance(case.body, dict):
        field = "xml" if "xml" in case.body else "json"
        query = case.body.get(field)
        query = query.get("query", query) if field == "json" and isinstance(query, dict) else query
        if isinstance(query, dict):
            query |= {"userid": "100", "userkey": known["secret"]} | (
                {"mediaid": known["id"]} if "mediaid" in query else {}
            )
        case.body = {field: xml_of(query) if field == "xml" else json.dumps({"query": query})}


@schemathesis.deserializer("text/xml", "application/xml")
def heard(context: Any, response: Any) -> Any:
    """Schemas describe the tree that a dialect's own Wire reads."""
    name = "encoding_com" if "text/xml" in str(response.headers.get("content-type")) else "xvid_mediahub"
    request = Request(headers=headers(accept="application/xml"), query="format=xml", body=b"xml=<query/>")
    return registry.find(name).wire.choose(request).read_answer(response.content)


# --- what is there ------------------------------------------------------------------------------------


def enter(name: str, url: str) -> dict[str, str]:
    """Parts of paths, and the value of Authorization, of a client with a job."""
    dialect = registry.find(name)
    assert dialect.sample is not None
    spoken = dialect.sample().create("https://media.mediaglot.test/bars-2s-320x180-30fps.mp4")
    known: dict[str, str] = {}
    try:
        asked = next(spoken)
        while True:
            where = f"{url}{asked.path}" + (f"?{asked.query}" if asked.query else "")
            got = requests.request(asked.method, where, data=asked.body, headers=dict(asked.headers), timeout=10)
            call = dialect.open(asked)
            known |= call.params
            known["authorization"] = asked.headers.get("Authorization")
            known["secret"] = call.credential.secret.reveal() if call.credential else ""
            lines = tuple(got.headers.items())
            asked = spoken.send(Response(status=got.status_code, headers=Headers(lines=lines), body=got.content))
    except StopIteration as end:
        return known | {"id": end.value, "order_id": end.value}


# --- the test -------------------------------------------------------------------------------------------


def document(double: Double, name: str) -> Any:
    return requests.get(f"{double.url}/_mediaglot/dialects/{name}/openapi.json", timeout=30).json()


def ask_all(name: str, url: str, described: Any, checks: list[Any]) -> int:
    """How many requests the server at ``url`` answered as it is described. Raises what Schemathesis finds."""
    known = enter(name, url)
    lines = {"Authorization": known["authorization"]} if known["authorization"] else {}
    asked = 0
    schema = schemathesis.openapi.from_dict(plainer(described))
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()
            for mode, count in EXAMPLES.items():
                if mode is GenerationMode.NEGATIVE and not has_something(operation):
                    continue

                @seed(SEED)
                @settings(
                    max_examples=count * (MANY if mode is GenerationMode.POSITIVE and is_many(operation) else 1),
                    database=None,
                    deadline=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                @given(case=operation.as_strategy(mode))
                def ask(case: Any) -> None:
                    nonlocal asked
                    sent(name, case, known)
                    asked += 1
                    answer = case.call(base_url=url, session=session, headers=lines, timeout=10)
                    case.validate_response(answer, checks=checks)

                ask()
    return asked


def is_many(operation: Any) -> bool:
    return "x-operations" in operation.definition.raw


def has_something(operation: Any) -> bool:
    return bool(operation.body or operation.query or operation.path_parameters)


@pytest.mark.heavy
@pytest.mark.parametrize("name", registry.names())
def test_a_server_keeps_to_its_own_documents(name: str, double: Double, checks: list[Any]) -> None:
    asked = ask_all(name, f"{double.url}/{name}", document(double, name), checks)
    assert asked >= len(registry.find(name).routes)


@pytest.mark.heavy
@pytest.mark.parametrize("spoiled", ["a type", "a status", "a content type"])
def test_another_document_is_not_kept_to(spoiled: str, double: Double, checks: list[Any]) -> None:
    described = document(double, "tpstreams")
    lists = next(path for path in described["paths"] if path.endswith("/transcoding_jobs/"))
    described["paths"] = {lists: {"get": described["paths"][lists]["get"]}}
    answers = described["paths"][lists]["get"]["responses"]
    if spoiled == "a type":
        described["components"]["schemas"]["list_jobs.reply"]["properties"]["count"] = {"type": "string"}
    elif spoiled == "a status":
        answers["202"] = answers.pop("200")
    else:
        answers["200"]["content"]["text/xml"] = answers["200"]["content"].pop("application/json")
    with pytest.raises(FailureGroup, match="Schemathesis found"):
        ask_all("tpstreams", f"{double.url}/tpstreams", described, checks)
