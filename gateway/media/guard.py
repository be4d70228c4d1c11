"""What a media file may make FFmpeg do: the formats and protocols that reading one may use, and how big a picture.

Only whole-file formats are listed. A protocol list alone does not help: playlists, ffconcat scripts and DASH
manifests are formats too, read through ``file``, and open whatever they name.
"""

from __future__ import annotations

from typing import Final

PROTOCOLS: Final = "file"
FORMATS: Final = ",".join(
    """mov mp4 m4a 3gp 3g2 mj2 matroska webm avi flv live_flv kux mpegts mpeg mpegvideo m4v h264 hevc obu av1 ivf vc1
    mp3 ogg wav w64 aiff caf flac aac ac3 eac3 dts truehd amr ape wv tta asf mxf gxf dv rm nut swf gif apng
    png_pipe jpeg_pipe webp_pipe bmp_pipe tiff_pipe""".split()
)
MOST_PIXELS: Final = 50_000_000
"""One picture of so many pixels takes about 150 MB; a 750 kB file can hold one that takes 720 MB."""

JOINT: Final = "concat,mov"
"""For lists of chunks that we wrote and encoded ourselves."""
