"""The video and audio settings of a format, read both ways: sections 4.2 and 4.4 of the provider reference."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from mediaglot.emulators.encoding_com.tune import read_tune, write_tune
from mediaglot.gateway.mapping import Field, Pair, Record, Tree
from mediaglot.gateway.model import (
    Audio,
    Average,
    Color,
    Constant,
    Deinterlace,
    Denoise,
    Edges,
    Fade,
    Fit,
    FrameRate,
    KeyFrames,
    Loudness,
    Share,
    Video,
)
from mediaglot.gateway.values import (
    DECIMAL,
    KILOBITS,
    NATURAL,
    PERCENT,
    RATIO,
    SECONDS,
    SIZE,
    TEXT,
    YES_NO,
    Table,
    Value,
    decimal,
    names,
)


def open_table(words: dict[str, str]) -> Value[str]:
    """A vocabulary that lets words through that it does not know: the planner says what it can't do."""
    back = {meaning: word for word, meaning in reversed(words.items())}

    def read(value: Any) -> str:
        word = TEXT.read(value).strip().lower()
        if not re.fullmatch(r"[\w.+-]{1,40}", word):
            raise ValueError("is not a codec's name")
        return words.get(word, word)

    return Value(read, lambda meaning: back.get(meaning, meaning))


VIDEO_CODECS: Final = open_table(
    {"libx264": "h264", "libx265": "hevc", "libvpx": "vp8", "libvpx-vp9": "vp9", "flv": "flv1", "libtheora": "theora"}
    | {"x264": "h264", "libxvid": "mpeg4", "hevc": "hevc", "h264": "h264"}
)
AUDIO_CODECS: Final = open_table(
    {"libfaac": "aac", "dolby_aac": "aac", "dolby_heaac": "aac", "dolby_heaacv2": "aac", "libfdk_aac": "aac"}
    | {"libmp3lame": "mp3", "libvorbis": "vorbis", "libopus": "opus", "libamr_nb": "amr_nb"}
)
PROFILES: Final = names("high main baseline")
FIELDS: Final = Table({"yes": Deinterlace.ON, "no": Deinterlace.OFF, "auto": Deinterlace.AUTO})
SYNCS: Final = Table({name: name for name in "passthrough cfr vfr auto".split()}, also={"old": "auto"})
SCALERS: Final = names("fast_bilinear bilinear bicubic neighbor area bicublin gauss sinc")


# --- the odd ones: two short functions side by side ------------------------------------------------


def read_size(tree: Tree) -> Tree:
    if "size" not in tree:
        return {}
    size = SIZE.read(tree["size"])
    both = size.width is not None and size.height is not None
    keep = YES_NO.read(tree.get("keep_aspect_ratio", "yes"))
    return {"size": replace(size, fit=(Fit.PAD if keep else Fit.STRETCH) if both else None)}


def write_size(video: Video) -> Tree:
    size = video.size
    if size is None or isinstance(size.width, Share) or isinstance(size.height, Share):
        return {}
    keep = {"keep_aspect_ratio": "no"} if size.fit is Fit.STRETCH else {}
    return {"size": SIZE.write(size), **keep}


def read_rate(tree: Tree) -> Tree:
    amounts = {key: KILOBITS.read(tree[key]) for key in ("bitrate", "maxrate", "minrate", "bufsize") if key in tree}
    yes = {key for key in ("cbr", "hard_cbr", "bitrate_adjust") if key in tree and YES_NO.read(tree[key])}
    if yes & {"cbr", "hard_cbr"} and "bitrate" in amounts:
        return {"rate": Constant(bitrate=amounts["bitrate"], padded="hard_cbr" in yes)}
    if not amounts:
        return {}
    return {
        "rate": Average(
            bitrate=amounts.get("bitrate"),
            least=amounts.get("minrate"),
            most=amounts.get("maxrate"),
            buffer=amounts.get("bufsize"),
            at_most_source="bitrate_adjust" in yes,
        )
    }


def write_rate(video: Video) -> Tree:
    match video.rate:
        case Constant(bitrate=bitrate, padded=padded):
            return {"bitrate": KILOBITS.write(bitrate), "hard_cbr" if padded else "cbr": "yes"}
        case Average() as rate:
            pairs = {"bitrate": rate.bitrate, "minrate": rate.least, "maxrate": rate.most, "bufsize": rate.buffer}
            written = {key: KILOBITS.write(bits) for key, bits in pairs.items() if isinstance(bits, int)}
            return written | ({"bitrate_adjust": "yes"} if rate.at_most_source else {})
    return {}


def read_frame_rate(tree: Tree) -> Tree:
    limit, rate = tree.get("framerate_upper_threshold"), tree.get("framerate")
    if rate is not None and str(rate).lower() != "copy":
        return {"frame_rate": FrameRate(value=_positive(rate))}
    return {"frame_rate": FrameRate(value=_positive(limit), at_most=True)} if limit is not None else {}


def _positive(value: Any) -> Fraction:
    number: Fraction = DECIMAL.read(value)
    if not 0 < number <= 1000:
        raise ValueError("is not a usable frame rate")
    return number


def write_frame_rate(video: Video) -> Tree:
    if video.frame_rate is None:
        return {}
    key = "framerate_upper_threshold" if video.frame_rate.at_most else "framerate"
    return {key: decimal(video.frame_rate.value)}


def read_key_frames(tree: Tree) -> Tree:
    frames = NATURAL.read(tree["keyframe"]) if "keyframe" in tree else None
    forced = str(tree.get("force_keyframes", ""))
    period = re.fullmatch(r"\s*([\d.]+)\s*s\s*", forced)
    at = () if period or not forced else tuple(SECONDS.read(part) for part in forced.split(","))
    closed = {"cgop": True, "sgop": True}.get(str(tree.get("gop", "")).lower())
    if frames is None and not period and not at and closed is None:
        return {}
    every = SECONDS.read(period[1]) if period else None
    return {"key_frames": KeyFrames(frames=frames, at=at, every=every, closed=closed)}


def write_key_frames(video: Video) -> Tree:
    keys = video.key_frames
    if keys is None:
        return {}
    forced = f"{decimal(keys.every)}s" if keys.every is not None else ",".join(decimal(at) for at in keys.at)
    return {"keyframe": "" if keys.frames is None else str(keys.frames), "force_keyframes": forced} | (
        {"gop": "cgop"} if keys.closed else {}
    )


def edges(prefix: str, attribute: str) -> Pair:
    """Four keys such as crop_left for one Edges."""
    sides = ("left", "top", "right", "bottom")

    def read(tree: Tree) -> Tree:
        found = {side: NATURAL.read(tree[f"{prefix}_{side}"]) for side in sides if f"{prefix}_{side}" in tree}
        return {attribute: Edges(**found)} if any(found.values()) else {}

    def write(video: Video) -> Tree:
        value = getattr(video, attribute)
        return {f"{prefix}_{side}": str(getattr(value, side)) for side in sides} if value else {}

    return Pair(" ".join(f"{prefix}_{side}" for side in sides), attribute, read, write)


def read_fade(value: Any) -> Fade:
    start, _, duration = str(value).partition(":")
    return Fade(start=DECIMAL.read(start), duration=DECIMAL.read(duration or "0"))


FADE: Final = Value(read_fade, lambda fade: f"{decimal(fade.start)}:{decimal(fade.duration)}")


def read_denoise(value: Any) -> Denoise:
    parts = str(value).split(":")
    if len(parts) != 3:
        raise ValueError("is not luma:chroma:temporal")
    luma, chroma, temporal = (DECIMAL.read(part) for part in parts)
    return Denoise(luma_spatial=luma, chroma_spatial=chroma, luma_temporal=temporal)


DENOISE: Final = Value(
    read_denoise,
    lambda it: ":".join(decimal(part) for part in (it.luma_spatial, it.chroma_spatial, it.luma_temporal)),
)


def read_turn(value: Any) -> int | None:
    degrees = None if str(value).lower() == "def" else NATURAL.read(value)
    if degrees is not None and degrees not in (0, 90, 180, 270):
        raise ValueError("is not one of def, 0, 90, 180, 270")
    return degrees


TURN: Final = Value(read_turn, str)


def read_aspect(value: Any) -> Fraction | None:
    return None if str(value).lower() == "source" else RATIO.read(value)


COLORS: Final = {
    "color_range": "range",
    "color_primaries": "primaries",
    "color_trc": "transfer",
    "colorspace": "matrix",
}


def read_color(tree: Tree) -> Tree:
    found = {attribute: TEXT.read(tree[key]) for key, attribute in COLORS.items() if key in tree}
    return {"color": Color(**found)} if found else {}


def write_color(video: Video) -> Tree:
    return {key: getattr(video.color, attribute) for key, attribute in COLORS.items()} if video.color else {}


def read_loudness(tree: Tree) -> Tree:
    """``loudnorm`` is taken for the target in LUFS; ``no``, or the other two alone, ask for nothing."""
    target = tree.get("loudnorm")
    if target is None or str(target).lower() == "no":
        return {}
    limits = {"range": tree.get("loudnorm_range"), "peak": tree.get("loudnorm_peak")}
    found = {name: DECIMAL.read(value) for name, value in limits.items() if value is not None}
    return {"loudness": Loudness(integrated=DECIMAL.read(target), **found)}


def write_loudness(audio: Audio) -> Tree:
    wanted = audio.loudness
    if wanted is None:
        return {}
    values = {"loudnorm": wanted.integrated, "loudnorm_range": wanted.range, "loudnorm_peak": wanted.peak}
    return {key: decimal(value) for key, value in values.items() if value is not None}


# --- 4.2 video, 4.4 audio ---------------------------------------------------------------------------

VIDEO: Final = Record(
    Video,
    Field("video_codec", "codec", VIDEO_CODECS),
    Pair("size keep_aspect_ratio", "size", read_size, write_size),
    Pair("bitrate maxrate minrate bufsize cbr hard_cbr bitrate_adjust", "rate", read_rate, write_rate),
    Pair("framerate framerate_upper_threshold", "frame_rate", read_frame_rate, write_frame_rate),
    Pair("keyframe force_keyframes gop", "key_frames", read_key_frames, write_key_frames),
    Field("profile", "profile", PROFILES),
    Field("bframes", "b_frames", NATURAL),
    Field("two_pass", "passes", Table({"yes": 2, "no": 1})),
    Field("pix_format", "pixel_format"),
    Field("set_aspect_ratio", "display_aspect", Value(read_aspect, RATIO.write)),
    edges("crop", "crop"),
    edges("padd", "pad"),
    Field("rotate", "rotate", TURN),
    Field("set_rotate", "tag_rotation", TURN),
    Field(
        "deinterlacing", "deinterlace", Table({"yes": Deinterlace.ON, "no": Deinterlace.OFF, "auto": Deinterlace.AUTO})
    ),
    Field("force_interlaced", "field_order", Table({"tff": "tff", "bff": "bff", "no": "progressive"})),
    Field("noise_reduction", "denoise", DENOISE),
    Field("fade_in", "fade_in", FADE),
    Field("fade_out", "fade_out", FADE),
    Field("video_sync", "sync", SYNCS),
    Field("scaler", "scaler", SCALERS, "scaler_flags"),
    Pair(" ".join(COLORS), "color", read_color, write_color),
    Pair("video_codec_parameters", "tune level references", read_tune, write_tune),
)

AUDIO: Final = Record(
    Audio,
    Field("audio_codec", "codec", AUDIO_CODECS),
    Field("audio_bitrate", "bitrate", KILOBITS),
    Field("audio_sample_rate", "sample_rate", NATURAL),
    Field("audio_channels_number", "channels", NATURAL),
    Field("audio_volume", "volume", PERCENT),
    Field("audio_sync", "resync", NATURAL),
    # The same fades as the picture's: they are meant for both.
    Field("fade_in", "fade_in", FADE),
    Field("fade_out", "fade_out", FADE),
    Pair("loudnorm loudnorm_range loudnorm_peak", "loudness", read_loudness, write_loudness),
)
