"""Section 4.3: the fine settings of the encoder, by the names that FFmpeg has for them today."""

from __future__ import annotations

from typing import Any, Final

from mediaglot.gateway.mapping import Tree, one
from mediaglot.gateway.model import Video
from mediaglot.gateway.values import NATURAL

RENAMED: Final = {"directpred": "direct-pred", "me_method": "motion-est"}
BACK: Final = {new: old for old, new in RENAMED.items()}
OWN: Final = frozenset({"level", "refs", "vprofile"})


def read_tune(tree: Tree) -> dict[str, Any]:
    """``video_codec_parameters``: an object, or a word such as ``no`` for none. Levels lose their dot."""
    given = tree.get("video_codec_parameters")
    if not isinstance(given, dict):
        return {}
    settings = {key: str(one(value)) for key, value in given.items() if value not in (None, "", [], {})}
    found: dict[str, Any] = {
        "tune": {RENAMED.get(key, key): value for key, value in settings.items() if key not in OWN}
    }
    if "level" in settings:
        found["level"] = (
            f"{NATURAL.read(settings['level']) / 10:.1f}" if "." not in settings["level"] else settings["level"]
        )
    if "refs" in settings:
        found["references"] = NATURAL.read(settings["refs"])
    return {key: value for key, value in found.items() if value}


def write_tune(video: Video) -> Tree:
    settings = {BACK.get(key, key): value for key, value in video.tune.items()}
    if video.level is not None:
        settings["level"] = video.level.replace(".", "")
    if video.references is not None:
        settings["refs"] = str(video.references)
    return {"video_codec_parameters": settings}
