"""Codecs in the words of playlists and MIME types (RFC 6381), from what is in the file itself."""

from __future__ import annotations

import re
from typing import Final

from mediaglot.gateway.model import AudioFacts, VideoFacts

SOUNDS: Final = {
    "mp3": "mp4a.40.34",
    "ac3": "ac-3",
    "eac3": "ec-3",
    "mp2": "mp4a.40.33",
    "opus": "opus",
    "flac": "flac",
}
AAC: Final = {"LC": 2, "HE-AAC": 5, "HE-AACv2": 29, "Main": 1, "SSR": 3, "LTP": 4}
"""FFmpeg's names of the profiles to MPEG-4's numbers of the object types."""
PARAMETERS: Final = re.compile(rb"\x00\x00\x01[\x27\x47\x67](...)", re.DOTALL)
AVCC: Final = re.compile(rb"avcC\x01(...)", re.DOTALL)
AV1C: Final = re.compile(rb"av1C\x81(.)(.)", re.DOTALL)
VPCC: Final = re.compile(rb"vpcC\x01...(.)(.)(.)", re.DOTALL)
HVCC: Final = re.compile(rb"hvcC\x01(.)(....)(......)(.)", re.DOTALL)


def video(facts: VideoFacts, head: bytes) -> str | None:
    """Such as ``avc1.64001f``, None for what has no such word; ``head`` holds the file's parameters."""
    if facts.codec == "h264":
        found = AVCC.search(head) or PARAMETERS.search(head)
        return f"avc1.{found[1].hex()}" if found else None
    if facts.codec == "hevc":
        found = HVCC.search(head)
        return _hevc(*found.groups()) if found else None
    if facts.codec == "av1":
        found = AV1C.search(head)
        return _av1(found[1][0], found[2][0]) if found else None
    if facts.codec == "vp9":
        found = VPCC.search(head)
        return f"vp09.{found[1][0]:02}.{found[2][0]:02}.{found[3][0] >> 4:02}" if found else None
    return None


def _av1(profile: int, rest: int) -> str:
    """AV1 in ISO media, section 5: the bits of ``av1C``."""
    tier, high, twelve = rest >> 7, rest >> 6 & 1, rest >> 5 & 1
    depth = (12 if twelve else 10) if high else 8
    return f"av01.{profile >> 5}.{profile & 31:02}{'H' if tier else 'M'}.{depth:02}"


def _hevc(profile: bytes, compatible: bytes, constraints: bytes, level: bytes) -> str:
    """ISO/IEC 14496-15, annex E.3."""
    space = ("", "A", "B", "C")[profile[0] >> 6]
    tier = "H" if profile[0] & 0x20 else "L"
    mirrored = int(f"{int.from_bytes(compatible, 'big'):032b}"[::-1], 2)
    rest = [f"{byte:x}" for byte in constraints.rstrip(b"\0")]
    return ".".join(["hvc1", f"{space}{profile[0] & 0x1F}", f"{mirrored:x}", f"{tier}{level[0]}", *rest])


def audio(facts: AudioFacts) -> str | None:
    if facts.codec == "aac":
        return f"mp4a.40.{AAC.get(facts.profile or 'LC', 2)}"
    return SOUNDS.get(facts.codec)
