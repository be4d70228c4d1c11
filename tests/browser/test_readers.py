"""Packages over HTTP in the hands of readers that we did not write: FFmpeg's demuxers, by PyAV, and an HLS parser."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any
from urllib.parse import urljoin

import aiohttp
import av
import m3u8
import pytest

from mediaglot.gateway.media import tool

pytestmark = pytest.mark.ffmpeg
FRAMES = 150


def whole(url: str) -> dict[int, Any]:
    """All that the address leads to, decoded: by height, the times of the pictures; at 0 the sound's samples."""
    found: dict[int, Any] = {}
    with av.open(url, timeout=20) as box:
        pictures = {stream.index: stream.height for stream in box.streams.video}
        for packet in box.demux(*box.streams.video, box.streams.audio[0]):
            for frame in packet.decode():
                if packet.stream.type == "audio":
                    found[0] = found.get(0, 0) + frame.samples
                else:
                    found.setdefault(pictures[packet.stream.index], []).append(float(frame.time))
    return found


def rates(seconds: list[float], sizes: list[int]) -> Iterator[float]:
    """Bits per second of neighbours that last from half to one and a half of the target duration (RFC 8216, 4.1)."""
    for start, end in combinations(range(len(sizes) + 1), 2):
        if 1 <= sum(seconds[start:end]) <= 3:
            yield 8 * sum(sizes[start:end]) / sum(seconds[start:end])


def entry(links: list[str]) -> str:
    return [link for link in links if link.endswith(".m3u8")][-1]


@pytest.mark.parametrize("output", ["advanced_hls", "fmp4_hls", "advanced_fmp4"])
async def test_ffmpeg_reads_all_of_a_package_without_a_seam(package: Any, ladder: Any, output: str) -> None:
    found = await asyncio.to_thread(whole, entry(await package(output=output, **ladder)))
    for height in (90, 180):
        times = found[height]
        assert len(times) == FRAMES
        assert [later - before for before, later in pairwise(times)] == pytest.approx([1 / 25] * (FRAMES - 1), abs=1e-3)
    assert found[90] == pytest.approx(found[180], abs=1e-4)
    assert found[0] / 48_000 == pytest.approx(6, abs=0.1)


def manifested(url: str) -> dict[int, list[float]]:
    """All that a manifest leads to, decoded by FFmpeg's own reader of DASH: by stream, the seconds of its frames."""
    words = ("-v", "error", "-nostdin", "-xerror", "-i", url, "-map", "0", "-f", "framecrc", "-")
    done = subprocess.run([tool.find().path, *words], capture_output=True, text=True, check=True)
    clocks: dict[int, float] = {}
    found: dict[int, list[float]] = {}
    for line in done.stdout.splitlines():
        if clock := re.match(r"#tb (\d+): (\d+)/(\d+)", line):
            clocks[int(clock[1])] = int(clock[2]) / int(clock[3])
        elif not line.startswith("#"):
            stream, _, moment, *_ = line.split(",")
            found.setdefault(int(stream), []).append(int(moment) * clocks[int(stream)])
    return found


@pytest.mark.parametrize("output", ["advanced_dash", "advanced_fmp4"])
async def test_ffmpeg_reads_all_of_a_manifest_without_a_seam(package: Any, ladder: Any, output: str) -> None:
    links = await package(output=output, **ladder)
    found = await asyncio.to_thread(manifested, [link for link in links if link.endswith(".mpd")][-1])
    pictures = [times for times in found.values() if len(times) == FRAMES]
    (sound,) = [times for times in found.values() if len(times) != FRAMES]
    assert len(pictures) == 2
    for times in pictures:
        assert [later - before for before, later in pairwise(times)] == pytest.approx([1 / 25] * (FRAMES - 1), abs=1e-3)
    assert pictures[0] == pytest.approx(pictures[1], abs=1e-4)
    assert [later - before for before, later in pairwise(sound)] == pytest.approx(
        [1024 / 48_000] * (len(sound) - 1), abs=1e-3
    )
    assert sound[-1] == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("output", ["advanced_hls", "fmp4_hls", "advanced_fmp4"])
async def test_what_the_playlists_say_is_so(package: Any, ladder: Any, output: str) -> None:
    master = entry(await package(output=output, **ladder))
    async with aiohttp.ClientSession(raise_for_status=True) as session:

        async def get(url: str) -> bytes:
            async with session.get(url) as answer:
                return await answer.read()

        async def measured(url: str) -> tuple[list[float], list[int]]:
            """The seconds of the segments, as told, and their bytes."""
            media = m3u8.loads((await get(url)).decode(), uri=url)
            lengths = [segment.duration for segment in media.segments]
            assert media.target_duration == 2
            assert all(segment.absolute_uri == urljoin(url, segment.uri) for segment in media.segments)
            return lengths, [len(await get(segment.absolute_uri)) for segment in media.segments]

        shown = m3u8.loads((await get(master)).decode(), uri=master)
        sounds = [await measured(one.absolute_uri) for one in shown.media]
        for one in shown.playlists:
            lengths, sizes = await measured(one.absolute_uri)
            assert lengths == pytest.approx([2, 2, 2], abs=0.05)
            said, peak, average = one.stream_info, 0.0, 0.0
            for seconds, count in [(lengths, sizes), *sounds]:
                peak += max(8 * size / length for size, length in zip(count, seconds, strict=True) if length > 1)
                average += 8 * sum(count) / sum(seconds)
            assert peak - 2 <= said.bandwidth <= 1.01 * peak
            assert said.average_bandwidth == pytest.approx(average, abs=2)
            with av.open(one.absolute_uri, timeout=20) as box:
                picture = box.streams.video[0].codec_context
                assert said.resolution == (picture.width, picture.height)
                assert said.frame_rate == pytest.approx(float(box.streams.video[0].guessed_rate or 0), abs=0.001)
                profile = {"Constrained Baseline": 66, "Main": 77, "High": 100}[picture.profile]
                assert said.codecs.startswith(f"avc1.{profile:02x}")
