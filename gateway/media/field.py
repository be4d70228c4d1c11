"""Interlaced sources: each picture holds the lines of two moments."""

from __future__ import annotations

from typing import Final

from mediaglot.gateway.model import VideoFacts

EVERY: Final = "bwdif=mode=send_frame:parity=auto:deint=all"
MARKED: Final = "bwdif=mode=send_frame:parity=auto:deint=interlaced"


def whole(video: VideoFacts | None) -> list[str]:
    """The filter that makes whole pictures of an interlaced source's, none for other sources."""
    return [MARKED] if video is not None and video.interlaced else []
