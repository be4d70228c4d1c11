"""Tokens: traded for a credential, limited in number, worth nothing once they are given up."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.cabinet import Cabinet
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import IssueToken, RevokeToken, Token
from mediaglot.gateway.faults import Forbidden, Unauthorized
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Secret
from mediaglot.gateway.store.sqlite import SqliteStore


class Free(Dialect):
    name = "free"


def credential(text: Secret) -> Credential:
    return Credential("", text, token=True)


async def opened(store: SqliteStore) -> Cabinet:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    cabinet = Cabinet(store, clock, Accounts(clock=clock, free={"free"}.__contains__))
    await cabinet.open()
    return cabinet


def caller(account: str = "") -> Caller:
    return Caller(dialect=Free(), account=Account(id=account, user=account))


async def issue(cabinet: Cabinet, name: str, most: int | None = None) -> Token:
    intent = IssueToken(name=name, secret=Secret("s"), most=most)
    token = await cabinet.verbs[IssueToken](intent, caller(), Ledger())
    assert isinstance(token, Token)
    return token


async def test_a_token_that_was_given_up_stays_so_even_where_strange_ones_are_welcome(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        cabinet = await opened(store)
        token = await issue(cabinet, "ada")
        strange = Secret("nobody issued this")
        for text in (token.text, strange):
            cabinet.accounts.admit("free", credential(text))
            await cabinet.verbs[RevokeToken](RevokeToken(token=text), caller("ada"), Ledger())
        again = await opened(store)
        for text in (token.text, strange):
            for each in (cabinet, again):
                with pytest.raises(Unauthorized):
                    each.accounts.admit("free", credential(text))


async def test_an_account_has_only_so_many_tokens_at_a_time(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        cabinet = await opened(store)
        first = await issue(cabinet, "ada", most=2)
        await issue(cabinet, "ada", most=2)
        with pytest.raises(Forbidden):
            await issue(cabinet, "ada", most=2)
        await issue(cabinet, "bob", most=2)
        await cabinet.verbs[RevokeToken](RevokeToken(token=first.text), caller("ada"), Ledger())
        await issue(cabinet, "ada", most=2)
