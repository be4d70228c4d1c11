"""Signed links: who has one may read one file until a time, and needs nothing else.

    /_mediaglot/files/<path>?expires=1767225600&disposition=attachment&filename=a.mp4&signature=...

The signature covers the path and every parameter.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qsl, quote, urlencode

from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.store import Key

FILES: Final = "/_mediaglot/files/"
NOTIFICATIONS: Final = "/_mediaglot/notifications"
INSIDE: Final = "/_mediaglot/in/"
"""What the paths of a world of the test double begin with, before its name."""
KEY_BYTES: Final = 32
FIELDS: Final = ("expires", "disposition", "filename")
DISPOSITIONS: Final = frozenset({"inline", "attachment"})


def report(site: str, key: Key) -> str:
    """Where the control API tells what became of a job's settings."""
    return f"{site}/_mediaglot/reports/{key.dialect}/{quote(key.account)}/{quote(key.id)}"


class Signer:
    """Signs paths below FILES, written without percent-encoding."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, folder: Path, chance: Chance = SYSTEM, *, durable: bool = False) -> Self:
        """With the key in ``folder``, which is made when there is none: links outlive a restart.

        A new key that is ``durable`` outlives a power cut, too.
        """
        path = folder / "link.key"
        try:
            key = path.read_bytes()
        except FileNotFoundError:
            key = b""
        return cls(key if len(key) == KEY_BYTES else _new_key(path, chance, durable=durable))

    def sign(self, path: str, expires: datetime, *, filename: str = "", inline: bool = False) -> str:
        """The query string. ``filename`` is what a browser saves the file as; ``inline`` lets it show it instead."""
        filename = filename.encode(errors="replace").decode()
        said = {
            "expires": str(int(expires.timestamp())),
            "disposition": "inline" if inline else "attachment",
            "filename": filename,
        }
        return urlencode({**said, "signature": self._signature(path, said)}, quote_via=quote)

    def link(self, site: str, path: str, expires: datetime, *, filename: str = "", inline: bool = False) -> str:
        """The whole URL, for a server at ``site``."""
        query = self.sign(path, expires, filename=filename, inline=inline)
        return f"{site}{FILES}{quote(path, errors='surrogateescape')}?{query}"

    def check(self, path: str, query: str, now: datetime) -> bool:
        """Whether the raw ``query`` opens ``path`` at this time. Takes the same time for any wrong signature."""
        said = _read(query)
        if said is None:
            return False
        wanted = self._signature(path, said)
        if not hmac.compare_digest(wanted.encode(), said["signature"].encode(errors="replace")):
            return False
        return now < datetime.fromtimestamp(int(said["expires"]), UTC)

    def _signature(self, path: str, said: Mapping[str, str]) -> str:
        covered = urlencode([("path", path), *((name, said[name]) for name in FIELDS)], errors="surrogateescape")
        return hmac.new(self._key, covered.encode(), hashlib.sha256).hexdigest()


def presented(query: str) -> tuple[str, str]:
    """The Content-Disposition and the file name of a query that was checked."""
    said = _read(query) or {"disposition": "attachment", "filename": ""}
    name = said["filename"].replace("\\", "_").rpartition("/")[2]
    plain = "".join(char if char.isascii() and char.isprintable() and char not in '"\\' else "_" for char in name)
    shown = f'; filename="{plain}"' if name else ""
    if plain != name:
        shown += f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return said["disposition"] + shown, name


def _read(query: str) -> dict[str, str] | None:
    """The parameters, each of them once and no other; None where they aren't."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True, max_num_fields=len(FIELDS) + 1)
    except ValueError:
        return None
    said = dict(pairs)
    if len(pairs) != len(said) or said.keys() != {*FIELDS, "signature"} or said["disposition"] not in DISPOSITIONS:
        return None
    expires = said["expires"]
    return said if expires.isascii() and expires.isdigit() and len(expires) <= 11 else None


def _new_key(path: Path, chance: Chance, *, durable: bool) -> bytes:
    key = chance.of("links").randbytes(KEY_BYTES)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, key)
        if durable:
            os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)
    return key
