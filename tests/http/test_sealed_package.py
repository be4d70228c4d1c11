"""Encrypted packages, lists of key frames and single files: from a client's words to what a player fetches."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import av
import m3u8
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES128
from cryptography.hazmat.primitives.ciphers.modes import CBC

pytestmark = pytest.mark.ffmpeg
LOCAL = "https://media.mediaglot.test/bars-2s-320x180-25fps.mp4"
KEY, IV = "000102030405060708090a0b0c0d0e0f", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
STREAM = {"sub_path": "low", "size": "96x54", "bitrate": "60k"}
LOCK = {"encryption": "yes", "encryption_key": KEY, "encryption_iv": IV}
SOUND = {"sub_path": "sound", "audio_only": "yes"}


def packaged(*streams: dict[str, str], **words: str) -> dict[str, Any]:
    return {"output": "advanced_hls", "segment_duration": "1", "stream": list(streams), **words}


async def listed(client: Any, url: str) -> m3u8.M3U8:
    status, _, body = await client.get(url)
    assert status == 200
    return m3u8.loads(body.decode(), uri=url)


def holders(folder: Path, text: bytes) -> list[str]:
    """The files that hold ``text``, the database's among them."""
    return [path.name for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


def opened(locked: bytes, key: bytes, iv: str) -> bytes:
    decryptor = Cipher(AES128(key), CBC(bytes.fromhex(iv.removeprefix("0x")))).decryptor()
    plain = decryptor.update(locked) + decryptor.finalize()
    return plain[: -plain[-1]]


@pytest.mark.parametrize("words", [LOCK, {"encryption": "yes"}], ids=["given", "drawn"])
async def test_a_player_finds_the_key_and_nobody_else_is_told_of_it(
    client: Any, measure: Any, data: Path, caplog: pytest.LogCaptureFixture, words: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    media = await client.add(LOCAL, packaged(STREAM, SOUND, **words))
    task = (await client.end(media))["format"]
    assert (task["status"], task["encryption_key"]) == ("Finished", words.get("encryption_key", []))
    *_, master = task["s3_destination"]
    assert [link.rpartition("/")[2] for link in task["s3_destination"]] == ["index.m3u8", "index.m3u8", "master.m3u8"]
    for entry in (await listed(client, master)).playlists:
        shown = await listed(client, entry.absolute_uri)
        (told,) = shown.keys
        key = (await client.get(told.absolute_uri))[2]
        assert "encryption_key" not in words or (key.hex(), told.iv) == (KEY, f"0x{IV}")
        locked = (await client.get(shown.segments[0].absolute_uri))[2]
        found = measure(opened(locked, key, told.iv))
        assert found.get("frames") == (25 if "low" in entry.uri else None)
    assert key.hex() not in caplog.text
    assert holders(data, key) == ["segments.key"]
    assert "encryption_key" in words or not holders(data, key.hex().encode())


async def test_ranges_are_fetched_by_range(client: Any) -> None:
    done = await client.end(
        await client.add(LOCAL, packaged(STREAM | {"add_iframe_stream": "yes", "byte_range": "yes"}))
    )
    *_, master = done["format"]["s3_destination"]
    assert len(done["format"]["s3_destination"]) == 2
    (entry,) = (await listed(client, master)).iframe_playlists
    shown = await listed(client, entry.absolute_uri)
    for one in shown.segments:
        size, start = map(int, one.byterange.split("@"))
        ranged = {"Range": f"bytes={start}-{start + size - 1}"}
        status, headers, body = await client.get(one.absolute_uri, headers=ranged)
        assert (status, headers["Content-Type"], len(body)) == (206, "video/mp2t", size)
        with av.open(io.BytesIO(body)) as cut:
            assert [frame.key_frame for frame in cut.decode(video=0)] == [True]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ({"add_iframe_stream": "yes", "byte_range": "yes"} | LOCK, "Not supported: i_frames"),
        (LOCK | {"encryption_key": "short"}, "stream.0.encryption_key: not 32 hexadecimal digits"),
        (LOCK | {"encryption_method": "aes-256-cbc"}, "encryption_method: can only be aes-128-cbc"),
    ],
)
async def test_what_can_not_be_is_said_at_once(client: Any, words: dict[str, str], wrong: str) -> None:
    answer = await client.json("AddMedia", source=LOCAL, format=packaged(STREAM | words))
    assert wrong in answer["errors"]["error"]


async def test_the_simulated_backend_has_the_same_names(serve: Any) -> None:
    client = await serve(backend="simulated")
    words = {"add_iframe_stream": "yes", "encryption": "yes"}
    done = await client.end(await client.add("https://example.test/a.mp4", packaged(STREAM | words, SOUND)))
    names = [link.split("/", 7)[7] for link in done["format"]["s3_destination"]]
    assert names == ["low/index.m3u8", "sound/index.m3u8", "master.m3u8"]
