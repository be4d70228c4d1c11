"""How many bits a track would have: from what its encoder is told, and from what it is known to need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from mediaglot.gateway.media.format import ENCODERS
from mediaglot.gateway.media.size import Picture
from mediaglot.gateway.model import StillFormat

CODECS: Final[Mapping[str, str]] = {encoder: codec for codec, many in ENCODERS.items() for encoder in many}
"""An encoder to its coding format."""
BITS_PER_PIXEL: Final[Mapping[str, float]] = {
    "h264": 0.09,
    "hevc": 0.055,
    "av1": 0.045,
    "vp9": 0.06,
    "vp8": 0.1,
    "theora": 0.16,
    "gif": 2.5,
    "mpeg4": 0.15,
    "mpeg2video": 0.22,
    "mpeg1video": 0.25,
    "flv1": 0.18,
    "h263": 0.2,
    "wmv1": 0.18,
    "wmv2": 0.16,
    "mjpeg": 1.1,
    "prores": 2.4,
    "dnxhd": 2.0,
}
USUAL: Final[Mapping[str, int]] = {"h264": 23, "hevc": 28, "vp8": 20, "vp9": 33, "av1": 35}
"""The level of constant quality at which a codec needs those bits; six steps are a factor of two."""
SOUND_BITS: Final[Mapping[str, float]] = {"pcm_s16le": 16.0, "flac": 9.0, "alac": 9.5}
"""Bits of a sample, of formats that lose nothing."""
STILL_BYTES: Final[Mapping[StillFormat, float]] = {
    StillFormat.JPEG: 0.12,
    StillFormat.PNG: 1.3,
    StillFormat.WEBP: 0.08,
    StillFormat.GIF: 0.5,
}
"""Of a pixel."""


def option(options: Sequence[str], name: str) -> str | None:
    """The value of an encoder's option."""
    return options[options.index(name) + 1] if name in options else None


def video_bits(codec: str, picture: Picture, rate: Fraction, options: Sequence[str]) -> int:
    """A second."""
    told, level, scale = (option(options, name) for name in ("-b:v", "-crf", "-q:v"))
    need = BITS_PER_PIXEL.get(codec, 0.1) * picture.width * picture.height * float(rate)
    if level is not None:
        need *= 2.0 ** ((USUAL.get(codec, 23) - float(level)) / 6)
    elif scale is not None:
        need *= 5 / max(1.0, float(scale))
    elif told is not None and told.isdigit():
        need = float(told)
    most = option(options, "-maxrate")
    return max(1000, int(min(need, float(most)) if most is not None and most.isdigit() else need))


def audio_bits(codec: str, sample_rate: int, channels: int, options: Sequence[str]) -> int:
    told = option(options, "-b:a")
    if codec in SOUND_BITS:
        return int(SOUND_BITS[codec] * sample_rate * channels)
    return int(told) if told is not None and told.isdigit() else 64_000 * channels


def still_bytes(kind: StillFormat, width: int, height: int, quality: int | None) -> int:
    return int(400 + STILL_BYTES[kind] * width * height * (0.4 + (80 if quality is None else quality) / 130))
