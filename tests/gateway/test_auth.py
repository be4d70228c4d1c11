"""Who is asking: finding a credential in a document, and which accounts it opens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediaglot.gateway.accounts import ANYBODY, Account, Accounts, Grant, digest
from mediaglot.gateway.auth import BodyPair, Credential, HeaderToken, basic
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Malformed, Unauthorized
from mediaglot.gateway.model import Secret

AUTH = BodyPair(user="user", key="key", token="token", user_pattern=r"\d{1,20}")


def claim(**tree: Any) -> Credential:
    return AUTH.claim(Request(), tree)


def test_a_pair_of_fields_is_a_credential() -> None:
    assert claim(user="7", key="k") == claim(user=["7"], key=["k"]) == Credential("7", Secret("k"))


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({}, "missing"),
        ({"user": "7"}, "missing"),
        ({"key": "k"}, "missing"),
        ({"user": "7", "key": ""}, "missing"),
        ({"user": "7", "key": ["a", "b"]}, "missing"),
        ({"user": {"a": "7"}, "key": "k"}, "missing"),
        ({"user": 7, "key": "k"}, "missing"),
        ({"user": "7", "key": "k" * 501}, "missing"),
        ({"user": "", "key": "k"}, "malformed"),
        ({"user": "seven", "key": "k"}, "malformed"),
        ({"user": "7\n", "key": "k"}, "malformed"),
        ({"user": "7" * 21, "key": "k"}, "malformed"),
        ({"token": ""}, "missing"),
    ],
)
def test_anything_else_is_unauthorized(tree: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        claim(**tree)
    assert caught.value.data == {"reason": reason}


def test_a_token_stands_for_both() -> None:
    first, again, other = claim(token="t1"), claim(token="t1", user="nonsense"), claim(token="t2")
    assert first == again
    assert first.name.isdigit()
    assert len({first.account, again.account, other.account}) == 2


def test_signing_and_claiming_undo_each_other() -> None:
    mine = Credential("7", Secret("k"))
    assert AUTH.claim(Request(), AUTH.sign({"a": "1"}, mine)) == mine


def test_an_account_is_named_by_the_pair_and_does_not_tell_the_secret() -> None:
    mine = Credential("7", Secret("hunter2"))
    assert mine.account == Credential("7", Secret("hunter2")).account
    assert (
        len({mine.account, Credential("7", Secret("other")).account, Credential("8", Secret("hunter2")).account}) == 3
    )
    assert "hunter2" not in mine.account + repr(mine)


# --- accounts ---------------------------------------------------------------------------------------


def test_anybody_well_formed_is_let_in_without_a_list() -> None:
    account = Accounts().admit("toy", Credential("7", Secret("k")))
    assert (account.user, account.id) == ("7", Credential("7", Secret("k")).account)
    assert Accounts().admit("toy", None) is ANYBODY


@pytest.mark.parametrize("wrong", [("7", "K"), ("8", "k"), ("7", ""), ("7", "kk"), ("7", "ключ")])
def test_a_list_closes_its_dialect_to_everybody_else(wrong: tuple[str, str]) -> None:
    accounts = Accounts({"toy": [Credential("7", Secret("k")), Credential("9", Secret("k9"))], "shut": []})
    assert accounts.admit("toy", Credential("9", Secret("k9"))).user == "9"
    stranger = Credential(wrong[0], Secret(wrong[1]))
    with pytest.raises(Unauthorized):
        accounts.admit("toy", stranger)
    with pytest.raises(Unauthorized):
        accounts.admit("shut", Credential("7", Secret("k")))
    assert accounts.admit("open", stranger).user == wrong[0]


def test_the_pair_counts_and_not_its_halves() -> None:
    accounts = Accounts({"toy": [Credential("7", Secret("a")), Credential("8", Secret("b"))]})
    with pytest.raises(Unauthorized):
        accounts.admit("toy", Credential("7", Secret("b")))


# --- tokens in a header -------------------------------------------------------------------------------

BEARER = HeaderToken(scheme="Token", parameter="auth")


def asking(authorization: str | None = None, query: str = "") -> Credential:
    lines = (("authorization", authorization),) if authorization is not None else ()
    return BEARER.claim(Request(headers=Headers(lines=lines), query=query), {})


@pytest.mark.parametrize(
    ("authorization", "query"),
    [("Token abc", ""), ("  token   abc ", ""), (None, "auth=abc"), ("Basic dTpw", "x=1&auth=abc")],
)
def test_a_token_comes_in_the_header_or_the_query(authorization: str | None, query: str) -> None:
    credential = asking(authorization, query)
    assert (credential.secret.reveal(), credential.name) == ("abc", "")
    assert credential.account != asking("Token other").account


@pytest.mark.parametrize(
    ("authorization", "query", "reason"),
    [
        (None, "", "missing"),
        ("Basic dTpw", "", "missing"),
        ("Token", "", "empty"),
        ("Token  ", "auth=abc", "empty"),
        ("Token a b", "", "spaces"),
        (None, "auth=", "missing"),
    ],
)
def test_a_header_without_a_token_says_what_is_wrong(authorization: str | None, query: str, reason: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        asking(authorization, query)
    assert caught.value.data == {"reason": reason}


def test_bytes_that_are_no_text_make_an_account_like_any_other() -> None:
    stranger = asking("Token \udcff\ud800")
    assert Accounts(free=lambda name: name == "toy").admit("toy", stranger).id == stranger.account
    with pytest.raises(Unauthorized):
        Accounts({"toy": [Credential("", Secret("k"))]}).admit("toy", stranger)


# --- tokens that were issued --------------------------------------------------------------------------

START = datetime(2026, 1, 1, tzinfo=UTC)


def token(text: str) -> Credential:
    return Credential("", Secret(text), token=True)


async def test_an_issued_token_opens_its_account_until_it_expires_or_is_given_up() -> None:
    clock = VirtualClock(START)
    accounts = Accounts(clock=clock)
    mine = Account("7-abc", "7", ("read",))
    accounts.remember("toy", digest(Secret("t1")), Grant(mine, START + timedelta(seconds=60)))
    accounts.remember("toy", digest(Secret("t2")), Grant(mine))
    assert accounts.admit("toy", token("t1")) == accounts.admit("toy", token("t2")) == mine
    with pytest.raises(Unauthorized):
        accounts.admit("other", token("t1"))
    await clock.advance(60)
    with pytest.raises(Unauthorized) as caught:
        accounts.admit("toy", token("t1"))
    assert caught.value.data == {"reason": "expired"}
    accounts.remember("toy", digest(Secret("t2")), Grant(mine, START))
    with pytest.raises(Unauthorized):
        accounts.admit("toy", token("t2"))


def test_a_token_that_nobody_issued_is_welcome_only_where_tokens_are_free() -> None:
    with pytest.raises(Unauthorized):
        Accounts().admit("toy", token("x"))
    free = Accounts(free=lambda name: name == "toy")
    assert free.admit("toy", token("x")).id != free.admit("toy", token("y")).id
    listed = Accounts({"toy": [Credential("7", Secret("x"))]}, free=lambda name: name == "toy")
    assert listed.admit("toy", token("x")) == Account(Credential("7", Secret("x")).account, "7")
    with pytest.raises(Unauthorized):
        listed.admit("toy", token("y"))


def test_basic_credentials_are_found_in_their_header() -> None:
    assert basic("Basic NGYyYTpjMGZmOmVl") == ("4f2a", "c0ff:ee")
    assert basic("Bearer NGYyYTpjMGZmOmVl") == basic("") == ("", "")
    for broken in ("Basic !!!", "Basic /w==", "Basic é"):
        with pytest.raises(Malformed):
            basic(broken)
