"""What is made and not yet delivered: written down beside the work, so that a killed server does not make it again.

A record counts as long as the machine has not been started anew, the output is still the one that was asked for, and
every file has the size and the time of its last change that it had: a killed process loses nothing that it had
written, a machine without power may. Records lie outside of the folders that FFmpeg can write to.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway import codec
from mediaglot.gateway.backends import Product
from mediaglot.gateway.loss import Loss
from mediaglot.gateway.model import File, Ticket

WHOLE: Final = ".json"
DRAFT: Final = ".new"
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
"""Another one after each start of the machine."""


class Stock:
    """``folder`` holds a record for each job, ``work`` the jobs' files."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder, self._work = folder, work
        self._boot = BOOT.read_text().strip() if BOOT.is_file() else ""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, ticket: Ticket, made: Mapping[int, tuple[Product, ...]]) -> None:
        """Write down finished outputs. Without a record they are only made again, so that trouble is no trouble."""
        if not self._boot or not made:
            return
        outputs = {str(index): self._written(ticket, index, products) for index, products in made.items()}
        record, whole = self._record(ticket), self._record(ticket).with_suffix(DRAFT)
        try:
            whole.write_text(json.dumps({"boot": self._boot, "outputs": self._read(ticket) | outputs}))
            whole.replace(record)
        except OSError:
            whole.unlink(missing_ok=True)

    def get(self, ticket: Ticket, wanted: Iterable[int]) -> dict[int, tuple[Product, ...]]:
        """The wanted outputs that lie there whole."""
        outputs = self._read(ticket)
        found = {index: self._found(ticket, index, outputs[str(index)]) for index in wanted if str(index) in outputs}
        return {index: products for index, products in found.items() if products}

    def forget(self, ticket: Ticket) -> None:
        self._record(ticket).unlink(missing_ok=True)

    def folders(self) -> frozenset[str]:
        """Those of the jobs that have records."""
        try:
            return frozenset(record.stem for record in self._folder.iterdir())
        except FileNotFoundError:  # somebody has deleted the folder, and all records with it
            return frozenset()

    def drop(self, folder: str) -> None:
        for ending in (WHOLE, DRAFT):
            (self._folder / f"{folder}{ending}").unlink(missing_ok=True)

    def _record(self, ticket: Ticket) -> Path:
        return self._folder / f"{ticket.ids['folder']}{WHOLE}"

    def _read(self, ticket: Ticket) -> dict[str, Any]:
        try:
            tree = json.loads(self._record(ticket).read_bytes())
            return dict(tree["outputs"]) if tree["boot"] == self._boot else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _written(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> dict[str, Any]:
        home = self._work / ticket.ids["folder"]
        files = [
            [
                *(str(one.path.relative_to(home)), *_stamp(one.path), one.name),
                *(codec.encode(one.file), [codec.encode(loss) for loss in one.losses]),
            ]
            for one in products
        ]
        return {"mark": _mark(ticket, index), "files": files}

    def _found(self, ticket: Ticket, index: int, tree: Any) -> tuple[Product, ...]:
        home = self._work / ticket.ids["folder"]
        try:
            if tree["mark"] != _mark(ticket, index):
                return ()
            products = []
            for path, size, changed, name, file, losses in tree["files"]:
                if _stamp(home / path) != [size, changed]:
                    return ()
                lost = tuple(codec.decode(loss, Loss) for loss in losses)
                products.append(Product(path=home / path, file=codec.decode(file, File), name=name, losses=lost))
        except (OSError, ValueError, KeyError, TypeError):
            return ()
        return tuple(products)


def _mark(ticket: Ticket, index: int) -> str:
    """Another one when something else is asked for: a job's outputs can be replaced."""
    job = ticket.job
    asked = b"\0".join(
        [ticket.outputs[index].id.encode(), codec.pack(job.outputs[index]), *map(codec.pack, job.inputs)]
    )
    return hashlib.sha256(asked).hexdigest()


def _stamp(path: Path) -> list[int]:
    """Bytes and the time of the last change. Raises OSError for what is no plain file."""
    facts = path.lstat()
    if not stat.S_ISREG(facts.st_mode):
        raise FileNotFoundError(path)
    return [facts.st_size, facts.st_mtime_ns]
