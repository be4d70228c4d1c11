"""How a client says who it is: strategies that find a credential in a request, and put one in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote_plus

from mediaglot.gateway.exchange import Headers, Request
from mediaglot.gateway.faults import Malformed, Unauthorized
from mediaglot.gateway.mapping import one
from mediaglot.gateway.model import Secret
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.wire import Swapping, Wire
from mediaglot.gateway.wire.swap import Unswappable


def as_bytes(secret: Secret) -> bytes:
    """A secret's bytes, also where a header brought bytes that are no text."""
    return secret.reveal().encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed instead of sending a secret, until when that holds, and whether for one request only."""

    text: str
    until: datetime
    once: bool = False


@quick
@dataclass(frozen=True, slots=True)
class Credential:
    """A name and its secret, as the client sent them; or a ``token``, which comes without a name; or a name and its
    signature of ``signed``."""

    name: str
    secret: Secret
    token: bool = False
    signed: Signed | None = None

    @property
    def account(self) -> str:
        """A stable name for the pair that does not give the secret away."""
        return f"{self.name}-{hashlib.sha256(as_bytes(self.secret)).hexdigest()[:16]}"


_compiled = cache(re.compile)


class Auth(Protocol):
    def claim(self, request: Request, tree: dict[str, Any]) -> Credential | None:
        """Who the request says it is from. Raises Unauthorized where that is absent or malformed.

        None: this request needs no credential.
        """
        ...

    def sign(self, tree: dict[str, Any], credential: Credential) -> dict[str, Any]:
        """``tree`` with the credential in it."""
        ...

    def stamp(self, request: Request, wire: Wire, credential: Credential) -> Request:
        """The same request with this credential in place of its own. Raises Unswappable where that can't be done."""
        ...


@dataclass(frozen=True, slots=True)
class BodyPair:
    """Two fields of the document, or a token in a third one instead of both."""

    user: str
    key: str
    token: str | None = None
    user_pattern: str = r"\S{1,100}"

    def claim(self, request: Request, tree: dict[str, Any]) -> Credential:
        if self.token and isinstance(token := one(tree.get(self.token)), str) and token:
            number = int.from_bytes(hashlib.sha256(token.encode()).digest()[:4], "big")
            return Credential(str(number), Secret(token))
        user, key = one(tree.get(self.user)), one(tree.get(self.key))
        if not (isinstance(user, str) and isinstance(key, str) and key and len(key) <= 500):
            raise Unauthorized(reason="missing")
        if not _compiled(self.user_pattern).fullmatch(user):
            raise Unauthorized(reason="malformed")
        return Credential(user, Secret(key))

    def sign(self, tree: dict[str, Any], credential: Credential) -> dict[str, Any]:
        return {self.user: credential.name, self.key: credential.secret.reveal(), **tree}

    def stamp(self, request: Request, wire: Wire, credential: Credential) -> Request:
        values = {self.user: credential.name, self.key: credential.secret.reveal()}
        chosen = wire.choose(request)
        if not isinstance(chosen, Swapping):
            raise Unswappable
        stamped = chosen.swap(request, values)
        before, after = (wire.choose(each).read(each) for each in (request, stamped))
        if after != {**before, **values}:
            raise Unswappable
        return stamped


@dataclass(frozen=True, slots=True)
class HeaderToken:
    """``Authorization: <scheme> <token>``, or the token in a query parameter."""

    scheme: str
    parameter: str | None = None

    def claim(self, request: Request, tree: dict[str, Any]) -> Credential:
        """Raises Unauthorized with ``reason`` missing (also for another scheme), empty or spaces."""
        scheme, _, token = request.headers.get("Authorization").strip().partition(" ")
        if scheme.lower() != self.scheme.lower():
            token = self._parameter(request)
        elif not token.strip():
            raise Unauthorized(reason="empty")
        elif " " in token.strip():
            raise Unauthorized(reason="spaces")
        return Credential("", Secret(token.strip()), token=True)

    def stamp(self, request: Request, wire: Wire, credential: Credential) -> Request:
        lines = [line for line in request.headers if line[0].lower() != "authorization"]
        lines.append(("Authorization", f"{self.scheme} {credential.secret.reveal()}"))
        query = [part for part in request.query.split("&") if unquote_plus(part.partition("=")[0]) != self.parameter]
        return replace(request, headers=Headers(lines=tuple(lines)), query="&".join(query))

    def _parameter(self, request: Request) -> str:
        values = dict(parse_qsl(request.query)) if self.parameter else {}
        if not (token := values.get(self.parameter or "")):
            raise Unauthorized(reason="missing")
        return token

    def sign(self, tree: dict[str, Any], credential: Credential) -> dict[str, Any]:
        return tree


def basic(header: str) -> tuple[str, str]:
    """The name and the secret of an ``Authorization: Basic`` header, empty for another one. Raises Malformed."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except ValueError:
        raise Malformed(format="HTTP", reason="Authorization") from None
    return name, secret


def signatures(secret: Secret, text: str) -> tuple[str, ...]:
    """HMAC-SHA256 of ``text`` in hexadecimal digits, for each alphabet of base64 that ``secret`` can be read in."""
    plain = secret.reveal()
    padded = plain + "=" * (-len(plain) % 4)
    keys = dict.fromkeys(key for altchars in (b"+/", b"-_") if (key := _key(padded, altchars)) is not None)
    return tuple(hmac.new(key, text.encode(), hashlib.sha256).hexdigest() for key in keys)


def _key(text: str, altchars: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, altchars, validate=True)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class SignedQuery:
    """A URL that carries a signature of itself as its last parameter; all other requests are for ``otherwise``.

    Signed is the request target as it was sent, path and query, up to that parameter. The query names the signer,
    the time (seconds since 1970) until which it holds, and maybe (``many``) whether it may be used again.
    Only paths that begin with one of ``paths`` may be signed.
    """

    otherwise: Auth
    paths: tuple[str, ...]
    signature: str = "signature"
    name: str = "client_id"
    until: str = "expiry_time"
    many: str = "multi_use"

    def claim(self, request: Request, tree: dict[str, Any]) -> Credential | None:
        text, mark, digest = f"{request.path}?{request.query}".rpartition(f"&{self.signature}=")
        if not mark or not request.path.startswith(self.paths):
            return self.otherwise.claim(request, tree)
        values = dict(parse_qsl(text.partition("?")[2]))
        seconds = values.get(self.until, "")
        if not re.fullmatch(r"\d{1,11}", seconds, re.ASCII) or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise Unauthorized(reason="malformed")
        signed = Signed(text, datetime.fromtimestamp(int(seconds), UTC), once=values.get(self.many) == "false")
        return Credential(values.get(self.name, ""), Secret(digest), signed=signed)

    def sign(self, tree: dict[str, Any], credential: Credential) -> dict[str, Any]:
        return self.otherwise.sign(tree, credential)

    def stamp(self, request: Request, wire: Wire, credential: Credential) -> Request:
        """A signature is the client's own; whoever holds the secret needs none."""
        parameters = {self.name, self.until, self.many, self.signature}
        query = [part for part in request.query.split("&") if part.partition("=")[0] not in parameters]
        bare = replace(request, query="&".join(query)) if f"&{self.signature}=" in request.query else request
        return self.otherwise.stamp(bare, wire, credential)
