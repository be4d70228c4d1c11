"""JSON bodies: strict ones, and the loose ones of PHP-like services."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire.json import DEPTH, Json

STRICT = Json()
LOOSE = Json(root="query", answer_root="response", stringly=True, lists=frozenset({"media"}))


def loose(document: Any) -> dict[str, Any]:
    return LOOSE.read_text(json.dumps({"query": document}).encode())


def test_a_strict_document_is_what_it_is() -> None:
    tree = {"Name": "a", "n": 1, "on": True, "none": None, "list": [1], "half": 0.5}
    assert STRICT.read(Request(body=json.dumps(tree).encode())) == tree
    assert json.loads(STRICT.write(tree)) == tree


def test_a_loose_document_is_all_text() -> None:
    assert loose({"N": 5, "half": 0.5, "on": True, "off": False, "none": None, "deep": {"Key": [1, {"x": 2}]}}) == {
        "n": "5",
        "half": "0.5",
        "on": "yes",
        "off": "no",
        "none": None,
        "deep": {"Key": ["1", {"x": "2"}]},
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [(b'{"a":\n\n tru}', "broken at line 3 column 2"), (b'{"a": 1}}', "broken at line 1 column 9"), (b" ", "empty")],
)
def test_what_is_broken_is_told_by_its_place(text: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        STRICT.read_text(text)
    assert caught.value.data["reason"] == reason


def test_a_list_of_one_is_written_bare_but_where_lists_are_wanted() -> None:
    tree = {"job": [{"format": [{"d": ["x"]}]}], "media": [{"id": "1"}], "many": ["1", "2"], "empty": []}
    assert json.loads(LOOSE.write(tree)) == {
        "response": {
            "job": {"format": {"d": "x"}},
            "media": [{"id": "1"}],
            "many": ["1", "2"],
            "empty": [],
        }
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"1",
        b"NaN",
        b"{'a': 1}",
        b'{"a": "\\ud800"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": NaN}',
        b'{"a":1}{"b":2}',
        b'{"a": "\x01"}',
    ],
)
def test_what_is_no_json_object_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        STRICT.read_text(text)
    assert caught.value.data["format"] == "JSON"


@pytest.mark.parametrize("document", [{}, {"query": None}, {"query": []}, {"query": "x"}, {"Query": {"a": 1}}, []])
def test_a_document_without_its_root_is_malformed(document: Any) -> None:
    with pytest.raises(Malformed):
        LOOSE.read_text(json.dumps(document).encode())


@pytest.mark.parametrize("opener", ["[", '{"a":'])
@pytest.mark.parametrize("depth", [DEPTH + 5, 1000, 200_000])
def test_a_pit_is_refused_at_once(opener: str, depth: int) -> None:
    began = time.perf_counter()
    closer = "]" if opener == "[" else "}"
    with pytest.raises(Malformed):
        STRICT.read_text(f'{{"x":{opener * depth}1{closer * depth}}}'.encode())
    assert time.perf_counter() - began < 1


def test_depth_that_documents_need_is_fine() -> None:
    tree: dict[str, Any] = {"v": 1}
    for _ in range(DEPTH - 5):
        tree = {"x": tree}
    assert STRICT.read_text(json.dumps(tree).encode()) == tree


@pytest.mark.parametrize("number", [b"1e400", b"1" + b"0" * 3000, b"-1e-999999999"])
def test_a_number_beyond_measure_is_text_or_malformed(number: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(LOOSE.read_text(b'{"query": {"n": %s}}' % number)["n"], str)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_are_a_tree_or_malformed(body: bytes) -> None:
    for wire in (STRICT, LOOSE):
        for text in (body, b'{"query":{"a":' + body + b"}}"):
            with contextlib.suppress(Malformed):
                assert isinstance(wire.read_text(text), dict)


def test_content_types_contain_json() -> None:
    assert "json" in STRICT.content_type
    assert STRICT.choose(Request()) is STRICT


@pytest.mark.parametrize("leaf", ["text", 1, None, [], {}])
def test_whatever_lies_at_the_bottom_is_too_deep(leaf: Any) -> None:
    def nested(depth: int) -> bytes:
        tree: Any = leaf
        for _ in range(depth):
            tree = {"a": tree}
        return json.dumps(tree).encode()

    assert Json().read_text(nested(DEPTH))
    with pytest.raises(Malformed, match="nested too deeply"):
        Json().read_text(nested(DEPTH + 1))
