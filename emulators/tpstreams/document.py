"""The document of a job, read both ways, and what it leaves unsaid: the renditions. Section 5 of the reference.

All numbers and names of ``LADDER`` and ``furnish`` are the reference's proposal: the service documents none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from types import MappingProxyType
from typing import Final

from mediaglot.emulators.tpstreams.place import FOLDER, SOURCE
from mediaglot.gateway.mapping import Field, Many, Pair, Record, Tree
from mediaglot.gateway.memory import recur
from mediaglot.gateway.model import (
    Audio,
    Average,
    Input,
    Job,
    KeyFrames,
    Output,
    Package,
    PackageKind,
    Size,
    Skip,
    Variant,
    Video,
)
from mediaglot.gateway.model.change import replace

NAME: Final = "tpstreams"
PLAYLIST: Final = "video.m3u8"
SEGMENT: Final = Fraction(10)
KEY_FRAMES: Final = Fraction(2)


@dataclass(frozen=True, slots=True)
class Rung:
    """A rendition's height in pixels, and its bits per second."""

    height: int
    video: int
    peak: int
    audio: int


LADDER: Final[Mapping[str, Rung]] = MappingProxyType(
    {
        "240p": Rung(240, 300_000, 450_000, 64_000),
        "360p": Rung(360, 500_000, 800_000, 96_000),
        "480p": Rung(480, 800_000, 1_200_000, 96_000),
        "540p": Rung(540, 1_100_000, 1_650_000, 96_000),
        "720p": Rung(720, 1_500_000, 2_250_000, 128_000),
        "1080p": Rung(1080, 3_000_000, 4_500_000, 128_000),
        "1440p": Rung(1440, 6_000_000, 9_000_000, 128_000),
        "2160p": Rung(2160, 12_000_000, 18_000_000, 128_000),
    }
)
ACCEPTED: Final = {
    "documented": ("240p", "360p", "480p", "720p", "1080p"),
    "assets": ("240p", "360p", "480p", "540p", "720p", "1080p"),
    "all": tuple(LADDER),
}
FOLDERS: Final = {"codec": "{name}_h264_hls", "hls": "{name}_hls", "plain": "{name}"}


def read_resolutions(tree: Tree) -> Mapping[str, Package]:
    words = tree["resolutions"]
    given = words if isinstance(words, (list, tuple)) else [words]
    if any(word not in LADDER for word in given):
        raise ValueError(f"is not one of {', '.join(LADDER)}")
    variants = (Variant(name=word, video=Video(size=Size(height=LADDER[word].height))) for word in dict.fromkeys(given))
    return {"package": Package(kind=PackageKind.HLS, variants=tuple(variants))}


def write_resolutions(output: Output) -> Tree:
    """The nearest that there are; something must be said, so a single file gets the one nearest to it."""
    videos = [variant.video for variant in output.package.variants] if output.package else [output.video]
    return {"resolutions": list(dict.fromkeys(nearest(video) for video in videos or [None]))}


def nearest(video: Video | Skip | None) -> str:
    height = video.size.height if isinstance(video, Video) and video.size else None
    wanted = height if isinstance(height, int) else 720
    return min(ACCEPTED["documented"], key=lambda name: abs(LADDER[name].height - wanted))


OUTPUT: Final = Record(
    Output,
    Many("output_path", "destinations", FOLDER),
    Pair("resolutions", "package", read_resolutions, write_resolutions),
    extras=NAME,
)
INPUT: Final = Record(Input, Field("input_url", "location", SOURCE))


def furnish(job: Job, layout: str) -> Job:
    """``job`` with everything said that the planner needs to know."""
    return replace(job, outputs=tuple(_output(output, FOLDERS[layout]) for output in job.outputs))


def _output(output: Output, folder: str) -> Output:
    if output.package is None:
        return output
    variants = tuple(_variant(variant, folder) for variant in output.package.variants)
    package = replace(output.package, playlist=PLAYLIST, media_playlist=PLAYLIST, segment_name="video_%d.ts")
    return replace(output, package=replace(package, segment=SEGMENT, variants=variants))


def _variant(variant: Variant, folder: str) -> Variant:
    name = variant.name or ""
    video, audio = _tracks(name)
    recur((video, audio))
    return replace(variant, folder=folder.format(name=name), video=video, audio=audio)


@cache
def _tracks(name: str) -> tuple[Video, Audio]:
    rung = LADDER[name]
    video = Video(
        codec="h264",
        size=Size(height=rung.height),
        rate=Average(bitrate=rung.video, most=rung.peak, buffer=2 * rung.video),
        key_frames=KeyFrames(every=KEY_FRAMES, closed=True),
        profile="main",
        pixel_format="yuv420p",
    )
    return video, Audio(codec="aac", bitrate=rung.audio, channels=2)
