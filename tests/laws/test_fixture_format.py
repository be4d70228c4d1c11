"""What a fixture folder holds, and how HTTP messages are written in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaglot.emulators.encoding_com.request import NoSource
from mediaglot.gateway.exchange import Done, headers
from mediaglot.gateway.faults import NotFound
from mediaglot.gateway.testing.case import (
    Case,
    decode_result,
    encode_result,
    read_request,
    read_response,
    write_request,
    write_response,
)
from mediaglot.gateway.testing.claim import blanks, every_leaf, filled, same, with_leaf

MESSAGE = b"POST /a/b?c=%20d HTTP/1.1\nHost: api.example:81\nX-One: 1: 2\n\nline 1\r\n\r\nline 2\n\n"


def test_a_request_is_read_to_the_last_byte() -> None:
    request = read_request(MESSAGE)
    assert (request.method, request.path, request.query) == ("POST", "/a/b", "c=%20d")
    assert request.headers.get("x-one") == "1: 2"
    assert request.body == b"line 1\r\n\r\nline 2\n\n"
    assert request.base == request.site == "http://api.example:81"
    assert write_request(request) == MESSAGE


def test_a_head_may_end_its_lines_as_http_does() -> None:
    head, _, body = MESSAGE.partition(b"\n\n")
    assert read_request(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body) == read_request(MESSAGE)


def test_a_body_may_be_absent() -> None:
    assert read_request(b"GET / HTTP/1.1\nHost: a\n\n").body == b""


def test_a_response_comes_back_as_it_was() -> None:
    message = b"HTTP/1.1 421 Misdirected Request\nContent-Type: text/xml\n\n<a/>\n"
    response = read_response(message)
    assert (response.status, response.headers, response.body) == (421, headers(content_type="text/xml"), b"<a/>\n")
    assert write_response(response) == message


def test_results_and_faults_come_back_as_they_were() -> None:
    assert decode_result(encode_result(Done(names=("a",)))) == Done(names=("a",))
    fault = decode_result({"fault": "not_found", "data": {"kind": "job", "id": "1"}})
    assert isinstance(fault, NotFound)
    assert encode_result(fault) == {"fault": "not_found", "data": {"kind": "job", "id": "1"}}


def test_a_dialects_own_faults_have_their_code() -> None:
    assert type(decode_result({"fault": "no_source"})) is NoSource


def test_options_choose_the_dialects_behaviour(tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text('{"echo": "short"}')
    assert Case("encoding_com", "op", "case", tmp_path).dialect.options["echo"] == "short"


def test_a_difference_is_shown_line_by_line() -> None:
    with pytest.raises(AssertionError, match=r'(?s)tree differs.*-  "b": 2.*\+  "b": 3'):
        same("tree", {"a": 1, "b": 3}, {"a": 1, "b": 2})


def test_leaves_are_found_and_replaced() -> None:
    tree = {"a": [{"b": "1"}, "2"], "c": "3"}
    assert list(every_leaf(tree)) == [("a", 0, "b"), ("a", 1), ("c",)]
    assert with_leaf(tree, ("a", 0, "b"), "x") == {"a": [{"b": "x"}, "2"], "c": "3"}
    assert tree["c"] == "3"


def test_blanks_of_a_text() -> None:
    assert filled("no {kind} {id}") == {"kind": "job", "id": "x1"}
    assert blanks("no {kind}") == ["{", "}"]
    assert blanks("There is no None") == ["None"]
    assert blanks("Nonesuch is gone") == []
