"""The craft that lets others do it: each job goes to the first of its rule's providers that can, and on from there."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from mediaglot.gateway.backends import Caller, Craft, Over, Product, Report, unheard
from mediaglot.gateway.backends.agent import Aside
from mediaglot.gateway.backends.book import OURS
from mediaglot.gateway.backends.rules import LOCAL, Rule, route
from mediaglot.gateway.backends.upstream import Upstream
from mediaglot.gateway.faults import Fault, ProviderFailed
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Delivery, File, Job, MediaFacts, Output, Ticket
from mediaglot.gateway.store import Store

LOG = logging.getLogger(__name__)
KIND: Final = "road"


class Router:
    """``crafts`` by name, ``local`` among them."""

    def __init__(self, crafts: Mapping[str, Craft], rules: Sequence[Rule], store: Store, aside: Aside) -> None:
        self.crafts, self.rules, self._store, self._aside = crafts, tuple(rules), store, aside
        self._roads: dict[str, tuple[str, ...]] = {}
        self._steps: dict[str, int] = {}
        self._makers: dict[str, dict[int, str]] = {}

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        """What the first that takes the job refuses. Raises the first one's fault where nobody takes it."""
        dialect, account = (caller.dialect.name, caller.account.id) if caller else ("", "")
        first: Fault | None = None
        for name in route(self.rules, job, dialect, account).to:
            notes = Ledger()
            try:
                refused = await self.crafts[name].refuse(job, notes)
            except Fault as fault:
                first = first or fault
                continue
            ledger.losses.extend(notes)
            return refused
        assert first is not None  # noqa: S101 - a rule names somebody
        raise first

    async def fetch(self, ticket: Ticket, index: int, report: Report) -> int | None:
        return await (await self._craft(ticket)).fetch(ticket, index, report)

    async def probe(self, ticket: Ticket, index: int) -> MediaFacts | None:
        return await (await self._craft(ticket)).probe(ticket, index)

    async def need(self, ticket: Ticket, wanted: frozenset[int]) -> int | None:
        return await (await self._craft(ticket)).need(ticket, wanted)

    async def make(
        self, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over = unheard
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        """Outputs that a provider fails for reasons of its own are made by the next one, where there is one."""
        road = await self._road(ticket)
        made: dict[int, tuple[Product, ...] | Fault] = {}
        for step in range(await self._step(ticket), len(road)):
            last, left = step == len(road) - 1, wanted - made.keys()
            try:
                found = await self._made_by(self.crafts[road[step]], ticket, left, report, over)
            except ProviderFailed as fault:
                if last:
                    raise
                found = dict.fromkeys(left, fault)
            kept = {index: one for index, one in found.items() if last or not isinstance(one, ProviderFailed)}
            self._makers.setdefault(turn(ticket), {}).update(dict.fromkeys(kept, road[step]))
            made |= kept
            if made.keys() >= wanted:
                break
            LOG.warning("job %s goes on from %s to %s", ticket.id, road[step], road[step + 1])
            await self._move(ticket, step + 1)
        return made

    async def _made_by(
        self, craft: Craft, ticket: Ticket, wanted: frozenset[int], report: Report, over: Over
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        """A provider that comes after another one finds the sources that it wants."""
        if any(source.facts is None for source in ticket.sources):
            for index in range(len(ticket.sources)):
                await craft.fetch(ticket, index, unreported)
            facts = [await craft.probe(ticket, index) for index in range(len(ticket.sources))]
            found = zip(ticket.sources, facts, strict=True)
            ticket = replace(ticket, sources=tuple(replace(source, facts=fact) for source, fact in found))
        return await craft.make(ticket, wanted, report, over)

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        return await self.crafts[LOCAL].keep(ticket, index, products)

    async def deliver(self, ticket: Ticket, output: Output, delivery: Delivery, products: tuple[Product, ...]) -> None:
        """By who made it."""
        index = next(number for number, one in enumerate(ticket.job.outputs) if one is output)
        maker = self._makers.get(turn(ticket), {}).get(index, LOCAL)
        await self.crafts[maker].deliver(ticket, output, delivery, products)

    async def stream(self, ticket: Ticket, files: tuple[File, ...]) -> Mapping[str, str]:
        return await self.crafts[LOCAL].stream(ticket, files)

    async def peek(self, path: str) -> bytes | None:
        return await self.crafts[LOCAL].peek(path)

    def clear(self, ticket: Ticket) -> None:
        for craft in self.crafts.values():
            craft.clear(ticket)
        for memory in (self._roads, self._makers):
            memory.pop(turn(ticket), None)
        if self._steps.pop(turn(ticket), 0):
            self._aside.start(partial(self._forget, turn(ticket)))

    async def _forget(self, name: str) -> None:
        async with self._store.write() as tx:
            await tx.delete_thing(OURS, "", KIND, name)

    def discard(self, ticket: Ticket) -> None:
        self.crafts[LOCAL].discard(ticket)

    def sweep(self, live: Iterable[Ticket]) -> None:
        self.crafts[LOCAL].sweep(live)

    def reconcile(self) -> None:
        """After a start: see to what other providers still do for us. Nobody waits for that."""
        for craft in self.crafts.values():
            if isinstance(craft, Upstream):
                craft.reconcile()

    # --- the road of a ticket ---------------------------------------------------------------------------

    async def _craft(self, ticket: Ticket) -> Craft:
        road = await self._road(ticket)
        return self.crafts[road[min(await self._step(ticket), len(road) - 1)]]

    async def _road(self, ticket: Ticket) -> tuple[str, ...]:
        """The providers in their order, those left out that refuse the job as a whole."""
        if (known := self._roads.get(turn(ticket))) is not None:
            return known
        names = route(self.rules, ticket.job, ticket.dialect, ticket.account).order(ticket.ids["folder"])
        able = []
        for name in names if len(names) > 1 else ():
            try:
                await self.crafts[name].refuse(ticket.job, Ledger())
            except Fault:
                continue
            able.append(name)
        road = self._roads[turn(ticket)] = tuple(able) or names
        return road

    async def _step(self, ticket: Ticket) -> int:
        name = turn(ticket)
        if name not in self._steps:
            found = await self._store.get_thing(OURS, "", KIND, name)
            self._steps[name] = int(found["step"]) if found else 0
        return self._steps[name]

    async def _move(self, ticket: Ticket, step: int) -> None:
        async with self._store.write() as tx:
            await tx.put_thing(OURS, "", KIND, turn(ticket), {"step": step})
        self._steps[turn(ticket)] = step


def turn(ticket: Ticket) -> str:
    return f"{ticket.ids['folder']}/{ticket.ids.get('turn', '0')}"


def unreported(progress: float, left: float | None = None) -> None:
    """For what happens within another phase."""
