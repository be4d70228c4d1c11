"""Uploads in parts that are under way, written down: a server that was killed goes on with them, or ends them.

A page counts for the same file, unchanged, on its way to the same object in the same manner. There is no credential on
it: whoever goes on must be let in by the store anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mediaglot.gateway.transfer.disk import in_thread


@dataclass(slots=True, kw_only=True)
class Begun:
    """An upload that the store calls ``query``; ``tags`` are those of the parts that it has, by their numbers.

    ``asked``: it was told to put them together, and may have done so.
    """

    query: str = ""
    tags: dict[int, str] = field(default_factory=dict)
    asked: bool = False


class Page:
    """What is known of one upload. Nothing is kept where there is no file for it, or no room for one."""

    def __init__(self, file: Path | None, path: Path, mark: str) -> None:
        self._file, self._path, self._mark = file, path, mark
        self._writing = asyncio.Lock()

    async def read(self) -> tuple[Begun, bool]:
        """An upload that was begun, and whether it can be gone on with; else it is only to be ended."""
        tree = await in_thread(self._read)
        try:
            tags = {int(number): str(tag) for number, tag in tree["tags"].items()}
            begun = Begun(query=str(tree["query"]), tags=tags, asked=tree["asked"] is True)
        except (KeyError, TypeError, ValueError, AttributeError):
            return Begun(), False
        return begun, tree.get("mark") == self._mark

    async def write(self, begun: Begun) -> None:
        if self._file is not None:
            async with self._writing:
                tree = {"path": os.fsdecode(self._path), "mark": self._mark, **asdict(begun)}
                await in_thread(self._write, self._file, json.dumps(tree))

    async def add(self, number: int, tag: str) -> None:
        """One more part has arrived: a line below what is written, which is read with it."""
        if self._file is not None:
            async with self._writing:
                await in_thread(self._append, self._file, json.dumps([number, tag]))

    async def drop(self) -> None:
        if self._file is not None:
            await in_thread(self._file.unlink, missing_ok=True)

    def _read(self) -> dict[str, Any]:
        return read(self._file) if self._file is not None else {}

    def _append(self, file: Path, line: str) -> None:
        """In a line of its own also below one that was not written to its end."""
        with contextlib.suppress(OSError), file.open("r+") as page:
            page.seek(0, os.SEEK_END)
            page.write(f"\n{line}")

    def _write(self, file: Path, text: str) -> None:
        whole = file.with_suffix(".new")
        with contextlib.suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole.write_text(text)
            whole.replace(file)


class Notebook:
    """``folder`` has a file for each upload that was begun and not ended; without one, nothing is remembered."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None and folder.is_dir():
            for file in folder.iterdir():
                if not os.path.lexists(_path(file)):
                    file.unlink(missing_ok=True)

    def page(self, path: Path, url: str, facts: tuple[int, int], manner: Mapping[str, str], part: int) -> Page:
        """Of ``path`` to ``url`` in parts of that size; ``facts`` are the file's size and its last change."""
        name = _sum([os.fsdecode(path), url])
        file = None if self._folder is None else self._folder / f"{name}.json"
        return Page(file, path, _sum([*facts, part, sorted(manner.items())]))


def read(file: Path) -> dict[str, Any]:
    """Nothing for what was never written, or not to its end."""
    try:
        first, *lines = file.read_text().split("\n")
        tree = dict(json.loads(first))
        tags = dict(tree.get("tags", {}))
    except (OSError, TypeError, ValueError):
        return {}
    for line in lines:
        with contextlib.suppress(TypeError, ValueError):
            number, tag = json.loads(line)
            tags[int(number)] = tag
    return tree | {"tags": tags}


def _path(page: Path) -> str:
    return str(read(page).get("path", ""))


def _sum(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
