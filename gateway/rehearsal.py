"""A provider on paper: errands are run against a dialect's own reading side, without a server and without I/O.

What a client would send is what ``Rehearsed.requests`` holds, and ``Rehearsal.tickets`` have the jobs as the provider
would read them: with the account's presets and profiles, and with everything filled in that it says by itself. Time
stands still, ids come in the same order each time, any well-formed credential is let in, and no work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Final, Generic, TypeVar

from mediaglot.gateway import exchange, life
from mediaglot.gateway.accounts import Account, Accounts, Grant, digest
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.errand import Errand
from mediaglot.gateway.exchange import AccountFacts, Done, Intent, Page, Request, Response, Result, Thing, Token
from mediaglot.gateway.faults import Conflict, Fault, NotFound, Unsupported
from mediaglot.gateway.ids import Ids, Serial
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Job, Made, Output, Preset, Secret, Source, Status, Step, Ticket
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.passes import resolve_presets
from mediaglot.gateway.past import Moment, Past

T = TypeVar("T")
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
SITE: Final = "https://provider.mediaglot.test"
MOST: Final = 100
"""Requests of one errand; more are taken for a loop."""
UNDRAWN: Final = Random(0)  # noqa: S311
"""For ids that are counted, and draw nothing."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed(Generic[T]):
    """What an errand came to: its value, or the fault that it ended in, and the requests that it took."""

    requests: tuple[Request, ...]
    value: T | None = None
    fault: Fault | None = None
    job: Job | None = None
    """What ``Order`` ended with, and then there is no value."""


class Ordered(Exception):
    """A job was asked for, and no more than that is wanted."""

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job


class Rehearsal:
    """One account at a provider, empty but for what the provider brings."""

    def __init__(self, dialect: Dialect, accounts: Accounts | None = None, past: Past | None = None) -> None:
        self.dialect = dialect
        self.tickets: dict[str, Ticket] = {}
        self.fault: Fault | None = None
        """Why it refused that request."""
        self._accounts = accounts or Accounts(free=lambda _: True)
        self._past = past or Past(Moment({preset.name: preset for preset in dialect.presets}, {}, {}))
        self._moment: Moment | None = self._past.start
        """None as soon as it has a past of its own."""
        self.presets, self.things, self._serials = self._moment.presets, self._moment.things, self._moment.serials

    def again(self) -> Rehearsal:
        """A new one, empty again, in which the tokens of this one are still good."""
        return Rehearsal(self.dialect, self._accounts, self._past)

    def order(self) -> Order:
        """A new one too, for an errand that creates a job."""
        return Order(self.dialect, self._accounts, self._past)

    # --- errands ------------------------------------------------------------------------------------

    def run(self, errand: Errand[T]) -> Rehearsed[T]:
        requests: list[Request] = []
        try:
            request = next(errand)
            while len(requests) < MOST:
                requests.append(replace(request, base=SITE, site=SITE))
                request = errand.send(self.answer(requests[-1]))
        except StopIteration as end:
            return Rehearsed(requests=tuple(requests), value=end.value)
        except Ordered as end:
            errand.close()
            return Rehearsed(requests=tuple(requests), job=end.job)
        except Fault as fault:
            return Rehearsed(requests=tuple(requests), fault=fault)
        errand.close()
        return Rehearsed(requests=tuple(requests), fault=Unsupported(feature=f"more than {MOST} requests"))

    def answer(self, request: Request) -> Response:
        """What the provider says to one request.

        What was asked before, from an empty account on, is not worked out again.
        """
        before, self._moment = self._moment, None
        known = None if before is None else self._past.after(before, request)
        if known is None:
            return self._answered(request, before)
        self._moment, self.fault = known, known.fault
        self.presets, self.things, self._serials = known.presets, known.things, known.serials
        return known.response

    def _answered(self, request: Request, before: Moment | None) -> Response:
        response = self._answer(request)
        if before is not None and not self.tickets:
            self._moment = Moment(self.presets, self.things, self._serials, response, self.fault)
            self._past.add(before, request, self._moment)
        return response

    def _answer(self, request: Request) -> Response:
        call, self.fault = None, None
        result: Result | Fault
        try:
            call = self._admitted(request)
            result = self.perform(self.dialect.read(call, Ledger()), call.account)
            call = self._with_beside(call, result)
        except Fault as fault:
            self.fault = result = fault
        call = call or Call(request=request, wire=self.dialect.wire.choose(request))
        return self.dialect.render_response(call, result)

    def read(self, request: Request) -> tuple[Call, Intent, Ledger]:
        """What a request means. Raises the Fault that it would be refused with."""
        call, ledger = self._admitted(request), Ledger()
        return call, self.dialect.read(call, ledger), ledger

    def _admitted(self, request: Request) -> Call:
        call = self.dialect.open(request)
        account = self.dialect.tenant(call, self._accounts.admit(self.dialect.name, call.credential))
        return call if account is call.account else replace(call, account=account)

    # --- what is asked ------------------------------------------------------------------------------

    def perform(self, intent: Intent, account: Account) -> Result:
        """Raises NotFound and its like, and Unsupported for what nobody asks of a provider."""
        if type(intent) not in VERBS:
            raise Unsupported(feature=type(intent).__name__)
        verb: Callable[[Intent, Account], Result] = getattr(self, VERBS[type(intent)])
        return verb(intent, account)

    def settled(self, intent: exchange.CreateJob, account: Account, *, blank: bool = False) -> Job:
        """A job with what its presets and things say. Raises NotFound or Invalid for what is not there.

        With ``blank`` what can be dispensed with is there, and says nothing.
        """
        job = resolve_presets(intent.job, {**self.presets, **{preset.name: preset for preset in intent.presets}})
        found = {need: thing for need in intent.needs if (thing := self.thing(*need, account)) is not None}
        if blank:
            needed = [need for need in intent.needs if need[0] in self.dialect.dispensable]
            found = {need: Thing(kind=need[0], id=need[1], document={}) for need in needed} | found
        return self.dialect.settle(job, found)

    def missing(self, intent: exchange.CreateJob, account: Account) -> list[str]:
        """The kinds of what a job needs, is not there, and can be dispensed with."""
        absent = (kind for kind, name in intent.needs if self.thing(kind, name, account) is None)
        return list(dict.fromkeys(kind for kind in absent if kind in self.dialect.dispensable))

    def thing(self, kind: str, thing_id: str, account: Account) -> Thing | None:
        brought = (each for each in self.dialect.provided(account) if (each.kind, each.id) == (kind, thing_id))
        return self.things.get((kind, thing_id)) or next(brought, None)

    def _with_beside(self, call: Call, result: Result) -> Call:
        while wanted := [need for need in self.dialect.beside(call, result) if need not in call.found]:
            there = {need: each for need in wanted if (each := self._found(need, call)) is not None}
            if not there:
                break
            call = replace(call, found={**call.found, **there})
        return call

    def _found(self, need: tuple[str, str], call: Call) -> Thing | Ticket | None:
        return self.tickets.get(need[1]) if need[0] == "job" else self.thing(*need, call.account)

    def mint(self, ids: Ids) -> str:
        if ids.counter is None:
            return ids.mint(ids.start, NOW, self._chance())
        number = self._count(ids.counter, ids.start)
        return str(number) if isinstance(ids, Serial) else ids.mint(number, NOW, UNDRAWN)

    def _count(self, counter: str, start: int) -> int:
        number = self._serials.get(counter, start)
        self._serials = {**self._serials, counter: number + 1}
        return number

    def _chance(self) -> Random:
        """Another one each time: what happens next follows from what was asked, and from nothing that was drawn."""
        return Random(self._count("chance", 0))  # noqa: S311 - ids on paper

    # --- jobs ---------------------------------------------------------------------------------------

    def _create(self, intent: exchange.CreateJob, account: Account) -> Ticket:
        job_id = self.mint(self.dialect.job_ids)
        job = self._christened(intent, account, job_id)
        self._put(intent.presets, account)
        sources = self.dialect.source_ids
        ticket = Ticket(
            id=job_id,
            account=account.id,
            dialect=self.dialect.name,
            job=job,
            created=NOW,
            updated=NOW,
            status=Status.HELD if job.hold else Status.QUEUED,
            history=(Step(at=NOW, status=Status.QUEUED),),
            sources=tuple(Source(id=self.mint(sources) if sources else str(n)) for n, _ in enumerate(job.inputs)),
            outputs=tuple(self._made(output) for output in job.outputs),
            ids={"folder": "folder"},
        )
        self.tickets[job_id] = ticket
        return ticket

    def _christened(self, intent: exchange.CreateJob, account: Account, job_id: str) -> Job:
        return self.dialect.christen(self.settled(intent, account), job_id)

    def _made(self, output: Output) -> Made:
        made_id = self.mint(self.dialect.output_ids)
        badges = {role: self.mint(ids) for role, ids in self.dialect.badges(output).items()}
        return life.waiting(output, made_id, NOW, badges)

    def _ticket(self, job_id: str) -> Ticket:
        if job_id not in self.tickets:
            raise NotFound(kind="job", id=job_id)
        return self.tickets[job_id]

    def _get(self, intent: exchange.GetJob, account: Account) -> Ticket:
        return self._ticket(intent.id)

    def _get_many(self, intent: exchange.GetJobs, account: Account) -> tuple[Ticket, ...]:
        return tuple(self._ticket(job_id) for job_id in intent.ids)

    def _list(self, intent: exchange.ListJobs, account: Account) -> Page[Ticket]:
        """In the order of creation, whatever is asked for; conditions that look at times let everything through."""
        found = [ticket for ticket in self.tickets.values() if self._matches(ticket, intent.filter)]
        return paged(found[::-1] if intent.window.descending else found, intent.window)

    def _matches(self, ticket: Ticket, wanted: exchange.Filter) -> bool:
        facets = self.dialect.facets(ticket)
        parts = {name.removeprefix(exchange.PART): part for name, part in wanted.parts.items()}
        held = {name.removeprefix(exchange.PART): value for name, value in facets.items()}
        return (
            (wanted.statuses is None or ticket.status in wanted.statuses)
            and wanted.id in (None, ticket.id)
            and all(facets.get(name) == value for name, value in wanted.facets.items())
            and all(part in held.get(name, "") for name, part in parts.items())
        )

    def _start(self, intent: exchange.StartJob, account: Account) -> Ticket:
        ticket = self._ticket(intent.id)
        if ticket.status is not Status.HELD:
            raise Conflict(kind="job", id=ticket.id, state=ticket.status.value)
        self.tickets[ticket.id] = life.move(ticket, Status.QUEUED, NOW)
        return self.tickets[ticket.id]

    def _cancel(self, intent: exchange.CancelJob, account: Account) -> Ticket:
        ticket = self._ticket(intent.id)
        life.stoppable(ticket, intent.also)
        outputs = tuple(life.move_output(made, Status.CANCELLED, NOW, finished=NOW) for made in ticket.outputs)
        self.tickets[ticket.id] = life.move(ticket, Status.CANCELLED, NOW, finished=NOW, outputs=outputs)
        return self.tickets[ticket.id]

    def _delete(self, intent: exchange.DeleteJobs, account: Account) -> Done:
        for job_id in intent.ids:
            del self.tickets[self._ticket(job_id).id]
        return Done(names=intent.ids)

    def _retry(self, intent: exchange.RetryJob, account: Account) -> Ticket:
        ticket = self._ticket(intent.id)
        self.tickets[ticket.id] = replace(ticket, status=Status.QUEUED, phase=None)
        return self.tickets[ticket.id]

    # --- what is kept -------------------------------------------------------------------------------

    def _put(self, presets: Iterable[Preset], account: Account) -> None:
        self.presets = {**self.presets, **{preset.name: replace(preset, owner=account.id) for preset in presets}}

    def keep(self, thing: Thing, *names: tuple[str, str]) -> None:
        """Under each of these kinds and ids, which are those of a copy of it."""
        self.things = {**self.things, **{name: replace(thing, kind=name[0], id=name[1]) for name in names}}

    def _put_presets(self, intent: exchange.PutPresets, account: Account) -> Done:
        self._put(intent.presets, account)
        return Done(names=tuple(preset.name for preset in intent.presets))

    def _get_preset(self, intent: exchange.GetPreset, account: Account) -> Preset:
        if intent.name not in self.presets:
            raise NotFound(kind="preset", id=intent.name)
        return self.presets[intent.name]

    def _list_presets(self, intent: exchange.ListPresets, account: Account) -> Page[Preset]:
        return Page(items=tuple(self.presets.values()), total=len(self.presets))

    def _put_thing(self, intent: exchange.PutThing, account: Account) -> Thing:
        earlier = None if intent.id is None else self._needed(intent.kind, intent.id, account)
        thing_id = intent.id or self.mint(self.dialect.thing_ids[intent.kind])
        document = self.dialect.revise(intent, earlier)
        if earlier is None and intent.kind == self.dialect.uploads:
            document = {**document, "upload": thing_id}
        thing = Thing(kind=intent.kind, id=thing_id, document=document, created=NOW, updated=NOW, owner=account.id)
        self.keep(thing, *((kind, name or thing_id) for kind, name in ((intent.kind, thing_id), *intent.aliases)))
        return thing

    def _needed(self, kind: str, thing_id: str, account: Account) -> Thing:
        found = self.thing(kind, thing_id, account)
        if found is None:
            raise NotFound(kind=kind, id=thing_id)
        return found

    def _get_thing(self, intent: exchange.GetThing, account: Account) -> Thing:
        return self._needed(intent.kind, intent.id, account)

    def _list_things(self, intent: exchange.ListThings, account: Account) -> Page[Thing]:
        every = {thing.id: thing for thing in self.dialect.provided(account) if thing.kind == intent.kind}
        every |= {thing_id: thing for (kind, thing_id), thing in self.things.items() if kind == intent.kind}
        return Page(items=tuple(every.values()), total=len(every))

    # --- who asks -----------------------------------------------------------------------------------

    def _token(self, intent: exchange.IssueToken, account: Account) -> Token:
        """It opens the account of the name that it was traded for; any other token opens one too, without a name."""
        opened = self._accounts.admit(self.dialect.name, Credential(intent.name, intent.secret))
        text = Secret(self.dialect.mint_token(self._chance()))
        grant = Grant(Account(opened.id, opened.user, intent.scopes))
        self._accounts.remember(self.dialect.name, digest(text), grant)
        return Token(text=text, name=intent.name, issued=NOW, expires=None, scopes=intent.scopes)

    def _account(self, intent: Intent, account: Account) -> AccountFacts:
        return AccountFacts(id=account.id, created=NOW, workers=1, running=0, waiting=0)


class Order(Rehearsal):
    """A rehearsal that is over when the provider has read the job that is asked for: ``Rehearsed.job``.

    The job is not made, and the request for it, an errand's last one, is not answered. A refusal is.
    """

    def _christened(self, intent: exchange.CreateJob, account: Account, job_id: str) -> Job:
        raise Ordered(super()._christened(intent, account, job_id))


VERBS: Final[Mapping[type[Intent], str]] = {
    exchange.CreateJob: "_create",
    exchange.GetJob: "_get",
    exchange.GetJobs: "_get_many",
    exchange.ListJobs: "_list",
    exchange.StartJob: "_start",
    exchange.CancelJob: "_cancel",
    exchange.DeleteJobs: "_delete",
    exchange.RetryJob: "_retry",
    exchange.PutPresets: "_put_presets",
    exchange.GetPreset: "_get_preset",
    exchange.ListPresets: "_list_presets",
    exchange.PutThing: "_put_thing",
    exchange.GetThing: "_get_thing",
    exchange.ListThings: "_list_things",
    exchange.IssueToken: "_token",
    exchange.GetAccount: "_account",
    exchange.Health: "_account",
}
"""The method that does what an intent wants."""


def paged(items: list[Ticket], window: exchange.Window) -> Page[Ticket]:
    end = None if window.limit is None else window.offset + window.limit
    return Page(items=tuple(items[window.offset : end]), total=len(items), offset=window.offset, limit=window.limit)
