"""The arithmetic of pictures: from a size rule and a source picture to scale, pad and crop filters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor
from typing import Final

from mediaglot.gateway.media.guard import MOST_PIXELS
from mediaglot.gateway.media.parts import Memo
from mediaglot.gateway.model import Edges, Fit, Share, Size

MAX_SIDE: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Stored pixels, and the shape of one pixel (width by height)."""

    width: int
    height: int
    aspect: Fraction = Fraction(1)

    @property
    def shape(self) -> Fraction:
        return self.width * self.aspect / self.height

    def turned(self) -> Picture:
        """After a quarter turn."""
        return Picture(width=self.height, height=self.width, aspect=1 / self.aspect)


def even(value: Fraction | int) -> int:
    """The nearest even number that a picture can have as a side."""
    return _rounded(value, 2)


def _rounded(value: Fraction | int, step: int) -> int:
    return max(step, step * floor(Fraction(value) / step + Fraction(1, 2)))


def frame(
    size: Size | None, picture: Picture, memo: Memo, *, scaler: str | None = None, step: int = 2
) -> tuple[list[str], Picture]:
    """Filters that bring a picture to a size, and the picture that comes out.

    Sides are even, or with a ``step`` of 1 any where the picture is only scaled. Both sides given: the shape is kept
    with bars, unless the fit says otherwise. Scaled pictures have square pixels; without a size the source's pixels
    stay as they are.
    """
    fit = (size.fit if size else None) or Fit.PAD
    if size is not None and size.width and size.height and fit is not Fit.STRETCH:
        step = 2  # bars and edges are even
    width = _side(size.width if size else None, picture.width * picture.aspect, "width", memo, step)
    height = _side(size.height if size else None, Fraction(picture.height), "height", memo, step)
    if width is None and height is None:
        return _evened(picture) if step == 2 else ([], picture)
    if width is None or height is None:
        wide = width or _rounded((height or 2) * picture.shape, step)
        return _scaled(picture, wide, height or _rounded(wide / picture.shape, step), scaler, memo)
    _bounded(width, height, "size", memo)
    if fit is Fit.STRETCH:
        return _scaled(picture, width, height, scaler, memo)
    inner = _inner(picture, width, height, cover=fit is Fit.CROP)
    filters, result = _scaled(picture, *inner, scaler, memo)
    if fit is Fit.INSIDE or inner == (width, height):
        return filters, result
    left, top = 2 * (abs(width - inner[0]) // 4), 2 * (abs(height - inner[1]) // 4)
    word = "crop" if fit is Fit.CROP else "pad"
    return [*filters, f"{word}={width}:{height}:{left}:{top}"], Picture(width=width, height=height)


def in_pixels(size: Size | None, picture: Picture) -> Size | None:
    """Shares of ``picture`` as even numbers of pixels; those of nothing are left to ``frame``, which refuses them."""
    if size is None:
        return None

    def side(value: int | Share | None, base: Fraction) -> int | Share | None:
        return even(base * value.of_source) if isinstance(value, Share) and value.of_source > 0 else value

    width, height = picture.width * picture.aspect, Fraction(picture.height)
    return replace(size, width=side(size.width, width), height=side(size.height, height))


def _side(value: int | Share | None, base: Fraction, name: str, memo: Memo, step: int) -> int | None:
    if value is None or value == 0:
        return None
    pixels = base * value.of_source if isinstance(value, Share) else Fraction(value)
    if not 0 < pixels <= MAX_SIDE:
        raise memo.invalid(f"size.{name}", pixels, "not a picture's side")
    rounded = _rounded(pixels, step)
    if rounded != value and not isinstance(value, Share):
        memo.note(f"size.{name}", value, rounded)
    return rounded


def _inner(picture: Picture, width: int, height: int, *, cover: bool) -> tuple[int, int]:
    """The even size of the picture's own shape that lies within (or covers) a box."""
    by_width = even(width / picture.shape)
    if (by_width >= height) if cover else (by_width <= height):
        return width, by_width
    return even(height * picture.shape), height


def _bounded(width: int, height: int, part: str, memo: Memo) -> None:
    if width * height > MOST_PIXELS or max(width, height) > MAX_SIDE:
        raise memo.invalid(part, f"{width}x{height}", "too large")


def _scaled(picture: Picture, width: int, height: int, scaler: str | None, memo: Memo) -> tuple[list[str], Picture]:
    _bounded(width, height, "size", memo)
    result = Picture(width=width, height=height)
    if result == picture:
        return [], result
    flags = f":flags={scaler}" if scaler else ""
    return [f"scale={width}:{height}{flags}", "setsar=1"], result


def _evened(picture: Picture) -> tuple[list[str], Picture]:
    width, height = max(2, picture.width // 2 * 2), max(2, picture.height // 2 * 2)
    if (width, height) == (picture.width, picture.height):
        return [], picture
    if min(picture.width, picture.height) == 1:
        return [f"scale={width}:{height}", "setsar=1"], Picture(width=width, height=height)
    return [f"crop={width}:{height}:0:0"], Picture(width=width, height=height, aspect=picture.aspect)


def cropped(edges: Edges, picture: Picture, memo: Memo) -> tuple[list[str], Picture]:
    width, height = picture.width - edges.left - edges.right, picture.height - edges.top - edges.bottom
    if min(edges.left, edges.top, edges.right, edges.bottom) < 0 or min(width, height) < 2:
        raise memo.invalid("crop", f"{width}x{height}", "nothing is left")
    if (width, height) == (picture.width, picture.height):
        return [], picture
    # exact: FFmpeg would otherwise round odd positions to the chroma grid
    text = f"crop={width}:{height}:{edges.left}:{edges.top}:exact=1"
    return [text], Picture(width=width, height=height, aspect=picture.aspect)


def padded(edges: Edges, picture: Picture, memo: Memo) -> tuple[list[str], Picture]:
    width, height = picture.width + edges.left + edges.right, picture.height + edges.top + edges.bottom
    if min(edges.left, edges.top, edges.right, edges.bottom) < 0:
        raise memo.invalid("pad", f"{width}x{height}", "less than nothing")
    if width % 2 or height % 2:
        memo.note("pad")
    width, height = even(width), even(height)
    _bounded(width, height, "pad", memo)
    if (width, height) == (picture.width, picture.height):
        return [], picture
    text = f"pad={width}:{height}:{edges.left}:{edges.top}"
    return [text], Picture(width=width, height=height, aspect=picture.aspect)
