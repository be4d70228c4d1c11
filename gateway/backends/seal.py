"""The segments of a variant as they are handed over: encrypted, or in one file, or both."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final

from mediaglot.gateway.backends import Product
from mediaglot.gateway.faults import EncodingFailed
from mediaglot.gateway.media import lock, naming
from mediaglot.gateway.media.parts import Layout, Lock, Place
from mediaglot.gateway.media.playlist import Key, Segment
from mediaglot.gateway.model import File

BYTES: Final = 16
HEX: Final = re.compile(rb"(?:0[xX])?([0-9A-Fa-f]{32})")
OWN: Final = "single"
"""Our name for the one file of a variant."""
PIECE: Final = 1 << 20
LONGEST: Final = 64
"""Bytes of a file with a key, in whatever spelling."""


@dataclass(frozen=True, slots=True, repr=False)
class Pair:
    key: bytes
    iv: bytes


class Keys:
    """A package's keys, each of them read, or drawn, once."""

    def __init__(self, folder: Path, layout: Layout, chance: Callable[[int], bytes]) -> None:
        """Raises EncodingFailed for a fetched key that is none."""
        locks = dict.fromkeys(place.lock for place in layout.distinct if place.lock is not None)
        self._pairs = {one: Pair(_key(folder, one, chance), _bytes(one.iv) or chance(BYTES)) for one in locks}

    def of(self, place: Place) -> Pair | None:
        return None if place.lock is None else self._pairs[place.lock]

    def write(self, room: Path) -> tuple[Product, ...]:
        """The key files, which nobody else on this machine may read."""
        asked = [(one.file, pair.key) for one, pair in self._pairs.items() if one.file is not None]
        return tuple(_key_file(room / f"key-{number}", name, key) for number, (name, key) in enumerate(asked))


def _key_file(path: Path, name: str, key: bytes) -> Product:
    path.touch(mode=0o600)
    path.write_bytes(key)
    return Product(path=path, file=File(path=name, size=len(key), role="key"), name=name)


def _key(folder: Path, one: Lock, chance: Callable[[int], bytes]) -> bytes:
    if one.key is not None:
        return bytes.fromhex(one.key.reveal()[-2 * BYTES :])
    if one.source is None:
        return chance(BYTES)
    with (folder / one.source).open("rb") as file:
        content = file.read(LONGEST + 1)
    found = HEX.fullmatch(content.strip())
    if found is None and len(content) != BYTES:
        raise EncodingFailed(reason="key")
    return bytes.fromhex(found[1].decode()) if found else content


def _bytes(digits: str | None) -> bytes | None:
    return bytes.fromhex(digits[-2 * BYTES :]) if digits else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The segments as the playlist names them, what it says beside them, and the files that hold them: each by our
    name for it and as the file that it becomes."""

    segments: tuple[Segment, ...]
    files: tuple[tuple[str, File], ...]
    init: str | None = None
    init_size: int | None = None
    key: Key | None = None


def seal(room: Path, segments: Sequence[Segment], layout: Layout, place: Place, pair: Pair | None) -> Sealed:
    """Puts them into their last form, in ``room``. Sizes are measured afterwards; encrypting makes them larger."""
    key = None
    if pair is not None and place.lock is not None:
        key = Key(lock.uri(place.lock, place), pair.iv.hex())
    made = _joined if place.single is not None else _separate
    return replace(made(room, segments, layout, place, pair), key=key)


def _separate(room: Path, segments: Sequence[Segment], layout: Layout, place: Place, pair: Pair | None) -> Sealed:
    named, files = [], []
    if layout.init is not None:
        files.append(_file(room, layout.init, layout.within(place, layout.init)))
    for number, segment in enumerate(segments):
        path, name = room / segment.name, naming.nth(layout.segment_name, number)
        if pair is not None:
            _lock(path, pair)
        files.append(_file(room, segment.name, layout.within(place, name)))
        named.append(replace(segment, name=name, size=path.stat().st_size))
    return Sealed(segments=tuple(named), files=tuple(files), init=layout.init)


def _joined(room: Path, segments: Sequence[Segment], layout: Layout, place: Place, pair: Pair | None) -> Sealed:
    """Each segment is encrypted by itself, as players decrypt them one by one."""
    assert place.single is not None  # noqa: S101 - the caller has looked
    named, head = [], None
    with (room / OWN).open("wb") as file:
        if layout.init is not None:
            head = file.write((room / layout.init).read_bytes())
        for segment in segments:
            start = file.tell()
            _append(room / segment.name, file, pair)
            named.append(replace(segment, name=place.single, size=file.tell() - start, offset=start))
            (room / segment.name).unlink()
    files = (_file(room, OWN, layout.within(place, place.single)),)
    init = place.single if head is not None else None
    return Sealed(segments=tuple(named), files=files, init=init, init_size=head)


def _lock(path: Path, pair: Pair) -> None:
    locked = path.with_name(f"locked-{path.name}")
    with locked.open("wb") as file:
        _append(path, file, pair)
    locked.replace(path)


def _append(path: Path, file: IO[bytes], pair: Pair | None) -> None:
    with path.open("rb") as source:
        if pair is None:
            shutil.copyfileobj(source, file, PIECE)
        else:
            from mediaglot.gateway.media.cipher import encrypt  # noqa: PLC0415 - loaded for the first that needs it

            encrypt(source, file, pair.key, pair.iv)


def _file(room: Path, own: str, name: str) -> tuple[str, File]:
    return own, File(path=name, size=(room / own).stat().st_size, role="segment")
