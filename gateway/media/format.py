"""Tables: containers, the encoders of each coding format, and the formats of overlays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from mediaglot.gateway.model import EMPTY

PICTURE_FORMATS: Final = "png_pipe,jpeg_pipe,webp_pipe,bmp_pipe,gif"
"""Demuxers for overlays; sources have their list in ``guard``."""

VARIABLE: Final = frozenset({"avi", "flv", "gif", "matroska", "mov", "mp4", "mpegts", "webm"})
"""Muxers for which FFmpeg leaves pictures at their moments. For others it makes a steady stream, of whatever rate it
guesses."""

ENCODERS: Final[Mapping[str, tuple[str, ...]]] = {
    "h264": ("libx264",),
    "hevc": ("libx265",),
    "vp8": ("libvpx",),
    "vp9": ("libvpx-vp9",),
    "av1": ("libsvtav1", "libaom-av1"),
    "mpeg4": ("mpeg4",),
    "mpeg2video": ("mpeg2video",),
    "mpeg1video": ("mpeg1video",),
    "mjpeg": ("mjpeg",),
    "flv1": ("flv",),
    "h263": ("h263",),
    "wmv1": ("wmv1",),
    "wmv2": ("wmv2",),
    "prores": ("prores_ks",),
    "dnxhd": ("dnxhd",),
    "theora": ("libtheora",),
    "gif": ("gif",),
    "aac": ("aac",),
    "mp3": ("libmp3lame",),
    "opus": ("libopus",),
    "vorbis": ("libvorbis",),
    "ac3": ("ac3",),
    "eac3": ("eac3",),
    "wmav1": ("wmav1",),
    "wmav2": ("wmav2",),
    "mp2": ("mp2",),
    "amr_nb": ("libopencore_amrnb",),
    "flac": ("flac",),
    "pcm_s16le": ("pcm_s16le",),
    "alac": ("alac",),
    "png": ("png",),
    "webp": ("libwebp",),
}
"""Coding format, by FFmpeg's name of it, to its encoders in order of preference."""


class Nature(StrEnum):
    """Which tracks a container is for. An ``EITHER`` may go without pictures where the source has none."""

    VIDEO = "video"
    AUDIO = "audio"
    EITHER = "either"


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One neutral container name. ``video`` and ``audio`` are what it may hold, the default first."""

    muxer: str
    extension: str
    nature: Nature = Nature.VIDEO
    video: tuple[str, ...] = ()
    audio: tuple[str, ...] = ()
    copies: frozenset[str] = frozenset()
    """Further coding formats that it takes by stream copy."""
    options: tuple[str, ...] = ()
    chapters: bool = True
    reorders: bool = True
    """It says when each picture shows. Without, pictures must come in the order in which they show."""
    stamped: bool = True
    """It says when each sound is heard. Without, silence must fill what is missing."""
    tags: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    """Coding format to the four letters that players expect here."""
    sample_rates: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: EMPTY)
    """Coding format to the only sample rates that it may have here."""
    channels: Mapping[str, int] = field(default_factory=lambda: EMPTY)
    """Coding format to the most channels that it may have here."""
    from_zero: bool = True
    """Copied packets may be moved to begin at zero; not where other files share their timeline."""


_PCM: Final = frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le", "pcm_u8"})
_FAST: Final = ("-movflags", "+faststart")
_HVC1: Final = {"hevc": "hvc1"}
_MP4_AUDIO: Final = ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac")
_ADTS: Final = {"aac": 7}
_FLV_RATES: Final = {"mp3": (44100, 22050, 11025)}
_ASF: Final = Container(
    muxer="asf", extension="wmv", video=("wmv2", "wmv1", "mpeg4"), audio=("wmav2", "wmav1", "mp3", "aac")
)

CONTAINERS: Final[Mapping[str, Container]] = {
    "mp4": Container(
        muxer="mp4",
        extension="mp4",
        video=("h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"),
        audio=_MP4_AUDIO,
        copies=frozenset({"vorbis"}),
        options=_FAST,
        tags=_HVC1,
    ),
    "m4v": Container(
        muxer="ipod", extension="m4v", video=("h264", "mpeg4"), audio=("aac", "ac3", "alac"), options=_FAST
    ),
    "mov": Container(
        muxer="mov",
        extension="mov",
        video=("h264", "hevc", "prores", "dnxhd", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"),
        audio=("aac", "pcm_s16le", "alac", "ac3", "eac3", "mp3", "mp2"),
        copies=_PCM,
        options=_FAST,
        tags=_HVC1,
    ),
    "flv": Container(
        muxer="flv", extension="flv", video=("h264", "flv1"), audio=("aac", "mp3"), sample_rates=_FLV_RATES
    ),
    "3gp": Container(
        muxer="3gp", extension="3gp", video=("h264", "mpeg4", "h263"), audio=("aac", "amr_nb"), options=_FAST
    ),
    "webm": Container(muxer="webm", extension="webm", video=("vp9", "vp8", "av1"), audio=("opus", "vorbis")),
    "mkv": Container(
        muxer="matroska",
        extension="mkv",
        nature=Nature.EITHER,
        video=(
            *("h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "mpeg1video"),
            *("mjpeg", "theora", "prores", "wmv2", "wmv1"),
        ),
        audio=("aac", "mp3", "opus", "vorbis", "ac3", "eac3", "flac", "mp2", "pcm_s16le", "alac", "wmav2"),
        copies=_PCM | {"dts", "truehd", "vc1", "ffv1", "mp1", "h263", "flv1", "dnxhd"},
    ),
    "ogg": Container(
        muxer="ogg",
        extension="ogg",
        nature=Nature.EITHER,
        video=("theora", "vp8"),
        audio=("vorbis", "opus", "flac"),
    ),
    "wmv": _ASF,
    "asf": _ASF,
    "wma": Container(muxer="asf", extension="wma", nature=Nature.AUDIO, audio=("wmav2", "wmav1")),
    "mpeg1": Container(muxer="mpeg", extension="mpg", video=("mpeg1video",), audio=("mp2", "mp3")),
    "mpeg2": Container(muxer="vob", extension="mpg", video=("mpeg2video", "mpeg1video"), audio=("mp2", "mp3", "ac3")),
    "mpegts": Container(
        muxer="mpegts",
        extension="ts",
        video=("h264", "hevc", "mpeg2video", "mpeg1video", "mpeg4"),
        audio=("aac", "mp3", "mp2", "ac3", "eac3", "opus"),
        channels=_ADTS,
    ),
    "avi": Container(
        muxer="avi",
        extension="avi",
        video=("mpeg4", "h264", "mjpeg", "mpeg2video", "mpeg1video", "wmv2", "wmv1"),
        audio=("mp3", "ac3", "pcm_s16le", "mp2", "wmav2"),
        copies=_PCM,
        reorders=False,
        stamped=False,
    ),
    "dnxhd": Container(muxer="mov", extension="mov", video=("dnxhd",), audio=("pcm_s16le", "aac"), copies=_PCM),
    "gif": Container(muxer="gif", extension="gif", video=("gif",), options=("-loop", "0")),
    "mp3": Container(
        muxer="mp3",
        extension="mp3",
        nature=Nature.AUDIO,
        stamped=False,
        audio=("mp3",),
        options=("-id3v2_version", "3"),
    ),
    "m4a": Container(muxer="ipod", extension="m4a", nature=Nature.AUDIO, audio=("aac", "alac", "ac3"), options=_FAST),
    "aac": Container(muxer="adts", extension="aac", nature=Nature.AUDIO, stamped=False, audio=("aac",), channels=_ADTS),
    "wav": Container(
        muxer="wav", extension="wav", nature=Nature.AUDIO, stamped=False, audio=("pcm_s16le",), copies=_PCM
    ),
    "flac": Container(muxer="flac", extension="flac", nature=Nature.AUDIO, stamped=False, audio=("flac",)),
    "ac3": Container(muxer="ac3", extension="ac3", nature=Nature.AUDIO, stamped=False, audio=("ac3",)),
    "eac3": Container(muxer="eac3", extension="eac3", nature=Nature.AUDIO, stamped=False, audio=("eac3",)),
    "opus": Container(muxer="opus", extension="opus", nature=Nature.AUDIO, audio=("opus",)),
    "mp2": Container(muxer="mp2", extension="mp2", nature=Nature.AUDIO, stamped=False, audio=("mp2",)),
    "amr": Container(muxer="amr", extension="amr", nature=Nature.AUDIO, stamped=False, audio=("amr_nb",)),
}
DEFAULT_CONTAINER: Final = "mp4"

_FRAGMENTS: Final = (
    *("-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", "init.mp4", "-hls_segment_options"),
    "movflags=+frag_discont:use_editlist=0:avoid_negative_ts=make_non_negative",
)
"""Fragments that carry their true times: browsers pass over the edit lists that would correct others."""

SEGMENTED: Final[Mapping[bool, Container]] = {
    False: Container(
        muxer="hls",
        extension="ts",
        nature=Nature.EITHER,
        video=("h264",),
        audio=("aac", "mp3", "ac3", "eac3"),
        chapters=False,
    ),
    True: Container(
        muxer="hls",
        extension="m4s",
        nature=Nature.EITHER,
        video=("h264", "hevc", "av1", "vp9"),
        audio=("aac", "ac3", "eac3", "opus", "flac"),
        options=_FRAGMENTS,
        chapters=False,
        tags=_HVC1,
    ),
}
"""The segments of HLS, by whether they are fragmented MP4."""

CMAF: Final = replace(SEGMENTED[True], from_zero=False)
"""Segments of one track each, for HLS and DASH (ISO/IEC 23000-19)."""

METADATA: Final[Mapping[str, str]] = {
    **{
        key: key
        for key in (
            *("title", "artist", "album", "album_artist", "copyright", "description", "comment", "genre", "date"),
            *("composer", "publisher", "performer", "track", "disc", "show", "episode_id", "network", "synopsis"),
            *("grouping", "lyrics", "keywords"),
        )
    },
    "author": "artist",
    "year": "date",
}
"""The metadata keys that a job may set, to FFmpeg's names of them."""
