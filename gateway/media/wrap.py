"""What a package wants of segments beyond their making: a lock, one file for all, a list of their key frames. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from mediaglot.gateway.faults import Unsupported
from mediaglot.gateway.media import naming
from mediaglot.gateway.media.lock import locks
from mediaglot.gateway.media.parts import Lock, Memo, Place
from mediaglot.gateway.media.rendition import Source, variants
from mediaglot.gateway.model import Package, PackageKind, Variant, Video

SINGLE: Final = {False: "media.ts", True: "media.mp4"}
"""By fragmented: the one file for all segments of a variant."""


def wrap(
    package: Package, index: int, places: Sequence[Place], sounds: Sequence[Place], source: Source, memo: Memo
) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """``places`` and ``sounds`` as they are to be handed over.

    Raises Invalid for keys and names that are none, Unsupported for what can't be together.
    """
    common, own = locks(package, index, [place.folder for place in places], memo)
    wrapped = tuple(
        _variant(place, package, variant, key, source, memo.at("variants").at(number) if package.variants else memo)
        for number, (place, variant, key) in enumerate(zip(places, variants(package), own, strict=True))
    )
    known = {place.path: place for place in wrapped}
    general = replace(Place(path=""), lock=common, single=_single(package, Variant(), memo))
    heard = ((sound, known.get(sound.path, general)) for sound in sounds)
    return wrapped, tuple(replace(sound, lock=like.lock, single=like.single) for sound, like in heard)


def all_single(package: Package) -> bool:
    return all(_is_single(package, variant) for variant in variants(package))


def _variant(place: Place, package: Package, variant: Variant, lock: Lock | None, source: Source, memo: Memo) -> Place:
    """Encrypted segments of their own can be read from any block on, with the one before it (RFC 8216, 6.3.6).

    In one file the block before a segment is another's.
    """
    i_frames = package.i_frames if variant.i_frames is None else variant.i_frames
    single = _single(package, variant, memo)
    pictured = isinstance(place.video, Video) or (place.video is None and source.pictures)
    if (variant.i_frames and not pictured) or (i_frames and package.kind is PackageKind.DASH):
        memo.note("i_frames")
        i_frames = False
    if i_frames and pictured and single is not None and lock is not None:
        raise Unsupported(feature="i_frames", value="of encrypted segments in a single file")
    return replace(place, lock=lock, i_frames=bool(i_frames and pictured), single=single)


def _is_single(package: Package, variant: Variant) -> bool:
    return bool(package.single_file if variant.single_file is None else variant.single_file)


def _single(package: Package, variant: Variant, memo: Memo) -> str | None:
    """The name of the one file. A DASH manifest names segments by their numbers."""
    if not _is_single(package, variant):
        return None
    if package.kind is not PackageKind.HLS:
        memo.note("single_file")
        return None
    return SINGLE[package.fragmented] if package.segment_name is None else naming.nth(package.segment_name, 0)
