"""The video and audio settings of a format, read both ways: sections 4.2 to 4.4 of the provider reference."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway import pieces, values
from mediaglot.gateway.mapping import Field, Inline, Pair, Record, Tree, one
from mediaglot.gateway.model import Audio, Color, Deinterlace, Denoise, Fade, KeyFrames, Loudness, Video
from mediaglot.gateway.values import DECIMAL, KILOBITS, NATURAL, PERCENT, RATIO, Table, names, unless

VIDEO_CODECS: Final = values.open_names(
    {"libx264": "h264", "libx265": "hevc", "libvpx": "vp8", "libvpx-vp9": "vp9", "flv": "flv1", "libtheora": "theora"}
    | {"x264": "h264", "libxvid": "mpeg4", "hevc": "hevc", "h264": "h264"}
)
AUDIO_CODECS: Final = values.open_names(
    {"libfaac": "aac", "dolby_aac": "aac", "dolby_heaac": "aac", "dolby_heaacv2": "aac", "libfdk_aac": "aac"}
    | {"libmp3lame": "mp3", "libvorbis": "vorbis", "libopus": "opus", "libamr_nb": "amr_nb"}
)
INTERLACING: Final = Table({"yes": Deinterlace.ON, "no": Deinterlace.OFF, "auto": Deinterlace.AUTO})
SYNCS: Final = Table({name: name for name in "passthrough cfr vfr auto".split()}, also={"old": "auto"})
SCALERS: Final = names("fast_bilinear bilinear bicubic neighbor area bicublin gauss sinc")
TURN: Final = unless("def", values.turns())
FADE: Final = values.parted(Fade, "start duration", least=1)
LUFS: Final = unless("no", DECIMAL)

# 4.3: the fine settings of the encoder, by the names that FFmpeg has for them today.
RENAMED: Final = {"directpred": "direct-pred", "me_method": "motion-est"}
BACK: Final = {new: old for old, new in RENAMED.items()}
OWN: Final = frozenset({"level", "refs", "vprofile"})


def read_tune(tree: Tree) -> dict[str, Any]:
    """``video_codec_parameters``: an object, or a word such as ``no`` for none. Levels lose their dot.

    The level may also stand beside it, where clients put it next to the profile.
    """
    given = tree.get("video_codec_parameters")
    given = {"level": tree.get("level")} | (given if isinstance(given, dict) else {})
    settings = {key: str(one(value)) for key, value in given.items() if value not in (None, "", [], {})}
    tune = {RENAMED.get(key, key): value for key, value in settings.items() if key not in OWN}
    level, references = settings.get("level"), settings.get("refs")
    if level is not None and "." not in level:
        level = f"{NATURAL.read(level.ljust(2, '0')) / 10:.1f}"
    return {"tune": tune or None, "level": level, "references": NATURAL.read(references) if references else None}


def write_tune(video: Video) -> Tree:
    settings = {BACK.get(key, key): value for key, value in video.tune.items()}
    settings |= {"level": video.level.replace(".", "")} if video.level is not None else {}
    settings |= {"refs": str(video.references)} if video.references is not None else {}
    return {"video_codec_parameters": settings}


KEY_FRAMES: Final = Record(
    KeyFrames,
    Field("keyframe", "frames", NATURAL),
    pieces.forced("force_keyframes"),
    Field("gop", "closed", values.lenient(Table({"cgop": True}, also={"sgop": True}))),
)
FADES: Final = (Field("fade_in", "fade_in", FADE), Field("fade_out", "fade_out", FADE))
"""Meant for both picture and sound."""

VIDEO: Final = Record(
    Video,
    Field("video_codec", "codec", unless("none", VIDEO_CODECS)),
    pieces.sized("size", keep="keep_aspect_ratio"),
    pieces.BitRate(
        "bitrate",
        least="minrate",
        most="maxrate",
        buffer="bufsize",
        constant="cbr",
        padded="hard_cbr",
        at_most_source="bitrate_adjust",
    ),
    pieces.frame_rate("framerate", "framerate_upper_threshold", unless("copy", values.FRAME_RATE)),
    Inline("key_frames", KEY_FRAMES),
    Field("profile", "profile", names("high main baseline")),
    Field("bframes", "b_frames", NATURAL),
    Field("two_pass", "passes", Table({"yes": 2, "no": 1})),
    Field("pix_format", "pixel_format"),
    Field("set_aspect_ratio", "display_aspect", unless("source", RATIO)),
    pieces.edges("crop", "crop"),
    pieces.edges("pad", "padd"),
    Field("rotate", "rotate", TURN),
    Field("set_rotate", "tag_rotation", unless("source", TURN)),
    Field("deinterlacing", "deinterlace", INTERLACING),
    Field("force_interlaced", "field_order", Table({"tff": "tff", "bff": "bff", "no": "progressive"})),
    Field("noise_reduction", "denoise", values.parted(Denoise, "luma_spatial chroma_spatial luma_temporal")),
    *FADES,
    Field("video_sync", "sync", SYNCS),
    Field("scaler", "scaler", SCALERS, "scaler_flags"),
    pieces.flat(
        "color", Color, range="color_range", primaries="color_primaries", transfer="color_trc", matrix="colorspace"
    ),
    Pair("video_codec_parameters level", "tune level references", read_tune, write_tune),
)

AUDIO: Final = Record(
    Audio,
    Field("audio_codec", "codec", AUDIO_CODECS),
    Field("audio_bitrate", "bitrate", KILOBITS),
    Field("audio_sample_rate", "sample_rate", NATURAL),
    Field("audio_channels_number", "channels", NATURAL),
    Field("audio_volume", "volume", PERCENT),
    Field("audio_sync", "resync", unless("auto", NATURAL)),
    *FADES,
    pieces.flat("loudness", Loudness, LUFS, integrated="loudnorm", range="loudnorm_range", peak="loudnorm_peak"),
)
