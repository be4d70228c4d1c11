"""The echo of a format's parameters in GetStatus: what was asked, or the default, in the captured order (4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mediaglot.gateway.mapping import Tree, is_empty, one
from mediaglot.gateway.pieces import once


def defaults(text: str) -> dict[str, str]:
    """``name=value`` words; a name alone has no value."""
    return dict(word.partition("=")[::2] for word in text.split())


FIRST: Final = ("output", "output_preset")
SHOWN: Final = defaults(
    "protected_public_result size bitrate audio_bitrate=64k audio_sample_rate audio_channels_number=2 "
    "downmix_mode=pl2 framerate framerate_upper_threshold fade_in fade_out crop_top crop_left crop_right crop_bottom "
    "padd_top padd_left padd_right padd_bottom set_aspect_ratio keep_aspect_ratio=yes video_codec profile "
    "VCodecParameters video_codec_parameters audio_codec two_pass=no turbo=no twin_turbo=no cbr=no hard_cbr=no "
    "minrate maxrate bufsize audio_minrate audio_maxrate audio_bufsize rc_init_occupancy deinterlacing=auto "
    "video_sync=old keyframe=300 start finish duration audio_volume=100 audio_normalization audio_sync rotate=def "
    "noise_reduction two_pass_decoding force_keyframes metadata_copy=no strip_chapters=no pix_format=yuv420p pan "
    "encoder=v1 burnin_timecode copy_timestamps=yes encryption=no encryption_method=aes-128-cbc encryption_key "
    "encryption_key_file encryption_iv encryption_password slices audio_stream file_extension ftyp hint=no extends "
    "set_rotate=0 copy_nielsen_metadata=no drm=no"
)
"""All parameters in their order, with their defaults."""
STILLS: Final = defaults("time=5 width height file_extension use_vtt=no vtt_line_size=4")
"""What pictures have beside these."""
VIDEO: Final = defaults(
    "mp4=libx264 m4v=libx264 mov=libx264 webm=libvpx-vp9 flv=libx264 ogg=libtheora thumbnail=mjpeg image=mjpeg"
)
AUDIO: Final = defaults(
    "mp4=dolby_aac m4v=dolby_aac mov=dolby_aac m4a=dolby_aac webm=libopus ogg=libvorbis flv=dolby_aac mp3=libmp3lame"
)
EXTENSIONS: Final = defaults("mpeg1=mpg mpeg2=mpg mpegts=ts dnxhd=mov fl9=mp4 thumbnail=jpg")
"""Those that are not the product's name."""
UNSAID: Final = frozenset(
    "destination save_preset id status created started finished description destination_status s3_destination "
    "cf_destination task_status convertedsize queued converttime".split()
)
"""What is not repeated: settings of the request alone, and keys that we give a meaning of our own in the answer."""
BARE: Final = frozenset({"keyframe", *FIRST})


def echo(document: Mapping[str, Any], where: Tree) -> Tree:
    """``document`` with defaults, ``where`` (links and destinations) after the product's name."""
    product = str(one(document.get("output")) or "").lower()
    known = SHOWN | (STILLS if product in ("thumbnail", "image") else {})
    known |= {"video_codec": VIDEO.get(product, ""), "audio_codec": AUDIO.get(product, "")}
    known |= {"file_extension": EXTENSIONS.get(product, product)}
    given = {key: shown(key, value) for key, value in document.items() if key not in UNSAID}
    tree = {key: given.get(key, []) for key in FIRST} | where
    tree |= {key: given[key] if not is_empty(given.get(key)) else default or [] for key, default in known.items()}
    return tree | {key: value for key, value in given.items() if key not in tree}


def shown(key: str, value: Any) -> Any:
    return [] if key not in BARE and is_empty(value) else once(value)
