"""What only a client of the provider needs to know: names and marks of its own, and where orders tell what."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from mediaglot.emulators.transparent_edge.document import stem
from mediaglot.gateway.mapping import Tree

MARKER: Final = "mediaglot:"
"""What a marker follows in the label of an order's first job: nothing else of an order is free text and told again."""
NEWEST: Final = 50
"""How many of the newest orders are looked at for a marker, one request each."""
STREAM: Final = "mediaglot-hls"
FILE: Final = "mediaglot"
"""How the names of our profiles begin."""
NEEDED: Final = {"video_format": "mp4", "video_codec": "libx264"}
"""What a profile must say, where the job does not."""
THUMBNAIL: Final = frozenset({"filename", "width", "height", "time"})
ID: Final = re.compile(r"#(\S+)")
"""2.1: what follows the first ``#`` of the answer, up to a blank or its end."""


def time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def marker_of(jobs: list[Tree]) -> str:
    return str(jobs[0].get("label") or "").partition(MARKER)[2] if jobs else ""


def place(upload: Tree, job: Tree) -> str:
    """Where a file of a finished order is; of a stream, its playlist."""
    name, profile = str(job.get("filename") or ""), job.get("profile")
    stream = isinstance(profile, dict) and str(profile.get("name")).startswith(f"{STREAM}-")
    below = f"{stem(name)}/{stem(name)}.m3u8" if stream else name
    return f"{str(upload.get('upload_url') or '').rstrip('/')}/{below}"
