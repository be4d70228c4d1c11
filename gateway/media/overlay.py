"""Overlays: pictures, and texts that we draw ourselves, laid over the finished frame."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media.parts import Drawing, Fetch, Memo, number
from mediaglot.gateway.media.size import MAX_SIDE, Picture
from mediaglot.gateway.model import ImageOverlay, Output, Share, TextOverlay

VERTICAL: Final = {"top": "{0}", "middle": "(H-h)/2+{0}", "bottom": "H-h-{0}"}
HORIZONTAL: Final = {"left": "{0}", "center": "(W-w)/2+{0}", "right": "W-w-{0}"}
COLOR: Final = re.compile(r"(?:#|0x)?([0-9a-fA-F]{6})")
SHARP: Final = 1_024
"""Pixels that a drawing is made wide before it is scaled to a share of the frame."""
MOST_OVERLAYS: Final = 32
MOST_TEXT: Final = 2_000


DRAWN: Final = frozenset(
    string.ascii_letters + string.digits + string.punctuation + " \n"
    "\u00a9\u00ab\u00b0\u00b1\u00b4\u00b7\u00bb\u2018\u2019\u201c\u201d\u2026\u2039\u203a\u2044\u2122"
)
"""What the font has that we draw with where a job brings none."""


def plain(text: str) -> str:
    """``text`` as our own font can draw it: letters without their marks, and ``?`` for others."""
    return "".join(char if char in DRAWN else _bare(char) for char in text)


def _bare(char: str) -> str:
    if char.isspace():
        return char
    return unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode() or "?"


def hex_color(text: str) -> str | None:
    """The six digits of ``#ff8000``, with or without the mark; None for anything else."""
    match = COLOR.fullmatch(text)
    return match.group(1).upper() if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """One overlay: its picture's path, the filters on the picture, the arguments of ``overlay``."""

    path: str
    prepare: str
    place: str


def path(index: int | str, number_: int) -> str:
    return f"overlay-{index}-{number_}"


def font_path(index: int, number_: int) -> str:
    return f"font-{index}-{number_}"


def fetches(output: Output, index: int) -> Iterator[Fetch]:
    """The pictures and fonts that an output's overlays come from."""
    for position, overlay in enumerate(output.overlays):
        if isinstance(overlay, ImageOverlay):
            width = SHARP if isinstance(overlay.width, Share) else overlay.width
            yield Fetch(output=index, location=overlay.location, path=path(index, position), width=width)
        elif overlay.font is not None:
            yield Fetch(output=index, location=overlay.font, path=font_path(index, position))


def covers(output: Output, index: int, tag: str, picture: Picture, memo: Memo) -> tuple[Cover, ...]:
    """``tag`` tells the tracks of one output apart: each has drawings of its own size."""
    if len(output.overlays) > MOST_OVERLAYS:
        raise memo.invalid("overlays", len(output.overlays), f"over {MOST_OVERLAYS}")
    return tuple(
        _image(overlay, path(index, position), picture, memo.at("overlays").at(position))
        if isinstance(overlay, ImageOverlay)
        else _text(overlay, path(tag, position), memo.at("overlays").at(position))
        for position, overlay in enumerate(output.overlays)
    )


def drawings(output: Output, index: int, tag: str, picture: Picture) -> Iterator[Drawing]:
    for position, overlay in enumerate(output.overlays):
        if isinstance(overlay, TextOverlay):
            yield Drawing(
                output=index,
                overlay=overlay,
                path=path(tag, position),
                width=picture.width,
                height=picture.height,
                font=font_path(index, position) if overlay.font is not None else None,
            )


def _image(overlay: ImageOverlay, name: str, picture: Picture, memo: Memo) -> Cover:
    vertical, horizontal = overlay.anchor
    if vertical not in VERTICAL or horizontal not in HORIZONTAL:
        raise memo.invalid("anchor", overlay.anchor, "not two words")
    left, top = _pixels(overlay.x, picture.width), _pixels(overlay.y, picture.height)
    if max(abs(left), abs(top)) > MAX_SIDE:
        raise memo.invalid("x", max(abs(left), abs(top)), "outside of any picture")
    x, y = HORIZONTAL[horizontal].format(left), VERTICAL[vertical].format(top)
    place = f"x={x}:y={y}:eval=init:format=auto{_when(overlay, memo)}"
    return Cover(path=name, prepare=",".join(_prepare(overlay, picture, memo)), place=place)


def _pixels(distance: int | Share, side: int) -> int:
    return round(distance.of_source * side) if isinstance(distance, Share) else distance


def _prepare(overlay: ImageOverlay, picture: Picture, memo: Memo) -> Iterator[str]:
    yield "format=rgba"
    if overlay.key_color is not None:
        color = hex_color(overlay.key_color)
        if color is None:
            raise memo.invalid("key_color", overlay.key_color, "not six hexadecimal digits")
        yield f"colorkey=0x{color}:0.1:0"
    width, height = overlay.width, overlay.height
    if isinstance(width, Share):
        width = max(1, round(width.of_source * picture.width))
    if width or height:
        if not all(side is None or 0 <= side <= MAX_SIDE for side in (width, height)):
            raise memo.invalid("width", width or height, "not a picture's side")
        yield f"scale={width or -1}:{height or -1}"
    if overlay.opacity is not None and overlay.opacity != 1:
        if not 0 <= overlay.opacity <= 1:
            raise memo.invalid("opacity", overlay.opacity, "not from 0 to 1")
        yield f"colorchannelmixer=aa={number(overlay.opacity)}"


def _text(overlay: TextOverlay, name: str, memo: Memo) -> Cover:
    if len(overlay.text) > MOST_TEXT:
        raise memo.invalid("text", len(overlay.text), f"over {MOST_TEXT} characters")
    if overlay.color is not None and hex_color(overlay.color) is None:
        raise memo.invalid("color", overlay.color, "not six hexadecimal digits")
    if overlay.font is None and plain(overlay.text) != overlay.text:
        memo.note("text")
    return Cover(path=name, prepare="format=rgba", place=f"x=0:y=0:eval=init:format=auto{_when(overlay, memo)}")


def _when(overlay: ImageOverlay | TextOverlay, memo: Memo) -> str:
    """The time in which it shows, on the output's own timeline."""
    start, duration = overlay.start or Fraction(0), overlay.duration
    if start < 0 or (duration is not None and duration < 0):
        raise memo.invalid("start", start, "before the beginning")
    if duration is not None:
        return f":enable='between(t,{number(start)},{number(start + duration)})'"
    return f":enable='gte(t,{number(start)})'" if start else ""
