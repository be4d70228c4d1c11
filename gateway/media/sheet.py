"""Sheets of tiles (sprites): how many tiles where, the names of their files, and the WebVTT text over them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final
from urllib.parse import quote, unquote

from mediaglot.gateway.media import naming
from mediaglot.gateway.media.guard import MOST_PIXELS
from mediaglot.gateway.media.parts import Grid, Memo
from mediaglot.gateway.media.size import MAX_SIDE, Picture
from mediaglot.gateway.model import Output, Sheet, Size

COLUMNS: Final = 10
MOST_ROWS: Final = 10
"""What a sheet has without a word."""
TILE: Final = Size(width=160)
COUNTED: Final = re.compile(r"[_ -]?\{n(?::0[1-9])?\}")
TIMESTAMP: Final = "{:02d}:{:02d}:{:02d}.{:03d}"


def shape(asked: Sheet, tiles: int, tile: Picture, memo: Memo) -> tuple[int, int]:
    """Columns and rows for a series of ``tiles``. Raises Invalid for a sheet that no decoder would open."""
    columns = COLUMNS if asked.columns is None else asked.columns
    rows = min(MOST_ROWS, -(-tiles // max(columns, 1))) if asked.rows is None else asked.rows
    for name, count in (("columns", columns), ("rows", rows)):
        if not 1 <= count <= 100:
            raise memo.invalid(name, count, "not from 1 to 100")
    width, height = columns * tile.width, rows * tile.height
    if width * height > MOST_PIXELS or max(width, height) > MAX_SIDE:
        raise memo.invalid("columns", f"{columns}x{rows}", f"{width}x{height} pixels are too large a picture")
    return columns, rows


def pattern(output: Output, name: str | None, extension: str, memo: Memo, *, many: bool) -> str | None:
    """The sheets' name: that of the first destination which names such a picture, else the job's word."""
    endings = {f".{extension}", ".jpeg" if extension == "jpg" else f".{extension}"}
    named = next((found for found in map(_picture, _paths(output)) if found.lower().endswith(tuple(endings))), None)
    wanted = named or name
    return None if wanted is None else naming.picture(wanted, extension, memo, "name", many=many)


def cues_name(asked: Sheet, pictures: str | None, memo: Memo) -> str | None:
    if asked.name is not None:
        return naming.picture(asked.name, "vtt", memo, "name", many=False)
    if pictures is None:
        return None
    stem = naming.SUFFIX.sub("", COUNTED.sub("", pictures))
    return f"{stem or 'sheet'}.vtt"


def _paths(output: Output) -> Iterator[str]:
    for location in output.destinations:
        yield location.url.partition("?")[0].partition("#")[0]


def _picture(path: str) -> str:
    """The file's name in a destination, empty where it is none that could be a name of ours."""
    name = unquote(path, errors="replace").rpartition("/")[2]
    return name if naming.PART.fullmatch(name) and len(name.encode()) <= naming.LONGEST else ""


def webvtt(grid: Grid, names: Sequence[str], tiles: int, sides: tuple[int, int]) -> str:
    """One cue for each of ``tiles`` tiles of ``sides`` pixels; ``names`` are the sheets'."""
    width, height = sides
    lines = ["WEBVTT"]
    for tile in range(tiles):
        sheet, place = divmod(tile, grid.columns * grid.rows)
        row, column = divmod(place, grid.columns)
        start, end = tile * grid.every, (tile + 1) * grid.every
        if tile == tiles - 1 and grid.duration is not None and grid.duration > start:
            end = grid.duration
        where = f"{_address(grid.url, names, sheet)}#xywh={column * width},{row * height},{width},{height}"
        lines += ["", f"{_time(start)} --> {_time(end)}", where]
    return "\n".join(lines) + "\n"


def _address(url: str | None, names: Sequence[str], sheet: int) -> str:
    if url is None or url.endswith("/"):
        return (url or "") + quote(names[sheet])
    if len(names) == 1:
        return url
    base, mark, query = url.partition("?")
    head, dot, extension = base.rpartition(".")
    return f"{head}_{sheet + 1}.{extension}{mark}{query}" if dot else f"{base}_{sheet + 1}{mark}{query}"


def _time(moment: Fraction) -> str:
    milliseconds = round(moment * 1000)
    seconds, rest = divmod(milliseconds, 1000)
    return TIMESTAMP.format(seconds // 3600, seconds // 60 % 60, seconds % 60, rest)
