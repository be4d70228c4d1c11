"""What a source could be: as its name says (``bars-10s-1280x720-30fps.mp4``), else drawn from its URL and the seed."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from mediaglot.gateway.chance import SeededChance
from mediaglot.gateway.model import AudioFacts, MediaFacts, VideoFacts
from mediaglot.gateway.script.outcome import HOST, Outcome

H264: Final = ("mov", "h264", "aac")
KINDS: Final[dict[str, tuple[str, str, str]]] = {
    "mp4": H264,
    "mov": H264,
    "m4v": H264,
    "mkv": ("matroska", "h264", "aac"),
    "webm": ("matroska", "vp8", "opus"),
    "ts": ("mpegts", "h264", "aac"),
    "flv": ("flv", "h264", "aac"),
    "avi": ("avi", "mpeg4", "mp3"),
    "wmv": ("asf", "wmv2", "wmav2"),
    "mpg": ("mpeg", "mpeg2video", "mp2"),
    "ogv": ("ogg", "theora", "vorbis"),
    "mp3": ("mp3", "", "mp3"),
    "m4a": ("mov", "", "aac"),
    "wav": ("wav", "", "pcm_s16le"),
    "flac": ("flac", "", "flac"),
    "ogg": ("ogg", "", "vorbis"),
    "jpg": ("jpeg_pipe", "mjpeg", ""),
    "jpeg": ("jpeg_pipe", "mjpeg", ""),
    "png": ("png_pipe", "png", ""),
}
"""An extension to FFmpeg's name of the format, and the coding formats of pictures and sound."""
SIZES: Final = ((640, 360), (1280, 720), (1280, 720), (1920, 1080), (1920, 1080), (3840, 2160))
RATES: Final = tuple(map(Fraction, ("24000/1001", "24", "25", "25", "30000/1001", "30", "50", "60000/1001")))
NAMED_RATES: Final = {"23.976": RATES[0], "29.97": RATES[4], "59.94": RATES[7]}
SECONDS: Final = re.compile(r"(?<![\w.])(\d{1,5}(?:\.\d{1,3})?)s(?![A-Za-z0-9])")
SIZE: Final = re.compile(r"(?<!\d)(\d{2,4})x(\d{2,4})(?!\d)")
RATE: Final = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3})?)fps(?![A-Za-z0-9])")
SILENT: Final = re.compile(r"(?<![A-Za-z])silent(?![A-Za-z])")


@lru_cache(maxsize=1024)
def source_facts(url: str, seed: str = "", outcome: Outcome | None = None) -> MediaFacts:
    """``outcome`` may say how long and how large the source is."""
    parts = urlsplit(url)
    name = PurePosixPath(unquote(parts.path)).name
    plain = url.partition("?")[0] if parts.hostname == HOST else url
    chance = SeededChance(f"{seed}/source/{plain}")
    container, pictures, sounds = KINDS.get(name.rpartition(".")[2].lower(), H264)
    drawn = Fraction(chance.randint(100, 1500), 10)
    duration = Fraction(found[1]) if (found := SECONDS.search(name)) else drawn
    if outcome is not None and outcome.duration:
        duration = outcome.duration
    video = _video(name, chance, pictures) if pictures else None
    still = video is not None and not sounds
    audio = AudioFacts(
        codec=sounds or "aac", sample_rate=chance.choice((44_100, 48_000, 48_000)), channels=2, bitrate=128_000
    )
    heard = (replace(audio, duration=duration),) if sounds and not SILENT.search(name) else ()
    bits = (video.bitrate or 0 if video else 0) + sum(one.bitrate or 0 for one in heard)
    length = None if still else duration
    size = int(bits * (Fraction(1, 4) if still else duration) / 8)
    if outcome is not None and outcome.size is not None:
        size = outcome.size
    return MediaFacts(
        container=container,
        size=size,
        duration=length,
        bitrate=None if still else bits,
        video=(replace(video, duration=length),) if video else (),
        audio=heard,
        chapters=0,
    )


def _video(name: str, chance: SeededChance, codec: str) -> VideoFacts:
    size = (int(found[1]), int(found[2])) if (found := SIZE.search(name)) else chance.choice(SIZES)
    rate = chance.choice(RATES)
    if named := RATE.search(name):
        rate = NAMED_RATES.get(named[1], Fraction(named[1])) or rate
    width, height = (max(2, side) for side in size)
    return VideoFacts(
        codec=codec,
        profile="High" if codec == "h264" else None,
        width=width,
        height=height,
        frame_rate=rate,
        bitrate=800_000 + 4 * width * height,
        pixel_format="yuv420p",
        pixel_aspect=Fraction(1),
        display_aspect=Fraction(width, height),
    )
