"""Draws a text overlay to a transparent picture of the frame's size. The text never meets FFmpeg.

A fetched font is a hostile file for FreeType to parse: call this in a process that may die.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.media.guard import MOST_PIXELS
from mediaglot.gateway.media.overlay import MOST_TEXT, hex_color, plain
from mediaglot.gateway.model import TextOverlay

MOST_LINES: Final = 50
MOST_FONT_BYTES: Final = 20_000_000
FONT_SIZES: Final = (4, 500)
SFNT: Final = (b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf")
WHITE: Final = "FFFFFF"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Box = tuple[int, int]


def draw(overlay: TextOverlay, width: int, height: int, *, font: Path | None = None) -> bytes:
    """A PNG of ``width`` times ``height``. Raises Invalid for a font that is none."""
    if not 0 < width * height <= MOST_PIXELS:
        raise Invalid(field="size", value=f"{width}x{height}", reason="too large")
    if font is None:
        overlay = replace(overlay, text=plain(overlay.text[:MOST_TEXT]))
    face = _face(font, _font_size(overlay, height))
    stamp = _stamp(overlay, face, (width, height))
    if overlay.rotate:
        stamp = stamp.rotate(-overlay.rotate % 360, expand=True, resample=Image.Resampling.BICUBIC)
    canvas = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    canvas.paste(stamp, _place(overlay, canvas.size, stamp.size), stamp)
    buffer = io.BytesIO()
    canvas.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _font_size(overlay: TextOverlay, height: int) -> int:
    """A twentieth of the frame where the job does not say."""
    least, most = FONT_SIZES
    return min(max(overlay.font_size or height // 20, least), most)


def _face(path: Path | None, size: int) -> Font:
    if path is None:
        return ImageFont.load_default(size)
    with path.open("rb") as file:
        data = file.read(MOST_FONT_BYTES + 1)
    if len(data) > MOST_FONT_BYTES or not data.startswith(SFNT):
        raise Invalid(field="font", reason="not a TrueType or OpenType font")
    try:
        return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)
    except (OSError, ValueError) as error:
        raise Invalid(field="font", reason="not a TrueType or OpenType font") from error


def _stamp(overlay: TextOverlay, face: Font, frame: Box) -> Image.Image:
    """The text alone. What would go far over the frame is cut, so that no font can make it huge."""
    color = (hex_color(overlay.color) if overlay.color else None) or WHITE
    red, green, blue = bytes.fromhex(color)
    align = "center" if overlay.centered else "left"
    most = max(frame) * 2
    lines = overlay.text[:MOST_TEXT].splitlines()[:MOST_LINES]
    try:
        text = "\n".join(_fitting(_printable(line), face, most) for line in lines)
        left, top, right, bottom = ImageDraw.Draw(Image.new("L", (1, 1))).multiline_textbbox(
            (0, 0), text, font=face, align=align
        )
        size = (min(max(round(right - left), 1), most), min(max(round(bottom - top), 1), most))
        stamp = Image.new("RGBA", size, (red, green, blue, 0))
        ImageDraw.Draw(stamp).multiline_text((-left, -top), text, font=face, fill=(red, green, blue, 255), align=align)
    except (OSError, ValueError, MemoryError, Image.DecompressionBombError) as error:
        raise Invalid(field="font", reason="can't be drawn with") from error
    return stamp


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else " " for char in line)


def _fitting(line: str, face: Font, most: int) -> str:
    """As much of a line as is not far wider than the frame."""
    while line and (length := face.getlength(line)) > most:
        line = line[: min(len(line) - 1, int(len(line) * most / length))]
    return line


def _place(overlay: TextOverlay, frame: Box, stamp: Box) -> Box:
    """The upper left corner. A centred text stays in the middle of each side that the job leaves open."""
    if not overlay.centered:
        return overlay.x or 0, overlay.y or 0
    x = (frame[0] - stamp[0]) // 2
    y = (frame[1] - stamp[1]) // 2 if overlay.y is None else overlay.y
    return x + (overlay.x or 0), y
