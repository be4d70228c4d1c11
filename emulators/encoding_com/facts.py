"""What only a client of the provider needs to know: how it asks, and where answers and news have what."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.emulators.encoding_com.request import DATE
from mediaglot.gateway import model
from mediaglot.gateway.exchange import headers
from mediaglot.gateway.mapping import Field, Pair, Record, Tree, many
from mediaglot.gateway.values import DECIMAL, FRAME_RATE, KILOBITS, NATURAL, RATIO, SIZE, TEXT, Value
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.xml import Xml

FORM: Final = headers(content_type="application/x-www-form-urlencoded")
QUERIES: Final[dict[str, Xml | Json]] = {
    "xml": Xml(root="response", answer_root="query"),
    "json": Json(root="response", answer_root="query"),
}
"""How requests are written."""
ANSWERS: Final[dict[str, Xml | Json]] = {
    "xml": Xml(root="query", answer_root="response"),
    "json": Json(root="query", answer_root="response", stringly=True),
}
"""How their answers are read; and a document that somebody has in a file."""
NEWS: Final[dict[str, Xml | Json]] = {
    "xml": Xml(root="result", answer_root="result"),
    "json": Json(root="result", answer_root="result"),
}
MARKER: Final = "mediaglot"
"""A key of ours in each format. Unknown ones are kept, and told in lists that name them in ``format_params``."""
PAGE: Final = 100
"""The largest page of a list."""
PAGES: Final = 20
"""How many pages are looked through for a marker, the newest media first."""
LINKS: Final = ("s3_destination", "cf_destination")
WRONG: Final = "Error ("
"""How the status of a destination begins that could not be reached; the rest is why, and a bracket."""
TIMES: Final = Record(
    model.Made,
    *(Field(name, name, DATE) for name in ("created", "started", "finished")),
    open_keys=True,
)

# 2.11: media information. Codecs come with their profile, ``h264 (High)``; only one container has a name of its own.
CODEC: Final = Value(lambda value: str(value).partition(" (")[0], str)
PROFILE: Final = Value(lambda value: str(value).partition(" (")[2].rstrip(")") or None, str)
BITRATE: Final = Value(lambda value: KILOBITS.read(many(value)[0]), KILOBITS.write)
CONTAINER: Final = Value(lambda value: {"mpeg-4": "mov"}.get(str(value), str(value)), str)


def sides(tree: Tree) -> Tree:
    size = SIZE.read(tree["size"])
    return {"width": size.width, "height": size.height}


PICTURE: Final = Record(
    model.VideoFacts,
    Field("video_codec", "codec", CODEC),
    Field("video_codec", "profile", PROFILE),
    Pair("size", "width height", sides, lambda facts: {"size": f"{facts.width}x{facts.height}"}),
    Field("frame_rate", "frame_rate", FRAME_RATE),
    Field("video_bitrate", "bitrate", BITRATE),
    Field("video_duration", "duration", DECIMAL),
    Field("pixel_aspect_ratio", "pixel_aspect", RATIO),
    Field("display_aspect_ratio", "display_aspect", RATIO),
    Field("rotation", "rotation", NATURAL),
    open_keys=True,
)
SOUND: Final = Record(
    model.AudioFacts,
    Field("audio_codec", "codec", TEXT),
    Field("audio_bitrate", "bitrate", BITRATE),
    Field("audio_sample_rate", "sample_rate", NATURAL),
    Field("audio_channels", "channels", NATURAL),
    Field("audio_duration", "duration", DECIMAL),
    open_keys=True,
)
WHOLE: Final = Record(
    model.MediaFacts,
    Field("format", "container", CONTAINER),
    Field("filesize", "size", NATURAL),
    Field("duration", "duration", DECIMAL),
    Field("bitrate", "bitrate", KILOBITS),
    open_keys=True,
)


def media_facts(tree: Any, ledger: Any) -> model.MediaFacts:
    """Raises Invalid or Missing for what no GetMediaInfo says."""
    video = (PICTURE.read(tree, ledger),) if tree.get("video_codec") else ()
    audio = (SOUND.read(tree, ledger),) if tree.get("audio_codec") else ()
    whole = WHOLE.read(tree, ledger)
    return model.MediaFacts(
        container=whole.container,
        size=whole.size,
        duration=whole.duration,
        bitrate=whole.bitrate,
        video=video,
        audio=audio,
    )
