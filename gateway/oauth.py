"""The token endpoint of OAuth 2.0 for applications: a client id and its secret for a token of a while."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import IssueToken
from mediaglot.gateway.faults import Forbidden, Invalid
from mediaglot.gateway.mapping import read_scalar
from mediaglot.gateway.model import Secret
from mediaglot.gateway.values import NATURAL
from mediaglot.gateway.wire.form import fields

LONGEST = 10**9


class BadClient(Forbidden):
    """Client id and secret are not those of an application."""

    code = "bad_client"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """``client`` is how ids look; ``scopes`` what each of them allows, in the words that routes want."""

    client: str
    scopes: Mapping[str, Sequence[str]]
    lifetime: int
    """Seconds, unless the client asks for others."""

    def read(self, call: Call, grants: Sequence[str]) -> IssueToken:
        """Raises Invalid, and BadClient for what can't be an application."""
        said = form(call)
        if said.get("grant_type") not in grants:
            raise Invalid(field="grant_type", reason="is none of those that there are")
        name, secret = said.get("client_id", ""), said.get("client_secret", "")
        if not re.fullmatch(self.client, name) or not 0 < len(secret) <= 500:
            raise BadClient
        wanted = [word.strip() for word in said.get("scope", "").split(",") if word.strip()]
        if not self.scopes.keys() >= set(wanted):
            raise Invalid(field="scope", reason="is none of those that there are")
        seconds = read_scalar(NATURAL, lifetime_asked(call) or self.lifetime, "expires_in")
        if not 0 < seconds <= LONGEST:
            raise Invalid(field="expires_in", reason="is out of range")
        scopes = dict.fromkeys(allowed for word in wanted for allowed in self.scopes[word])
        return IssueToken(name=name, secret=Secret(secret), lifetime=seconds, scopes=tuple(scopes))


def form(call: Call) -> dict[str, str]:
    return {name: value for name, value in fields(call.request.body) if value}


def lifetime_asked(call: Call) -> str | None:
    """``expires_in`` in the form, or in the query."""
    return form(call).get("expires_in") or dict(parse_qsl(call.request.query)).get("expires_in")
