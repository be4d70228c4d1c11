"""Requests of a dialect that are passed on: who asks, where to, and what of it is noted here."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.passage import Passage
from mediaglot.gateway.backends.witness import Witness
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Headers, Intent, IssueToken, Request, Response, RevokeToken
from mediaglot.gateway.faults import BadRequest, Fault, Unauthorized
from mediaglot.gateway.http import links
from mediaglot.gateway.loss import Ledger

LOG = logging.getLogger(__name__)


class Passing:
    """``passages`` of one dialect, in the order of the configuration."""

    def __init__(self, dialect: Dialect, accounts: Accounts, passages: Sequence[Passage], witness: Witness) -> None:
        self._dialect, self._accounts = dialect, accounts
        self._passages, self._witness = tuple(passages), witness

    async def answer(self, request: Request) -> Response | None:
        """The provider's answer; None for a request that is not to be passed on."""
        try:
            call = self._opened(request)
            found = next(((each, who) for each in self._passages if (who := self._who(each, call)) is not None), None)
        except Fault:
            return None  # it is refused here
        if found is None:
            return None
        passage, account = found
        intent = self._intent(call)
        if isinstance(intent, (IssueToken, RevokeToken)) and not passage.own:
            return None  # our own door, to which our own keys belong
        try:
            response = await passage.carry(call)
        except Fault as fault:
            LOG.warning(
                "a request of %s could not be passed on to %s: %s", self._dialect.name, passage.agent.name, fault
            )
            return self._dialect.render_response(call, fault)
        lines = [("Mediaglot-Passed", passage.agent.name)]
        if intent is not None and response.status < 400:
            caller = Caller(dialect=self._dialect, account=account)
            key = await self._witness.hear(passage.agent.name, caller, intent, response)
            if key is not None:
                lines.append(("Mediaglot-Report", links.report(request.site, key)))
        return replace(response, headers=Headers(lines=(*response.headers, *lines)))

    def _opened(self, request: Request) -> Call:
        """Also of a request that this dialect does not know; who sends it must be clear. Raises Unauthorized."""
        try:
            return self._dialect.open(request)
        except BadRequest:
            wire = self._dialect.wire.choose(request)
        try:
            tree = wire.read(request)
        except Fault:
            tree = {}
        return Call(request=request, wire=wire, tree=tree, credential=self._dialect.auth.claim(request, tree))

    def _who(self, passage: Passage, call: Call) -> Account | None:
        """The account that asks, where it goes this way. Raises Unauthorized, and what says that it may not."""
        account = self._account(passage, call)
        return account if passage.is_for(account.id) else None

    def _account(self, passage: Passage, call: Call) -> Account:
        credential = call.credential
        if not passage.own:
            return self._dialect.tenant(call, self._accounts.admit(self._dialect.name, credential))
        if credential is None:
            return self._accounts.admit(self._dialect.name, None)
        account = Account(id=credential.account, user=credential.name)
        try:
            return self._dialect.tenant(call, account)
        except Unauthorized:
            raise
        except Fault:  # the provider will say so
            return account

    def _intent(self, call: Call) -> Intent | None:
        """None for what can't be read: it is passed on all the same."""
        try:
            return self._dialect.read(call, Ledger())
        except Fault:
            return None
