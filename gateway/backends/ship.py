"""A package on its way to a destination, as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.backends import Product
from mediaglot.gateway.media.layout import entry
from mediaglot.gateway.model import Location
from mediaglot.gateway.model.mime import kind_of
from mediaglot.gateway.transfer import Carrier, crew

LISTS: Final = ("playlist", "i_frames")
"""The roles of files that name others."""

AT_ONCE: Final = 4
"""Files of a package that are on their way to a destination at the same time."""


async def ship(carrier: Carrier, location: Location, products: Sequence[Product], names: Sequence[str]) -> None:
    """Put a package at a destination: the first playlist last, so that nobody finds a part of it.

    ``names`` are the products' places in it, the first playlist's first. Raises the fault of the first file that fails.
    """
    places = [below(location, name) for name in names]
    named = entry(location)
    if named is not None:
        places[_meant(products, PurePosixPath(named).suffix.lower())] = location
    files = list(zip(products, places, strict=True))
    others = [pair for pair in files[1:] if pair[0].file.role not in LISTS]
    lists = [pair for pair in files[1:] if pair[0].file.role in LISTS]
    for turn in (others, lists, files[:1]):
        await crew.each(turn, partial(_deliver, carrier), most=AT_ONCE)


def _meant(products: Sequence[Product], suffix: str) -> int:
    """Which product a destination names: the first of that kind, or the first of all."""
    kinds = (PurePosixPath(product.file.path).suffix for product in products)
    return next((number for number, kind in enumerate(kinds) if kind == suffix), 0)


async def _deliver(carrier: Carrier, file: tuple[Product, Location]) -> None:
    product, place = file
    await carrier.deliver(product.path, place, content_type=kind_of(product.file.path))


def below(location: Location, name: str) -> Location:
    """A file of a package whose first playlist or folder is at ``location``."""
    path, mark, query = location.url.partition("?")
    folder = path.rpartition("/")[0] if entry(location) is not None else path.rstrip("/")
    return replace(location, url=f"{folder}/{quote(name)}{mark}{query}", spelling=None)
