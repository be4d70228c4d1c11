"""The loose wire: documents in queries, JSON bodies, encoded, literal and multipart forms."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from mediaglot.gateway.exchange import Request, headers
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire.loose import Loose

WIRE = Loose(documents=frozenset({"order", "data"}), beside=frozenset({"data"}))
ORDER = {"origin": "http://a.example/x?a=1&b=2+3%20c", "jobs": [{"n": 1, "é": None}]}
FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=xyz"


def read(body: str | bytes = b"", kind: str = "", *, method: str = "POST", query: str = "") -> Any:
    data = body.encode() if isinstance(body, str) else body
    return WIRE.read(Request(method=method, query=query, headers=headers(content_type=kind), body=data))


def part(name: str, value: str) -> str:
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("order=" + quote_plus(json.dumps(ORDER)), FORM),
        ("order=" + json.dumps(ORDER, indent=2) + "\n", FORM),
        ("order=" + json.dumps(ORDER).replace("/", "\\/"), FORM),
        ("order=" + quote(json.dumps(ORDER)), ""),
        (part("order", json.dumps(ORDER, ensure_ascii=False)) + "--xyz--\r\n", PARTS),
        (json.dumps({"order": ORDER}), "application/json; charset=utf-8"),
    ],
)
def test_one_document_in_all_ways(body: str, kind: str) -> None:
    assert read(body, kind) == {"order": ORDER}


def test_a_form_has_other_fields_too() -> None:
    assert read(f"note=a+b%26&order={quote_plus(json.dumps(ORDER))}&x=1", FORM) == {
        "note": "a b&",
        "order": ORDER,
        "x": "1",
    }
    body = part("note", "a b") + part("order", "{}") + "--xyz--\r\n"
    assert read(body, PARTS) == {"note": "a b", "order": {}}


def test_a_query_counts_whole_without_a_body_and_in_part_with_one() -> None:
    query = f"limit=2&data={quote(json.dumps(ORDER))}&empty="
    assert read(method="GET", query=query) == {"limit": "2", "data": ORDER, "empty": ""}
    assert read(query=query) == {"data": ORDER}
    assert read("order={}", FORM, query=query) == {"data": ORDER, "order": {}}


@pytest.mark.parametrize(
    ("body", "kind"), [("", ""), ("  ", FORM), ("order={}", "text/xml"), (b"\xff\xfe", "image/png")]
)
def test_nothing_is_read_from_what_is_no_document(body: str | bytes, kind: str) -> None:
    assert read(body, kind) == {}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("order={bad", FORM),
        ("order=%7Bbad", FORM),
        ("order=[1]", FORM),
        ("order=1", FORM),
        (b"order=\xff\xfe", FORM),
        ("{bad", "application/json"),
        ("[]", "application/json"),
        ("nothing", PARTS),
        (part("order", "{}") + "--xyz--\r\n", f"{PARTS};a*=b;a*0=c"),
        ("--xyz--", "multipart/form-data"),
        ("order=" + '{"a":' * 100 + "1" + "}" * 100, FORM),
    ],
)
def test_what_is_no_object_is_malformed(body: str | bytes, kind: str) -> None:
    with pytest.raises(Malformed):
        read(body, kind)


def test_answers_are_json_lists_included() -> None:
    assert WIRE.write([{"a": 1.0}]) == b'[{"a":1.0}]'
    assert WIRE.read_answer(b'[{"a":1.0}]') == [{"a": 1.0}]
    assert WIRE.read_answer(b"") == {}
    with pytest.raises(Malformed):
        WIRE.read_answer(b"{bad")
