"""The craft of make-believe. Facts follow from the job and a seed alone, so the same job always has the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import Final

from mediaglot.gateway.backends import Caller, Over, Product, Report, hold_here, unheard
from mediaglot.gateway.backends.sim.pace import Pace, Timed
from mediaglot.gateway.backends.sim.result import results
from mediaglot.gateway.backends.sim.source import source_facts
from mediaglot.gateway.backends.title import titles
from mediaglot.gateway.backends.trial import Trials
from mediaglot.gateway.chance import SeededChance
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import Fault, SourceMissing
from mediaglot.gateway.loss import Ledger, Policy
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import File, Input, Job, Location, MediaFacts, Ticket
from mediaglot.gateway.script.outcome import Outcome
from mediaglot.gateway.script.rule import outcome_of

STEPS: Final = 20
SPEED: Final = 30.0
"""How many seconds of media are encoded in one second."""
FETCHED: Final = 15_000_000
"""Bytes a second at the speed 1; everything else is so much quicker as encoding is."""
STORED: Final = 30_000_000
SCHEMES: Final = ("http://", "https://", "ftp://", "sftp://", "s3://")


class SimulatedCraft:
    """``speed`` seconds of media go through in one second of ``clock``, at the ``pace`` that is wanted."""

    def __init__(
        self,
        clock: Clock,
        *,
        speed: float = SPEED,
        pace: Pace | None = None,
        seed: str = "",
        policy: Policy = Policy.ESSENTIAL,
    ) -> None:
        self._speed, self._pace, self._seed, self._policy = speed, pace or Timed(clock), seed, policy
        self._trials = Trials()

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        inputs = job.inputs or (Input(location=Location(url="https://media.example/source.mp4")),)
        facts = [source_facts(source.location.url, self._seed) for source in inputs]
        draw = partial(plan, encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS)
        faults, _ = self._trials.find(replace(job, inputs=inputs), facts, draw)
        hold_here(ledger, caller, self._policy)
        return faults

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int:
        if not ticket.job.inputs[index].location.url.lower().startswith(SCHEMES):
            raise SourceMissing(status=404, reason="Not Found")
        size = self._source(ticket, index).size
        if ticket.fetched is None:
            await self._pass(ticket, size / FETCHED / self._speed, report, 4)
        return size

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts:
        return self._source(ticket, index)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int:
        return 0

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        facts = [source.facts for source in ticket.sources if source.facts is not None]
        found = results(ticket.job, facts, sorted(wanted), SeededChance(f"{self._seed}/{ticket.dialect}/{ticket.id}"))
        takes = outcome_of(ticket).takes
        seconds = float(found.length) / self._speed if takes is None else float(takes)
        await self._pass(ticket, seconds, report, STEPS)
        return {**found.made, **found.faults}

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        room = f"{ticket.ids['folder']}/{ticket.outputs[index].id}"
        await self._store(ticket, products)
        names = titles(ticket, index, products)
        return tuple(replace(one.file, path=f"{room}/{name}") for one, name in zip(products, names, strict=True))

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        await self._store(ticket, products)

    async def stream(self, ticket: Ticket, files: tuple[File, ...]) -> Mapping[str, str]:
        folder = f"{{outputs}}/{ticket.ids['folder']}"
        entries = (f"#EXT-X-STREAM-INF:BANDWIDTH={file.size * 8}\n{folder}/{file.path}\n" for file in files)
        return {"hls": "#EXTM3U\n" + "".join(entries), "dash": f"<MPD><BaseURL>{folder}/</BaseURL></MPD>"}

    async def peek(self, path: str) -> bytes | None:
        return None

    def clear(self, ticket: Ticket) -> None:
        return

    def discard(self, ticket: Ticket) -> None:
        return

    async def empty(self) -> None:
        return

    def left(self) -> frozenset[str]:
        return frozenset()

    def sweep(self, folders: Iterable[str]) -> None:
        return

    # --- time -----------------------------------------------------------------------------------------

    def _source(self, ticket: Ticket, index: int) -> MediaFacts:
        return source_facts(ticket.job.inputs[index].location.url, self._seed, outcome_of(ticket))

    async def _store(self, ticket: Ticket, products: tuple[Product, ...]) -> None:
        size = sum(product.file.size for product in products)
        slow = outcome_of(ticket).slow if outcome_of(ticket).until == 100 else 1
        await self._pace.pause(ticket, size / STORED / self._speed * float(slow))

    async def _pass(self, ticket: Ticket, seconds: float, report: Report, wanted: int) -> None:
        """A phase of so many seconds, shown in steps."""
        outcome, steps = outcome_of(ticket), self._pace.steps(wanted)
        lengths = [seconds / steps * _slowness(outcome, Fraction(step * 100, steps)) for step in range(steps)]
        for step, length in enumerate(lengths, 1):
            await self._pace.pause(ticket, length)
            report(step / steps, sum(lengths[step:]))


def _slowness(outcome: Outcome, percent: Fraction) -> float:
    return float(outcome.slow) if percent < outcome.until else 1.0
