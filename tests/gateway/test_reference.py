"""References that are shown short or whole, things of collections, offsets and ids."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from mediaglot.gateway.collection import rank
from mediaglot.gateway.exchange import Thing, Window
from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.ids import ObjectId
from mediaglot.gateway.paging import Offset
from mediaglot.gateway.pieces import flatten, unflatten
from mediaglot.gateway.reference import Finish, Picture, Ref

JOB = Thing(kind="job", id="1", document={"file": "2", "note": None})
FILE = Thing(kind="file", id="2", document={"job": "1", "size": 3})
ROOT: Any = {"list": [Ref("job", "1"), Ref("file", "9", "a.mp4")], "nothing": None, "inner": {"nothing": None}}


def whole(thing: Any) -> dict[str, Any]:
    refs = {key: Ref(key, value) if key in {"job", "file"} else value for key, value in thing.document.items()}
    return {**refs, "id": thing.id, "href": f"/{thing.kind}/{thing.id}"}


def finish(**more: Any) -> Finish:
    found = {("job", "1"): JOB, ("file", "2"): FILE}
    return Finish(href=lambda kind, name: f"/{kind}/{name}", whole=whole, found=found, **more)


SHORT = {"id": "1", "href": "/job/1"}
NAMED = {"id": "9", "name": "a.mp4", "href": "/file/9"}


def test_references_are_short_and_nulls_are_gone() -> None:
    assert finish()(ROOT) == {"list": [SHORT, NAMED], "inner": {}}
    assert finish(nulls=True)(ROOT) == {"list": [SHORT, NAMED], "nothing": None, "inner": {"nothing": None}}


def test_one_level_is_shown_whole() -> None:
    step = finish(names=frozenset({"job", "file"}))
    wanted = {"file": {"id": "2", "href": "/file/2"}, "id": "1", "href": "/job/1"}
    assert step(ROOT)["list"] == [wanted, NAMED]
    assert step.missing == [("file", "9")]


def test_everything_stops_where_it_came_from() -> None:
    inner = {"job": SHORT, "size": 3, "id": "2", "href": "/file/2"}
    assert finish(everything=True)(ROOT)["list"][0] == {"file": inner, "id": "1", "href": "/job/1"}


def test_pictures_are_shown_when_they_are_asked_for() -> None:
    content = Thing(kind="content", id="a.jpg", document={"base64": "eA=="})
    step = finish(pictures=True)
    assert step({"a": Picture("a.jpg"), "b": Picture(None)}) == {}
    assert step.missing == [("content", "a.jpg")]
    step.found = {("content", "a.jpg"): content}
    assert step({"a": Picture("a.jpg")}) == {"a": "data:image/jpeg;base64,eA=="}
    assert finish(nulls=True)({"a": Picture("a.jpg")}) == {}


def test_documents_are_sorted_numbers_first() -> None:
    trees = [{"a": {"b": value}} for value in ("x", 10, None, 9)]
    assert [tree["a"]["b"] for tree in sorted(trees, key=lambda tree: rank(tree, ["a", "b"]))] == [None, 9, 10, "x"]
    assert rank({"a": Ref("file", "7")}, ["a", "id"]) == (True, float("inf"), "7")


OFFSET = Offset(start="start", limit="limit", default=10, most=50)


@pytest.mark.parametrize(
    ("total", "start", "limit", "wanted"),
    [
        (1054, 200, 2, (0, 1052, 202, 198)),
        (1055, 200, 2, (0, 1054, 202, 198)),
        (0, 0, 10, (0, 0, None, None)),
        (10, 0, 10, (0, 0, None, None)),
        (11, 5, 10, (0, 10, None, 0)),
    ],
)
def test_where_pages_begin(total: int, start: int, limit: int, wanted: tuple[int | None, ...]) -> None:
    assert tuple(OFFSET.turns(total, start, limit).values()) == wanted


def test_windows_and_links() -> None:
    assert OFFSET.window({"start": "3", "limit": "99"}, sort="id", descending=True) == Window(
        offset=3, limit=50, sort="id", descending=True
    )
    assert OFFSET.window({"limit": "0"}, sort="id", descending=False).limit == 10
    with pytest.raises(Invalid):
        OFFSET.window({"limit": "-1"}, sort="id", descending=False)
    links = OFFSET.links("http://h/", {"q": "a b", "start": "7"}, 3, Window(offset=0, limit=2))
    assert links["next"] == "http://h/?start=2&limit=2&q=a%20b"
    assert links["prev"] is None


def test_object_ids_begin_with_their_time() -> None:
    now = datetime.fromtimestamp(0x66AABBCC, UTC)
    assert ObjectId("n", "e4b097397e").mint(0x1000005, now, Random()) == "66aabbcce4b097397e000005"


def test_objects_in_objects_lie_flat_and_rise_again() -> None:
    tree = {"a": {"b": 1, "c": None}, "d": [{"e": 1}]}
    assert flatten(tree, {"a.c": "off"}) == {"a.b": 1, "a.c": "off", "d": [{"e": 1}]}
    assert unflatten(flatten(tree, {"a.c": "off"}), {"a.c": "off"}) == tree
