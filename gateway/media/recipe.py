"""Clips that are made from their name: ``bars-10s-1280x720-30fps.mp4`` is ten seconds of moving bars and a tone.

``<pattern>[-<seconds>s][-<width>x<height>][-<rate>fps][-silent].<extension>``, parts in any order. ``bars`` has the
time and the frame number burned in; ``mandelbrot`` is harder to encode. What is not said is 10s, 1280x720, 30fps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.faults import Invalid, NotFound
from mediaglot.gateway.media.tool import Tool

PATTERNS: Final = {"bars": "testsrc2", "mandelbrot": "mandelbrot"}
"""Pattern -> the FFmpeg source that draws it."""

RATES: Final = {"23.976": Fraction(24000, 1001), "29.97": Fraction(30000, 1001), "59.94": Fraction(60000, 1001)}
LONGEST: Final = 3600
SIDES: Final = (16, 4096)
FASTEST: Final = 120
MOST_PIXELS: Final = 1920 * 1080 * 30 * 600
"""Of all pictures together: ten minutes of 1080p, about two minutes' work."""

H264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
AAC: Final = ("-c:a", "aac", "-b:a", "128k")
MP3: Final = ("-c:a", "libmp3lame", "-b:a", "128k")
VP8: Final = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "2M", "-pix_fmt", "yuv420p")
FASTSTART: Final = ("-movflags", "+faststart")

# extension -> (video options, sound options, muxer options); stills have no sound, sound files no video.
KINDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]] = {
    "mp4": (H264, AAC, (*FASTSTART, "-f", "mp4")),
    "mov": (H264, AAC, (*FASTSTART, "-f", "mov")),
    "mkv": (H264, AAC, ("-f", "matroska")),
    "ts": (H264, AAC, ("-f", "mpegts")),
    "flv": (H264, AAC, ("-f", "flv")),
    "webm": (VP8, ("-c:a", "libopus", "-b:a", "96k"), ("-f", "webm")),
    "avi": (("-c:v", "mpeg4", "-q:v", "4", "-pix_fmt", "yuv420p"), MP3, ("-f", "avi")),
    "mp3": ((), MP3, ("-f", "mp3")),
    "m4a": ((), AAC, (*FASTSTART, "-f", "ipod")),
    "wav": ((), ("-c:a", "pcm_s16le"), ("-f", "wav")),
    "jpg": (("-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p", "-frames:v", "1"), (), ("-f", "mjpeg")),
    "png": (("-c:v", "png", "-frames:v", "1"), (), ("-f", "image2", "-update", "1")),
}

PARTS: Final = {
    "seconds": re.compile(r"(\d{1,5}(?:\.\d{1,3})?)s"),
    "size": re.compile(r"(\d{1,5})x(\d{1,5})"),
    "fps": re.compile(r"(\d{1,3}(?:\.\d{1,3})?)fps"),
    "silent": re.compile(r"(silent)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    pattern: str = "bars"
    seconds: Fraction = Fraction(10)
    width: int = 1280
    height: int = 720
    fps: Fraction = Fraction(30)
    silent: bool = False
    extension: str = "mp4"

    @property
    def has_video(self) -> bool:
        return bool(KINDS[self.extension][0])

    @property
    def has_sound(self) -> bool:
        return bool(KINDS[self.extension][1]) and not self.silent

    @property
    def is_still(self) -> bool:
        return not KINDS[self.extension][1]

    @property
    def name(self) -> str:
        """The one spelling that all spellings of this recipe share."""
        parts = [self.pattern]
        if not self.is_still:
            parts.append(f"{_decimal(self.seconds)}s")
        if self.has_video:
            parts.append(f"{self.width}x{self.height}")
        if self.has_video and not self.is_still:
            parts.append(f"{next((text for text, rate in RATES.items() if rate == self.fps), self.fps)}fps")
        return "-".join([*parts, *(["silent"] if self.silent else [])]) + f".{self.extension}"


def parse(name: str) -> Recipe:
    """Raises NotFound for an unknown ``part`` (pattern or extension), Invalid for a part that can't be used."""
    stem, _, extension = name.lower().rpartition(".")
    pattern, *words = stem.split("-")
    for part, text, known in (("extension", extension, KINDS), ("pattern", pattern, PATTERNS)):
        if text not in known:
            raise NotFound(kind="media", id=name, part=part)
    said: dict[str, re.Match[str]] = {}
    for word in words:
        part, match = _part(word)
        if part in said:
            raise Invalid(field=part, value=word, reason="said twice")
        said[part] = match
    recipe = Recipe(pattern=pattern, extension=extension, **_values(said))
    _check(recipe, said)
    return recipe


def _part(word: str) -> tuple[str, re.Match[str]]:
    for part, pattern in PARTS.items():
        if match := pattern.fullmatch(word):
            return part, match
    raise Invalid(field="part", value=word, reason="not <seconds>s, <width>x<height>, <rate>fps or silent")


def _values(said: dict[str, re.Match[str]]) -> dict[str, Any]:
    values: dict[str, Any] = {"silent": "silent" in said}
    if "seconds" in said:
        values["seconds"] = Fraction(said["seconds"][1])
    if "size" in said:
        values |= {"width": int(said["size"][1]), "height": int(said["size"][2])}
    if "fps" in said:
        values["fps"] = RATES.get(said["fps"][1]) or Fraction(said["fps"][1])
    return values


def _check(recipe: Recipe, said: dict[str, re.Match[str]]) -> None:
    useless = {"seconds", "fps", "silent"} if recipe.is_still else {"size", "fps", "silent"} - _useful(recipe)
    for part in sorted(useless & said.keys()):
        raise Invalid(field=part, value=said[part][0], reason=f"means nothing for .{recipe.extension}")
    sides, pictures = (recipe.width, recipe.height), 1 if recipe.is_still else recipe.fps * recipe.seconds
    least, most = SIDES
    checks = (
        ("seconds", Fraction(1, 10) <= recipe.seconds <= LONGEST, f"0.1 to {LONGEST}"),
        ("size", all(least <= side <= most and side % 2 == 0 for side in sides), f"even, {least} to {most}"),
        ("fps", 1 <= recipe.fps <= FASTEST, f"1 to {FASTEST}"),
        ("fps", recipe.fps in RATES.values() or recipe.fps.denominator == 1, f"whole or one of {', '.join(RATES)}"),
        ("seconds", recipe.width * recipe.height * pictures <= MOST_PIXELS, "too much picture in all"),
    )
    for part, good, reason in checks:
        if not good:
            raise Invalid(field=part, value=said[part][0] if part in said else None, reason=reason)


def _useful(recipe: Recipe) -> set[str]:
    return {"size", "fps", "silent"} if recipe.has_video else set()


def argv(recipe: Recipe, tool: Tool, target: Path) -> list[str]:
    """The command line that makes it; the same bytes each time, with the same build of FFmpeg."""
    video, sound, muxer = KINDS[recipe.extension]
    line = [tool.path, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+warning"]
    line += ["-progress", "pipe:1", "-stats_period", "0.5", "-y"]
    if recipe.has_video:
        line += [
            "-f",
            "lavfi",
            "-i",
            f"{PATTERNS[recipe.pattern]}=size={recipe.width}x{recipe.height}:rate={recipe.fps}",
        ]
    if recipe.has_sound:
        line += ["-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=48000"]
    if recipe.has_video:
        line += [*video, "-g", str(round(recipe.fps * 2))]
    if recipe.has_sound:
        line += [*sound, "-ac", "2"]
    if not recipe.is_still:
        line += ["-t", _decimal(recipe.seconds)]
    # The number of threads is part of what an encoder writes.
    line += ["-threads", "4", "-fflags", "+bitexact", "-flags", "+bitexact", "-map_metadata", "-1"]
    return [*line, *muxer, str(target)]


def _decimal(value: Fraction) -> str:
    return f"{float(value):.3f}".rstrip("0").rstrip(".")
