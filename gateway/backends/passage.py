"""The passage to a provider of the client's own dialect: requests go there and answers come back as they are.

Only who asks is exchanged: the configured credentials for the client's, or none, where the client's are to be used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from mediaglot.gateway.backends.agent import Agent
from mediaglot.gateway.backends.hops import HOPS, hops_of
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.errand import Errand, Pass
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Refused, Unauthorized, UnknownAction
from mediaglot.gateway.wire.swap import Unswappable

HOP: Final = frozenset(
    "connection content-length expect host keep-alive proxy-authenticate proxy-authorization proxy-connection te "
    "trailer transfer-encoding upgrade".split()
)
"""Headers that are about one connection and not about the message, and those that the next one makes anew."""
PERSONAL: Final = frozenset({"authorization", "cookie", "set-cookie"})
SAFE: Final = "/:@!$&'()*+,;=~-._"
"""What of a path is not percent-encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """``accounts`` (ids), none for all. ``own``: clients have accounts at the provider and bring their credentials."""

    dialect: Dialect
    agent: Agent
    accounts: frozenset[str] = frozenset()
    own: bool = False

    def is_for(self, account: str) -> bool:
        return not self.accounts or account in self.accounts

    async def carry(self, call: Call) -> Response:
        """The provider's answer. Raises Unavailable where there is none, and Unauthorized where the client's
        credential is written in a way in which it can't be exchanged."""
        hops_of(call.request)
        if self.own:
            response = await self.agent.pass_on(onward(call.request, own=True))
        elif call.route is not None and call.route.public:
            response = await self.agent.pass_on(onward(call.request))
        else:
            again = call.request.method in {"GET", "HEAD"}
            response = await self.agent.run(Errands(self.dialect, call).ask, again=again)
        return replace(response, headers=kept(response.headers, own=self.own))


class Errands:
    """One request, with whatever pass is at hand: a token may have to be traded anew."""

    def __init__(self, dialect: Dialect, call: Call) -> None:
        self._dialect, self._call, self._doubt = dialect, call, True

    def ask(self, permit: Pass) -> Errand[Response]:
        """The first refusal of a token may only mean that it is too old; the second one is the answer."""
        response = yield stamped(self._dialect, self._call, permit)
        if response.status == 401 and self._doubt:
            self._doubt = False
            raise Refused(Unauthorized(reason="expired"))
        return response


def stamped(dialect: Dialect, call: Call, permit: Pass) -> Request:
    """The request as we would sign it; its document says what it said. Raises Unauthorized."""
    request = onward(call.request)
    if (
        dialect.tenant_parameter
        and dialect.tenant_parameter in call.params
        and permit.tenant
        and call.route is not None
    ):
        path = call.route.path.format_map({**call.params, dialect.tenant_parameter: permit.tenant})
        request = replace(request, path=quote(path, safe=SAFE))
    try:
        return dialect.auth.stamp(request, dialect.wire, permit.credential)
    except Unswappable:
        raise Unauthorized(reason="malformed") from None


def onward(request: Request, *, own: bool = False) -> Request:
    """A request for the next server: without what was meant for us, and without who asks unless that is to be told."""
    if any(part in {".", ".."} for part in request.path.split("/")):
        raise UnknownAction(name=request.path)
    lines = [*kept(request.headers, own=own), ("Accept-Encoding", "identity")]
    meant = [(name, value) for name, value in lines if not name.lower().startswith("mediaglot-")]
    meant.append((HOPS, str(hops_of(request) + 1)))
    path = quote(request.path, safe=SAFE, errors="replace")
    return replace(request, path=path, headers=Headers(lines=tuple(meant)))


def kept(headers: Iterable[tuple[str, str]], *, own: bool) -> Headers:
    """The lines of a message that are for whoever is at its end."""
    lines = list(headers)
    named = {word.strip().lower() for name, value in lines if name.lower() == "connection" for word in value.split(",")}
    left_out = HOP | named | {"accept-encoding"} | (frozenset() if own else PERSONAL)
    return Headers(lines=tuple(line for line in lines if line[0].lower() not in left_out))
