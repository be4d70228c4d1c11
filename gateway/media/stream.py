"""Playlists over finished MP4 files, without encoding anything: HLS and DASH from one run. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media.parts import Feed, Run, Target, telling
from mediaglot.gateway.model import MediaFacts

HLS: Final = "master.m3u8"
DASH: Final = "manifest.mpd"
PLAYLIST: Final = "media_{}.m3u8"
"""Of each track, by its number."""
SEGMENT: Final = 6
"""Seconds; each segment begins at the first key frame from there on."""
TICKS: Final = 1_000_000
"""Of a manifest's second."""


def restream(files: Sequence[tuple[str, MediaFacts | None]]) -> Run:
    """Each file's picture as one variant, and the first one's sound. Everything is put into the run's own folder."""
    pictures = [index for index, (_, facts) in enumerate(files) if facts is None or facts.video]
    sound = next((index for index, (_, facts) in enumerate(files) if facts is None or facts.audio), None)
    maps = (*(f"{index}:v:0" for index in pictures), *((f"{sound}:a:0",) if sound is not None else ()))
    sets = [
        f"id={number},streams={kind}"
        for number, kind in enumerate(["v"] * bool(pictures) + ["a"] * (sound is not None))
    ]
    options = ("-c", "copy", "-seg_duration", str(SEGMENT), "-adaptation_sets", " ".join(sets))
    more = ("-single_file", "1", "-hls_playlist", "1", "-hls_master_name", HLS)
    return Run(
        feeds=tuple(_feed(path, facts) for path, facts in files),
        graph="",
        targets=(Target(maps=maps, options=(*options, *more), muxer="dash", path=DASH),),
        duration=None,
        weight=Fraction(1),
    )


def _feed(path: str, facts: MediaFacts | None) -> Feed:
    if facts is None:
        return Feed(path=path)
    codecs = {*(one.codec for one in facts.video), *(one.codec for one in facts.audio)}
    return Feed(path=path, options=telling(facts.container, codecs))


def hls_from(base: str, text: str) -> str:
    """A master playlist whose entries are found from anywhere: they begin with ``base``."""
    text = re.sub(r'URI="([^":]+)"', rf'URI="{base}/\1"', text)
    return re.sub(r"^(?=[^#\s])", f"{base}/", text, flags=re.MULTILINE)


def undated(playlist: str) -> str:
    """Without the dates of FFmpeg, which begins one of the files now and the others in 1970."""
    return re.sub(r"^#EXT-X-PROGRAM-DATE-TIME:.*\n", "", playlist, flags=re.MULTILINE)


def timed(manifest: str, playlists: Sequence[str]) -> str:
    """The manifest with the segments' own lengths, as each file's playlist has them: FFmpeg says one for all, which is
    not true where key frames lie otherwise."""
    files = [[Fraction(text) for text in re.findall(r"^#EXTINF:([\d.]+)", one, re.MULTILINE)] for one in playlists]
    left = iter(files)

    def lasting(found: re.Match[str]) -> str:
        spans = "".join(f'<S d="{round(seconds * TICKS)}" />' for seconds in next(left))
        return f"{found[1]}{found[2]}\n\t\t\t\t\t<SegmentTimeline>{spans}</SegmentTimeline>"

    text = re.sub(
        rf'(<SegmentList timescale="{TICKS}") duration="\d+"([^>]*>\s*<Initialization [^>]*/>)', lasting, manifest
    )
    longest = max((seconds for spans in files for seconds in spans), default=Fraction(SEGMENT))
    return re.sub(r'maxSegmentDuration="[^"]*"', f'maxSegmentDuration="PT{float(longest)}S"', text)


def dash_from(base: str, text: str) -> str:
    return re.sub(r"(<MPD\b[^>]*>)", rf"\1\n\t<BaseURL>{base}/</BaseURL>", text, count=1)
