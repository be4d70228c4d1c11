"""Recordings on the disk: folders of a tape or of fixtures, journals and HAR files, told apart by what is in them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway import registry
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.har import from_har, is_har
from mediaglot.gateway.contract.minute import entries_of, from_journal
from mediaglot.gateway.contract.recording import Recording, Unreadable, from_messages, parsed
from mediaglot.gateway.contract.whereabout import Whereabouts

LARGEST: Final = 500_000_000
"""Bytes of a journal or a HAR file."""
MESSAGE: Final = 20_000_000
"""Bytes of an HTTP message in a folder."""
LABEL: Final = "recording.json"
"""In the outermost folder of a tape: whose it is."""
HINT: Final = "expected folders OPERATION/CASE with request.http and response.http, a journal or a HAR file"


def read(paths: Iterable[Path], where: Whereabouts) -> Recording:
    """All of it, in order. Raises UserError for what is no recording, and for one without an exchange."""
    recording = Recording()
    named = list(paths)
    try:
        for path in named:
            recording.take(_read(path, where))
    except Unreadable as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from None
    if not recording.exchanges:
        rest = ", ".join(f"{count} {reason}" for reason, count in recording.left_out.items())
        hint = f"there are only exchanges {rest}; name --dialect and --base-url" if rest else HINT
        raise UserError(f"no exchange to look at in {', '.join(map(str, named))}: {hint}")
    return recording


def _read(path: Path, where: Whereabouts) -> Recording:
    if path.is_dir():
        return _folder(path, where)
    name, tree = path.name, parsed(path.name, content(path, LARGEST))
    if is_har(tree):
        return from_har(name, tree, where)
    if (entries := entries_of(tree)) is not None:
        return from_journal(name, entries)
    raise Unreadable(f"{path} is no recording: {HINT}")


def _folder(path: Path, where: Whereabouts) -> Recording:
    """A tape, or the journals and HAR files in it."""
    recording, owner, scrubbed = Recording(), owner_of(path, where), (path / LABEL).is_file()
    cases = (each.parent for each in path.glob("*/*/response.http"))
    for case in sorted(cases, key=lambda each: (each.name, each.parent.name)):
        name = f"{case.parent.name}/{case.name}"
        messages = (content(case / file, MESSAGE) for file in ("request.http", "response.http"))
        dialect, operation = _with_options(owner, case), case.parent.name
        recording.add(from_messages(name, *messages, dialect=dialect, operation=operation, scrubbed=scrubbed))
    if not recording.exchanges:
        for file in sorted(each for each in path.iterdir() if each.suffix in {".har", ".json", ".ndjson", ".jsonl"}):
            if file.name != LABEL:
                recording.take(_read(file, where))
    return recording


def _with_options(owner: str, case: Path) -> str:
    """A fixture may be one of a dialect with options."""
    file = case / "options.json"
    options = parsed(file.name, content(file, MESSAGE)) if owner and file.is_file() else {}
    if not isinstance(options, dict):
        raise Unreadable(f"{file} is no JSON object")
    return ",".join([owner, *(f"{key}={value}" for key, value in options.items())])


def owner_of(path: Path, where: Whereabouts) -> str:
    """The dialect that a folder was recorded in: as the command says, as its label says, or by its name."""
    if where.dialect:
        return where.dialect
    if (path / LABEL).is_file():
        tree = parsed(LABEL, content(path / LABEL, MESSAGE))
        if isinstance(tree, dict) and isinstance(tree.get("dialect"), str):
            return str(tree["dialect"])
    name = path.resolve().name
    return name if name in registry.names() else ""


def content(path: Path, most: int) -> bytes:
    """Of a plain file of at most so many bytes: whoever wrote a recording must not make its reader wait for ever.

    Raises Unreadable, and OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(handle, "rb") as file:  # noqa: PTH123 - it is open already
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable(f"{path} is no plain file")
        text: bytes = file.read(most + 1)
    if len(text) > most:
        raise Unreadable(f"{path} is larger than {most:,} bytes; cut it into parts")
    return text


def tree_of(path: Path) -> Any:
    """The JSON document of a file. Raises UserError."""
    try:
        return parsed(str(path), content(path, LARGEST))
    except Unreadable as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def url_of(text: str, flag: str) -> str:
    """Without a slash at its end. Raises UserError for what is no plain URL."""
    try:
        parts = urlsplit(text)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment or parts.username:
        raise UserError(f"{flag} wants a URL such as https://api.example.com/v1, not {text[:100]!r}")
    return text.rstrip("/")
