"""Tables of what each encoder understands: profiles, pixel formats, effort, rates, fine settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """How an encoder is told its rate."""

    option: str = "-crf"
    scale: tuple[int, int] = (0, 51)
    """The best and the worst level of constant quality."""
    default: tuple[str, ...] = ()
    whole: bool = False
    """Levels are integers."""
    free: str | None = None
    """The bitrate that must be named beside a quality level, where it must."""
    capped: bool = True
    """Takes a greatest bitrate beside an average one."""
    passes: bool = False
    rising: bool = False
    """The encoder's own scale counts the other way round."""
    bounded: bool = False
    """Takes a least bitrate, and a buffer, beside a greatest only, as all of FFmpeg's own encoders do."""
    fills: bool = False
    """Keeps over a least bitrate by filling pictures up."""


_SCALE: Final = Control(option="-q:v", scale=(1, 31), default=("-q:v", "5"), whole=True, passes=True, bounded=True)
_PLAIN: Final = replace(_SCALE, passes=False)
_FILLS: Final = replace(_SCALE, fills=True)

CONTROLS: Final[Mapping[str, Control]] = {
    "libx264": Control(passes=True),
    "libx265": Control(passes=True),
    "libvpx": Control(scale=(4, 63), whole=True, free="20M", default=("-crf", "20", "-b:v", "20M"), passes=True),
    "libvpx-vp9": Control(scale=(0, 63), whole=True, free="0", default=("-crf", "33", "-b:v", "0"), passes=True),
    "libaom-av1": Control(scale=(0, 63), whole=True, free="0", default=("-crf", "33", "-b:v", "0"), passes=True),
    "libsvtav1": Control(scale=(0, 63), whole=True, default=("-crf", "35"), capped=False),
    "libtheora": Control(option="-q:v", scale=(0, 10), default=("-q:v", "7"), whole=True, capped=False, rising=True),
    "mpeg4": _FILLS,
    "mpeg2video": _FILLS,
    "mpeg1video": _FILLS,
    "flv": _SCALE,
    "h263": _SCALE,
    "wmv1": _SCALE,
    "wmv2": _SCALE,
    "mjpeg": _PLAIN,
}
"""Encoders that are not here have no rate to control."""

EFFORT: Final = (
    *("ultrafast", "superfast", "veryfast", "faster", "fast"),
    *("medium", "slow", "slower", "veryslow"),
)
DEFAULT_EFFORT: Final = "veryfast"


def _by_effort(*rows: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return dict(zip(EFFORT, rows, strict=True))


def _vpx(realtime: tuple[int, ...], good: tuple[int, ...], *more: str) -> dict[str, tuple[str, ...]]:
    quick = (("-deadline", "realtime", "-cpu-used", str(n), *more) for n in realtime)
    careful = (("-deadline", "good", "-cpu-used", str(n), *more) for n in good)
    return _by_effort(*quick, *careful)


_PRESETS: Final = _by_effort(*(("-preset", word) for word in EFFORT))

SPEEDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "libx264": _PRESETS,
    "libx265": _PRESETS,
    "libvpx": _vpx((16, 12, 8, 6), (5, 4, 3, 2, 1)),
    "libvpx-vp9": _vpx((8, 7, 6, 5), (5, 4, 3, 2, 1), "-row-mt", "1"),
    "libsvtav1": _by_effort(*(("-preset", str(n)) for n in (12, 11, 10, 9, 8, 7, 5, 4, 3))),
    "libaom-av1": _by_effort(
        *(("-usage", "realtime", "-cpu-used", str(n)) for n in (10, 9, 8, 7)),
        *(("-usage", "good", "-cpu-used", str(n)) for n in (6, 5, 4, 3, 2)),
    ),
}

CAREFUL: Final[Mapping[str, str]] = {"libvpx": "fast", "libvpx-vp9": "fast", "libaom-av1": "fast"}
"""The least effort of two passes, for those whose quick modes know one pass only."""

PROFILES: Final[Mapping[str, Mapping[str, str]]] = {
    "libx264": {name: name for name in ("baseline", "main", "high", "high10", "high422", "high444")},
    "libx265": {name: name for name in ("main", "main10", "main12", "main422-10", "main444-8", "main444-10")},
    "libvpx-vp9": {name: name for name in ("0", "1", "2", "3")},
    "libsvtav1": {"main": "main"},
    "libaom-av1": {"main": "main", "high": "high", "professional": "professional"},
    "mpeg2video": {"main": "main", "high": "high", "simple": "simple", "422": "422"},
    "prores_ks": {name: name for name in ("proxy", "lt", "standard", "hq", "4444", "4444xq")},
    "dnxhd": {name: f"dnxhr_{name}" for name in ("lb", "sq", "hq")},
}
DEFAULT_PROFILES: Final[Mapping[str, str]] = {"dnxhd": "dnxhr_sq", "prores_ks": "standard"}

_8BIT: Final = ("yuv420p", "yuv422p", "yuv444p")
_10BIT: Final = ("yuv420p10le", "yuv422p10le", "yuv444p10le")

PIXEL_FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "libx264": (*_8BIT, *_10BIT, "nv12"),
    "libx265": (*_8BIT, *_10BIT, "yuv420p12le"),
    "libvpx": ("yuv420p", "yuva420p"),
    "libvpx-vp9": (*_8BIT, *_10BIT, "yuva420p"),
    "libsvtav1": ("yuv420p", "yuv420p10le"),
    "libaom-av1": (*_8BIT, *_10BIT),
    "mpeg2video": ("yuv420p", "yuv422p"),
    "mjpeg": ("yuvj420p", "yuvj422p", "yuvj444p"),
    "prores_ks": ("yuv422p10le", "yuv444p10le", "yuva444p10le"),
    "dnxhd": ("yuv422p",),
    "libtheora": _8BIT,
    "gif": ("pal8",),
}
"""What an encoder takes, the default first; encoders that are not here take yuv420p only."""

_DEEP: Final = ("yuv420p10le", "yuv420p", "nv12")
PROFILE_FORMATS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "libx264": {
        **dict.fromkeys(("baseline", "main", "high"), ("yuv420p", "nv12")),
        "high10": _DEEP,
        "high422": ("yuv422p", "yuv422p10le", *_DEEP),
        "high444": ("yuv444p", "yuv444p10le", "yuv422p", "yuv422p10le", *_DEEP),
    },
    "libx265": {
        "main": ("yuv420p",),
        "main10": ("yuv420p10le", "yuv420p"),
        "main12": ("yuv420p12le", "yuv420p10le", "yuv420p"),
        "main422-10": ("yuv422p10le", "yuv422p", "yuv420p10le", "yuv420p"),
        "main444-8": ("yuv444p", "yuv422p", "yuv420p"),
        "main444-10": (*reversed(_10BIT), *_8BIT),
    },
    "libvpx-vp9": {
        "0": ("yuv420p", "yuva420p"),
        "1": ("yuv444p", "yuv422p"),
        "2": ("yuv420p10le",),
        "3": ("yuv444p10le", "yuv422p10le"),
    },
    "mpeg2video": {**dict.fromkeys(("simple", "main"), ("yuv420p",)), "422": ("yuv422p", "yuv420p")},
    "prores_ks": dict.fromkeys(("4444", "4444xq"), ("yuv444p10le", "yuva444p10le", "yuv422p10le")),
}
"""Profiles that allow not all that the encoder takes, or have another default."""


def pixel_formats(encoder: str, profile: str | None) -> tuple[str, ...]:
    """Those that there can be, the default first."""
    of_all = PIXEL_FORMATS.get(encoder, ("yuv420p",))
    return PROFILE_FORMATS.get(encoder, {}).get(profile or "", of_all)


SIZES: Final[Mapping[str, tuple[tuple[int, int], ...]]] = {
    "h263": ((128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152)),
}
SMALLEST: Final[Mapping[str, tuple[int, int]]] = {"dnxhd": (256, 120), "libsvtav1": (64, 64), "libx265": (32, 32)}

_MPEG: Final = tuple(
    Fraction(text) for text in ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
)
FRAME_RATES: Final[Mapping[str, tuple[Fraction, ...]]] = {"mpeg1video": _MPEG, "mpeg2video": _MPEG}

_INT: Final = r"-?\d{1,6}"
_NUM: Final = r"-?\d{1,6}(\.\d{1,6})?"


def _flags(more: str = "") -> str:
    """The pattern of ``+cgop-gray`` and the like; with others than these its encoder fails, or ignores them."""
    return rf"([+-]({'|'.join(f'cgop psnr bitexact {more}'.split())}))+"


_COMMON: Final = {"qmin": _INT, "qmax": _INT, "qdiff": _INT, "keyint_min": _INT, "sc_threshold": _INT, "bf": _INT}
_X264: Final = {
    **_COMMON,
    "coder": r"0|1|vlc|ac|cavlc|cabac",
    "cmp": r"\+?chroma|\d{1,4}",
    "subq": r"\d{1,2}",
    "me_range": _INT,
    "qcomp": _NUM,
    "qblur": _NUM,
    "trellis": r"[0-2]",
    "refs": r"\d{1,2}",
    "b_strategy": r"[0-2]",
    "i_qfactor": _NUM,
    "b_qfactor": _NUM,
    "direct-pred": r"[0-3]|none|spatial|temporal|auto",
    "motion-est": r"dia|hex|umh|esa|tesa",
    "wpredp": r"[0-2]",
    "weightb": r"[01]",
    "psy": r"[01]",
    "psy-rd": rf"{_NUM}:{_NUM}",
    "deblock": r"-?\d:-?\d",
    "aq-mode": r"[0-3]",
    "aq-strength": _NUM,
    "rc-lookahead": r"\d{1,3}",
    "chromaoffset": r"-?\d{1,2}",
    "cplxblur": _NUM,
    "mbtree": r"[01]",
    "8x8dct": r"[01]",
    "mixed-refs": r"[01]",
    "fast-pskip": r"[01]",
    "b-pyramid": r"none|strict|normal",
    "partitions": r"all|none|[pib]\d{1,2}x\d{1,2}(,[pib]\d{1,2}x\d{1,2})*",
    "rc_init_occupancy": r"\d{1,10}",
    "slices": r"\d{1,3}",
    "level": r"1b|\d{1,2}|\d\.\d",
    "flags": rf"({_flags('ildct ilme')}|[+]loop)+",
}
_MPEG_TUNE: Final = {
    **_COMMON,
    "qcomp": _NUM,
    "qblur": _NUM,
    "trellis": r"[0-2]",
    "i_qfactor": _NUM,
    "b_qfactor": _NUM,
    "b_strategy": r"[0-2]",
    "cmp": r"sad|sse|satd|dct|psnr|bit|rd|zero|vsad|vsse|nsse|\d{1,4}",
    "rc_init_occupancy": r"\d{1,10}",
    "slices": r"\d{1,3}",
    "dc": r"[0-8]",
}
TUNES: Final[Mapping[str, Mapping[str, str]]] = {
    "libx264": _X264,
    "libx265": {**_COMMON, "refs": r"[1-6]", "qcomp": _NUM, "qblur": _NUM, "i_qfactor": _NUM, "b_qfactor": _NUM},
    "libvpx": {"qmin": _INT, "qmax": _INT, "slices": r"\d"},
    "libvpx-vp9": {"qmin": _INT, "qmax": _INT},
    "libaom-av1": {"qmin": _INT, "qmax": _INT},
    "mpeg4": {**_MPEG_TUNE, "flags": _flags("loop aic mv4 qpel gray ildct ilme")},
    "mpeg2video": {**_MPEG_TUNE, "flags": _flags("gray ildct ilme low_delay")},
    "mpeg1video": {**_MPEG_TUNE, "flags": _flags("gray")},
    "flv": {**_MPEG_TUNE, "flags": _flags("loop mv4 gray")},
    "h263": {**_MPEG_TUNE, "flags": _flags("loop mv4 gray")},
    "wmv1": {**_MPEG_TUNE, "flags": _flags("loop gray")},
    "wmv2": {**_MPEG_TUNE, "flags": _flags("loop gray")},
}
"""The fine settings that pass, per encoder, with the pattern that a value must match whole."""


class Band(NamedTuple):
    """What sound of at most so many hertz can have, in bits per second for each channel."""

    hertz: int
    least: int = 0
    most: int = 10_000_000
    paired: int | None = None
    """The least where there are two channels, which are coded together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """An audio encoder's limits. Empty means free."""

    sample_rates: tuple[int, ...] = ()
    channels: int = 8
    bitrates: tuple[int, ...] = ()
    slower: tuple[tuple[int, tuple[int, ...]], ...] = ()
    """Other bitrates for sound of at most so many hertz, the fewest first."""
    least: int = 0
    """Bits per second, for all channels together."""
    bands: tuple[Band, ...] = ()
    """The fewest hertz first."""
    layouts: tuple[str, ...] = ()
    """The only arrangements of channels: of one, of two and so on."""
    default: int | None = None
    """Bits per second, where the encoder has no sensible default of its own."""
    options: tuple[str, ...] = ()
    lossless: bool = False

    def nearest(self, bitrate: int, sample_rate: int | None, channels: int) -> int:
        """The bitrate that the encoder has for such sound, as near as can be."""
        rate = sample_rate or 48_000
        band = next((one for one in self.bands if rate <= one.hertz), Band(rate))
        low = band.least if channels != 2 or band.paired is None else band.paired
        least, most = max(self.least, low * channels), band.most * channels
        known = next((rates for hertz, rates in self.slower if rate <= hertz), self.bitrates)
        possible = [one for one in known if least <= one <= most]
        return min(possible, key=lambda one: abs(one - bitrate)) if possible else max(least, min(bitrate, most))


def _kilo(*rates: int) -> tuple[int, ...]:
    return tuple(rate * 1000 for rate in rates)


_MPEG_RATES: Final = (48000, 44100, 32000, 24000, 22050, 16000)
_AAC_RATES: Final = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_LAYER_3: Final = _kilo(32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_LAYER_2: Final = _kilo(32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)
_HALVED: Final = _kilo(8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_DOLBY: Final = (*_LAYER_3, *_kilo(384, 448, 512, 576, 640))

_VORBIS: Final = (
    Band(9_000, 8_000, 42_000, 6_000),
    Band(15_000, 12_000, 50_000, 8_000),
    Band(19_000, 16_000, 100_000, 12_000),
    Band(26_000, 16_000, 90_000, 15_000),
    Band(40_000, 30_000, 190_000, 18_000),
    Band(50_000, 32_000, 240_000, 22_500),
)
"""Between them libvorbis keeps to a bitrate; beyond them it gives up."""
_SURROUND: Final = Band(48_000, 10_600, 680_000, 0)
"""With more than two channels fewer bits may not suffice, and then the encoders of Dolby's codecs give up."""
_WMA: Final = Voice(sample_rates=(48000, 44100, 32000, 22050, 16000), channels=2, least=24_000, default=128_000)

VOICES: Final[Mapping[str, Voice]] = {
    # 6144 bits for a channel's frame of 1024 samples
    "aac": Voice(sample_rates=_AAC_RATES, bands=tuple(Band(rate, most=6 * rate) for rate in reversed(_AAC_RATES))),
    "libmp3lame": Voice(
        sample_rates=(*_MPEG_RATES, 12000, 11025, 8000),
        channels=2,
        bitrates=_LAYER_3,
        slower=((12000, _HALVED[:8]), (24000, _HALVED)),
        default=128_000,
    ),
    "libopus": Voice(
        sample_rates=(48000, 24000, 16000, 12000, 8000),
        least=6000,
        bands=(Band(48_000, most=256_000),),
        layouts=("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1"),
        default=128_000,
    ),
    "libvorbis": Voice(sample_rates=(*_MPEG_RATES, 12000, 11025, 8000), bands=_VORBIS),
    "ac3": Voice(sample_rates=(48000, 44100, 32000), channels=6, bitrates=_DOLBY, bands=(_SURROUND,), default=192_000),
    "eac3": Voice(sample_rates=(48000, 44100, 32000), channels=6, least=32_000, bands=(_SURROUND,), default=192_000),
    "wmav1": _WMA,
    "wmav2": _WMA,
    "mp2": Voice(sample_rates=(48000, 44100, 32000), channels=2, bitrates=_LAYER_2, default=192_000),
    "libopencore_amrnb": Voice(
        sample_rates=(8000,),
        channels=1,
        bitrates=(4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200),
        default=12_200,
    ),
    # in MP4 it is an experiment to FFmpeg 5
    "flac": Voice(options=("-sample_fmt", "s16", "-strict", "experimental"), lossless=True),
    "alac": Voice(options=("-sample_fmt", "s16p"), lossless=True),
    "pcm_s16le": Voice(lossless=True),
}

AUDIO_PROFILES: Final[Mapping[str, Mapping[str, str]]] = {"aac": {"lc": "aac_low", "aac_low": "aac_low"}}
