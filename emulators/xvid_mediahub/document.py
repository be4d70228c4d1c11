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
from mediaglot.gateway.pieces import BitRate, flat, flatten, frame_rate, sides, unflatten

KILOBITS: Final = values.NUMBER_OF_KILOBITS
TARGET: Final = "preset.target_format"
VCODEC, VCAPS, ACODEC, ACAPS = (f"{TARGET}.{part}" for part in ("vcodec", "vcodec.caps", "acodec", "acodec.caps"))
PICTURE, SOUND = "settings.video", "settings.audio"
NOTHING: Final = {VCODEC: "off", ACODEC: "off"}
SIMPLE: Final = values.Value(values.NATURAL.read, str)
MARGIN: Final = model.Share(Fraction(2, 100))


def codecs(kind: str) -> values.Table[str]:
    return values.Table({code: word for code, (of, word) in CODEC_WORDS.items() if of == kind})


SHAPES: Final = {"4:3": Fraction(4, 3), "16:9": Fraction(16, 9)}


def read_aspect(tree: Tree) -> Tree:
    """The shape of a pixel, but for the two ratios that only pictures have."""
    text = str(tree[f"{PICTURE}.aspect_ratio"]).strip()
    return {"display_aspect": SHAPES[text]} if text in SHAPES else {"pixel_aspect": values.RATIO.read(text)}


def write_aspect(video: model.Video) -> Tree:
    shape = next((text for text, value in SHAPES.items() if value == video.display_aspect), None)
    return {f"{PICTURE}.aspect_ratio": shape or (video.pixel_aspect and values.RATIO.write(video.pixel_aspect))}


PROFILES: Final = values.Table({word.title(): word for word in "baseline main high simple".split()})
INTERLACED: Final = values.Table({"false": model.Deinterlace.AUTO, "true": model.Deinterlace.OFF})
DISTANCE: Final = values.nonzero(values.DECIMAL)
TURNS: Final = values.turns({f"rotate-{turn}": turn for turn in (0, 90, 180, 270)})
CAPS: Final[Any] = {"most": f"{VCAPS}.max_bitrate", "buffer": f"{VCAPS}.max_buffersize"}
AMOUNT, RATE = values.or_share(values.NATURAL), values.or_share(KILOBITS)
VIDEO: Final = Record(
    model.Video,
    Field(f"{VCODEC}.codec.id", "codec", codecs("video")),
    Field(f"{VCODEC}.profile", "profile", PROFILES),
    Field(f"{VCODEC}.passes", "passes", values.WHOLE),
    sides("most", f"{VCAPS}.max_width", f"{VCAPS}.max_height", values.WHOLE),
    frame_rate(f"{PICTURE}.framerate", f"{VCAPS}.max_framerate", capped=True),
    BitRate(f"{PICTURE}.bitrate", **CAPS, via=RATE, bounds=KILOBITS),
    flat("key_frames", model.KeyFrames, DISTANCE, seconds=f"{VCAPS}.max_key_distance"),
    Field(f"{VCAPS}.max_ref_frames", "references", values.WHOLE),
    Field(f"{VCAPS}.interlaced", "deinterlace", INTERLACED),
    sides("size", f"{PICTURE}.width", f"{PICTURE}.height", AMOUNT, fit=model.Fit.STRETCH),
    Field(f"{PICTURE}.rotate", "rotate", TURNS),
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
    return {f"{SOUND}.bitrate": KILOBITS.write(audio.bitrate)}


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


OUTPUT: Final = Record(
    model.Output,
    Field("preset.id", "preset"),
    Field(f"{TARGET}.container", "container", values.names("mp4 mov m4v mkv webm avi flv 3gp mpegts ogg wmv mp3 m4a")),
    Field(f"{TARGET}.extension", "extension"),
    Field("output_name", "name", values.TEXT),
    flat("clip", model.Clip, values.SECONDS, duration="settings.max_duration"),
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
