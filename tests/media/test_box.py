"""Boxes of fragmented MP4, made by hand."""

from __future__ import annotations

import io
import struct

import pytest

from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media import box
from mediaglot.gateway.media.box import Fragment, Track

ADVANCED = Track(timescale=90000, duration=3000, flags=0x10000)


def a(kind: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def words(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *(number & 0xFFFFFFFF for number in numbers))


def beginning(header: bytes, extends: bytes = words(0, 1, 1, 3000, 0, 0x10000)) -> bytes:
    moov = a(
        "moov", a("mvhd", bytes(20)), a("trak", a("tkhd"), a("mdia", a("mdhd", header))), a("mvex", a("trex", extends))
    )
    return a("ftyp", b"iso5") + moov


def segment(tfhd: bytes, tfdt: bytes, *runs: bytes) -> bytes:
    traf = a("traf", a("tfhd", tfhd), a("tfdt", tfdt), *(a("trun", run) for run in runs))
    return a("styp", b"msdh") + a("moof", a("mfhd", words(0, 1)), traf) + a("mdat", bytes(1000))


def test_the_timescale_and_what_stands_in() -> None:
    assert box.track(io.BytesIO(beginning(words(0, 0, 0, 90000, 0)))) == ADVANCED
    later = words(0x01000000, 0, 0, 0, 0, 90000, 0, 0)
    assert box.track(io.BytesIO(beginning(later))) == ADVANCED


@pytest.mark.parametrize(
    ("tfhd", "tfdt", "runs", "wanted"),
    [
        (words(0x20000, 1), words(0, 500), [words(0, 3)], Fragment(500, 9000, False)),
        (words(0x20028, 1, 100, 0), words(1 << 24, 1, 5), [words(1, 3, 0)], Fragment((1 << 32) + 5, 300, True)),
        (words(0x20000, 1), words(0, 9), [words(5, 2, 77, 0x2000000)], Fragment(9, 6000, True)),
        # sizes, flags and times of their own; shown in another order than decoded
        (words(0x20000, 1), words(0, 1000),
         [words(0xF01, 2, 0, 10, 1, 0x2000000, 500, 20, 1, 0x10000, 480)], Fragment(1490, 30, True)),
        (words(0x20000, 1), words(0, 1000),
         [words(0x1000801, 2, 0, -300, 0)], Fragment(700, 6000, False)),
        (words(0x20000, 1), words(0, 0), [words(0, 1), words(0, 2)], Fragment(0, 9000, False)),
        (words(0x2003B, 1, 0, 64, 1, 50, 9, 0), words(0, 0), [words(0, 2)], Fragment(0, 100, True)),
    ],
)  # fmt: skip
def test_fragments(tfhd: bytes, tfdt: bytes, runs: list[bytes], wanted: Fragment) -> None:
    assert box.fragment(io.BytesIO(segment(tfhd, tfdt, *runs)), ADVANCED) == wanted


def test_a_segment_of_several_fragments() -> None:
    first = segment(words(0x20020, 1, 0), words(0, 0), words(0, 2))
    second = segment(words(0x20000, 1), words(0, 6000), words(0, 1))
    assert box.fragment(io.BytesIO(first + second), ADVANCED) == Fragment(0, 9000, True)


def test_media_are_passed_over() -> None:
    """The size of the media is 64 bits wide, and nothing of them is there to be read."""
    media = struct.pack(">I4sQ", 1, b"mdat", 1 << 40)
    head = segment(words(0x20000, 1), words(0, 0), words(0, 1))
    assert box.fragment(io.BytesIO(head + media), ADVANCED).duration == 3000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        a("moof"),
        a("moof", a("traf", a("tfhd", words(0x20000, 1)))),
        segment(words(0x20000, 1), words(0, 0)),
        segment(words(0x20000, 1), words(0, 0), words(0x100, 1000)),
        segment(words(0x20000, 1), words(0, 0), words(0, 0xFFFFFFFF)),
        struct.pack(">I4s", 0xFFFFFFFF, b"moof"),
    ],
)
def test_what_is_no_segment(content: bytes) -> None:
    with pytest.raises(EncodingFailed):
        box.fragment(io.BytesIO(content), ADVANCED)


@pytest.mark.parametrize("content", [b"", a("ftyp"), a("moov"), beginning(b"")])
def test_what_is_no_beginning(content: bytes) -> None:
    with pytest.raises(EncodingFailed):
        box.track(io.BytesIO(content))
