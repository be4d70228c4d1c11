"""Packages as the people who watch them see them: in Chromium, with the stock players, on a page of another origin."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.ffmpeg, pytest.mark.browser]
RATE = 25
REORDERED = 2 / 25
"""Seconds from the first decoding time to the first picture: two of them wait for a later one."""

BEARABLE = frozenset({"bufferStalledError", "bufferSeekOverHole", "aborted"})
"""A busy machine starves the player now and then, and it gives up a load when it changes the size. And hls.js counts
MPEG-TS from the first decoding time, where nothing is to be shown yet: it steps over that, and how far is checked."""


def played(found: dict[str, Any], seconds: int = 6) -> None:
    """All of the film was shown and heard in both sizes, without a gap or an error, each picture at its time."""
    assert "broken" not in found, found
    assert [one for one in found["errors"] if one["fatal"] or one["what"] not in BEARABLE] == []
    assert found["heights"] == [90, 180]
    assert (found["first"], found["last"]) == (90, [320, 180])
    assert 180 in found["levels"]
    assert found["duration"] == pytest.approx(seconds, abs=0.1)
    assert found["end"] == pytest.approx(found["duration"], abs=0.1)
    ((start, end),) = found["buffered"]
    assert 0 <= start <= REORDERED + 0.001
    assert end == pytest.approx(found["duration"], abs=0.1)
    assert found["frames"] >= RATE * seconds * 0.75
    assert found["sound"] > 10_000
    for colours, channel in zip(found["colours"], range(3), strict=True):
        left, right = colours
        assert left[channel] > 180, found["colours"]
        assert max(value for place, value in enumerate(left) if place != channel) < 100, found["colours"]
        assert min(right[:2]) > 180, found["colours"]
        assert right[2] < 100, found["colours"]


@pytest.mark.parametrize("output", ["advanced_hls", "fmp4_hls", "advanced_fmp4"])
async def test_hls_plays_in_hls_js(package: Any, ladder: Any, watch: Any, output: str) -> None:
    played(await watch("hls", entry(await package(output=output, **ladder), ".m3u8")))


@pytest.mark.parametrize("output", ["advanced_hls", "fmp4_hls"])
async def test_encrypted_hls_plays_in_hls_js(package: Any, ladder: Any, watch: Any, output: str) -> None:
    played(await watch("hls", entry(await package(output=output, encryption="yes", **ladder), ".m3u8")))


@pytest.mark.parametrize("output", ["advanced_dash", "advanced_fmp4"])
async def test_dash_plays_in_dash_js(package: Any, ladder: Any, watch: Any, output: str) -> None:
    played(await watch("dash", entry(await package(output=output, **ladder), ".mpd")))


@pytest.mark.parametrize(("kind", "name"), [("hls", "hls.m3u8"), ("dash", "dash.mpd")])
async def test_playlists_of_finished_files_play(playlists: Any, site: Any, watch: Any, kind: str, name: str) -> None:
    await playlists()
    found = await watch(kind, f"{site.url}/{name}")
    import pprint

    pprint.pprint(found)
    played(found, seconds=12)


def entry(links: list[str], extension: str) -> str:
    """The manifest or master of a package: the last of its kind."""
    return [link for link in links if link.endswith(extension)][-1]
