"""What a track of an output shall be: sizes, rates, filters, video and audio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Final

from mediaglot.gateway.model.place import EMPTY, essential
from mediaglot.gateway.model.quick import quick


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what the source has: ``Share(Fraction(1, 2))`` is half its width, bitrate or duration.

    Where a job names a rotation, its sides are those before.
    """

    of_source: Fraction


@dataclass(frozen=True, slots=True)
class Skip:
    """Leave this kind of track out of the output."""


SKIP: Final = Skip()
COPY: Final = "copy"


class Fit(StrEnum):
    """What to do when a size has another shape than the picture."""

    STRETCH = "stretch"
    PAD = "pad"
    CROP = "crop"
    INSIDE = "inside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Pixels, or shares of the source. A missing side follows from the aspect ratio."""

    width: int | Share | None = None
    height: int | Share | None = None
    fit: Fit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    bitrate: int
    padded: bool = False
    """Fill up to the bitrate (HRD conformance), not only cap it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Average:
    bitrate: int | Share | None = None
    least: int | None = None
    most: int | None = None
    buffer: int | None = None
    at_most_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Constant quality on the encoder's own scale (CRF): less is better."""

    level: Fraction
    most: int | None = None
    buffer: int | None = None


Rate = Constant | Average | Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRate:
    value: Fraction
    at_most: bool = False
    """Only reduce a faster source; leave a slower one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFrames:
    """Distance between key frames in frames or seconds, and positions (seconds) that must have one."""

    frames: int | None = None
    seconds: Fraction | None = None
    at: tuple[Fraction, ...] = ()
    every: Fraction | None = None
    closed: bool | None = None
    scene_cuts: bool | None = None
    """False keeps the encoder from setting further ones where the picture changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0


class Deinterlace(StrEnum):
    OFF = "off"
    ON = "on"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Denoise:
    """Strengths on the hqdn3d scale."""

    luma_spatial: Fraction
    chroma_spatial: Fraction
    luma_temporal: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Fade:
    """Seconds on the output's own timeline."""

    start: Fraction
    duration: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Color:
    range: str | None = None
    primaries: str | None = None
    transfer: str | None = None
    matrix: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """``codec`` is a coding format (h264, hevc, vp9 ...) or ``copy``; never an encoder's name."""

    codec: str | None = essential()
    size: Size | None = essential()
    most: Size | None = None
    """A larger picture is made smaller, in its own shape, until it fits into these pixels."""
    rate: Rate | None = None
    frame_rate: FrameRate | None = None
    key_frames: KeyFrames | None = None
    profile: str | None = None
    level: str | None = None
    b_frames: int | None = None
    references: int | None = None
    passes: int | None = None
    pixel_format: str | None = None
    display_aspect: Fraction | None = None
    pixel_aspect: Fraction | None = None
    crop: Edges | None = essential()
    pad: Edges | None = None
    rotate: int | None = essential()
    """Degrees clockwise; None follows the source's display matrix, 0 ignores it."""
    tag_rotation: int | None = None
    deinterlace: Deinterlace | None = None
    field_order: str | None = None
    denoise: Denoise | None = None
    fade_in: Fade | None = None
    fade_out: Fade | None = None
    sync: str | None = None
    scaler: str | None = None
    color: Color | None = None
    speed: str | None = None
    """An effort word of the encoder, from ultrafast to veryslow."""
    tune: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Fine settings of the encoder by FFmpeg's option names, each on the planner's allow-list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """EBU R128 targets: LUFS, LU and dBTP."""

    integrated: Fraction
    range: Fraction | None = None
    peak: Fraction | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Audio:
    codec: str | None = essential()
    bitrate: int | Share | None = None
    at_most_source: bool = False
    sample_rate: int | None = None
    most_sample_rate: int | None = None
    channels: int | None = None
    most_channels: int | None = None
    profile: str | None = None
    language: str | None = None
    """What the output's track is marked with, ISO 639 or RFC 5646."""
    track: int | None = None
    """Which of the source's sounds to take, counted from 1. Without a word the first."""
    source_language: str | None = None
    """Take the source's first sound in this language, where ``track`` does not say which."""
    volume: Fraction | None = None
    """A factor: 1 leaves the level alone."""
    loudness: Loudness | None = None
    fade_in: Fade | None = None
    fade_out: Fade | None = None
    resync: int | None = None
