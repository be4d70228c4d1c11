"""Files that have one sound: it is encoded once, and FFmpeg's muxer ``tee`` puts it beside each one's pictures. Pure.

Everything that is not known to come out the same is left alone: the lists below say what is known. ``tee`` hands no
chapters on, so the source must be known to have none, or none be wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mediaglot.gateway.media.draft import Draft
from mediaglot.gateway.media.parts import Target
from mediaglot.gateway.media.scene import Scene
from mediaglot.gateway.media.settings import pairs

MUXER: Final = "tee"
INNER: Final = "mp4"
PICTURES: Final = frozenset(
    "-c -preset -tune -profile -level -b -crf -maxrate -bufsize -pix_fmt -g -keyint_min -sc_threshold -bf -refs".split()
)
SOUNDS: Final = frozenset({"-c:a", "-b:a", "-ar", "-ac", "-profile:a"})
WHOLE: Final = frozenset({"-map_metadata", "-map_chapters"})
"""Options of what is around the tracks that are meant for all files alike; the others are each file's own."""
HEADERS: Final = ("-flags", "+global_header", "-fps_mode:v", "vfr")
"""What MP4 wants of encoders and can do with pictures that come when they like, which ``tee`` can't know."""


def poured(targets: Sequence[Target], drafts: Sequence[Draft], view: Scene, muxers: frozenset[str]) -> list[Target]:
    """The targets of media, each with its draft, with those of one sound in one."""
    groups: dict[object, list[tuple[Target, Draft]]] = {}
    for target, one in zip(targets, drafts, strict=True):
        key = _sound(target, one, view) if MUXER in muxers else None
        groups.setdefault(key or target, []).append((target, one))
    return [group[0][0] if len(group) == 1 else _together(group) for group in groups.values()]


def _sound(target: Target, one: Draft, view: Scene) -> tuple[object, ...] | None:
    """What files have in common that can share a sound; None for one that can't."""
    if one.video is None or one.audio is None or one.copies or one.video.encoder != "libx264" or one.video.passes:
        return None
    around = _around(target, one)
    chapters = dict(around).get("-map_chapters") != "-1"
    if target.muxer != INNER or target.maps[1].startswith("[") or (chapters and view.chapters != 0):
        return None
    known = {name.removesuffix(":v") for name in one.video.options[::2]} <= PICTURES and {
        *one.audio.options[::2]
    } <= SOUNDS
    plain = all(name in {*WHOLE, "-movflags"} for name, _ in around)
    return (target.maps[1], one.audio.options, around) if known and plain else None


def _around(target: Target, one: Draft) -> tuple[tuple[str, str], ...]:
    tracks = [word for track in (one.video, one.audio) if track is not None for word in track.options]
    return tuple(pairs(target.options[len(tracks) :]))


def _together(group: Sequence[tuple[Target, Draft]]) -> Target:
    first, one = group[0]
    around = _around(first, one)
    pictures = [word for number, (_, each) in enumerate(group) for word in _numbered(each, number)]
    sound = one.audio.options if one.audio is not None else ()
    outer = [word for name, value in around if name in WHOLE for word in (name, value)]
    inner = "".join(f":{name.removeprefix('-')}={value}" for name, value in around if name not in WHOLE)
    return Target(
        maps=(*(target.maps[0] for target, _ in group), first.maps[1]),
        options=(*pictures, *sound, *HEADERS, *outer),
        muxer=MUXER,
        path="|".join(
            rf"[f={INNER}{inner}:select=\'v:{number},a\']{target.path}" for number, (target, _) in enumerate(group)
        ),
    )


def _numbered(one: Draft, number: int) -> Iterator[str]:
    """The options of the pictures, for those of this number alone."""
    for name, value in pairs(one.video.options if one.video is not None else ()):
        yield from (f"{name.removesuffix(':v')}:v:{number}", value)
