"""Who is let in: anybody with a well-formed credential, or only those on a list."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.faults import Unauthorized


@dataclass(frozen=True, slots=True)
class Account:
    """A tenant. ``user`` is the name that its dialect shows; ``id`` is ours and unique per credential."""

    id: str
    user: str


ANYBODY = Account(id="anybody", user="")


class Accounts:
    """``listed`` holds the credentials of each dialect that is closed to everybody else."""

    def __init__(self, listed: Mapping[str, Sequence[Credential]] | None = None) -> None:
        self._listed = dict(listed or {})

    def admit(self, dialect: str, credential: Credential | None) -> Account:
        """The account that a credential opens. Raises Unauthorized for one that is not on the list."""
        if credential is None:
            return ANYBODY
        listed = self._listed.get(dialect)
        if listed is not None and not sum(_same(credential, other) for other in listed):
            raise Unauthorized(reason="unknown")
        return Account(id=credential.account, user=credential.name)


def _same(one: Credential, other: Credential) -> bool:
    secrets = one.secret.reveal().encode(), other.secret.reveal().encode()
    return hmac.compare_digest(*secrets) & (one.name == other.name)
