"""Which outputs are the same work. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media import alike
from mediaglot.gateway.media.format import CONTAINERS, ENCODERS

ALL_ENCODERS = frozenset(name for names in ENCODERS.values() for name in names)
ALL_MUXERS = frozenset({container.muxer for container in CONTAINERS.values()} | {"image2", "hls"})
PICTURE = m.VideoFacts(
    codec="h264",
    width=320,
    height=180,
    frame_rate=Fraction(25),
    duration=Fraction(4),
    frames=100,
    pixel_format="yuv420p",
)
SOURCE = m.MediaFacts(
    container="mov",
    size=1_000_000,
    duration=Fraction(4),
    video=(PICTURE,),
    audio=(m.AudioFacts(codec="aac", sample_rate=48_000, channels=2),),
)


def place(url: str) -> m.Location:
    return m.Location(url=url)


def job(*outputs: m.Output) -> m.Job:
    return m.Job(inputs=(m.Input(location=place("https://example.test/a.mp4")),), outputs=outputs)


PLAIN = m.Output(container="mp4", video=m.Video(size=m.Size(height=90)))
STILLS = m.Output(stills=(m.Stills(at=Fraction(1), name="one"),))
PACKAGE = m.Output(package=m.Package(kind=m.PackageKind.HLS))

SAME = {
    "itself": (PLAIN, PLAIN),
    "destinations": (PLAIN, replace(PLAIN, destinations=(place("s3://a/b.mp4"), place("s3://a/c.mp4")))),
    "names": (
        PLAIN,
        replace(PLAIN, name="b", label="two", extension="m4v", preset="p", document={"a": 1}, extras={"d": {"x": 1}}),
    ),
    "names of stills": (
        STILLS,
        replace(STILLS, stills=(m.Stills(at=Fraction(1), name="two", label="x", archive=True, archive_name="z"),)),
    ),
    "a package's folder": (PACKAGE, replace(PACKAGE, destinations=(place("s3://a/films/"),))),
}
OTHER = {
    "settings": (PLAIN, replace(PLAIN, video=m.Video(size=m.Size(height=180)))),
    "container": (PLAIN, replace(PLAIN, container="mkv")),
    "metadata": (PLAIN, replace(PLAIN, metadata={"title": "x"})),
    "clip": (PLAIN, replace(PLAIN, clip=m.Clip(end=Fraction(1)))),
    "text": (PLAIN, replace(PLAIN, overlays=(m.TextOverlay(text="x"),))),
    "moment": (STILLS, replace(STILLS, stills=(m.Stills(at=Fraction(2)),))),
    "names in playlists": (PACKAGE, m.Output(package=m.Package(kind=m.PackageKind.HLS, media_playlist="a.m3u8"))),
    "a playlist's name that gives way to the destination's": (
        PACKAGE,
        replace(PACKAGE, destinations=(place("s3://a/index.m3u8"),)),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_names_and_places_make_no_other_work(name: str) -> None:
    assert alike.twins(job(*SAME[name]), {0, 1}) == {1: 0}


@pytest.mark.parametrize("name", OTHER)
def test_everything_else_does(name: str) -> None:
    assert alike.twins(job(*OTHER[name]), {0, 1}) == {}


def test_the_first_that_is_wanted_is_made() -> None:
    asked = job(PLAIN, STILLS, PLAIN, PLAIN, STILLS)
    assert alike.twins(asked, range(5)) == {2: 0, 3: 0, 4: 1}
    assert alike.twins(asked, {2, 3, 4}) == {3: 2}


def test_an_output_that_can_not_be_has_no_twin() -> None:
    bad = m.Output(package=m.Package(kind=m.PackageKind.HLS, playlist="../up.m3u8"))
    assert alike.twins(job(bad, bad), {0, 1}) == {}


def known(asked: m.Job, index: int = 0, **changes: Any) -> str | None:
    able = {"encoders": ALL_ENCODERS, "muxers": ALL_MUXERS, "filters": frozenset()}
    words: dict[str, Any] = {**able, "digests": ["d"], "version": "9.0", "threads": 2, "copy": False} | changes
    return alike.fingerprint(asked, index, [SOURCE], words.pop("digests"), **words)


def test_a_fingerprint_is_the_same_wherever_the_output_stands() -> None:
    first = known(job(PLAIN))
    assert first is not None
    assert len(first) == 64
    assert known(job(STILLS, replace(PLAIN, label="x")), 1) == first


@pytest.mark.parametrize(
    "change", [{"digests": ["e"]}, {"version": "9.1"}, {"threads": 3}, {"digests": ["d", "e"]}], ids=str
)
def test_a_fingerprint_changes_with_all_that_decides_about_the_bytes(change: dict[str, Any]) -> None:
    assert known(job(PLAIN), **change) != known(job(PLAIN))


@pytest.mark.parametrize("name", [name for name, pair in OTHER.items() if pair[0] is not PACKAGE])
def test_a_fingerprint_changes_with_the_settings(name: str) -> None:
    one, other = OTHER[name]
    assert known(job(one)) != known(job(other))


def test_a_fingerprint_changes_where_a_track_would_be_copied() -> None:
    asked = job(m.Output(container="mp4"))
    assert known(asked, copy=True) != known(asked)


def test_a_text_is_part_of_the_fingerprint() -> None:
    texts = [replace(PLAIN, overlays=(m.TextOverlay(text=text),)) for text in ("one", "two")]
    assert known(job(texts[0])) != known(job(texts[1]))


def test_what_can_not_be_made_has_no_fingerprint() -> None:
    assert known(job(m.Output(container="nosuch"))) is None
