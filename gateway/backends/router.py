"""The craft that lets others do it: each job goes to the first of its rule's providers that can, and on from there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from mediaglot.gateway import registry
from mediaglot.gateway.accounts import Account
from mediaglot.gateway.backends import Caller, Craft, Over, Product, Report, unheard
from mediaglot.gateway.backends.agent import Aside
from mediaglot.gateway.backends.book import OURS, marker_of, markers_of, turn_of
from mediaglot.gateway.backends.home import Housed
from mediaglot.gateway.backends.passage import Passage
from mediaglot.gateway.backends.rules import LOCAL, Leg, Rule, bound, route
from mediaglot.gateway.backends.tariff import Tariff
from mediaglot.gateway.backends.upstream import Upstream
from mediaglot.gateway.engine.aside import leaving
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.faults import Fault, ProviderFailed, WorkFault
from mediaglot.gateway.loss import Ledger, Policy
from mediaglot.gateway.model import EMPTY, File, Job, MediaFacts, Ticket
from mediaglot.gateway.store import Key, Store, Work

LOG = logging.getLogger(__name__)
KIND: Final = "road"
ON: Final = " > "


class Router(Housed):
    """``crafts`` by name, ``local`` among them; ``tariffs`` of those that have one. ``passages`` come before all rules:
    what goes through them never comes here."""

    def __init__(
        self,
        crafts: Mapping[str, Craft],
        rules: Sequence[Rule],
        store: Store,
        aside: Aside,
        tariffs: Mapping[str, Tariff] = EMPTY,
        passages: Sequence[Passage] = (),
    ) -> None:
        super().__init__(crafts[LOCAL])
        self.passages = tuple(passages)
        self.crafts, self.rules, self.tariffs = crafts, tuple(rules), tariffs
        self._store, self._aside = store, aside
        self._gate, self._hands = Gate(), Gate()
        self._running: Callable[[], tuple[Work, ...]] = tuple
        self._roads: dict[str, tuple[Leg, ...]] = {}
        self._steps: dict[str, int] = {}
        self._makers: dict[str, dict[int, str]] = {}

    async def refuse(self, job: Job, ledger: Ledger, caller: Caller | None = None) -> Mapping[int, Fault]:
        """What the first that takes the job refuses. Raises the first one's fault where nobody takes it."""
        dialect, account = caller.owner if caller else ("", "")
        first: Fault | None = None
        rule = route(self.rules, job, dialect, account, self.tariffs)
        for leg in rule.legs(job, dialect, account, tariffs=self.tariffs):
            notes = Ledger(list(ledger))
            try:
                refused = await self.crafts[leg.name].refuse(job, notes, bound(caller, leg))
            except Fault as fault:
                first = first or fault
                continue
            ledger.losses[:], ledger.policy = notes.losses, notes.policy
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
        first = await self._step(ticket)
        made = await self._made_before(road[:first], ticket, wanted, report, over)
        for step in range(first, len(road)):
            leg, last, left = road[step], step == len(road) - 1, wanted - made.keys()
            if not left:
                break
            try:
                found = await self._made_by(leg, ticket, left, report, over, admitted=step == first, last=last)
            except WorkFault as fault:
                if last or not leg.leaves(fault):
                    raise
                found = dict.fromkeys(left, fault)
            kept = {index: one for index, one in found.items() if last or not failed(one, leg)}
            self._makers.setdefault(turn(ticket), {}).update(dict.fromkeys(kept, leg.name))
            made |= kept
            if not last and made.keys() < wanted:
                LOG.warning(
                    "job %s of %s goes on from %s to %s", ticket.id, ticket.dialect, leg.name, road[step + 1].name
                )
                await self._move(ticket, step + 1)
                self._leave((leg,), ticket)
                over()
        return made

    def _leave(self, legs: Sequence[Leg], ticket: Ticket) -> None:
        """The job goes on elsewhere: who has made nothing of it does not go on too."""
        makers = self._makers.get(turn(ticket), {}).values()
        for craft in (self.crafts[leg.name] for leg in legs if leg.name not in makers):
            if isinstance(craft, Upstream):
                craft.leave(frozenset({marker_of(ticket, craft.agent.name)}))

    def _leave_as_it_was(self, ticket: Ticket) -> None:
        """A job that was changed may have another way now."""
        for craft in self.crafts.values() if turn_of(ticket) else ():
            if isinstance(craft, Upstream):
                name = craft.agent.name
                craft.leave(markers_of(ticket, name) - {marker_of(ticket, name)})

    async def _made_before(
        self, legs: Sequence[Leg], ticket: Ticket, wanted: frozenset[int], report: Report, over: Over
    ) -> dict[int, tuple[Product, ...] | Fault]:
        """What was made by those that the job has gone on from: after a crash they are asked for it again."""
        makers, found = self._makers.get(turn(ticket), {}), dict[int, tuple[Product, ...] | Fault]()
        for leg in legs:
            theirs = frozenset(index for index in wanted if makers.get(index) == leg.name)
            try:
                made = await self._made_by(leg, ticket, theirs, report, over) if theirs else {}
            except WorkFault:
                continue
            found |= {index: one for index, one in made.items() if not failed(one, leg)}
        return found

    async def _made_by(
        self,
        leg: Leg,
        ticket: Ticket,
        wanted: frozenset[int],
        report: Report,
        over: Over,
        *,
        admitted: bool = False,
        last: bool = True,
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        craft = self.crafts[leg.name]
        if isinstance(craft, Upstream):
            barred = ProviderFailed(provider=leg.name, reason="breaker")
            return await craft.make(ticket, wanted, report, over, patient=last or not leg.leaves(barred))
        if leg.name == LOCAL and not admitted:
            return await self._made_here(ticket, wanted, report)
        return await craft.make(await self._supplied(ticket, craft), wanted, report, over)

    async def _made_here(
        self, ticket: Ticket, wanted: frozenset[int], report: Report
    ) -> Mapping[int, tuple[Product, ...] | Fault]:
        """Work that comes back here waits for its turn: to have its sources brought, and then to be made."""
        craft, priority = self.crafts[LOCAL], ticket.job.priority or 0
        place = next((work.place for work in self._running() if work.key == Key.of(ticket)), 0)
        async with self._hands.room(0, priority=priority, place=place) as let_go:
            with leaving(let_go):
                ticket = await self._supplied(ticket, craft)
            need = await craft.need(ticket, wanted)
            async with self._gate.room(need or 0, priority=priority, place=place) as leave:
                return await craft.make(ticket, wanted, report, leave)

    async def _supplied(self, ticket: Ticket, craft: Craft) -> Ticket:
        """Who comes after another one finds the sources that it wants."""
        if all(source.facts is not None for source in ticket.sources):
            return ticket
        for index in range(len(ticket.sources)):
            await craft.fetch(ticket, index, unreported)
        facts = [await craft.probe(ticket, index) for index in range(len(ticket.sources))]
        found = zip(ticket.sources, facts, strict=True)
        return replace(ticket, sources=tuple(replace(source, facts=fact) for source, fact in found))

    async def keep(self, ticket: Ticket, index: int, products: tuple[Product, ...]) -> tuple[File, ...]:
        return await self.crafts[LOCAL].keep(ticket, index, products)

    async def deliver(self, ticket: Ticket, index: int, number: int, products: tuple[Product, ...]) -> None:
        """By who made it."""
        maker = self._makers.get(turn(ticket), {}).get(index, LOCAL)
        await self.crafts[maker].deliver(ticket, index, number, products)

    def clear(self, ticket: Ticket) -> None:
        for craft in self.crafts.values():
            craft.clear(ticket)
        for name in turns(ticket):
            for memory in (self._roads, self._makers):
                memory.pop(name, None)
            if self._steps.pop(name, 0):
                self._aside.start(partial(self._forget, name))

    async def _forget(self, name: str) -> None:
        async with self._store.write() as tx:
            await tx.delete_thing(OURS, "", KIND, name)

    def reconcile(self, gate: Gate, hands: int | None = None, running: Callable[[], tuple[Work, ...]] = tuple) -> None:
        """After a start: see to what other providers still do for us. Nobody waits for that.

        ``gate`` is where work waits that comes back to us from a provider, so many ``hands`` at once, in the place that
        it has in the queue: ``running`` tells that.
        """
        self._gate, self._hands, self._running = gate, Gate(seats=hands), running
        for craft in self.crafts.values():
            if isinstance(craft, Upstream):
                craft.reconcile()

    # --- the road of a ticket ---------------------------------------------------------------------------

    async def lane(self, key: Key) -> str:
        """The providers that a job may still come to, in their order: only jobs that have the same wait for each other.

        Nothing is kept of it, very many may wait.
        """
        ticket = await self._store.get(key)
        if ticket is None:
            return LOCAL
        road = self._roads.get(turn(ticket)) or await self._able(ticket)
        step = come(road, await self._found(turn(ticket))) if len(road) > 1 else 0
        return ON.join(leg.name for leg in road[step:])

    async def _craft(self, ticket: Ticket) -> Craft:
        road = await self._road(ticket)
        return self.crafts[road[await self._step(ticket)].name]

    async def _road(self, ticket: Ticket) -> tuple[Leg, ...]:
        """The providers in their order, those left out that refuse the job as a whole."""
        if (known := self._roads.get(turn(ticket))) is None:
            known = self._roads[turn(ticket)] = await self._able(ticket)
        return known

    async def _able(self, ticket: Ticket) -> tuple[Leg, ...]:
        rule = route(self.rules, ticket.job, ticket.dialect, ticket.account, self.tariffs)
        legs = rule.legs(ticket.job, ticket.dialect, ticket.account, seed=ticket.ids["folder"], tariffs=self.tariffs)
        able = []
        for leg in legs if len(legs) > 1 else ():
            try:
                await self.crafts[leg.name].refuse(ticket.job, Ledger(), bound(caller_of(ticket), leg))
            except Fault:
                continue
            able.append(leg)
        return tuple(able) or legs

    async def _step(self, ticket: Ticket) -> int:
        name = turn(ticket)
        if name not in self._steps:
            found = await self._found(name)
            road = await self._road(ticket)
            self._steps[name] = come(road, found)
            self._makers[name] = {int(index): maker for index, maker in found.get("makers", {}).items()}
            self._leave_as_it_was(ticket)
            self._leave(road[: self._steps[name]], ticket)
        return self._steps[name]

    async def _found(self, name: str) -> Mapping[str, Any]:
        """What was written down of a turn: whom it has gone on from, and who made what."""
        return await self._store.get_thing(OURS, "", KIND, name) or EMPTY

    async def _move(self, ticket: Ticket, step: int) -> None:
        makers = {str(index): maker for index, maker in self._makers[turn(ticket)].items()}
        left = [leg.name for leg in self._roads[turn(ticket)][:step]]
        async with self._store.write() as tx:
            await tx.put_thing(OURS, "", KIND, turn(ticket), {"left": left, "makers": makers})
        self._steps[turn(ticket)] = step


def come(road: Sequence[Leg], found: Mapping[str, Any]) -> int:
    """How far a job has come: to the first that it has not gone on from. The road may be another one since then."""
    if "step" in found:  # so it was written down before there were names
        return min(int(found["step"]), len(road) - 1)
    left = found.get("left", ())
    return next((step for step, leg in enumerate(road) if leg.name not in left), len(road) - 1)


def caller_of(ticket: Ticket) -> Caller:
    """Who asked for a job, with the policy that was said then."""
    policy = Policy(ticket.ids["policy"]) if "policy" in ticket.ids else None
    return Caller(dialect=registry.find(ticket.dialect), account=Account(ticket.account, ""), policy=policy)


def failed(one: tuple[Product, ...] | Fault, leg: Leg) -> bool:
    return isinstance(one, Fault) and leg.leaves(one)


def turn(ticket: Ticket) -> str:
    return f"{ticket.ids['folder']}/{turn_of(ticket)}"


def turns(ticket: Ticket) -> list[str]:
    """This one after all before it."""
    return [f"{ticket.ids['folder']}/{number}" for number in range(turn_of(ticket) + 1)]


def unreported(progress: float, left: float | None = None) -> None:
    """For what happens within another phase."""
