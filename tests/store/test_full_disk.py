"""A disk without room for the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaglot.gateway.store import Full
from mediaglot.gateway.store.sqlite import SqliteStore


async def fill(store: SqliteStore) -> None:
    async with store.write() as tx:
        await tx.put_thing("acme", "one", "preset", "small", {"a": 1})
        await tx.put_thing("acme", "one", "preset", "large", {"a": "x" * 100_000})


async def test_what_does_not_fit_is_said_by_its_name_and_undone(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        pages = await store._writer.row("PRAGMA page_count")
        assert pages is not None
        await store._writer.rows(f"PRAGMA max_page_count = {pages[0] + 2}")
        with pytest.raises(Full):
            await fill(store)
        assert await store.list_things("acme", "one", "preset") == ()
        async with store.write() as tx:
            await tx.put_thing("acme", "one", "preset", "small", {"a": 1})
        assert await store.get_thing("acme", "one", "preset", "small") == {"a": 1}
