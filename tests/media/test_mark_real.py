"""Segments of finished files begin with pictures that a player can begin with.

In the source every picture is another scene, so x264 makes all of them whole; but it is only now and then that later
ones do without what came before.
"""

from __future__ import annotations

import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from mediaglot.gateway import model as m
from mediaglot.gateway.media import stream
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.parts import telling

pytestmark = pytest.mark.ffmpeg
FRESH = 5
"""The kind of an H.264 unit that needs nothing from before (IDR)."""


def told(path: Path) -> list[int]:
    """Which pictures the file says are key frames."""
    with av.open(str(path), options={"fflags": "+noparse"}) as file:
        return [number for number, one in enumerate(packets(file)) if one.is_keyframe]


def fresh(path: Path) -> list[int]:
    with av.open(str(path)) as file:
        return [number for number, one in enumerate(packets(file)) if FRESH in kinds(bytes(one))]


def packets(file: Any) -> list[Any]:
    return [one for one in file.demux(video=0) if one.size]


def kinds(data: bytes) -> set[int]:
    """Of the units in a picture of an MP4 file."""
    found, at = set(), 0
    while at < len(data):
        found.add(data[at + 4] & 31)
        at += 4 + int.from_bytes(data[at : at + 4])
    return found


@pytest.mark.parametrize(
    ("container", "codecs", "trusted"),
    [
        ("mov", {"h264", "aac"}, True),
        ("mov", {"h264", "mp3"}, False),
        ("mov", {"hevc"}, False),
        ("matroska", {"h264"}, False),
    ],
)
def test_a_file_is_trusted_where_nobody_else_is_needed(container: str, codecs: set[str], trusted: bool) -> None:
    """Several frames of MP3 may be packed into one, which only a parser takes apart."""
    assert bool(telling(container, codecs)) is trusted


@pytest.mark.parametrize("kind", [m.PackageKind.HLS, m.PackageKind.CMAF])
def test_a_package_of_copies_is_cut_where_a_player_can_begin(
    make: Any, media: Path, tmp_path: Path, kind: m.PackageKind
) -> None:
    (tmp_path / "out-0" / "v0").mkdir(parents=True)
    variant = m.Variant(name="a", video=m.Video(codec="copy"), audio=m.SKIP)
    made = make(m.Output(package=m.Package(kind=kind, segment=Fraction(1, 2), variants=(variant,))), sources=("noise",))
    places = fresh(media / "noise")
    (playlist,) = made.folder.glob("out-0/v0/*.m3u8")
    spans = [line for line in playlist.read_text().splitlines() if line.startswith("#EXTINF")]
    assert spans[0] == f"#EXTINF:{places[2] / 25:.6f},"


def test_segments_begin_where_a_player_can(media: Path, tmp_path: Path, program: str) -> None:
    """The first one ends at the first of those after half a second."""
    places = fresh(media / "noise")
    assert len(places) == 5
    assert told(media / "noise") == places
    known = m.MediaFacts(container="mov", size=1, video=(m.VideoFacts(codec="h264", width=320, height=180),))
    one = stream.restream([(str(media / "noise"), known)])
    (target,) = one.targets
    options = tuple("0.5" if word == str(stream.SEGMENT) else word for word in target.options)
    words = argv(replace(one, targets=(replace(target, options=options),)), program)
    subprocess.run(words, cwd=tmp_path, capture_output=True, check=True)
    lines = (tmp_path / stream.PLAYLIST.format(0)).read_text().splitlines()
    assert next(line for line in lines if line.startswith("#EXTINF")) == f"#EXTINF:{places[2] / 25:.6f},"
