"""What another provider has made, brought here: files, and packages with all that their playlists name."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final, Protocol
from urllib.parse import unquote, urljoin, urlsplit

from mediaglot.gateway.address import read_location
from mediaglot.gateway.backends import Product
from mediaglot.gateway.errand import Artifact
from mediaglot.gateway.faults import SourceForbidden, SourceTooLarge, SourceUnreachable, SourceUnreadable
from mediaglot.gateway.model import File, Location, MediaFacts
from mediaglot.gateway.transfer import Carrier, crew
from mediaglot.gateway.transfer.disk import in_thread

PLAYLISTS: Final = frozenset({".m3u8", ".mpd"})
PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
ROLES: Final = dict.fromkeys(PICTURES, "still") | {
    ".m3u8": "playlist",
    ".mpd": "playlist",
    ".zip": "archive",
    ".vtt": "cues",
    ".key": "key",
}
SEGMENTS: Final = frozenset({".ts", ".m4s", ".aac"})
QUOTED: Final = re.compile(r'(?:URI|BASE-URI|media|initialization|sourceURL)="([^"]+)"|<BaseURL>([^<]+)</BaseURL>')
LARGEST_PLAYLIST: Final = 4 << 20
MOST_FILES: Final = 20_000
AT_ONCE: Final = 8
UNUSABLE: Final = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ})
"""What the file system says to names that it can't have, or not side by side."""


class Prober(Protocol):
    async def probe(self, path: Path) -> MediaFacts: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A file of a package: where it is, and its name below the package's folder; empty for a file of its own."""

    url: str
    name: str = ""


class Haul:
    """``web`` may reach the provider's own hosts; what lies in a storage comes by ``carrier``, as any source would."""

    def __init__(self, web: Carrier, carrier: Carrier, prober: Callable[[], Awaitable[Prober]]) -> None:
        self._web, self._carrier, self._prober = web, carrier, prober

    async def bring(self, artifacts: Sequence[Artifact], folder: Path) -> tuple[Product, ...]:
        """All files of one output, below ``folder``, measured. Raises the Source* fault of one that can't be had."""
        await in_thread(folder.mkdir, parents=True, exist_ok=True)
        found: list[Product] = []
        with _usable():
            urls = list(dict.fromkeys(artifact.url for artifact in artifacts))
            while urls:
                url = urls.pop(0)
                if not is_list(name_of(url)):
                    found.append(await self._file(Piece(url=url), folder))
                    continue
                base = url.partition("?")[0].rpartition("/")[0] + "/"
                below = [other for other in urls if other.startswith(base) and is_list(name_of(other))]
                found += await self._package([url, *below], base, folder)
                urls = [other for other in urls if other not in below]
        if len({product.path for product in found}) < len(found):
            raise SourceUnreachable(reason="names")
        return tuple(found)

    async def _file(self, piece: Piece, folder: Path) -> Product:
        """A package's file lies where its name says, any other under its URL's name."""
        place = folder / (piece.name or f"{hashlib.sha256(piece.url.encode()).hexdigest()[:12]}-{name_of(piece.url)}")
        await in_thread(place.parent.mkdir, parents=True, exist_ok=True)
        if not await asyncio.to_thread(place.is_file):
            arriving = place.with_name(f"{place.name}.part")
            web = piece.url.lower().startswith(("http://", "https://"))
            await (self._web if web else self._carrier).fetch(located(piece.url), arriving)
            await in_thread(arriving.replace, place)
        size = (await asyncio.to_thread(place.stat)).st_size
        role = role_of(place)
        facts = await self._facts(place) if role in {"media", "still"} else None
        return Product(
            path=place,
            name=piece.name or None,
            file=File(path=piece.name or place.name, size=size, role=role, facts=facts),
        )

    async def _facts(self, path: Path) -> MediaFacts | None:
        try:
            return await (await self._prober()).probe(path)
        except SourceUnreadable:
            return None

    async def _package(self, urls: Sequence[str], base: str, folder: Path) -> list[Product]:
        """Playlists with everything that they name, each once, playlists first."""
        waiting = [Piece(url=url, name=within(base, url)) for url in urls]
        seen, found = {piece.name for piece in waiting}, []
        while waiting:
            piece = waiting.pop(0)
            product = await self._file(piece, folder)
            found.append(product)
            text = await asyncio.to_thread(playlist, product.path)
            inner = [each for each in pieces(text, piece.url, base) if each.name not in seen]
            seen |= {each.name for each in inner}
            if len(seen) > MOST_FILES:
                raise SourceTooLarge(limit=MOST_FILES)
            waiting += [each for each in inner if is_list(each.name)]
            others = [each for each in inner if not is_list(each.name)]
            found += await crew.each(others, partial(self._file, folder=folder), most=AT_ONCE)
        return sorted(found, key=lambda product: product.file.role != "playlist")


@contextlib.contextmanager
def _usable() -> Iterator[None]:
    """URLs and names are the provider's. Raises SourceUnreachable for those that no URL and no file can have."""
    try:
        yield
    except ValueError:
        raise SourceUnreachable(reason="url") from None
    except OSError as error:
        if error.errno not in UNUSABLE:
            raise
        raise SourceUnreachable(reason="names") from None


def located(url: str) -> Location:
    """Raises SourceUnreachable."""
    try:
        return read_location(url)
    except ValueError:
        raise SourceUnreachable(reason="url") from None


def name_of(url: str) -> str:
    """The last part of a URL's path, as a file may be called. Raises SourceUnreachable for what is no URL."""
    with _usable():
        name = PurePosixPath(unquote(urlsplit(url).path)).name
    safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in name).lstrip(".")
    return safe[-100:] or "output"


def is_list(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in PLAYLISTS


def role_of(path: Path) -> str:
    suffix = path.suffix.lower()
    return "segment" if suffix in SEGMENTS else ROLES.get(suffix, "media")


def playlist(path: Path) -> str:
    if path.stat().st_size > LARGEST_PLAYLIST:
        raise SourceTooLarge(limit=LARGEST_PLAYLIST)
    return path.read_text("utf-8", "replace")


def pieces(text: str, url: str, base: str) -> Iterator[Piece]:
    """What a playlist names, each once. Raises SourceForbidden for what is not below ``base``."""
    lines = (line.strip() for line in text.splitlines())
    named = [line for line in lines if line and not line.startswith(("#", "<"))] if "#EXTM3U" in text else []
    quoted = [one or other for one, other in QUOTED.findall(text)]
    for reference in dict.fromkeys((*named, *quoted)):
        if "$" not in reference and not reference.startswith("data:"):
            whole = joined(url, reference)
            if not whole.partition("?")[0].endswith("/"):
                yield Piece(url=whole, name=within(base, whole))


def joined(url: str, reference: str) -> str:
    """As a URL of the web is joined, whatever the scheme: nobody else knows which of them have paths."""
    scheme, _, rest = url.partition("://")
    if "://" in reference.partition("?")[0]:
        return reference
    return f"{scheme}://{urljoin(f'http://{rest}', reference).removeprefix('http://')}"


def within(base: str, url: str) -> str:
    """The path below ``base``. Raises SourceForbidden for one that leaves it."""
    path = url.partition("?")[0]
    name = PurePosixPath(unquote(path.removeprefix(base)))
    if not path.startswith(base) or name.is_absolute() or ".." in name.parts or "\0" in str(name) or not name.parts:
        raise SourceForbidden(reason="outside")
    return str(name)
