"""Who is let in: anybody with a well-formed credential, or only those on a list."""

from __future__ import annotations

import hashlib
import heapq
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mediaglot.gateway.auth import Credential, Signed, as_bytes, signatures
from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import Unauthorized
from mediaglot.gateway.model import Secret
from mediaglot.gateway.model.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Account:
    """A tenant. ``user`` is the name that its dialect shows; ``id`` is ours and unique per credential.

    ``scopes`` are what a token was limited to, none meaning everything.
    """

    id: str
    user: str
    scopes: tuple[str, ...] = ()


ANYBODY = Account(id="anybody", user="")


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for, until ``expires``."""

    account: Account
    expires: datetime | None = None


class Accounts:
    """``listed`` holds the credentials of each dialect that is closed to everybody else.

    Tokens that were issued are known by their hash; where a dialect is ``free``, others that nobody issued are
    welcome too and name an account each.
    """

    def __init__(
        self,
        listed: Mapping[str, Sequence[Credential]] | None = None,
        clock: Clock | None = None,
        *,
        free: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._listed = dict(listed or {})
        self._clock = clock or RealClock()
        self._free = free
        self._grants: dict[tuple[str, str], Grant] = {}
        self._owned: dict[tuple[str, str], set[str]] = {}
        self._ends: dict[str, list[tuple[datetime, str]]] = {}
        self._learned: dict[tuple[str, str], dict[str, Credential]] = {}
        self._used: dict[str, datetime] = {}

    def admit(self, dialect: str, credential: Credential | None) -> Account:
        """The account that a credential opens. Raises Unauthorized for one that is not on the list."""
        if credential is None:
            return ANYBODY
        if credential.token:
            return self._by_token(dialect, credential)
        if credential.signed is not None:
            return self._by_signature(dialect, credential, credential.signed)
        listed = self._listed.get(dialect)
        # All are compared: the time that it takes gives none away.
        if listed is not None and not sum(_same(credential, other) for other in listed):
            raise Unauthorized(reason="unknown")
        return Account(id=credential.account, user=credential.name)

    def remember(self, dialect: str, token: str, grant: Grant) -> None:
        """A token was issued; ``token`` is its ``digest``."""
        self._grants[dialect, token] = grant
        self._owned.setdefault((dialect, grant.account.user), set()).add(token)
        if grant.expires is not None:
            heapq.heappush(self._ends.setdefault(dialect, []), (grant.expires, token))

    def count(self, dialect: str, user: str) -> int:
        """How many tokens somebody has that are not over."""
        now, grants = self._clock.now(), self._grants
        valid = {one for one in self._owned.get((dialect, user), ()) if not _over(grants.get((dialect, one)), now)}
        self._owned[dialect, user] = valid
        return len(valid)

    def purge(self, dialect: str, most: int) -> tuple[str, ...]:
        """Forget tokens that are over; none where strange ones are welcome, as these would be welcome again."""
        gone: list[str] = []
        ends, now = self._ends.get(dialect, []), self._clock.now()
        while ends and ends[0][0] <= now and len(gone) < most and not self._free(dialect):
            _, token = heapq.heappop(ends)
            if (grant := self._grants.get((dialect, token))) is not None and _over(grant, now):
                del self._grants[dialect, token]
                self._owned.get((dialect, grant.account.user), set()).discard(token)
                gone.append(token)
        return tuple(gone)

    def learn(self, dialect: str, credential: Credential) -> None:
        """A credential that was let in: from now on its signatures are good too."""
        self._learned.setdefault((dialect, credential.name), {})[credential.account] = credential

    def _by_signature(self, dialect: str, credential: Credential, signed: Signed) -> Account:
        listed = (other for other in self._listed.get(dialect, ()) if other.name == credential.name)
        known = {other.account: other for other in listed}
        if dialect not in self._listed:
            known = self._learned.get((dialect, credential.name), {})
        signature = credential.secret.reveal()
        for other in known.values():
            if any(hmac.compare_digest(signature, one) for one in signatures(other.secret, signed.text)):
                self._check_time(signature, signed)
                return Account(id=other.account, user=other.name)
        raise Unauthorized(reason="unknown")

    def _check_time(self, signature: str, signed: Signed) -> None:
        now = self._clock.now()
        if signed.until <= now or signature in self._used:
            raise Unauthorized(reason="expired")
        if signed.once:
            self._used = {used: until for used, until in self._used.items() if until > now}
            self._used[signature] = signed.until

    def _by_token(self, dialect: str, credential: Credential) -> Account:
        grant = self._grants.get((dialect, digest(credential.secret)))
        if grant is not None:
            if _over(grant, self._clock.now()):
                raise Unauthorized(reason="expired")
            return grant.account
        listed = self._listed.get(dialect)
        if not self._free(dialect):
            raise Unauthorized(reason="unknown")
        if listed is None:
            return Account(id=credential.account, user="")
        for other in listed:
            if hmac.compare_digest(digest(other.secret), digest(credential.secret)):
                return Account(id=other.account, user=other.name)
        raise Unauthorized(reason="unknown")


def _over(grant: Grant | None, now: datetime) -> bool:
    return grant is None or (grant.expires is not None and grant.expires <= now)


def digest(token: Secret) -> str:
    return hashlib.sha256(as_bytes(token)).hexdigest()


def _same(one: Credential, other: Credential) -> bool:
    return hmac.compare_digest(as_bytes(one.secret), as_bytes(other.secret)) & (one.name == other.name)
