"""Tickets by a part of a facet's value: from bitmaps of the values where those are few, of their trigrams otherwise.

Trigrams are kept for facets whose names begin with ``exchange.PART``. Two marks of end follow each value, so that every
letter of it begins a trigram.
"""

from __future__ import annotations

import json
from typing import Final

from mediaglot.gateway.store import chunks
from mediaglot.gateway.store.bitmap import unpack
from mediaglot.gateway.store.chunks import Chunks
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rows import as_json

END: Final = "\U0010fffe" * 2
LAST: Final = "\U0010ffff"
FEW: Final = 200
"""Values that are looked through one by one."""
MANY: Final = 2000
"""Tickets that are looked at one by one; beyond, all of the account's values are read."""


def grams(value: str) -> str:
    """A JSON list of a value's trigrams."""
    return json.dumps(sorted({(value + END)[place : place + 3] for place in range(len(value))}), ensure_ascii=False)


async def having_part(reader: Connection, owner: dict[str, str], name: str, text: str, among: Chunks) -> Chunks:
    """Those of ``among``, and maybe others, whose facet ``name`` has ``text`` in it."""
    sql = statements("gram")
    values = [row[0] for row in await reader.rows(sql["values"], **owner, name=name, most=FEW + 1)]
    if len(values) <= FEW:
        lists = [(name, value) for value in values if text in value]
        return chunks.either((await _read(reader, owner, lists)).values())
    if not await reader.row(sql["has_grams"], **owner, name=f":{name}"):
        rows = await reader.rows(sql["scan"], **owner, name=name, part=text, has=True)
        return chunks.of(row[0] for row in rows)
    if len(text) < 3:
        rows = await reader.rows(sql["beginning"], **owner, name=f":{name}", low=text, high=text + LAST)
        return chunks.either({chunk: unpack(bits)} for chunk, bits in rows)
    wanted = sorted({text[place : place + 3] for place in range(len(text) - 2)})
    sets = await _read(reader, owner, [(f":{name}", each) for each in wanted])
    found = chunks.both(among, [sets.get(number, {}) for number in range(len(wanted))])
    return found if len(text) == 3 else await _checked(reader, owner, name, text, found, among)


async def _read(reader: Connection, owner: dict[str, str], lists: list[tuple[str, str]]) -> dict[int, Chunks]:
    """The sets by their places in ``lists``; those that are empty are left out."""
    found: dict[int, Chunks] = {}
    for key, chunk, bits in await reader.rows(statements("bitmap")["read"], **owner, lists=as_json(lists)):
        if bits is not None:
            found.setdefault(key, {})[chunk] = unpack(bits)
    return found


async def _checked(
    reader: Connection, owner: dict[str, str], name: str, text: str, found: Chunks, among: Chunks
) -> Chunks:
    """Trigrams may be there without being in a row."""
    sql, values = statements("gram"), {**owner, "name": name, "part": text}
    count = chunks.size(found)
    if count <= MANY:
        rows = await reader.rows(sql["check"], **values, serials=as_json(chunks.members(found)))
        return chunks.of(row[0] for row in rows)
    missing = count * 2 > chunks.size(among)
    listed = chunks.of(row[0] for row in await reader.rows(sql["scan"], **values, has=not missing))
    return chunks.without(found, listed) if missing else listed
