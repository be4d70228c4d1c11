"""Stills: pictures from the timeline, by a quick seek of their own or as a series from the decoded stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

from mediaglot.gateway.faults import NoSuchTrack, UnknownContainer, UnknownEncoder
from mediaglot.gateway.media import naming
from mediaglot.gateway.media.format import ENCODERS
from mediaglot.gateway.media.parts import Memo, Product, ratio
from mediaglot.gateway.media.scene import Part, Scene, Span, upright
from mediaglot.gateway.media.size import frame
from mediaglot.gateway.model import Output, Share, StillFormat, Stills

CODECS: Final = {
    StillFormat.JPEG: ("mjpeg", "jpg"),
    StillFormat.PNG: ("png", "png"),
    StillFormat.WEBP: ("webp", "webp"),
    StillFormat.GIF: ("gif", "gif"),
}
"""A still's format to its coding format and extension."""

MOST_STILLS: Final = 10_000
LONGEST_FRAME: Final = Fraction(1, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class StillSet:
    """One ``Stills``: from a feed of its own at ``seek``, or from the common stream when that is None."""

    filters: tuple[str, ...]
    options: tuple[str, ...]
    path: str
    product: Product
    source: str | None = None
    seek: tuple[str, ...] = ()


def still_sets(
    output: Output, index: int, scene: Scene, span: Span, encoders: frozenset[str], muxers: frozenset[str], memo: Memo
) -> tuple[StillSet, ...]:
    if not output.stills:
        return ()
    if scene.video is None:
        raise NoSuchTrack(kind="video")
    if "image2" not in muxers:
        raise UnknownContainer(container="image2")
    duration = span.of(scene.duration)
    return tuple(
        _still_set(
            asked,
            f"out-{index}/still-{position}",
            position,
            scene,
            span,
            duration,
            encoders,
            memo.at("stills").at(position),
        )
        for position, asked in enumerate(output.stills)
    )


def _still_set(
    asked: Stills,
    stem: str,
    position: int,
    scene: Scene,
    span: Span,
    duration: Fraction | None,
    encoders: frozenset[str],
    memo: Memo,
) -> StillSet:
    codec, extension = CODECS[asked.format or StillFormat.JPEG]
    encoder = next((name for name in ENCODERS[codec] if name in encoders), None)
    if encoder is None:
        raise UnknownEncoder(codec=codec)
    options = ("-c:v", encoder, *_quality(asked, codec, memo), "-threads:v", "1")
    if asked.every is None and (asked.count is None or asked.count <= 1):
        at = span.start + _moment(asked.at, duration, memo)
        path = f"{stem}.{extension}"
        part, seek = _place(scene, at)
        return StillSet(
            filters=tuple(_filters(asked, part, memo)),
            options=(*options, "-frames:v", "1", "-update", "1"),
            path=path,
            product=_product(asked, path, position, extension, memo, many=False),
            source=part.path,
            seek=seek,
        )
    every, most = _series(asked, duration, memo)
    # "up" gives the picture that shows at each moment, the default one that is half a step late
    pick = f"fps={ratio(1 / every)}:round=up:start_time=0"
    return StillSet(
        filters=(pick, *_frames(asked, scene, memo)),
        options=(*options, "-frames:v", str(most), "-start_number", "1"),
        path=f"{stem}-%05d.{extension}",
        product=_product(asked, f"{stem}-*.{extension}", position, extension, memo, many=True),
    )


def _product(asked: Stills, path: str, position: int, extension: str, memo: Memo, *, many: bool) -> Product:
    """Raises Invalid for names that can't be used."""
    name = None if asked.name is None else naming.picture(asked.name, extension, memo, "name", many=many)
    archive = None
    if asked.archive and asked.archive_name:
        archive = naming.picture(asked.archive_name, "zip", memo, "archive_name", many=False)
    elif asked.archive:
        archive = ""
    return Product(path=path, role="still", many=many, still=position, name=name, archive=archive)


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
            raise memo.invalid("at", at.of_source, "not a share")
        at = at.of_source * (duration or 0)
    at = at or Fraction(0)
    if at < 0:
        raise memo.invalid("at", at, "before the beginning")
    return at if duration is None else max(Fraction(0), min(at, duration))


def _place(scene: Scene, at: Fraction) -> tuple[Part, tuple[str, ...]]:
    """The source in which a moment of the timeline lies, and how to seek there."""
    parts = [part for part in scene.parts if part.video is not None]
    passed = Fraction(0)
    for part in scene.parts:
        length = part.duration
        if part.video is not None and (length is None or at < passed + length or part is parts[-1]):
            return part, _seek(part, max(at - passed, Fraction(0)))
        passed += length or 0
    return parts[-1], ()


def _seek(part: Part, at: Fraction) -> tuple[str, ...]:
    if part.image:
        return ()
    known = [one for one in (part.duration, part.video.duration if part.video else None) if one is not None]
    if known:
        rate = part.video.frame_rate if part.video else None
        margin = max(2 / rate if rate else Fraction(0), LONGEST_FRAME)
        at = max(Fraction(0), min(at, min(known) - margin))
    return Span(start=part.span.start + at).seek()


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


def _filters(asked: Stills, part: Part, memo: Memo) -> list[str]:
    assert part.video is not None  # noqa: S101 - chosen for its video
    return frame(asked.size, upright(part.video), memo)[0]


def _frames(asked: Stills, scene: Scene, memo: Memo) -> list[str]:
    assert scene.video is not None  # noqa: S101 - the caller has looked
    return frame(asked.size, upright(scene.video), memo)[0]
