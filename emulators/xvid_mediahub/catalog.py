"""What the provider brings: codecs, system presets, and for each account its user, application and default pipeline.

Codecs and presets are proposals, no list of the real ones is at hand: sections 3.3 and 3.4.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from mediaglot.gateway.accounts import Account
from mediaglot.gateway.exchange import Thing
from mediaglot.gateway.mapping import Tree


def code(kind: str, name: str, seconds: str = "4f3a1c00") -> str:
    """The same name always has the same id, which begins with the time of its making."""
    return seconds + hashlib.sha256(f"{kind} {name}".encode()).hexdigest()[:16]


def brought(kind: str, object_id: str, document: Tree, owner: str | None = None) -> Thing:
    at = datetime.fromtimestamp(int(object_id[:8], 16), UTC)
    return Thing(kind=kind, id=object_id, document=document, created=at, updated=at, owner=owner)


LIMITS: Final = {
    "video": "key_distance 1 60 width 16 4096 height 16 4096 framerate 1 120 bitrate 16 100000 ref_frames 1 16",
    "audio": "bitdepth 16 24 channels 1 8 samplingrate 8000 96000 bitrate 8 640",
}


def limits(text: str) -> Tree:
    """A name and its least and greatest value in turn."""
    words = text.split()
    return {f"max_{name}": [int(least), int(most)] for name, least, most in zip(*[iter(words)] * 3, strict=True)}


CAPS: Final[dict[str, Tree]] = {kind: limits(text) for kind, text in LIMITS.items()}
CAPS["video"] = {"interlaced": [False]} | CAPS["video"] | limits("buffersize 16 200000")
# The name, its word in the model, the type, the most passes, the profiles and the containers.
CODECS: Final = (
    ("H.264 / AVC", "h264", "video", 2, "Baseline Main High", "mp4 mov m4v mkv avi flv 3gp mpegts"),
    ("H.265 / HEVC", "hevc", "video", 2, "Main", "mp4 mov mkv mpegts"),
    ("MPEG-4 ASP", "mpeg4", "video", 2, "Simple", "avi mp4 mkv"),
    ("VP8", "vp8", "video", 2, "", "webm mkv"),
    ("VP9", "vp9", "video", 2, "", "webm mkv mp4"),
    ("MPEG-4 AAC", "aac", "audio", 1, "LC", "mp4 mov m4v m4a mkv flv 3gp mpegts"),
    ("MPEG-1 Layer 3 (MP3)", "mp3", "audio", 1, "", "avi mp3 mkv flv mp4"),
    ("Vorbis", "vorbis", "audio", 1, "", "webm ogg mkv"),
    ("Opus", "opus", "audio", 1, "", "webm ogg mkv mp4"),
)
CODEC_WORDS: Final = {code("codec", name): (kind, word) for name, word, kind, *_ in CODECS}
"""Ids, and what each of them means."""
CODEC_NAMES: Final = {word: name for name, word, *_ in CODECS}


def codec(name: str, word: str, kind: str, passes: int, profiles: str, containers: str) -> Thing:
    common = {"containers": containers.split(), "capabilities": CAPS[kind]}
    shown = [{"name": each, **common} for each in profiles.split() or [name]]
    said = {"name": name, "description": f"{name} {kind}", "type": kind, "passes": [1, passes], "autograph": [False]}
    return brought("codec", code("codec", name), {**said, "profiles": shown})


def track(name: str, profile: str | None, **caps: Any) -> Tree:
    """One codec of a target format."""
    return {"codec": {"id": code("codec", name)}, "profile": profile, "passes": 1, "caps": caps}


def preset(name: str, container: str, vcodec: Tree, acodec: Tree) -> Thing:
    target = {"extension": container, "container": container, "vcodec": vcodec, "acodec": acodec}
    document = {"name": name, "description": None, "target_format": target, "settings": {"subtitle_policy": "ignore"}}
    return brought("preset", code("preset", name), document)


def avc(profile: str, width: int, height: int, bitrate: int) -> Tree:
    size = {"max_width": width, "max_height": height, "max_bitrate": bitrate}
    return track("H.264 / AVC", profile, interlaced=False, max_key_distance=5, **size)


AAC: Final = track("MPEG-4 AAC", "LC", max_channels=2, max_samplingrate=48_000, max_bitrate=128)
VP9: Final = track("VP9", None, max_width=1920, max_height=1080, max_bitrate=4000)
ASP: Final = track("MPEG-4 ASP", "Simple", max_width=720, max_height=576, max_bitrate=4000)
MP3: Final = track("MPEG-1 Layer 3 (MP3)", None, max_channels=2, max_samplingrate=48_000, max_bitrate=128)
SMALL: Final = "MP4 small"
SYSTEM: Final = (
    *(codec(*facts) for facts in CODECS),
    preset(SMALL, "mp4", avc("Baseline", 640, 360, 700), AAC),
    preset("MP4 SD", "mp4", avc("Main", 854, 480, 1500), AAC),
    preset("MP4 HD", "mp4", avc("High", 1920, 1080, 5000), AAC),
    preset("WebM HD", "webm", VP9, track("Opus", None, max_channels=2, max_bitrate=128)),
    preset("Xvid AVI", "avi", ASP, MP3),
)
PLAIN, PLACES = "name description", "input_download_dir image_download_dir download_options output_upload_dir"
TIMES: Final = "default_object_timeout cancel_timeout enable_backtrace_pings"
REST: Final = "image_upload_dir upload_options store_options"
PIPELINE: Final = tuple(f"{PLAIN} {TIMES} {PLACES} {REST} ping_urls".split())
WHO, WHERE = "first_name last_name email", "name billing_address profile setting"
TEXTS: Final = frozenset(f"{PLAIN} title user_data {WHO} {PLACES} image_upload_dir".split()) - {"download_options"}
OWN_USER: Final = tuple(f"{WHO} {WHERE}".split())
USER: Final = f"{WHO} password client_password_salt {WHERE} confirmed_on changed_email_confirmed".split()


def of_account(account: Account) -> tuple[Thing, ...]:
    """An application is an account here, and its client id the application's: section 3.2."""
    if not account.user:
        return ()
    tail, root, pipeline = account.user[-6:], own("folder", account), own("pipeline", account)
    user = dict.fromkeys(USER) | {"password": "********", "client_password_salt": "********", "name": f"user-{tail}"}
    plain = dict.fromkeys(PIPELINE) | {"name": "Default", "file": root}
    folder = {"shown": {"type": "folder", "pipeline": pipeline, "title": "/", "name": "/"}, "files": []}
    return (
        brought("user", own("user", account), user, account.id),
        brought("application", account.user, {"name": f"application-{tail}"}, account.id),
        brought("pipeline", pipeline, plain, account.id),
        brought("file", root, folder, account.id),
    )


def own(kind: str, account: Account) -> str:
    """The id of an account's user, of its default pipeline, or of that one's folder."""
    return code(kind, account.id, account.user[:8])
