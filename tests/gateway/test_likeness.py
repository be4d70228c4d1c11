"""What is said in different ways and means the same: clips on source or output, files in folders."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.likeness import alike, bounded, cut, landing, span, trimmed
from mediaglot.gateway.loss import Kind
from mediaglot.gateway.model import Access, Clip, Input, Job, Location, Output, Secret, Stills
from mediaglot.gateway.report import compare


def place(url: str) -> Location:
    return Location(url=url)


def clip(**seconds: int) -> Clip:
    return Clip(**{name: Fraction(value) for name, value in seconds.items()})


def job(source: Clip | None, *own: Clip | None, **more: Any) -> Job:
    outputs = tuple(Output(container="mp4", clip=each, **more) for each in own)
    return Job(inputs=(Input(location=place("ftp://a.example/in.mov"), clip=source),), outputs=outputs)


@pytest.mark.parametrize(
    ("source", "own", "seen"),
    [
        (None, None, (0, None)),
        (clip(start=2, end=9), None, (2, 9)),
        (clip(start=2, duration=3), None, (2, 5)),
        (clip(start=2), clip(start=1, duration=4), (3, 7)),
        (clip(start=2, end=5), clip(start=1, duration=4), (3, 5)),
        (clip(end=5), clip(start=1), (1, 5)),
    ],
)
def test_an_output_shows_a_part_of_the_source(source: Clip | None, own: Clip | None, seen: tuple[int, Any]) -> None:
    assert span(source, own) == seen


def test_the_beginning_goes_to_the_source_and_the_end_to_the_outputs() -> None:
    assert trimmed(job(clip(start=2, end=9), None)) == job(clip(start=2), clip(duration=7))
    assert trimmed(job(None, clip(start=1, duration=3), clip(start=1))) == job(clip(start=1), clip(duration=3), None)
    apart = job(None, clip(start=1), clip(start=2))
    assert trimmed(apart) == apart
    assert trimmed(job(clip(start=5, end=1), None)) == job(None, None)


def test_a_source_with_a_beginning_alone_gets_an_end_or_gives_it_away() -> None:
    assert bounded(job(clip(start=2), clip(duration=3), clip(duration=5))).inputs[0].clip == clip(start=2, end=7)
    assert bounded(job(clip(start=2), clip(start=1), clip(duration=5))) == job(
        None, clip(start=3), clip(start=2, duration=5)
    )
    plain = job(None, clip(start=1))
    assert bounded(plain) == plain


def test_a_file_is_in_its_folder() -> None:
    assert cut("ftp://u:p@a.example/b/c%20d/e%20f.mp4") == ("ftp://u:p@a.example/", "b/c%20d/", "e f.mp4")
    assert cut("s3://bucket/") == ("s3://bucket/", "", "")
    output = Output(container="mpegts", extension="ts", name="c")
    assert landing(output, place("ftp://a.example/b/")) == "ftp://a.example/b/c.ts"
    assert landing(output, place("ftp://a.example/b")) == "ftp://a.example/b"
    assert landing(Output(name="c", container="mp4", stills=(Stills(),)), place("ftp://a/b/")) == "ftp://a/b/"
    for nameless in (Output(container="mp4"), Output(name="c")):
        assert landing(nameless, place("ftp://a/b/")) == "ftp://a/b/", "nobody knows the name yet"


def test_what_means_the_same_is_told_and_not_essential() -> None:
    one, other = job(clip(start=2, end=9), None), job(clip(start=2), clip(duration=7))
    assert alike(one, other) == {"inputs.0.clip", "outputs.0.clip"}
    report = compare(one, other)
    assert [(loss.kind, loss.path, loss.essential, loss.reason) for loss in report.losses] == [
        (Kind.DROPPED, "inputs.0.clip.end", False, "said in another way"),
        (Kind.DEFAULTED, "outputs.0.clip.duration", False, "said in another way"),
    ]


def test_what_means_something_else_stays_essential() -> None:
    report = compare(job(clip(start=2, end=9), None), job(clip(start=2), clip(duration=6)))
    assert [(loss.path, loss.essential) for loss in report.of(Kind.DROPPED)] == [("inputs.0.clip.end", True)]


def test_a_file_named_by_its_folder_is_said_in_another_way() -> None:
    one = job(None, None, destinations=(place("ftp://a.example/b/c%20d.mp4"),))
    other = job(None, None, destinations=(place("ftp://a.example/b/"),), name="c d")
    assert alike(one, other) >= {"outputs.0.destinations.0.url"}
    elsewhere = job(None, None, destinations=other.outputs[0].destinations, name="e")
    assert "outputs.0.destinations.0.url" not in alike(one, elsewhere)


def test_credentials_that_are_lost_are_not_said_in_another_way() -> None:
    url = "ftp://a.example/b/c.mp4"
    closed = Location(url=url, access=Access(user="me", password=Secret("hidden"), region="r"))
    report = compare(job(None, None, destinations=(closed,)), job(None, None, destinations=(place(url),)))
    assert report.losses
    assert {loss.reason for loss in report.losses} == {None}
    assert "outputs.0.destinations.0.access.password" in {loss.path for loss in report.losses if loss.essential}
