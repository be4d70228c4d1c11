"""Recordings on the disk: folders of a tape or of fixtures, journals and HAR files, told apart by what is in them."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway import registry
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.har import from_har, is_har
from mediaglot.gateway.contract.minute import entries_of, from_journal
from mediaglot.gateway.contract.recording import MOST, Exchange, Recording, Unreadable, from_messages, parsed
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.testing.tape import turn

LARGEST: Final = 500_000_000
"""Bytes of a journal or a HAR file."""
MESSAGE: Final = 20_000_000
"""Bytes of an HTTP message in a folder."""
LABEL: Final = "recording.json"
"""In the outermost folder of a tape: whose it is."""
MESSAGES: Final = ("request.http", "response.http")
SUFFIXES: Final = frozenset({".har", ".json", ".ndjson", ".jsonl"})
HINT: Final = "expected folders OPERATION/CASE with request.http and response.http, a journal or a HAR file"


@dataclass(frozen=True, slots=True)
class Lead:
    """Where one exchange is on the disk: it is read when it is looked at, by whoever does that."""

    folder: str
    name: str
    owner: str
    operation: str
    scrubbed: bool

    def read(self) -> Exchange:
        """Raises Unreadable, and OSError."""
        request, response = (content(f"{self.folder}/{file}", MESSAGE) for file in MESSAGES)
        more: dict[str, Any] = {"dialect": _with_options(self.owner, self.folder), "operation": self.operation}
        return from_messages(self.name, request, response, scrubbed=self.scrubbed, **more)


Found = Exchange | Lead


def read(paths: Iterable[Path], where: Whereabouts) -> Recording:
    """All of it, in order. Raises UserError for what is no recording, and for one without an exchange."""
    found, left_out = find(paths, where)
    with complaining():
        return Recording([*map(exchange_of, found)], left_out)


def exchange_of(found: Found) -> Exchange:
    return found.read() if isinstance(found, Lead) else found


def find(paths: Iterable[Path], where: Whereabouts) -> tuple[list[Found], Counter[str]]:
    """Exchanges in order, or where they are; and what is left out, by the reason. Raises UserError."""
    found: list[Found] = []
    left_out: Counter[str] = Counter()
    named = list(paths)
    with complaining():
        for path in named:
            _look(path, where, found, left_out)
            if len(found) > MOST:
                raise Unreadable(f"there are more than {MOST:,} exchanges; check parts of it")
    if not found:
        rest = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        hint = f"what is there was left out: {rest}; name --dialect and --base-url" if rest else HINT
        raise UserError(f"no exchange to look at in {', '.join(map(str, named))}: {hint}")
    return found, left_out


@contextmanager
def complaining() -> Iterator[None]:
    """What can't be read is complained of in a line."""
    try:
        yield
    except Unreadable as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror}") from None


def _look(path: Path, where: Whereabouts, found: list[Found], left_out: Counter[str]) -> None:
    if path.is_dir():
        leads = _leads(path, where)
        found += leads
        for file in () if leads else sorted(each for each in path.iterdir() if each.suffix in SUFFIXES):
            if file.name != LABEL:
                _look(file, where, found, left_out)
        return
    name, tree = path.name, parsed(path.name, content(path, LARGEST))
    if is_har(tree):
        recording = from_har(name, tree, where)
    elif (entries := entries_of(tree)) is not None:
        recording = from_journal(name, entries)
    else:
        raise Unreadable(f"{path} is no recording: {HINT}")
    found += recording.exchanges
    left_out += recording.left_out


def _leads(path: Path, where: Whereabouts) -> list[Lead]:
    """The exchanges of a tape, or of fixtures, in the order of their names."""
    owner, scrubbed = owner_of(path, where), (path / LABEL).is_file()
    leads = []
    for operation in os.scandir(path):
        for case in os.scandir(operation.path) if operation.is_dir() else ():
            if os.access(f"{case.path}/{MESSAGES[1]}", os.F_OK):
                name = f"{operation.name}/{case.name}"
                leads.append(Lead(case.path, name, owner, operation.name, scrubbed))
    return sorted(leads, key=lambda lead: (turn(lead.name.partition("/")[2]), lead.name))


def _with_options(owner: str, folder: str) -> str:
    """A fixture may be one of a dialect with options."""
    try:
        options = parsed(folder, content(f"{folder}/options.json", MESSAGE)) if owner else {}
    except FileNotFoundError:
        return owner
    if not isinstance(options, dict):
        raise Unreadable(f"{folder}/options.json is no JSON object")
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


def content(path: Path | str, most: int) -> bytes:
    """Of a plain file of at most so many bytes: whoever wrote a recording must not make its reader wait for ever.

    Raises Unreadable, and OSError.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{path} is no plain file")
        text = b""
        while len(text) <= most and (block := os.read(handle, min(status.st_size, most) + 1)):
            text += block
    finally:
        os.close(handle)
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
