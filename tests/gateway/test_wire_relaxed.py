"""JSON as people type it, the choice of a format, and XML whose lists are elements."""

from __future__ import annotations

from typing import Any

import pytest

from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire.choice import Choice
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.relaxed import Relaxed
from mediaglot.gateway.wire.xml import NestedXml

TYPED = {
    "{a: 1}": {"a": 1},
    "{'a': 'it\\'s \"x\"', b: [1, 2,], }": {"a": 'it\'s "x"', "b": [1, 2]},
    '{"a": true, b: null, c: -1.5e3}': {"a": True, "b": None, "c": -1500.0},
    '{"a": "x\\u00e9\\n"}': {"a": "xé\n"},
    '{"a": "two\nlines"}': {"a": "two\nlines"},
    "": {},
    "  ": {},
}


@pytest.mark.parametrize("text", TYPED)
def test_what_people_type_is_read(text: str) -> None:
    assert Relaxed().read_text(text.encode()) == TYPED[text]


BAD = (
    "{",
    "}",
    "[1]",
    "1",
    "{a}",
    "{a:}",
    "{a:b}",
    "{a:1 b:2}",
    "{,}",
    "{a:1}{",
    "<a/>",
    "{'a",
    "{a:" * 500,
    "[" * 10**5,
    "{a:1e999999}",
    "{a:1e309}",
    "{a:01}",
    "01",
    "{'a': '\\ud800'}",
)


@pytest.mark.parametrize("text", BAD)
def test_nothing_else_is(text: str) -> None:
    with pytest.raises(Malformed):
        Relaxed().read_text(text.encode())


def test_a_document_that_nobody_has_typed_is_strict() -> None:
    long = {"a": "x" * 200_000}
    assert Relaxed().read_text(b'{"a": "%s"}' % long["a"].encode()) == long
    with pytest.raises(Malformed, match="broken at line 1"):
        Relaxed().read_text(b'{a: "%s"}' % long["a"].encode())


XML = NestedXml("response", {"jobs": "job"})
TREE: Any = {"jobs": [{"id": "1", "done": True}, {"id": "2", "done": None}], "others": [1, 2], "none": []}


def test_lists_are_elements_with_an_element_for_each_entry() -> None:
    wanted = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<response><jobs><job><id>1</id><done>true</done></job><job><id>2</id>'
        '<done nil="true"/></job></jobs><others><item>1</item><item>2</item></others><none/></response>'
    )
    assert XML.write(TREE).decode() == wanted
    read = {"jobs": [{"id": "1", "done": "true"}, {"id": "2", "done": None}], "others": ["1", "2"], "none": ""}
    assert XML.read_answer(XML.write(TREE)) == read
    assert NestedXml("r", {}, indent=True).write({"a": {"b": 1}}).endswith(b"<r>\n  <a>\n    <b>1</b>\n  </a>\n</r>")


def test_requests_in_xml_are_refused() -> None:
    with pytest.raises(Malformed):
        XML.read(Request(body=b"<a/>"))


CHOICE = Choice(Relaxed(), {"json": (Json(), Json(indent=True)), "xml": (XML, NestedXml("response", {}, indent=True))})
CHOSEN = {
    ("", ""): b'{"a":1}',
    ("", "text/html, application/xml;q=0.9"): XML.write({"a": 1}),
    ("format=json", "application/xml"): b'{"a":1}',
    ("format=xml", ""): XML.write({"a": 1}),
    ("format=csv&human=true", ""): b'{\n  "a": 1\n}',
}


@pytest.mark.parametrize(("query", "accept"), CHOSEN)
def test_the_query_goes_before_the_header(query: str, accept: str) -> None:
    request = Request(query=query, headers=Headers(lines=(("Accept", accept),)))
    assert CHOICE.choose(request).write({"a": 1}) == CHOSEN[query, accept]


def test_requests_without_a_body_are_their_query() -> None:
    assert CHOICE.read(Request(query="a=1&b=&access_token=secret", body=b"{x")) == {"a": "1", "b": ""}
    assert CHOICE.read(Request(method="PUT", query="a=1", body=b"{b: 2}")) == {"b": 2}
