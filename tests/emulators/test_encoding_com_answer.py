"""What each action gives: fields, their order and their shapes in both formats."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.faults import DeliveryFailed, SourceMissing
from mediaglot.gateway.model import Delivery, File, Phase, Status, Step, Ticket

START = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2020, 1, 2, 3, 5, 0, tzinfo=UTC)
ZERO = "0000-00-00 00:00:00"
A, B = "ftp://u:sesame@h/a.mp4", "ftp://h/b.mp4"
MP4 = {"output": "mp4", "size": "0x720", "destination": A}


def tags(element: Any) -> list[str]:
    return [child.tag for child in element]


# --- GetStatus, plain -------------------------------------------------------------------------------

HEAD = (
    "id userid version sourcefile status prevstatus notifyurl created started finished downloaded uploaded filesize "
    "processor region time_left progress time_left_current progress_current format queue_time"
).split()
ORDER = (
    "id status created started finished output output_preset destination destination_status protected_public_result "
    "size bitrate audio_bitrate audio_sample_rate audio_channels_number downmix_mode framerate "
    "framerate_upper_threshold fade_in fade_out crop_top crop_left crop_right crop_bottom padd_top padd_left "
    "padd_right padd_bottom set_aspect_ratio keep_aspect_ratio video_codec profile VCodecParameters "
    "video_codec_parameters audio_codec two_pass turbo twin_turbo cbr hard_cbr minrate maxrate bufsize audio_minrate "
    "audio_maxrate audio_bufsize rc_init_occupancy deinterlacing video_sync keyframe start finish duration "
    "audio_volume audio_normalization audio_sync rotate noise_reduction two_pass_decoding force_keyframes "
    "metadata_copy strip_chapters pix_format pan encoder burnin_timecode copy_timestamps encryption "
    "encryption_method encryption_key encryption_key_file encryption_iv encryption_password slices audio_stream "
    "file_extension ftyp hint extends set_rotate copy_nielsen_metadata drm convertedsize queued converttime"
).split()


def test_a_finished_media_has_all_fields_in_the_captured_order(client: Any, done: Any) -> None:
    ticket = done(MP4, notify="http://c/hook", region="us-east-1")
    answer = client.json("GetStatus", ticket, mediaid="5001")
    assert list(answer) == HEAD
    assert tags(client.xml("GetStatus", ticket, mediaid="5001")) == HEAD
    assert {key: answer[key] for key in HEAD if key not in ("version", "format")} == {
        "id": "5001",
        "userid": "7",
        "sourcefile": "http://u:p@h/in.mov",
        "status": "Finished",
        "prevstatus": "Saving",
        "notifyurl": "http://c/hook",
        "created": "2020-01-02 03:04:05",
        "started": "2020-01-02 03:04:05",
        "finished": "2020-01-02 03:05:00",
        "downloaded": "2020-01-02 03:04:05",
        "uploaded": "2020-01-02 03:05:00",
        "filesize": "2259000",
        "processor": "AMAZON",
        "region": "us-east-1",
        "time_left": "0",
        "progress": "100.0",
        "time_left_current": "0",
        "progress_current": "100.0",
        "queue_time": "0",
    }


def test_a_task_echoes_its_parameters_with_defaults_in_the_captured_order(client: Any, done: Any) -> None:
    answer = client.json("GetStatus", done({**MP4, "keyframe": ["90"]}), mediaid="5001")["format"]
    assert list(answer) == ORDER
    assert tags(client.xml("GetStatus", done(MP4), mediaid="5001").find("format")) == ORDER
    assert (answer["size"], answer["keyframe"], answer["bitrate"]) == ("0x720", "90", [])
    assert (answer["video_codec"], answer["audio_codec"], answer["file_extension"]) == ("libx264", "dolby_aac", "mp4")
    assert (answer["destination"], answer["destination_status"]) == (A, "Saved")
    assert (answer["convertedsize"], answer["converttime"], answer["queued"]) == ("4096", "55", "2020-01-02 03:04:05")
    defaults = {
        "audio_bitrate": "64k",
        "audio_channels_number": "2",
        "downmix_mode": "pl2",
        "keep_aspect_ratio": "yes",
        "two_pass": "no",
        "turbo": "no",
        "cbr": "no",
        "deinterlacing": "auto",
        "video_sync": "old",
        "audio_volume": "100",
        "rotate": "def",
        "pix_format": "yuv420p",
        "encoder": "v1",
        "copy_timestamps": "yes",
        "encryption_method": "aes-128-cbc",
        "set_rotate": "0",
        "drm": "no",
    }
    assert {key: answer[key] for key in defaults} == defaults


def test_what_is_given_twice_alike_is_echoed_once(client: Any, done: Any) -> None:
    answer = client.json("GetStatus", done({**MP4, "two_pass": ["yes", "yes"]}), mediaid="5001")["format"]
    assert answer["two_pass"] == "yes"


def test_what_is_not_known_yet_is_zero_or_absent(client: Any, new: Any) -> None:
    answer = client.json("GetStatus", new(MP4), mediaid="5001")
    assert (answer["finished"], answer["downloaded"], answer["started"]) == (ZERO, ZERO, "2020-01-02 03:04:05")
    assert not answer.keys() & {"prevstatus", "uploaded", "notifyurl", "description", "filesize", "region"}
    assert (answer["status"], answer["progress"], answer["time_left"]) == ("New", "0.0", "0")
    task = answer["format"]
    assert (task["status"], task["started"], task["finished"]) == ("New", ZERO, ZERO)
    assert (task["convertedsize"], task["queued"], task["converttime"]) == ("0", "", "0")
    assert task["destination_status"] == "Open"


def test_all_values_are_text(client: Any, done: Any) -> None:
    def leaves(tree: Any) -> list[Any]:
        if isinstance(tree, dict):
            return [leaf for value in tree.values() for leaf in leaves(value)]
        return [leaf for value in tree for leaf in leaves(value)] if isinstance(tree, list) else [tree]

    ticket = done({**MP4, "keyframe": 90, "stream": [{"bitrate": 5}]}, MP4)
    for action in ("GetStatus", "GetMediaInfo", "GetMediaInfoEx"):
        assert {type(leaf) for leaf in leaves(client.json(action, ticket, mediaid="5001"))} == {str}


@pytest.mark.parametrize(
    ("status", "phase", "media", "task"),
    [
        (Status.QUEUED, None, "New", "New"),
        (Status.RUNNING, Phase.FETCHING, "Downloading", "New"),
        (Status.RUNNING, Phase.PROBING, "Ready to process", "New"),
        (Status.HELD, None, "Ready to process", "New"),
        (Status.QUEUED, Phase.WAITING, "Waiting for encoder", "New"),
        (Status.RUNNING, Phase.ENCODING, "Processing", "Processing"),
        (Status.RUNNING, Phase.PACKAGING, "Processing", "Processing"),
        (Status.RUNNING, Phase.STORING, "Saving", "Saving"),
        (Status.FINISHED, None, "Finished", "Finished"),
        (Status.FAILED, None, "Error", "Error"),
        (Status.CANCELLED, None, "Stopped", "Stopped"),
    ],
)
def test_states_are_told_in_the_providers_words(
    client: Any, new: Any, status: Status, phase: Phase | None, media: str, task: str
) -> None:
    ticket = new(MP4)
    inner = (status, phase) if task != "New" else (Status.QUEUED, None)
    outputs = (replace(ticket.outputs[0], status=inner[0], phase=inner[1]),)
    answer = client.json("GetStatus", replace(ticket, status=status, phase=phase, outputs=outputs), mediaid="5001")
    assert (answer["status"], answer["format"]["status"]) == (media, task)


def test_one_is_bare_and_several_are_a_list(client: Any, done: Any) -> None:
    one = client.json("GetStatus", done({**MP4, "destination": [A]}), mediaid="5001")
    several = client.json(
        "GetStatus", done({**MP4, "destination": [A, B]}, MP4, source=["http://h/1", "http://h/2"]), mediaid="5001"
    )
    assert isinstance(one["format"], dict)
    assert [task["id"] for task in several["format"]] == ["9001", "9002"]
    assert several["format"][0]["destination"] == [A, B]
    assert several["format"][0]["destination_status"] == ["Saved", "Saved"]
    assert several["sourcefile"] == ["http://h/1", "http://h/2"]
    assert "format" not in client.json("GetStatus", done(), mediaid="5001")


def test_destinations_and_their_states_are_written_in_turn(client: Any, done: Any) -> None:
    ticket = done({**MP4, "destination": [A, B]})
    failed = Delivery(location=ticket.job.outputs[0].destinations[1], trouble=DeliveryFailed(reason="full").trouble())
    task = replace(ticket.outputs[0], deliveries=(ticket.outputs[0].deliveries[0], failed))
    element = client.xml("GetStatus", replace(ticket, outputs=(task,)), mediaid="5001").find("format")
    pairs = [(child.tag, child.text) for child in element if child.tag.startswith("destination")]
    assert pairs == [
        ("destination", A),
        ("destination_status", "Saved"),
        ("destination", B),
        ("destination_status", "Error (Upload error: full)"),
    ]


@pytest.mark.parametrize(("option", "key"), [("s3", "s3_destination"), ("cf", "cf_destination")])
def test_a_result_without_a_destination_is_linked(client_with: Any, done: Any, option: str, key: str) -> None:
    client = client_with(temporary_link=option)
    task = client.json("GetStatus", done({"output": "mp4"}), mediaid="5001")["format"]
    assert task[key] == "https://gate.example/_mediaglot/outputs/room/9001/out.mp4"
    assert list(task).index(key) == list(task).index("output_preset") + 1
    assert not task.keys() & {"destination", "destination_status"}
    assert key not in client.json("GetStatus", done(MP4), mediaid="5001")["format"]


def test_segments_are_not_linked_one_by_one(client: Any, done: Any) -> None:
    ticket = done({"output": "mp4"})
    files = (File(path="r/m.m3u8", size=1, role="playlist"), File(path="r/1.ts", size=1, role="segment"))
    ticket = replace(ticket, outputs=(replace(ticket.outputs[0], files=files),))
    task = client.json("GetStatus", ticket, mediaid="5001")["format"]
    assert task["s3_destination"] == "https://gate.example/_mediaglot/outputs/r/m.m3u8"


def test_the_history_of_a_task_is_told_on_demand(client: Any, done: Any) -> None:
    ticket = done(MP4)
    steps = (*ticket.outputs[0].history, Step(at=START, status=Status.RUNNING, phase=Phase.ENCODING))
    ticket = replace(ticket, outputs=(replace(ticket.outputs[0], history=steps),))
    task = client.json("GetStatus", ticket, mediaid="5001", include_task_status="yes")["format"]
    assert task["task_status"] == {
        "state": [
            {"time": "2020-01-02 03:04:05", "message": "New"},
            {"time": "2020-01-02 03:04:05", "message": "Processing"},
        ]
    }
    for word in ("no", ""):
        assert "task_status" not in client.json("GetStatus", ticket, mediaid="5001", include_task_status=word)["format"]
    wrong = client.json("GetStatus", ticket, mediaid="5001", include_task_status="maybe")
    assert wrong["errors"]["error"].startswith("Wrong value of parameter include_task_status")


def test_a_failed_download_is_told_as_captured(client: Any, new: Any) -> None:
    trouble = SourceMissing(status=403, reason="Forbidden").trouble()
    over = {"status": Status.FAILED, "trouble": trouble, "finished": LATER}
    answer = client.json("GetStatus", new(MP4, changes=over), mediaid="5001")
    assert (answer["status"], answer["finished"], answer["downloaded"]) == ("Error", ZERO, ZERO)
    assert answer["description"] == "Download error:  The requested URL returned error: 403 Forbidden"
    assert answer["format"]["status"] == "New"
    plain = new(MP4, changes={"status": Status.FAILED, "trouble": SourceMissing(status=400).trouble()})
    described = client.json("GetStatus", plain, mediaid="5001")["description"]
    assert described == "Download error:  The requested URL returned error: 400"


def test_keys_of_a_clients_own_cannot_pass_for_ours(client: Any, done: Any) -> None:
    bookkeeping = {"id": "666", "status": "Hacked", "created": "x", "destination_status": "x", "convertedsize": "x"}
    more = {"s3_destination": "http://evil/", "my_own": "1", "my key": "2", "description": "x", "task_status": "x"}
    ticket = done({**MP4, **bookkeeping, **more})
    task = client.json("GetStatus", ticket, mediaid="5001")["format"]
    assert (task["id"], task["status"], task["created"]) == ("9001", "Finished", "2020-01-02 03:04:05")
    assert (task["destination_status"], task["convertedsize"]) == ("Saved", "4096")
    assert not task.keys() & {"s3_destination", "description", "task_status"}
    assert (task["my_own"], task["my key"]) == ("1", "2")
    element = client.xml("GetStatus", ticket, mediaid="5001").find("format")
    assert element.findtext("my_key") == "2"


def test_the_echo_can_be_short(client_with: Any, done: Any) -> None:
    task = client_with(echo="short").json("GetStatus", done(MP4), mediaid="5001")["format"]
    assert list(task) == (
        "id status created started finished destination destination_status convertedsize queued converttime".split()
    )


def test_a_thumbnail_echoes_its_own_parameters(client: Any, done: Any) -> None:
    task = client.json("GetStatus", done({"output": "thumbnail", "width": 126}), mediaid="5001")["format"]
    shown = {key: task[key] for key in ("time", "width", "height", "file_extension", "use_vtt", "vtt_line_size")}
    assert shown == {
        "time": "5",
        "width": "126",
        "height": [],
        "file_extension": "jpg",
        "use_vtt": "no",
        "vtt_line_size": "4",
    }


# --- GetStatus, extended ------------------------------------------------------------------------------


def test_the_extended_form_has_progress_for_each_task_and_no_echo(client: Any, new: Any) -> None:
    ticket: Ticket = new(MP4, changes={"status": Status.RUNNING, "phase": Phase.ENCODING, "left": 9, "phase_left": 8})
    running = replace(ticket.outputs[0], status=Status.RUNNING, phase=Phase.ENCODING, progress=Fraction(1, 3))
    ticket = replace(ticket, outputs=(running,), phase_progress=Fraction(1, 3), progress=Fraction(1, 4))
    job = client.json("GetStatus", (ticket,), mediaid="5001", extended="yes")["job"]
    assert (job["progress"], job["progress_current"], job["time_left"]) == ("25.0", "33.3", "9")
    assert list(job["format"]) == (
        "id status created started finished destination destination_status convertedsize queued converttime time_left "
        "progress time_left_current progress_current file_size".split()
    )
    assert (job["format"]["progress"], job["format"]["time_left_current"]) == ("33.3", "8")


def test_several_jobs_are_a_list_and_deleted_ones_are_flagged(client: Any, done: Any) -> None:
    gone = done(MP4, changes={"id": "5002", "deleted": START})
    jobs = client.json("GetStatus", (done(MP4), gone), mediaid="5001,5002")["job"]
    assert [job["id"] for job in jobs] == ["5001", "5002"]
    assert jobs[1] == {"id": "5002", "deleted": "yes"}
