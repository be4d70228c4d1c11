"""The process that opens unknown files with PyAV, so that a hostile one can crash or block only this process.

Started by ``probe.py`` as ``python -m``; one JSON document per line, ``{"path": ...}`` in and either
``{"format": ..., "streams": [...]}`` as ffprobe would say it or ``{"error": code}`` out. Ends when stdin does.
It imports nothing but PyAV and the standard library, because its start is part of the first probe's time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Final

import av
import av.error
import av.logging

from mediaglot.gateway.media import first_picture
from mediaglot.gateway.media.guard import FORMATS, MOST_PIXELS, PROTOCOLS

OPTIONS: Final = {"protocol_whitelist": PROTOCOLS, "format_whitelist": FORMATS, "max_pixels": str(MOST_PIXELS)}
UNDECODED: Final = {"skip_frame": "all"}
FIELD_ORDERS: Final = ("unknown", "progressive", "tt", "bb", "tb", "bt")
# The numbers of ITU-T H.273 by ffprobe's words, as far as a picture is made otherwise because of them.
TRANSFERS: Final = {
    1: "bt709",
    6: "smpte170m",
    8: "linear",
    13: "iec61966-2-1",
    14: "bt2020-10",
    15: "bt2020-12",
    16: "smpte2084",
    18: "arib-std-b67",
}
PRIMARIES: Final = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 11: "smpte431", 12: "smpte432"}
MATRICES: Final = {0: "gbr", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc", 10: "bt2020c"}
ATTACHED: Final = 0x400
ENDLESS: Final = frozenset({"matroska,webm"})
"""Formats that are also written as they come, by browsers for one: then nothing in them says how long they are."""
PATIENCE: Final = 10.0
"""Seconds to read through such a file."""
PACKETS: Final = 400
"""How far into a file the first picture or sound has to come out."""


def describe(path: str) -> dict[str, Any]:
    """What ffprobe would say about ``path``, or ``{"error": code}``."""
    try:
        with Path(path).open("rb") as file:
            return _quickly(file) or _thoroughly(file)
    except MemoryError:
        return {"error": "out_of_memory"}
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        return {"error": "no_file"}
    except (av.error.FFmpegError, OSError, ValueError, OverflowError):
        return {"error": "invalid_data"}


def _nameless(fd: int) -> str:
    """The open file under a path without a name: FFmpeg judges names before contents, and reads wildcards in them."""
    return f"/dev/fd/{fd}"


def _quickly(file: IO[bytes]) -> dict[str, Any] | None:
    """From an MP4's headers and the beginning of its first picture; None for what does not say all in these.

    FFmpeg would decode whole pictures to learn what the head of one slice says; a large one takes a tenth of a second.
    """
    if file.read(8)[4:] != b"ftyp":
        return None
    with av.open(_nameless(file.fileno()), options=OPTIONS | UNDECODED) as media:
        pictures = [stream for stream in media.streams.video if not _attached(stream)]
        if len(pictures) != 1:
            return None
        frame = first_picture.begun(media, pictures[0])
        return None if frame is None else _document(media, _seen(frame))


def _thoroughly(file: IO[bytes]) -> dict[str, Any]:
    with av.open(_nameless(file.fileno()), options=OPTIONS) as media:
        pictures = [stream for stream in media.streams.video if not _attached(stream)]
        # A track that gives no picture is left without a codec, so it does not count.
        seen = next(map(_seen, _frames(media, pictures[0])), {"codec_name": None}) if pictures else None
        return _document(media, seen)


def _document(media: Any, seen: dict[str, Any] | None) -> dict[str, Any]:
    """``seen`` is what the first picture told, None where there are no pictures."""
    streams = [_stream(stream) for stream in media.streams]
    if seen is None:
        _require_sound(media, streams)
    else:
        pictures = (said for said in streams if said["codec_type"] == "video")
        next(said for said in pictures if not said["disposition"]["attached_pic"]).update(seen)
    return {
        "format": {
            "format_name": media.format.name,
            "duration": _seconds(media.duration, 1_000_000),
            "end": _end(media) if media.duration is None and media.format.name in ENDLESS else None,
            "start_time": _seconds(media.start_time, 1_000_000),
            "bit_rate": media.bit_rate or None,
            "tags": {key.lower(): value[:64] for key, value in media.metadata.items() if key.lower() == "encoder"},
        },
        "streams": streams,
        "chapters": [{"id": chapter["id"]} for chapter in media.chapters()],
    }


def _end(media: Any) -> str | None:
    """When the last packet is over; None for a file that is too large to be read through for that."""
    tracks, last = [stream for stream in media.streams if stream.type in ("video", "audio")], Fraction(0)
    until = time.monotonic() + PATIENCE
    with suppress(av.error.FFmpegError):
        for packet in media.demux(tracks):
            if packet.pts is not None:
                last = max(last, (packet.pts + (packet.duration or 0)) * packet.time_base)
            if time.monotonic() > until:
                return None
    return str(last)


def _stream(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    said: dict[str, Any] = {"codec_type": stream.type, "disposition": {"attached_pic": 0}, "tags": _tags(stream)}
    if context is None:
        return said
    said |= {
        "codec_name": context.codec.canonical_name,
        "profile": stream.profile,
        "bit_rate": getattr(stream, "bit_rate", None),
        "duration": _seconds(stream.duration, stream.time_base),
        "start_time": _seconds(stream.start_time, stream.time_base),
        "nb_frames": stream.frames or None,
    }
    if stream.type == "video":
        said |= _picture(stream, context)
    elif stream.type == "audio":
        said |= {
            "sample_rate": context.sample_rate,
            "channels": context.channels,
            # The width of a sample says something only where the coding keeps it.
            "bits_per_sample": context.format.bits if context.format and context.codec.lossless else None,
        }
    return said


def _tags(stream: Any) -> dict[str, str]:
    known = {key.lower(): value for key, value in stream.metadata.items()}
    return {key: known[key][:64] for key in ("language", "bps", "duration") if key in known}


def _picture(stream: Any, context: Any) -> dict[str, Any]:
    order = context.field_order
    return {
        "disposition": {"attached_pic": int(_attached(stream))},
        "width": context.width,
        "height": context.height,
        "pix_fmt": context.pix_fmt,
        "sample_aspect_ratio": _ratio(stream.sample_aspect_ratio),
        "avg_frame_rate": _ratio(stream.average_rate),
        "r_frame_rate": _ratio(stream.base_rate),
        "color_transfer": TRANSFERS.get(context.color_trc),
        "color_primaries": PRIMARIES.get(context.color_primaries),
        "color_space": MATRICES.get(context.colorspace),
        "field_order": FIELD_ORDERS[order] if 0 <= order < len(FIELD_ORDERS) else "unknown",
    }


def _attached(stream: Any) -> bool:
    return bool(int(stream.disposition) & ATTACHED)


def _seen(frame: Any) -> dict[str, Any]:
    """What only a decoded picture tells."""
    turned = {"side_data_list": [{"rotation": frame.rotation}]} if frame.rotation else {}
    return {**turned, **({"field_order": "tt"} if frame.interlaced_frame else {})}


def _require_sound(media: Any, streams: list[dict[str, Any]]) -> None:
    for stream, said in zip(media.streams, streams, strict=True):
        if said["codec_type"] == "audio":
            if next(_frames(media, stream), None) is None:
                said["codec_name"] = None
            return


def _frames(media: Any, stream: Any) -> Iterator[Any]:
    """Frames from the first packets of a track; broken packets are passed over."""
    if stream.codec_context is None:
        return
    stream.codec_context.thread_count = 1  # more would cost address space and delay the first frame
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    for count, packet in enumerate(media.demux(stream)):
        with suppress(av.error.InvalidDataError):
            yield from packet.decode()
        if count >= PACKETS:
            return


def _seconds(ticks: int | None, base: Any) -> str | None:
    """``base`` is ticks per second, or a tick as a Fraction."""
    if ticks is None or base is None:
        return None
    return f"{ticks}/{base}" if isinstance(base, int) else str(ticks * base)


def _ratio(value: Any) -> str | None:
    return f"{value.numerator}/{value.denominator}" if value else None


def main() -> None:
    av.logging.set_level(av.logging.PANIC)
    for line in sys.stdin.buffer:
        answer = describe(json.loads(line)["path"])
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
