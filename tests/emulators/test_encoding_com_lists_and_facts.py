"""What lists, media information, presets and the account give."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.exchange import AccountFacts, Done, Page
from mediaglot.gateway.faults import UnknownEncoder
from mediaglot.gateway.model import Output, Preset, Status

START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
ZERO = "0000-00-00 00:00:00"
A, B = "ftp://u:sesame@h/a.mp4", "ftp://h/b.mp4"
MP4 = {"output": "mp4", "size": "0x720", "destination": A}


def tags(element: Any) -> list[str]:
    return [child.tag for child in element]


@pytest.mark.parametrize(("query", "more"), [({}, []), ({"version": "2"}, ["closeddate"])])
def test_the_older_lists(client: Any, done: Any, new: Any, query: Any, more: list[str]) -> None:
    page = Page(items=(done(MP4), new(MP4)), total=2)
    first, second = client.json("GetMediaList", page, **query)["media"]
    assert list(first) == ["mediafile", "mediaid", "mediastatus", "createdate", "startdate", "finishdate", *more]
    assert (first["mediastatus"], second["finishdate"], second["startdate"]) == ("Finished", ZERO, ZERO)


def test_a_list_is_always_a_list(client: Any, done: Any) -> None:
    for items in ((), (done(MP4),)):
        for query in ({}, {"version": "3"}):
            media = client.json("GetMediaList", Page(items=items, total=len(items), limit=10), **query)["media"]
            assert len(media) == len(items)
            assert isinstance(media, list)


def test_the_newest_list_is_paged_and_shows_parameters_on_demand(client: Any, done: Any) -> None:
    page = Page(items=(done(MP4),), total=23, offset=10, limit=10)
    answer = client.json("GetMediaList", page, version="3", format_params="size, bitrate")
    assert answer["pagination"] == {"per_page": "10", "page": "2", "count": "1", "total": "23", "pages": "3"}
    (media,) = answer["media"]
    assert list(media)[:3] == ["id", "userid", "version"]
    assert media["format"] == {"id": "9001", "status": "Finished", "output": "mp4", "size": "0x720", "bitrate": []}


# --- media information --------------------------------------------------------------------------------


def test_media_information_is_what_was_measured(client: Any, done: Any) -> None:
    answer = client.json("GetMediaInfo", done(MP4), mediaid="5001")
    assert answer == {
        "bitrate": "1807k",
        "duration": "6464.83",
        "duration_timestamp": "01:47:44.83",
        "duration_hms": "01:47:44",
        "video_codec": "h264 (High)",
        "video_bitrate": "1679k",
        "video_duration": "10.00",
        "video_duration_timestamp": "00:00:10",
        "video_duration_hms": "00:00:10",
        "frame_rate": "23.98",
        "size": "640x352",
        "pixel_aspect_ratio": "1:1",
        "display_aspect_ratio": "20:11",
        "audio_codec": "aac",
        "audio_bitrate": "128k",
        "audio_sample_rate": "48000",
        "audio_channels": "2",
        "audio_duration": "10.00",
        "audio_duration_timestamp": "00:00:10",
        "audio_duration_hms": "00:00:10",
        "rotation": "90",
        "format": "mpeg-4",
        "filesize": "2259000",
    }


def test_what_a_source_does_not_have_has_no_keys(client: Any, done: Any, facts: Any) -> None:
    ticket = done(MP4)
    still = replace(facts.video[0], rotation=0, codec="vp9", frame_rate=Fraction(25), pixel_aspect=None)
    silent = replace(ticket.sources[0], facts=replace(facts, audio=(), video=(still,), container="matroska"))
    answer = client.json("GetMediaInfo", replace(ticket, sources=(silent,)), mediaid="5001")
    assert not [key for key in answer if key.startswith("audio_") or key in ("rotation", "pixel_aspect_ratio")]
    assert (answer["video_codec"], answer["frame_rate"], answer["format"]) == ("vp9", "25", "matroska")


def test_every_track_and_every_source_is_told(client: Any, done: Any, facts: Any) -> None:
    ticket = done(MP4)
    two = replace(ticket.sources[0], facts=replace(facts, audio=facts.audio * 2))
    assert client.json("GetMediaInfo", replace(ticket, sources=(two,)), mediaid="5001")["audio_bitrate"] == ["128k"] * 2
    several = client.json("GetMediaInfo", done(MP4, source=["http://h/1", "http://h/2"]), mediaid="5001")
    assert len(several["source"]) == 2


def test_before_the_source_is_there_it_is_an_error(client: Any, new: Any) -> None:
    answer = client.json("GetMediaInfo", new(MP4), mediaid="5001")
    assert answer == {"errors": {"error": "Media info is not available yet for media 5001"}}


# --- everything else ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "message", "query"),
    [
        ("UpdateMedia", "Updated", {}),
        ("ProcessMedia", "Started", {}),
        ("StopMedia", "Stopped", {}),
        ("RestartMedia", "Restarted", {}),
        ("RestartMediaErrors", "Restarted", {}),
        ("RestartMediaTask", "Task restarted", {}),
        ("CancelMedia", "Deleted", {}),
        ("DeletePreset", "Deleted", {}),
    ],
)
def test_what_only_reports_has_a_message(client: Any, done: Any, action: str, message: str, query: Any) -> None:
    assert client.json(action, done(MP4), **query) == {"message": message}


def test_a_new_media_is_named(client: Any, new: Any) -> None:
    ticket = new({**MP4, "save_preset": "mine"})
    assert client.json("AddMedia", new(MP4)) == {"message": "Added", "MediaID": "5001"}
    assert client.json("AddMedia", ticket) == {"message": "Added", "MediaID": "5001", "SavedPreset": "mine"}
    assert client.xml("AddMedia", ticket).findtext("MediaID") == "5001"


def test_presets_are_flat_and_hold_only_what_is_set(client: Any) -> None:
    document = {"output": ["mp4"], "keyframe": "90"}
    own = Preset(name="mine", owner="x", output=Output(document=document))
    house = Preset(name="3GP 144p", output=Output(document={"output": "3gp"}))
    assert client.json("GetPreset", own, name="mine") == {
        "name": "mine",
        "type": "user",
        "output": "mp4",
        "format": {"output": "mp4", "keyframe": "90"},
    }
    page = Page(items=(own, house), total=2)
    answer = client.json("GetPresetsList", page)
    assert [len(answer[group]) for group in ("user", "ui")] == [1, 1]
    assert list(client.json("GetPresetsList", page, type="ui")) == ["ui"]
    assert client.json("GetPresetsList", Page(items=(), total=0)) == {"user": [], "ui": []}
    assert client.json("SavePreset", Done(names=("a",)), format=MP4) == {"message": "Saved", "SavedPreset": "a"}
    assert client.json("SavePreset", Done(names=("a", "b")), format=MP4)["SavedPreset"] == ["a", "b"]


def test_the_account_envelope(client: Any) -> None:
    facts = AccountFacts(id="x", created=START, workers=4, running=1, waiting=7)
    user = client.json("GetUserInfo", facts)
    assert (user["action"], user["status"], user["result"]["user_id"]) == ("getuserinfo", "Success", "7")
    assert client.json("GetReservedInfo", facts)["result"] == {
        "total_threads": "4",
        "processing_threads": "1",
        "failovers_threads": "0",
        "waiting_threads": "7",
        "iddle_threads": "3",
    }
    crowded = client.json("GetReservedInfo", replace(facts, running=9))["result"]
    assert (crowded["total_threads"], crowded["processing_threads"], crowded["iddle_threads"]) == ("4", "4", "0")


def test_success_has_no_errors_key(client: Any, done: Any) -> None:
    assert "errors" not in client.json("GetStatus", done(MP4), mediaid="5001")


def test_a_fault_of_one_task_is_described(client: Any, done: Any) -> None:
    ticket = done(MP4)
    lost = replace(ticket.outputs[0], status=Status.FAILED, trouble=UnknownEncoder(codec="vp6").trouble())
    task = client.json("GetStatus", replace(ticket, outputs=(lost,)), mediaid="5001")["format"]
    assert task["description"] == "Codec vp6 is not available"
    assert list(task).index("description") == 5
