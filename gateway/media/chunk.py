"""Which jobs are encoded in chunks: what can be, and what is worth it on this machine. Pure.

Everything that is not known to come out the same is left to one process: the lists below say what is known. Each
chunk has its own rate control: averages hold in each of them, and a buffer that limits the rate begins anew at each
seam. What was promised a constant rate, or an average over two passes, is made by one process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from mediaglot.gateway.media.draft import Draft
from mediaglot.gateway.media.format import Container
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.media.settings import pairs
from mediaglot.gateway.media.video import VideoTrack
from mediaglot.gateway.model import Constant, Video

SOURCES: Final = frozenset({"mov", "matroska"})
"""Formats with an index: a seek finds the key frame before a moment, wherever that is."""

MUXERS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("mp4", "mov", "ipod", "mpegts", "flv", "hls"), "mp4"),
    **dict.fromkeys(("matroska", "webm"), "matroska"),
}
"""Containers that chunks are joined into, to the one that their sound waits in. Chunks themselves are MP4, whose
clock fits every frame rate."""

STEADY: Final = frozenset({"hls", "ipod"})
"""Those for which FFmpeg fills the gap before a late first picture."""

SOUNDS: Final[Mapping[str, frozenset[str]]] = {
    "mp4": frozenset({"aac", "libmp3lame", "ac3", "eac3"}),
    "matroska": frozenset({"aac", "libmp3lame", "ac3", "eac3", "libopus", "libvorbis", "flac"}),
}
"""Audio encoders by the container that keeps what they make as it is."""

ROWS: Final[Mapping[str, int]] = {"libx264": 180, "libx265": 135, "libvpx-vp9": 270, "libsvtav1": 135}
"""Encoders whose chunks join, to the rows of a picture that keep one more thread busy. Reasoned, not measured."""

FILTERS: Final = frozenset(
    {"scale", "crop", "pad", "setsar", "setdar", "setparams", "transpose", "hflip", "vflip", "fps", "format"}
)
COVERS: Final = frozenset({"format", "colorkey", "scale", "colorchannelmixer"})
"""Filters that know no time: each picture depends on itself alone."""

OPTIONS: Final = frozenset({"-fpsmax:v", "-fps_mode:v", "-nal-hrd", "-r", "-r:v", "-frames:v", "-minrate"})
"""Options that speak about the whole stream or its clock."""

FEWEST: Final = 2
"""Cores that one process keeps busy, whatever it makes."""
LEAST: Final = Fraction(300)
"""Seconds of a source from which on chunks are thought of."""

SHORTEST: Final = Fraction(20)
"""Seconds of a chunk: each costs a start, a seek and the decoding up to its first picture."""

MOST_TURNS: Final = 4
"""Chunks for each worker: the more, the better they share the last ones, and the less they weigh."""

MOST_REACH: Final = 8
PROCESS, OUTPUT_PIXEL, SOURCE_PIXEL = 60_000_000, 90, 30
"""Bytes of memory of a process, with a thread for each encoder. Measured: 370 MB for four rungs from 1080p."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """So many chunks of ``length`` seconds at a time."""

    workers: int
    threads: int
    length: Fraction


def chunked(one: Draft) -> bool:
    """Its pictures are encoded."""
    return one.container is not None and one.video is not None and not one.video.copied


def crew(drafts: Sequence[Draft], view: Scene, machine: Machine) -> Crew | None:
    """Who would encode the chunks of these outputs; None where one process does it all."""
    duration = view.duration
    pictures = [one for one in drafts if chunked(one)]
    if not pictures or not duration or any(hindrance(one, view) for one in drafts):
        return None
    forced = machine.chunk is not None
    if not forced and (duration < LEAST or machine.cores <= reach(pictures)):
        return None
    threads = 1 if machine.cores <= MOST_TURNS else 2
    workers = max(1, min(machine.cores // threads, _room(pictures, view, machine)))
    if machine.chunk is not None:
        length = machine.chunk
    else:
        workers = min(workers, int(duration / SHORTEST))
        length = duration / (workers * min(MOST_TURNS, int(duration / workers / SHORTEST)))
    if length * 2 > duration * Fraction(11, 10) or (workers < 2 and not forced):
        return None
    return Crew(workers=workers, threads=threads, length=length)


def thinkable(cores: int, length: float) -> bool:
    """Whether any job at all is cut on so many cores: one process keeps two of them busy with the least picture."""
    return cores > FEWEST or length > 0


def reach(drafts: Sequence[Draft]) -> int:
    """How many cores one process keeps busy: its largest picture sets the pace for all others."""
    sizes = [(one.video.picture.width * one.video.picture.height, one.video) for one in drafts if one.video]
    largest, track = max(sizes, key=lambda size: size[0])
    threads = min(MOST_REACH, max(1, track.picture.height // ROWS.get(track.encoder or "", 180)))
    return max(FEWEST, ceil(threads * Fraction(sum(size for size, _ in sizes), largest)))


def _room(drafts: Sequence[Draft], view: Scene, machine: Machine) -> int:
    """As many processes as the memory holds, with a quarter of it left alone."""
    if machine.memory is None or view.video is None:
        return machine.cores
    made = sum(one.video.picture.width * one.video.picture.height for one in drafts if one.video)
    need = PROCESS + OUTPUT_PIXEL * made + SOURCE_PIXEL * view.video.width * view.video.height
    return machine.memory * 3 // 4 // need


def hindrance(one: Draft, view: Scene) -> str | None:
    """Why this output must be made by one process, in a word. Copies, sound and stills are no hindrance."""
    if one.container is None or one.video is None or one.video.copied:
        return None
    reasons = (*_of_source(one, view), *_of_track(one, one.video), *_of_container(one, one.container))
    return reasons[0] if reasons else None


def _of_source(one: Draft, view: Scene) -> Iterator[str]:
    part = view.parts[0]
    if view.joined or len(view.parts) > 1:
        yield "sources"
    if part.container not in SOURCES:
        yield "source"
    if view.video is None or view.video.frame_rate is None:
        yield "frame rate"
    if not one.span.whole or not part.span.whole:
        yield "clip"


def _of_track(one: Draft, track: VideoTrack) -> Iterator[str]:
    if track.encoder not in ROWS:
        yield "encoder"
    if track.passes:
        yield "passes"
    if track.rotation:
        yield "rotation mark"
    if not {_name(text) for text in (*track.filters, *track.finish)} <= FILTERS:
        yield "filter"
    if any(_moves(cover.prepare, cover.place) for cover in one.covers):
        yield "overlay"
    if not _plain(track.options) or isinstance(_asked(one), Constant):
        yield "rate"


def _of_container(one: Draft, container: Container) -> Iterator[str]:
    sound = MUXERS.get(container.muxer)
    if sound is None:
        yield "container"
    elif one.audio is not None and one.audio.encoder not in SOUNDS[sound]:
        yield "sound"


def _name(text: str) -> str:
    return text.partition("=")[0]


def _moves(prepare: str, place: str) -> bool:
    """A cover that comes, goes or changes."""
    return "enable=" in place or not {_name(text) for text in prepare.split(",")} <= COVERS


def _plain(options: Sequence[str]) -> bool:
    words = dict(pairs(options))
    params = words.get("-x265-params", "")
    return not OPTIONS & words.keys() and "hrd" not in params and "pass" not in params


def _asked(one: Draft) -> object:
    return one.output.video.rate if isinstance(one.output.video, Video) else None
