"""Documents that belong to one account of one dialect and to no ticket: presets, profiles, half-built jobs.

The core keeps them and does not look inside. Read from a store or a transaction, write to a transaction, so that
what belongs together is kept together:

    async with store.write() as tx:
        await Shelf(tx, dialect, account).put("basket", "7", {"pieces": []})
    await ShelfView(store, dialect, account).get("basket", "7")
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from mediaglot.gateway import codec
from mediaglot.gateway.model import Preset

PRESETS: Final = "preset"


class Readable(Protocol):
    """What a store and a transaction have in common here. Documents are trees that the codec can hold."""

    async def get_thing(self, dialect: str, account: str, kind: str, id: str) -> Any | None: ...  # noqa: A002

    async def list_things(self, dialect: str, account: str, kind: str) -> tuple[tuple[str, Any], ...]: ...


class Writable(Readable, Protocol):
    async def put_thing(self, dialect: str, account: str, kind: str, id: str, document: Any) -> None: ...  # noqa: A002

    async def delete_thing(self, dialect: str, account: str, kind: str, id: str) -> bool: ...  # noqa: A002


class ShelfView:
    """One account's documents, for reading."""

    def __init__(self, things: Readable, dialect: str, account: str) -> None:
        self._things = things
        self._owner = dialect, account

    async def get(self, kind: str, name: str) -> Any | None:
        return await self._things.get_thing(*self._owner, kind, name)

    async def list(self, kind: str) -> tuple[tuple[str, Any], ...]:
        """Names and documents in the order in which they first came."""
        return await self._things.list_things(*self._owner, kind)

    async def preset(self, name: str) -> Preset | None:
        stored = await self.get(PRESETS, name)
        return None if stored is None else codec.unpack(stored.encode(), Preset)

    async def presets(self) -> tuple[Preset, ...]:
        return tuple(codec.unpack(stored.encode(), Preset) for _, stored in await self.list(PRESETS))


class Shelf(ShelfView):
    """One account's documents, inside a transaction."""

    def __init__(self, things: Writable, dialect: str, account: str) -> None:
        super().__init__(things, dialect, account)
        self._writable = things

    async def put(self, kind: str, name: str, document: Any) -> None:
        """Keep a document, in place of an earlier one."""
        await self._writable.put_thing(*self._owner, kind, name, document)

    async def delete(self, kind: str, name: str) -> bool:
        """False if there was nothing."""
        return await self._writable.delete_thing(*self._owner, kind, name)

    async def put_preset(self, preset: Preset) -> None:
        await self.put(PRESETS, preset.name, codec.pack(preset).decode())

    async def delete_preset(self, name: str) -> bool:
        return await self.delete(PRESETS, name)
