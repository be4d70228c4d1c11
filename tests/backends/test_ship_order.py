"""In which order the files of a package reach a destination. No FFmpeg is run here."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.ship import ship
from mediaglot.gateway.model import File, Location
from mediaglot.gateway.transfer import Carrier

ROLES = {
    "master.m3u8": "playlist", "v/index.m3u8": "playlist", "v/0.ts": "segment", "v/index-iframes.m3u8": "i_frames",
    "segments.key": "key",
}  # fmt: skip


@dataclass
class Recorder:
    urls: list[str] = field(default_factory=list)
    kinds: dict[str, str | None] = field(default_factory=dict)

    async def deliver(self, path: Path, location: Location, *, name: str = "", content_type: str | None = None) -> None:
        self.urls.append(location.url)
        self.kinds[path.suffix] = content_type


async def test_nothing_is_named_before_it_is_there() -> None:
    products = [Product(path=Path(name), file=File(path=name, size=1, role=role)) for name, role in ROLES.items()]
    recorder = Recorder()
    await ship(cast("Carrier", recorder), Location(url="ftp://host/a/x.m3u8"), products, list(ROLES))
    assert set(recorder.urls[:2]) == {"ftp://host/a/v/0.ts", "ftp://host/a/segments.key"}
    assert set(recorder.urls[2:4]) == {"ftp://host/a/v/index.m3u8", "ftp://host/a/v/index-iframes.m3u8"}
    assert recorder.urls[4:] == ["ftp://host/a/x.m3u8"]
    assert recorder.kinds[".key"] == "application/octet-stream"
