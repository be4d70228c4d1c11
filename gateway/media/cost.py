"""How much memory FFmpeg will need for a plan, estimated. Pure.

The numbers are fits to the greatest resident size of FFmpeg 9.0 on two cores, at 320x180 to 1920x1080 with one to
eight threads (``tests/media/test_cost.py`` has the measurements). There the estimate is from 9 % under to 34 % over the
measured one; for the four-rung ladder from 1080p it is 2 to 18 % over. Sizes, threads, encoders and sources outside
of that are extrapolated along the same lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from mediaglot.gateway.media.argv import MOST_THREADS
from mediaglot.gateway.media.parts import Load, Plan
from mediaglot.gateway.media.scene import upright
from mediaglot.gateway.media.settings import pairs
from mediaglot.gateway.media.video import VideoTrack
from mediaglot.gateway.model import MediaFacts

MB: Final = 1_000_000
PROCESS: Final = 40 * MB
"""The program, its muxers and its audio."""

DECODER: Final = (10, 6)
"""Bytes for each pixel of the source: in any case, and for each thread."""

OUTPUT: Final = 6 * MB

ENCODERS: Final[Mapping[str, tuple[int, int, int]]] = {
    "libx264": (0, 66, 17),
    "libx265": (60, 134, 12),
    "libvpx": (0, 40, 0),
    "libvpx-vp9": (40, 130, 2),
    "libsvtav1": (45, 180, 0),
    "libaom-av1": (45, 260, 4),
    "dnxhd": (12, 30, 25),
    "prores_ks": (0, 10, 1),
}
"""Megabytes in any case; bytes for each pixel, in any case and for each thread."""
OTHERS: Final = (0, 20, 1)

AHEAD: Final[Mapping[str, int]] = {
    "ultrafast": -10,
    "superfast": -10,
    "veryfast": 0,
    "faster": 10,
    "fast": 20,
    "medium": 30,
    "slow": 40,
    "slower": 50,
    "veryslow": 50,
}
"""Pictures that x264 looks ahead, more than at the effort that ``ENCODERS`` is for."""
AHEAD_BYTES: Final = 3.6
"""For each pixel of one of them."""


def load(track: VideoTrack) -> Load:
    """What an encoded track will take."""
    words = dict(pairs(track.options))
    return Load(
        encoder=track.encoder or "",
        pixels=track.picture.width * track.picture.height,
        effort=words.get("-preset", ""),
        pixel_format=words.get("-pix_fmt", ""),
    )


def peak(plan: Plan, sources: Sequence[MediaFacts], threads: int | None = None, processes: int = 1) -> int:
    """Bytes of resident memory at once, of so many FFmpeg processes that each have so many threads."""
    if not plan.runs:
        return 0
    count = max(1, min(threads or MOST_THREADS, MOST_THREADS))
    feeds = max(sum(not feed.picture for feed in run.feeds) for run in plan.runs)
    decoding = bool(plan.loads) or any(product.role == "still" for made in plan.products.values() for product in made)
    largest = max((_pixels(source) for source in sources), default=0)
    decoders = feeds * largest * (DECODER[0] + DECODER[1] * count) if decoding else 0
    return processes * (PROCESS + decoders + sum(_encoder(one, count) for one in plan.loads))


def _pixels(source: MediaFacts) -> int:
    pictures = (upright(track) for track in source.video)
    return max((picture.width * picture.height for picture in pictures), default=0)


def _encoder(one: Load, threads: int) -> int:
    fixed, plain, each = ENCODERS.get(one.encoder, OTHERS)
    ahead = AHEAD.get(one.effort, 0) * AHEAD_BYTES if one.encoder == "libx264" else 0
    return OUTPUT + fixed * MB + int(one.pixels * _depth(one.pixel_format) * (plain + each * threads + ahead))


def _depth(pixel_format: str) -> float:
    """Bytes of a pixel, in those of yuv420p."""
    chroma = 2.0 if "444" in pixel_format else 4 / 3 if "422" in pixel_format else 1.0
    return chroma * (2 if pixel_format.endswith(("10le", "12le")) else 1)
