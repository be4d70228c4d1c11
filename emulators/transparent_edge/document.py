"""A profile, with what an order's job adds to it, as an output: read both ways. Sections 2.1, 2.5 and 5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

from mediaglot.emulators.transparent_edge.profile import CUSTOM_DEFAULTS, HLS, PRESETS
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Inline, Kept, Many, Pair, Record, Tree
from mediaglot.gateway.model import (
    Audio,
    Average,
    Constant,
    Fit,
    FrameRate,
    ImageOverlay,
    Location,
    Output,
    Package,
    PackageKind,
    Share,
    Size,
    StillFormat,
    Stills,
    Video,
)
from mediaglot.gateway.values import DECIMAL, INTEGER, KILOBITS, LOCATION, TEXT, Table, Value, names

NAME: Final = "transparent_edge"
LARGEST: Final = 16_384


def _side(value: Any) -> int:
    number = INTEGER.read(value)
    if not 1 <= number <= LARGEST:
        raise ValueError(f"is not from 1 to {LARGEST}")
    return number


def _pixels(side: int | Share) -> int:
    if isinstance(side, Share):
        raise ValueError("can only be written in pixels")
    return side


WHOLE: Final = Value(INTEGER.read, int)
SIDE: Final = Value(_side, _pixels)


def kilo(bitrate: Any) -> int | None:
    """Bits per second in kbit/s, for what can be said so."""
    return max(1, round(bitrate / 1000)) if isinstance(bitrate, int) else None


def read_size(tree: Tree) -> Tree:
    """5.1: scale=W:H; one side alone keeps the shape."""
    width, height = (SIDE.read(tree[key]) if key in tree else None for key in ("video_width", "video_height"))
    return {"size": Size(width=width, height=height, fit=Fit.STRETCH if width and height else None)}


def write_size(video: Video) -> Tree:
    sides = (video.size.width, video.size.height) if video.size else (None, None)
    return {
        key: side for key, side in zip(("video_width", "video_height"), sides, strict=True) if isinstance(side, int)
    }


def read_rate(tree: Tree) -> Tree:
    """5.2: kbit/s, maybe no more than the source has; ``maxrate`` and ``bufsize`` belong to hls."""
    if not tree.keys() & {"video_bitrate", "maxrate", "bufsize"}:
        return {}
    bounds = {
        name: KILOBITS.read(tree[key]) for key, name in (("maxrate", "most"), ("bufsize", "buffer")) if key in tree
    }
    if "video_bitrate" in tree:
        bounds["bitrate"] = INTEGER.read(tree["video_bitrate"]) * 1000
    return {"rate": Average(at_most_source=bool(tree.get("restrict_bitrate")), **bounds)}


def write_rate(video: Video) -> Tree:
    rate = video.rate
    if not isinstance(rate, (Average, Constant)):
        return {}
    average = rate if isinstance(rate, Average) else Average(bitrate=rate.bitrate)
    said = {"video_bitrate": kilo(average.bitrate), "restrict_bitrate": average.at_most_source or None}
    return {key: value for key, value in said.items() if value is not None}


def write_bounded_rate(video: Video) -> Tree:
    rate = video.rate
    bounds = {"maxrate": rate.most, "bufsize": rate.buffer} if isinstance(rate, Average) else {}
    return write_rate(video) | {key: KILOBITS.write(value) for key, value in bounds.items() if value}


CODECS: Final = Table(
    {"libx264": "h264", "webm": "vp9", "mpeg2video": "mpeg2video", "copy": "copy"}, also={"h264": "h264"}
)
PICTURE: Final = (
    Field("video_codec", "codec", CODECS),
    Pair("video_width video_height", "size", read_size, write_size),
    Field(
        "video_aspect",
        "display_aspect",
        Table({"16:9": Fraction(16, 9), "9:16": Fraction(9, 16), "4:3": Fraction(4, 3)}),
    ),
)
VIDEO: Final = Record(Video, *PICTURE, Pair("video_bitrate restrict_bitrate", "rate", read_rate, write_rate))


def read_tune(tree: Tree) -> Tree:
    return {"tune": {key: str(INTEGER.read(value)) for key, value in tree.items()}}


def write_tune(video: Video) -> Tree:
    return {key: INTEGER.read(video.tune[key]) for key in TUNE if key in video.tune}


TUNE: Final = ("b_strategy", "coder", "sc_threshold")
STREAMED_VIDEO: Final = Record(
    Video,
    *PICTURE,
    Pair("video_bitrate restrict_bitrate maxrate bufsize", "rate", read_rate, write_bounded_rate),
    Field("pix_fmt", "pixel_format"),
    Pair(
        "framerate",
        "frame_rate",
        lambda tree: {"frame_rate": FrameRate(value=Fraction(INTEGER.read(tree["framerate"])))},
        lambda video: {"framerate": round(video.frame_rate.value)} if video.frame_rate else {},
    ),
    Field("h264_preset", "speed", names(" ".join(PRESETS))),
    Field("h264_profile", "profile", names("baseline main high")),
    Field("h264_level", "level"),
    Field("refs", "references", WHOLE),
    Pair(" ".join(TUNE), "tune", read_tune, write_tune),
)


def read_sound(tree: Tree) -> Tree:
    if "audio_bitrate" not in tree:
        return {}
    restricted = bool(tree.get("restrict_bitrate"))
    return {"bitrate": INTEGER.read(tree["audio_bitrate"]) * 1000, "at_most_source": restricted}


def write_sound(audio: Audio) -> Tree:
    bitrate = kilo(audio.bitrate)
    if bitrate is None:
        return {}
    return {"audio_bitrate": bitrate, **({"restrict_bitrate": True} if audio.at_most_source else {})}


AUDIO: Final = Record(
    Audio,
    Field(
        "audio_codec", "codec", Table({"libfdk_aac": "aac", **{word: word for word in ("ac3", "mp3", "mp2", "copy")}})
    ),
    Pair("audio_bitrate restrict_bitrate", "bitrate at_most_source", read_sound, write_sound),
)

# --- the two kinds of custom profiles -------------------------------------------------------------

ACROSS: Final = ("left", "center", "right")
DOWN: Final = {"top": "top", "center": "middle", "bottom": "bottom"}


def read_place(tree: Tree) -> Tree:
    """The offset counts from the edge that the alignment names; from the centre there is none."""
    across, down = tree["horizontal"], tree["vertical"]
    if across not in ACROSS or down not in DOWN:
        raise ValueError("is not an alignment")
    x, y = INTEGER.read(tree["offset_x"]), INTEGER.read(tree["offset_y"])
    return {"anchor": (DOWN[down], across), "x": x * (across != "center"), "y": y * (down != "center")}


def write_place(overlay: ImageOverlay) -> Tree:
    down = {ours: word for word, ours in DOWN.items()}[overlay.anchor[0]]
    offsets = [max(side, 0) if isinstance(side, int) else 0 for side in (overlay.x, overlay.y)]
    return {"horizontal": overlay.anchor[1], "vertical": down, "offset_x": offsets[0], "offset_y": offsets[1]}


IMAGE: Final = Record(
    ImageOverlay,
    Field("url", "location", LOCATION),
    Field("scale_width", "width", SIDE),
    Field("scale_height", "height", SIDE),
    Field("opacity", "opacity", Value(DECIMAL.read, float)),
    Pair("horizontal vertical offset_x offset_y", "anchor x y", read_place, write_place),
    Kept("profile_type position"),
)
OVERLAY_URL: Final = re.compile(r"(https?|ftps?)://", re.IGNORECASE)


def read_overlay(tree: Tree) -> Tree:
    return {"overlays": (IMAGE.read({**CUSTOM_DEFAULTS["overlay"], **tree["overlay"]}, Ledger()),)}


def write_overlay(output: Output) -> Tree:
    """One picture at most, and none together with a size: section 2.5."""
    sized = isinstance(output.video, Video) and output.video.size is not None
    first = next((each for each in output.overlays if isinstance(each, ImageOverlay)), None)
    if first is None or sized or not OVERLAY_URL.match(first.location.url):
        return {}
    return {"overlay": {"profile_type": "overlay", "position": "after", **IMAGE.write(first, Ledger())}}


def read_package(tree: Tree) -> Tree:
    said = {**CUSTOM_DEFAULTS["hls"], **tree}
    return {
        "package": Package(
            kind=PackageKind.HLS,
            segment=Fraction(INTEGER.read(said["hls_time"])),
            list_size=INTEGER.read(said["hls_list_size"]),
            playlist=TEXT.read(said["master_pl_name"]),
        )
    }


def write_package(output: Output) -> Tree:
    package = output.package
    if package is None or package.kind is not PackageKind.HLS:
        return {}
    said = {
        "hls_time": max(1, round(package.segment)) if package.segment is not None else None,
        "hls_list_size": package.list_size,
        "master_pl_name": package.playlist,
    }
    defaults = CUSTOM_DEFAULTS["hls"]
    return {key: defaults[key] if value is None else value for key, value in said.items()}


# --- what a job adds ------------------------------------------------------------------------------

PICTURES: Final = {
    "jpg": StillFormat.JPEG,
    "jpeg": StillFormat.JPEG,
    "png": StillFormat.PNG,
    "webp": StillFormat.WEBP,
    "gif": StillFormat.GIF,
}


def read_picture(tree: Tree) -> Tree:
    name = TEXT.read(tree["filename"])
    suffix = PurePosixPath(name).suffix.lower().lstrip(".")
    if suffix not in PICTURES:
        raise ValueError(f"does not end in {', '.join(f'.{each}' for each in PICTURES)}")
    return {"name": name, "format": PICTURES[suffix]}


def write_picture(stills: Stills) -> Tree:
    wanted = stills.format or StillFormat.JPEG
    name = stills.name or "thumbnail"
    fits = PICTURES.get(PurePosixPath(name).suffix.lower().lstrip(".")) is wanted
    suffix = next(word for word, meaning in PICTURES.items() if meaning is wanted)
    return {"filename": name if fits else f"{name}.{suffix}"}


def read_moment(tree: Tree) -> Tree:
    """5.3: below 1 a share of the duration, from there on seconds."""
    time = DECIMAL.read(tree["time"])
    if time < 0:
        raise ValueError("is negative")
    return {"at": Share(time) if time < 1 else time}


def write_moment(stills: Stills) -> Tree:
    if isinstance(stills.at, Share):
        return {"time": float(stills.at.of_source)} if stills.at.of_source < 1 else {}
    return {"time": float(stills.at)} if stills.at is not None and stills.at >= 1 else {}


def read_box(tree: Tree) -> Tree:
    return {"size": Size(width=SIDE.read(tree["width"]), height=SIDE.read(tree["height"]), fit=Fit.STRETCH)}


def write_box(stills: Stills) -> Tree:
    width, height = (stills.size.width, stills.size.height) if stills.size else (None, None)
    return {"width": width, "height": height} if isinstance(width, int) and isinstance(height, int) else {}


THUMBNAIL: Final = Record(
    Stills,
    Pair("filename", "name format", read_picture, write_picture),
    Field("label", "label"),
    Pair("width height", "size", read_box, write_box),
    Pair("time", "at", read_moment, write_moment),
)
JOB: Final = (Field("filename", "name"), Field("label", "label"), Many("thumbnails", "stills", THUMBNAIL))
ENTRY: Final = Record(Output, *JOB, Kept("profile_id"), open_keys=True)
"""A job of an order, without what its profile says."""

FORMAT: Final = Field("video_format", "container", names("mp4 mpegts rawvideo"))
SOUND: Final = Inline("audio", AUDIO)
OVERLAID: Final = Pair("overlay", "overlays", read_overlay, write_overlay)
OURS: Final = Pair("id company name", "", lambda _: {}, lambda _: {})
FILE: Final = Record(
    Output, FORMAT, Inline("video", VIDEO), SOUND, OVERLAID, *JOB, OURS, Kept("segmentation"), extras=NAME
)
STREAM: Final = Record(
    Output,
    FORMAT,
    Inline("video", STREAMED_VIDEO),
    SOUND,
    OVERLAID,
    Pair("hls_time hls_list_size master_pl_name", "package", read_package, write_package),
    *JOB,
    OURS,
    Kept("segmentation hls_flags"),
    extras=NAME,
)


def read_output(tree: Mapping[str, Any], ledger: Ledger) -> Output:
    """A profile's document, maybe with the fields of a job beside its own."""
    customs = {each["profile_type"]: each for each in tree.get("custom_profiles", ())}
    flat: Tree = {key: value for key, value in tree.items() if key != "custom_profiles"}
    if "overlay" in customs:
        flat["overlay"] = dict(customs["overlay"])
    if "hls" not in customs:
        return FILE.read(flat, ledger)
    hls = {key: value for key, value in customs["hls"].items() if key != "profile_type"}
    return STREAM.read({"hls_time": CUSTOM_DEFAULTS["hls"]["hls_time"], **flat, **hls}, ledger)


def write_output(output: Output, ledger: Ledger) -> Tree:
    packaged = output.package is not None and output.package.kind is PackageKind.HLS
    flat = (STREAM if packaged else FILE).write(output, ledger)
    hls = {"profile_type": "hls", **{key: flat.pop(key) for key in HLS if key in flat}} if packaged else None
    customs = [each for each in (flat.pop("overlay", None), hls) if each]
    return flat | ({"custom_profiles": customs} if customs else {})


# --- where it goes --------------------------------------------------------------------------------


def within(location: Location, folder: str = "") -> Location:
    """The directory that a destination names, or one below it."""
    parts = urlsplit(location.url)
    path = f"{parts.path.rstrip('/')}/" + (f"{quote(folder)}/" if folder else "")
    return replace(location, url=urlunsplit(parts._replace(path=path)), spelling=None)


def stem(filename: str) -> str:
    return PurePosixPath(filename).stem


def outfit(entry: Output, profile: Mapping[str, Any], shown: Tree) -> tuple[Output, ...]:
    """What an order's job makes by its profile; ``shown`` is what the order's detail says of that.

    A stream gets a directory of its own, called after the file, so its thumbnails are another output beside it.
    """
    made = read_output(profile, Ledger())
    whole = replace(made, name=entry.name, label=entry.label, document={"profile": shown}, extras={})
    folders = tuple(within(location) for location in entry.destinations)
    if made.package is None:
        return (replace(whole, destinations=folders, stills=entry.stills),)
    name = stem(entry.name or "")
    package = replace(made.package, media_playlist=f"{name}.m3u8", segment_name=f"{name}_%05d.ts")
    below = tuple(within(location, name) for location in entry.destinations)
    stream = replace(whole, package=package, destinations=below)
    return (stream, *pictures(entry.stills, folders))


def pictures(stills: tuple[Stills, ...], destinations: tuple[Location, ...]) -> tuple[Output, ...]:
    """An output of nothing but thumbnails, where there are any."""
    folders = tuple(within(location) for location in destinations)
    return (Output(stills=stills, destinations=folders),) if stills else ()
