"""What a report says of two jobs: each setting, at every depth, with its path, both values and how bad it is."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.faults import Lossy
from mediaglot.gateway.loss import Kind, Loss, Policy
from mediaglot.gateway.memory import recur
from mediaglot.gateway.model import (
    SKIP,
    Access,
    Average,
    Constant,
    Encryption,
    Event,
    Input,
    Job,
    Location,
    Notification,
    Output,
    Package,
    PackageKind,
    Secret,
    Share,
    Size,
    Stills,
    Variant,
    Video,
)
from mediaglot.gateway.report import Report, compare

PLACE = Location(url="ftp://a.example/b.mp4", access=Access(user="me", password=Secret("s3cr3t")))
VIDEO = Video(codec="h264", size=Size(width=640, height=360), rate=Average(bitrate=800_000))
JOB = Job(
    inputs=(Input(location=Location(url="https://a.example/in.mov")),),
    outputs=(Output(container="mp4", destinations=(PLACE,), video=VIDEO, metadata={"title": "x"}),),
)
PATHS = (
    "inputs.0.location.url",
    "outputs.0.destinations.0.url",
    "outputs.0.destinations.0.access.user",
    "outputs.0.destinations.0.access.password",
    "outputs.0.container",
    "outputs.0.video.codec",
    "outputs.0.video.size.width",
    "outputs.0.video.size.height",
    "outputs.0.video.rate.bitrate",
    "outputs.0.metadata.title",
)


def changed(**output: Any) -> Job:
    return replace(JOB, outputs=(replace(JOB.outputs[0], **output),))


def entries(report: Report) -> dict[str, tuple[str, str | None, str | None, bool]]:
    return {each.path: (str(each.kind), each.wanted, each.got, each.essential) for each in report.losses}


def test_what_is_said_alike_is_exact_at_every_depth() -> None:
    report = compare(JOB, JOB)
    assert report == Report(exact=PATHS)
    assert report.lossless
    assert report.summary() == "10 exact"


def test_a_changed_value_is_approximated_with_both() -> None:
    report = compare(JOB, changed(video=replace(VIDEO, size=Size(width=640, height=480))))
    assert entries(report) == {"outputs.0.video.size.height": ("approximated", "360", "480", False)}
    assert len(report.exact) == len(PATHS) - 1


def test_silence_that_is_filled_is_defaulted_with_the_value() -> None:
    report = compare(JOB, changed(video=replace(VIDEO, frame_rate=None, profile="high", passes=2)))
    assert entries(report) == {
        "outputs.0.video.profile": ("defaulted", None, "high", False),
        "outputs.0.video.passes": ("defaulted", None, "2", False),
    }
    assert report.lossless


def test_a_lost_object_has_each_of_its_settings_dropped_and_an_essential_one_all_of_them() -> None:
    report = compare(JOB, changed(video=replace(VIDEO, size=None, rate=None), destinations=()))
    assert entries(report) == {
        "outputs.0.destinations.0.url": ("dropped", "ftp://a.example/b.mp4", None, True),
        "outputs.0.destinations.0.access.user": ("dropped", "me", None, True),
        "outputs.0.destinations.0.access.password": ("dropped", "***", None, True),
        "outputs.0.video.size.width": ("dropped", "640", None, True),
        "outputs.0.video.size.height": ("dropped", "360", None, True),
        "outputs.0.video.rate.bitrate": ("dropped", "800000", None, False),
    }


def test_a_lost_element_of_a_row_is_dropped_and_one_too_many_is_defaulted() -> None:
    two = replace(JOB, outputs=(*JOB.outputs, Output(container="webm", stills=(Stills(at=Fraction(5, 2)),))))
    assert entries(compare(two, JOB)) == {
        "outputs.1.container": ("dropped", "webm", None, True),
        "outputs.1.stills.0.at": ("dropped", "2.5", None, True),
    }
    assert entries(compare(JOB, two)) == {
        "outputs.1.container": ("defaulted", None, "webm", False),
        "outputs.1.stills.0.at": ("defaulted", None, "2.5", False),
    }


@pytest.mark.parametrize(
    ("wanted", "got", "entry"),
    [
        (
            {"video": replace(VIDEO, rate=Average(bitrate=1))},
            {"video": replace(VIDEO, rate=Constant(bitrate=1))},
            ("outputs.0.video.rate", ("approximated", "average bitrate=1", "constant bitrate=1", False)),
        ),
        ({"audio": SKIP}, {"audio": None}, ("outputs.0.audio", ("dropped", "skip", None, True))),
        (
            {"video": Video(size=Size(width=Share(Fraction(1, 2))))},
            {"video": Video(size=Size(width=320))},
            ("outputs.0.video.size.width", ("approximated", "50% of the source", "320", False)),
        ),
        (
            {"metadata": {"a": "1"}},
            {"metadata": {"a": "2"}},
            ("outputs.0.metadata.a", ("approximated", "1", "2", False)),
        ),
        ({"keep_metadata": False}, {}, ("outputs.0.keep_metadata", ("dropped", "no", None, False))),
        (
            {"package": Package(kind=PackageKind.HLS, encryption=Encryption())},
            {"package": Package(kind=PackageKind.HLS)},
            ("outputs.0.package.encryption", ("dropped", "encryption", None, False)),
        ),
    ],
)
def test_other_kinds_of_values(wanted: Any, got: Any, entry: Any) -> None:
    path, facts = entry
    assert entries(compare(changed(**wanted), changed(**{**dict.fromkeys(()), **got})))[path] == facts


def test_skipping_a_track_that_was_asked_for_drops_all_of_it() -> None:
    found = entries(compare(JOB, changed(video=SKIP)))
    assert found["outputs.0.video.codec"] == ("dropped", "h264", None, True)
    assert found["outputs.0.video"] == ("defaulted", None, "skip", False)


def test_variants_are_compared_one_by_one() -> None:
    def streams(*heights: int) -> Job:
        variants = tuple(Variant(video=Video(size=Size(height=height))) for height in heights)
        return changed(container=None, package=Package(kind=PackageKind.HLS, variants=variants))

    found = entries(compare(streams(240, 300, 720), streams(240, 360)))
    assert found == {
        "outputs.0.package.variants.1.video.size.height": ("approximated", "300", "360", False),
        "outputs.0.package.variants.2.video.size.height": ("dropped", "720", None, True),
    }


def test_how_a_dialect_spells_things_is_no_setting() -> None:
    told = Notification(target=PLACE, events=frozenset({Event.FAILED, Event.FINISHED}), style="notify")
    other = replace(told, style="ping", target=replace(PLACE, spelling=Secret("x")))
    report = compare(replace(JOB, notifications=(told,)), replace(JOB, notifications=(other,), document={"a": 1}))
    assert report.losses == ()
    fewer = replace(JOB, notifications=(replace(told, events=frozenset({Event.FAILED})),))
    assert entries(compare(replace(JOB, notifications=(told,)), fewer)) == {
        "notifications.0.events": ("approximated", "failed, finished", "failed", False)
    }


def test_reasons_come_from_the_notes_and_what_is_unread_too() -> None:
    notes = (
        Loss(kind=Kind.DROPPED, path="outputs.0.video", reason="no pictures here"),
        Loss(kind=Kind.UNREAD, path="format.0.turbo", reason="kept"),
        Loss(kind=Kind.DROPPED, path="outputs.0.container"),
    )
    report = compare(JOB, changed(video=None), notes)
    assert {each.reason for each in report.of(Kind.DROPPED)} == {"no pictures here"}
    assert report.of(Kind.UNREAD) == [notes[1]]


def test_secrets_are_masked_also_in_a_query_and_within_an_object() -> None:
    signed = Location(url="https://a.example/b?X-Signature=s3cr3t&x=1", access=PLACE.access)
    report = compare(changed(destinations=(signed,)), changed(destinations=(PLACE,), package=None))
    assert "s3cr3t" not in json.dumps(report.document())
    assert entries(report)["outputs.0.destinations.0.url"][1] == "https://a.example/b?***"


def test_two_pictures_that_were_compared_before_are_told_of_where_they_are_now_and_with_the_reasons_of_now() -> None:
    other = replace(VIDEO, codec="hevc")
    one, two = (tuple(Output(container=name, video=video) for name in "ab") for video in (VIDEO, other))
    for _ in range(2):
        losses = compare(replace(JOB, outputs=one), replace(JOB, outputs=two)).losses
        assert [(each.path, each.wanted, each.got) for each in losses] == [
            (f"outputs.{number}.video.codec", "h264", "hevc") for number in (0, 1)
        ]
    note = Loss(kind=Kind.DROPPED, path="outputs.1.video.codec", reason="no h264")
    reasons = [each.reason for each in compare(replace(JOB, outputs=one), replace(JOB, outputs=two), [note]).losses]
    assert reasons == [None, "no h264"]


@pytest.mark.parametrize(
    ("path", "told"),
    [("outputs.0.video.codec", True), ("outputs.0", True), ("outputs.1", False), ("outputs.0.audio", False)],
)
def test_two_pictures_that_recur_have_the_reasons_that_are_noted_of_them(path: str, told: bool) -> None:
    wanted, got = (Output(video=Video(codec=codec)) for codec in ("h264", "hevc"))
    recur((wanted.video, got.video))
    for reason in (None, "no h264", "no codecs", None):
        note = Loss(kind=Kind.DROPPED, path=path, reason=reason)
        (loss,) = compare(replace(JOB, outputs=(wanted,)), replace(JOB, outputs=(got,)), [note]).losses
        assert loss.reason == (reason if told else None)


def test_pictures_that_take_the_place_of_others_that_are_gone_are_compared() -> None:
    for rows in range(2, 1002, 2):
        one, two = (changed(video=Video(size=Size(height=each))) for each in (rows, rows + 2))
        assert [(each.wanted, each.got) for each in compare(one, two).losses] == [(str(rows), str(rows + 2))]


def test_the_document_counts_every_kind() -> None:
    report = compare(JOB, changed(container=None, video=replace(VIDEO, codec="hevc", level="4")))
    document = json.loads(json.dumps(report.document()))
    assert document["counts"] == {
        "exact": 8,
        "approximated": 1,
        "defaulted": 1,
        "dropped": 1,
        "unread": 0,
        "refused": 0,
    }
    assert document["summary"] == "8 exact, 1 approximated, 1 defaulted, 1 dropped (1 essential)"
    assert document["losses"][0] == {
        "kind": "dropped",
        "path": "outputs.0.container",
        "wanted": "mp4",
        "essential": True,
    }
    assert len(document["exact"]) == 8


@pytest.mark.parametrize(
    ("got", "forbidding"),
    [
        (changed(container=None), {Policy.STRICT, Policy.ESSENTIAL}),
        (changed(video=replace(VIDEO, rate=None)), {Policy.STRICT}),
        (changed(label="x"), set()),
    ],
)
def test_policies(got: Job, forbidding: set[Policy]) -> None:
    report = compare(JOB, got)
    for policy in Policy:
        if policy in forbidding:
            with pytest.raises(Lossy):
                report.enforce(policy)
        else:
            report.enforce(policy)
