"""The names and folders of a package. They come from clients, so each is checked before anything is made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final
from urllib.parse import unquote

from mediaglot.gateway.media import naming, wrap
from mediaglot.gateway.media.parts import Layout, Memo
from mediaglot.gateway.media.rendition import Source, split
from mediaglot.gateway.model import Location, Output, Package, PackageKind

MOST_VARIANTS: Final = 20
SHORTEST, LONGEST = Fraction(1, 2), Fraction(600)
DEFAULT_SEGMENT: Final = Fraction(6)
MASTER, MEDIA, MEDIA_BESIDE = "master.m3u8", "index.m3u8", "media.m3u8"
MANIFEST: Final = "manifest.mpd"
INIT: Final = "init.mp4"


def entry(location: Location) -> str | None:
    """The name that a destination gives to the package's playlist or manifest, None if it is a folder."""
    path = location.url.partition("?")[0].partition("#")[0]
    name = unquote(path, errors="surrogateescape").rpartition("/")[2]
    return name if name.lower().endswith((".m3u8", ".mpd")) else None


def layout(output: Output, package: Package, index: int, memo: Memo, source: Source | None = None) -> Layout:
    """Raises Invalid for names that lead elsewhere, that no file system has, or that are there twice."""
    memo = memo.at("package")
    for field, count in (("variants", len(package.variants)), ("audio", len(package.audio))):
        if count > MOST_VARIANTS:
            raise memo.invalid(field, count, f"over {MOST_VARIANTS}")
    if package.list_size is not None and package.list_size < 0:
        raise memo.invalid("list_size", package.list_size, "less than none")
    places, sounds = split(output, package, f"out-{index}", source or Source(), memo)
    playlists, fragmented = package.kind is not PackageKind.DASH, is_fragmented(package)
    master = _master(package, len(places) + len(sounds), memo) if playlists else None
    given = [name for name in map(entry, output.destinations) if name is not None]
    beside: set[str | None] = {master, *given} if any(not place.folder for place in places) else {None}
    wrapped, heard = wrap.wrap(package, index, places, sounds, source or Source(), memo)
    found = Layout(
        master=master,
        manifest=None if package.kind is PackageKind.HLS else _manifest(package, memo),
        media_playlist=_media_playlist(package, beside, memo) if playlists else None,
        segment_name=_segment_name(package, fragmented, memo),
        init=INIT if fragmented else None,
        list_size=package.list_size or 0,
        segment=_segment(package, memo),
        places=wrapped,
        sounds=heard,
    )
    _apart(found, given if master is not None else (), memo)
    return found


def is_fragmented(package: Package) -> bool:
    return package.fragmented or package.kind is not PackageKind.HLS


def _segment(package: Package, memo: Memo) -> Fraction:
    """Whole milliseconds: FFmpeg and the key frames must mean the same moment."""
    asked = DEFAULT_SEGMENT if package.segment is None else package.segment
    if not SHORTEST <= asked <= LONGEST:
        raise memo.invalid("segment", asked, f"not from {SHORTEST} to {LONGEST} seconds")
    return Fraction(round(asked * 1000), 1000)


def _master(package: Package, count: int, memo: Memo) -> str | None:
    if package.playlist == "":
        if count > 1:
            raise memo.invalid("playlist", "", "needed for several variants")
        return None
    return naming.playlist(package.playlist or MASTER, memo, "playlist")


def _manifest(package: Package, memo: Memo) -> str:
    return naming.playlist(package.manifest or MANIFEST, memo, "manifest", ".mpd")


def _media_playlist(package: Package, taken: set[str | None], memo: Memo) -> str:
    """``taken`` are the names of the playlists beside it."""
    if package.media_playlist is not None:
        return naming.playlist(package.media_playlist, memo, "media_playlist")
    return MEDIA_BESIDE if MEDIA in {naming.alike(name) for name in taken if name is not None} else MEDIA


def _segment_name(package: Package, fragmented: bool, memo: Memo) -> str:
    name = package.segment_name or f"segment_%05d.{'m4s' if fragmented else 'ts'}"
    if name.lower().endswith((".m3u8", ".mpd")):
        raise memo.invalid("segment_name", name, "the name of a playlist")
    if wrap.all_single(package) and not naming.COUNTER.search(name):
        return naming.part(name, memo, "segment_name")
    return naming.series(name, memo, "segment_name")


def _apart(found: Layout, given: Sequence[str], memo: Memo) -> None:
    """No two things have one name, and no folder has the name of a file."""
    media = [found.within(place, found.media_playlist or INIT) for place in found.distinct]
    if naming.repeated(media) is not None:
        raise memo.invalid("variants", naming.repeated(media), "a folder that is there twice")
    beside = {naming.alike(name) for name in (found.master, found.manifest, *given) if name is not None}
    media += [found.within(place, found.i_frames) for place in found.places if place.i_frames]
    clash = next((name for name in media if naming.alike(name) in beside), None)
    if clash is not None:
        raise memo.invalid("media_playlist", clash, "the name of the master playlist")
    files = beside | {naming.alike(name) for name in media}
    others = [found.within(place, place.single) for place in found.distinct if place.single is not None]
    taken = naming.repeated([*others, *found.keys, *files])
    if taken is not None:
        raise memo.invalid("segment_name", taken, "a name that is there twice")
    files |= {naming.alike(name) for name in (*others, *found.keys)}
    for folder in _folders(found):
        if naming.alike(folder) in files or _is_segment(folder, found):
            raise memo.invalid("variants", folder, "a folder with the name of a file")


def _folders(found: Layout) -> Iterator[str]:
    for place in found.distinct:
        parts = place.folder.split("/") if place.folder else []
        yield from ("/".join(parts[: count + 1]) for count in range(len(parts)))


def _is_segment(folder: str, found: Layout) -> bool:
    parent, _, name = folder.rpartition("/")
    if naming.alike(parent) not in {naming.alike(place.folder) for place in found.distinct}:
        return False
    if not naming.COUNTER.search(found.segment_name):
        return naming.alike(name) == found.init
    before, after = (re.escape(naming.alike(text)) for text in naming.COUNTER.split(found.segment_name)[::2])
    return naming.alike(name) == found.init or re.fullmatch(rf"{before}\d+{after}", naming.alike(name)) is not None
