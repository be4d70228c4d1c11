"""High dynamic range (BT.2100 PQ and HLG) to a standard picture (BT.709), where the output can't hold it. Pure."""

from __future__ import annotations

from typing import Final

from mediaglot.gateway.media.encoder import pixel_formats
from mediaglot.gateway.model import Video, VideoFacts

NEEDED: Final = frozenset({"zscale", "tonemap", "sidedata"})
HDR: Final = frozenset({"smpte2084", "arib-std-b67"})
MEASURED: Final = ("MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DYNAMIC_HDR_PLUS")
"""What comes with the pictures and says something about the high range only."""
MATRICES: Final = {"bt2020nc": "2020_ncl", "bt2020c": "2020_cl", "bt709": "709", "smpte170m": "170m"}
PRIMARIES: Final = {"bt2020": "2020", "bt709": "709", "smpte432": "smpte432", "smpte431": "smpte431"}
"""FFmpeg's words for colours to the zscale filter's."""


def narrows(video: Video, encoder: str) -> bool:
    """The output has eight bits, which are too few for a high range, and says nothing about its colours."""
    word = video.profile.lower() if video.profile else ""
    pixels = video.pixel_format or pixel_formats(encoder, word)[0]
    asked = video.color is not None and video.color.transfer is not None
    return not asked and not pixels.endswith(("10le", "12le"))


def mapped(source: VideoFacts) -> list[str]:
    """The filters, none for a source of standard range."""
    if source.transfer not in HDR:
        return []
    matrix = MATRICES.get(source.matrix or "", "2020_ncl")
    primaries = PRIMARIES.get(source.primaries or "", "2020")
    return [
        f"zscale=tin={source.transfer}:min={matrix}:pin={primaries}:t=linear:npl=100",
        "format=gbrpf32le",
        "zscale=p=709",
        "tonemap=hable:desat=0",
        "zscale=t=709:m=709:r=limited",
        "format=yuv420p",
        *(f"sidedata=mode=delete:type={kind}" for kind in MEASURED),
    ]
