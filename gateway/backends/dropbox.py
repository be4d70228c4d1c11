"""Where clients bring files to, and how such a file is forgotten, with everything that is called after it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from mediaglot.gateway.backends.announce import unpacked
from mediaglot.gateway.exchange import Thing
from mediaglot.gateway.store import Transaction

UPLOAD: Final = "upload"
"""The key under which a document for an upload has the id that its file is brought under."""
NOTES: Final = ("", "", "brought")
"""Where it is noted who has what under which names; files lie there by their ids alone."""


class Dropbox(Protocol):
    def announce(self, upload_id: str) -> None:
        """From now on a file may come under this id; whoever knows the id may bring it."""
        ...

    def path(self, upload_id: str) -> Path | None:
        """The file, once it has come."""
        ...

    def named(self, url: str) -> str | None:
        """The id of the file that this source is."""
        ...

    def unused(self, before: datetime) -> frozenset[str]:
        """The ids that were last announced, brought or fetched for a job before this time."""
        ...

    def forget(self, upload_id: str) -> None:
        """The file is gone, and none may come any more."""
        ...


async def note(tx: Transaction, dialect: str, account: str, thing: Thing) -> None:
    """Remember what is called after the file that is brought for this thing."""
    names = [[thing.kind, thing.id], *map(list, thing.aliases)]
    document = {"dialect": dialect, "account": account, "names": names}
    await tx.put_thing(*NOTES, thing.document[UPLOAD], document)


async def erase(tx: Transaction, uploads: Iterable[str]) -> None:
    """Forget what is called after these files, unless the name is that of another file by now."""
    for upload in uploads:
        if (noted := await tx.get_thing(*NOTES, upload)) is None:
            continue
        for kind, name in noted["names"]:
            owner = noted["dialect"], noted["account"]
            stored = await tx.get_thing(*owner, kind, name)
            if stored is not None and unpacked(stored).document.get(UPLOAD) == upload:
                await tx.delete_thing(*owner, kind, name)
        await tx.delete_thing(*NOTES, upload)
