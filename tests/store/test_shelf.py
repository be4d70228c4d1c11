"""The shelf: documents and presets by account."""

from __future__ import annotations

from fractions import Fraction

import pytest

from mediaglot.gateway.model import Average, Output, Preset, Secret, Video
from mediaglot.gateway.shelf import Shelf, ShelfView
from mediaglot.gateway.store.sqlite import SqliteStore

PRESET = Preset(name="web", output=Output(video=Video(codec="h264", rate=Average(bitrate=5))), owner="ann")


async def test_documents_come_back_as_they_were_put(store):
    document = {"pieces": [1, {"is": "x"}], "key": Secret("s"), "rate": Fraction(1, 3), "none": None}
    async with store.write() as tx:
        shelf = Shelf(tx, "acme", "ann")
        await shelf.put("basket", "b", document)
        await shelf.put("basket", "a", {"n": 1})
        await shelf.put("file", "a", "plain text")
        assert await shelf.get("basket", "b") == document
    view = ShelfView(store, "acme", "ann")
    assert await view.get("basket", "b") == document
    assert await view.get("file", "a") == "plain text"
    assert await view.get("file", "b") is None
    async with store.write() as tx:
        await Shelf(tx, "acme", "ann").put("basket", "b", {"n": 2})
    assert await view.list("basket") == (("b", {"n": 2}), ("a", {"n": 1}))


async def test_deleting_says_whether_there_was_something(store):
    async with store.write() as tx:
        shelf = Shelf(tx, "acme", "ann")
        await shelf.put("basket", "a", 1)
        assert await shelf.delete("basket", "a")
        assert not await shelf.delete("basket", "a")
    assert await ShelfView(store, "acme", "ann").list("basket") == ()


async def test_accounts_and_dialects_have_shelves_of_their_own(store):
    async with store.write() as tx:
        await Shelf(tx, "acme", "ann").put("basket", "a", 1)
        await Shelf(tx, "acme", "ann").put_preset(PRESET)
        assert not await Shelf(tx, "acme", "bob").delete("basket", "a")
    for owner in (("acme", "bob"), ("zed", "ann")):
        view = ShelfView(store, *owner)
        assert await view.get("basket", "a") is None
        assert await view.presets() == ()


async def test_presets_are_kept_by_name_in_order(store):
    other = Preset(name="a", output=Output(container="mp4"))
    async with store.write() as tx:
        shelf = Shelf(tx, "acme", "ann")
        await shelf.put_preset(PRESET)
        await shelf.put_preset(other)
    view = ShelfView(store, "acme", "ann")
    assert await view.presets() == (PRESET, other)
    assert await view.preset("web") == PRESET
    assert await view.preset("none") is None
    async with store.write() as tx:
        assert await Shelf(tx, "acme", "ann").delete_preset("web")
    assert await view.presets() == (other,)


async def test_what_a_failed_transaction_put_is_gone(store: SqliteStore):
    async def undone() -> None:
        async with store.write() as tx:
            await Shelf(tx, "acme", "ann").put("basket", "a", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert await ShelfView(store, "acme", "ann").get("basket", "a") is None
