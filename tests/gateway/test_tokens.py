"""Tokens: traded for a credential, limited in number, worth nothing once they are given up."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediaglot.gateway.accounts import Account, Accounts
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends import Caller
from mediaglot.gateway.backends.cabinet import TOKENS, Cabinet
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import IssueToken, RevokeToken, Token
from mediaglot.gateway.faults import Forbidden, Unauthorized
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Secret
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.store.vault import Vault


class Free(Dialect):
    name = "free"


def credential(text: Secret) -> Credential:
    return Credential("", text, token=True)


async def opened(store: SqliteStore, free: Collection[str] = ("free",)) -> Cabinet:
    clock = VirtualClock(datetime(2026, 1, 1, tzinfo=UTC))
    cabinet = Cabinet(store, clock, Accounts(clock=clock, free=free.__contains__))
    await cabinet.open()
    return cabinet


def caller(account: str = "") -> Caller:
    return Caller(dialect=Free(), account=Account(id=account, user=account))


async def issue(cabinet: Cabinet, name: str, most: int | None = None, lifetime: int | None = None) -> Token:
    intent = IssueToken(name=name, secret=Secret("s"), most=most, lifetime=lifetime)
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


async def stored(store: SqliteStore) -> int:
    return len(await store.list_things("", "", TOKENS))


async def test_a_login_does_not_read_the_tokens_of_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        for number in range(3):
            await issue(await opened(store), f"other-{number}", most=2)
        cabinet, read = await opened(store), []
        unpack = Vault.unpack
        monkeypatch.setattr(Vault, "unpack", lambda *args: read.append(args) or unpack(*args))
        await issue(cabinet, "ada", most=2)
        assert read == []


async def test_logins_at_once_are_counted_one_by_one(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        cabinet = await opened(store)
        made = await asyncio.gather(*(issue(cabinet, "ada", most=2) for _ in range(5)), return_exceptions=True)
        assert [type(one) for one in made if not isinstance(one, Token)] == [Forbidden] * 3
        assert await stored(store) == 2


async def test_tokens_that_ran_out_are_forgotten_when_another_one_is_issued(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        cabinet = await opened(store, free=())
        gone = await issue(cabinet, "ada", lifetime=60)
        for name in ("bob", "eve"):
            await issue(cabinet, name, lifetime=60)
        lasting = [await issue(cabinet, "ada", lifetime=600), await issue(cabinet, "ada")]
        await cabinet.clock.advance(61)  # type: ignore[attr-defined]
        assert await stored(store) == 5
        await issue(cabinet, "ada", lifetime=60)
        assert await stored(store) == 3
        for token in lasting:
            cabinet.accounts.admit("free", credential(token.text))
        with pytest.raises(Unauthorized):
            cabinet.accounts.admit("free", credential(gone.text))


async def test_tokens_of_earlier_runs_that_ran_out_are_forgotten_too(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        await issue(await opened(store, free=()), "ada", lifetime=60)
        later = await opened(store, free=())
        await later.clock.advance(61)  # type: ignore[attr-defined]
        await issue(later, "bob")
        assert await stored(store) == 1


async def test_nothing_is_forgotten_where_it_would_be_welcome_again(tmp_path: Path) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        cabinet = await opened(store)
        over = await issue(cabinet, "ada", lifetime=60)
        await cabinet.clock.advance(61)  # type: ignore[attr-defined]
        await issue(cabinet, "ada", most=1)
        with pytest.raises(Unauthorized):
            cabinet.accounts.admit("free", credential(over.text))
        assert await stored(store) == 2
