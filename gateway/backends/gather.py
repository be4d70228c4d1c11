"""What the runs of a plan left in the work folder, measured and named: media, stills with their zip, packages."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.bundle import bundle, complete
from mediaglot.gateway.backends.segment import Probe
from mediaglot.gateway.backends.tiling import cues
from mediaglot.gateway.faults import EncodingFailed, SourceUnreadable
from mediaglot.gateway.media import naming, parts
from mediaglot.gateway.model import File, MediaFacts
from mediaglot.gateway.transfer.disk import in_thread

Chance = Callable[[int], bytes]
"""So many bytes that nobody can guess."""
SUMS: Final = frozenset({"md5", "sha256"})
EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip knows: the same pictures give the same file."""


async def gather(
    folder: Path,
    products: Sequence[parts.Product],
    probe: Probe,
    chance: Chance = secrets.token_bytes,
    sums: frozenset[str] = SUMS,
) -> tuple[Product, ...]:
    """The files of one output, with those ``sums`` of their bytes.

    Raises EncodingFailed for what is missing, SourceUnreadable for what is too short.
    """
    found: list[Product] = []
    for product in products:
        if product.layout is not None:
            found += await bundle(folder, product, product.layout, measurer(probe), chance)
            continue
        paths = enumerate(_present(folder, product), 1)
        made = [await _file(path, product, number, measurer(probe), sums) for number, path in paths]
        if product.grid is not None:
            made = list(_distinct([*found, *made])[len(found) :])
            made.append(await in_thread(cues, folder, product.grid, made))
        if product.archive is not None:
            made.append(await in_thread(_zip, made, product.archive, sums))
        found += made
    return _distinct(found)


def measurer(probe: Probe) -> Probe:
    """``probe`` for files of our own: one that can't be read is our failure, not the source's."""

    async def measure(path: Path) -> MediaFacts:
        try:
            return await probe(path)
        except SourceUnreadable as fault:
            raise EncodingFailed(reason="unplayable") from fault

    return measure


async def _file(path: Path, product: parts.Product, number: int, probe: Probe, sums: frozenset[str]) -> Product:
    reckoning = (asyncio.to_thread(_sum, path, kind) for kind in sorted(sums))
    facts, found = await asyncio.gather(probe(path), asyncio.gather(*reckoning))
    complete(facts.duration, product.duration)
    name = None
    if product.name is not None:
        picture = facts.video[0] if facts.video else None
        name = naming.pictured(product.name, number, *((picture.width, picture.height) if picture else (0, 0)))
    file = File(path=name or path.name, size=_size(path), facts=facts, role=product.role)
    return _summed(Product(path=path, file=file, name=name), dict(zip(sorted(sums), found, strict=True)))


def _summed(product: Product, found: Mapping[str, str]) -> Product:
    return replace(product, file=replace(product.file, sha256=found.get("sha256"), md5=found.get("md5")))


def _present(folder: Path, product: parts.Product) -> list[Path]:
    paths = sorted(folder.glob(product.path)) if product.many else [folder / product.path]
    if not paths or not all(path.is_file() and path.stat().st_size for path in paths):
        raise EncodingFailed(reason="no_output")
    return paths


def _size(path: Path) -> int:
    return path.stat().st_size


def _sum(path: Path, kind: str) -> str:
    """``sha256``, or ``md5`` for the clients that compare nothing else."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()


def _zip(pictures: Sequence[Product], name: str, sums: frozenset[str]) -> Product:
    """Stored, not deflated: pictures are compressed already."""
    path = pictures[0].path.with_name(f"{pictures[0].path.stem}.zip")
    with zipfile.ZipFile(path, "w") as archive:
        for picture in _distinct(pictures):
            with picture.path.open("rb") as source, archive.open(zipfile.ZipInfo(picture.file.path, EPOCH), "w") as to:
                while block := source.read(1 << 20):
                    to.write(block)
    file = File(path=name or path.name, size=_size(path), role="archive")
    return _summed(Product(path=path, file=file, name=name or None), {kind: _sum(path, kind) for kind in sums})


def _distinct(products: Sequence[Product]) -> tuple[Product, ...]:
    """Names that only measuring has made alike get a number."""
    taken: set[str] = set()
    found = []
    for product in products:
        name, count = product.file.path, 1
        while naming.alike(name) in taken:
            count += 1
            name = str(Path(product.file.path).with_suffix("")) + f"_{count}{Path(product.file.path).suffix}"
        taken.add(naming.alike(name))
        same = name == product.file.path
        found.append(product if same else replace(product, name=name, file=replace(product.file, path=name)))
    return tuple(found)
