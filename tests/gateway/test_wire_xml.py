"""XML bodies: lenient in form, strict about everything that could be an attack."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.wire.xml import DEPTH, ELEMENTS, Xml

WIRE = Xml(root="query", answer_root="response", paired=MappingProxyType({"place": "state"}))


def read(inner: str) -> Any:
    return WIRE.read(Request(body=f"<query>{inner}</query>".encode()))


def written(tree: dict[str, Any]) -> str:
    text = WIRE.write(tree).decode()
    etree.fromstring(text.encode())
    return text.removeprefix('<?xml version="1.0"?>\n').removesuffix("\n")


# --- reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inner", "tree"),
    [
        ("<a>1</a>", {"a": "1"}),
        ("<a> 1 \n</a>", {"a": "1"}),
        ("<a/><b></b>", {"a": "", "b": ""}),
        ("<a>1</a><a>2</a><a>3</a>", {"a": ["1", "2", "3"]}),
        ("<a><b>1</b></a><a><b>2</b></a>", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("<UserID>1</UserID><Format><Size>x</Size></Format>", {"userid": "1", "format": {"Size": "x"}}),
        ("<a>x &lt;&amp;&#65;</a>", {"a": "x <&A"}),
        ("<a><![CDATA[<b>&]]></a>", {"a": "<b>&"}),
        ("<!-- c --><a>1<!-- c -->2</a>", {"a": "12"}),
        ("<?php echo 1 ?><a>1</a>", {"a": "1"}),
        ('<a href="x">1</a>', {"a": "1"}),
        ("text<a>1</a>text", {"a": "1"}),
        ("<a>grüße ☃</a>", {"a": "grüße ☃"}),
    ],
)
def test_elements_become_a_tree(inner: str, tree: Any) -> None:
    assert read(inner) == tree


@pytest.mark.parametrize(
    "body",
    [
        b"\n\n  <query><a>1</a></query>\n ",
        b'<?xml version="1.0"?><query><a>1</a></query>',
        b'\n  <?xml version="1.0" encoding="utf-8"?>\n<query><a>1</a></query>',
        b"\xef\xbb\xbf<query><a>1</a></query>",
        '<?xml version="1.0" encoding="UTF-16"?><query><a>1</a></query>'.encode("utf-16"),
        "<query><a>1</a></query>".encode("utf-16"),
        '<?xml version="1.0" encoding="ISO-8859-1"?><query><a>1</a></query>'.encode("latin-1"),
    ],
)
def test_prolog_whitespace_and_encodings_are_the_clients_choice(body: bytes) -> None:
    assert WIRE.read_text(body) == {"a": "1"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"text",
        b"<query>",
        b"<query></quer>",
        b"<query/>",
        b"<query> </query>",
        b"<other><a>1</a></other>",
        b'<q:query xmlns:q="u"><a>1</a></q:query>',
        b"<query><a>&nbsp;</a></query>",
        b"<query><a>\x00</a></query>",
        b"<query><a>\xff</a></query>",
        b'<?xml version="1.0" encoding="no-such-thing"?><query><a>1</a></query>',
        b"<query><a>1</a></query><query/>",
        '<?xml version="1.0" encoding="UTF-8"?><query><a>1</a></query>'.encode("utf-16-le")[:-3],
    ],
)
def test_what_is_not_a_query_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        WIRE.read_text(body)
    assert caught.value.data["format"] == "XML"


# --- attacks ----------------------------------------------------------------------------------------

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
BOMBS = {
    "billion laughs": f'<!DOCTYPE query [<!ENTITY l0 "ha">{LAUGHS}]><query><a>&l11;</a></query>',
    "quadratic": f'<!DOCTYPE query [<!ENTITY e "{"x" * 50_000}">]><query><a>{"&e;" * 5_000}</a></query>',
    "external entity": '<!DOCTYPE query [<!ENTITY e SYSTEM "file://{secret}">]><query><a>&e;</a></query>',
    "parameter entity": '<!DOCTYPE query [<!ENTITY % p SYSTEM "file://{secret}">%p;]><query><a>1</a></query>',
    "external subset": '<!DOCTYPE query SYSTEM "file://{secret}"><query><a>1</a></query>',
    "public subset": '<!DOCTYPE query PUBLIC "-//X" "http://127.0.0.1:1/x.dtd"><query><a>1</a></query>',
    "bare type": "<!DOCTYPE query><query><a>1</a></query>",
    "default attribute": '<!DOCTYPE query [<!ATTLIST a x CDATA "1">]><query><a>1</a></query>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_document_type_is_refused_in_every_encoding(name: str, encoding: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top-secret")
    text = BOMBS[name].replace("{secret}", str(secret))
    declared = encoding.replace("-sig", "").removesuffix("-le").removesuffix("-be")
    for body in (text, f'<?xml version="1.0" encoding="{declared}"?>{text}'):
        began = time.perf_counter()
        with pytest.raises(Malformed) as caught:
            WIRE.read_text(body.encode(encoding))
        assert time.perf_counter() - began < 1
        assert "top-secret" not in str(caught.value)


def test_the_search_for_the_words_is_not_the_only_guard() -> None:
    body = '<?xml version="1.0"?><!DOCTYPE query [<!ENTITY e "x">]><query><a>&e;</a></query>'.encode("utf-16")
    assert b"<!DOCTYPE" not in body
    with pytest.raises(Malformed, match="document type"):
        WIRE.read_text(body)


def test_an_include_is_only_an_element(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("top-secret")
    include = f'<x:include xmlns:x="http://www.w3.org/2001/XInclude" href="file://{tmp_path}/secret" parse="text"/>'
    assert "top-secret" not in str(read(f"<a>{include}</a>"))


@pytest.mark.parametrize("depth", [DEPTH + 1, 255, 5_000, 200_000])
def test_a_pit_is_refused(depth: int) -> None:
    with pytest.raises(Malformed):
        read("<a>" * depth + "</a>" * depth)


def test_the_depth_that_documents_need_is_fine() -> None:
    assert read("<a>" * (DEPTH - 5) + "1" + "</a>" * (DEPTH - 5))


def test_too_many_elements_are_refused_and_many_are_not() -> None:
    assert len(read("<a>1</a>" * (ELEMENTS - 2))["a"]) == ELEMENTS - 2
    with pytest.raises(Malformed, match="too many"):
        read("<a>1</a>" * ELEMENTS)


def test_a_huge_text_is_refused_in_time() -> None:
    began = time.perf_counter()
    with pytest.raises(Malformed):
        read(f"<a>{'x' * 12_000_000}</a>")
    assert time.perf_counter() - began < 3


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_tree_or_malformed(inner: bytes) -> None:
    for body in (inner, b"<query><a>" + inner + b"</a></query>"):
        with contextlib.suppress(Malformed):
            assert isinstance(WIRE.read_text(body), dict)


# --- writing ----------------------------------------------------------------------------------------


def test_answers_are_plain_and_in_order() -> None:
    assert WIRE.write({"b": "1", "a": {"c": "2"}}) == (
        b'<?xml version="1.0"?>\n<response><b>1</b><a><c>2</c></a></response>\n'
    )


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"a": ["1", "2"]}, "<a>1</a><a>2</a>"),
        ({"a": []}, "<a/>"),
        ({"a": None, "b": ""}, "<a/><b></b>"),
        ({"a": {}}, "<a/>"),
        ({"a": "<&>"}, "<a>&lt;&amp;&gt;</a>"),
        ({"a": "x\x00\x08\x0b\x1f\ufffey\t"}, "<a>xy\t</a>"),
        ({"a": "x\ud800y\udfff"}, "<a>xy</a>"),
        ({"a": "☃ ü"}, "<a>☃ ü</a>"),
        ({"a": 5}, "<a>5</a>"),
        ({"my key": "1", "1st": "2", "": "3", "a:b": "4", "drm-x": "5", "ü": "6"}, None),
    ],
)
def test_whatever_is_in_a_tree_can_be_written(tree: dict[str, Any], text: str | None) -> None:
    answer = written(tree)
    if text is not None:
        assert answer == f"<response>{text}</response>"
    else:
        names = [child.tag for child in etree.fromstring(answer)]
        assert names == ["my_key", "_1st", "_", "a_b", "drm-x", "_"]


@pytest.mark.parametrize(
    ("places", "states", "order"),
    [
        (["a", "b"], ["1", "2"], "a 1 b 2"),
        (["a", "b"], ["1"], "a 1 b"),
        (["a"], ["1", "2"], "a 1 2"),
        (["a", "b"], ["1", None], "a 1 b"),
        (["a", "b"], None, "a b"),
        (["a"], ["1"], "a 1"),
    ],
)
def test_paired_lists_are_written_in_turn_and_none_is_lost(places: Any, states: Any, order: str) -> None:
    tree = {"place": places, "state": states} if states is not None else {"place": places}
    assert [child.text for child in etree.fromstring(written(tree))] == order.split()


def test_a_lone_partner_is_written_as_it_is() -> None:
    assert written({"state": ["1", "2"]}) == "<response><state>1</state><state>2</state></response>"
    assert written({"place": ["a"], "state": "ok"}) == "<response><place>a</place><state>ok</state></response>"


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=10) | st.lists(st.text(max_size=3), max_size=3), max_size=4)
)
def test_any_tree_makes_well_formed_xml(tree: dict[str, Any]) -> None:
    written(tree)


def test_an_answer_can_be_read_by_a_client() -> None:
    assert WIRE.read_answer(WIRE.write({"Id": "5", "n": ["1", "2"]})) == {"Id": "5", "n": ["1", "2"]}


def serialised(key: str, text: str) -> str:
    root = etree.Element("response")
    etree.SubElement(root, key).text = text
    return etree.tostring(root, encoding="unicode")


@settings(max_examples=300, deadline=None)
@given(
    st.text(
        st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
        | st.sampled_from("\r\n\t<>&\"'")
    )
)
def test_a_text_is_escaped_as_lxml_does_it(text: str) -> None:
    assert written({"a": text}) == serialised("a", text)


def test_long_names_are_not_kept() -> None:
    name = f"{'k' * 100}{1}"
    before = sys.getrefcount(name)
    for _ in range(2):
        assert f"<{name}>x</{name}>".encode() in Xml("a", "b").write({name: "x"})
    assert sys.getrefcount(name) == before
