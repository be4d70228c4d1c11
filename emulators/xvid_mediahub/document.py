"""The document of one output, read both ways: section 6.

Records see it flat, ``settings.video.width`` being one key. Its preset is an id, or the preset's own document in its
place: that is how settings are told which the provider has in presets only.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, Final

from mediaglot.emulators.xvid_mediahub.catalog import CODEC_WORDS
from mediaglot.gateway import model, values
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.mapping import Field, Inline, Many, Pair, Record, Tree, is_empty, many
from mediaglot.gateway.pieces import flatten, unflatten

KILOBITS: Final = values.NUMBER_OF_KILOBITS
TARGET: Final = "preset.target_format"
VCODEC, VCAPS, ACODEC, ACAPS = (f"{TARGET}.{part}" for part in ("vcodec", "vcodec.caps", "acodec", "acodec.caps"))
PICTURE, SOUND = "settings.video", "settings.audio"
NOTHING: Final = {VCODEC: "off", ACODEC: "off"}
SIMPLE: Final = values.Value(values.NATURAL.read, str)
MARGIN: Final = model.Share(Fraction(2, 100))


def codecs(kind: str) -> values.Table[str]:
    return values.Table({code: word for code, (of, word) in CODEC_WORDS.items() if of == kind})


def last(key: str) -> str:
    return key.rpartition(".")[2]


def sides(attribute: str, prefix: str, via: Any, fit: model.Fit | None = None) -> Pair:
    """A Size whose width and height have keys of their own; with ``fit`` both together mean that."""

    def read(tree: Tree) -> Tree:
        found = {name: via.read(tree[f"{prefix}{name}"]) for name in ("width", "height") if f"{prefix}{name}" in tree}
        return {attribute: model.Size(**found, fit=fit if len(found) == 2 else None)}

    def write(video: model.Video) -> Tree:
        size = getattr(video, attribute) or model.Size()
        return {f"{prefix}{name}": via.write(side) for name in ("width", "height") if (side := getattr(size, name))}

    return Pair(f"{prefix}width {prefix}height", attribute, read, write)


RATES: Final = {"most": f"{VCAPS}.max_bitrate", "buffer": f"{VCAPS}.max_buffersize"}


def read_rate(tree: Tree) -> Tree:
    asked = tree.get(f"{PICTURE}.bitrate")
    found: Tree = {name: KILOBITS.read(tree[key]) for name, key in RATES.items() if key in tree}
    if asked is not None:
        found["bitrate"] = (values.AMOUNT if str(asked).strip().endswith("%") else KILOBITS).read(asked)
    return {"rate": model.Average(**found)}


def write_rate(video: model.Video) -> Tree:
    rate = video.rate
    if not isinstance(rate, model.Average):
        return {}
    text = rate.bitrate and written(rate.bitrate)
    caps = {key: getattr(rate, name) for name, key in RATES.items()}
    return {f"{PICTURE}.bitrate": text, **{key: KILOBITS.write(value) for key, value in caps.items() if value}}


def written(bits: int | model.Share) -> str:
    return values.AMOUNT.write(bits) if isinstance(bits, model.Share) else values.decimal(Fraction(bits, 1000))


def read_frame_rate(tree: Tree) -> Tree:
    found = {last(key): values.DECIMAL.read(value) for key, value in tree.items()}
    cap, asked = found.get("max_framerate"), found.get("framerate")
    if asked is None:
        return {"frame_rate": model.FrameRate(value=cap, at_most=True)} if cap else {}
    return {"frame_rate": model.FrameRate(value=min(asked, cap or asked))}


def write_frame_rate(video: model.Video) -> Tree:
    rate = video.frame_rate
    if rate is None:
        return {}
    return (
        {f"{VCAPS}.max_framerate": values.number(rate.value)}
        if rate.at_most
        else {f"{PICTURE}.framerate": str(rate.value)}
    )


SHAPES: Final = {"4:3": Fraction(4, 3), "16:9": Fraction(16, 9)}


def read_aspect(tree: Tree) -> Tree:
    """The shape of a pixel, but for the two ratios that only pictures have."""
    text = str(tree[f"{PICTURE}.aspect_ratio"]).strip()
    return {"display_aspect": SHAPES[text]} if text in SHAPES else {"pixel_aspect": values.RATIO.read(text)}


def write_aspect(video: model.Video) -> Tree:
    shape = next((text for text, value in SHAPES.items() if value == video.display_aspect), None)
    return {f"{PICTURE}.aspect_ratio": shape or (video.pixel_aspect and values.RATIO.write(video.pixel_aspect))}


def read_keys(tree: Tree) -> Tree:
    seconds = values.DECIMAL.read(tree[f"{VCAPS}.max_key_distance"])
    return {"key_frames": model.KeyFrames(seconds=seconds) if seconds > 0 else None}


def write_keys(video: model.Video) -> Tree:
    seconds = video.key_frames.seconds if video.key_frames else None
    return {f"{VCAPS}.max_key_distance": values.number(seconds) if seconds else None}


PROFILES: Final = values.Table({word.title(): word for word in "baseline main high simple".split()})
INTERLACED: Final = values.Table({"false": model.Deinterlace.AUTO, "true": model.Deinterlace.OFF})
TURNS: Final = {f"{prefix}{turn}": turn for prefix in ("", "rotate-") for turn in (0, 90, 180, 270)}
VIDEO: Final = Record(
    model.Video,
    Field(f"{VCODEC}.codec.id", "codec", codecs("video")),
    Field(
        f"{VCODEC}.profile",
        "profile",
        values.Table({word.title(): word for word in "baseline main high simple".split()}),
    ),
    Field(f"{VCODEC}.passes", "passes", values.WHOLE),
    sides("most", f"{VCAPS}.max_", values.WHOLE),
    Pair(f"{VCAPS}.max_framerate {PICTURE}.framerate", "frame_rate", read_frame_rate, write_frame_rate),
    Pair(f"{VCAPS}.max_bitrate {VCAPS}.max_buffersize {PICTURE}.bitrate", "rate", read_rate, write_rate),
    Pair(f"{VCAPS}.max_key_distance", "key_frames", read_keys, write_keys),
    Field(f"{VCAPS}.max_ref_frames", "references", values.WHOLE),
    Field(f"{VCAPS}.interlaced", "deinterlace", INTERLACED),
    sides("size", f"{PICTURE}.", values.AMOUNT, model.Fit.STRETCH),
    Field(f"{PICTURE}.rotate", "rotate", values.Table(TURNS)),
    Pair(f"{PICTURE}.aspect_ratio", "pixel_aspect display_aspect", read_aspect, write_aspect),
)


def read_sound(tree: Tree) -> Tree:
    """A cap is a bitrate that never goes over the source's."""
    found = [KILOBITS.read(value) for value in tree.values()]
    return {"bitrate": min(found)} | ({} if f"{SOUND}.bitrate" in tree else {"at_most_source": True})


def write_sound(audio: model.Audio) -> Tree:
    if not isinstance(audio.bitrate, int):
        return {}
    if audio.at_most_source:
        return {f"{ACAPS}.max_bitrate": KILOBITS.write(audio.bitrate)}
    return {f"{SOUND}.bitrate": written(audio.bitrate)}


AUDIO: Final = Record(
    model.Audio,
    Field(f"{ACODEC}.codec.id", "codec", codecs("audio")),
    Field(f"{ACODEC}.profile", "profile"),
    Pair(f"{ACAPS}.max_bitrate {SOUND}.bitrate", "bitrate at_most_source", read_sound, write_sound),
    Field(f"{ACAPS}.max_samplingrate", "most_sample_rate", values.WHOLE),
    Field(f"{SOUND}.samplingrate", "sample_rate", SIMPLE),
    Field(f"{ACAPS}.max_channels", "most_channels", values.WHOLE),
    Field(f"{SOUND}.nb_channels", "channels", SIMPLE),
)

# 3.10 and section 6: values.names that are no resources. One not in here means the default, the first.
SERIES: Final = {"thumbnails_small": 160, "thumbnails_medium": 320, "thumbnails_large": 640}
EVERY, MOST = Fraction(10), 100
LOGO: Final = re.compile(r"logo_?(\d{1,3})(?:_(top|middle|bottom)_(left|center|right))?", re.IGNORECASE)


def read_series(tree: Tree) -> Tree:
    width = SERIES.get(str(tree["thumbnail_preset"]), SERIES["thumbnails_small"])
    return {"size": model.Size(width=width), "every": EVERY, "count": MOST, "archive": True}


def write_series(stills: model.Stills) -> Tree:
    width = stills.size.width if stills.size and isinstance(stills.size.width, int) else 0
    return {"thumbnail_preset": min(SERIES, key=lambda name: abs(SERIES[name] - width))}


STILLS: Final = Record(
    model.Stills,
    Field("thumbnail_names", "name"),
    Pair("thumbnail_preset", "size every count archive", read_series, write_series),
)


def read_logo(tree: Any) -> model.ImageOverlay:
    """``Logo15`` is 15 % of the width, bottom right; ``logo_30_top_left`` says where."""
    found = LOGO.fullmatch(str(tree.get("logo_preset") or "")) or LOGO.fullmatch("Logo15")
    assert found is not None  # noqa: S101 - the second is one
    anchor = ((found[2] or "bottom").lower(), (found[3] or "right").lower())
    x, y = (0 if word in {"center", "middle"} else MARGIN for word in reversed(anchor))
    width = model.Share(Fraction(min(max(int(found[1]), 1), 100), 100))
    return model.ImageOverlay(
        location=values.PLACE.read(tree.get("logo_image", "")), width=width, anchor=anchor, x=x, y=y
    )


def write_logo(overlay: model.ImageOverlay) -> Tree:
    percent = round(overlay.width.of_source * 100) if isinstance(overlay.width, model.Share) else 15
    words = {"logo_preset": f"logo_{percent}_{'_'.join(overlay.anchor)}"}
    return {"logo_image": values.PLACE.write(overlay.location), **words}


def write_logos(output: model.Output) -> Tree:
    return {"logos": [write_logo(each) for each in output.overlays if isinstance(each, model.ImageOverlay)]}


def write_clip(output: model.Output) -> Tree:
    duration = output.clip.duration if output.clip else None
    return {"settings.max_duration": values.decimal(duration) if duration else None}


OUTPUT: Final = Record(
    model.Output,
    Field("preset.id", "preset"),
    Field(f"{TARGET}.container", "container", values.names("mp4 mov m4v mkv webm avi flv 3gp mpegts ogg wmv mp3 m4a")),
    Field(f"{TARGET}.extension", "extension"),
    Field("output_name", "name", values.TEXT),
    Pair(
        "settings.max_duration",
        "clip",
        lambda tree: {"clip": model.Clip(duration=values.SECONDS.read(tree["settings.max_duration"]))},
        write_clip,
    ),
    Inline("video", VIDEO, off=(VCODEC, "off")),
    Inline("audio", AUDIO, off=(ACODEC, "off")),
    Many("thumbnails", "stills", STILLS),
    Pair("logos", "overlays", lambda tree: {"overlays": tuple(map(read_logo, many(tree["logos"])))}, write_logos),
)


def read_output(tree: Tree, ledger: Ledger) -> model.Output:
    """Raises Invalid with the path of the first value that can't be used."""
    kept = {key: value for key, value in tree.items() if not is_empty(value)}
    return OUTPUT.read(flatten(kept, NOTHING), ledger)


def write_output(output: model.Output, ledger: Ledger) -> Tree:
    return unflatten(OUTPUT.write(output, ledger), NOTHING)


def preset_output(document: Any) -> model.Output:
    """A track that a preset's target format has no word for is left out."""
    return read_output({"preset": {"target_format": {"vcodec": None, "acodec": None, **document}}}, Ledger())
