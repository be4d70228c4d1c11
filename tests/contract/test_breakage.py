"""A server that breaks the contract in one place: the walk finds it, and says where.

The server is right; what stands between it and the walk is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.testing.case import read_call

Alter = Callable[[Response], Response]
TPS, XVID, ENC, EDGE = "tpstreams", "xvid_mediahub", "encoding_com", "transparent_edge"


def swap(old: bytes, new: bytes) -> Alter:
    """The first text of that pattern is another one."""
    return lambda answer: replace(answer, body=re.sub(old, new, answer.body, count=1))


def body(text: bytes) -> Alter:
    return lambda answer: replace(answer, body=text)


def status(number: int) -> Alter:
    return lambda answer: replace(answer, status=number)


def header(name: str, value: str = "") -> Alter:
    def alter(answer: Response) -> Response:
        lines = [line for line in answer.headers if line[0].lower() != name.lower()]
        return replace(answer, headers=Headers(lines=(*lines, *([(name, value)] if value else []))))

    return alter


def tree(change: Callable[[Any], Any]) -> Alter:
    def alter(answer: Response) -> Response:
        found = json.loads(answer.body)
        return replace(answer, body=json.dumps(change(found) or found).encode())

    return alter


def put(*path: Any) -> Alter:
    """The last of ``path`` is what stands at the place that the others name."""
    *way, last, value = path

    def change(found: Any) -> None:
        for part in way:
            found = found[part]
        found[last] = value

    return tree(change)


def drop(*path: Any) -> Alter:
    *way, last = path

    def change(found: Any) -> None:
        for part in way:
            found = found[part]
        del found[last]

    return tree(change)


def twice(found: Any, key: str) -> None:
    if found[key]:
        found[key][-1] = found[key][0]


def backwards(found: Any, key: str) -> None:
    found[key] = found[key][::-1]


def lone(found: Any) -> None:
    found["response"]["media"] = found["response"]["media"][0]


PROGRESSION = "immediate"
JOBS = ("job", "pages")
BREAKAGES: list[tuple[str, str, tuple[str, ...], str, int, Alter, str, str]] = [
    # what, dialect, scenes, operation, status of the answers that are altered, how; place and rule of the finding
    ("a field is missing", TPS, ("job",), "GetJob", 200, drop("status"), "response.body: status", "reply"),
    (
        "a number for a string",
        TPS,
        ("job",),
        "GetJob",
        200,
        put("output_path", 5),
        "response.body: output_path",
        "reply",
    ),
    ("a string for a number", TPS, ("look",), "ListJobs", 200, put("count", "1"), "response.body: count", "reply"),
    (
        "null where it is not allowed",
        TPS,
        ("job",),
        "GetJob",
        200,
        put("resolutions", None),
        "response.body: resolutions",
        "reply",
    ),
    (
        "an envelope too much",
        TPS,
        ("job",),
        "GetJob",
        200,
        tree(lambda found: {"data": found}),
        "response.body: id",
        "reply",
    ),
    ("a field too much", TPS, ("job",), "GetJob", 200, put("debug", True), "response.body: debug", "reply"),
    (
        "a state of another language",
        TPS,
        ("job",),
        "GetJob",
        200,
        put("status", "Fertig"),
        "response.body: status",
        "reply",
    ),
    (
        "a day that there is not",
        TPS,
        ("job",),
        "GetJob",
        200,
        put("start_time", "2026-13-45T00:00:00Z"),
        "response.body: start_time",
        "date",
    ),
    (
        "a date as people write it",
        TPS,
        ("job",),
        "GetJob",
        200,
        put("start_time", "13/01/2026"),
        "response.body: start_time",
        "reply",
    ),
    ("an id of another form", TPS, ("job",), "GetJob", 200, put("id", "12"), "response.body: id", "reply"),
    ("another id than asked for", TPS, ("job",), "GetJob", 200, put("id", "zzzzzzzzzzz"), "response.body", "id"),
    ("200 for 201", TPS, ("job",), "CreateJob", 201, status(200), "response.status", "status"),
    ("500 for what is not there", TPS, ("unknown",), "GetJob", 404, status(500), "response.status", "server_error"),
    ("an error with 200", TPS, ("unknown",), "GetJob", 404, status(200), "response.body: detail", "code"),
    ("401 for 404", TPS, ("unknown",), "GetJob", 404, status(401), "response.status", "outcome"),
    (
        "WWW-Authenticate is lost",
        TPS,
        ("doors",),
        "",
        401,
        header("WWW-Authenticate"),
        "response.headers: WWW-Authenticate",
        "header",
    ),
    (
        "another scheme",
        TPS,
        ("doors",),
        "",
        401,
        header("WWW-Authenticate", "Basic"),
        "response.headers: WWW-Authenticate",
        "header",
    ),
    ("Location is lost", TPS, ("refused",), "", 301, header("Location"), "response.headers: Location", "header"),
    ("Allow is lost", TPS, ("refused",), "", 405, header("Allow"), "response.headers: Allow", "header"),
    (
        "another media type",
        TPS,
        ("look",),
        "ListJobs",
        200,
        header("Content-Type", "text/plain"),
        "response.headers: Content-Type",
        "content_type",
    ),
    (
        "another charset",
        TPS,
        ("look",),
        "ListJobs",
        200,
        header("Content-Type", "application/json; charset=latin-1"),
        "response.headers: Content-Type",
        "content_type",
    ),
    (
        "no media type",
        TPS,
        ("look",),
        "ListJobs",
        200,
        header("Content-Type"),
        "response.headers: Content-Type",
        "content_type",
    ),
    (
        "bytes that are no UTF-8",
        XVID,
        ("look",),
        "jobs list",
        200,
        swap(rb'"limit"', b'"\xfcmit"'),
        "response.body",
        "body",
    ),
    (
        "a body cut off",
        TPS,
        ("look",),
        "ListJobs",
        200,
        lambda answer: replace(answer, body=answer.body[:-9]),
        "response.body",
        "body",
    ),
    ("no body", TPS, ("look",), "ListJobs", 200, body(b""), "response.body: count", "reply"),
    ("a link that is relative", TPS, JOBS, "ListJobs", 200, put("next", "?page=2"), "response.body: next", "link"),
    (
        "a link to another host",
        TPS,
        JOBS,
        "ListJobs",
        200,
        put("next", "http://other.test/api/v1/demo00/transcoding_jobs/?page=2"),
        "response.body: next",
        "link",
    ),
    (
        "a link to nothing",
        TPS,
        JOBS,
        "ListJobs",
        200,
        swap(rb'"next":null', b'"next":"http://h.test/?page=7"'),
        "response.body: next",
        "link",
    ),
    ("the total is wrong", TPS, JOBS, "ListJobs", 200, put("count", 77), "response.body: count", "count"),
    (
        "an entry twice",
        TPS,
        JOBS,
        "ListJobs",
        200,
        tree(lambda found: twice(found, "results")),
        "response.body: results",
        "duplicate",
    ),
    (
        "the list is not sorted",
        TPS,
        JOBS,
        "ListJobs",
        200,
        tree(lambda found: backwards(found, "results")),
        "response.body: results",
        "order",
    ),
    (
        "a code without its prefix",
        XVID,
        ("unknown",),
        "jobs get",
        404,
        swap(rb"0x0050005", b"0050005"),
        "response.body: error.error_code",
        "code",
    ),
    (
        "the code of another error",
        XVID,
        ("unknown",),
        "jobs get",
        404,
        swap(rb"0x0050005", b"0x0000003"),
        "response.body: error.error_code",
        "code",
    ),
    (
        "a number as a string",
        XVID,
        ("look",),
        "jobs list",
        200,
        swap(rb'"total":(\d+)', rb'"total":"\1"'),
        "response.body: total",
        "type",
    ),
    ("a string as a list", XVID, ("look",), "presets list", 200, put("presets", ""), "response.body: presets", "type"),
    (
        "a time in seconds",
        XVID,
        ("job",),
        "jobs get",
        200,
        swap(rb'"created_at":(\d{10})\d{3}', rb'"created_at":\1'),
        "response.body: job.created_at",
        "date",
    ),
    (
        "more than all",
        XVID,
        ("job",),
        "jobs get",
        200,
        swap(rb'"percentage_completed":\d+', b'"percentage_completed":150'),
        "percentage_completed",
        "reply",
    ),
    (
        "the last page is another",
        XVID,
        JOBS,
        "jobs list",
        200,
        swap(rb'("last":.[^}]*start=)\d+', rb"\g<1>40"),
        "response.body: last",
        "link",
    ),
    ("the size of the page is another", XVID, JOBS, "jobs list", 200, put("limit", 9), "response.body: limit", "count"),
    (
        "the root of the XML is another",
        XVID,
        ("format",),
        "jobs list",
        200,
        lambda answer: replace(answer, body=answer.body.replace(b"response>", b"reply>")),
        "response.body",
        "order",
    ),
    (
        "entries of another name",
        XVID,
        ("format",),
        "codecs list",
        200,
        lambda answer: replace(answer, body=re.sub(rb"<(/?)codec>", rb"<\1item>", answer.body)),
        "response.body",
        "reply",
    ),
    ("a link to another kind", XVID, ("look", "link"), "users get", 200, drop("user", "id"), "response.body", "reply"),
    ("files get lost", XVID, ("job", "link"), "files get", 200, status(404), "response.status", "outcome"),
    (
        "nil is said otherwise",
        XVID,
        ("job",),
        "jobs get",
        200,
        swap(rb'nil="true"', b'nil="yes"'),
        "response.body",
        "order",
    ),
    (
        "JSON for XML",
        XVID,
        ("format",),
        "codecs list",
        200,
        lambda answer: replace(header("Content-Type", "application/json;charset=UTF-8")(answer), body=b'{"codecs":[]}'),
        "response.headers: Content-Type",
        "content_type",
    ),
    (
        "a document type",
        ENC,
        ("look",),
        "GetUserInfo",
        200,
        swap(rb"<response>", b'<!DOCTYPE r [<!ENTITY x "y">]><response>'),
        "response.body",
        "body",
    ),
    ("one for a list", ENC, JOBS, "GetMediaList", 200, tree(lone), "response.body: media", "type"),
    (
        "a list for one",
        ENC,
        ("job",),
        "GetStatus",
        200,
        swap(rb'"userid":"100"', b'"userid":["100"]'),
        "response.body",
        "reply",
    ),
    (
        "JSON's own number for a text",
        ENC,
        ("look",),
        "GetUserInfo",
        200,
        swap(rb'"user_id":"(\d+)"', rb'"user_id":\1'),
        "response.body: result.user_id",
        "reply",
    ),
    ("an error as 404", ENC, ("unknown",), "GetMediaInfo", 200, status(404), "response.status", "status"),
    (
        "the pages are miscounted",
        ENC,
        JOBS,
        "GetMediaList",
        200,
        swap(rb'"pages":"\d+"', b'"pages":"77"'),
        "response.body: pagination.pages",
        "count",
    ),
    (
        "a list in an object",
        EDGE,
        ("look",),
        "list_orders",
        200,
        tree(lambda found: {"orders": found}),
        "response.body",
        "reply",
    ),
    (
        "the key of another error",
        EDGE,
        ("unknown",),
        "get_order",
        404,
        body(b'{"message":"Not found."}'),
        "response.body: message",
        "code",
    ),
    ("a time without a zone", EDGE, JOBS, "list_orders", 200, swap(rb"\+00:00", b""), "created_on", "reply"),
    (
        "a page of HTML",
        EDGE,
        ("look",),
        "current_user",
        200,
        lambda answer: replace(header("Content-Type", "text/html")(answer), body=b"<html>Sign in</html>"),
        "response.body",
        "body",
    ),
]


@pytest.mark.heavy
@pytest.mark.parametrize("case", BREAKAGES, ids=[f"{each[1]}-{each[0]}" for each in BREAKAGES])
def test_a_breach_is_found_where_it_is(standing: Any, case: Any) -> None:
    _, name, scenes, operation, number, alter, place, rule = case
    dialect, altered = registry.find(name), []

    def between(request: Request, answer: Response) -> Response:
        route = read_call(dialect, request).call.route
        if answer.status != number or (operation and (route is None or route.name != operation)):
            return answer
        try:
            other = alter(answer)
        except (ValueError, LookupError, TypeError):
            return answer
        altered.append(other != answer)
        return other

    _, outcome = standing.walk(name, *scenes, jobs=4 if "job" in scenes else 0, patience=2.0, alter=between)
    assert any(altered), "nothing was broken"
    assert not outcome.passed
    told = [each for each in outcome.findings if each.rule == rule and place in each.place]
    assert told, [str(each) for each in outcome.findings][:20]
    assert all("expected" in each.message for each in told)


def test_there_are_thirty_of_them() -> None:
    assert len({each[0] for each in BREAKAGES}) >= 30
