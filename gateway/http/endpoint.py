"""Where a dialect meets a backend: one HTTP request in, one answer out, whatever happens in between.

Reading a request and rendering an answer are pure, so both are remembered for the request that clients send
again and again, the status of a job: the same bytes mean the same call, the same ticket the same answer.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.backends import Backend, Caller
from mediaglot.gateway.backends.hops import hops_of
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import (
    CreateJob,
    FindThings,
    GetJob,
    Headers,
    Intent,
    Page,
    Request,
    Response,
    Result,
    Thing,
    UpdateJob,
)
from mediaglot.gateway.faults import Fault, Internal
from mediaglot.gateway.http import links
from mediaglot.gateway.http.passing import Passing
from mediaglot.gateway.http.wish import HEADER, Wishes
from mediaglot.gateway.loss import Kind, Ledger, Policy
from mediaglot.gateway.model import Ticket
from mediaglot.gateway.model import masked as hidden
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.report import Report
from mediaglot.gateway.store import Key

LOG = logging.getLogger(__name__)
REMEMBERED: Final = 4096
LARGEST: Final = 4096
"""Only short requests are remembered; those that create jobs are longer and differ anyway."""

LOGGED: Final = 20
"""Losses of one job that the log shows."""
BRIEF: Final = 300
"""Characters of a text that the log shows: to look for credentials in one without end would take minutes."""

Look = Callable[[Call, Result | Fault, Response], Response]
"""Looks at each answer before it goes out, and may add to it."""
Identity = tuple[str, str, str, bytes, tuple[tuple[bytes, bytes], ...], str]


class Recalling(Protocol):
    """A backend that has some answers in memory."""

    def recall(self, intent: Intent, caller: Caller) -> Ticket | None: ...


class Visit(Protocol):
    """Who looks on, and may step in, while one request is answered."""

    async def enter(self, call: Call) -> None:
        """Before anything is done. Raises a Fault to have that answered instead."""
        ...

    def leave(self, call: Call, result: Result | Fault, ledger: Ledger) -> Result | Fault:
        """What came of it, also of a request that could not be read. Gives what is to be answered."""
        ...


class Memory:
    """What a repeated request means, and the last answer to it."""

    __slots__ = ("admitted", "call", "response", "ticket")

    def __init__(self, call: Call, admitted: Account) -> None:
        self.call, self.admitted = call, admitted
        self.ticket: Ticket | None = None
        self.response: Response | None = None


class Linked:
    """Makes signed links and knows whether it did: an answer with one in it grows old and is not remembered."""

    def __init__(self, link: Callable[..., str] | None, site: str) -> None:
        self._link, self._site, self.used = link, site, False

    def __call__(
        self,
        path: str,
        *,
        filename: str = "",
        inline: bool = False,
        until: datetime | None = None,
        room: str = "outputs",
    ) -> str:
        self.used = True
        if self._link is None:
            return path
        return self._link(path, filename=filename, inline=inline, until=until, room=room, site=self._site)


class Endpoint:
    def __init__(
        self,
        dialect: Dialect,
        backend: Backend,
        accounts: Accounts,
        *,
        recall: Recalling | None = None,
        link: Callable[..., str] | None = None,
        wishes: Wishes | None = None,
        passing: Passing | None = None,
        look: Look | None = None,
    ) -> None:
        self._look = look
        self._wishes, self._passing = wishes or Wishes(), passing
        self.dialect, self.backend, self.accounts, self._link = dialect, backend, accounts, link
        self._recall: Callable[[Intent, Caller], Ticket | None] = recall.recall if recall else lambda *_: None
        self._memories: OrderedDict[Identity, Memory] = OrderedDict()

    def recall(self, identity: Identity) -> Response | None:
        """The answer to a request that was seen before, where nothing has to be waited for. Raises Unauthorized."""
        memory = self._memories.get(identity)
        if memory is None:
            return None
        self._memories.move_to_end(identity)
        call = memory.call
        assert call.intent is not None  # noqa: S101
        if self.accounts.admit(self.dialect.name, call.credential) != memory.admitted:
            return None
        ticket = self._recall(call.intent, Caller(dialect=self.dialect, account=call.account))
        if ticket is None or self.dialect.beside(call, ticket):
            return None
        if ticket is not memory.ticket:
            linked = Linked(self._link, call.request.site)
            rendered = self.dialect.render_response(replace(call, link=linked), ticket)
            memory.response = rendered if self._look is None else self._look(call, ticket, rendered)
            memory.ticket = None if linked.used else ticket
        return memory.response

    async def answer(self, request: Request, identity: Identity | None = None, visit: Visit | None = None) -> Response:
        """Never raises but for cancellation: what goes wrong is answered in the dialect's own shape."""
        try:
            passed = await self._passing.answer(request) if self._passing is not None else None
        except Exception:
            mistake = Internal(reference=secrets.token_hex(4))
            LOG.exception("a request to %s could not be passed on: %s", self.dialect.name, mistake)
            return self.refuse(request, mistake)
        return passed or await self._answer(request, identity, visit)

    async def _answer(self, request: Request, identity: Identity | None, visit: Visit | None) -> Response:
        call = Call(request=request, wire=self.dialect.wire.choose(request))
        result: Result | Fault
        ledger = Ledger()
        try:
            call = self.dialect.open(request)
            admitted = self.accounts.admit(self.dialect.name, call.credential)
            account = self.dialect.tenant(call, admitted)
            caller = Caller(dialect=self.dialect, account=account)
            call = replace(call, account=account)
            intent = self.dialect.read(call, ledger)
            if isinstance(intent, (CreateJob, UpdateJob)):
                policy = self._wishes.of(self.dialect.name, account, request)
                caller = replace(caller, policy=policy, hops=hops_of(request))
            call = replace(call, intent=intent, link=Linked(self._link, request.site))
            if identity is not None:
                self._remember(identity, call, admitted)
            if visit is not None:
                await visit.enter(call)
            result = await self.backend.perform(intent, caller, ledger)
            call = await self._with_beside(call, caller, result)
        except Fault as fault:
            result = fault
        except Exception:
            result = Internal(reference=secrets.token_hex(4))
            LOG.exception("a request to %s failed: %s", self.dialect.name, result)
        if visit is not None:
            result = visit.leave(call, result, ledger)
        try:
            note_losses(result, ledger)
            response = self.dialect.render_response(call, result)
            if self._look is not None:
                response = self._look(call, result, response)
            return told(response, result, ledger, request.site)
        except Exception:
            mistake = Internal(reference=secrets.token_hex(4))
            LOG.exception("an answer of %s failed: %s", self.dialect.name, mistake)
            return self.dialect.render_response(call, mistake)

    async def _with_beside(self, call: Call, caller: Caller, result: Result) -> Call:
        """The call with all things that its answer shows."""
        asked: set[tuple[str, str]] = set()
        while wanted := [need for need in dict.fromkeys(self.dialect.beside(call, result)) if need not in asked]:
            asked.update(wanted)
            page = await self.backend.perform(FindThings(needs=tuple(wanted)), caller, Ledger())
            assert isinstance(page, Page)  # noqa: S101
            tickets = {("job", item.id): item for item in page.items if isinstance(item, Ticket)}
            things = {(item.kind, item.id): item for item in page.items if isinstance(item, Thing)}
            call = replace(call, found={**call.found, **tickets, **things})
        return call

    def refuse(self, request: Request, fault: Fault) -> Response:
        """The answer to a request that can't even be read."""
        return self.dialect.render_response(Call(request=request, wire=self.dialect.wire.choose(request)), fault)

    def _remember(self, identity: Identity, call: Call, admitted: Account) -> None:
        if isinstance(call.intent, GetJob) and size(call.request) <= LARGEST:
            self._memories[identity] = Memory(call, admitted)
            if len(self._memories) > REMEMBERED:
                self._memories.popitem(last=False)


def size(request: Request) -> int:
    """All that is kept of it."""
    lines = sum(len(name) + len(value) for name, value in request.headers)
    return len(request.path) + len(request.query) + len(request.body) + lines


def told(response: Response, result: Result | Fault, ledger: Ledger, site: str) -> Response:
    """With what was lost on the way to another provider in a header, and where all of it is told."""
    if not isinstance(result, Ticket) or quiet(ledger):
        return response
    lines: tuple[tuple[str, str], ...] = (
        ("Mediaglot-Losses", Report(losses=tuple(ledger)).summary()),
        ("Mediaglot-Report", links.report(site, Key.of(result))),
    )
    lines += ((HEADER, str(ledger.policy)),) if ledger.policy is not None else ()
    return replace(response, headers=Headers(lines=(*response.headers, *lines)))


def quiet(ledger: Ledger) -> bool:
    """Whether there is nothing to tell: the provider itself would have left unread what is unread."""
    return ledger.policy is Policy.SILENT or all(loss.kind is Kind.UNREAD for loss in ledger)


def note_losses(result: Result | Fault, ledger: Ledger) -> None:
    """One line of the log for each job that lost something: a JSON document, without credentials."""
    if not isinstance(result, Ticket) or quiet(ledger) or not LOG.isEnabledFor(logging.INFO):
        return
    report = Report(losses=tuple(ledger)).document()
    losses, more = [*map(brief, report["losses"][:LOGGED])], max(len(report["losses"]) - LOGGED, 0)
    line = {"job": result.id, "dialect": result.dialect, "strictness": ledger.policy, "summary": report["summary"]}
    LOG.info("losses %s", hidden(json.dumps(line | {"losses": losses} | ({"more": more} if more else {}))))


def brief(loss: Mapping[str, Any]) -> dict[str, Any]:
    """Longer texts are left out as a whole: half of one could hide a credential's end."""
    long = {
        word: f"{len(said)} characters" for word, said in loss.items() if isinstance(said, str) and len(said) > BRIEF
    }
    return {**loss, **long}
