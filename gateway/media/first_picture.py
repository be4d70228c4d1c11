"""The beginning of a film's first picture, decoded: as much of it as says what kind of pictures these are.

A decoder learns size, pixels, colours and fields from parameters and from the head of a slice. All that comes after
costs time: half a megabyte of it is common. Only used in the process of ``probe_worker.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import av
import av.error

from mediaglot.gateway.media.guard import MOST_PIXELS

ENOUGH: Final = 1 << 12
"""Bytes of a slice: its head, and some of what follows, to see that it is one."""
MOST: Final = 1 << 16
"""Bytes of all that comes before it."""
OPTIONS: Final = {"max_pixels": str(MOST_PIXELS), "ec": "0"}
"""What is cut off is not made up."""


def begun(media: Any, stream: Any) -> Any | None:
    """A frame of which perhaps only the beginning is right, after which the stream's context knows what it is.

    None where the first packet gives none.
    """
    context = stream.codec_context
    if context is None:
        return None
    packet = next(media.demux(stream), None)
    if packet is None or not packet.size:
        return None
    context.thread_count = 1
    context.options = OPTIONS
    frames: list[Any] = []
    try:
        for one in (_short(packet, context), None):
            frames += context.decode(one)
    except av.error.FFmpegError:
        return None
    return frames[0] if frames and context.pix_fmt is not None else None


def _short(packet: Any, context: Any) -> Any:
    """H.264 and HEVC in units behind their lengths are cut, all others stay whole."""
    place = {"h264": 4, "hevc": 21}.get(context.codec.canonical_name)
    head = context.extradata or b""
    if place is None or len(head) <= place or head[0] != 1:
        return packet
    width = (head[place] & 3) + 1
    hevc = place == 21
    return av.Packet(b"".join(_units(bytes(packet), width, hevc=hevc)))


def _units(data: bytes, width: int, *, hevc: bool) -> Iterator[bytes]:
    """Up to the first slice, and its beginning."""
    at = 0
    while at + width < len(data) and at < MOST:
        size = int.from_bytes(data[at : at + width])
        kind = data[at + width] >> 1 & 63 if hevc else data[at + width] & 31
        if kind < 32 if hevc else 1 <= kind <= 5:
            size = min(size, ENOUGH)
            yield size.to_bytes(width) + data[at + width : at + width + size]
            return
        at += width + size
        yield data[at - width - size : at]
