"""The echo of a format's parameters in GetStatus: what was asked, or the default, in the captured order (4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mediaglot.gateway.mapping import Tree, is_empty, one

FIRST: Final = ("output", "output_preset")
ORDER: Final = (
    "protected_public_result size bitrate audio_bitrate audio_sample_rate audio_channels_number downmix_mode "
    "framerate framerate_upper_threshold fade_in fade_out crop_top crop_left crop_right crop_bottom padd_top "
    "padd_left padd_right padd_bottom set_aspect_ratio keep_aspect_ratio video_codec profile VCodecParameters "
    "video_codec_parameters audio_codec two_pass turbo twin_turbo cbr hard_cbr minrate maxrate bufsize "
    "audio_minrate audio_maxrate audio_bufsize rc_init_occupancy deinterlacing video_sync keyframe start finish "
    "duration audio_volume audio_normalization audio_sync rotate noise_reduction two_pass_decoding force_keyframes "
    "metadata_copy strip_chapters pix_format pan encoder burnin_timecode copy_timestamps encryption "
    "encryption_method encryption_key encryption_key_file encryption_iv encryption_password slices audio_stream "
    "file_extension ftyp hint extends set_rotate copy_nielsen_metadata drm"
).split()
DEFAULTS: Final = {
    "audio_bitrate": "64k",
    "audio_channels_number": "2",
    "downmix_mode": "pl2",
    "keep_aspect_ratio": "yes",
    "two_pass": "no",
    "turbo": "no",
    "twin_turbo": "no",
    "cbr": "no",
    "hard_cbr": "no",
    "deinterlacing": "auto",
    "video_sync": "old",
    "keyframe": "300",
    "audio_volume": "100",
    "rotate": "def",
    "metadata_copy": "no",
    "strip_chapters": "no",
    "pix_format": "yuv420p",
    "encoder": "v1",
    "copy_timestamps": "yes",
    "encryption": "no",
    "encryption_method": "aes-128-cbc",
    "hint": "no",
    "set_rotate": "0",
    "copy_nielsen_metadata": "no",
    "drm": "no",
}
CODECS: Final = {
    "mp4": ("libx264", "dolby_aac"),
    "m4v": ("libx264", "dolby_aac"),
    "mov": ("libx264", "dolby_aac"),
    "webm": ("libvpx", "libvorbis"),
    "flv": ("flv", "libmp3lame"),
    "ogg": ("libtheora", "libvorbis"),
    "mp3": ("", "libmp3lame"),
    "m4a": ("", "dolby_aac"),
}
EXTENSIONS: Final = {"mpeg1": "mpg", "mpeg2": "mpg", "mpegts": "ts", "dnxhd": "mov", "fl9": "mp4", "thumbnail": "jpg"}
STILLS: Final = ("time", "width", "height", "file_extension", "use_vtt", "vtt_line_size")
STILL_DEFAULTS: Final = {"time": "5", "use_vtt": "no", "vtt_line_size": "4", "video_codec": "mjpeg"}
OURS: Final = (
    "id status created started finished description destination_status s3_destination cf_destination task_status "
    "convertedsize queued converttime"
)
UNSAID: Final = frozenset({"destination", "save_preset", *OURS.split()})
"""What is not repeated: settings of the request alone, and keys that we give a meaning of our own in the answer."""
BARE: Final = frozenset({"keyframe", "output", "output_preset"})


def echo(document: Mapping[str, Any], where: Tree) -> Tree:
    """``document`` with defaults, ``where`` (links and destinations) after the product's name."""
    product = str(one(document.get("output")) or "").lower()
    pictures = product in ("thumbnail", "image")
    defaults = defaults_of(product) | (STILL_DEFAULTS if pictures else {})
    known = (*ORDER, *STILLS) if pictures else ORDER
    given = {key: shown(key, value) for key, value in document.items() if key not in UNSAID}
    tree = {key: given.get(key, []) for key in FIRST} | where
    tree |= {key: given[key] if not is_empty(given.get(key)) else defaults.get(key, []) for key in known}
    return tree | {key: value for key, value in given.items() if key not in tree}


def shown(key: str, value: Any) -> Any:
    if key in BARE:
        return one(value)
    return [] if is_empty(value) else value


def defaults_of(product: str) -> dict[str, str]:
    video, audio = CODECS.get(product, ("", ""))
    codecs = {"video_codec": video, "audio_codec": audio}
    return (
        DEFAULTS
        | {key: name for key, name in codecs.items() if name}
        | {"file_extension": EXTENSIONS.get(product, product)}
    )
