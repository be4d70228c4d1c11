"""Facts from ffprobe's JSON document, ``{"format": {...}, "streams": [...]}``; ``probe_worker`` answers in it too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from mediaglot.gateway.faults import SourceUnreadable
from mediaglot.gateway.media.guard import MOST_PIXELS
from mediaglot.gateway.model import AudioFacts, MediaFacts, VideoFacts

INTERLACED: Final = frozenset({"tt", "bb", "tb", "bt"})
UNTIMED: Final = frozenset({"mpegts", "mpeg"})
"""Where FFmpeg takes the start of the last packet for the end of a track; those of sound hold a quarter of a second."""
NUMBER: Final = re.compile(r"[+-]?\d{1,20}(?:\.\d{0,40})?(?:[eE][+-]?\d{1,2}|[/:]\d{1,20})?", re.ASCII)
"""Bounded, since tags are the file's own and may say anything: Python would take an hour over ``1e9999999999``."""
FROM_ZERO: Final = frozenset({"matroska", "asf", "nut"})
"""Files of FFmpeg's in which durations are counted from the clock's zero, and not from where they begin."""
FASTEST: Final = 240
"""Pictures in a second: a guess beyond that is the clock of the file, as of what browsers record."""
UNKNOWN: Final = frozenset({"", "unknown", "none", "N/A"})


def read_facts(document: Mapping[str, Any], size: int) -> MediaFacts:
    """Facts on a file of ``size`` bytes. Raises SourceUnreadable if there is no track that can be decoded."""
    streams = [stream for stream in document.get("streams", ()) if _text(stream.get("codec_name"))]
    container = str(document.get("format", {}).get("format_name", "")).split(",")[0]
    general = document.get("format", {})
    still = container.endswith("_pipe")
    alone = _whole(general.get("bit_rate")) if len(streams) == 1 and not still else None
    ours = container in FROM_ZERO and str(_tags(general).get("encoder", "")).startswith("Lavf")
    video = tuple(_video(stream, alone, still=still, ours=ours) for stream in streams if _is_picture(stream))
    told = container not in UNTIMED
    audio = tuple(_audio(stream, alone, told=told, ours=ours) for stream in streams if _is_sound(stream))
    if not video and not audio:
        raise SourceUnreadable(reason="no_tracks")
    if any(track.width * track.height > MOST_PIXELS for track in video):
        raise SourceUnreadable(reason="too_many_pixels")
    return MediaFacts(
        container=container,
        size=size,
        duration=None if still else _less(_positive(general.get("duration")), general, ours=ours) or _measured(general),
        bitrate=None if still else _whole(general.get("bit_rate")),
        start=_fraction(general.get("start_time")),
        video=video,
        audio=audio,
        chapters=len(document["chapters"]) if "chapters" in document else None,
        subtitles=sum(stream.get("codec_type") == "subtitle" for stream in streams),
    )


def lasts_unsaid(document: Mapping[str, Any]) -> bool:
    """Whether ffprobe could not tell how long a file is that was written as it came."""
    general = document.get("format", {})
    return str(general.get("format_name", "")).startswith("matroska") and _positive(general.get("duration")) is None


def _less(duration: Fraction | None, where: Mapping[str, Any], *, ours: bool) -> Fraction | None:
    """Without the seconds before the beginning, where FFmpeg's muxer has counted them and there are any."""
    start = _fraction(where.get("start_time")) or Fraction(0)
    return duration - start if ours and duration is not None and 1 <= start < duration else duration


def _measured(general: Mapping[str, Any]) -> Fraction | None:
    """From the beginning to the ``end`` that was found where the file tells no duration."""
    end, start = _fraction(general.get("end")), _fraction(general.get("start_time")) or Fraction(0)
    return end - start if end is not None and end > start else None


def _is_picture(stream: Mapping[str, Any]) -> bool:
    """A cover that is attached to the file is not its picture."""
    attached = stream.get("disposition", {}).get("attached_pic")
    return stream.get("codec_type") == "video" and not attached and bool(stream.get("width") and stream.get("height"))


def _is_sound(stream: Mapping[str, Any]) -> bool:
    return stream.get("codec_type") == "audio" and _whole(stream.get("sample_rate")) is not None


def _video(stream: Mapping[str, Any], bitrate: int | None, *, still: bool, ours: bool) -> VideoFacts:
    width, height = int(stream["width"]), int(stream["height"])
    pixel_aspect = _positive(stream.get("sample_aspect_ratio"))
    guess = _positive(stream.get("r_frame_rate"))
    rate = _positive(stream.get("avg_frame_rate")) or (guess if guess and guess <= FASTEST else None)
    return VideoFacts(
        codec=str(stream["codec_name"]),
        width=width,
        height=height,
        profile=_text(stream.get("profile")),
        frame_rate=None if still else rate,
        bitrate=_bitrate(stream) or bitrate,
        duration=None if still else _less(_duration(stream), stream, ours=ours),
        pixel_format=_text(stream.get("pix_fmt")),
        pixel_aspect=pixel_aspect,
        display_aspect=Fraction(width, height) * (pixel_aspect or 1),
        rotation=_rotation(stream),
        frames=_whole(stream.get("nb_frames")),
        interlaced=stream.get("field_order") in INTERLACED,
        transfer=_text(stream.get("color_transfer")),
        primaries=_text(stream.get("color_primaries")),
        matrix=_text(stream.get("color_space")),
    )


def _audio(stream: Mapping[str, Any], bitrate: int | None, *, told: bool, ours: bool) -> AudioFacts:
    language = _text(_tags(stream).get("language"))
    return AudioFacts(
        codec=str(stream["codec_name"]),
        sample_rate=_whole(stream.get("sample_rate")),
        channels=_whole(stream.get("channels")),
        profile=_text(stream.get("profile")),
        bitrate=_bitrate(stream) or bitrate,
        duration=_less(_duration(stream), stream, ours=ours) if told else None,
        language=None if language == "und" else language,
        bits=_whole(stream.get("bits_per_raw_sample")) or _whole(stream.get("bits_per_sample")),
    )


def _tags(stream: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in stream.get("tags", {}).items()}


def _bitrate(stream: Mapping[str, Any]) -> int | None:
    """Matroska has it, if at all, in a tag."""
    return _whole(stream.get("bit_rate")) or _whole(_tags(stream).get("bps"))


def _duration(stream: Mapping[str, Any]) -> Fraction | None:
    """Matroska has it in a tag, as ``00:00:02.002000000``."""
    match = re.fullmatch(r"(\d{1,9}):(\d\d):(\d\d(?:\.\d{1,20})?)", str(_tags(stream).get("duration", "")))
    tagged = int(match[1]) * 3600 + int(match[2]) * 60 + Fraction(match[3]) if match else None
    return _positive(stream.get("duration")) or tagged or None


def _rotation(stream: Mapping[str, Any]) -> int:
    """FFmpeg counts anticlockwise, from a matrix that says how to put the picture upright."""
    turns = [side["rotation"] for side in stream.get("side_data_list", ()) if "rotation" in side]
    turn = _fraction(turns[0]) if turns else None
    return round(-turn) % 360 if turn is not None else 0


def _text(value: object) -> str | None:
    return None if value is None or str(value) in UNKNOWN else str(value)


def _fraction(value: object) -> Fraction | None:
    """``30000/1001``, ``16:9`` or ``2.002``; None for anything else and for a zero below the line."""
    text = str(value)
    return _parsed(text) if NUMBER.fullmatch(text) else None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Fraction | None:
    """Rates, aspects and the like are the same in file after file."""
    try:
        return Fraction(text.replace(":", "/"))
    except (ValueError, ZeroDivisionError):
        return None


def _positive(value: object) -> Fraction | None:
    number = _fraction(value)
    return number if number is not None and number > 0 else None


def _whole(value: object) -> int | None:
    if type(value) is int:  # as nearly all of them are
        return value if value > 0 else None
    number = _positive(value)
    return int(number) if number is not None else None
