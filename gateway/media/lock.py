"""The encryption that a package asks for, checked: which key each variant gets, and where it lies. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from posixpath import relpath
from typing import Final

from mediaglot.gateway.faults import Unsupported
from mediaglot.gateway.media.parts import Fetch, Lock, Memo, Place
from mediaglot.gateway.model import Encryption, Output, Package, PackageKind

SIXTEEN: Final = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{32})")
"""Bytes, in hexadecimal digits."""
KEY_FILE: Final = "segments.key"
ADDRESS: Final = re.compile(r"[!#-~]{1,2000}")
"""What a playlist can quote."""


def locks(
    package: Package, index: int, folders: Sequence[str], memo: Memo
) -> tuple[Lock | None, tuple[Lock | None, ...]]:
    """The package's own, and those of its variants, whose folders are given.

    Raises Invalid for a key that is none, Unsupported for what is not HLS.
    """
    common = _lock(package.encryption, f"key-{index}", "", package, memo)
    if not package.variants:
        return common, (common,)
    return common, tuple(
        _lock(variant.encryption, f"key-{index}x{number}", folder, package, memo.at("variants").at(number)) or common
        for number, (variant, folder) in enumerate(zip(package.variants, folders, strict=True))
    )


def fetches(output: Output, index: int) -> Iterator[Fetch]:
    """The key files to bring into the work folder."""
    package = output.package
    if package is None:
        return
    asked = [(package.encryption, f"key-{index}")]
    asked += [(variant.encryption, f"key-{index}x{number}") for number, variant in enumerate(package.variants)]
    for wanted, path in asked:
        if wanted is not None and wanted.key is None and wanted.key_file is not None:
            yield Fetch(output=index, location=wanted.key_file, path=path)


def uri(lock: Lock, place: Place) -> str:
    """How a variant's playlists name the key: an address, or the way to the key file from where they are."""
    return lock.url or relpath(lock.file or KEY_FILE, place.folder or ".")


def _lock(wanted: Encryption | None, path: str, folder: str, package: Package, memo: Memo) -> Lock | None:
    if wanted is None:
        return None
    if package.kind is not PackageKind.HLS:
        raise Unsupported(feature="encryption", value=package.kind.value)
    memo = memo.at("encryption")
    if wanted.key is not None and not SIXTEEN.fullmatch(wanted.key.reveal()):
        raise memo.invalid("key", "", "not 32 hexadecimal digits")
    if wanted.iv is not None and not SIXTEEN.fullmatch(wanted.iv):
        raise memo.invalid("iv", wanted.iv, "not 32 hexadecimal digits")
    if wanted.key_url is not None and not ADDRESS.fullmatch(wanted.key_url):
        raise memo.invalid("key_url", wanted.key_url, "not an address")
    if wanted.key is not None and wanted.key_file is not None:
        memo.note("key_file")
    known = wanted.key is not None and wanted.key_url is not None
    return Lock(
        key=wanted.key,
        source=path if wanted.key is None and wanted.key_file is not None else None,
        iv=wanted.iv,
        url=wanted.key_url,
        file=None if known else f"{folder}/{KEY_FILE}" if folder else KEY_FILE,
    )
