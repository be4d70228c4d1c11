"""The content types of files by their extensions, the same on every machine."""

from __future__ import annotations

from mimetypes import MimeTypes
from typing import Final

TYPES: Final = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".mkv": "video/x-matroska",
    ".flv": "video/x-flv",
    ".3gp": "video/3gpp",
    ".ogg": "audio/ogg",
    ".wmv": "video/x-ms-wmv",
    ".asf": "video/x-ms-asf",
    ".wma": "audio/x-ms-wma",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ac3": "audio/ac3",
    ".eac3": "audio/eac3",
    ".amr": "audio/amr",
    ".mxf": "application/mxf",
    ".vtt": "text/vtt",
    ".key": "application/octet-stream",
}
"""Where the standard library has none or another one."""
COMMON: Final = MimeTypes()


def kind_of(name: str) -> str | None:
    return TYPES.get(f".{name.rpartition('.')[2].lower()}") or COMMON.guess_type(name)[0]
