"""Sheets of tiles after they are made: the WebVTT file over them, and how both come to a destination."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.ffmpeg import numbered
from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media import naming
from mediaglot.gateway.media.parts import Grid
from mediaglot.gateway.media.sheet import webvtt
from mediaglot.gateway.model import File, Location, Output
from mediaglot.gateway.transfer import Carrier

TYPE: Final = "text/vtt"
BOUND: Final = frozenset({"sheet", "cues", "archive"})
"""Roles of files that keep their names, because one names the other."""


def cues(folder: Path, grid: Grid, sheets: Sequence[Product]) -> Product:
    """The WebVTT file over sheets whose names are final. Raises EncodingFailed where the sheets are not as planned."""
    tiles = sum(not line.startswith("#") for line in (folder / grid.tally).read_text().splitlines())
    sides = {(track.width, track.height) for one in sheets if one.file.facts for track in one.file.facts.video}
    width, height = max(sides)
    full = -(-tiles // (grid.columns * grid.rows))
    if len(sides) > 1 or width % grid.columns or height % grid.rows or not tiles or full != len(sheets):
        raise EncodingFailed(reason="unplayable")
    tile = (width // grid.columns, height // grid.rows)
    content = webvtt(grid, [one.file.path for one in sheets], tiles, tile).encode()
    path = (folder / grid.tally).with_suffix(".vtt")
    path.write_bytes(content)
    name = None if grid.name is None else naming.pictured(grid.name, 1, width, height)
    return Product(path=path, file=_file(content, name or path.name), name=name)


def _file(content: bytes, name: str) -> File:
    digest = hashlib.sha256(content).hexdigest()
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return File(path=name, size=len(content), sha256=digest, md5=md5, role="cues")


def bound(products: Sequence[Product], names: Sequence[str]) -> tuple[Product, ...]:
    """The products under their final names, with cues that name the sheets by them."""
    if not any(one.file.role == "cues" for one in products):
        return tuple(products)
    final = {quote(one.file.path): quote(name) for one, name in zip(products, names, strict=True)}
    return tuple(_bound(one, name, final) for one, name in zip(products, names, strict=True))


def _bound(product: Product, name: str, final: Mapping[str, str]) -> Product:
    file = replace(product.file, path=name)
    if product.file.role == "cues":
        text = "".join(_line(line, final) for line in product.path.read_text().splitlines(keepends=True))
        product.path.write_text(text)
        file = _file(text.encode(), name)
    return replace(product, file=file, name=name)


def _line(line: str, final: Mapping[str, str]) -> str:
    address, mark, place = line.rpartition("#xywh=")
    folder, slash, name = address.rpartition("/")
    return f"{folder}{slash}{final.get(name, name)}{mark}{place}"


async def ship(
    carrier: Carrier, location: Location, output: Output, products: Sequence[Product], names: Sequence[str]
) -> None:
    """Put sheets and cues at a destination, cues last. They refer to each other, so they keep their names.

    A destination that names a file is that of everything else; sheets and cues go beside it.
    """
    own = iter([still.sheet.destinations for still in output.stills if still.sheet is not None])
    files = list(zip(products, names, strict=True))
    others = [one for one in products if one.file.role not in BOUND]
    for product, name in files:
        if product.file.role in BOUND and product.file.role != "cues":
            await carrier.deliver(product.path, beside(location), name=name)
        elif product.file.role != "cues":
            place = location if len(others) == 1 else numbered(location, others.index(product) + 1)
            await carrier.deliver(product.path, place, name=name)
    for product, name in files:
        if product.file.role == "cues":
            for place in next(own, ()) or (beside(location),):
                await carrier.deliver(product.path, place, name=name, content_type=TYPE)


def beside(location: Location) -> Location:
    """The folder of a destination."""
    path, mark, query = location.url.partition("?")
    folder = path.rpartition("/")[0] if "/" in path.partition("://")[2] else path
    return replace(location, url=f"{folder}/{mark}{query}", spelling=None)
