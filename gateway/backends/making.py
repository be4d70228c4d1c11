"""Making outputs: a job's plan, FFmpeg's runs, and what they leave behind. Loaded for the first job."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final

from mediaglot.gateway.backends import Over, Product, Report, again, unheard
from mediaglot.gateway.backends.chunking import Chunker
from mediaglot.gateway.backends.drawing import draw_into, flatten
from mediaglot.gateway.backends.gather import SUMS, gather
from mediaglot.gateway.backends.latest import Latest
from mediaglot.gateway.backends.restream import restreamed
from mediaglot.gateway.backends.survey import Complaint, Surveyor
from mediaglot.gateway.backends.trial import Trials, hangs, stand_in
from mediaglot.gateway.faults import Fault, Killed, NoSpace, SourceUnreadable, Stalled, TimedOut, WorkFault
from mediaglot.gateway.loss import Kind, Ledger, Loss
from mediaglot.gateway.media import cost, damage, parts, share
from mediaglot.gateway.media.argv import argv
from mediaglot.gateway.media.chunkindex import Index
from mediaglot.gateway.media.machine import Machine
from mediaglot.gateway.media.plan import needs, plan
from mediaglot.gateway.media.probe import Prober
from mediaglot.gateway.media.progress import Progress
from mediaglot.gateway.media.run import Limits, run
from mediaglot.gateway.media.tee import MUXER
from mediaglot.gateway.media.tool import TRIED, Tool
from mediaglot.gateway.model import File, Input, Job, Location, MediaFacts, Ticket
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.disk import in_thread

LOG = logging.getLogger(__name__)
FULL: Final = 1 << 16
"""Bytes that are left when a disk is full. Not every muxer says so: HLS loses what does not fit and ends well."""

PLANS: Final = 16
"""Drawn plans that are remembered: a job's is asked for when its need is reckoned, and again when it is made."""

Results = dict[int, tuple[Product, ...] | Fault]
Question = tuple[Job, list[MediaFacts], frozenset[int], bool, Machine | None]

WHOLE: Final = (NoSpace, Killed, Stalled, TimedOut)
"""Faults of the machine or the source, not of one output: making the others alone would only repeat them."""


class Maker:
    """Works in one folder of a job at a time, where its sources lie already."""

    def __init__(
        self,
        tool: Callable[[], Awaitable[Tool]],
        prober: Callable[[], Awaitable[Prober]],
        carrier: Carrier,
        *,
        limits: Limits,
        threads: int | None = None,
        chance: Callable[[int], bytes] = secrets.token_bytes,
        machine: Callable[[], Machine] | None = None,
        copy: bool = False,
        tolerance: Fraction = Fraction(0),
        sums: Callable[[str], frozenset[str]] = lambda dialect: SUMS,
    ) -> None:
        """``machine`` says what there is to encode with; without it nothing is encoded in chunks.

        ``sums`` says which checksums a dialect tells of files: it takes long to read a large one once more.

        With ``copy``, tracks that need no encoder (``media/same.py``) get none. ``tolerance`` is the share of a
        source's pictures, and of its sound, that may be lost to damage.
        """
        self._machine, self._sums = machine, sums
        self._busy: set[Path] = set()
        self._trials = Trials()
        self._plans: Latest[Question, parts.Plan] = Latest(PLANS)
        self._tool, self._prober, self._carrier = tool, prober, carrier
        self._limits, self._chance, self.threads, self.copy = limits, chance, threads, copy
        self._tolerance = tolerance

    async def tool(self) -> Tool:
        return await self._tool()

    async def refuse(self, job: Job, ledger: Ledger) -> Mapping[int, Fault]:
        tool = await self._tool()
        inputs = job.inputs or (Input(location=Location(url="")),)
        sources = [stand_in(job)] * len(inputs)
        draw = partial(plan, encoders=tool.encoders, muxers=tool.muxers, filters=tool.filters)
        faults, notes = self._trials.find(replace(job, inputs=inputs), sources, draw)
        for note in notes:
            reason = "not exactly as asked"
            ledger.note(Kind.APPROXIMATED, note.path, wanted=note.wanted, got=note.got, reason=reason)
        return {index: fault for index, fault in faults.items() if not hangs(fault, job.outputs[index])}

    async def make(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        faults = await self.fetch_needs(ticket, folder, wanted)
        left = wanted - faults.keys()
        self._busy.add(folder)

        def ended() -> None:
            self._busy.discard(folder)
            over()

        try:
            made = await self._attempted(ticket, folder, left, report, ended, copy=self.copy)
            if isinstance(made, WorkFault):
                made = await self._otherwise(ticket, folder, left, report, made)
        finally:
            self._busy.discard(folder)
        return {**made, **faults}

    async def drawn(
        self,
        ticket: Ticket,
        wanted: frozenset[int],
        *,
        copy: bool | None = None,
        machine: Machine | None = None,
        pictures: Index | None = None,
    ) -> parts.Plan:
        """The plan for these outputs alone; ``copy`` in place of the maker's own."""
        copy = self.copy if copy is None else copy
        if pictures is not None:
            return await self._drawn(ticket, wanted, copy, machine, pictures)
        question = (ticket.job, facts_of(ticket), wanted, copy, machine and replace(machine, memory=None))
        found = self._plans.find(question)
        if found is None:
            found = await self._drawn(ticket, wanted, copy, machine)
            self._plans.keep(question, found)
        return found

    async def _drawn(
        self,
        ticket: Ticket,
        wanted: frozenset[int],
        copy: bool,
        machine: Machine | None,
        pictures: Index | None = None,
    ) -> parts.Plan:
        tool = await self._tool()
        draw = partial(
            plan,
            ticket.job,
            facts_of(ticket),
            encoders=tool.encoders,
            muxers=tool.muxers,
            filters=tool.filters,
            only=wanted,
            copy=copy,
            machine=machine,
            pictures=pictures,
        )
        # off the loop: half a million pictures take their time
        return draw() if pictures is None else await asyncio.to_thread(draw)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int:
        """Bytes of memory that making these outputs will take."""
        drawn = await self.drawn(ticket, wanted, machine=self._share(await self._tool()))
        return cost.peak(drawn, facts_of(ticket), drawn.threads or self.threads, drawn.processes)

    async def measure(self, ticket: Ticket, folder: Path, products: Mapping[int, tuple[parts.Product, ...]]) -> Results:
        """What the runs of a plan left."""
        sums = self._sums(ticket.dialect)
        found: Results = {}
        for index, expected in products.items():
            try:
                found[index] = await gather(folder, expected, (await self._prober()).probe, self._chance, sums)
            except WorkFault as fault:
                found[index] = fault
        return found

    async def stream(self, outputs: Path, room: str, files: tuple[File, ...]) -> Mapping[str, str]:
        """Playlists over finished files of a job whose results are in ``room``."""
        return await restreamed(outputs, room, files, (await self._tool()).path, self._limits)

    async def _attempt(
        self,
        ticket: Ticket,
        folder: Path,
        wanted: frozenset[int],
        report: Report,
        over: Over,
        *,
        copy: bool,
        lenient: bool,
    ) -> Results:
        """All wanted outputs from the runs of one plan. Raises the WorkFault that ended a run.

        ``lenient`` to damage in sources is one process, never chunks.
        """
        tool, complaint = await self._tool(), Complaint()
        machine = None if lenient else self._share(tool)
        drawn = await self.drawn(ticket, wanted, copy=copy, machine=machine)
        await in_thread(_make_rooms, folder, drawn)
        for drawing in drawn.drawings:
            await draw_into(folder, drawing)
        chunker = Chunker(folder, tool.path, self._limits, self.threads, complaint.hear)
        pictures = None if drawn.scan is None else await chunker.index(drawn.scan)
        if pictures is not None:
            drawn = await self.drawn(ticket, wanted, copy=copy, machine=machine, pictures=pictures)
        if drawn.chunks is None or not await chunker.make(drawn.chunks, report):
            threads = share.threads(self.threads, len(self._busy), drawn, facts_of(ticket), tool.release)
            runs = damage.lenient(drawn.runs) if lenient else drawn.runs
            await self._run(folder, tool, runs, report, threads, complaint)
        if shutil.disk_usage(folder).free < FULL:
            raise NoSpace
        if not complaint.made:  # else the sources are decoded once more
            over()
        if any(again.raw(folder, index).is_dir() for index in drawn.products):
            await in_thread(again.put_by, folder, drawn.products)
        made = {**drawn.faults, **await self.measure(ticket, folder, drawn.products)}
        return made if lenient or not complaint.made else await self._examined(ticket, folder, drawn, made)

    async def _otherwise(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], report: Report, fault: WorkFault
    ) -> Results:
        """After a fault of the common run: without the copied tracks, which may be to blame; with damaged sources as
        they are; one by one."""
        made: Results | WorkFault = fault
        plans = [await self.drawn(ticket, wanted, copy=copy) for copy in (self.copy, False)]
        if plans[0].runs != plans[1].runs:
            made = await self._attempted(ticket, folder, wanted, report)
        losses = await self._passable(ticket, folder, plans[1], made) if isinstance(made, WorkFault) else ()
        if losses:
            made = await self._attempted(ticket, folder, wanted, report, lenient=True)
        if isinstance(made, WorkFault) and len(wanted) > 1:
            made = await self._one_by_one(ticket, folder, wanted, report, lenient=bool(losses))
        if isinstance(made, WorkFault):
            return dict.fromkeys(wanted, made)
        return {index: _told(one, losses) for index, one in made.items()} if losses else made

    async def _attempted(
        self,
        ticket: Ticket,
        folder: Path,
        wanted: frozenset[int],
        report: Report,
        over: Over = unheard,
        *,
        copy: bool = False,
        lenient: bool = False,
    ) -> Results | WorkFault:
        """The fault is there to be looked at, unless it would be the same whatever is tried next."""
        try:
            return await self._attempt(ticket, folder, wanted, report, over, copy=copy, lenient=lenient)
        except WHOLE:
            raise
        except WorkFault as fault:
            return fault

    async def _examined(self, ticket: Ticket, folder: Path, drawn: parts.Plan, made: Results) -> Results:
        """What was made though FFmpeg complained, with what is lost of the sources; a fault where that is too much."""
        try:
            losses = await self._survey(ticket, folder, drawn, doubt=False)
        except SourceUnreadable as fault:
            return {index: one if isinstance(one, Fault) else fault for index, one in made.items()}
        return {index: _told(one, losses) for index, one in made.items()}

    async def _passable(self, ticket: Ticket, folder: Path, drawn: parts.Plan, fault: Fault) -> tuple[Loss, ...]:
        """What is lost of sources that FFmpeg gave up on, if that is little enough to go on without it."""
        if not isinstance(fault, SourceUnreadable) or fault.data.get("reason") != "invalid_data":
            return ()
        try:
            return await self._survey(ticket, folder, drawn, doubt=True)
        except SourceUnreadable:
            return ()

    async def _survey(self, ticket: Ticket, folder: Path, drawn: parts.Plan, *, doubt: bool) -> tuple[Loss, ...]:
        """What is lost of the sources, where that can be told. Raises SourceUnreadable where it is too much."""
        sources, tool = facts_of(ticket), await self._tool()
        if not self._tolerance or tool.release < damage.OLDEST or not damage.judged(ticket.job, sources):
            return ()
        surveyor = Surveyor(folder, tool.path, self._limits, self._tolerance)
        losses = await surveyor.losses(drawn.runs, sources, doubt=doubt)
        for loss in losses:
            said = loss.path, loss.reason, loss.got, loss.wanted
            LOG.warning("job %s of %s, %s: %s, %s are left of %s", ticket.id, ticket.dialect, *said)
        return losses

    async def _run(
        self,
        folder: Path,
        tool: Tool,
        runs: Sequence[parts.Run],
        report: Report,
        threads: int | None,
        complaint: Complaint,
    ) -> None:
        """One after another."""
        before = Fraction(0)
        for one in runs:
            command = argv(one, tool.path, threads=threads)
            forward = _through(report, before, one)
            await run(command, cwd=folder, on_progress=forward, on_line=complaint.hear, limits=self._limits)
            before += one.weight

    def _share(self, tool: Tool) -> Machine | None:
        """What one job may use of the machine, where nothing is known of the others but how many they are. What
        nothing is known of is whether an older FFmpeg counts pictures as chunks have to be cut."""
        whole = self._machine() if self._machine is not None and tool.release >= TRIED else None
        return whole and replace(whole, cores=max(1, whole.cores // max(1, len(self._busy))))

    async def _one_by_one(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], report: Report, *, lenient: bool
    ) -> Results:
        """One of them spoils the common run: find out which, and make the others."""
        found: Results = {}
        for position, index in enumerate(sorted(wanted)):
            part = _part(report, position, len(wanted))
            made = await self._attempted(ticket, folder, frozenset({index}), part, lenient=lenient)
            found |= {index: made} if isinstance(made, WorkFault) else made
        return found

    async def fetch_needs(
        self, ticket: Ticket, folder: Path, wanted: frozenset[int], *, anew: bool = False
    ) -> dict[int, Fault]:
        """Bring pictures and fonts, except those that are there already; the outputs that can't have theirs.

        ``anew``: what is there may be of the job as it was before it was changed.
        """
        faults: dict[int, Fault] = {}
        for need in needs(ticket.job, only=wanted):
            if anew:
                (folder / need.path).unlink(missing_ok=True)
            if need.output in faults or (folder / need.path).is_file():
                continue
            try:
                await self._carrier.fetch(need.location, folder / need.path)
                await flatten(folder / need.path, need.width)
            except NoSpace:
                raise
            except WorkFault as fault:
                (folder / need.path).unlink(missing_ok=True)
                faults[need.output] = fault
        return faults


def _make_rooms(folder: Path, drawn: parts.Plan) -> None:
    """Empty folders for what is to be made; an attempt before may have left thousands of files there."""
    for index in drawn.products:
        shutil.rmtree(folder / f"out-{index}", ignore_errors=True)
        (folder / f"out-{index}").mkdir()
    for target in (target for one in drawn.runs for target in one.targets if target.muxer != MUXER):
        (folder / target.path).parent.mkdir(exist_ok=True)


def facts_of(ticket: Ticket) -> list[MediaFacts]:
    return [source.facts for source in ticket.sources if source.facts is not None]


def _through(report: Report, before: Fraction, one: parts.Run) -> Callable[[Progress], None]:
    """A run's progress as a share of all runs."""

    def forward(progress: Progress) -> None:
        if progress.out_time is not None and one.duration:
            share = min(progress.out_time / one.duration, Fraction(1))
            report(float(before + share * one.weight))

    return forward


def _told(made: tuple[Product, ...] | Fault, losses: tuple[Loss, ...]) -> tuple[Product, ...] | Fault:
    """An output with what was lost of the sources."""
    return made if isinstance(made, Fault) else tuple(replace(product, losses=losses) for product in made)


def _part(report: Report, position: int, count: int) -> Report:
    def forward(progress: float, left: float | None = None) -> None:
        report((position + progress) / count, left)

    return forward
