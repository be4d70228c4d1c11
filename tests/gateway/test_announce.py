"""Letters: one for each target that wants to hear, with secrets where they belong."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway.backends.announce import announce
from mediaglot.gateway.model import Event, Job, Location, Notification, Secret, Ticket

SECRET_HOOK = Location(url="https://h/hook", spelling=Secret("https://u:sesame@h/hook"))


def letters(toy: Any, ticket: Ticket, event: Event, *targets: Notification, subject: Any = None) -> list[Any]:
    asked = replace(ticket, job=replace(ticket.job, notifications=targets))
    return list(announce(toy, asked, event, "https://base", ticket.created, subject))


def test_a_target_gets_a_letter_only_of_what_it_wants_to_hear(toy: Any, ticket: Ticket) -> None:
    ends = Notification(target=Location(url="https://a/"), events=frozenset({Event.FINISHED, Event.FAILED}))
    everything = Notification(target=Location(url="https://b/"), events=frozenset(Event))
    assert [x.url.reveal() for x in letters(toy, ticket, Event.FINISHED, ends, everything)] == [
        "https://a/",
        "https://b/",
    ]
    assert [x.url.reveal() for x in letters(toy, ticket, Event.QUEUED, ends, everything)] == ["https://b/"]
    assert letters(toy, ticket, Event.QUEUED, ends) == []


def test_a_letter_says_what_and_to_whom_without_giving_secrets_away(toy: Any, ticket: Ticket) -> None:
    (letter,) = letters(toy, ticket, Event.FAILED, Notification(target=SECRET_HOOK, events=frozenset({Event.FAILED})))
    assert (letter.event, letter.key.id, letter.due, letter.method) == ("failed", "7", ticket.created, "POST")
    assert letter.body == b"failed 7 waiting"
    assert letter.headers.get("content-type") == "text/plain"
    assert letter.url.reveal() == "https://u:sesame@h/hook"
    assert "sesame" not in repr(letter)


def test_letters_to_one_target_share_its_name_and_never_an_id(toy: Any, ticket: Ticket) -> None:
    first, again = (Notification(target=SECRET_HOOK, events=frozenset({Event.QUEUED})) for _ in range(2))
    other = Notification(target=Location(url="https://other/"), events=frozenset({Event.QUEUED}))
    sent = letters(toy, ticket, Event.QUEUED, first, again, other)
    assert sent[0].target == sent[1].target != sent[2].target
    assert len({letter.id for letter in sent}) == 3


def test_the_subject_is_what_the_letter_is_about(toy: Any, ticket: Ticket) -> None:
    target = Notification(target=SECRET_HOOK, events=frozenset(Event))
    (letter,) = letters(toy, ticket, Event.OUTPUT_FAILED, target, subject=(ticket.outputs[1], None))
    assert letter.body == b"output_failed 7 waiting 72"


def test_a_dialect_without_a_message_sends_none(ticket: Ticket, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "render_notification", lambda *_: None, raising=False)
    assert letters(toy, ticket, Event.FINISHED, Notification(target=SECRET_HOOK, events=frozenset(Event))) == []


def test_a_message_that_fails_is_logged_and_the_others_go_out(
    toy: Any, ticket: Ticket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, working = toy.render_notification, []

    def render(ticket: Ticket, notification: Notification, *rest: Any) -> Any:
        working.append(notification.style)
        if notification.style == "bad":
            raise KeyError("no words")
        return plain(ticket, notification, *rest)

    monkeypatch.setattr(toy, "render_notification", render, raising=False)
    bad, good = (Notification(target=SECRET_HOOK, events=frozenset(Event), style=style) for style in ("bad", "good"))
    with caplog.at_level(logging.ERROR):
        assert len(letters(toy, ticket, Event.FINISHED, bad, good)) == 1
    assert working == ["bad", "good"]
    assert "job 7" in caplog.text
    assert "sesame" not in caplog.text


def test_a_job_without_notifications_tells_nobody(toy: Any, ticket: Ticket) -> None:
    assert letters(toy, replace(ticket, job=Job()), Event.FINISHED) == []


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("https://u:p@a.example:8443/x", "https://a.example:8443"),
        ("mailto:ann@example.com", "mailto://:"),
        ("arn:aws:sns:eu-west-1:123456789012:films", "arn:aws:sns:eu-west-1"),
        ("ARN:aws", "arn:aws"),
    ],
)
def test_receivers_behind_one_server_share_its_few_deliveries(toy: Any, ticket: Ticket, target: str, host: str) -> None:
    told = Notification(target=Location(url=target), events=frozenset({Event.QUEUED}))
    assert [letter.host for letter in letters(toy, ticket, Event.QUEUED, told)] == [host]
