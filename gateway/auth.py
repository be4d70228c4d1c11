"""How a client says who it is: strategies that find a credential in a request, and put one in."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Protocol

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Unauthorized
from mediaglot.gateway.model import Secret


@dataclass(frozen=True, slots=True)
class Credential:
    """A name and its secret, as the client sent them."""

    name: str
    secret: Secret

    @property
    def account(self) -> str:
        """A stable name for the pair that does not give the secret away."""
        return f"{self.name}-{hashlib.sha256(self.secret.reveal().encode()).hexdigest()[:16]}"


class Auth(Protocol):
    def claim(self, request: Request, tree: dict[str, Any]) -> Credential | None:
        """Who the request says it is from. Raises Unauthorized where that is absent or malformed.

        None: this request needs no credential.
        """
        ...

    def sign(self, tree: dict[str, Any], credential: Credential) -> dict[str, Any]:
        """``tree`` with the credential in it."""
        ...


@dataclass(frozen=True, slots=True)
class BodyPair:
    """Two fields of the document, or a token in a third one instead of both."""

    user: str
    key: str
    token: str | None = None
    user_pattern: str = r"\S{1,100}"

    def claim(self, request: Request, tree: dict[str, Any]) -> Credential:
        if self.token and isinstance(token := tree.get(self.token), str) and token:
            number = int.from_bytes(hashlib.sha256(token.encode()).digest()[:4], "big")
            return Credential(str(number), Secret(token))
        user, key = tree.get(self.user), tree.get(self.key)
        if not (isinstance(user, str) and isinstance(key, str) and key and len(key) <= 500):
            raise Unauthorized(reason="missing")
        if not re.fullmatch(self.user_pattern, user):
            raise Unauthorized(reason="malformed")
        return Credential(user, Secret(key))

    def sign(self, tree: dict[str, Any], credential: Credential) -> dict[str, Any]:
        return {self.user: credential.name, self.key: credential.secret.reveal(), **tree}
