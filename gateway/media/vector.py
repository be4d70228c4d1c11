"""SVG overlays as PNG: FFmpeg reads none. A drawing that names anything outside of itself is refused.

The renderer would open any file that an ``<image>`` names. Call ``raster`` in a process that may die.
"""

from __future__ import annotations

import re
from typing import Final

import resvg_py
from lxml import etree

from mediaglot.gateway.faults import SourceForbidden, SourceUnreadable

MOST_BYTES: Final = 2_000_000
MOST_ELEMENTS: Final = 20_000
SIDE: Final = 4_096
"""Pixels of the longest side that is drawn."""
HEAD: Final = 1_024
SVG: Final = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:\?xml|!--|!DOCTYPE|svg)[\s\S]*", re.IGNORECASE)
INSIDE: Final = re.compile(r"\s*(?:#|data:image/(?:png|jpeg|gif|webp)[;,])", re.IGNORECASE)
LENGTH: Final = re.compile(r"\s*(\d{1,7}(?:\.\d+)?)\s*(?:px)?\s*")
ADDRESS: Final = re.compile(r"url\(\s*['\"]?(?!\s*#)|@import|image-set\(", re.IGNORECASE)
DEFAULT: Final = (300.0, 150.0)
"""What browsers take for a drawing that does not say."""


def is_svg(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is for this module: XML, good or bad."""
    return SVG.fullmatch(head[:HEAD]) is not None


def raster(data: bytes, width: int | None = None) -> bytes:
    """A PNG ``width`` pixels wide, or of the drawing's own size.

    Raises SourceUnreadable for what is no SVG, SourceForbidden for references to anything outside.
    """
    root = _parsed(data)
    _look(root)
    wide, high = _sides(root)
    factor = min(width / wide if width else 1.0, SIDE / max(wide, high))
    root.set("width", f"{wide:g}")
    root.set("height", f"{high:g}")
    text = etree.tostring(root, encoding="unicode")
    try:
        return bytes(resvg_py.svg_to_bytes(svg_string=text, width=max(1, round(wide * factor))))
    except ValueError as error:
        raise SourceUnreadable(reason="svg") from error


def _parsed(data: bytes) -> etree._Element:
    if len(data) > MOST_BYTES:
        raise SourceUnreadable(reason="svg_too_large")
    if b"<!ENTITY" in data:
        raise SourceForbidden(reason="svg_entities")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data.strip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceUnreadable(reason="svg") from error
    if etree.QName(root).localname != "svg":
        raise SourceUnreadable(reason="svg")
    return root


def _look(root: etree._Element) -> None:
    for count, element in enumerate(root.iter()):
        if count > MOST_ELEMENTS:
            raise SourceUnreadable(reason="svg_too_large")
        styles = [element.text or ""] if str(element.tag).endswith("}style") else []
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            if name.rpartition("}")[2] == "href" and value.strip() and not INSIDE.match(value):
                raise SourceForbidden(reason="svg_reference")
            styles.append(value)
        if any(ADDRESS.search(text) for text in styles):
            raise SourceForbidden(reason="svg_reference")


def _sides(root: etree._Element) -> tuple[float, float]:
    """Width and height in pixels, from the drawing's own words or from its view box."""
    box = [float(number) for number in re.findall(r"-?\d{1,9}(?:\.\d+)?", root.get("viewBox", ""))]
    wide, high = (box[2], box[3]) if len(box) == 4 and min(box[2:]) > 0 else DEFAULT
    said = [LENGTH.fullmatch(root.get(side, "")) for side in ("width", "height")]
    width, height = (float(one[1]) if one and float(one[1]) > 0 else None for one in said)
    if width and height:
        return width, height
    if width or height:
        return (width, width * high / wide) if width else ((height or high) * wide / high, height or high)
    return wide, high
