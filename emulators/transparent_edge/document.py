"""A profile, with what an order's job adds to it, as an output: read both ways. Sections 2.1, 2.5 and 5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Final
from urllib.parse import quote

from mediaglot.emulators.transparent_edge.profile import HLS, PRESETS
from mediaglot.gateway import model
from mediaglot.gateway.address import with_path
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Entry, Field, Inline, Kept, Many, Pair, Record, Tree
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.values import DECIMAL, INTEGER, KILOBITS, LOCATION, TEXT, Table, Value, names

NAME: Final = "transparent_edge"
LARGEST: Final = 16_384


def _side(value: Any) -> int:
    if not 1 <= (number := INTEGER.read(value)) <= LARGEST:
        raise ValueError(f"is not from 1 to {LARGEST}")
    return number


def _said(value: Any) -> int:
    if isinstance(value, model.Share):
        raise ValueError("can only be written as a number")
    return int(value)


WHOLE: Final = Value(INTEGER.read, _said)
SIDE: Final = Value(_side, _said)
SPAN: Final = Value(lambda value: Fraction(INTEGER.read(value)), lambda seconds: max(1, round(seconds)))
KILO: Final[Value[Any]] = Value(
    lambda value: INTEGER.read(value) * 1000, lambda bits: max(1, round(_said(bits) / 1000))
)
"""kbit/s."""

SIDES: Final = ("video_width", "video_height")


def read_size(tree: Tree) -> Tree:
    """5.1: scale=W:H; one side alone keeps the shape."""
    width, height = (SIDE.read(tree[key]) if key in tree else None for key in SIDES)
    return {"size": model.Size(width=width, height=height, fit=model.Fit.STRETCH if width and height else None)}


def write_size(video: model.Video) -> Tree:
    sides = (video.size.width, video.size.height) if video.size else ()
    return {key: side for key, side in zip(SIDES, sides, strict=False) if isinstance(side, int)}


RATES: Final = {"video_bitrate": ("bitrate", KILO), "maxrate": ("most", KILOBITS), "bufsize": ("buffer", KILOBITS)}


def read_rate(tree: Tree) -> Tree:
    """5.2: maybe no more than the source has; ``maxrate`` and ``bufsize`` belong to hls."""
    said = {name: via.read(tree[key]) for key, (name, via) in RATES.items() if key in tree}
    return {"rate": model.Average(at_most_source=bool(tree.get("restrict_bitrate")), **said)} if said else {}


def write_rate(video: model.Video) -> Tree:
    rate = model.Average(bitrate=video.rate.bitrate) if isinstance(video.rate, model.Constant) else video.rate
    if not isinstance(rate, model.Average):
        return {}
    said = {key: via.write(value) for key, (name, via) in RATES.items() if (value := getattr(rate, name)) is not None}
    return said | ({"restrict_bitrate": True} if rate.at_most_source else {})


def write_plain_rate(video: model.Video) -> Tree:
    return {key: value for key, value in write_rate(video).items() if key in {"video_bitrate", "restrict_bitrate"}}


def read_tune(tree: Tree) -> Tree:
    return {"tune": {key: str(INTEGER.read(value)) for key, value in tree.items()}}


def write_tune(video: model.Video) -> Tree:
    return {key: INTEGER.read(value) for key, value in video.tune.items() if key in TUNE.split()}


def read_frame_rate(tree: Tree) -> Tree:
    return {"frame_rate": model.FrameRate(value=Fraction(INTEGER.read(tree["framerate"])))}


def write_frame_rate(video: model.Video) -> Tree:
    return {"framerate": max(1, round(video.frame_rate.value))} if video.frame_rate else {}


def read_sound(tree: Tree) -> Tree:
    if "audio_bitrate" not in tree:
        return {}
    return {"bitrate": KILO.read(tree["audio_bitrate"]), "at_most_source": bool(tree.get("restrict_bitrate"))}


def write_sound(audio: model.Audio) -> Tree:
    if audio.bitrate is None:
        return {}
    return {"audio_bitrate": KILO.write(audio.bitrate)} | ({"restrict_bitrate": True} if audio.at_most_source else {})


TUNE: Final = "b_strategy coder sc_threshold"
SHAPES: Final = Table({"16:9": Fraction(16, 9), "9:16": Fraction(9, 16), "4:3": Fraction(4, 3)})
CODECS: Final = Table(
    {"libx264": "h264", "webm": "vp9", "mpeg2video": "mpeg2video", "copy": "copy"}, also={"h264": "h264"}
)
SOUNDS: Final = Table({"libfdk_aac": "aac", "ac3": "ac3", "mp3": "mp3", "mp2": "mp2", "copy": "copy"})
PICTURE: Final = (
    Field("video_codec", "codec", CODECS),
    Pair(" ".join(SIDES), "size", read_size, write_size),
    Field("video_aspect", "display_aspect", SHAPES),
)
VIDEO: Final = Record(
    model.Video, *PICTURE, Pair("video_bitrate restrict_bitrate", "rate", read_rate, write_plain_rate)
)
STREAMED_VIDEO: Final = Record(
    model.Video,
    *PICTURE,
    Pair("video_bitrate restrict_bitrate maxrate bufsize", "rate", read_rate, write_rate),
    Field("pix_fmt", "pixel_format"),
    Pair("framerate", "frame_rate", read_frame_rate, write_frame_rate),
    Field("h264_preset", "speed", names(" ".join(PRESETS))),
    Field("h264_profile", "profile", names("baseline main high")),
    Field("h264_level", "level"),
    Field("refs", "references", WHOLE),
    Pair(TUNE, "tune", read_tune, write_tune),
)
SOUND: Final = Pair("audio_bitrate restrict_bitrate", "bitrate at_most_source", read_sound, write_sound)
AUDIO: Final = Record(model.Audio, Field("audio_codec", "codec", SOUNDS), SOUND)

# --- the two kinds of custom profiles -------------------------------------------------------------

DOWN: Final = {"top": "top", "center": "middle", "bottom": "bottom"}


def read_place(tree: Tree) -> Tree:
    """The offset counts from the edge that the alignment names; from the centre there is none."""
    across, down = str(tree.get("horizontal", "right")), str(tree.get("vertical", "top"))
    x, y = INTEGER.read(tree.get("offset_x", 0)), INTEGER.read(tree.get("offset_y", 0))
    return {"anchor": (DOWN.get(down, down), across), "x": x * (across != "center"), "y": y * (down != "center")}


def write_place(overlay: model.ImageOverlay) -> Tree:
    down = next(word for word, ours in DOWN.items() if ours == overlay.anchor[0])
    x, y = (max(_said(side), 0) for side in (overlay.x, overlay.y))
    return {"horizontal": overlay.anchor[1], "vertical": down, "offset_x": x, "offset_y": y}


IMAGE: Final = Record(
    model.ImageOverlay,
    Field("url", "location", LOCATION),
    Field("scale_width", "width", SIDE),
    Field("scale_height", "height", SIDE),
    Field("opacity", "opacity", Value(DECIMAL.read, float)),
    Pair("horizontal vertical offset_x offset_y", "anchor x y", read_place, write_place),
    Kept("profile_type position"),
)


def write_overlay(output: model.Output) -> Tree:
    """One picture at most, and none together with a size: section 2.5."""
    first = next((each for each in output.overlays if isinstance(each, model.ImageOverlay)), None)
    if first is None or getattr(output.video, "size", None) or not re.match(r"(https?|ftps?)://", first.location.url):
        return {}
    return {"overlay": {"profile_type": "overlay", "position": "after", **IMAGE.write(first, Ledger())}}


PACKAGE: Final = Record(
    model.Package,
    Field("profile_type", "kind", Table({"hls": model.PackageKind.HLS})),
    Field("hls_time", "segment", SPAN),
    Field("hls_list_size", "list_size", WHOLE),
    Field("master_pl_name", "playlist"),
)

# --- what a job adds ------------------------------------------------------------------------------

JPEG: Final = model.StillFormat.JPEG
PICTURES: Final = {
    "jpg": JPEG,
    "jpeg": JPEG,
    "png": model.StillFormat.PNG,
    "webp": model.StillFormat.WEBP,
    "gif": model.StillFormat.GIF,
}


def suffix(name: str) -> str:
    return name.rpartition(".")[2].lower()


def read_picture(tree: Tree) -> Tree:
    name = TEXT.read(tree["filename"])
    if suffix(name) not in PICTURES:
        raise ValueError(f"does not end in {', '.join(f'.{each}' for each in PICTURES)}")
    return {"name": name, "format": PICTURES[suffix(name)]}


def write_picture(stills: model.Stills) -> Tree:
    wanted, name = stills.format or JPEG, stills.name or "thumbnail"
    if PICTURES.get(suffix(name)) is wanted:
        return {"filename": name}
    return {"filename": f"{name}.{next(word for word, meaning in PICTURES.items() if meaning is wanted)}"}


def read_moment(tree: Tree) -> Tree:
    """5.3: below 1 a share of the duration, from there on seconds."""
    if (time := DECIMAL.read(tree["time"])) < 0:
        raise ValueError("is negative")
    return {"at": model.Share(time) if time < 1 else time}


def write_moment(stills: model.Stills) -> Tree:
    part = isinstance(stills.at, model.Share)
    time = stills.at.of_source if isinstance(stills.at, model.Share) else stills.at
    return {} if time is None or part != (time < 1) else {"time": float(time)}


def read_box(tree: Tree) -> Tree:
    return {"size": model.Size(width=SIDE.read(tree["width"]), height=SIDE.read(tree["height"]), fit=model.Fit.STRETCH)}


def write_box(stills: model.Stills) -> Tree:
    size = stills.size
    both = size is not None and isinstance(size.width, int) and isinstance(size.height, int)
    return {"width": size.width, "height": size.height} if size is not None and both else {}


THUMBNAIL: Final = Record(
    model.Stills,
    Pair("filename", "name format", read_picture, write_picture),
    Field("label", "label"),
    Pair("width height", "size", read_box, write_box),
    Pair("time", "at", read_moment, write_moment),
)
NAMES: Final = (Field("filename", "name"), Field("label", "label"))
ENTRY: Final = Record(model.Output, *NAMES, Kept("profile_id thumbnails", noted=False))
"""A job of an order, without what its profile says, and its thumbnails."""
COMMON: Final[tuple[Entry, ...]] = (
    Field("video_format", "container", names("mp4 mpegts rawvideo")),
    Inline("audio", AUDIO),
    Pair("overlay", "overlays", lambda tree: {"overlays": (IMAGE.read(tree["overlay"], Ledger()),)}, write_overlay),
    *NAMES,
    Many("thumbnails", "stills", THUMBNAIL),
    Kept("id company name", noted=False),
)
FILE: Final = Record(model.Output, Inline("video", VIDEO), *COMMON, Kept("segmentation"), extras=NAME)
MORE: Final[tuple[Entry, ...]] = (Inline("video", STREAMED_VIDEO), Inline("package", PACKAGE))
STREAM: Final = Record(model.Output, *MORE, *COMMON, Kept("segmentation hls_flags"), extras=NAME)


def read_output(tree: Mapping[str, Any], ledger: Ledger) -> model.Output:
    """A profile's document, maybe with the fields of a job beside its own."""
    customs = {each["profile_type"]: each for each in tree.get("custom_profiles", ())}
    flat: Tree = {key: value for key, value in tree.items() if key != "custom_profiles"}
    if "overlay" in customs:
        flat["overlay"] = dict(customs["overlay"])
    return STREAM.read({**flat, **customs["hls"]}, ledger) if "hls" in customs else FILE.read(flat, ledger)


def write_output(output: model.Output, ledger: Ledger) -> Tree:
    packaged = output.package is not None and output.package.kind is model.PackageKind.HLS
    flat = (STREAM if packaged else FILE).write(output, ledger)
    hls = {key: flat.pop(key) for key in ("profile_type", *HLS) if key in flat} if packaged else None
    customs = [each for each in (flat.pop("overlay", None), hls) if each]
    return flat | ({"custom_profiles": customs} if customs else {})


# --- where it goes --------------------------------------------------------------------------------


def within(location: model.Location, folder: str = "") -> model.Location:
    """The directory that a destination names, or one below it."""
    below = f"{quote(folder)}/" if folder else ""
    return replace(location, url=with_path(location.url, lambda path: f"{path.rstrip('/')}/{below}"), spelling=None)


def stem(filename: str | None) -> str:
    return (filename or "").rpartition(".")[0] or filename or ""


def outfit(entry: model.Output, profile: Mapping[str, Any], shown: Tree) -> tuple[model.Output, ...]:
    """What an order's job makes by its profile; ``shown`` is what the order's detail says of that.

    A stream gets a directory of its own, called after the file, so its thumbnails are another output beside it.
    """
    # every profile has rates, which a copied track has no use for
    idle = [f"{kind}_bitrate" for kind in ("video", "audio") if profile.get(f"{kind}_codec") == "copy"]
    made, name = read_output({key: profile[key] for key in profile if key not in idle}, Ledger()), stem(entry.name)
    whole = replace(made, name=entry.name, label=entry.label, document={"profile": shown}, extras={})
    if made.package is None:
        return (replace(whole, destinations=tuple(map(within, entry.destinations)), stills=entry.stills),)
    package = replace(made.package, media_playlist=f"{name}.m3u8", segment_name=f"{name}_%05d.ts")
    below = tuple(within(location, name) for location in entry.destinations)
    return (replace(whole, package=package, destinations=below), *pictures(entry.stills, entry.destinations))


def pictures(stills: tuple[model.Stills, ...], destinations: tuple[model.Location, ...]) -> tuple[model.Output, ...]:
    """An output of nothing but thumbnails, where there are any."""
    return (model.Output(stills=stills, destinations=tuple(map(within, destinations))),) if stills else ()
