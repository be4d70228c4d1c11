"""The craft of FFmpeg: real sources, real files.

Everything of a job happens in a work folder of its own, under names of ours, until an output is finished.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from mediaglot.gateway.backends import Product, Report
from mediaglot.gateway.backends.bundle import ship
from mediaglot.gateway.backends.gather import gather
from mediaglot.gateway.faults import (
    DeliveryFailed,
    Fault,
    Killed,
    NoSpace,
    Stalled,
    TimedOut,
    WorkFault,
)
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.media import parts
from mediaglot.gateway.media.orphan import kill_orphans
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.progress import Progress
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.tool import Tool
from mediaglot.gateway.model import (
    AudioFacts,
    Delivery,
    File,
    Input,
    Job,
    Location,
    MediaFacts,
    Output,
    Ticket,
    VideoFacts,
)
from mediaglot.gateway.transfer import Carrier

STAND_IN: Final = MediaFacts(
    container="mov",
    size=1_000_000,
    duration=Fraction(60),
    bitrate=2_000_000,
    video=(
        VideoFacts(
            codec="h264", width=1280, height=720, frame_rate=Fraction(30), bitrate=1_800_000, duration=Fraction(60)
        ),
    ),
    audio=(AudioFacts(codec="aac", sample_rate=48_000, channels=2, bitrate=128_000, duration=Fraction(60)),),
)
"""A source without oddities: what can't be made even of this one can't be made of any."""

WHOLE: Final = (NoSpace, Killed, Stalled, TimedOut)
"""Faults of the machine or the source, not of one output: making the others alone would only repeat them."""


class FFmpegCraft:
    """``folder`` holds ``work/`` and ``outputs/``. The tool is found in the background while the server starts."""

    def __init__(
        self,
        folder: Path,
        tool: Callable[[], Awaitable[Tool]],
        prober: Callable[[], Awaitable[Prober]],
        carrier: Carrier,
        *,
        limits: Limits,
        threads: int | None = None,
    ) -> None:
        self.work, self.outputs = folder / "work", folder / "outputs"
        self._tool, self._prober, self._carrier = tool, prober, carrier
        self._limits, self._threads = limits, threads
        for place in (self.work, self.outputs):
            place.mkdir(parents=True, exist_ok=True)

    def sweep(self, live: Iterable[Ticket]) -> None:
        kill_orphans(self.work)
        wanted = {ticket.ids["folder"] for ticket in live}
        for folder in self.work.iterdir():
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    async def refuse(self, job: Job, ledger: Ledger) -> Mapping[int, Fault]:
        from mediaglot.gateway.media.plan import plan  # noqa: PLC0415 - loaded for the first job, not for each start

        tool = await self._tool()
        inputs = job.inputs or (Input(location=Location(url="")),)
        sources = [STAND_IN] * len(inputs)
        drawn = plan(replace(job, inputs=inputs), sources, encoders=tool.encoders, muxers=tool.muxers)
        for note in drawn.notes:
            ledger.note(Kind.APPROXIMATED, note, reason="not exactly as asked")
        return drawn.faults

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int:
        source = self._source(ticket, index)
        if source.is_file():
            return source.stat().st_size
        self._folder(ticket).mkdir(parents=True, exist_ok=True)
        arriving = source.with_suffix(".part")

        def progress(done: int, whole: int | None) -> None:
            report(done / whole if whole else 0.0)

        fetched = await self._carrier.fetch(ticket.job.inputs[index].location, arriving, on_progress=progress)
        arriving.replace(source)
        return fetched.size

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts:
        return await (await self._prober()).probe(self._source(ticket, index))

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        faults = await self._fetch_needs(ticket, wanted)
        left = wanted - faults.keys()
        try:
            made = await self._attempt(ticket, left, report)
        except WHOLE:
            raise
        except WorkFault as fault:
            if len(left) <= 1:
                return {**faults, **dict.fromkeys(left, fault)}
            made = await self._one_by_one(ticket, left, report)
        return {**made, **faults}

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        room = PurePosixPath(ticket.ids["folder"], ticket.outputs[index].id)
        return await asyncio.to_thread(self._move, ticket, index, products, room)

    async def deliver(self, ticket: Ticket, output: Output, delivery: Delivery, products: tuple[Product, ...]) -> None:
        # By identity: a job may hold the same output twice, each with a name of its own.
        index = next(number for number, one in enumerate(ticket.job.outputs) if one is output)
        names = self._names(ticket, index, products)
        try:
            if output.package is not None:
                await ship(self._carrier, delivery.location, products, names)
                return
            for number, product in enumerate(products):
                location = delivery.location if len(products) == 1 else numbered(delivery.location, number + 1)
                await self._carrier.deliver(product.path, location, name=names[number])
        except NoSpace as fault:
            raise DeliveryFailed(reason="no_space") from fault

    def clear(self, ticket: Ticket) -> None:
        shutil.rmtree(self._folder(ticket), ignore_errors=True)

    def discard(self, ticket: Ticket) -> None:
        shutil.rmtree(self.outputs / ticket.ids["folder"], ignore_errors=True)

    # --- encoding -----------------------------------------------------------------------------------

    async def _attempt(
        self, ticket: Ticket, wanted: frozenset[int], report: Report
    ) -> dict[int, tuple[Product, ...] | Fault]:
        """All wanted outputs from the runs of one plan. Raises the WorkFault that ended a run."""
        from mediaglot.gateway.backends.drawing import draw_into  # noqa: PLC0415
        from mediaglot.gateway.media.argv import argv  # noqa: PLC0415
        from mediaglot.gateway.media.plan import plan  # noqa: PLC0415

        folder, tool = self._folder(ticket), await self._tool()
        facts = [source.facts for source in ticket.sources if source.facts is not None]
        drawn = plan(ticket.job, facts, encoders=tool.encoders, muxers=tool.muxers, only=wanted)
        found: dict[int, tuple[Product, ...] | Fault] = dict(drawn.faults)
        for index in drawn.products:
            shutil.rmtree(folder / f"out-{index}", ignore_errors=True)
            (folder / f"out-{index}").mkdir()
        for target in (target for one in drawn.runs for target in one.targets):
            (folder / target.path).parent.mkdir(exist_ok=True)
        for drawing in drawn.drawings:
            await draw_into(folder, drawing)
        before = Fraction(0)
        for one in drawn.runs:
            command = argv(one, tool.path, threads=self._threads)
            await run(command, cwd=folder, on_progress=_through(report, before, one), limits=self._limits)
            before += one.weight
        for index, products in drawn.products.items():
            try:
                found[index] = await gather(folder, products, (await self._prober()).probe)
            except WorkFault as fault:
                found[index] = fault
        return found

    async def _one_by_one(
        self, ticket: Ticket, wanted: frozenset[int], report: Report
    ) -> dict[int, tuple[Product, ...] | Fault]:
        """One of them spoils the common run: find out which, and make the others."""
        found: dict[int, tuple[Product, ...] | Fault] = {}
        for position, index in enumerate(sorted(wanted)):
            part = _part(report, position, len(wanted))
            try:
                found |= await self._attempt(ticket, frozenset({index}), part)
            except WHOLE:
                raise
            except WorkFault as fault:
                found[index] = fault
        return found

    async def _fetch_needs(self, ticket: Ticket, wanted: frozenset[int]) -> dict[int, Fault]:
        from mediaglot.gateway.media.plan import needs  # noqa: PLC0415

        faults: dict[int, Fault] = {}
        folder = self._folder(ticket)
        for need in needs(ticket.job, only=wanted):
            if need.output in faults or (folder / need.path).is_file():
                continue
            try:
                await self._carrier.fetch(need.location, folder / need.path)
            except NoSpace:
                raise
            except WorkFault as fault:
                faults[need.output] = fault
        return faults

    # --- places and names ---------------------------------------------------------------------------

    def _folder(self, ticket: Ticket) -> Path:
        return self.work / ticket.ids["folder"]

    def _source(self, ticket: Ticket, index: int) -> Path:
        return self._folder(ticket) / f"source-{index}"

    def _names(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> list[str]:
        many = len(products) > 1
        return [
            product.name or self._name(ticket, index, product, number if many else None)
            for number, product in enumerate(products)
        ]

    def _name(self, ticket: Ticket, index: int, product: Product, number: int | None) -> str:
        """``<source's stem>_<output id>[_<number>].<extension>``, for what the job does not name."""
        output = ticket.job.outputs[index]
        stem = PurePosixPath(unquote(urlsplit(ticket.job.inputs[0].location.url).path)).stem
        safe = "".join(char if char.isalnum() or char in "-_." else "_" for char in stem).lstrip(".")
        safe = safe.encode()[:120].decode(errors="ignore") or "output"
        tail = "" if number is None else f"_{number + 1}"
        own = None if product.file.role == "archive" else output.extension
        extension = own or product.path.suffix.lstrip(".")
        return f"{safe}_{ticket.outputs[index].id}{tail}.{extension}"

    def _move(self, ticket: Ticket, index: int, products: tuple[Product, ...], room: PurePosixPath) -> tuple[File, ...]:
        (self.outputs / room).mkdir(parents=True, exist_ok=True)
        kept = []
        for product, name in zip(products, self._names(ticket, index, products), strict=True):
            path = room / name
            (self.outputs / path).parent.mkdir(parents=True, exist_ok=True)
            product.path.replace(self.outputs / path)
            kept.append(replace(product.file, path=str(path)))
        return tuple(kept)


def numbered(location: Location, number: int) -> Location:
    """A place for one of several files: ``/a/b.jpg`` becomes ``/a/b_3.jpg``; a directory stays as it is."""
    parts_of = urlsplit(location.url)
    path = PurePosixPath(parts_of.path)
    if parts_of.path.endswith("/"):
        return location
    place = str(path.with_name(f"{path.stem}_{number}{path.suffix}"))
    return replace(location, url=urlunsplit(parts_of._replace(path=place)), spelling=None)


def _through(report: Report, before: Fraction, one: parts.Run) -> Callable[[Progress], None]:
    """A run's progress as a share of all runs."""

    def forward(progress: Progress) -> None:
        if progress.out_time is not None and one.duration:
            share = min(progress.out_time / one.duration, Fraction(1))
            report(float(before + share * one.weight))

    return forward


def _part(report: Report, position: int, count: int) -> Report:
    def forward(progress: float, left: float | None = None) -> None:
        report((position + progress) / count, left)

    return forward
