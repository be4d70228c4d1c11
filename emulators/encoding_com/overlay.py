"""Section 4.5: logo, overlay and text_overlay."""

from __future__ import annotations

from typing import Final

from mediaglot.gateway import pieces
from mediaglot.gateway.mapping import Field, Kept, Record
from mediaglot.gateway.model import ImageOverlay, Overlay, TextOverlay
from mediaglot.gateway.values import COLOR, INTEGER, LOCATION, NATURAL, ONE_ZERO, SECONDS

TIMES: Final = (Field("overlay_start", "start", SECONDS), Field("overlay_duration", "duration", SECONDS))
LOGO: Final = Record(
    ImageOverlay,
    Field("logo_source", "location", LOCATION),
    Field("logo_x", "x", INTEGER),
    Field("logo_y", "y", INTEGER),
    Field("logo_threshold", "key_color", COLOR, "logo_transparent"),
    Kept("logo_mode"),
    meant={"x": 10, "y": 10},
)
IMAGE: Final = Record(
    ImageOverlay,
    Field("overlay_source", "location", LOCATION),
    pieces.distances("overlay"),
    pieces.boxed("size"),
    *TIMES,
)
WORDS: Final = Record(
    TextOverlay,
    pieces.lines("text", "text"),
    Field("font_source", "font", LOCATION),
    Field("font_size", "font_size", NATURAL),
    Field("font_color", "color", COLOR),
    Field("font_rotate", "rotate", INTEGER),
    Field("align_center", "centered", ONE_ZERO),
    Field("overlay_x", "x", INTEGER),
    Field("overlay_y", "y", INTEGER),
    *TIMES,
    Kept("size"),
)


def kind_of(overlay: Overlay) -> str:
    if isinstance(overlay, TextOverlay):
        return "text_overlay"
    return "logo" if overlay.key_color else "overlay"


OVERLAYS: Final = pieces.Mixed("overlays", {"logo": LOGO, "overlay": IMAGE, "text_overlay": WORDS}, kind_of, most=20)
