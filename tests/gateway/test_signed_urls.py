"""URLs that carry a signature of themselves."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from datetime import UTC, datetime

import pytest

from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.auth import Credential, HeaderToken, SignedQuery, signatures
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Unauthorized
from mediaglot.gateway.model import Secret

SECRET = Secret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v")
AUTH = SignedQuery(HeaderToken("Bearer"), ("/files",))


def signed(query: str, path: str = "/files") -> Request:
    digest = hmac.new(b64decode(SECRET.reveal()), f"{path}?{query}".encode(), hashlib.sha256).hexdigest()
    return Request(path=path, query=f"{query}&signature={digest}")


def claim(query: str) -> Credential:
    credential = AUTH.claim(signed(query), {})
    assert credential is not None
    return credential


def accounts() -> tuple[Accounts, VirtualClock]:
    clock = VirtualClock(datetime(2030, 1, 1, tzinfo=UTC))
    return Accounts(clock=clock), clock


QUERY = "a=%2F1&client_id=me&expiry_time=1893456060"


def test_a_signature_opens_the_account_of_a_secret_that_is_known() -> None:
    known, _ = accounts()
    with pytest.raises(Unauthorized):
        known.admit("acme", claim(QUERY))
    known.learn("acme", Credential("me", SECRET))
    assert known.admit("acme", claim(QUERY)).id == Credential("me", SECRET).account
    with pytest.raises(Unauthorized):
        known.admit("other", claim(QUERY))


def test_where_accounts_are_listed_only_their_secrets_count() -> None:
    listed = Accounts({"acme": [Credential("me", Secret("c2VjcmV0"))]})
    listed.learn("acme", Credential("me", SECRET))
    with pytest.raises(Unauthorized):
        listed.admit("acme", claim(QUERY))


async def test_it_is_over_when_its_time_is() -> None:
    known, clock = accounts()
    known.learn("acme", Credential("me", SECRET))
    known.admit("acme", claim(QUERY))
    await clock.advance(60)
    with pytest.raises(Unauthorized, match="expired"):
        known.admit("acme", claim(QUERY))


def test_it_may_be_for_one_use() -> None:
    known, _ = accounts()
    known.learn("acme", Credential("me", SECRET))
    once = claim(f"multi_use=false&{QUERY}")
    known.admit("acme", once)
    with pytest.raises(Unauthorized, match="expired"):
        known.admit("acme", once)
    assert all(known.admit("acme", claim(QUERY)).user == "me" for _ in range(2))


@pytest.mark.parametrize("query", ["client_id=me&expiry_time=soon", "client_id=me", "expiry_time=" + "9" * 20])
def test_a_signature_without_a_time_is_malformed(query: str) -> None:
    with pytest.raises(Unauthorized, match="malformed"):
        claim(query)


def test_other_paths_want_the_other_credential() -> None:
    with pytest.raises(Unauthorized, match="missing"):
        AUTH.claim(signed(QUERY, "/jobs"), {})


def test_keys_are_read_in_every_alphabet() -> None:
    text, key = "x", bytes(range(250, 256)) * 2
    wanted = hmac.new(key, b"x", hashlib.sha256).hexdigest()
    for spelling in ("+vv8/f7/+vv8/f7/", "-vv8_f7_-vv8_f7_"):
        assert wanted in signatures(Secret(spelling), text)
    assert signatures(Secret("YWI"), text) == signatures(Secret("YWI="), text) != (), "the padding may be left out"
    assert signatures(Secret("not base64!"), text) == ()
