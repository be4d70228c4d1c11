"""Stills: pictures from the timeline, by a quick seek of their own or as a series from the decoded stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Final

from mediaglot.gateway.faults import NoSuchTrack, UnknownContainer, UnknownEncoder
from mediaglot.gateway.media import field, naming, sheet, tone
from mediaglot.gateway.media.format import ENCODERS
from mediaglot.gateway.media.parts import Grid, Memo, Product, number, ratio
from mediaglot.gateway.media.scene import Part, Scene, Span, upright
from mediaglot.gateway.media.size import Picture, even, frame
from mediaglot.gateway.model import Fit, Output, Share, Sheet, Size, StillFormat, Stills, VideoFacts

CODECS: Final = {
    StillFormat.JPEG: ("mjpeg", "jpg"),
    StillFormat.PNG: ("png", "png"),
    StillFormat.WEBP: ("webp", "webp"),
    StillFormat.GIF: ("gif", "gif"),
}
"""A still's format to its coding format and extension."""

MOST_STILLS: Final = 10_000
TALLY: Final = "framecrc"
"""The muxer that writes a line per picture."""
LONGEST_FRAME: Final = Fraction(1, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillSet:
    """One ``Stills``: from a feed of its own at ``seek``, or from the common stream when that is None."""

    filters: tuple[str, ...]
    options: tuple[str, ...]
    path: str
    product: Product | None
    """None for a list of what another one takes."""
    muxer: str = "image2"
    source: str | None = None
    seek: tuple[str, ...] = ()


def still_sets(
    output: Output, index: int, scene: Scene, span: Span, encoders: frozenset[str], muxers: frozenset[str], memo: Memo
) -> tuple[StillSet, ...]:
    if not output.stills:
        return ()
    if scene.video is None:
        raise NoSuchTrack(kind="video")
    for muxer in ("image2", *((TALLY,) if any(asked.sheet for asked in output.stills) else ())):
        if muxer not in muxers:
            raise UnknownContainer(container=muxer)
    duration = span.of(scene.duration)
    found: list[StillSet] = []
    for position, asked in enumerate(output.stills):
        one = _Wish(
            asked=asked,
            position=position,
            stem=f"out-{index}/still-{position}",
            scene=scene,
            span=span,
            duration=duration,
            memo=memo.at("stills").at(position),
        )
        found += _still_set(one, output, encoders)
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """One ``Stills`` and what it is taken from."""

    asked: Stills
    position: int
    stem: str
    scene: Scene
    span: Span
    duration: Fraction | None
    memo: Memo


def _still_set(wish: _Wish, output: Output, encoders: frozenset[str]) -> tuple[StillSet, ...]:
    asked, memo = wish.asked, wish.memo
    codec, extension = CODECS[asked.format or StillFormat.JPEG]
    encoder = next((name for name in ENCODERS[codec] if name in encoders), None)
    if encoder is None:
        raise UnknownEncoder(codec=codec)
    options = ("-c:v", encoder, *_quality(asked, codec, memo), "-threads:v", "1")
    if asked.sheet is not None:
        return _sheets(wish, asked.sheet, output, extension, options)
    if asked.every is not None or (asked.count is not None and asked.count > 1):
        return (_many(wish, extension, options),)
    if asked.key_frames:
        memo.note("key_frames")
    return (_single(wish, extension, options),)


def _single(wish: _Wish, extension: str, options: tuple[str, ...]) -> StillSet:
    at = wish.span.start + _moment(wish.asked.at, wish.duration, wish.memo)
    path = f"{wish.stem}.{extension}"
    part, seek, early = _place(wish.scene, at)
    assert part.video is not None  # noqa: S101 - chosen for its video
    return StillSet(
        filters=(*early, *_picture(wish.asked.size, part.video, wish)[0]),
        options=(*options, "-frames:v", "1", "-update", "1"),
        path=path,
        product=_product(wish, path, extension, many=False),
        source=part.path,
        seek=seek,
    )


def _many(wish: _Wish, extension: str, options: tuple[str, ...]) -> StillSet:
    every, most = _series(wish.asked, wish.duration, wish.memo)
    filters, _ = _frames(wish.asked.size, wish)
    source, seek = _keys(wish)
    return StillSet(
        filters=(*_pick(wish, every, most), *filters),
        options=(*options, "-frames:v", str(most), "-start_number", "1"),
        path=f"{wish.stem}-%05d.{extension}",
        product=_product(wish, f"{wish.stem}-*.{extension}", extension, many=True),
        source=source,
        seek=seek,
    )


def _sheets(
    wish: _Wish, asked: Sheet, output: Output, extension: str, options: tuple[str, ...]
) -> tuple[StillSet, StillSet]:
    """The sheets, and a list of what is on them: nothing else tells how many tiles of the last one are filled."""
    memo = wish.memo.at("sheet")
    every, most = _series(wish.asked, wish.duration, wish.memo)
    filters, tile = _frames(wish.asked.size or sheet.TILE, wish, step=2)
    columns, rows = sheet.shape(asked, most, tile, memo)
    sheets = ceil(most / (columns * rows))
    name = sheet.pattern(output, wish.asked.name, extension, wish.memo, many=sheets > 1)
    grid = Grid(
        columns=columns,
        rows=rows,
        every=every,
        tally=f"{wish.stem}.tally",
        name=sheet.cues_name(asked, name, memo),
        url=asked.url,
        duration=wish.duration,
    )
    source, seek = _keys(wish)
    picked = (*_pick(wish, every, most), f"trim=end_frame={most}")
    product = _product(wish, f"{wish.stem}-*.{extension}", extension, many=True)
    return (
        StillSet(
            filters=(*picked, *filters, f"tile={columns}x{rows}"),
            options=(*options, "-frames:v", str(sheets), "-start_number", "1"),
            path=f"{wish.stem}-%05d.{extension}",
            product=replace(product, role="sheet", name=name, grid=grid),
            source=source,
            seek=seek,
        ),
        StillSet(
            filters=(*picked, "scale=16:16"),
            options=("-c:v", "rawvideo"),
            path=grid.tally,
            product=None,
            muxer=TALLY,
            source=source,
            seek=seek,
        ),
    )


def _pick(wish: _Wish, every: Fraction, most: int) -> tuple[str, ...]:
    """The picture that shows at each moment ("up"; the default one is half a step late)."""
    pick = f"fps={ratio(1 / every)}:round=up:start_time=0"
    if wish.scene.joined or wish.duration is None or not (wish.asked.key_frames or _ends(wish) <= every * (most - 1)):
        return (pick,)
    # the last key frame, or the last picture where sound goes on, shows until the end; at first to the next moment, as
    # the picture that is the last one before the end is picked for none
    shown = f"tpad=stop_mode=clone:stop_duration={number(min(every, wish.duration))}"
    return (shown, pick, "tpad=stop=-1:stop_mode=clone", f"trim=end_frame={most}")


def _ends(wish: _Wish) -> Fraction:
    """When the last picture has been shown."""
    start = wish.span.within(wish.scene.parts[0].span).start
    shown = wish.scene.video.duration if wish.scene.video else None
    return (wish.duration or Fraction(0)) if shown is None else shown - start


def _keys(wish: _Wish) -> tuple[str | None, tuple[str, ...]]:
    """A feed of key frames alone, where that is wanted."""
    if not wish.asked.key_frames:
        return None, ()
    if wish.scene.joined:
        wish.memo.note("key_frames")
        return None, ()
    part = wish.scene.parts[0]
    return part.path, ("-skip_frame", "nokey", *wish.span.within(part.span).seek())


def _product(wish: _Wish, path: str, extension: str, *, many: bool) -> Product:
    """Raises Invalid for names that can't be used."""
    asked, memo = wish.asked, wish.memo
    name = None if asked.name is None else naming.picture(asked.name, extension, memo, "name", many=many)
    archive = None
    if asked.archive and asked.archive_name:
        archive = naming.picture(asked.archive_name, "zip", memo, "archive_name", many=False)
    elif asked.archive:
        archive = ""
    return Product(path=path, role="still", many=many, still=wish.position, name=name, archive=archive)


def _quality(asked: Stills, codec: str, memo: Memo) -> Iterator[str]:
    quality = asked.quality
    if quality is not None and not 1 <= quality <= 100:
        raise memo.invalid("quality", quality, "not from 1 to 100")
    if codec == "mjpeg":
        scale = 3 if quality is None else 2 + round((100 - quality) * 29 / 99)
        yield from ("-q:v", str(scale), "-pix_fmt", "yuvj420p")
    elif codec == "webp":
        yield from ("-quality", str(quality or 80))
    elif quality is not None:
        memo.note("quality")


def _moment(at: Fraction | Share | None, duration: Fraction | None, memo: Memo) -> Fraction:
    """Seconds; what lies behind the end means the last picture."""
    if isinstance(at, Share):
        if not 0 <= at.of_source <= 1:
            raise memo.invalid("at", at.of_source, "not from 0 to 100 %")
        at = at.of_source * (duration or 0)
    at = at or Fraction(0)
    if at < 0:
        raise memo.invalid("at", at, "before the beginning")
    return at if duration is None else max(Fraction(0), min(at, duration))


def _place(scene: Scene, at: Fraction) -> tuple[Part, tuple[str, ...], tuple[str, ...]]:
    """The source in which a moment of the timeline lies, how to seek there, and a filter for what comes too early."""
    parts = [part for part in scene.parts if part.video is not None]
    passed = Fraction(0)
    for part in scene.parts:
        length = part.duration
        if part.video is not None and (length is None or at < passed + length or part is parts[-1]):
            return part, *_seek(part, max(at - passed, Fraction(0)))
        passed += length or 0
    return parts[-1], (), ()


def _seek(part: Part, at: Fraction) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if part.image:
        return (), ()
    known = [one for one in (part.duration, part.video.duration if part.video else None) if one is not None]
    if known:
        rate = part.video.frame_rate if part.video else None
        margin = max(2 / rate if rate else Fraction(0), LONGEST_FRAME)
        at = max(Fraction(0), min(at, min(known) - margin))
    opened, early = part.opened(Span(start=at))
    return replace(opened, length=None).seek(), (f"trim=start={number(early)}",) if early else ()


def _series(asked: Stills, duration: Fraction | None, memo: Memo) -> tuple[Fraction, int]:
    """Seconds between two pictures, and how many pictures there may be."""
    if asked.count is not None and not 1 <= asked.count <= MOST_STILLS:
        raise memo.invalid("count", asked.count, f"not from 1 to {MOST_STILLS}")
    every = asked.every
    if every is None:
        every = duration / (asked.count or 1) if duration else Fraction(1)
    if not Fraction(1, 240) <= every <= 1_000_000:
        raise memo.invalid("every", every, "not a distance")
    fitting = MOST_STILLS if duration is None else min(MOST_STILLS, ceil(duration / every))
    return every, max(1, min(fitting, asked.count or MOST_STILLS))


def _frames(size: Size | None, wish: _Wish, *, step: int = 1) -> tuple[list[str], Picture]:
    assert wish.scene.video is not None  # noqa: S101 - the caller has looked
    return _picture(size, wish.scene.video, wish, step=step)


def _picture(size: Size | None, video: VideoFacts, wish: _Wish, *, step: int = 1) -> tuple[list[str], Picture]:
    """Pictures are whole and always have square pixels and standard tones: hardly any viewer follows others."""
    mapped = tone.mapped(video) if wish.scene.maps_tones else []
    filters, picture = _film(video, wish)
    if size is None and picture.aspect != 1:
        size = Size(width=even(picture.width * picture.aspect), height=even(picture.height), fit=Fit.STRETCH)
    more, result = frame(size, picture, wish.memo, step=2 if mapped else step)
    return [*field.whole(video), *filters, *more, *mapped], result


def _film(video: VideoFacts, wish: _Wish) -> tuple[list[str], Picture]:
    """One of several sources, as it looks in the film that is joined from them."""
    film = wish.scene.video
    if film is None or film is video or len(wish.scene.parts) == 1:
        return [], upright(video)
    return frame(Size(width=film.width, height=film.height, fit=Fit.PAD), upright(video), wish.memo)
