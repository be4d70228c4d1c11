"""The craft of FFmpeg: real sources, real files.

Everything of a job happens in a work folder of its own, under names of ours, until an output is finished.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from mediaglot.gateway.backends import Caller, Over, Product, Report, hold_here, unheard
from mediaglot.gateway.backends.known import Known
from mediaglot.gateway.backends.rubbish import Rubbish
from mediaglot.gateway.backends.stock import Stock
from mediaglot.gateway.backends.title import titles
from mediaglot.gateway.faults import DeliveryFailed, Fault, NoSpace, SourceUnreadable, WorkFault
from mediaglot.gateway.loss import Ledger, Policy
from mediaglot.gateway.media.orphan import kill_orphans
from mediaglot.gateway.model import TERMINAL, File, Job, Location, MediaFacts, Ticket
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.disk import in_thread

if TYPE_CHECKING:
    from mediaglot.gateway.backends.making import Maker
    from mediaglot.gateway.backends.saving import Saver
    from mediaglot.gateway.media.probe import Prober

LOG = logging.getLogger(__name__)
Stamp = tuple[int, int]
"""Bytes, and the time of the last change in nanoseconds."""
MOST_PEEKED: Final = 1 << 20
"""Bytes of the largest file that is shown inside of an answer."""


class FFmpegCraft:
    """``folder`` holds ``work/``, ``stock/`` and ``outputs/``. ``maker`` is first called for the first job."""

    def __init__(
        self,
        folder: Path,
        maker: Callable[[], Maker | Saver],
        prober: Callable[[], Awaitable[Prober]],
        carrier: Carrier,
        policy: Policy = Policy.ESSENTIAL,
    ) -> None:
        self.work, self.outputs = folder / "work", folder / "outputs"
        self._maker, self._prober, self.carrier = maker, prober, carrier
        self._policy = policy
        self._seen: dict[Path, Stamp] = {}
        self._lacking: dict[Path, Mapping[int, Fault]] = {}
        """By work folder, the outputs whose pictures, fonts or keys are not to be had."""
        self._known = Known()
        for place in (self.work, self.outputs):
            place.mkdir(parents=True, exist_ok=True)
        self._rubbish = Rubbish(self.work, self.outputs)
        self._stock = Stock(folder / "stock", self.work)

    def left(self) -> frozenset[str]:
        kill_orphans(self.work)
        self._rubbish.sweep()
        return frozenset({*(folder.name for folder in self.work.iterdir()), *self._stock.folders()})

    def sweep(self, folders: Iterable[str]) -> None:
        for folder in folders:
            shutil.rmtree(self.work / folder, ignore_errors=True)
            self._stock.drop(folder)

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        refused = await self._maker().refuse(job, ledger)
        hold_here(ledger, caller, self._policy)
        return {**await self.barred(job), **refused}

    async def barred(self, job: Job) -> Mapping[int, Fault]:
        """The outputs with a destination that may not be reached, as far as it says so itself."""
        found: dict[int, Fault] = {}
        for index, output in enumerate(job.outputs):
            for number, location in enumerate(output.destinations):
                try:
                    await self.carrier.admit(location)
                except DeliveryFailed as fault:
                    fault.data["destination"] = number
                    found.setdefault(index, fault)
        return found

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int:
        """With the last source comes what outputs need beside it: a place that hardly moves holds up no encoder."""
        size = await self._fetch(ticket, index, report)
        if index == len(ticket.sources) - 1 and not ticket.job.hold:
            folder = self._folder(ticket)
            wanted = frozenset(index for index, made in enumerate(ticket.outputs) if made.status not in TERMINAL)
            left = wanted - self._stock.get(ticket, wanted).keys()
            self._lacking[folder] = await self._maker().fetch_needs(ticket, folder, left, anew=True)
        return size

    async def _fetch(self, ticket: Ticket, index: int, report: Report) -> int:
        source = self._source(ticket, index)
        if source.is_file():
            self._seen[source] = stamp(source)
            return source.stat().st_size
        self._folder(ticket).mkdir(parents=True, exist_ok=True)
        arriving = source.with_suffix(".part")

        def progress(done: int, whole: int | None) -> None:
            report(done / whole if whole else 0.0)

        try:
            fetched = await self.carrier.fetch(ticket.job.inputs[index].location, arriving, on_progress=progress)
        except WorkFault as fault:
            LOG.warning("job %s of %s can't have its source: %a", ticket.id, ticket.dialect, str(fault))
            raise
        arriving.replace(source)
        self._seen[source] = stamp(source)
        return fetched.size

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts:
        async def probe(path: Path) -> MediaFacts:
            return await (await self._prober()).probe(path)

        return await self._known.probe(self._source(ticket, index), probe)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int:
        left = wanted - self._stock.get(ticket, wanted).keys()
        return await self._maker().need(ticket, left) if left else 0

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        known, folder = self._stock.get(ticket, wanted), self._folder(ticket)
        lacking = {index: fault for index, fault in self._lacking.get(folder, {}).items() if index in wanted}
        left = wanted - known.keys() - lacking.keys()
        made = await self._made(ticket, folder, left, report, over) if left or not (known or lacking) else {}
        for index in range(len(ticket.sources)):
            source = self._source(ticket, index)
            if source in self._seen and self._seen[source] != stamp(source):
                raise SourceUnreadable(reason="changed")
        good = {index: self._bound(ticket, index, one) for index, one in made.items() if not isinstance(one, Fault)}
        await in_thread(self._stock.put, ticket, good)
        return {**made, **lacking, **known, **good}

    async def _made(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], report: Report, over: Over
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        """The operator is told why something can't be made, in FFmpeg's words too: clients get the provider's alone."""
        try:
            made = await self._maker().make(ticket, folder, wanted, report, over)
        except WorkFault as fault:
            LOG.warning("job %s of %s can't be made: %a", ticket.id, ticket.dialect, words(fault))
            raise
        for index, one in made.items():
            if isinstance(one, Fault):
                LOG.warning("job %s of %s, output %d can't be made: %a", ticket.id, ticket.dialect, index, words(one))
        return made

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        room = PurePosixPath(ticket.ids["folder"], ticket.outputs[index].id)
        return await in_thread(self._move, ticket, index, products, room)

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        from mediaglot.gateway.backends import tiling  # noqa: PLC0415 - loaded for the first delivery
        from mediaglot.gateway.backends.ship import ship  # noqa: PLC0415

        output = ticket.job.outputs[index]
        target, names = output.destinations[number], titles(ticket, index, products)
        try:
            if output.package is not None or any(product.file.role == "playlist" for product in products):
                await ship(self.carrier, target, products, names)
                return
            if any(product.file.role == "cues" for product in products):
                await tiling.ship(self.carrier, target, output, products, names)
                return
            for count, (product, name) in enumerate(zip(products, names, strict=True), 1):
                location = target if len(products) == 1 else numbered(target, count)
                await self.carrier.deliver(product.path, location, name=name)
        except WorkFault as fault:
            LOG.warning("job %s of %s can't be delivered: %a", ticket.id, ticket.dialect, str(fault))
            if isinstance(fault, NoSpace):
                raise DeliveryFailed(reason="no_space") from fault
            raise

    async def stream(self, ticket: Ticket, files: tuple[File, ...]) -> Mapping[str, str]:
        return await self._maker().stream(self.outputs, ticket.ids["folder"], files)

    async def peek(self, path: str) -> bytes | None:
        found = self.outputs / path
        if not await asyncio.to_thread(lambda: found.is_file() and found.stat().st_size <= MOST_PEEKED):
            return None
        return await asyncio.to_thread(found.read_bytes)

    def clear(self, ticket: Ticket) -> None:
        for index in range(len(ticket.sources)):
            self._seen.pop(self._source(ticket, index), None)
        self._lacking.pop(self._folder(ticket), None)
        self._stock.forget(ticket)
        self._rubbish.throw(self._folder(ticket))

    def discard(self, ticket: Ticket) -> None:
        self._rubbish.throw(self.outputs / ticket.ids["folder"])

    async def empty(self) -> None:
        await self._rubbish.empty()

    # --- places and names ---------------------------------------------------------------------------

    def _folder(self, ticket: Ticket) -> Path:
        return self.work / ticket.ids["folder"]

    def _source(self, ticket: Ticket, index: int) -> Path:
        return self._folder(ticket) / f"source-{index}"

    def _bound(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[Product, ...]:
        from mediaglot.gateway.backends.tiling import bound  # noqa: PLC0415 - loaded for the first job

        return bound(products, titles(ticket, index, products))

    def _move(self, ticket: Ticket, index: int, products: tuple[Product, ...], room: PurePosixPath) -> tuple[File, ...]:
        (self.outputs / room).mkdir(parents=True, exist_ok=True)
        kept = []
        for product, name in zip(products, titles(ticket, index, products), strict=True):
            path = room / name
            (self.outputs / path).parent.mkdir(parents=True, exist_ok=True)
            place(product.path, self.outputs / path)
            kept.append(replace(product.file, path=str(path)))
        return tuple(kept)


def words(fault: Fault) -> str:
    """Ours and, where it was FFmpeg that failed, its own."""
    return ": ".join((str(fault), *getattr(fault, "__notes__", ())))


def place(path: Path, target: Path) -> None:
    """Give a finished file its place; it stays in the work folder as well, for a server that is killed meanwhile."""
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:
        path.replace(target)


def stamp(source: Path) -> Stamp:
    """What tells that somebody writes to a source, which may be another name of a file of the client's."""
    facts = source.stat()
    return facts.st_size, facts.st_mtime_ns


def numbered(location: Location, number: int) -> Location:
    """A place for one of several files: ``/a/b.jpg`` becomes ``/a/b_3.jpg``; a directory stays as it is.

    So does a host or a bucket alone.
    """
    parts_of = urlsplit(location.url)
    path = PurePosixPath(parts_of.path)
    if not path.name or parts_of.path.endswith("/"):
        return location
    place = str(path.with_name(f"{path.stem}_{number}{path.suffix}"))
    return replace(location, url=urlunsplit(parts_of._replace(path=place)), spelling=None)
