"""Documents in a form field, as lenient as the clients that send them."""

from __future__ import annotations

import contextlib
from types import MappingProxyType
from urllib.parse import parse_qsl, quote_plus, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaglot.gateway import registry
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire.form import FormField, escaped, fields, pairs, parts, unescaped
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.xml import Xml

WIRE = FormField(
    formats=MappingProxyType(
        {"xml": Xml(root="query", answer_root="response"), "json": Json(root="query", answer_root="response")}
    ),
    otherwise="xml",
)
PIECES = [
    b"%",
    b"%25",
    b"%3C",
    b"%3c",
    b"%35",
    b"2",
    b"5",
    b"C",
    b"+",
    b"x",
    b"=",
    b"%3D",
    b"_",
    b"\r",
    b"\n",
    b"\0",
    b"\xff",
]
XML = '<?xml version="1.0"?><query><a>1 + 1</a></query>'
JSON = '{"query":{"a":"1 + 1"}}'


def post(body: str | bytes, query: str = "") -> Request:
    return Request(method="POST", body=body if isinstance(body, bytes) else body.encode(), query=query)


@pytest.mark.parametrize(
    "body",
    [
        f"xml={quote_plus(XML)}",
        f"other=1&xml={quote_plus(XML)}&more=2",
        f"xml=&xml={quote_plus(XML)}",
        f"\r\nxml={quote_plus('  ' + XML)}",
    ],
)
def test_the_document_is_in_the_field_named_after_its_format(body: str) -> None:
    wire = WIRE.choose(post(body))
    assert wire.read(post(body)) == {"a": "1 + 1"}
    assert wire.content_type == "text/xml"


def test_the_answer_comes_in_the_format_of_the_question() -> None:
    wire = WIRE.choose(post(f"json={quote_plus(JSON)}"))
    assert wire.content_type == "application/json"
    assert wire.write({"a": "1"}) == b'{"response":{"a":"1"}}'
    assert WIRE.choose(post("")).write({"a": "1"}).startswith(b"<?xml")


@pytest.mark.parametrize(("body", "tree"), [(f"json={JSON}", {"a": "1   1"}), (f"xml={XML}", {"a": "1   1"})])
def test_a_document_that_was_not_encoded_is_read_as_php_would(body: str, tree: dict[str, str]) -> None:
    assert WIRE.choose(post(body)).read(post(body)) == tree


def test_only_ampersands_separate() -> None:
    assert dict(pairs(b"a=1;b=2&c=%26%3D=x&d&=e")) == {"a": b"1;b=2", "c": b"&==x", "": b"e"}


def test_a_document_in_the_query_string_is_found_too() -> None:
    request = post("", query=f"json={quote_plus(JSON)}")
    assert WIRE.choose(request).read(request) == {"a": "1 + 1"}


@pytest.mark.parametrize("body", ["", "a=1", "xml=", "xml=%20", "XML", XML, JSON, "x" * 1000, "&&&=&"])
def test_a_request_without_a_document_is_malformed_and_answered_in_xml(body: str) -> None:
    wire = WIRE.choose(post(body))
    assert wire.content_type == "text/xml"
    with pytest.raises(Malformed):
        wire.read(post(body))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=50), st.text(max_size=20))
def test_choosing_never_fails(body: bytes, query: str) -> None:
    request = post(body, query)
    wire = WIRE.choose(request)
    assert wire.write({"error": "x"})
    with contextlib.suppress(Malformed):
        assert isinstance(wire.read(request), dict)


def test_a_query_string_that_is_no_text_does_no_harm() -> None:
    assert WIRE.choose(post("", query="\udcff=\ud800")).content_type == "text/xml"


@pytest.mark.heavy
@settings(max_examples=300, deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_a_value_is_escaped_as_by_the_standard_library_and_comes_back(value: bytes) -> None:
    assert escaped(value) == quote_plus(value)
    assert unescaped(escaped(value).encode()) == value


@pytest.mark.heavy
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_what_only_looks_like_an_escape_is_left_as_the_standard_library_leaves_it(value: bytes) -> None:
    assert unescaped(value) == unquote_to_bytes(value.replace(b"+", b" "))


@pytest.mark.heavy
@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([*PIECES, b"=", b"&", b"\xc3\xa4"])).map(b"".join))
def test_fields_are_those_of_the_standard_library(body: bytes) -> None:
    assert fields(body) == parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


PART = b'--x\r\nContent-Disposition: form-data; name="a"%s\r\n\r\nb\r\n--x--\r\n'


def test_parts_of_a_form_are_told_apart_from_files() -> None:
    kind = "multipart/form-data; boundary=x"
    assert parts(kind, PART % b"") == [("a", b"b", False)]
    assert parts(kind, PART % b'; filename="c"') == [("a", b"b", True)]
    assert parts("multipart/form-data", PART % b"") is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (PART.replace(b"\r\n", b"\n") % b"", b"b"),
        (b"before\r\n" + PART.replace(b"\r\nb\r\n", b"\r\n\r\n--xy\r\n\r\n") % b"", b"\r\n--xy\r\n"),
        (PART.replace(b"\r\nb\r\n", b"\r\n") % b"", b""),
        (PART.replace(b"\r\n--x--\r\n", b"") % b"", b"b"),
        (PART.replace(b"\r\nb", b"\r\nYg==") % b"\r\nContent-Transfer-Encoding: base64", b"b"),
        (PART % b"\r\nContent-Type: multipart/mixed; boundary=y", b"b"),
    ],
)
def test_what_is_in_a_part_ends_where_the_next_one_begins(body: bytes, found: bytes) -> None:
    assert parts("multipart/form-data; boundary=x", body) == [("a", found, False)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PART % (b"; a=b" * 500_000), "too long headers"),
        (PART % (b" " * 3000), "too long headers"),
        (b"--x\r\n" * 102, "too many parts"),
    ],
)
def test_forms_that_would_take_hours_to_read_are_refused(body: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parts("multipart/form-data; boundary=x", body)


def test_a_header_full_of_brackets_is_a_header() -> None:
    assert parts("multipart/form-data; boundary=x", PART % (b"; b=" + b"(" * 1500)) == [("a", b"b", False)]


@pytest.mark.parametrize("dialect", ["tpstreams", "transparent_edge"])
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary*0=x; boundary*=y"])
def test_headers_that_the_library_stumbles_over_are_refused(kind: str, dialect: str) -> None:
    request = Request(method="POST", headers=Headers(lines=(("Content-Type", kind),)), body=PART % b"")
    with pytest.raises(Malformed, match="unreadable headers"):
        registry.find(dialect).wire.read(request)
