"""The provider's own examples: a ticket in the state that one describes renders to the same keys, order and formats.

The examples are the real list, with other places and credentials, and the hand-written detail, which says the
duration in seconds and its times in another zone (README.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.emulators.tpstreams import Dialect
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import CreateJob, Headers, Page, Request
from mediaglot.gateway.faults import SourceMissing
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Encryption, Made, MediaFacts, Phase, Source, Status, Ticket

JOBS = "/api/v1/ab12cd/transcoding_jobs/"
SIGNED = (
    "https://s3.eu-central-1.wasabisys.com/my.bucket.example/private/a33f840bead744d6b7b0dd624e5c4a51.mp4"
    "?response-content-disposition=attachment%3B+filename%3DClass+%23+52+Batch+1.mp4&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=EXAMPLEKEY%2F20231123%2Feu-central-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host&@0000"
)
PATH = (
    "s3://wasabisys.com/my.bucket.example/transcoding_jobs/"
    "?access_key=EXAMPLEKEY&secret_key=EXAMPLESECRET&region=eu-central-1"
)
LIST = {
    "count": 3,
    "next": None,
    "previous": None,
    "results": [
        {
            "id": job_id,
            "resolutions": ["240p"],
            "video_duration": duration,
            "status": status,
            "input_url": SIGNED,
            "output_path": PATH,
            "start_time": started,
            "end_time": None,
            "type": "transcoding_job",
            "error_message": message,
        }
        for job_id, duration, status, started, message in (
            ("BQGhbcuzupQ", None, "Transcoding", "2023-11-23T12:50:29.668814+05:30", None),
            (
                "8sb6CfXy6bY",
                "00:01:43",
                "Error",
                "2023-11-23T16:01:42.881334+05:30",
                "The specified input URL does not exist or cannot be accessed",
            ),
            ("UBzx3BF6Rpg", "00:01:43", "Transcoding", "2023-11-23T16:15:51.731772+05:30", None),
        )
    ],
}
DETAIL = {
    "id": "5KQfnXCg8Qh",
    "resolutions": ["240p", "480p"],
    "video_duration": 120,
    "status": "Completed",
    "input_url": "https://example.com/input-video.mp4",
    "output_path": "s3://example-bucket/path/?access_key=EXAMPLEKEY&secret_key=EXAMPLESECRET",
    "start_time": "2023-04-20T23:20:06.034924+12:00",
    "end_time": "2023-04-20T23:40:06.034924+12:00",
    "error_message": None,
}
STATES: dict[str, dict[str, Any]] = {
    "Transcoding": {"status": Status.RUNNING, "phase": Phase.ENCODING},
    "Error": {"status": Status.FAILED, "trouble": SourceMissing(status=403, reason="Forbidden").trouble()},
    "Completed": {"status": Status.FINISHED},
}


def call(dialect: Dialect, method: str, path: str, tree: Mapping[str, Any] | None = None) -> Call:
    lines = (
        ("Host", "app.tpstreams.com"),
        ("Authorization", f"Token {'0' * 64}"),
        ("Content-Type", "application/json"),
    )
    body = b"" if tree is None else json.dumps(tree).encode()
    base = "http://app.tpstreams.com"
    opened = dialect.open(Request(method=method, path=path, headers=Headers(lines=lines), body=body, base=base))
    return replace(opened, account=Account(id="ab12cd", user="ab12cd"))


def ticket(dialect: Dialect, shown: Mapping[str, Any], seconds: int | None) -> Ticket:
    """The ticket of a job that was asked for as the example shows, in the state that it shows."""
    asked = {key: shown[key] for key in ("input_url", "output_path", "resolutions")}
    intent = dialect.read(call(dialect, "POST", JOBS, asked), Ledger())
    assert isinstance(intent, CreateJob)
    started, ended = (
        datetime.fromisoformat(time) if (time := shown[key]) else None for key in ("start_time", "end_time")
    )
    assert started is not None
    known = (
        None if seconds is None else MediaFacts(container="mov", size=1, duration=Fraction(seconds) + Fraction(1, 3))
    )
    return Ticket(
        id=shown["id"],
        account="ab12cd",
        dialect="tpstreams",
        job=dialect.settle(intent.job, {}),
        created=started,
        started=started,
        finished=ended,
        sources=(Source(id="0", facts=known),),
        outputs=(Made(id="x"),),
        **STATES[shown["status"]],
    )


def shared(shown: Mapping[str, Any], example: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer shows of an example's keys, in the answer's order."""
    return {key: value for key, value in shown.items() if key in example}


def test_the_real_list_is_the_same_but_for_younger_keys() -> None:
    dialect = Dialect()
    tickets = [
        ticket(dialect, shown, 103 if shown["video_duration"] else None)
        for shown in LIST["results"]  # type: ignore[attr-defined]
    ]
    page = Page(items=tickets, total=3, offset=0, limit=20)
    answer = json.loads(dialect.render_response(call(dialect, "GET", JOBS), page).body)
    younger = {"enable_drm", "drm_content_id", "client_metadata"}
    assert [set(job) - {"enable_drm", "drm_content_id", "client_metadata"} for job in answer["results"]] == [
        set(job)
        for job in LIST["results"]  # type: ignore[attr-defined]
    ]
    assert all(younger < set(job) for job in answer["results"])
    told = answer | {"results": [shared(job, LIST["results"][0]) for job in answer["results"]]}  # type: ignore[index]
    assert json.dumps(told) == json.dumps(LIST)


@pytest.mark.parametrize(("duration", "shown"), [("seconds", 120), ("text", "00:02:00")])
def test_the_detail_is_the_same_but_for_its_zone(duration: str, shown: Any) -> None:
    dialect = Dialect(duration=duration)
    found = ticket(dialect, DETAIL, 120)
    answer = json.loads(dialect.render_response(call(dialect, "GET", f"{JOBS}{DETAIL['id']}/"), found).body)
    told = shared(answer, DETAIL)
    times = ("start_time", "end_time")
    moments = [datetime.fromisoformat(each[key]) for key in times for each in (told, DETAIL)]  # type: ignore[arg-type]
    assert moments[0] == moments[1]
    assert moments[2] == moments[3]
    assert json.dumps(told) == json.dumps(DETAIL | {key: told[key] for key in times} | {"video_duration": shown})


def test_what_was_asked_comes_back_letter_for_letter() -> None:
    """A signature would break at the smallest change."""
    dialect = Dialect()
    path = "s3://WasabiSys.com/My.bucket/a%20b/../c//?secret_key=a+b/c%3d&x=&access_key=%4b"
    tree = {"input_url": SIGNED, "output_path": path.replace("/../", "/"), "resolutions": ["480p", "240p", "480p"]}
    intent = dialect.read(call(dialect, "POST", JOBS, tree), Ledger())
    assert isinstance(intent, CreateJob)
    made = replace(ticket(dialect, LIST["results"][0], None), job=dialect.settle(intent.job, {}))  # type: ignore[index]
    answer = json.loads(dialect.render_response(call(dialect, "GET", f"{JOBS}x/"), made).body)
    assert {key: answer[key] for key in tree} == tree
    assert "a+b/c" not in repr(made)


@pytest.mark.parametrize(
    ("drm", "wanted", "locked", "lost"),
    [("clear", True, False, 1), ("aes128", True, True, 0), ("aes128", False, False, 0)],
)
def test_what_encryption_stands_in_for_the_vendors(drm: str, wanted: bool, locked: bool, lost: int) -> None:
    dialect, ledger = Dialect(drm=drm), Ledger()
    body = {"input_url": SIGNED, "output_path": PATH, "resolutions": ["240p"], "enable_drm": wanted}
    intent = dialect.read(call(dialect, "POST", JOBS, body), ledger)
    assert isinstance(intent, CreateJob)
    package = dialect.settle(intent.job, {}).outputs[0].package
    assert package is not None
    assert package.encryption == (Encryption() if locked else None)
    assert [loss.path for loss in ledger.losses] == ["enable_drm"] * lost
