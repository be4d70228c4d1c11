"""Deviations that only show when several answers are held together, and what only looks like one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.contract.drift import drift
from mediaglot.gateway.contract.sketch import Sketch, observe
from mediaglot.gateway.exchange import GetJob, GetJobs, ListJobs, PutThing, Request, Response
from mediaglot.gateway.testing.case import read_call
from mediaglot.gateway.testing.scrub import Scrubber

TPS, XVID, ENC, EDGE = "tpstreams", "xvid_mediahub", "encoding_com", "transparent_edge"
LOOK, LIST, CHANGE, ANY = (GetJob, GetJobs), (ListJobs,), (PutThing,), (object,)
JOB, PAGES = ("job",), ("job", "pages")
Alter = Callable[[bytes], bytes]


def swap(old: bytes, new: bytes) -> Alter:
    return lambda body: re.sub(old, new, body)


def falling(old: bytes) -> Alter:
    """Another number each time, and always a smaller one."""
    numbers = count(99, -1)
    return lambda body: re.sub(old, lambda match: match[1] + str(max(next(numbers), 0)).encode() + match[2], body)


def without(name: str) -> Alter:
    def alter(body: bytes) -> bytes:
        tree = json.loads(body)
        del tree[name]
        return json.dumps(tree).encode()

    return alter


DEVIATIONS: list[tuple[str, str, tuple[str, ...], tuple[type, ...], Alter, str, str]] = [
    # what, dialect, scenes, intents of the requests whose answers are altered, how; place and rule of the finding
    ("progress goes back", ENC, JOB, LOOK, falling(rb'("progress":")[\d.]+(")'), "response.body", "progress"),
    ("progress goes back", XVID, JOB, LOOK, falling(rb'(completed":)\d+([,}])'), "response.body", "progress"),
    ("progress goes back", EDGE, JOB, LOOK, falling(rb'("progress":)[\d.]+([,}])'), "response.body", "progress"),
    (
        "it was made at another time",
        XVID,
        JOB,
        LOOK,
        falling(rb'("created_at":\d{11})\d\d(,)'),
        "response.body",
        "date",
    ),
    ("the list has another state", TPS, JOB, LIST, swap(b"Completed", b"Error"), "response.body", "list"),
    ("the list has another state", EDGE, JOB, LIST, swap(b"FINISHED", b"ERROR"), "response.body", "list"),
    ("the list has another time", EDGE, JOB, LIST, swap(rb'_on":"2', rb'_on":"3'), "response.body", "list"),
    ("another source", TPS, JOB, LOOK, swap(rb'url":"https', b'url":"http'), "response.body: input_url", "echo"),
    ("another source", ENC, JOB, LOOK, swap(b"/bars-", b"/rabs-"), "response.body: sourcefile", "echo"),
    ("another source", XVID, JOB, LOOK, swap(b"/bars-", b"/rabs-"), "response.body: job.input.input_name", "echo"),
    ("another source", EDGE, JOB, LOOK, swap(b"/bars-", b"/rabs-"), "transcodingdownload.download_url", "echo"),
    ("another source in the list", TPS, PAGES, LIST, swap(b"/bars-", b"/rabs-"), "input_url", "echo"),
    ("another name", EDGE, JOB, LOOK, swap(rb'filename":"', rb'filename":"z'), "transcodingjob_set.0.filename", "echo"),
    ("a change is forgotten", TPS, ("kept",), CHANGE, swap(rb'"http:[^"]*"', b'"http://x.test/"'), "url", "echo"),
    ("another job", ENC, JOB, LOOK, swap(rb"(<response><id>)\d+", rb"\g<1>7"), "response.body: id", "id"),
    ("a link to another job", XVID, JOB, LOOK, swap(rb"/jobs/\w{24}", b"/jobs/" + b"0" * 24), "job.href", "link"),
    ("a link to another host", XVID, JOB, LOOK, swap(rb'href":"http://[^/]+', b'href":"http://h.test'), "href", "link"),
    ("a field twice", TPS, JOB, LOOK, swap(b'{"id"', b'{"id":"x","id"'), "response.body", "body"),
    ("text beside elements", XVID, JOB, LOOK, swap(b"<response>", b"<response>x"), "response.body", "order"),
    ("no link to the next page", XVID, PAGES, LIST, without("next"), "response.body: next", "link"),
    ("other words", TPS, ("unknown",), ANY, swap(rb"Not found\.", b"Gone."), "response.body: detail", "text"),
    ("other words", ENC, ("doors",), ANY, swap(b"Wrong user", b"No user"), "errors.error", "text"),
    ("other words", XVID, ("unknown",), ANY, swap(b"Job does not exist", b"No"), "error.error_message", "text"),
    ("it never ended", TPS, JOB, LOOK, swap(rb'end_time":"[^"]*"', b'end_time":null'), "end_time", "reply"),
    ("it failed well", TPS, JOB, LOOK, swap(rb'message":null', b'message":"no"'), "error_message", "reply"),
    ("it never ended", XVID, JOB, LOOK, swap(rb'"finished_at":\d+,', b""), "job.finished_at", "reply"),
    ("a resolution is none", TPS, JOB, LOOK, swap(b'"720p"', b'"HD"'), "response.body: resolutions", "reply"),
    ("a number is null", XVID, JOB, LIST, swap(rb'"total":\d+', b'"total":null'), "response.body: total", "reply"),
]


def altering(name: str, intents: tuple[type, ...], alter: Alter, altered: list[bool]) -> Any:
    dialect = registry.find(name)

    def between(request: Request, answer: Response) -> Response:
        if not isinstance(read_call(dialect, request).intent, intents) and intents is not ANY:
            return answer
        try:
            other = replace(answer, body=alter(answer.body))
        except (ValueError, LookupError, TypeError):
            return answer
        altered.append(other != answer)
        return other

    return between


@pytest.mark.heavy
@pytest.mark.parametrize("case", DEVIATIONS, ids=[f"{each[1]}-{each[0]}" for each in DEVIATIONS])
def test_a_deviation_is_found_where_it_is(standing: Any, case: Any) -> None:
    _, name, scenes, intents, alter, place, rule = case
    altered: list[bool] = []
    alter = altering(name, intents, alter, altered)
    _, outcome = standing.walk(name, *scenes, jobs=4 if "job" in scenes else 0, write=True, alter=alter)
    assert any(altered), "nothing was altered"
    told = [each for each in outcome.findings if each.rule == rule and place in each.place]
    assert told, [str(each) for each in outcome.findings][:20]
    assert all("expected" in each.message for each in told)


@pytest.mark.heavy
@pytest.mark.parametrize("name", [TPS, ENC])
def test_a_cancelled_job_that_finishes(standing: Any, name: str) -> None:
    """Cancelling is answered well, and nothing is done."""
    dialect, word = registry.find(name), {TPS: b"Completed", ENC: b"Finished"}[name]
    cancelled: list[Request] = []

    def between(request: Request, answer: Response) -> Response:
        call = read_call(dialect, request)
        if call.call.route is not None and call.call.route.name in ("CancelJob", "StopMedia"):
            cancelled.append(request)
        elif cancelled and isinstance(call.intent, LOOK):
            return replace(answer, body=re.sub(rb"Cancelled|Stopped", word, answer.body))
        return answer

    _, outcome = standing.walk(name, "job", jobs=4, alter=between)
    assert cancelled
    assert any("expected the job to be cancelled" in each.message for each in outcome.findings)


@pytest.mark.heavy
def test_a_job_that_ended_before_it_could_be_cancelled_is_no_deviation(standing: Any) -> None:
    for name, words in ((XVID, rb"QUEUED|PROCESSING"), (TPS, rb"Queued|Transcoding")):
        done = {XVID: b"SUCCESS", TPS: b"Completed"}[name]
        alter = altering(name, LOOK, swap(words, done), [])
        stage, outcome = standing.walk(name, "job", jobs=2, alter=alter)
        assert not [each for each in outcome.findings if each.rule in ("outcome", "state")]
        assert any("had ended before" in each.skipped for each in stage.lines)


@pytest.mark.parametrize("mark", [b'<response xmlns="urn:x">', b'<response version="2">'])
def test_attributes_are_recorded_for_the_judge(mark: bytes) -> None:
    """Their values are nobody's business."""
    scrubber = Scrubber(registry.find(ENC), lambda value: "s" * len(value))
    made = scrubber.body(mark + b"<message>Added</message></response>", "text/xml").decode()
    assert re.search(mark.partition(b" ")[2].partition(b"=")[0].decode(), made)
    assert "urn:x" not in made


@pytest.mark.parametrize(
    ("old", "new", "drifts"),
    [
        ("0123456789" * 3, "0123456789abcdef0123456789abcd", False),
        ("17", "seventeen", True),
        (None, "17", False),
        ("17", None, True),
        ("17", 17, True),
    ],
)
def test_what_drifts_and_what_is_chance(old: Any, new: Any, drifts: bool) -> None:
    before, after = Sketch(), Sketch()
    for _ in range(3):
        observe(before, ("response.body",), {"a": old})
        observe(after, ("response.body",), {"a": new})
    assert bool(drift("GetJob", before, after)) is drifts


def test_null_now_and_then_is_no_other_type() -> None:
    before, after = Sketch(), Sketch()
    for number, value in enumerate(("x", "y", None)):
        observe(before, ("response.body",), {"a": value if number < 2 else "z"})
        observe(after, ("response.body",), {"a": value})
    assert not drift("GetJob", before, after)
