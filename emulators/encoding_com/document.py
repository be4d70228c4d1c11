"""The format document, read both ways. Section numbers are those of the provider reference (README.md)."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

from mediaglot.emulators.encoding_com.overlay import OVERLAYS
from mediaglot.emulators.encoding_com.video import AUDIO, VIDEO
from mediaglot.gateway import model, pieces
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Inline, Kept, Many, Pair, Record, Tree, one
from mediaglot.gateway.model import SKIP, Output, Package, PackageKind, StillFormat
from mediaglot.gateway.values import LOCATION, NATURAL, SECONDS, SECRET, YES_NO, Table, Value, decimal, names, nonzero

NAME: Final = "encoding_com"

# 4.1: the products by name, and which container each of them is.
FILES: Final = "mp4 m4v mov flv 3gp webm ogg wmv mpeg1 mpeg2 mpegts mp3 wma m4a eac3"
FOREIGN: Final = "muxer vidly vidly_lite vp6_flix smooth_streaming hds wowza wowza_multibitrate"
DEVICES: Final = "fl9 iphone ipad ipod appletv psp zune android kindle_fire roku_800 roku_1200 roku_1800 roku_2700"
ALSO: Final = dict.fromkeys(DEVICES.split(), "mp4") | {"dnxhd": "mov"}
CONTAINERS: Final = Table({name: name for name in f"{FILES} {FOREIGN}".split()}, also=ALSO)
HLS: Final = "fmp4_hls iphone_stream ipad_stream roku_hls"
PACKAGES: Final = Table(
    {"advanced_hls": PackageKind.HLS, "advanced_dash": PackageKind.DASH, "advanced_fmp4": PackageKind.CMAF},
    also=dict.fromkeys(HLS.split(), PackageKind.HLS) | {"mpeg_dash": PackageKind.DASH},
)
LISTS: Final = {name: name.rstrip("s") for name in "bitrates size sizes framerates keyframes".split()}
"""4.7: what is said of streams by lists with commas, where they are not said one by one."""


def _extension(value: Any) -> str:
    text = str(value).strip().lstrip(".")
    if not re.fullmatch(r"[A-Za-z0-9]{1,10}", text):
        raise ValueError("is not a file extension")
    return text


COMMON: Final = (
    Kept("save_preset", noted=False),
    Many("destination", "destinations", LOCATION),
    Field("output_preset", "preset"),
    Field("file_extension", "extension", Value(_extension, str)),
)
CLIP: Final = pieces.flat("clip", model.Clip, nonzero(SECONDS), start="start", end="finish", duration="duration")
TRACKS: Final = Inline("video", VIDEO, off=("audio_only", "yes")), Inline("audio", AUDIO, off=("video_only", "yes"))
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
    *TRACKS,
    CLIP,
    pieces.texts("metadata", "metadata"),
    Field("metadata_copy", "keep_metadata", YES_NO),
    Field("strip_chapters", "keep_chapters", Table({"yes": False, "no": True})),
    Field("ftyp", "brand", names("mp42 3gp5 isom")),
    OVERLAYS,
    KEPT,
    extras=NAME,
)

# 4.6: thumbnails.
MOMENT: Final = Fraction(5)
"""Seconds; when a thumbnail is taken by default."""
SHEET: Final = Record(
    model.Sheet,
    Field("vtt_line_size", "columns", nonzero(NATURAL)),
    Field("vtt_max_lines", "rows", nonzero(NATURAL)),
    Many("vtt_destination", "destinations", LOCATION),
    Field("public_url", "url"),
)
STILLS: Final = Record(
    model.Stills,
    pieces.moment("time", default=MOMENT),
    pieces.sides("size", "width", "height", fit=model.Fit.PAD, together="size"),
    Field("quality", "quality", NATURAL),
    Field("image_format", "format", Table({"jpg": StillFormat.JPEG, "png": StillFormat.PNG, "gif": StillFormat.GIF})),
    pieces.flagged("use_vtt", "sheet", SHEET, vtt_line_size="4"),
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
    Kept("public_vtt_url video_codec resize_method"),
    extras=NAME,
)


def read_kind(tree: Tree) -> Tree:
    return {"kind": PACKAGES.read(tree["output"]), "fragmented": str(tree["output"]).lower() == "fmp4_hls"}


def write_kind(package: Package) -> Tree:
    hls = package.kind is PackageKind.HLS
    return {"output": "fmp4_hls" if hls and package.fragmented else PACKAGES.write(package.kind)}


# 4.5, 4.7: encrypted segments.
ENCRYPTION: Final = Record(
    model.Encryption,
    Field("encryption_key", "key", SECRET),
    Field("encryption_key_file", "key_file", LOCATION),
    Field("encryption_iv", "iv"),
)
ENCRYPTED: Final = pieces.switched("encryption", ENCRYPTION, encryption_method="aes-128-cbc")
STREAM: Final = Record(
    model.Variant,
    Field("sub_path", "folder"),
    Field("stream_title", "name"),
    Field("add_iframe_stream", "i_frames", YES_NO),
    Field("byte_range", "single_file", YES_NO),
    ENCRYPTED,
    *TRACKS,
)
PACKAGE: Final = Record(
    Package,
    Pair("output", "kind fragmented", read_kind, write_kind),
    Field("segment_duration", "segment", SECONDS),
    ENCRYPTED,
    Many("stream", "variants", STREAM),
)
PACKAGED: Final = Record(Output, *COMMON, Inline("package", PACKAGE), CLIP, OVERLAYS, KEPT, extras=NAME)
SHARED: Final = STREAM.keys - PACKAGED.keys - LISTS.keys()
"""What is said beside lists, of all streams."""


def read_format(tree: Tree, ledger: Ledger) -> Output:
    """One format as an Output that remembers the client's own words. Raises Invalid with the field's path."""
    product = str(one(tree.get("output")) or "").lower()
    flat = {key: value if key == "destination" else pieces.once(value) for key, value in tree.items()}
    pictures = product in ("thumbnail", "image")
    if pictures and not flat.get("time") and not flat.get("output_preset"):
        flat["time"] = decimal(MOMENT)
    if product == "dnxhd" and not flat.get("video_codec"):
        flat["video_codec"] = "dnxhd"
    elif product in PACKAGES and not flat.get("stream"):
        flat = pieces.spread(flat, "stream", LISTS, SHARED)
    return (PICTURES if pictures else PACKAGED if product in PACKAGES else FILE).read(flat, ledger, document=tree)


def write_format(output: Output, ledger: Ledger) -> Tree:
    pictures = output.stills and output.video is SKIP
    return (PICTURES if pictures else PACKAGED if output.package else FILE).write(output, ledger)
