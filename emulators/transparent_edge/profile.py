"""Profiles as documents: what a field may be, what it is by default, and what a change makes of it. Section 2.5."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway.faults import Invalid
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.values import DECIMAL, INTEGER, read_location

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
        read_location(value)
    except ValueError:
        raise ValueError("Enter a valid URL.") from None
    if urlsplit(value).scheme.lower() not in {"http", "https", "ftp", "ftps"}:
        raise ValueError("Enter a valid URL.")
    return str(value)


def or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


FIELDS: Final[Mapping[str, Check]] = {
    "name": text(blank=False),
    "video_format": choice(*ALLOWED["video_formats"]),
    "video_codec": choice(*ALLOWED["video_codecs"]),
    "video_width": or_null(whole(1)),
    "video_height": or_null(whole(1)),
    "video_bitrate": whole(1),
    "video_aspect": or_null(choice(*ALLOWED["aspect_ratio"])),
    "audio_bitrate": whole(1),
    "audio_codec": choice(*ALLOWED["audio_codecs"]),
    "segmentation": or_null(text()),
    "restrict_bitrate": yes_no,
}
REQUIRED: Final = ("name", "video_format", "video_codec")
DEFAULTS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(FIELDS),
    "video_bitrate": 1000,
    "audio_bitrate": 96,
    "audio_codec": "libfdk_aac",
    "restrict_bitrate": False,
    "custom_profiles": [],
}
OVERLAY: Final[Mapping[str, Check]] = {
    "position": choice("before", "after"),
    "url": picture_url,
    "scale_width": whole(1),
    "scale_height": whole(1),
    "opacity": share,
    "horizontal": choice("left", "center", "right"),
    "vertical": choice("top", "center", "bottom"),
    "offset_x": whole(0),
    "offset_y": whole(0),
}
HLS: Final[Mapping[str, Check]] = {
    "hls_time": whole(1),
    "hls_list_size": whole(0),
    "master_pl_name": text(blank=False),
    "hls_flags": or_null(text()),
    "pix_fmt": text(blank=False),
    "framerate": or_null(whole(1)),
    "h264_preset": or_null(choice(*PRESETS)),
    "h264_profile": or_null(choice("baseline", "main", "high")),
    "h264_level": or_null(text()),
    "maxrate": or_null(bits),
    "bufsize": or_null(bits),
    "b_strategy": or_null(whole(0)),
    "refs": or_null(whole(0)),
    "coder": or_null(whole(0, 1)),
    "sc_threshold": or_null(whole(0)),
}
CUSTOM: Final[Mapping[str, Mapping[str, Check]]] = {"overlay": OVERLAY, "hls": HLS}
CUSTOM_DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "overlay": {
        "scale_width": 128,
        "scale_height": 128,
        "opacity": 0.8,
        "horizontal": "right",
        "vertical": "top",
        "offset_x": 44,
        "offset_y": 44,
    },
    "hls": {
        **dict.fromkeys(HLS),
        "hls_time": 5,
        "hls_list_size": 0,
        "master_pl_name": "master.m3u8",
        "pix_fmt": "yuv420p",
    },
}
CUSTOM_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {"overlay": ("position", "url"), "hls": ()}


def checked(tree: Mapping[str, Any], fields: Mapping[str, Check], within: str = "") -> Tree:
    """The known fields of ``tree``. Raises BadField, for ``within`` where that names the field they lie in."""
    found = {}
    for name, check in fields.items():
        if name in tree:
            try:
                found[name] = check(tree[name])
            except ValueError as error:
                reason = "This field may not be null." if tree[name] is None else str(error)
                raise BadField(field=within or name, reason=f"{name}: {reason}" if within else reason) from None
    return found


def sent(tree: Tree) -> Tree:
    """What a client says of a profile, each value by itself in order. Raises BadField."""
    found = checked(tree, FIELDS)
    if "custom_profiles" not in tree:
        return found
    customs = tree["custom_profiles"]
    if not isinstance(customs, list):
        null = customs is None
        raise BadField(field="custom_profiles", reason="This field may not be null." if null else "Expected a list.")
    return found | {"custom_profiles": [_custom(item) for item in customs]}


def _custom(item: Any) -> Tree:
    kind = item.get("profile_type") if isinstance(item, dict) else None
    if not isinstance(kind, str) or kind not in CUSTOM:
        raise BadField(field="custom_profiles", reason=f"profile_type: This value is not one of {', '.join(CUSTOM)}.")
    return {"profile_type": kind, **checked(item, CUSTOM[kind], "custom_profiles")}


def revised(given: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> Tree:
    """The whole document: ``given`` over the earlier one, or over the defaults. Raises BadField, or Invalid for what
    does not go together."""
    document = {**(DEFAULTS if earlier is None else earlier), **given}
    for name in REQUIRED:
        if document[name] is None:
            raise BadField(field=name, reason="This field is required.")
    before = {each["profile_type"]: each for each in (earlier or DEFAULTS)["custom_profiles"]}
    document["custom_profiles"] = [_filled(each, before) for each in document["custom_profiles"]]
    _check_together(document)
    return document


def _filled(custom: Mapping[str, Any], before: Mapping[str, Any]) -> Tree:
    kind = custom["profile_type"]
    whole_one = {**before.get(kind, CUSTOM_DEFAULTS[kind]), **custom}
    for name in CUSTOM_REQUIRED[kind]:
        if whole_one.get(name) is None:
            raise BadField(field="custom_profiles", reason=f"{name}: This field is required.")
    return {name: whole_one[name] for name in ("profile_type", *CUSTOM[kind])}


def _check_together(document: Mapping[str, Any]) -> None:
    kinds = [each["profile_type"] for each in document["custom_profiles"]]
    if len(set(kinds)) < len(kinds):
        raise Invalid(field="custom_profiles", reason="only one custom profile of each type is allowed")
    if "overlay" in kinds and (document["video_width"] or document["video_height"]):
        raise Invalid(field="custom_profiles", reason="an overlay is not possible together with width or height")
    if "hls" in kinds and (document["segmentation"] or "").strip():
        raise Invalid(field="segmentation", reason="is not possible together with hls")
