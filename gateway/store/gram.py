"""Tickets by a part of a facet's value: from bitmaps of the values where those are few, or of their trigrams.

Trigrams are kept for facets whose names begin with ``exchange.PART``. Two marks of end follow each value, so that every
letter of it begins a trigram. A value that has all of a text's trigrams may have them apart; it surely has the text if
each two letters in the middle of the text, wherever they are in the value, are followed by the same letter as there.
Only what fails that is looked at.
"""

from __future__ import annotations

import json
from typing import Final

from mediaglot.gateway.exchange import PART
from mediaglot.gateway.store import chunks
from mediaglot.gateway.store.chunks import Chunks
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rows import as_json
from mediaglot.gateway.store.sets import Span, read, span

MARK: Final = "\U0010fffe"
LAST: Final = "\U0010ffff" * 3
ALIKE: Final = 200
"""Values that are looked through one by one."""
FEW: Final = 500
"""Tickets that are rather looked at than thought about."""
MANY: Final = 4000
"""Tickets that are looked at one by one; beyond, all of the account's values are read."""


def grams(value: str) -> str:
    """A JSON list of a value's trigrams."""
    marked = value + 2 * MARK
    return json.dumps(sorted({marked[place : place + 3] for place in range(len(value))}), ensure_ascii=False)


def spans(name: str, text: str) -> list[Span]:
    """The sets that a ticket is in whose facet has the text in it; for no other facets than those with trigrams."""
    if not name.startswith(PART) or not text:
        return []
    if len(text) < 3:
        return [(f":{name}", text, text + LAST, None)]
    return [span(f":{name}", gram) for gram in sorted({text[place : place + 3] for place in range(len(text) - 2)})]


def _turns(name: str, text: str) -> list[Span]:
    """Those that have two letters of the text and then another one."""
    pairs = sorted({(text[place : place + 2], text[place : place + 3]) for place in range(1, len(text) - 2)})
    return [(f":{name}", pair, pair + LAST, gram) for pair, gram in pairs]


async def having_part(reader: Connection, owner: dict[str, str], name: str, text: str, among: Chunks) -> Chunks:
    """Those of ``among``, and maybe others, whose facet ``name`` has ``text`` in it; ``among`` are in its ``spans``."""
    odd = MARK in text or "\0" in text
    if not spans(name, text):
        return await _by_values(reader, owner, name, text)
    if len(text) <= 3 and not odd:
        return among
    doubtful = among
    if chunks.size(among) > FEW and not odd:
        turned, _ = await read(reader, owner, _turns(name, text))
        doubtful = chunks.both(among, [chunks.either(turned.values())])
    certain = chunks.without(among, doubtful)
    return chunks.either([certain, await _checked(reader, owner, name, text, doubtful, certain)])


async def _by_values(reader: Connection, owner: dict[str, str], name: str, text: str) -> Chunks:
    sql = statements("gram")
    values = [row[0] for row in await reader.rows(sql["values"], **owner, name=name, most=ALIKE + 1)]
    if len(values) > ALIKE:
        return chunks.of(row[0] for row in await reader.rows(sql["scan"], **owner, name=name, part=text, has=True))
    found, _ = await read(reader, owner, [span(name, value) for value in values if text in value])
    return chunks.either(found.values())


async def _checked(
    reader: Connection, owner: dict[str, str], name: str, text: str, doubtful: Chunks, certain: Chunks
) -> Chunks:
    sql, values, count = statements("gram"), {**owner, "name": name, "part": text}, chunks.size(doubtful)
    if count == 0:
        return {}
    if count <= MANY:
        rows = await reader.rows(sql["check"], **values, serials=as_json(chunks.members(doubtful)))
        return chunks.of(row[0] for row in rows)
    missing = chunks.size(certain) > count
    listed = chunks.of(row[0] for row in await reader.rows(sql["scan"], **values, has=not missing))
    return chunks.without(doubtful, listed) if missing else chunks.both(doubtful, [listed])
