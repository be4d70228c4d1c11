"""A package from what FFmpeg left: measured, with playlists and a manifest of our own."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.seal import Keys
from mediaglot.gateway.backends.segment import Part, Probe, measured
from mediaglot.gateway.faults import SourceUnreadable
from mediaglot.gateway.media import manifest, parts, playlist, skim
from mediaglot.gateway.media.manifest import Representation
from mediaglot.gateway.media.package import HEAD_START
from mediaglot.gateway.media.parts import Layout
from mediaglot.gateway.media.playlist import Entry, Sound
from mediaglot.gateway.model import File, MediaFacts
from mediaglot.gateway.transfer.disk import in_thread


async def bundle(
    folder: Path,
    product: parts.Product,
    layout: Layout,
    probe: Probe,
    chance: Callable[[int], bytes] = secrets.token_bytes,
) -> tuple[Product, ...]:
    """The master, or the manifest where there is none; each variant's and sound's playlist and segments; the manifest;
    the keys.

    ``chance`` draws the keys that nobody gives. Raises EncodingFailed for what is missing, SourceUnreadable for what
    is too short.
    """
    keys = await in_thread(Keys, folder, layout, chance)
    found = {place.path: await measured(folder, layout, place, probe, keys.of(place)) for place in layout.distinct}
    first = next(iter(found.values()))
    complete(first.facts.duration, product.duration)
    written = await in_thread(_written, folder / product.path, layout, found)
    return (*written, *await in_thread(keys.write, folder / product.path))


def complete(made: Fraction | None, expected: Fraction | None) -> None:
    """Raises SourceUnreadable where so much is missing that the source must have broken off."""
    if expected and made and parts.broken_off(made, expected):
        raise SourceUnreadable(reason="truncated")


def _written(room: Path, layout: Layout, found: Mapping[str, Part]) -> tuple[Product, ...]:
    heads, bodies = [], []
    facts = max((part.facts for part in found.values()), key=_rank)
    if layout.master is not None:
        heads.append(_write(room / "master.m3u8", _master(layout, found), layout.master, facts))
    if layout.manifest is not None:
        text = manifest.write([_representation(layout, part) for part in _described(layout, found)])
        whole = replace(facts, container="dash")
        heads.append(_write(room / "manifest.mpd", text, layout.manifest, whole))
    for part in found.values():
        if layout.media_playlist is not None:
            bodies.append(_media(layout, part))
        bodies += [Product(path=part.room / name, file=file, name=file.path) for name, file in part.sealed.files]
        if any(part.found):
            bodies.append(_i_frames(layout, part))
    return (*heads[:1], *bodies, *heads[1:])


def _rank(facts: MediaFacts) -> tuple[int, int]:
    picture = facts.video[0] if facts.video else None
    return (picture.width * picture.height if picture else 0, facts.bitrate or 0)


def _media(layout: Layout, part: Part) -> Product:
    name = layout.within(part.place, layout.media_playlist or "")
    sealed = part.sealed
    text = playlist.media(
        sealed.segments,
        init=sealed.init,
        init_size=sealed.init_size,
        most=layout.list_size,
        independent=part.independent,
        key=sealed.key,
    )
    return _write(part.room / "media.m3u8", text, name, part.facts)


def _i_frames(layout: Layout, part: Part) -> Product:
    sealed = part.sealed
    text = playlist.media(
        skim.listed(sealed.segments, part.found),
        init=sealed.init,
        init_size=sealed.init_size,
        most=skim.count(part.found, layout.list_size),
        key=sealed.key,
        i_frames=True,
    )
    return _write(part.room / "i-frames.m3u8", text, layout.within(part.place, layout.i_frames), None, "i_frames")


def _master(layout: Layout, found: Mapping[str, Part]) -> str:
    entries = [
        Entry(
            uri=layout.within(place, layout.media_playlist or ""),
            peak=playlist.peak(part.segments),
            average=playlist.average(part.segments),
            codecs=part.codecs,
            video=part.facts.video[0] if part.facts.video else None,
            name=place.name,
            group=place.group,
        )
        for place, part in ((place, found[place.path]) for place in layout.places)
    ]
    sounds = [
        Sound(
            group=place.group or "",
            uri=layout.within(place, layout.media_playlist or ""),
            peak=playlist.peak(part.segments),
            average=playlist.average(part.segments),
            codecs=part.codecs,
            name=place.name,
            language=_language(part),
            channels=part.facts.audio[0].channels if part.facts.audio else None,
            default=place.default,
        )
        for place, part in ((place, found[place.path]) for place in layout.sounds)
    ]
    i_frames = [
        replace(
            entry,
            uri=layout.within(part.place, layout.i_frames),
            peak=playlist.peak(frames),
            average=playlist.average(frames),
            codecs=part.codecs[:1],
        )
        for entry, part in zip(entries, (found[place.path] for place in layout.places), strict=True)
        if (frames := skim.listed(part.segments, part.found))
    ]
    return playlist.master(
        entries,
        sounds,
        fragmented=layout.init is not None,
        independent=all(part.independent for part in found.values()),
        i_frames=i_frames,
    )


def _described(layout: Layout, found: Mapping[str, Part]) -> Sequence[Part]:
    """Each set of segments once; a sound that is a variant too, as the sound."""
    sounds = {place.path: place for place in layout.sounds}
    return [replace(part, place=sounds.get(path, part.place)) for path, part in found.items()]


def _representation(layout: Layout, part: Part) -> Representation:
    return Representation(
        init=layout.within(part.place, layout.init or ""),
        media=layout.within(part.place, layout.segment_name),
        timescale=part.timescale,
        origin=Fraction(HEAD_START),
        fragments=part.fragments,
        bandwidth=playlist.peak(part.segments),
        codecs=",".join(part.codecs) or None,
        track=(part.facts.video or part.facts.audio)[0],
        language=_language(part),
        name=part.place.name,
        default=part.place.default,
    )


def _language(part: Part) -> str | None:
    """As it is asked for, since MP4 has room for three letters only; else what the file says."""
    return part.place.language or (part.facts.audio[0].language if part.facts.audio else None)


def _write(path: Path, text: str, name: str, facts: MediaFacts | None, role: str = "playlist") -> Product:
    content = text.encode()
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return Product(path=path, file=File(path=name, size=len(content), sha256=digest, facts=facts, role=role), name=name)
