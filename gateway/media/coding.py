"""The options of a video encoder: effort, profile, level, key frames, colours, fine settings."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media.encoder import (
    CAREFUL,
    CONTROLS,
    DEFAULT_EFFORT,
    DEFAULT_PROFILES,
    EFFORT,
    PROFILES,
    SPEEDS,
    TUNES,
    pixel_formats,
)
from mediaglot.gateway.media.parts import Memo, number, ratio
from mediaglot.gateway.media.rate import TUNED, tuned
from mediaglot.gateway.media.settings import Settings
from mediaglot.gateway.model import Color, KeyFrames, Video

LEVEL: Final = re.compile(r"1b|[1-6]([.]?[0-9])?")
MADE_ANYWAY: Final = {"mpeg4": "simple"}
"""The profile of encoders that take none, as long as there are no B-frames."""
FOREIGN: Final = {"libx265": frozenset({"baseline", "high"})}
"""Profiles of H.264 that clients name beside this encoder, too."""
PROGRESSIVE: Final = "progressive"
"""The field order that pictures have without a word."""
LACES: Final = frozenset({"libx264", "mpeg2video", "mpeg4"})
"""Encoders that keep the lines of two moments apart."""
SYNC: Final = frozenset({"passthrough", "cfr", "vfr", "auto"})
MOST_POSITIONS: Final = 2_000
MOST_X265_REFERENCES: Final = 6
"""With b-pyramids, x265 up to 3.5 refuses more; a level allows no more than 8 pictures to be kept in all."""
X265_LOOKS_AHEAD: Final = {"ultrafast": 5, "superfast": 10, "veryfast": 15, "faster": 15, "fast": 15}
"""Over so many pictures, which must be more than there are B-frames in a row."""
NEVER: Final = 1_000_000_000
"""From how much of a change on a picture is a new scene."""

PRIMARIES: Final = frozenset("bt709 bt470m bt470bg smpte170m smpte240m film bt2020 smpte428 smpte431 smpte432".split())
TRANSFERS: Final = {
    **{word: word for word in "bt709 bt470m bt470bg smpte170m smpte240m linear iec61966-2-4 iec61966-2-1".split()},
    **{word: word for word in "bt2020-10 bt2020-12 smpte2084 smpte428 arib-std-b67".split()},
    "gamma22": "bt470m",
    "gamma28": "bt470bg",
}
"""Words for transfer functions to those of FFmpeg's filters."""
MATRICES: Final = frozenset("bt709 fcc bt470bg smpte170m smpte240m bt2020nc".split())
"""Those that FFmpeg's scaler can make."""
COLOR_RANGES: Final = {"tv": "tv", "limited": "tv", "mpeg": "tv", "pc": "pc", "full": "pc", "jpeg": "pc"}


def speed(settings: Settings, video: Video, encoder: str, *, passes: bool, memo: Memo) -> None:
    table = SPEEDS.get(encoder)
    if table is None:
        return
    least = CAREFUL.get(encoder, EFFORT[0]) if passes else EFFORT[0]
    known = video.speed if video.speed is not None and video.speed in table else DEFAULT_EFFORT
    word = max(known, least, key=EFFORT.index)
    if video.speed not in (None, word):
        memo.note("speed", video.speed, word)
    settings.update(table[word])


def profile(settings: Settings, video: Video, encoder: str, memo: Memo) -> None:
    """The profile, and the pixel format that goes with it. Raises Invalid for one that the encoder lacks."""
    word = video.profile.lower() if video.profile else None
    table = PROFILES.get(encoder)
    if word in FOREIGN.get(encoder, ()):
        memo.note("profile")
        word = None
    if word is not None and table is None:
        if word != MADE_ANYWAY.get(encoder) or video.b_frames:
            memo.note("profile")
    elif word is not None and table is not None:
        if word not in table:
            raise memo.invalid("profile", video.profile, f"one of {' '.join(table)}")
        settings.set("-profile:v", table[word])
    elif encoder in DEFAULT_PROFILES:
        settings.set("-profile:v", DEFAULT_PROFILES[encoder])
    formats = pixel_formats(encoder, word)
    pixels = video.pixel_format or formats[0]
    if pixels == "yuv420p" and formats[0] == "yuvj420p":
        pixels = formats[0]
    if pixels not in formats:
        raise memo.invalid("pixel_format", pixels, f"one of {' '.join(formats)}")
    if pixels != "pal8":
        settings.set("-pix_fmt", pixels)


def level(settings: Settings, text: str | None, encoder: str, memo: Memo) -> None:
    """A level like ``3.1`` or ``31``, for the encoders that take one."""
    if text is None:
        return
    if encoder not in ("libx264", "libx265"):
        memo.note("level")
        return
    if not LEVEL.fullmatch(text):
        raise memo.invalid("level", text, "not a level")
    if encoder == "libx264":
        settings.set("-level:v", text)
    else:
        settings.param(f"level-idc={text}")


def tune(settings: Settings, video: Video, encoder: str, memo: Memo) -> None:
    """What the allow-list lets through; the rest is noted and left out."""
    patterns = TUNES.get(encoder, {})
    for name, value in video.tune.items():
        if name == TUNED and tuned(video, encoder):
            continue
        if name not in patterns or not re.fullmatch(patterns[name], value, re.ASCII):
            memo.at("tune").note(name)
        elif name == "flags":
            settings.flag(value)
            _steady_where_closed(settings, "+cgop" in value, encoder)
        else:
            settings.set(f"-{name}:v", value)


def structure(settings: Settings, video: Video, encoder: str, memo: Memo) -> None:
    for name, option, value in (("b_frames", "-bf:v", video.b_frames), ("references", "-refs:v", video.references)):
        if value is None:
            continue
        if not 0 <= value <= 16:
            raise memo.invalid(name, value, "not from 0 to 16")
        if encoder not in ("libx264", "libx265", "mpeg4", "mpeg2video", "mpeg1video"):
            memo.note(name)
            continue
        known = min(value, _most(name, encoder, video.speed))
        if known < value:
            memo.note(name, value, known)
        settings.set(option, known)
    if video.field_order in ("tff", "bff") and encoder in LACES:
        settings.flag("+ildct+ilme")
    elif video.field_order not in (None, PROGRESSIVE):
        memo.note("field_order")
    if video.sync is not None:
        if video.sync in SYNC:
            settings.set("-fps_mode:v", video.sync)
        else:
            memo.note("sync")


def _most(name: str, encoder: str, speed: str | None) -> int:
    if encoder != "libx265":
        return 16
    if name == "references":
        return MOST_X265_REFERENCES
    return X265_LOOKS_AHEAD.get(speed if speed in EFFORT else DEFAULT_EFFORT, 17) - 1


def key_frames(
    settings: Settings, keys: KeyFrames | None, encoder: str, rate: Fraction, duration: Fraction | None, memo: Memo
) -> None:
    """``rate`` is the output's, to count seconds in frames."""
    if keys is None:
        return
    frames = keys.frames
    if frames is None and keys.seconds is not None:
        frames = round(keys.seconds * rate) or 1
    if frames is not None:
        if not 0 <= frames <= 100_000:
            raise memo.invalid("key_frames", frames, "not a distance")
        settings.set("-g:v", frames)
    if keys.closed is not None and encoder != "mjpeg":
        settings.flag("+cgop" if keys.closed else "-cgop")
        _steady_where_closed(settings, keys.closed, encoder)
    forced = _forced(keys, duration, memo)
    if forced is not None:
        settings.set("-force_key_frames:v", forced)
    if keys.scene_cuts is False:
        _steady(settings, encoder, memo, forced=forced is not None)


def _steady_where_closed(settings: Settings, closed: bool, encoder: str) -> None:
    """FFmpeg's own encoders close groups of pictures only where no change of scene begins one."""
    if closed and encoder in CONTROLS and CONTROLS[encoder].bounded:
        settings.set("-sc_threshold:v", NEVER)


def _steady(settings: Settings, encoder: str, memo: Memo, *, forced: bool) -> None:
    """No key frames but the regular and the forced ones."""
    if encoder == "libx265":
        settings.param("scenecut=0")
        if forced:  # it would make plain I frames of them, at which no player can begin
            settings.set("-forced-idr:v", 1)
    elif encoder == "libx264":
        settings.set("-sc_threshold:v", 0)
    elif not forced:
        memo.note("key_frames.scene_cuts")


def _forced(keys: KeyFrames, duration: Fraction | None, memo: Memo) -> str | None:
    every = keys.every
    if any(at < 0 for at in keys.at) or (every is not None and every <= 0):
        raise memo.invalid("key_frames", every, "not a time")
    if len(keys.at) > MOST_POSITIONS:
        raise memo.invalid("key_frames.at", len(keys.at), "too many")
    if not keys.at:
        # As a fraction where decimals would come out late.
        text = number(every or 0)
        return None if every is None else f"expr:gte(t,n_forced*{text if Fraction(text) == every else ratio(every)})"
    positions = set(keys.at)
    if every is not None and duration is not None and duration / every <= MOST_POSITIONS:
        positions |= {n * every for n in range(int(duration / every) + 1)}
    elif every is not None:
        memo.note("key_frames.every")
    return ",".join(number(at) for at in sorted(positions))


def color(settings: Settings, asked: Color | None, memo: Memo) -> None:
    if asked is None:
        return
    if asked.range is not None:
        if asked.range in COLOR_RANGES:
            settings.set("-color_range:v", COLOR_RANGES[asked.range])
        else:
            memo.note("color.range")
    words = (
        ("primaries", "-color_primaries:v", asked.primaries, PRIMARIES),
        ("transfer", "-color_trc:v", asked.transfer, TRANSFERS),
        ("matrix", "-colorspace:v", asked.matrix, MATRICES),
    )
    for name, option, word, known in words:
        if word is not None and word in known:
            settings.set(option, word)
        elif word is not None:
            memo.at("color").note(name)


def colored(asked: Color | None) -> list[str]:
    """The filter that marks pictures: what FFmpeg 9 writes is what they say, whatever the encoder's options say."""
    found = {}
    if asked is not None and asked.primaries in PRIMARIES:
        found["color_primaries"] = asked.primaries
    if asked is not None and asked.transfer in TRANSFERS:
        found["color_trc"] = TRANSFERS[asked.transfer]
    return ["setparams=" + ":".join(f"{name}={word}" for name, word in found.items())] if found else []
