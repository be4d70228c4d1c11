"""How the provider writes: JSON or XML, requests as people type them."""

from __future__ import annotations

from typing import Final

from mediaglot.gateway.wire.choice import Choice
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.relaxed import Relaxed
from mediaglot.gateway.wire.xml import NestedXml

ITEMS: Final = "job output thumbnail logo preset pipeline file codec user template playlist video_track audio_track "
NESTED: Final = {f"{name}s": name for name in f"{ITEMS} parent element profile download".split()}
TYPES: Final = {name: f"application/{name};charset=UTF-8" for name in ("json", "xml")}
WIRE: Final = Choice(
    Relaxed(),
    {
        "json": (Json(content_type=TYPES["json"]), Json(content_type=TYPES["json"], indent=True)),
        "xml": (NestedXml("response", NESTED, TYPES["xml"]), NestedXml("response", NESTED, TYPES["xml"], indent=True)),
    },
)
