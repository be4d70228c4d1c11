"""HLS playlists (RFC 8216) as text: the segments that FFmpeg lists, and the playlists that we write. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.media.language import short
from mediaglot.gateway.model import VideoFacts

ENTRY: Final = re.compile(r"^#EXTINF:(\d+(?:\.\d+)?),[^\n]*\n([^#\n]+)$", re.MULTILINE)
VERSION: Final = {False: 3, True: 7}
"""By fragmented: fractional durations need 3, maps in a list of ordinary segments 6, and fMP4 players know 7."""
RANGED: Final = 4
"""The least version for byte ranges and for lists of key frames."""


@dataclass(frozen=True, slots=True)
class Segment:
    """``name`` is its file beside the playlist, ``duration`` seconds, ``size`` bytes.

    ``offset`` is where it begins in a file that holds more, None for all of its file.
    """

    name: str
    duration: Fraction
    size: int = 0
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """Where players find the key of AES-128, and the initialization vector as 32 hexadecimal digits."""

    uri: str
    iv: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A variant as the master names it, all measured. ``peak`` and ``average`` are bits per second.

    Without ``codecs`` some of them have no such word. ``group`` names the sounds that go with it.
    """

    uri: str
    peak: int
    average: int
    codecs: tuple[str, ...] = ()
    video: VideoFacts | None = None
    name: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """A sound as the master names it, all measured. Its group is what variants refer to."""

    group: str
    uri: str
    peak: int
    average: int
    codecs: tuple[str, ...] = ()
    name: str | None = None
    language: str | None = None
    channels: int | None = None
    default: bool = False


def listed(text: str) -> tuple[Segment, ...]:
    """The segments that a media playlist names, without their sizes."""
    return tuple(Segment(name, Fraction(seconds)) for seconds, name in ENTRY.findall(text))


def target(segments: Sequence[Segment]) -> int:
    """Whole seconds that no segment rounds to more than."""
    return max([1, *(floor(segment.duration + Fraction(1, 2)) for segment in segments)])


def average(segments: Sequence[Segment]) -> int:
    duration = sum((segment.duration for segment in segments), Fraction(0))
    return ceil(8 * sum(segment.size for segment in segments) / duration) if duration else 0


def peak(segments: Sequence[Segment]) -> int:
    """The largest bitrate of neighbours that last from half to one and a half of the target duration (4.1 there).

    A last segment of a few frames does not count alone.
    """
    least, most = Fraction(target(segments), 2), Fraction(target(segments) * 3, 2)
    rates = [average(segments)]
    for start in range(len(segments)):
        duration, size = Fraction(0), 0
        for segment in segments[start:]:
            duration, size = duration + segment.duration, size + segment.size
            if duration > most:
                break
            if duration >= least:
                rates.append(ceil(8 * size / duration))
    return max(rates)


def media(
    segments: Sequence[Segment],
    *,
    init: str | None = None,
    init_size: int | None = None,
    most: int = 0,
    independent: bool = True,
    key: Key | None = None,
    i_frames: bool = False,
) -> str:
    """A finished media playlist of all segments, or of the last ``most``; with ``i_frames`` each is one key frame.

    ``init`` is the file that begins an fMP4, ``init_size`` the bytes of its beginning where the segments are in it too.
    ``independent`` says that players can begin at each of them. The key comes after the map, so that the segments are
    encrypted and what begins them is not.
    """
    shown = segments[-most:] if most else segments
    ranged = any(segment.offset is not None for segment in shown)
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_version(fragmented=init is not None, ranged=ranged)}",
        f"#EXT-X-TARGETDURATION:{target(segments)}",
        f"#EXT-X-MEDIA-SEQUENCE:{len(segments) - len(shown)}",
        *(["#EXT-X-PLAYLIST-TYPE:VOD"] if len(shown) == len(segments) else []),
        *(["#EXT-X-I-FRAMES-ONLY"] if i_frames else []),
        *(["#EXT-X-INDEPENDENT-SEGMENTS"] if independent else []),
        *([_map(init, init_size)] if init is not None else []),
        *([f'#EXT-X-KEY:METHOD=AES-128,URI="{key.uri}",IV=0x{key.iv}'] if key is not None else []),
    ]
    for segment in shown:
        lines.append(f"#EXTINF:{float(segment.duration):.6f},")
        lines += [f"#EXT-X-BYTERANGE:{segment.size}@{segment.offset}"] if segment.offset is not None else []
        lines.append(address(segment.name))
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def _version(*, fragmented: bool, ranged: bool) -> int:
    return max(VERSION[fragmented], RANGED if ranged else 0)


def _map(init: str, size: int | None) -> str:
    part = "" if size is None else f',BYTERANGE="{size}@0"'
    return f'#EXT-X-MAP:URI="{address(init)}"{part}'


def master(
    entries: Sequence[Entry],
    sounds: Sequence[Sound] = (),
    *,
    fragmented: bool = False,
    independent: bool = True,
    i_frames: Sequence[Entry] = (),
) -> str:
    """``i_frames`` are the lists of key frames: their codecs are those of the picture."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_version(fragmented=fragmented, ranged=bool(i_frames))}"]
    lines += ["#EXT-X-INDEPENDENT-SEGMENTS"] if independent else []
    for sound, name in zip(sounds, _names(sounds), strict=True):
        lines.append("#EXT-X-MEDIA:" + ",".join(_said_of(sound, name)))
    for entry in entries:
        heard = [sound for sound in sounds if sound.group == entry.group]
        said = [*_attributes(entry, heard), *_playback(entry)]
        lines += ["#EXT-X-STREAM-INF:" + ",".join(said), address(entry.uri)]
    for entry in i_frames:
        lines.append("#EXT-X-I-FRAME-STREAM-INF:" + ",".join([*_attributes(entry), f'URI="{address(entry.uri)}"']))
    return "\n".join([*lines, ""])


def _names(sounds: Sequence[Sound]) -> list[str]:
    """Each its own within its group."""
    found: list[tuple[str, str]] = []
    for sound in sounds:
        name, count = sound.name or sound.language or "Audio", 1
        while (sound.group, name) in found:
            count += 1
            name = f"{sound.name or sound.language or 'Audio'} {count}"
        found.append((sound.group, name))
    return [name for _, name in found]


def _said_of(sound: Sound, name: str) -> Iterator[str]:
    yield f'TYPE=AUDIO,GROUP-ID="{sound.group}",NAME="{name}"'
    if sound.language:
        yield f'LANGUAGE="{short(sound.language)}"'
    yield f"DEFAULT={'YES' if sound.default else 'NO'},AUTOSELECT=YES"
    if sound.channels:
        yield f'CHANNELS="{sound.channels}"'
    yield f'URI="{address(sound.uri)}"'


def _attributes(entry: Entry, sounds: Sequence[Sound] = ()) -> Iterator[str]:
    """The bitrates and codecs are those of all that a player may load at once (4.3.4.2 there)."""
    yield f"BANDWIDTH={entry.peak + max((sound.peak for sound in sounds), default=0)}"
    yield f"AVERAGE-BANDWIDTH={entry.average + max((sound.average for sound in sounds), default=0)}"
    if entry.video is not None:
        width = round(entry.video.width * (entry.video.pixel_aspect or 1))
        yield f"RESOLUTION={width}x{entry.video.height}"
    if entry.codecs and all(sound.codecs for sound in sounds):
        words = dict.fromkeys([*entry.codecs, *(word for sound in sounds for word in sound.codecs)])
        yield f'CODECS="{",".join(words)}"'


def _playback(entry: Entry) -> Iterator[str]:
    """What a list of key frames may not say."""
    if entry.video is not None and entry.video.frame_rate:
        yield f"FRAME-RATE={float(entry.video.frame_rate):.3f}"
    if entry.group:
        yield f'AUDIO="{entry.group}"'
    if entry.name:
        yield f'NAME="{entry.name}"'


def address(path: str) -> str:
    """A relative path as a URI."""
    return quote(path, safe="/()@=+,~")
