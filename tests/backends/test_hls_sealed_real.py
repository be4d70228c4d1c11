"""Encrypted segments, lists of key frames and single files, made with a real FFmpeg and read back by others."""

from __future__ import annotations

import asyncio
import io
import re
import stat
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import av.error
import m3u8
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from mediaglot.gateway import model as m
from mediaglot.gateway.backends.gather import gather
from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media import tool
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.parts import Run
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.probe import Prober

pytestmark = pytest.mark.ffmpeg
KEY, IV, OTHER = "000102030405060708090a0b0c0d0e0f", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "11" * 16
HLS = m.Package(
    kind=m.PackageKind.HLS,
    segment=Fraction(1),
    variants=(m.Variant(folder="a b"), m.Variant(folder="sound", video=m.SKIP)),
)
SECRET = m.Encryption(key=m.Secret(KEY), iv=IV)
LOCAL = {"protocol_whitelist": "file,crypto,data", "allowed_extensions": "ALL", "extension_picky": "0"}
EITHER = pytest.mark.parametrize("fragmented", [False, True], ids=["mpegts", "fmp4"])


def drawn(size: int) -> bytes:
    return bytes(range(size))


@dataclass
class Made:
    folder: Path
    files: dict[str, m.File]
    runs: tuple[Run, ...]

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()


Make = Callable[..., Awaitable[Made]]


@pytest.fixture(scope="session")
def clip(the_tool: tool.Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    sources = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=2.4 -f lavfi -i sine=440:duration=2.4"
    coding = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac"
    subprocess.run([the_tool.path, "-v", "error", *sources.split(), *coding.split(), str(path)], check=True)
    return path


@pytest.fixture
async def make(tmp_path: Path, clip: Path, the_tool: tool.Tool) -> AsyncIterator[Make]:
    """A package with key frames every half a second, each file under the name that it is delivered by."""
    async with Prober(the_tool) as prober:

        async def make(package: m.Package, **files: bytes) -> Made:
            video = m.Video(key_frames=m.KeyFrames(every=Fraction(1, 2)), speed="ultrafast", b_frames=2)
            job = m.Job(
                inputs=(m.Input(location=m.Location(url="https://example.test/a")),),
                outputs=(m.Output(package=package, video=video),),
            )
            facts = await prober.probe(clip)
            drafted = plan(job, [facts], encoders=the_tool.encoders, muxers=the_tool.muxers)
            assert drafted.faults == {}
            (tmp_path / "source-0").symlink_to(clip)
            for name, content in files.items():
                (tmp_path / name.replace("_", "-")).write_bytes(content)
            for target in (target for run in drafted.runs for target in run.targets):
                (tmp_path / target.path).parent.mkdir(parents=True, exist_ok=True)
            for run in drafted.runs:
                command = argv(run, the_tool.path, threads=2)
                await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, capture_output=True)
            products = await gather(tmp_path, drafted.products[0], prober.probe, drawn)
            there = tmp_path / "there"
            for product in products:
                (there / product.file.path).parent.mkdir(parents=True, exist_ok=True)
                assert product.path.stat().st_size == product.file.size
                product.path.rename(there / product.file.path)
            return Made(there, {one.file.path: one.file for one in products}, drafted.runs)

        yield make


def opened(key: str, iv: str, locked: bytes) -> bytes:
    """One segment decrypted, as any client does it. Raises ValueError for a wrong key."""
    decryptor = Cipher(AES128(bytes.fromhex(key)), CBC(bytes.fromhex(iv))).decryptor()
    unpadder = PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(locked) + decryptor.finalize()) + unpadder.finalize()


def frames(path: Path | io.BytesIO, **options: str) -> list[av.VideoFrame]:
    with av.open(str(path) if isinstance(path, Path) else path, options=options) as media:
        return list(media.decode(video=0))


def part(made: Made, folder: str, segment: m3u8.Segment) -> bytes:
    """The bytes that a segment of a playlist stands for."""
    content = made.read(f"{folder}/{segment.uri.replace('%20', ' ')}")
    if segment.byterange is None:
        return content
    size, _, offset = segment.byterange.partition("@")
    assert int(offset) + int(size) <= len(content)
    return content[int(offset) : int(offset) + int(size)]


def beginning(made: Made, folder: str, media: m3u8.M3U8) -> bytes:
    (init,) = media.segment_map or [None]
    if init is None:
        return b""
    content = made.read(f"{folder}/{init.uri}")
    if init.byterange is None:
        return content
    assert init.byterange.endswith("@0")
    return content[: int(init.byterange.removesuffix("@0"))]


# --- encryption ---------------------------------------------------------------------------------------


@EITHER
async def test_segments_open_with_the_clients_key_and_with_no_other(make: Make, fragmented: bool) -> None:
    made = await make(replace(HLS, fragmented=fragmented, encryption=SECRET))
    assert made.read("segments.key") == bytes.fromhex(KEY)
    assert stat.S_IMODE((made.folder / "segments.key").stat().st_mode) == 0o600
    master = m3u8.load(str(made.folder / "master.m3u8"))
    for entry, count in zip(master.playlists, (60, 0), strict=True):
        folder = entry.uri.replace("%20", " ").removesuffix("/index.m3u8")
        media = m3u8.loads(made.text(f"{folder}/index.m3u8"))
        (key,) = media.keys
        assert (key.method, key.uri, key.iv) == ("AES-128", "../segments.key", f"0x{IV}")
        assert media.version == (7 if fragmented else 3)
        locked = [part(made, folder, segment) for segment in media.segments]
        assert not any(len(one) % 16 for one in locked)
        whole = b"".join(opened(KEY, IV, one) for one in locked)
        stream = io.BytesIO(beginning(made, folder, media) + whole)
        with av.open(stream) as plain:
            assert sum(1 for _ in plain.decode(video=0)) == count if count else plain.streams.audio
        duration = sum(segment.duration for segment in media.segments)
        sizes = sum(map(len, locked))
        assert entry.stream_info.average_bandwidth == pytest.approx(8 * sizes / duration, abs=1)
        facts = made.files[f"{folder}/index.m3u8"].facts
        assert facts is not None
        assert facts.size == sizes
        with pytest.raises(ValueError, match="padding"):
            [opened(OTHER, IV, one) for one in locked]


@EITHER
async def test_players_read_an_encrypted_package(make: Make, fragmented: bool) -> None:
    made = await make(replace(HLS, fragmented=fragmented, encryption=m.Encryption()))
    assert made.read("segments.key") == drawn(16)
    assert len(frames(made.folder / "a b" / "index.m3u8", **LOCAL)) == 60
    (made.folder / "segments.key").write_bytes(b"x" * 16)
    found = []
    with suppress(av.error.FFmpegError):
        found = frames(made.folder / "a b" / "index.m3u8", **LOCAL)
    assert not found


async def test_a_variant_has_a_key_of_its_own(make: Make) -> None:
    own = replace(HLS.variants[1], encryption=m.Encryption(key=m.Secret(OTHER), iv=f"0x{IV.upper()}"))
    made = await make(replace(HLS, variants=(HLS.variants[0], own), encryption=SECRET))
    assert (made.read("segments.key").hex(), made.read("sound/segments.key").hex()) == (KEY, OTHER)
    (key,) = m3u8.loads(made.text("sound/index.m3u8")).keys
    assert (key.uri, key.iv) == ("segments.key", f"0x{IV}")
    assert opened(OTHER, IV, made.read("sound/segment_00000.ts"))[0] == 0x47


@pytest.mark.parametrize("content", [bytes.fromhex(KEY), KEY.encode() + b"\n", b"0x" + KEY.upper().encode()])
async def test_a_key_that_was_fetched(make: Make, content: bytes) -> None:
    there = m.Encryption(key_file=m.Location(url="https://example.test/k"), key_url="https://example.test/k?a=1")
    made = await make(replace(HLS, variants=HLS.variants[1:], encryption=there), key_0=content)
    (key,) = m3u8.loads(made.text("sound/index.m3u8")).keys
    assert (key.uri, key.iv) == ("https://example.test/k?a=1", f"0x{drawn(16).hex()}")
    assert made.read("segments.key").hex() == KEY
    assert opened(KEY, drawn(16).hex(), made.read("sound/segment_00000.ts"))[0] == 0x47


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 17, b"y" * 10_000])
async def test_a_fetched_key_that_is_none(make: Make, content: bytes) -> None:
    there = m.Encryption(key_file=m.Location(url="https://example.test/k"))
    with pytest.raises(EncodingFailed, match="key"):
        await make(replace(HLS, variants=HLS.variants[1:], encryption=there), key_0=content)


async def test_a_key_that_players_have_elsewhere_is_not_delivered(make: Make) -> None:
    away = replace(SECRET, key_url="https://keys.example.test/1")
    made = await make(replace(HLS, variants=HLS.variants[1:], encryption=away))
    assert not [name for name in made.files if name.endswith(".key")]
    words = [word for run in made.runs for word in argv(run, "ffmpeg")]
    assert not [word for word in words if KEY in word or IV in word]


# --- key frames ---------------------------------------------------------------------------------------


@EITHER
@pytest.mark.parametrize("single", [False, True], ids=["files", "single"])
async def test_each_range_is_one_key_frame(make: Make, fragmented: bool, single: bool) -> None:
    made = await make(replace(HLS, fragmented=fragmented, i_frames=True, single_file=single))
    (listed,) = m3u8.load(str(made.folder / "master.m3u8")).iframe_playlists
    info = listed.iframe_stream_info
    assert (listed.uri, info.resolution) == ("a%20b/index-iframes.m3u8", (160, 90))
    assert re.fullmatch(r"avc1\.[0-9a-f]{6}", info.codecs)
    media = m3u8.loads(made.text("a b/index-iframes.m3u8"))
    assert (media.is_i_frames_only, media.version) == (True, 7 if fragmented else 4)
    # in fragmented MP4 those that begin a fragment, which here is a segment
    wanted = [0.0, 1.0, 2.0] if fragmented else [0.0, 0.52, 1.0, 1.52, 2.0]
    shown, at = [], 0.0
    for segment in media.segments:
        cut = beginning(made, "a b", media) + part(made, "a b", segment)
        (frame,) = frames(io.BytesIO(cut))
        assert (frame.key_frame, frame.width, frame.pict_type) == (True, 160, av.video.frame.PictureType.I)
        shown.append(at)
        at += segment.duration
    assert shown == pytest.approx(wanted)
    assert at == pytest.approx(2.4, abs=0.05)
    rates = [8 * len(part(made, "a b", one)) / one.duration for one in media.segments]
    assert min(rates) <= info.bandwidth <= max(rates) + 1
    assert info.average_bandwidth == pytest.approx(
        8 * sum(len(part(made, "a b", one)) for one in media.segments) / at, abs=1
    )


async def test_key_frames_of_encrypted_segments_open_from_the_block_before(make: Make) -> None:
    """RFC 8216, 6.3.6: whole blocks, and the one before them as the initialization vector."""
    made = await make(replace(HLS, i_frames=True, encryption=SECRET))
    media = m3u8.loads(made.text("a b/index-iframes.m3u8"))
    assert media.keys[0].iv == f"0x{IV}"
    for segment in media.segments:
        size, offset = map(int, segment.byterange.split("@"))
        start, end = offset // 16 * 16 - 16, -(-(offset + size) // 16) * 16
        locked = made.read(f"a b/{segment.uri}")[start:end]
        decryptor = Cipher(AES128(bytes.fromhex(KEY)), CBC(bytes(16))).decryptor()
        plain = (decryptor.update(locked) + decryptor.finalize())[offset - start :][:size]
        (frame,) = frames(io.BytesIO(plain))
        assert frame.key_frame


# --- single files -------------------------------------------------------------------------------------


@EITHER
async def test_all_segments_in_one_file(make: Make, fragmented: bool) -> None:
    made = await make(replace(HLS, fragmented=fragmented, single_file=True))
    name = "media.mp4" if fragmented else "media.ts"
    assert sorted(made.files) == sorted(
        ["master.m3u8", *(f"{folder}/{one}" for folder in ("a b", "sound") for one in ("index.m3u8", name))]
    )
    media = m3u8.loads(made.text("a b/index.m3u8"))
    assert media.version == (7 if fragmented else 4)
    assert [segment.uri for segment in media.segments] == [name] * 3
    parts = [part(made, "a b", segment) for segment in media.segments]
    assert beginning(made, "a b", media) + b"".join(parts) == made.read(f"a b/{name}")
    assert len(frames(io.BytesIO(beginning(made, "a b", media) + parts[1]))) == 25
    assert len(frames(made.folder / "a b" / "index.m3u8", **LOCAL)) == 60


async def test_the_last_segments_of_an_encrypted_single_file(make: Make) -> None:
    package = replace(HLS, single_file=True, encryption=SECRET, list_size=2, segment_name="all.ts")
    made = await make(package)
    media = m3u8.loads(made.text("a b/index.m3u8"))
    assert (media.media_sequence, [one.uri for one in media.segments]) == (1, ["all.ts", "all.ts"])
    plain = [opened(KEY, IV, part(made, "a b", segment)) for segment in media.segments]
    assert sum(len(frames(io.BytesIO(one))) for one in plain) == 35


async def test_key_frames_of_the_last_segments(make: Make) -> None:
    made = await make(replace(HLS, i_frames=True, list_size=1))
    media = m3u8.loads(made.text("a b/index-iframes.m3u8"))
    assert (media.media_sequence, [one.uri for one in media.segments]) == (4, ["segment_00002.ts"])


async def test_key_frames_of_segments_that_dash_has_too(make: Make) -> None:
    made = await make(replace(HLS, kind=m.PackageKind.CMAF, i_frames=True, variants=(m.Variant(folder="v"),)))
    media = m3u8.loads(made.text("v/index-iframes.m3u8"))
    assert len(media.segments) == 3
    for segment in media.segments:
        (frame,) = frames(io.BytesIO(beginning(made, "v", media) + part(made, "v", segment)))
        assert frame.key_frame
    (listed,) = m3u8.load(str(made.folder / "master.m3u8")).iframe_playlists
    assert listed.iframe_stream_info.codecs.startswith("avc1.")
