"""The desk: takes jobs in and answers about them. What it promises is in the store before it answers."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from mediaglot.gateway import exchange, life
from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.backends import Caller, Craft, step
from mediaglot.gateway.backends.announce import Subject, follow, keep, tell
from mediaglot.gateway.backends.book import turn_of
from mediaglot.gateway.backends.cabinet import Cabinet
from mediaglot.gateway.backends.dropbox import Dropbox
from mediaglot.gateway.backends.rule import chosen, fail_refused, fresh, startable, stopped, visible
from mediaglot.gateway.chance import SYSTEM, Chance
from mediaglot.gateway.clock import Clock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.engine import Engine
from mediaglot.gateway.exchange import AccountFacts, Done, Intent, Page, Result, Thing
from mediaglot.gateway.faults import Busy, Conflict, Fault, Invalid, NotFound
from mediaglot.gateway.loss import Kind, Ledger, Policy
from mediaglot.gateway.model import (
    TERMINAL,
    Event,
    Job,
    Made,
    Output,
    Phase,
    Preset,
    Source,
    Status,
    Ticket,
)
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.passes import preset_names, resolve_presets
from mediaglot.gateway.store import Key, Store, Transaction, Work
from mediaglot.gateway.wording import worded

DRAWS: Final = 100
"""How often a new id is drawn before all of them count as taken."""
TRIAL: Final = "0"
"""A job's id before it has one, to see whether the names that it makes are good."""


class Desk:
    """A backend that does its own work: the verbs on jobs and presets over a store and an engine."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        craft: Craft,
        clock: Clock,
        *,
        workers: int,
        base: Callable[[str], str],
        chance: Chance = SYSTEM,
        accounts: Accounts | None = None,
        dropbox: Dropbox | None = None,
        direct: Callable[[Job], Job] = lambda job: job,
    ) -> None:
        self.store, self.engine, self.craft, self.clock = store, engine, craft, clock
        self._workers, self._base, self._chance, self._direct = workers, base, chance, direct
        self.cabinet = Cabinet(store, clock, accounts or Accounts(clock=clock), chance, dropbox)
        self._locks: WeakValueDictionary[Key, asyncio.Lock] = WeakValueDictionary()
        self._verbs: dict[type[Intent], Callable[[Any, Caller, Ledger], Awaitable[Result]]] = {
            exchange.CreateJob: self._create,
            exchange.GetJob: self._get,
            exchange.GetJobs: self._get_many,
            exchange.ListJobs: self._list,
            exchange.UpdateJob: self._update,
            exchange.StartJob: self._start,
            exchange.CancelJob: self._cancel,
            exchange.DeleteJobs: self._delete,
            exchange.RetryJob: self._retry,
            exchange.StreamFiles: self._stream,
            exchange.GetAccount: self._account,
            exchange.Health: self._account,
            **self.cabinet.verbs,
        }
        self._verbs[exchange.FindThings] = self._find_things

    async def perform(self, intent: Intent, caller: Caller, ledger: Ledger) -> Result:
        return await self._verbs[type(intent)](intent, caller, ledger)

    def recall(self, intent: Intent, caller: Caller) -> Ticket | None:
        """The answer to a GetJob if it is in memory: the read that clients repeat all day, without a wait."""
        if not isinstance(intent, exchange.GetJob):
            return None
        ticket = self.store.peek(Key(*caller.owner, intent.id))
        return ticket if ticket is not None and ticket.deleted is None else None

    # --- jobs -------------------------------------------------------------------------------------

    async def _create(self, intent: exchange.CreateJob, caller: Caller, ledger: Ledger) -> Ticket:
        job = await self.settled(intent, caller)
        refused = await self._refused(caller.dialect.christen(job, TRIAL), ledger, caller)
        job, now = self._direct(job), self.clock.now()
        async with self.store.write() as tx:
            await self.cabinet.shelve(tx, intent.presets, caller)
            await self._check_unique(tx, intent, caller)
            ticket = await self._new(tx, job, caller, now, ledger)
            ticket = replace(ticket, outputs=fail_refused(ticket.outputs, refused, now))
            ticket = await tx.add(ticket, caller.dialect.facets(ticket))
            await follow(tx, caller.dialect, ticket)
            await tx.enqueue(Work(key=Key.of(ticket), priority=job.priority or 0))
            await self._tell(tx, ticket, Event.QUEUED, caller)
            if ledger.policy is not Policy.SILENT and any(loss.kind is not Kind.UNREAD for loss in ledger):
                await self._tell(tx, ticket, Event.WARNING, caller)
            await self._tell_of_refused(tx, ticket, refused, caller)
        return ticket

    async def settled(self, intent: exchange.CreateJob, caller: Caller) -> Job:
        """A job with what its presets and things say. Raises NotFound or a BadRequest for what is missing."""
        job = await self._resolved(intent.job, caller, intent.presets)
        return caller.dialect.settle(job, await self._needed(intent, caller))

    async def _check_unique(self, tx: Transaction, intent: exchange.CreateJob, caller: Caller) -> None:
        for kind, name in intent.unique:
            if await tx.get_thing(*caller.owner, kind, name) is not None:
                raise Conflict(kind=kind, id=name, state="present")

    async def _resolved(self, job: Job, caller: Caller, fresh: tuple[Preset, ...] = ()) -> Job:
        wanted = preset_names(job)
        if not wanted:
            return job
        found = {preset.name: preset for preset in (*await self.cabinet.presets(caller), *fresh)}
        return resolve_presets(job, found)

    async def _needed(self, intent: exchange.CreateJob, caller: Caller) -> Mapping[tuple[str, str], Thing]:
        found = {need: await self.cabinet.thing(caller, *need) for need in intent.needs}
        return {need: thing for need, thing in found.items() if thing is not None}

    async def _refused(self, job: Job, ledger: Ledger, caller: Caller) -> Mapping[int, Fault]:
        """Outputs that can't be made. Raises the first one's fault where none is left."""
        found = await self.craft.refuse(job, ledger, caller)
        refused = {index: worded(fault, caller.dialect, job.outputs) for index, fault in found.items()}
        if refused and len(refused) == len(job.outputs):
            raise next(iter(refused.values()))
        return refused

    async def _new(self, tx: Transaction, job: Job, caller: Caller, now: datetime, ledger: Ledger) -> Ticket:
        dialect = caller.dialect
        job_id = await self._job_id(tx, caller, now)
        job = dialect.christen(job, job_id)
        named = await self.cabinet.mint(tx, dialect.source_ids, len(job.inputs), now) if dialect.source_ids else None
        sources = tuple(Source(id=name) for name in named or map(str, range(len(job.inputs))))
        outputs = await self._outputs(tx, dialect, job.outputs, now)
        folder = self._chance.of("/".join(("folder", *caller.owner, job_id))).token()
        return Ticket(
            id=job_id,
            account=caller.account.id,
            dialect=dialect.name,
            job=job,
            created=now,
            updated=now,
            sources=sources,
            outputs=outputs,
            losses=tuple(ledger),
            ids={"folder": folder, **asked(caller)},
        )

    async def _job_id(self, tx: Transaction, caller: Caller, now: datetime) -> str:
        """A new id. Those that come by chance are drawn again where one is taken. Raises Busy when none is left."""
        for _ in range(DRAWS):
            (job_id,) = await self.cabinet.mint(tx, caller.dialect.job_ids, 1, now)
            if caller.dialect.job_ids.counter or not await tx.get(Key(*caller.owner, job_id)):
                return job_id
        raise Busy(retry_after=1)

    async def _outputs(
        self, tx: Transaction, dialect: Dialect, outputs: tuple[Output, ...], now: datetime
    ) -> tuple[Made, ...]:
        badges: list[dict[str, str]] = [{} for _ in outputs]
        for given, output in zip(badges, outputs, strict=True):
            for role, ids in dialect.badges(output).items():
                (given[role],) = await self.cabinet.mint(tx, ids, 1, now)
        minted = await self.cabinet.mint(tx, dialect.output_ids, len(outputs), now)
        return tuple(
            life.waiting(output, output_id, now, given)
            for output_id, output, given in zip(minted, outputs, badges, strict=True)
        )

    async def _get(self, intent: exchange.GetJob, caller: Caller, ledger: Ledger) -> Ticket:
        key = Key(*caller.owner, intent.id)
        ticket = self.store.peek(key) or await self.store.get(key)
        return visible(ticket, intent.id)

    async def _get_many(self, intent: exchange.GetJobs, caller: Caller, ledger: Ledger) -> tuple[Ticket, ...]:
        found = await self.store.get_many(*caller.owner, intent.ids)
        if not found:
            raise NotFound(kind="job", id=", ".join(intent.ids[:10]))
        return found

    async def _list(self, intent: exchange.ListJobs, caller: Caller, ledger: Ledger) -> Page[Ticket]:
        whose, window, wanted = caller.owner, intent.window, intent.filter
        if wanted.recent is not None:
            wanted = replace(wanted, recent=None, ended_from=self.clock.now() - timedelta(seconds=wanted.recent))
        if window.last and window.limit:
            total = (await self.store.list(*whose, wanted, replace(window, limit=0))).total
            window = replace(window, offset=max(total - 1, 0) // window.limit * window.limit)
        return await self.store.list(*whose, wanted, window)

    async def _update(self, intent: exchange.UpdateJob, caller: Caller, ledger: Ledger) -> Ticket:
        resolved = (await self._resolved(Job(outputs=intent.outputs), caller)).outputs
        refused = await self._refused(Job(outputs=resolved), ledger, caller)
        async with self._changing(intent.id, caller) as (tx, before):
            now = life.later(before, self.clock.now())
            notifications = intent.notifications or before.job.notifications
            document = {**before.job.document, **intent.document}
            job = replace(before.job, outputs=resolved, hold=False, notifications=notifications, document=document)
            outputs = await self._outputs(tx, caller.dialect, resolved, now)
            losses = tuple(dict.fromkeys((*before.losses, *ledger)))
            outputs = fail_refused(outputs, refused, now)
            ids = {**before.ids, **asked(caller)}
            after = replace(before, job=job, outputs=outputs, losses=losses, stored=None, ids=ids)
            ticket = await self._requeue(tx, after, now, caller, phase=None)
            await self._tell_of_refused(tx, ticket, refused, caller)
        self.craft.discard(before)
        await self.craft.empty()
        return ticket

    async def _start(self, intent: exchange.StartJob, caller: Caller, ledger: Ledger) -> Ticket:
        async with self._changing(intent.id, caller, startable) as (tx, before):
            ready = replace(before, job=replace(before.job, hold=False))
            return await self._requeue(tx, ready, life.later(before, self.clock.now()), caller, phase=Phase.WAITING)

    async def _cancel(self, intent: exchange.CancelJob, caller: Caller, ledger: Ledger) -> Ticket:
        async with self._changing(intent.id, caller, partial(life.stoppable, also=intent.also)) as (tx, before):
            now = life.later(before, self.clock.now())
            saved = any(delivery.saved for made in before.outputs for delivery in made.deliveries)
            finished = saved and intent.keep_saved
            outputs = tuple(stopped(made, now) for made in before.outputs)
            status = Status.FINISHED if finished else Status.CANCELLED
            ticket = life.move(before, status, now, finished=now, outputs=outputs, left=0)
            await keep(tx, caller.dialect, ticket)
            await self._tell(tx, ticket, Event.FINISHED if finished else Event.CANCELLED, caller)
        self.craft.clear(ticket)
        await self.craft.empty()
        return ticket

    async def _delete(self, intent: exchange.DeleteJobs, caller: Caller, ledger: Ledger) -> Done:
        for job_id in intent.ids:
            visible(await self.store.get(Key(*caller.owner, job_id)), job_id)
        for job_id in dict.fromkeys(intent.ids):
            async with self._changing(job_id, caller) as (tx, before):
                now = life.later(before, self.clock.now())
                ended = before
                if before.status not in TERMINAL:
                    ended = life.move(before, Status.CANCELLED, now, finished=now)
                await keep(tx, caller.dialect, life.change(ended, now, deleted=now))
            self.craft.clear(before)
            self.craft.discard(before)
        await self.craft.empty()
        return Done(names=intent.ids)

    async def _retry(self, intent: exchange.RetryJob, caller: Caller, ledger: Ledger) -> Ticket:
        whole = not intent.failed_only and intent.output_id is None
        async with self._changing(intent.id, caller, lambda ticket: chosen(ticket, intent)) as (tx, before):
            again = chosen(before, intent)
            now = life.later(before, self.clock.now())
            outputs = tuple(
                fresh(made, output, now) if index in again else step.interrupted(made, now)
                for index, (made, output) in enumerate(zip(before.outputs, before.job.outputs, strict=True))
            )
            after = replace(before, outputs=outputs, job=replace(before.job, hold=not before.job.outputs))
            if whole:
                sources = tuple(Source(id=source.id) for source in before.sources)
                after = replace(after, sources=sources, fetched=None, stored=None)
                self.craft.clear(before)  # before the commit: afterwards a worker may be at it already
                self.craft.discard(before)
            ticket = await self._requeue(tx, after, now, caller, phase=Phase.WAITING if after.fetched else None)
        await self.craft.empty()
        return ticket

    async def _requeue(
        self, tx: Transaction, ticket: Ticket, now: datetime, caller: Caller, *, phase: Phase | None
    ) -> Ticket:
        clean: dict[str, Any] = {"progress": Fraction(0), "left": None, "trouble": None, "finished": None}
        clean |= {"phase_progress": Fraction(0), "phase_left": None}
        clean["ids"] = {**ticket.ids, "turn": str(turn_of(ticket) + 1)}
        ticket = life.move(ticket, Status.QUEUED, now, phase=phase, started=now, **clean)
        await keep(tx, caller.dialect, ticket)
        await tx.enqueue(Work(key=Key.of(ticket), priority=ticket.job.priority or 0))
        return ticket

    @asynccontextmanager
    async def _changing(
        self, job_id: str, caller: Caller, check: Callable[[Ticket], Any] = lambda _: None
    ) -> AsyncIterator[tuple[Transaction, Ticket]]:
        """A ticket that nobody works on, in a transaction.

        Raises NotFound, or what ``check`` raises: before the work is disturbed, and again when it has stopped.
        """
        key = Key(*caller.owner, job_id)
        async with self._locks.setdefault(key, asyncio.Lock()):
            check(visible(await self.store.get(key), job_id))
            disturbed = await self.engine.cancel(key)
            try:
                async with self.store.write() as tx:
                    ticket = visible(await tx.get(key), job_id)
                    check(ticket)
                    yield tx, ticket
            except BaseException:
                if disturbed:
                    await self._put_back(key)
                raise

    async def _put_back(self, key: Key) -> None:
        """The work was stopped for a change that did not come about."""
        async with self.store.write() as tx:
            ticket = await tx.get(key)
            if ticket is not None and ticket.status in life.OPEN - {Status.HELD}:
                await tx.put(step.back(ticket, life.later(ticket, self.clock.now())))
                await tx.enqueue(Work(key=key, priority=ticket.job.priority or 0))

    async def _tell(
        self, tx: Transaction, ticket: Ticket, event: Event, caller: Caller, subject: Subject = None
    ) -> None:
        base, now = self._base(caller.dialect.name), self.clock.now()
        await tell(tx, caller.dialect, ticket, event, base, now, subject, self._chance)

    async def _tell_of_refused(self, tx: Transaction, ticket: Ticket, refused: Iterable[int], caller: Caller) -> None:
        for index in refused:
            await self._tell(tx, ticket, Event.OUTPUT_FAILED, caller, (ticket.outputs[index], None))

    async def _stream(self, intent: exchange.StreamFiles, caller: Caller, ledger: Ledger) -> Thing:
        keys = {await self.store.find_output(*caller.owner, output_id) for output_id in intent.outputs}
        if len(keys) > 1 and None not in keys:
            raise Invalid(field="outputs", reason="are of several jobs")
        key = Key(*caller.owner, intent.job) if intent.job else keys.pop()
        if key is None or keys:
            raise NotFound(kind="file", id=", ".join(intent.outputs[:10]))
        ticket = visible(await self.store.get(key), key.id)
        wanted = [made for made in ticket.outputs if not intent.outputs or made.id in intent.outputs]
        files = [file for made in wanted for file in made.files if file.role == "media" and file.path.endswith(".mp4")]
        if not files or any(made.status is not Status.FINISHED for made in wanted):
            raise NotFound(kind="file", id=", ".join(made.id for made in wanted))
        return Thing(kind="stream", id=ticket.id, document=await self.craft.stream(ticket, tuple(files)))

    async def _find_things(self, intent: exchange.FindThings, caller: Caller, ledger: Ledger) -> Page[Thing | Ticket]:
        found = [await self._find(kind, thing_id, caller) for kind, thing_id in intent.needs]
        things = tuple(one for one in found if one is not None)
        return Page(items=things, total=len(things))

    async def _find(self, kind: str, thing_id: str, caller: Caller) -> Thing | Ticket | None:
        if kind == "job":
            ticket = await self.store.get(Key(*caller.owner, thing_id))
            return ticket if ticket is not None and ticket.deleted is None else None
        if kind == "content":
            content = await self.craft.peek(thing_id)
            document = {"base64": b64encode(content).decode()} if content is not None else None
            return Thing(kind=kind, id=thing_id, document=document) if document else None
        return await self.cabinet.thing(caller, kind, thing_id)

    # --- account ------------------------------------------------------------------------------------

    async def _account(self, intent: Intent, caller: Caller, ledger: Ledger) -> AccountFacts:
        counts = await self.store.count(*caller.owner)
        return AccountFacts(
            id=caller.account.id,
            created=self.clock.now(),
            workers=self._workers,
            running=counts.get(Status.RUNNING, 0),
            waiting=counts.get(Status.QUEUED, 0),
        )


def asked(caller: Caller) -> dict[str, str]:
    """The policy that goes with a job for good, as the way is chosen again when the work begins; how far it came."""
    policy = {"policy": str(caller.policy)} if caller.policy is not None else {}
    return policy | ({"hops": str(caller.hops)} if caller.hops else {})
