"""Any craft, with what a script tells beforehand: stages that fail or stall, of all outputs or of one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from mediaglot.gateway.backends import Caller, Craft, Over, Product, Report, unheard
from mediaglot.gateway.backends.home import Housed
from mediaglot.gateway.backends.rest import Rest
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import File, Job, MediaFacts, Ticket
from mediaglot.gateway.notify import Answer, Send
from mediaglot.gateway.script.blame import Stage
from mediaglot.gateway.script.outcome import Outcome
from mediaglot.gateway.script.rule import outcome_of
from mediaglot.gateway.store import Key, Letter, Store

T = TypeVar("T")
UNHEARD: Final = 503
"""What a receiver answers that a script keeps from hearing."""


class Scripted(Housed):
    """``craft`` does the work as far as the script lets it."""

    def __init__(self, craft: Craft, clock: Clock, rest: Rest | None = None) -> None:
        super().__init__(craft)
        self.craft, self._clock, self._rest = craft, clock, rest or Rest()

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        return await self.craft.refuse(job, ledger, caller)

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int | None:
        async def fetch(report: Report) -> int | None:
            return await self.craft.fetch(ticket, index, report)

        return await self._through(ticket, Stage.FETCHING, fetch, report)

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts | None:
        await self._meet(ticket, Stage.PROBING)
        return await self.craft.probe(ticket, index)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int | None:
        return await self.craft.need(ticket, wanted)

    async def queue(self, ticket: Ticket, wait: Callable[[], Awaitable[object]]) -> None:
        """In front of the gate: ``wait`` is called where the script lets the job wait longer than others."""
        outcome = outcome_of(ticket)
        if not outcome.wait and not outcome.befalls(Stage.WAITING):
            return
        await wait()
        with self._rest.at(Key.of(ticket)):
            await self._clock.sleep(float(outcome.wait))
        await self._meet(ticket, Stage.WAITING)

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        outcome = outcome_of(ticket)

        async def make(report: Report) -> Mapping[int, tuple[Product, ...] | Fault]:
            return await self.craft.make(ticket, wanted, report, over)

        alone = outcome.output is None or wanted == {outcome.output - 1}
        made = await (self._through(ticket, Stage.ENCODING, make, report) if alone else make(report))
        hit = [index for index in sorted(wanted) if self._lost(outcome, ticket, index, alone=alone)]
        if hit and outcome.stall is not None:
            await self._wait(ticket, outcome)
            return made
        return {**made, **{index: outcome.blame() for index in hit}}

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        for stage in (Stage.STORING, Stage.DELIVERING):
            await self._meet(ticket, stage, index, 0)
        return await self.craft.keep(ticket, index, products)

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        for stage in (Stage.STORING, Stage.DELIVERING):
            await self._meet(ticket, stage, index, number)
        await self.craft.deliver(ticket, index, number, products)

    def clear(self, ticket: Ticket) -> None:
        self.craft.clear(ticket)

    # --- what is told ---------------------------------------------------------------------------------

    async def _meet(self, ticket: Ticket, stage: Stage, output: int | None = None, delivery: int | None = None) -> None:
        """Raises the fault that the outcome has for this stage, or stands still as long as it says."""
        outcome = outcome_of(ticket)
        if not outcome.befalls(stage, output=output, delivery=delivery):
            return
        if outcome.stall is None:
            raise outcome.blame()
        await self._wait(ticket, outcome)

    async def _wait(self, ticket: Ticket, outcome: Outcome) -> None:
        with self._rest.at(Key.of(ticket)):
            if outcome.pause is None:
                await asyncio.get_running_loop().create_future()
            else:
                await self._clock.sleep(float(outcome.pause))

    async def _through(self, ticket: Ticket, stage: Stage, work: Callable[[Report], Awaitable[T]], report: Report) -> T:
        """``work`` up to the share at which something befalls ``stage``, and to its end where that passes."""
        outcome = outcome_of(ticket)
        if not outcome.befalls(stage):
            return await work(report)
        share, reached = outcome.at / 100, asyncio.Event()

        def told(progress: float, left: float | None = None) -> None:
            report(min(progress, share), left)
            if progress >= share:
                reached.set()

        passes = outcome.stall is not None and outcome.pause is not None
        if passes:
            done = await work(told)
            await self._wait(ticket, outcome)
            report(1.0)
            return done
        if share:
            await _until(reached, asyncio.ensure_future(work(told)))
            report(share)
        await self._meet(ticket, stage)
        raise AssertionError("a stage that something befalls has no end of its own")

    @staticmethod
    def _lost(outcome: Outcome, ticket: Ticket, index: int, *, alone: bool) -> bool:
        """Whether an output is finished by the encoder and lost all the same."""
        output = ticket.job.outputs[index]
        if outcome.befalls(Stage.ENCODING, output=index):
            return not alone
        if outcome.befalls(Stage.PACKAGING, output=index):
            packages = any(one.package is not None for one in ticket.job.outputs)
            return output.package is not None or outcome.output is not None or not packages
        # Where there is no delivery, a fault while storing would take the whole job with it.
        stored = any(outcome.befalls(stage, output=index, delivery=0) for stage in (Stage.STORING, Stage.DELIVERING))
        return stored and outcome.fail is not None and outcome.output is not None and not output.destinations


async def _until(reached: asyncio.Event, work: asyncio.Future[T]) -> None:
    """Let ``work`` go on until somewhere is reached, or to its end. Raises what it raises."""
    waiting = asyncio.ensure_future(reached.wait())
    both: list[asyncio.Future[Any]] = [work, waiting]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        ended = work.done()
        work.cancel()
        await asyncio.wait(both)
    if ended:
        work.result()


def scripted(send: Send, store: Store, clock: Clock) -> Send:
    """``send`` for messages about jobs whose script says what becomes of them."""

    async def deliver(letter: Letter) -> Answer:
        ticket = await store.get(letter.key)
        outcome = outcome_of(ticket) if ticket is not None else None
        if outcome is None or not outcome.befalls(Stage.NOTIFYING):
            return await send(letter)
        if outcome.times is not None and letter.attempts >= outcome.times:
            return await send(letter)
        if outcome.stall is None:
            return Answer(UNHEARD, "as the script says")
        await clock.sleep(float(outcome.pause) if outcome.pause is not None else 10**9)
        return await send(letter)

    return deliver
