"""Key frames found in transport streams and fragments that are made here byte by byte, and lists of them."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway.media import fragment, playlist, skim, transport
from mediaglot.gateway.media.cipher import encrypt
from mediaglot.gateway.media.playlist import Entry, Key, Segment
from mediaglot.gateway.media.transport import KeyFrame
from mediaglot.gateway.model import VideoFacts

VIDEO, SOUND, PROGRAM = 0x1100, 0x1101, 0x1000


def packet(pid: int, payload: bytes = b"", *, start: bool = False, key: bool = False) -> bytes:
    head = struct.pack(">BH", 0x47, pid | (0x4000 if start else 0))
    if len(payload) >= 176:
        return head + b"\x10" + payload[:184].ljust(184, b"\xff")
    stuffing = 183 - len(payload)
    return head + b"\x30" + bytes([stuffing, 0x40 if key else 0]) + b"\xff" * (stuffing - 1) + payload


def table(pid: int, *content: int) -> bytes:
    body = bytes(content) + b"crc!"
    return packet(pid, b"\0" + struct.pack(">BH", 2, 0xB000 | len(body)) + body, start=True)


PAT = table(0, 0, 1, 0xC1, 0, 0, 0, 1, 0xE0 | PROGRAM >> 8, PROGRAM & 0xFF)
PMT = table(
    PROGRAM,
    *(0, 1, 0xC1, 0, 0, 0xF1, 0, 0xF0, 2, 9, 9),
    *(0x0F, 0xE0 | SOUND >> 8, SOUND & 0xFF, 0xF0, 1, 7),
    *(0x1B, 0xE0 | VIDEO >> 8, VIDEO & 0xFF, 0xF0, 0),
)


def frame(pid: int, ticks: int, *, key: bool = False, more: int = 0) -> bytes:
    stamp = bytes([0x21 | ticks >> 29 & 0xE]) + struct.pack(
        ">HH", (ticks >> 14 & 0xFFFE) | 1, (ticks << 1 & 0xFFFE) | 1
    )
    payload = b"\0\0\1\xe0\0\0\x80\x80\x05" + stamp
    return packet(pid, payload, start=True, key=key) + packet(pid, b"x" * 184) * more


def test_key_frames_of_a_transport_stream(tmp_path: Path) -> None:
    late = (1 << 33) - 90_000
    stream = [
        packet(0x11, b"service", start=True), PAT, PMT, frame(VIDEO, late, key=True, more=2),
        frame(SOUND, late, key=True), frame(VIDEO, late + 3600, more=1), packet(0x1FFF),
        PAT, PMT, frame(VIDEO, late + 7200, key=True), frame(SOUND, late), packet(VIDEO, b"y" * 184),
        frame(SOUND, late), frame(VIDEO, 45_000, key=True, more=1), frame(SOUND, 0),
    ]  # fmt: skip
    (tmp_path / "a").write_bytes(b"".join(stream))
    found = transport.key_frames(tmp_path / "a")
    assert [(one.offset // 188, one.size // 188) for one in found] == [(1, 5), (10, 5), (16, 2)]
    assert [one.time for one in found] == [
        Fraction(late, 90_000),
        Fraction(late + 7200, 90_000),
        Fraction(1, 2),
    ]


@pytest.mark.parametrize("content", [PAT, PAT + PMT, packet(0x1FFF), b"G" * 100, b"noise" * 1000])
def test_streams_without_pictures(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert transport.key_frames(tmp_path / "a") == ()


def box(kind: str, *content: bytes | int) -> bytes:
    inner = b"".join(part if isinstance(part, bytes) else struct.pack(">I", part) for part in content)
    return struct.pack(">I", 8 + len(inner)) + kind.encode() + inner


def track(number: int, kind: bytes, ticks: int, *, wide: bool = False) -> bytes:
    version = 1 << 24 if wide else 0
    stamps = bytes(16 if wide else 8)
    header = box("tkhd", version, stamps, number, bytes(60))
    return box("trak", header, box("mdia", box("mdhd", version, stamps, ticks, 0), box("hdlr", 0, 0, kind, bytes(12))))


def init(*, wide: bool = False) -> bytes:
    trex = box("trex", 0, 7, 1, 0, 55, 0x10000), box("trex", 0, 9, 1, 0, 66, 0)
    return box("ftyp", b"isom") + box(
        "moov", track(9, b"soun", 44100), track(7, b"vide", 1000, wide=wide), box("mvex", *trex)
    )


def moof(*trafs: bytes) -> bytes:
    return box("moof", box("mfhd", 0, 1), *trafs)


SOUNDS = box("traf", box("tfhd", 0x20000, 9), box("tfdt", 0, 0), box("trun", 0x1, 4, 900))
BY_SAMPLE = box(
    "traf", box("tfhd", 0x20038, 7, 40, 333, 0x1010000), box("tfdt", 1 << 24, 0, 5000),
    box("trun", 0x1000E01, 2, 300, 1200, 0x2000000, 80, 10, 0x1010000, 0xFFFFFFFF),
)  # fmt: skip
FIRST_FLAGS = box(
    "traf", box("tfhd", 0x20000, 7), box("tfdt", 0, 9000), box("trun", 0x5, 2, 250, 0x2000000)
)  # fmt: skip
NO_KEY = box("traf", box("tfhd", 0x20000, 7), box("tfdt", 0, 9000), box("trun", 0x1, 2, 250))
BASED = box("traf", box("tfhd", 0x21, 7, 0, 4000, 0x2000000), box("tfdt", 0, 12000), box("trun", 0x201, 1, 16, 77))


@pytest.mark.parametrize("wide", [False, True])
def test_key_frames_of_fragments(tmp_path: Path, wide: bool) -> None:
    (tmp_path / "init").write_bytes(init(wide=wide))
    parts = [
        box("styp", b"msdh"), moof(SOUNDS, BY_SAMPLE), box("mdat", bytes(2000)), moof(FIRST_FLAGS, SOUNDS),
        struct.pack(">I4sQ", 1, b"mdat", 316) + bytes(300), moof(NO_KEY), box("mdat", bytes(50)), moof(SOUNDS),
        moof(BASED),
    ]  # fmt: skip
    (tmp_path / "a").write_bytes(b"".join(parts))
    starts = [sum(map(len, parts[:number])) for number in range(len(parts))]
    assert fragment.key_frames(tmp_path / "a", tmp_path / "init") == (
        KeyFrame(starts[1], 300 + 1200, Fraction(5080, 1000)),
        KeyFrame(starts[3], 250 + 55, Fraction(9)),
        KeyFrame(starts[8], 4016 + 77 - starts[8], Fraction(12)),
    )


def test_fragments_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "init").write_bytes(box("moov", track(9, b"soun", 44100)))
    (tmp_path / "a").write_bytes(moof(SOUNDS) + b"\0\0\0\0end?")
    assert fragment.key_frames(tmp_path / "a", tmp_path / "init") == ()


SEGMENTS = (
    Segment("a.ts", Fraction(2), 9000, 0),
    Segment("a.ts", Fraction(2), 8000, 9000),
    Segment("a.ts", Fraction(1), 300, 17_000),
)
FRAMES = (
    (KeyFrame(188, 1000, transport.WRAP - 1), KeyFrame(4000, 900, Fraction(0))),
    (KeyFrame(188, 800, Fraction(1)),),
    (),
)
LISTED = """#EXTM3U
#EXT-X-VERSION:4
#EXT-X-TARGETDURATION:3
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-I-FRAMES-ONLY
#EXT-X-INDEPENDENT-SEGMENTS
#EXTINF:1.000000,
#EXT-X-BYTERANGE:1000@188
a.ts
#EXTINF:1.000000,
#EXT-X-BYTERANGE:900@4000
a.ts
#EXTINF:3.000000,
#EXT-X-BYTERANGE:800@9188
a.ts
#EXT-X-ENDLIST
"""


def test_a_list_of_key_frames() -> None:
    frames = skim.listed(SEGMENTS, FRAMES)
    assert playlist.media(frames, i_frames=True) == LISTED
    assert [skim.count(FRAMES, most) for most in (0, 1, 2, 3)] == [0, 0, 1, 3]
    assert skim.listed(SEGMENTS, ((), (), ())) == ()


def test_an_encrypted_single_file_of_fragmented_mp4() -> None:
    key = Key("../segments.key", "0a" * 16)
    text = playlist.media(SEGMENTS[:1], init="m.mp4", init_size=812, key=key)
    assert text.splitlines()[1:] == [
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:2",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="m.mp4",BYTERANGE="812@0"',
        f'#EXT-X-KEY:METHOD=AES-128,URI="../segments.key",IV=0x{"0a" * 16}',
        "#EXTINF:2.000000,",
        "#EXT-X-BYTERANGE:9000@0",
        "a.ts",
        "#EXT-X-ENDLIST",
    ]


def test_a_master_with_a_list_of_key_frames() -> None:
    picture = VideoFacts(codec="h264", width=320, height=180, frame_rate=Fraction(25))
    entry = Entry(uri="a/i.m3u8", peak=20, average=10, codecs=("avc1.64000c",), video=picture, name="low")
    text = playlist.master([entry], i_frames=[entry])
    assert text.splitlines()[1] == "#EXT-X-VERSION:4"
    assert text.splitlines()[-1] == (
        '#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=20,AVERAGE-BANDWIDTH=10,RESOLUTION=320x180,CODECS="avc1.64000c",'
        'URI="a/i.m3u8"'
    )


@pytest.mark.parametrize(
    ("plain", "locked"),
    [
        # NIST SP 800-38A, F.2.1, its first block alone and with the padding that follows.
        ("6bc1bee22e409f96e93d7e117393172a", "7649abac8119b246cee98e9b12e9197d8964e0b149c10b7b682e6e39aaeb731c"),
        ("", None),
    ],
)
def test_the_cipher(plain: str, locked: str | None) -> None:
    key, iv = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), bytes(range(16))
    to = io.BytesIO()
    assert encrypt(io.BytesIO(bytes.fromhex(plain)), to, key, iv) == len(to.getvalue()) == (32 if plain else 16)
    assert locked is None or to.getvalue().hex() == locked
