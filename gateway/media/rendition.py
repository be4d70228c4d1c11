"""Which tracks lie in which segments of a package: variants on their own, and the sounds that they share. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from mediaglot.gateway.media import naming
from mediaglot.gateway.media.parts import Memo, Place
from mediaglot.gateway.model import SKIP, Audio, Output, Package, PackageKind, Rendition, Skip, Variant, Video

GROUP: Final = "audio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which kinds of tracks there are to take from."""

    pictures: bool = True
    sounds: bool = True


def variants(package: Package | None) -> tuple[Variant, ...]:
    """Those that are asked for, or the one of the output's own tracks."""
    return (package.variants if package else ()) or (Variant(),)


@dataclass(frozen=True, slots=True)
class Wish:
    """A variant with its tracks, its own or the output's; ``shown`` says that it has pictures."""

    variant: Variant
    video: Video | Skip | None
    audio: Audio | Skip | None
    shown: bool


def split(output: Output, package: Package, room: str, source: Source, memo: Memo) -> tuple[list[Place], list[Place]]:
    """The variants in their order, and the sounds. ``room`` is the folder for all of it. Raises Invalid."""
    wishes = [_wish(variant, output, source) for variant in variants(package)]
    apart = package.kind is not PackageKind.HLS or bool(package.audio)
    groups = _groups(wishes, package) if apart and source.sounds else {}
    places = []
    for number, wish in enumerate(wishes):
        within = memo.at("variants").at(number)
        if package.audio and wish.shown and isinstance(wish.variant.audio, Audio):
            within.note("audio")
        place = _variant(wish, number, len(wishes), room, within)
        places.append(_muted(place, groups) if apart and wish.shown else place)
    return places, _sounds(output, package, groups, places, room, memo)


def _wish(variant: Variant, output: Output, source: Source) -> Wish:
    video = output.video if variant.video is None else variant.video
    audio = output.audio if variant.audio is None else variant.audio
    return Wish(variant, video, audio, isinstance(video, Video) or (video is None and source.pictures))


def _groups(wishes: Sequence[Wish], package: Package) -> Mapping[Audio, str]:
    """What the sounds of the variants with pictures are asked to be, and their groups' names."""
    found = list(dict.fromkeys(one.audio or Audio() for one in wishes if one.shown and not isinstance(one.audio, Skip)))
    if len(found) <= 1 or package.audio:
        return dict.fromkeys(found, GROUP)
    return {audio: f"{GROUP}-{number + 1}" for number, audio in enumerate(found)}


def _variant(wish: Wish, number: int, count: int, room: str, memo: Memo) -> Place:
    folder = f"variant-{number + 1}" if count > 1 else ""
    return Place(
        path=f"{room}/v{number}/list.m3u8",
        folder=folder if wish.variant.folder is None else naming.folder(wish.variant.folder, memo, "folder"),
        name=_title(wish.variant.name, memo),
        video=wish.video,
        audio=wish.audio,
    )


def _muted(place: Place, groups: Mapping[Audio, str]) -> Place:
    """A variant whose sound lies elsewhere."""
    group = None if isinstance(place.audio, Skip) else groups.get(place.audio or Audio())
    return replace(place, video=place.video or Video(), audio=SKIP, group=group)


def _sounds(
    output: Output, package: Package, groups: Mapping[Audio, str], places: Sequence[Place], room: str, memo: Memo
) -> list[Place]:
    if not groups:
        return []
    if not package.audio:
        alone = {place.audio or Audio(): place for place in places if place.group is None}
        return [
            _sound(Rendition(audio=wish, default=True), number, len(groups), group, room, memo, alone.get(wish))
            for number, (wish, group) in enumerate(groups.items())
        ]
    general = output.audio if isinstance(output.audio, Audio) else Audio()
    first = next((number for number, one in enumerate(package.audio) if one.default), 0)
    whole = [
        replace(one, audio=_filled(one.audio, general), default=number == first)
        for number, one in enumerate(package.audio)
    ]
    return [
        _sound(one, number, len(whole), GROUP, room, memo.at("audio").at(number)) for number, one in enumerate(whole)
    ]


def _filled(audio: Audio | None, general: Audio) -> Audio:
    """What a sound leaves open is as the output says."""
    if audio is None:
        return general
    said = {one.name: getattr(audio, one.name) for one in fields(Audio)}
    return replace(general, **{name: value for name, value in said.items() if value is not None and value is not False})


def _sound(
    asked: Rendition, number: int, count: int, group: str, room: str, memo: Memo, variant: Place | None = None
) -> Place:
    """``variant`` has this very sound alone, so that it need not be made again."""
    language = asked.audio.language if asked.audio else None
    if variant is not None:
        return replace(variant, group=group, language=language, default=asked.default)
    folder = GROUP if count == 1 else f"{GROUP}-{number + 1}"
    return Place(
        path=f"{room}/a{number}/list.m3u8",
        folder=folder if asked.folder is None else naming.folder(asked.folder, memo, "folder"),
        name=_title(asked.name, memo),
        video=SKIP,
        audio=asked.audio,
        group=group,
        language=language,
        default=asked.default,
    )


def _title(name: str | None, memo: Memo) -> str | None:
    """A playlist can't quote a quotation mark."""
    if name and (len(name) > naming.LONGEST or not name.isprintable() or '"' in name):
        memo.note("name")
        return None
    return name or None
