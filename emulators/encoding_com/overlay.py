"""Section 4.5: logo, overlay and text_overlay."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway.faults import Invalid, Missing
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mapping import Field, Kept, Pair, Record, Tree, is_empty, many
from mediaglot.gateway.model import ImageOverlay, Output, Overlay, TextOverlay
from mediaglot.gateway.values import COLOR, INTEGER, LOCATION, NATURAL, ONE_ZERO, SECONDS, SIZE

LOGO: Final = Record(
    ImageOverlay,
    Field("logo_source", "location", LOCATION),
    Field("logo_x", "x", INTEGER),
    Field("logo_y", "y", INTEGER),
    Field("logo_threshold", "key_color", COLOR, "logo_transparent"),
    Kept("logo_mode"),
)


def read_place(tree: Tree) -> dict[str, Any]:
    """Distances from the left or else the right edge, from the top or else the bottom one."""
    across = "right" if "overlay_right" in tree and "overlay_left" not in tree else "left"
    down = "bottom" if "overlay_bottom" in tree and "overlay_top" not in tree else "top"
    x = tree.get(f"overlay_{across}", tree.get("overlay_x", 0))
    y = tree.get(f"overlay_{down}", tree.get("overlay_y", 0))
    return {"anchor": (down, across), "x": INTEGER.read(x), "y": INTEGER.read(y)}


def write_place(overlay: ImageOverlay) -> Tree:
    down, across = overlay.anchor
    return {f"overlay_{across}": str(overlay.x), f"overlay_{down}": str(overlay.y)}


def read_box(tree: Tree) -> dict[str, Any]:
    size = SIZE.read(tree["size"]) if "size" in tree else None
    return {"width": size.width, "height": size.height} if size else {}


def write_box(overlay: ImageOverlay) -> Tree:
    if not (isinstance(overlay.width, int) or overlay.height):
        return {}
    return {"size": f"{overlay.width or 0}x{overlay.height or 0}"}


IMAGE: Final = Record(
    ImageOverlay,
    Field("overlay_source", "location", LOCATION),
    Pair(
        "overlay_left overlay_right overlay_top overlay_bottom overlay_x overlay_y",
        "anchor x y",
        read_place,
        write_place,
    ),
    Pair("size", "width height", read_box, write_box),
    Field("overlay_start", "start", SECONDS),
    Field("overlay_duration", "duration", SECONDS),
)


def read_lines(tree: Tree) -> dict[str, Any]:
    return {"text": "\n".join(str(line) for line in many(tree.get("text")))}


WORDS: Final = Record(
    TextOverlay,
    Pair("text", "text", read_lines, lambda overlay: {"text": overlay.text.split("\n")}),
    Field("font_source", "font", LOCATION),
    Field("font_size", "font_size", NATURAL),
    Field("font_color", "color", COLOR),
    Field("font_rotate", "rotate", INTEGER),
    Field("align_center", "centered", ONE_ZERO),
    Field("overlay_x", "x", INTEGER),
    Field("overlay_y", "y", INTEGER),
    Field("overlay_start", "start", SECONDS),
    Field("overlay_duration", "duration", SECONDS),
    Kept("size"),
)
KINDS: Final[dict[str, Record[Any]]] = {"logo": LOGO, "overlay": IMAGE, "text_overlay": WORDS}
REQUIRED: Final = {"logo": "logo_source", "overlay": "overlay_source", "text_overlay": "text"}
DEFAULTS: Final = {"logo": {"logo_x": "10", "logo_y": "10"}}
MOST: Final = 20


class Overlays:
    """The entry for all three: each key holds any number of them."""

    keys: Final = frozenset(KINDS)
    attributes: Final = frozenset({"overlays"})

    def read(self, tree: Tree, ledger: Ledger) -> dict[str, Any]:
        found: list[Overlay] = []
        for key, record in KINDS.items():
            for number, item in enumerate(many(tree.get(key))):
                within = ledger.within(key).within(number)
                if not isinstance(item, dict) or is_empty(item.get(REQUIRED[key])):
                    raise Missing(field=f"{within.prefix}{REQUIRED[key]}")
                given = {name: value for name, value in item.items() if not is_empty(value)}
                found.append(record.read({**DEFAULTS.get(key, {}), **given}, within))
        if len(found) > MOST:
            raise Invalid(field=f"{ledger.prefix}overlay", reason=f"is given more than {MOST} times")
        return {"overlays": tuple(found)} if found else {}

    def write(self, output: Output, ledger: Ledger) -> Tree:
        written: dict[str, list[Tree]] = {}
        for number, overlay in enumerate(output.overlays):
            key = kind_of(overlay)
            within = ledger.within("overlays").within(number)
            written.setdefault(key, []).append(KINDS[key].write(overlay, within))
        drawn = [kind_of(overlay) for overlay in output.overlays]
        if drawn != sorted(drawn, key=list(KINDS).index):
            ledger.note(Kind.APPROXIMATED, "overlays", reason="drawn in another order")
        return dict(written)


def kind_of(overlay: Overlay) -> str:
    if isinstance(overlay, TextOverlay):
        return "text_overlay"
    return "logo" if overlay.key_color else "overlay"


OVERLAYS: Final = Overlays()
