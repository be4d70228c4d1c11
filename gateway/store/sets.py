"""Sets of tickets as the database keeps them, by their names and values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

from mediaglot.gateway.store.bitmap import union
from mediaglot.gateway.store.chunks import Chunks
from mediaglot.gateway.store.query import Connection, statements
from mediaglot.gateway.store.rows import as_json

Span: TypeAlias = tuple[str, str, str, str | None]
"""A name, the first and the last of its values, and one between them that is left out."""


def span(name: str, value: str) -> Span:
    """One value."""
    return name, value, value, None


async def read(reader: Connection, owner: dict[str, str], spans: Iterable[Span]) -> tuple[dict[int, Chunks], bool]:
    """By the places in ``spans``, who has one of its values; and whether the order of serials is that of creation."""
    packed: defaultdict[int, defaultdict[int, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    ordered = True
    for key, chunk, bits in await reader.rows(statements("bitmap")["read"], **owner, lists=as_json([*spans])):
        if bits is None:
            ordered = bool(chunk)
        else:
            packed[key][chunk].append(bits)
    sets = {key: {chunk: union(rows) for chunk, rows in found.items()} for key, found in packed.items()}
    return defaultdict(dict, sets), ordered
