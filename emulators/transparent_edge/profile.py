"""Profiles as documents: what a field may be, what it is by default, and what a change makes of it. Section 2.5."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.values import DECIMAL, INTEGER, LOCATION

Check = Callable[[Any], Any]


class BadField(Invalid):
    """A value of a profile can't be used: ``field`` and ``reason``."""

    code = "bad_field"


ALLOWED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "audio_codecs": ("ac3", "mp3", "mp2", "libfdk_aac", "copy"),
        "video_formats": ("mp4", "mpegts", "rawvideo"),
        "aspect_ratio": ("16:9", "9:16", "4:3"),
        "video_codecs": ("h264", "webm", "libx264", "mpeg2video", "copy"),
    }
)
"""Section 2.7, of one revision of a client; the service's own list may be longer."""
PRESETS: Final = tuple("ultrafast superfast veryfast faster fast medium slow slower veryslow".split())


def whole(least: int, most: int = 10**6) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, (bool, float)):
            raise ValueError("A valid integer is required.")
        try:
            number = INTEGER.read(value)
        except ValueError:
            raise ValueError("A valid integer is required.") from None
        if number < least:
            raise ValueError(f"Ensure this value is greater than or equal to {least}.")
        if number > most:
            raise ValueError(f"Ensure this value is less than or equal to {most}.")
        return number

    return check


def choice(*words: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"This value is not one of {', '.join(words)}.")
        return value

    return check


def text(*, blank: bool = True, most: int = 100) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError("Not a valid string.")
        if not blank and not value.strip():
            raise ValueError("This field may not be blank.")
        if len(value) > most:
            raise ValueError(f"Ensure this field has no more than {most} characters.")
        return value

    return check


def bits(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,9}[kKmM]?", value, re.ASCII):
        raise ValueError("This value is not a rate such as 2M.")
    return value


def yes_no(value: Any) -> bool:
    if value not in (True, False, "true", "false"):
        raise ValueError("Must be a valid boolean.")
    return value in (True, "true")


def share(value: Any) -> float:
    try:
        number = DECIMAL.read(value)
    except ValueError:
        raise ValueError("A valid number is required.") from None
    if isinstance(value, bool) or not 0 <= number <= 1:
        raise ValueError("Ensure this value is from 0 to 1.")
    return float(number)


def picture_url(value: Any) -> str:
    try:
        LOCATION.read(value)
    except ValueError:
        raise ValueError("Enter a valid URL.") from None
    if urlsplit(value).scheme.lower() not in {"http", "https", "ftp", "ftps"}:
        raise ValueError("Enter a valid URL.")
    return str(value)


def or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


NEEDED: Final = object()
Fields = Mapping[str, tuple[Check, Any]]
"""What a field may be, and what it is when nobody says; NEEDED for one that must be said."""
FIELDS: Final[Fields] = {
    "name": (text(blank=False), NEEDED),
    "video_format": (choice(*ALLOWED["video_formats"]), NEEDED),
    "video_codec": (choice(*ALLOWED["video_codecs"]), NEEDED),
    "video_width": (or_null(whole(1)), None),
    "video_height": (or_null(whole(1)), None),
    "video_bitrate": (whole(1), 1000),
    "video_aspect": (or_null(choice(*ALLOWED["aspect_ratio"])), None),
    "audio_bitrate": (whole(1), 96),
    "audio_codec": (choice(*ALLOWED["audio_codecs"]), "libfdk_aac"),
    "segmentation": (or_null(text()), None),
    "restrict_bitrate": (yes_no, False),
}
OVERLAY: Final[Fields] = {
    "position": (choice("before", "after"), NEEDED),
    "url": (picture_url, NEEDED),
    "scale_width": (whole(1), 128),
    "scale_height": (whole(1), 128),
    "opacity": (share, 0.8),
    "horizontal": (choice("left", "center", "right"), "right"),
    "vertical": (choice("top", "center", "bottom"), "top"),
    "offset_x": (whole(0), 44),
    "offset_y": (whole(0), 44),
}
HLS: Final[Fields] = {
    "hls_time": (whole(1), 5),
    "hls_list_size": (whole(0), 0),
    "master_pl_name": (text(blank=False), "master.m3u8"),
    "hls_flags": (or_null(text()), None),
    "pix_fmt": (text(blank=False), "yuv420p"),
    "framerate": (or_null(whole(1)), None),
    "h264_preset": (or_null(choice(*PRESETS)), None),
    "h264_profile": (or_null(choice("baseline", "main", "high")), None),
    "h264_level": (or_null(text()), None),
    "maxrate": (or_null(bits), None),
    "bufsize": (or_null(bits), None),
    "b_strategy": (or_null(whole(0)), None),
    "refs": (or_null(whole(0)), None),
    "coder": (or_null(whole(0, 1)), None),
    "sc_threshold": (or_null(whole(0)), None),
}
CUSTOM: Final[Mapping[str, Fields]] = {"overlay": OVERLAY, "hls": HLS}


def checked(tree: Mapping[str, Any], fields: Fields, within: str = "") -> Tree:
    """The known fields of ``tree``. Raises BadField, for ``within`` where that names the field they lie in."""
    found = {}
    for name in (name for name in fields if name in tree):
        try:
            found[name] = fields[name][0](tree[name])
        except ValueError as error:
            raise _bad(name, "This field may not be null." if tree[name] is None else str(error), within) from None
    return found


def completed(given: Mapping[str, Any], earlier: Mapping[str, Any], fields: Fields, within: str = "") -> Tree:
    """All fields in their order: as given, as they were, or as they are by default. Raises BadField."""
    found = {}
    for name, (_, default) in fields.items():
        found[name] = given.get(name, earlier.get(name, default))
        if found[name] is NEEDED:
            raise _bad(name, "This field is required.", within)
    return found


def _bad(name: str, reason: str, within: str) -> BadField:
    return BadField(field=within or name, reason=f"{name}: {reason}" if within else reason)


def sent(tree: Tree) -> Tree:
    """What a client says of a profile, each value by itself in order. Raises BadField."""
    found = checked(tree, FIELDS)
    if "custom_profiles" not in tree:
        return found
    customs = tree["custom_profiles"]
    if not isinstance(customs, list):
        raise _bad("custom_profiles", "This field may not be null." if customs is None else "Expected a list.", "")
    return found | {"custom_profiles": [_custom(item) for item in customs]}


def _custom(item: Any) -> Tree:
    kind = item.get("profile_type") if isinstance(item, dict) else None
    if not isinstance(kind, str) or kind not in CUSTOM:
        raise _bad("profile_type", f"This value is not one of {', '.join(CUSTOM)}.", "custom_profiles")
    return {"profile_type": kind, **checked(item, CUSTOM[kind], "custom_profiles")}


def revised(given: Mapping[str, Any], earlier: Mapping[str, Any]) -> Tree:
    """The whole document: ``given`` over the earlier one, over the defaults. Raises BadField, or Invalid for what
    does not go together."""
    before = {each["profile_type"]: each for each in earlier.get("custom_profiles", ())}
    customs = given.get("custom_profiles", list(before.values()))
    kinds = [each["profile_type"] for each in customs]
    document = completed(given, earlier, FIELDS)
    document["custom_profiles"] = [
        {"profile_type": kind, **completed(each, before.get(kind, {}), CUSTOM[kind], "custom_profiles")}
        for kind, each in zip(kinds, customs, strict=True)
    ]
    if len(set(kinds)) < len(kinds):
        raise Invalid(field="custom_profiles", reason="only one custom profile of each type is allowed")
    if "overlay" in kinds and (document["video_width"] or document["video_height"]):
        raise Invalid(field="custom_profiles", reason="an overlay is not possible together with width or height")
    if "hls" in kinds and (document["segmentation"] or "").strip():
        raise Invalid(field="segmentation", reason="is not possible together with hls")
    return document
