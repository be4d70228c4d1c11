"""Notifications: which events make which messages, in which shape."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from lxml import etree

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import DeliveryFailed, SourceMissing, UnknownEncoder
from mediaglot.gateway.model import Delivery, Event, Phase, Status

A, B = "ftp://u:sesame@h/a.mp4", "ftp://h/b.mp4"
MP4 = {"output": "mp4", "destination": A}
HOOK = {"notify": "http://c/hook"}


def message(client: Any, ticket: Any, event: Event, subject: Any = None) -> Request:
    found = client.dialect.render_notification(
        ticket, ticket.job.notifications[0], event, "https://gate.example/encoding_com", subject
    )
    assert found is not None
    assert (found.method, bool(found.body)) == ("POST", True)
    return found


def field(request: Request) -> tuple[str, str]:
    """The name and the text of the one form field."""
    assert request.headers.get("content-type") == "application/x-www-form-urlencoded"
    ((name, (text,)),) = parse_qs(request.body.decode(), strict_parsing=True, keep_blank_values=True).items()
    return name, text


def in_json(client: Any, ticket: Any, event: Event, subject: Any = None) -> Any:
    name, text = field(message(client, ticket, event, subject))
    assert name == "json"
    assert list(json.loads(text)) == ["result"]
    return json.loads(text)["result"]


def test_a_result_without_a_destination_is_told_by_its_link(client: Any, done: Any) -> None:
    said = in_json(client, done({"output": "mp4"}, notify_format="json", **HOOK), Event.FINISHED)["format"]
    assert said["destination"].startswith("https://gate.example/_mediaglot/outputs/")
    assert "destination_status" not in said


def test_the_end_of_a_media_is_told_as_captured(client: Any, done: Any) -> None:
    ticket = done(MP4, {**MP4, "destination": [A, B]}, notify_format="json", meta={"order": "17"}, **HOOK)
    assert in_json(client, ticket, Event.FINISHED) == {
        "mediaid": "5001",
        "source": "http://u:p@h/in.mov",
        "status": "Finished",
        "description": [],
        "meta": {"order": "17"},
        "encodinghost": "https://gate.example/encoding_com/",
        "format": [
            {"taskid": "9001", "output": "mp4", "status": "Finished", "destination": A, "destination_status": "Saved"},
            {
                "taskid": "9002",
                "output": "mp4",
                "status": "Finished",
                "destination": [A, B],
                "destination_status": ["Saved", "Saved"],
            },
        ],
    }


def test_xml_is_the_default_and_pairs_are_in_turn(client: Any, done: Any) -> None:
    name, text = field(message(client, done({**MP4, "destination": [A, B]}, **HOOK), Event.FINISHED))
    root = etree.fromstring(text.encode())
    assert (name, root.tag) == ("xml", "result")
    assert [child.tag for child in root] == ["mediaid", "source", "status", "description", "encodinghost", "format"]
    assert [child.tag for child in root.find("format")] == ["taskid", "output", "status"] + [
        "destination",
        "destination_status",
    ] * 2


@pytest.mark.parametrize("word", ["json", "JSON", " json ", ["json"]])
def test_the_format_is_the_clients_choice_however_it_is_spelled(client: Any, done: Any, word: Any) -> None:
    assert in_json(client, done(MP4, notify_format=word, **HOOK), Event.FINISHED)["mediaid"] == "5001"


@pytest.mark.parametrize(("kind", "content_type"), [("json", "application/json"), ("xml", "text/xml")])
def test_a_raw_body_is_the_bare_document(client: Any, done: Any, kind: str, content_type: str) -> None:
    request = message(client, done(MP4, notify_format=kind, notify_body_format="raw", **HOOK), Event.FINISHED)
    assert request.headers.get("content-type") == content_type
    assert request.body[:1] == (b"{" if kind == "json" else b"<")


def test_text_survives_the_form(client: Any, done: Any) -> None:
    source = "http://h/ü%20&+=;x.mov"
    assert in_json(client, done(MP4, source=source, notify_format="json", **HOOK), Event.FINISHED)["source"] == source
    root = etree.fromstring(
        field(message(client, done(MP4, meta={"my key": "<&>"}, **HOOK), Event.FINISHED))[1].encode()
    )
    assert root.findtext("meta/my_key") == "<&>"


def test_one_format_is_bare_and_none_is_absent(client: Any, done: Any) -> None:
    assert isinstance(in_json(client, done(MP4, notify_format="json", **HOOK), Event.FINISHED)["format"], dict)
    ready = done(notify_format="json", changes={"status": Status.HELD}, **HOOK)
    assert (in_json(client, ready, Event.READY)["status"], "format" in in_json(client, ready, Event.READY)) == (
        "Ready to process",
        False,
    )


def test_a_failed_download_is_described(client: Any, new: Any) -> None:
    trouble = SourceMissing(status=404, reason="Not Found").trouble()
    ticket = new(MP4, notify_format="json", changes={"status": Status.FAILED, "trouble": trouble}, **HOOK)
    told = in_json(client, ticket, Event.FAILED)
    assert told["status"] == "Error"
    assert told["description"] == "Download error:  The requested URL returned error: 404 Not Found"
    assert told["format"]["status"] == "New"


def test_a_failed_task_is_described_with_a_suggestion(client: Any, done: Any) -> None:
    ticket = done(MP4, notify_format="json", changes={"status": Status.RUNNING, "phase": Phase.STORING}, **HOOK)
    lost = replace(ticket.outputs[0], status=Status.FAILED, trouble=UnknownEncoder(codec="vp6").trouble())
    told = in_json(client, replace(ticket, outputs=(lost,)), Event.OUTPUT_FAILED, (lost, None))
    assert (told["status"], told["format"]["status"]) == ("Error", "Error")
    assert told["format"]["description"] == "Codec vp6 is not available"
    assert told["format"]["suggestion"] == "Choose another codec"


@pytest.mark.parametrize("saved", [True, False])
def test_an_upload_is_told_by_itself(client: Any, done: Any, saved: bool) -> None:
    ticket = done(MP4, notify_format="json", **HOOK)
    trouble = None if saved else DeliveryFailed(reason="full").trouble()
    delivery = Delivery(location=ticket.job.outputs[0].destinations[0], saved=saved, trouble=trouble)
    assert in_json(client, ticket, Event.DELIVERED, (ticket.outputs[0], delivery)) == {
        "mediaid": "5001",
        "taskid": "9001",
        "destination": A,
        "status": "Saved" if saved else "Error (Upload error: full)",
    }


def test_an_upload_can_bring_what_was_measured(client: Any, done: Any) -> None:
    ticket = done(MP4, notify_format="json", notify_upload_extended="yes", **HOOK)
    subject = (ticket.outputs[0], ticket.outputs[0].deliveries[0])
    told = in_json(client, ticket, Event.DELIVERED, subject)["output_params"]
    assert list(told) == (
        "format bitrate duration audio_bitrate audio_codec audio_duration audio_sample_rate audio_channels "
        "video_bitrate video_codec video_duration size display_aspect_ratio frame_rate filesize".split()
    )
    bare = replace(ticket.outputs[0], files=(replace(ticket.outputs[0].files[0], facts=None),))
    assert in_json(client, ticket, Event.DELIVERED, (bare, subject[1]))["output_params"] == {"filesize": "4096"}


def test_an_upload_without_a_subject_is_no_message(client: Any, done: Any) -> None:
    ticket = done(MP4, **HOOK)
    for subject in (None, (ticket.outputs[0], None)):
        assert (
            client.dialect.render_notification(ticket, ticket.job.notifications[0], Event.DELIVERED, "b", subject)
            is None
        )
