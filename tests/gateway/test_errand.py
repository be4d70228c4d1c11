"""Errands and what providers say is wrong: complaints read back by the dialect's own table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediaglot.gateway import errand, faults
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Login, blamed, content_name, recognise, refused, unavailable
from mediaglot.gateway.exchange import Response, headers
from mediaglot.gateway.faults import Fault, Refused, Unavailable
from mediaglot.gateway.model import Secret, Status
from mediaglot.gateway.trait import Complaint, Knob
from mediaglot.gateway.values import Table


class Coded(Dialect):
    """Errors have codes."""

    name, title = "coded", "Coded"
    kinds = {"job": "order"}  # noqa: RUF012
    statuses = Table({"busy": (Status.RUNNING, None), "?": (Status.UNKNOWN, None)})
    faults = {  # noqa: RUF012
        faults.Unauthorized: Complaint(403, "No entry", "E1"),
        faults.Forbidden: Complaint(403, "No entry", "E1"),
        faults.NotFound: Complaint(404, "No {kind} {id}", "E2"),
        faults.Conflict: Complaint(409, "{kind} {id} is {state}: {kind}", "E3"),
        faults.Invalid: Complaint(400, "{field}: {reason}", "E4"),
        faults.SourceMissing: Complaint(400, "Not there: {status} {reason}", "E5"),
        faults.SourceUnreadable: Complaint(400, "Not media", "E5"),
        faults.Busy: Complaint(420, "Calm down", ""),
        Fault: Complaint(500, "Oops", "E0"),
    }


SPEAKER = Coded()


@pytest.mark.parametrize(
    ("status", "code", "text", "fault", "data"),
    [
        (404, "E2", "No order 7", faults.NotFound, {"kind": "job", "id": "7"}),
        (404, "E2", "Nothing of that name", faults.NotFound, {}),
        (409, "E3", "order 7 is busy: order", faults.Conflict, {"kind": "job", "id": "7", "state": "running"}),
        (403, "E1", "No entry", faults.Unauthorized, {}),
        (400, "E4", "whatever else", faults.Invalid, {}),
        (400, "E5", "Not media", faults.SourceUnreadable, {}),
        (400, "E5", "Not there: 404 Not Found", faults.SourceMissing, {"status": "404", "reason": "Not Found"}),
        (420, "", "other words", faults.Busy, {}),
        (404, "", "other words", faults.NotFound, {}),
        (401, "", "", faults.Unauthorized, {"reason": "refused"}),
        (418, "", "", faults.BadRequest, {"reason": "refused"}),
        (400, "E5", "neither of the two", faults.BadRequest, {"reason": "refused"}),
    ],
)
def test_a_complaint_is_recognised(status: int, code: str, text: str, fault: type[Fault], data: dict[str, str]) -> None:
    found = recognise(SPEAKER, status, code, text)
    assert (type(found), found.data) == (fault, data)


def test_prose_alone_decides_nothing() -> None:
    """A text of the table under another code or status is not that of the table."""
    assert type(recognise(SPEAKER, 400, "E9", "No order 7")) is faults.BadRequest
    assert type(recognise(SPEAKER, 400, "E4", "No order 7, I fear")) is faults.Invalid


@pytest.mark.parametrize(
    ("status", "after"), [(500, "30"), (503, None), (429, "2"), (420, "x"), (408, None), (302, "9")]
)
def test_an_overloaded_provider_is_unavailable(status: int, after: str | None) -> None:
    lines = headers(retry_after=after) if after else headers()
    fault = refused(SPEAKER, Response(status=status, headers=lines), text="Calm down" if status == 420 else "")
    assert isinstance(fault, Unavailable)
    assert fault.data["status"] == status
    assert fault.data["reason"] == ("busy" if status in (429, 420) else None)
    assert fault.data["retry_after"] == (int(after) if after and after.isdigit() else None)


@pytest.mark.parametrize(
    ("date", "seconds"),
    [("Mon, 30 Nov 2026 12:00:00 GMT", 90), ("Mon, 30 Nov 2026 13:00:00 GMT", 0), ("", None), ("today", None)],
)
def test_a_date_to_come_again_is_reckoned_by_the_providers_own_clock(date: str, seconds: int | None) -> None:
    lines = headers(retry_after="Mon, 30 Nov 2026 12:01:30 GMT", date=date)
    assert unavailable(Response(status=429, headers=lines)).data["retry_after"] == seconds


@pytest.mark.parametrize("after", ["Mon, 30 Nov 99999999999 12:00:00 GMT", "Mon, 30 Nov 2026 12:00:00 +99999999999999"])
def test_a_date_that_is_none_is_nothing_to_wait_for(after: str) -> None:
    lines = headers(retry_after=after, date="Mon, 30 Nov 2026 12:00:00 GMT")
    assert unavailable(Response(status=429, headers=lines)).data["retry_after"] is None


def test_a_refusal_keeps_what_was_said_and_what_it_means() -> None:
    fault = refused(SPEAKER, Response(status=404), code="E2", text="No order 7" + " " * 600)
    assert isinstance(fault, Refused)
    assert type(fault.meaning) is faults.NotFound
    assert (fault.data["status"], fault.data["error"]) == (404, "E2")
    assert len(fault.data["text"]) == errand.LONGEST


def test_a_failed_jobs_words_become_its_trouble() -> None:
    assert blamed(SPEAKER, "Not there: 404 Not Found").code == "source_missing"
    assert dict(blamed(SPEAKER, "Something else").data) == {"text": "Something else"}
    assert blamed(SPEAKER, "No order 7").code == "encoding_failed"
    assert blamed(SPEAKER, "").data == {}


def test_names_follow_from_the_content() -> None:
    assert content_name({"a": 1, "b": [2]}) == content_name({"b": [2], "a": 1})
    assert content_name({"a": 1}) != content_name({"a": 2})


class Plain(Client):
    knobs = {"format": Knob(("xml", "json"), "which"), "place": Knob(("",), "where", free=True)}  # noqa: RUF012


def test_options_are_checked() -> None:
    assert Plain(SPEAKER, {"place": "anywhere"}).options == {"format": "xml", "place": "anywhere"}
    with pytest.raises(ValueError, match="coded has no option colour"):
        Plain(SPEAKER, {"colour": "red"})
    with pytest.raises(ValueError, match="format is one of xml, json, not yaml"):
        Plain(SPEAKER, {"format": "yaml"})


def test_a_login_is_its_own_pass_where_nothing_is_traded() -> None:
    login = Login(name="me", secret=Secret("s"), tenant="42")
    entering = Plain(SPEAKER).enter(login)
    with pytest.raises(StopIteration) as end:
        next(entering)
    assert end.value.value == errand.by_login(login)
    assert (end.value.value.credential.name, end.value.value.tenant) == ("me", "42")


def test_what_a_provider_cannot_do_is_unsupported() -> None:
    client, placed = Plain(SPEAKER), errand.Placed(id="1")
    permit = errand.by_login(Login(secret=Secret("s")))
    for verb in (client.start, client.cancel, client.retry, client.probe):
        with pytest.raises(faults.Unsupported):
            verb(permit, placed)


def test_all_files_of_a_glimpse() -> None:
    files = tuple(errand.Artifact(url=f"https://a.example/{n}") for n in range(3))
    parts = (errand.Part(files=files[:2]), errand.Part(), errand.Part(files=files[2:]))
    assert errand.Glimpse(id="1", parts=parts).files == files
    assert replace(errand.Glimpse(id="1"), marker="x").status is Status.UNKNOWN
