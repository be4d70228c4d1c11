"""The format document, read both ways. Section numbers are those of the provider reference (README.md)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from mediaglot.emulators.encoding_com.overlay import OVERLAYS
from mediaglot.emulators.encoding_com.video import AUDIO, VIDEO
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Inline, Kept, Many, Pair, Record, Tree, is_empty, one
from mediaglot.gateway.model import (
    SKIP,
    Clip,
    Fit,
    Output,
    Package,
    PackageKind,
    Share,
    Size,
    Skip,
    StillFormat,
    Stills,
    Variant,
    Video,
)
from mediaglot.gateway.values import LOCATION, NATURAL, PERCENT, SECONDS, TEXT, YES_NO, Table, Value, decimal, names

NAME: Final = "encoding_com"

# 4.1: the products by name, and which container each of them is.
FILES: Final = "mp4 m4v mov flv 3gp webm ogg wmv mpeg1 mpeg2 mpegts mp3 wma m4a eac3"
FOREIGN: Final = "muxer vidly vidly_lite vp6_flix smooth_streaming hds wowza wowza_multibitrate"
DEVICES: Final = "fl9 iphone ipad ipod appletv psp zune android kindle_fire roku_800 roku_1200 roku_1800 roku_2700"
CONTAINERS: Final = Table(
    {name: name for name in f"{FILES} {FOREIGN}".split()},
    also=dict.fromkeys(DEVICES.split(), "mp4") | {"dnxhd": "mov"},
)
PACKAGES: Final = Table(
    {"advanced_hls": PackageKind.HLS, "advanced_dash": PackageKind.DASH},
    also=dict.fromkeys("fmp4_hls iphone_stream ipad_stream roku_hls".split(), PackageKind.HLS),
)


def read_clip(tree: Tree) -> Tree:
    names = {"start": "start", "finish": "end", "duration": "duration"}
    found = {name: SECONDS.read(tree[key]) for key, name in names.items() if key in tree}
    return {"clip": Clip(**found)} if any(found.values()) else {}


def write_clip(output: Output) -> Tree:
    clip = output.clip
    if clip is None:
        return {}
    times = {"start": clip.start, "finish": clip.end, "duration": clip.duration}
    return {key: decimal(time) for key, time in times.items() if time is not None}


def read_metadata(tree: Tree) -> Tree:
    found = tree.get("metadata")
    if not isinstance(found, dict):
        raise ValueError("must be an object")
    return {"metadata": {key: TEXT.read(one(value)) for key, value in found.items() if not is_empty(value)}}


def _extension(value: Any) -> str:
    text = str(value).strip().lstrip(".")
    if not re.fullmatch(r"[A-Za-z0-9]{1,10}", text):
        raise ValueError("is not a file extension")
    return text


COMMON: Final = (
    Many("destination", "destinations", LOCATION),
    Field("output_preset", "preset"),
    Field("file_extension", "extension", Value(_extension, str)),
    Pair("save_preset", "", lambda _: {}, lambda _: {}),  # the request's business
)
KEPT: Final = Kept(
    "output VCodecParameters turbo twin_turbo audio_minrate audio_maxrate audio_bufsize downmix_mode encoder veryfast "
    "two_pass_decoding audio_normalization pan encryption encryption_method encryption_key encryption_key_file "
    "encryption_iv encryption_password audio_stream hint copy_timestamps slices rc_init_occupancy muxrate extends "
    "burnin_timecode copy_nielsen_metadata protected_public_result drm add_meta closed_captions"
)


FILE: Final = Record(
    Output,
    *COMMON,
    Field("output", "container", CONTAINERS),
    Inline("video", VIDEO, off=("audio_only", "yes")),
    Inline("audio", AUDIO, off=("video_only", "yes")),
    Pair("start finish duration", "clip", read_clip, write_clip),
    Pair("metadata", "metadata", read_metadata, lambda output: {"metadata": dict(output.metadata)}),
    Field("metadata_copy", "keep_metadata", YES_NO),
    Field("strip_chapters", "keep_chapters", Table({"yes": False, "no": True})),
    Field("ftyp", "brand", names("mp42 3gp5 isom")),
    OVERLAYS,
    KEPT,
    extras=NAME,
)


def read_moment(tree: Tree) -> Tree:
    """4.6: ``N!`` is one every N seconds, ``N%`` a share, anything else a time; 5 s by default."""
    text = str(tree.get("time", "")).strip()
    if text.endswith("!"):
        return {"every": SECONDS.read(text[:-1])}
    if text.endswith("%"):
        return {"at": Share(PERCENT.read(text))}
    return {"at": SECONDS.read(text)}


def write_moment(stills: Stills) -> Tree:
    if stills.every is not None:
        return {"time": f"{decimal(stills.every)}!"}
    return {
        "time": PERCENT.write(stills.at.of_source) + "%" if isinstance(stills.at, Share) else decimal(stills.at or 5)
    }


def read_box(tree: Tree) -> Tree:
    width, height = (NATURAL.read(tree[key]) or None if key in tree else None for key in ("width", "height"))
    return (
        {"size": Size(width=width, height=height, fit=Fit.PAD if width and height else None)} if width or height else {}
    )


def write_box(stills: Stills) -> Tree:
    size = stills.size
    sides = {"width": size.width, "height": size.height} if size else {}
    return {key: str(side) for key, side in sides.items() if isinstance(side, int)}


STILLS: Final = Record(
    Stills,
    Pair("time", "at every", read_moment, write_moment),
    Pair("width height", "size", read_box, write_box),
    Field("quality", "quality", NATURAL),
    Field("image_format", "format", Table({"jpg": StillFormat.JPEG, "png": StillFormat.PNG, "gif": StillFormat.GIF})),
)
PICTURES: Final = Record(
    Output,
    *COMMON,
    Pair(
        " ".join(sorted(STILLS.keys)),
        "stills",
        lambda tree: {"stills": (STILLS.read(tree, Ledger()),)},
        lambda output: STILLS.write(output.stills[0], Ledger()) if output.stills else {},
    ),
    Pair("output", "video audio", lambda _: {"video": SKIP, "audio": SKIP}, lambda _: {"output": "thumbnail"}),
    Kept(
        "use_vtt vtt_line_size vtt_max_lines vtt_destination public_url public_vtt_url video_codec resize_method size"
    ),
    extras=NAME,
)


def read_kind(tree: Tree) -> Tree:
    return {"kind": PACKAGES.read(tree["output"]), "fragmented": str(tree["output"]).lower() == "fmp4_hls"}


def write_kind(package: Package) -> Tree:
    fragmented = package.fragmented and package.kind is PackageKind.HLS
    return {"output": "fmp4_hls" if fragmented else PACKAGES.write(package.kind)}


STREAM: Final = Record(
    Variant,
    Field("sub_path", "folder"),
    Field("stream_title", "name"),
    Inline("video", VIDEO, off=("audio_only", "yes")),
    Inline("audio", AUDIO, off=("video_only", "yes")),
)
PACKAGE: Final = Record(
    Package,
    Pair("output", "kind fragmented", read_kind, write_kind),
    Field("segment_duration", "segment", SECONDS),
    Many("stream", "variants", STREAM),
)
PACKAGED: Final = Record(Output, *COMMON, Inline("package", PACKAGE), KEPT, extras=NAME)


def record_of(tree: Tree) -> Record[Output]:
    product = str(one(tree.get("output")) or "").lower()
    if product in ("thumbnail", "image"):
        return PICTURES
    return PACKAGED if product in PACKAGES else FILE


def read_format(tree: Tree, ledger: Ledger) -> Output:
    """One format as an Output that remembers the client's own words. Raises Invalid with the field's path."""
    record = record_of(tree)
    flat = {key: value if key == "destination" else one(value) for key, value in tree.items()}
    if record is PICTURES and not flat.get("time") and not flat.get("output_preset"):
        flat["time"] = "5"
    output = record.read(flat, ledger)
    product = str(one(tree.get("output")) or "").lower()
    if product == "dnxhd" and not isinstance(output.video, Skip):
        video = output.video or Video()
        output = replace(output, video=replace(video, codec=video.codec or "dnxhd"))
    return replace(output, document=tree)


def write_format(output: Output, ledger: Ledger) -> Tree:
    if output.stills and output.video is SKIP:
        return PICTURES.write(output, ledger)
    return (PACKAGED if output.package else FILE).write(output, ledger)
