"""A package from what FFmpeg left: measured, with playlists of our own, and brought to a destination as a whole."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.backends import Product
from mediaglot.gateway.faults import EncodingFailed, SourceUnreadable
from mediaglot.gateway.media import naming, parts, playlist, rfc6381
from mediaglot.gateway.media.layout import entry
from mediaglot.gateway.media.parts import Layout, Place
from mediaglot.gateway.media.playlist import Entry, Segment
from mediaglot.gateway.model import File, Location, MediaFacts
from mediaglot.gateway.transfer import Carrier

AT_ONCE: Final = 4
"""Files of a package that are on their way to a destination at the same time."""

HEAD: Final = 1 << 16
"""How far into a segment the parameters of its tracks come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A variant: the facts of all of it, and how the master names it."""

    facts: MediaFacts
    entry: Entry
    products: tuple[Product, ...]


async def bundle(
    folder: Path, product: parts.Product, layout: Layout, probe: Callable[[Path], Awaitable[MediaFacts]]
) -> tuple[Product, ...]:
    """The master, then each variant's playlist and segments.

    Raises EncodingFailed for what is missing, SourceUnreadable for what is too short.
    """
    found = [await _part(folder, layout, place, probe) for place in layout.places]
    complete(found[0].facts.duration, product.duration)
    files = tuple(one for part in found for one in part.products)
    if layout.master is None:
        return files
    text = playlist.master([part.entry for part in found], fragmented=layout.init is not None)
    facts = max((part.facts for part in found), key=_rank)
    path = folder / product.path / "master.m3u8"
    return (await asyncio.to_thread(_write, path, text, layout.master, facts), *files)


def complete(made: Fraction | None, expected: Fraction | None) -> None:
    """Raises SourceUnreadable where so much is missing that the source must have broken off."""
    if expected and made and made < expected * Fraction(9, 10) - 1:
        raise SourceUnreadable(reason="truncated")


def _rank(facts: MediaFacts) -> tuple[int, int]:
    picture = facts.video[0] if facts.video else None
    return (picture.width * picture.height if picture else 0, facts.bitrate or 0)


async def _part(folder: Path, layout: Layout, place: Place, probe: Callable[[Path], Awaitable[MediaFacts]]) -> Part:
    room = (folder / place.path).parent
    segments = await asyncio.to_thread(_segments, folder / place.path)
    sample, head = await asyncio.to_thread(_sample, room, layout.init, segments[0].name)
    facts = _whole(await probe(sample), segments)
    names = [naming.nth(layout.segment_name, number) for number in range(len(segments))]
    renamed = [replace(segment, name=name) for segment, name in zip(segments, names, strict=True)]
    text = playlist.media(renamed, init=layout.init, most=layout.list_size)
    uri = layout.within(place, layout.media_playlist)
    first = await asyncio.to_thread(_write, room / "media.m3u8", text, uri, facts)
    files = [
        Product(path=room / name, file=file, name=file.path) for name, file in _files(layout, place, room, segments)
    ]
    words = [rfc6381.video(track, head) for track in facts.video[:1]] + [rfc6381.audio(one) for one in facts.audio[:1]]
    named = Entry(
        uri=uri,
        peak=playlist.peak(segments),
        average=playlist.average(segments),
        codecs=tuple(word for word in words if word) if all(words) else (),
        video=facts.video[0] if facts.video else None,
        name=place.name,
    )
    return Part(facts=facts, entry=named, products=(first, *files))


def _files(layout: Layout, place: Place, room: Path, segments: Sequence[Segment]) -> Iterator[tuple[str, File]]:
    """What lies beside a variant's playlist: each by our name for it and as the file that it becomes."""
    if layout.init is not None:
        size = (room / layout.init).stat().st_size
        yield layout.init, File(path=layout.within(place, layout.init), size=size, role="segment")
    for number, segment in enumerate(segments):
        path = layout.within(place, naming.nth(layout.segment_name, number))
        yield segment.name, File(path=path, size=segment.size, role="segment")


def _segments(path: Path) -> tuple[Segment, ...]:
    try:
        listed = playlist.listed(path.read_text())
        found = tuple(replace(one, size=(path.parent / one.name).stat().st_size) for one in listed)
    except FileNotFoundError as error:
        raise EncodingFailed(reason="no_output") from error
    if not found or not all(segment.size for segment in found):
        raise EncodingFailed(reason="no_output")
    return found


def _sample(room: Path, init: str | None, first: str) -> tuple[Path, bytes]:
    """A file to probe, and its beginning. A segment of fragmented MP4 says nothing without its beginning."""
    sample = room / first
    if init is not None:
        sample = room / "sample.mp4"
        sample.write_bytes((room / init).read_bytes() + (room / first).read_bytes())
    with sample.open("rb") as file:
        return sample, file.read(HEAD)


def _whole(sample: MediaFacts, segments: Sequence[Segment]) -> MediaFacts:
    """The facts of all segments, from those of the first."""
    duration = sum((segment.duration for segment in segments), Fraction(0))
    return replace(
        sample,
        container="hls",
        size=sum(segment.size for segment in segments),
        duration=duration,
        bitrate=playlist.average(segments),
        start=Fraction(0),
        video=tuple(replace(track, duration=duration, bitrate=None, frames=None) for track in sample.video),
        audio=tuple(replace(track, duration=duration) for track in sample.audio),
    )


def _write(path: Path, text: str, name: str, facts: MediaFacts) -> Product:
    content = text.encode()
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Product(
        path=path, file=File(path=name, size=len(content), sha256=digest, facts=facts, role="playlist"), name=name
    )


# --- delivery -----------------------------------------------------------------------------------


async def ship(carrier: Carrier, location: Location, products: Sequence[Product], names: Sequence[str]) -> None:
    """Put a package at a destination: the first playlist last, so that nobody finds a part of it.

    ``names`` are the products' places in it, the first playlist's first. Raises the fault of the first file that fails.
    """
    places = [below(location, name) for name in names]
    if entry(location) is not None:
        places[0] = location
    files = list(zip(products, places, strict=True))
    others = [pair for pair in files[1:] if pair[0].file.role != "playlist"]
    lists = [pair for pair in files[1:] if pair[0].file.role == "playlist"]
    for turn in (others, lists, files[:1]):
        await _together(carrier, turn)


async def _together(carrier: Carrier, files: Sequence[tuple[Product, Location]]) -> None:
    waiting = iter(files)

    async def work() -> None:
        for product, place in waiting:
            kind = playlist.TYPES.get(PurePosixPath(product.file.path).suffix)
            await carrier.deliver(product.path, place, content_type=kind)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(files))):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def below(location: Location, name: str) -> Location:
    """A file of a package whose first playlist or folder is at ``location``."""
    path, mark, query = location.url.partition("?")
    folder = path.rpartition("/")[0] if entry(location) is not None else path.rstrip("/")
    return replace(location, url=f"{folder}/{quote(name)}{mark}{query}", spelling=None)
