"""Names that come from clients and end in file names and playlists: what passes, and what becomes of patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from unicodedata import normalize

from mediaglot.gateway.media.parts import Memo

PART: Final = re.compile(r"[\w(][\w .()@=+,~-]*(?<![ .])")
LONGEST: Final = 120
"""Bytes of one part of a path."""
DEEPEST: Final = 6
COUNTER: Final = re.compile(r"%(?:0([1-9]))?d")
SUFFIX: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
FIELD: Final = re.compile(r"\{(n(?::0([1-9]))?|resolution)\}")


def part(text: str, memo: Memo, field: str) -> str:
    """``text`` as one part of a path. Raises Invalid."""
    if not PART.fullmatch(normalize("NFC", text)):
        raise memo.invalid(field, text, "not a plain file name")
    if len(text.encode()) > LONGEST:
        raise memo.invalid(field, text, f"over {LONGEST} bytes")
    return text


def folder(text: str, memo: Memo, field: str) -> str:
    """A relative path of plain parts, without a slash at its end; empty is allowed. Raises Invalid."""
    if not text:
        return ""
    parts = text.removesuffix("/").split("/")
    if len(parts) > DEEPEST:
        raise memo.invalid(field, text, f"over {DEEPEST} levels")
    return "/".join(part(one, memo, field) for one in parts)


def playlist(text: str, memo: Memo, field: str, extension: str = ".m3u8") -> str:
    if not text.endswith(extension):
        raise memo.invalid(field, text, f"does not end in {extension}")
    return part(text, memo, field)


def series(text: str, memo: Memo, field: str) -> str:
    """A name with one counter, such as ``a_%05d.ts``. Raises Invalid."""
    if len(COUNTER.findall(text)) != 1:
        raise memo.invalid(field, text, "needs one %d")
    part(COUNTER.sub("000000001", text), memo, field)
    return text


def nth(pattern: str, number: int) -> str:
    return COUNTER.sub(lambda match: f"{number:0{match[1] or 1}d}", pattern)


def picture(text: str, extension: str, memo: Memo, field: str, *, many: bool) -> str:
    """A pattern of ``{n}`` and ``{resolution}``, with the extension and the counter that it needs. Raises Invalid."""
    part(FIELD.sub("0", text), memo, field)
    found = SUFFIX.search(text)
    stem, suffix = (text[: found.start()], found[0]) if found else (text, f".{extension}")
    counted = any(match[1].startswith("n") for match in FIELD.finditer(stem))
    return f"{stem}_{{n}}{suffix}" if many and not counted else f"{stem}{suffix}"


def pictured(pattern: str, number: int, width: int, height: int) -> str:
    def fill(match: re.Match[str]) -> str:
        return f"{width}x{height}" if match[1] == "resolution" else f"{number:0{match[2] or 1}d}"

    return FIELD.sub(fill, pattern)


def alike(text: str) -> str:
    """The same for names that some file system takes for the same."""
    return normalize("NFC", text).casefold()


def repeated(names: Iterable[str]) -> str | None:
    """The first that is there twice."""
    seen: set[str] = set()
    for name in names:
        if alike(name) in seen:
            return name
        seen.add(alike(name))
    return None
