"""From outputs and seams to the processes of a chunked job: pieces, what is made beside them, and the joint. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from mediaglot.gateway.media import mux, trunk
from mediaglot.gateway.media.bench import Bench
from mediaglot.gateway.media.chunk import MUXERS, Crew, chunked
from mediaglot.gateway.media.chunkindex import Index
from mediaglot.gateway.media.chunkseam import Lane, lane, seams
from mediaglot.gateway.media.draft import Draft
from mediaglot.gateway.media.format import Container
from mediaglot.gateway.media.parts import UNPARSED, Chunks, Feed, Piece, Run, Target, number, ratio
from mediaglot.gateway.media.scene import Scene, Span
from mediaglot.gateway.media.settings import pairs
from mediaglot.gateway.media.video import VideoTrack
from mediaglot.gateway.model import Output

FOLDER: Final = "chunks"
SCAN: Final = f"{FOLDER}/pictures"
LONGEST: Final = "200000000"
"""Bytes of that list; more than ``chunkindex`` takes."""

NEEDED: Final = frozenset({"framecrc", "mp4", "matroska"})
"""Muxers without which there are no chunks."""

AHEAD: Final = Fraction(1, 5)
"""Seconds that a seek aims behind its key frame: FFmpeg looks up to 0.13 before where it is told to."""

FULL: Final = Fraction(3, 5)
"""Of a buffer. With nine tenths, as at a beginning, chunks of 20 s are 2 % larger than what one process makes."""

MARGIN: Final = 2
"""Seconds that are read behind the end."""

NEARLY: Final = Fraction(1, 4)
"""Of a picture, for bounds between two: right on clocks of any grain, even on one that counts pictures."""

BESIDE, JOINT = Fraction(4, 100), Fraction(2, 100)
"""Shares of the whole work."""

Wire = Callable[[Draft, VideoTrack, Bench, int, Span], str]
"""Puts the chain of a video track on a bench, from this feed, and gives what to map."""

Compose = Callable[[Sequence[Draft]], Run]
"""One process for these outputs."""


def scan(view: Scene) -> Run:
    """Reads every packet of the source's pictures and decodes none. ``SCAN`` is then for ``chunkindex``."""
    target = Target(maps=("0:V:0",), options=("-c", "copy", "-fs", LONGEST), muxer="framecrc", path=SCAN)
    feeds = (Feed(path=view.parts[0].path),)
    return Run(feeds=feeds, graph="", targets=(target,), duration=view.duration, weight=Fraction(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """One chunk of the source: ``begin`` and ``end`` are positions in the index, ``end`` is None for the last."""

    number: int
    begin: int
    end: int | None


def chunks(
    drafts: Sequence[Draft], view: Scene, team: Crew, index: Index, wire: Wire, compose: Compose
) -> Chunks | None:
    """None where the source's pictures turn out not to allow it."""
    rate = view.video.frame_rate if view.video else None
    pictures = [one for one in drafts if chunked(one)]
    if not rate or not index.even(rate):
        return None
    lanes = [found for one in pictures if (found := lane(one, index, rate)) is not None]
    begins = seams(index, lanes, team.length) if len(lanes) == len(pictures) else None
    if begins is None:
        return None
    ends: list[int | None] = [*begins[1:], None]
    stretches = [_Stretch(number=n, begin=a, end=b) for n, (a, b) in enumerate(zip(begins, ends, strict=True))]
    sounds = _sounds(pictures)
    others = _others(drafts, sounds)
    share = 1 - JOINT - (BESIDE if others else 0)
    return Chunks(
        pieces=tuple(_piece(one, pictures, lanes, view, index, rate, share, wire) for one in stretches),
        beside=replace(compose(others), weight=BESIDE) if others else None,
        joint=_joint(pictures, lanes, view, sounds),
        lists={f"{FOLDER}/{n}.txt": _list(n, stretches, one, index) for n, one in enumerate(lanes)},
        workers=min(team.workers, len(stretches)),
        threads=team.threads,
    )


# --- the pieces ---------------------------------------------------------------------------------


def _piece(
    stretch: _Stretch,
    pictures: Sequence[Draft],
    lanes: Sequence[Lane],
    view: Scene,
    index: Index,
    rate: Fraction,
    share: Fraction,
    wire: Wire,
) -> Piece:
    aim, words = _seek(stretch, index)
    tracks = [
        _cut(one.video, way, stretch, index, rate, aim)
        for one, way in zip(pictures, lanes, strict=True)
        if one.video is not None
    ]
    drafts = [replace(one, video=track) for one, track in zip(pictures, tracks, strict=True)]
    bench = Bench(view, stages=trunk.stages(drafts, view))
    feed = bench.feed(view.parts[0].path, words)
    for position, (one, track) in enumerate(zip(drafts, tracks, strict=True)):
        label = wire(one, track, bench, feed, Span())
        options = (*track.options, "-map_metadata", "-1", "-map_chapters", "-1")
        path = f"{FOLDER}/{_name(position, stretch)}"
        bench.targets.append(Target(maps=(label,), options=options, muxer="mp4", path=path))
    count = (stretch.end or len(index.ticks)) - stretch.begin
    frames = _count(lanes[0], stretch, index)
    return Piece(run=bench.run(count / rate, share * Fraction(count, len(index.ticks))), frames=frames)


def _seek(stretch: _Stretch, index: Index) -> tuple[Fraction, tuple[str, ...]]:
    """Where the source is sought, and the options for it. Everything is read from a key frame on and cut by filters,
    so that a seek which lands elsewhere leaves too few pictures and is noticed."""
    aim, words, origin = Fraction(0), [], 0
    if stretch.begin:
        origin = index.key_before(stretch.begin)
        aim = _whole_micros(_aim(stretch.begin, origin, index))
        words = ["-noaccurate_seek", "-ss", number(aim)]
        origin = index.key_before(origin - 1) if origin else 0
    if stretch.end is not None:
        words += ["-t", number(index.time(stretch.end) - index.time(origin) + MARGIN)]
    return aim, tuple(words)


def _aim(begin: int, key: int, index: Index) -> Fraction:
    if begin > key:
        return index.time(begin)
    after = next((index.time(one) for one in index.keys if one > key), index.time(-1) + 2 * AHEAD)
    return index.time(key) + min(AHEAD, (after - index.time(key)) / 2)


def _whole_micros(moment: Fraction) -> Fraction:
    return Fraction(round(moment * 1_000_000), 1_000_000)


def _cut(track: VideoTrack, way: Lane, stretch: _Stretch, index: Index, rate: Fraction, aim: Fraction) -> VideoTrack:
    """The track with a clock that begins with the chunk, and with nothing from before and after it."""
    moment, begin = index.time(stretch.begin), way.number(index, stretch.begin)
    zero = moment if way.own else begin / way.rate
    before = [f"setpts=round(PTS+({number(aim - zero)})/TB)"]
    if stretch.begin:
        before.append(f"trim=start={number(moment - zero - NEARLY / rate)}")
    if way.own:
        before.append(f"fps={ratio(rate)}")
    count = _count(way, stretch, index)
    after = [f"trim=end={number((count - NEARLY) / way.rate)}"] if count is not None else []
    options = _options(track.options, way, begin, begin + count if count is not None else way.total)
    return replace(track, filters=(*before, *track.filters), finish=(*track.finish, *after), options=options)


def _count(way: Lane, stretch: _Stretch, index: Index) -> int | None:
    if stretch.end is not None:
        return way.number(index, stretch.end) - way.number(index, stretch.begin)
    return len(index.ticks) - stretch.begin if way.own else None


def _options(options: Sequence[str], way: Lane, begin: int, end: int) -> tuple[str, ...]:
    """Forced key frames by their moments on the chunk's own clock, half a picture early: no rounding moves them.

    A buffer that limits the rate is, at a seam, as full as it may be in the middle of a film.
    """
    kept = {name: word for name, word in pairs(options) if name not in ("-force_key_frames:v", "-tag:v")}
    moments = [(one - begin - Fraction(1, 2)) / way.rate for one in way.forced if begin < one < end]
    if moments:
        kept["-force_key_frames:v"] = ",".join(number(moment) for moment in moments)
    if begin and (buffer := kept.get("-bufsize")):
        kept["-rc_init_occupancy:v"] = str(int(int(buffer) * FULL))
    return tuple(word for pair in kept.items() for word in pair)


def _name(position: int, stretch: _Stretch) -> str:
    return f"{position}-{stretch.number:05d}.mp4"


# --- beside them --------------------------------------------------------------------------------


def _sounds(pictures: Sequence[Draft]) -> dict[tuple[object, ...], Draft]:
    """A sound-only output for each sound that is unlike the others; alike ones are encoded once."""
    found: dict[tuple[object, ...], Draft] = {}
    for one in pictures:
        key = _sound(one)
        if key is None or key in found:
            continue
        muxer = str(key[0])
        path = f"{FOLDER}/sound-{len(found)}.{muxer}"
        container = Container(muxer=muxer, extension=muxer, chapters=False)
        found[key] = replace(
            one, output=Output(), container=container, path=path, video=None, covers=(), stills=(), product=None
        )
    return found


def _sound(one: Draft) -> tuple[object, ...] | None:
    """What tells sounds apart."""
    if one.audio is None or one.container is None:
        return None
    return (MUXERS[one.container.muxer], one.audio.track, one.audio.options, one.audio.filters)


def _others(drafts: Sequence[Draft], sounds: dict[tuple[object, ...], Draft]) -> list[Draft]:
    """The sounds, the stills of chunked outputs, and outputs that are not chunked."""
    rest = [replace(one, container=None, video=None, audio=None, covers=()) if chunked(one) else one for one in drafts]
    return [*sounds.values(), *(one for one in rest if one.container is not None or one.stills)]


# --- the joint ----------------------------------------------------------------------------------


def _list(position: int, stretches: Sequence[_Stretch], way: Lane, index: Index) -> str:
    """For the concat demuxer. Durations are differences of rounded times, so that their errors don't add up."""
    begins = [way.number(index, one.begin) for one in stretches]
    times = [round((begin - begins[0]) / way.rate * 1_000_000) for begin in [*begins, max(way.total, begins[-1] + 1)]]
    lines = ["ffconcat version 1.0"]
    for one, (begin, end) in zip(stretches, pairwise(times), strict=True):
        lines += [f"file {_name(position, one)}", f"duration {(end - begin) / 1_000_000:.6f}"]
    return "\n".join(lines) + "\n"


def _joint(
    pictures: Sequence[Draft], lanes: Sequence[Lane], view: Scene, sounds: dict[tuple[object, ...], Draft]
) -> Run:
    """Each file keeps its own clock (``-seek_timestamp``); the source itself is open for its metadata and chapters."""
    own = ("-seek_timestamp", "1")
    feeds = [Feed(path=view.parts[0].path)]
    for position, (one, way) in enumerate(zip(pictures, lanes, strict=True)):
        late = ("-itsoffset", number(way.first / way.rate)) if way.first else ()
        told = UNPARSED if one.video is not None and one.video.encoder == "libx264" else ()
        feeds.append(Feed(path=f"{FOLDER}/{position}.txt", options=(*told, *own, *late), joint=True))
    feeds += [Feed(path=one.path, options=own) for one in sounds.values()]
    places = {key: len(lanes) + 1 + place for place, key in enumerate(sounds)}
    targets = []
    for position, one in enumerate(pictures):
        key = _sound(one)
        targets.append(_target(one, f"{position + 1}:v:0", None if key is None else f"{places[key]}:a:0", view))
    return Run(feeds=tuple(feeds), graph="", targets=tuple(targets), duration=view.duration, weight=JOINT)


def _target(one: Draft, video: str, audio: str | None, view: Scene) -> Target:
    assert one.video is not None  # noqa: S101 - chunked
    assert one.container is not None  # noqa: S101 - chunked
    maps, options = [video], ["-c:v", "copy", *_marks(one.video.options, "-tag:v")]
    if audio is not None and one.audio is not None:
        maps.append(audio)
        options += ["-c:a", "copy", *_marks(one.audio.options, "-metadata:s:a:0")]
    chapters = one.container.chapters and view.parts[0].span.whole
    options += mux.options(one.output, one.container, 0, chapters=chapters, memo=one.memo)
    return Target(maps=tuple(maps), options=tuple(options), muxer=one.container.muxer, path=one.path)


def _marks(options: Sequence[str], kept: str) -> list[str]:
    return [word for pair in pairs(options) if pair[0] == kept for word in pair]
