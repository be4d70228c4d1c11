"""What is carried over from one implementation's answers into the requests that were recorded with another's.

An id that the recording's answer gave is replaced, wherever a later request has it as a whole value, by the one that
stands in the same place of this implementation's answer. So are the credentials.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from mediaglot.gateway.auth import Credential, basic
from mediaglot.gateway.contract.difference import leaves, name_of, passes
from mediaglot.gateway.contract.recording import Exchange
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.errand import Login
from mediaglot.gateway.exchange import Headers, IssueToken, Request
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.model.mask import STARS
from mediaglot.gateway.testing.case import read_call
from mediaglot.gateway.testing.scrub import Scrubber
from mediaglot.gateway.wire.swap import Unswappable

BAD: Final = 400
LONG: Final = "://"
"""What the scrubber puts before a value that is too long for its name."""


class Carrying:
    """One replay of one recording."""

    def __init__(self, dialect: Dialect, login: Login | None = None, given: Mapping[str, str] | None = None) -> None:
        """``given`` is what stands for recorded values from the beginning."""
        self._dialect, self._login = dialect, login
        self._given = dict(given or {})
        self._said: set[tuple[str, str]] = set()
        self._settled = False
        self._called: dict[str, str] = {}
        """Our account's name, by those that clients of the recording came in with."""
        self._scrubber = Scrubber(dialect, self._now)

    def _now(self, value: str) -> str:
        if value not in self._given and "," in value:
            return ",".join(self._given.get(part, part) for part in value.split(","))
        return self._given.get(value, value).removeprefix(LONG)

    # --- requests ---------------------------------------------------------------------------------------

    def onward(self, recorded: Request) -> Request | None:
        """The request for this implementation; None for one whose body is not in the recording."""
        reading = read_call(self._dialect, recorded)
        self._hear(reading.call, recorded)
        if isinstance(reading.intent, IssueToken):
            self._introduce(reading.intent)
        self._settle(reading.call)
        request = replace(self._scrubber.request(recorded), base=recorded.base, site=recorded.site)
        kind = recorded.headers.get("Content-Type").lower()
        length = len(recorded.body) or recorded.headers.get("Content-Length") not in ("", "0")
        if kind.startswith("multipart/") or (length and not request.body):
            return None
        return self._signed(reading.call, self._named(recorded, request))

    def foresee(self, exchanges: Iterable[Exchange]) -> None:
        """Whom the recording's paths name is told before a path names it, at a login for instance."""
        for each in exchanges:
            if each.response.status < BAD:
                self._settle(read_call(self._dialect, each.request).call)
            if self._settled:
                return

    def _settle(self, call: Call) -> None:
        """Ours stands for the one whom paths name first, and for nobody else: others are strangers to us as well."""
        tenant = call.params.get(self._dialect.tenant_parameter)
        if tenant is not None and not self._settled and self._login is not None and self._login.tenant:
            self._given[tenant] = self._login.tenant
            self._settled = True

    def _hear(self, call: Call, recorded: Request) -> None:
        """What the client says itself is no id that it was given."""
        for path, value in leaves([call.tree, dict(call.params)]):
            self._said.add((name_of(path), text_of(value)))

    def _introduce(self, intent: IssueToken) -> None:
        """Whoever trades a secret for a token trades ours."""
        if self._login is not None:
            self._given[intent.secret.reveal()] = self._login.secret.reveal()
            self._given.setdefault(intent.name, self._login.name or intent.name)

    def _named(self, recorded: Request, request: Request) -> Request:
        """With the pair of a Basic authorization in it, which the scrubber does not look into."""
        try:
            name, secret = basic(recorded.headers.get("Authorization"))
        except Fault:
            return request
        if not name:
            return request
        pair = base64.b64encode(f"{self._now(name)}:{self._now(secret)}".encode()).decode()
        return replace(request, headers=_with(request.headers, "Authorization", f"Basic {pair}"))

    def _signed(self, call: Call, request: Request) -> Request:
        """With our credential, unless its own was given by an answer."""
        own, login = call.credential, self._login
        if own is None or login is None or own.secret.reveal() in self._given:
            return request
        credential = Credential(login.name or own.name, login.secret, token=own.token)
        self._called[own.name] = credential.name
        try:
            return self._dialect.auth.stamp(request, self._dialect.wire, credential)
        except Unswappable:
            return request

    # --- answers ----------------------------------------------------------------------------------------

    def learn(self, recorded: Any, told: Any) -> None:
        """What this implementation gave in place of what the recording's did."""
        for name, before, after in _pairs(recorded, told):
            old, new = text_of(before), text_of(after)
            self._take(name, old, new)
            was, now = self._scrubber.said(old), self._scrubber.said(new)
            if was is not None and now is not None and was[0] == now[0]:
                for place in was[1]:
                    self._take(place, was[1][place], now[1][place])

    def _take(self, name: str, old: str, new: str) -> None:
        made = not self._scrubber.keeps(name, old) and bool(old.strip()) and bool(new.strip())
        if made and (name, old) not in self._said:
            self._given[old] = new

    def alike(self, name: str, before: Any, after: Any) -> bool:
        """Whether a value of this implementation's answer may stand for the recorded one. What an implementation makes
        up itself is not compared; what the client said comes back as it was said."""
        old, new = text_of(before), text_of(after)
        if old == new or STARS in old or passes(name, before):
            return True
        if self._scrubber.keeps(name, old):
            return _same_number(old, new)
        if (name, old) in self._said:
            return new in (self._now(old), self._called.get(old))
        return not (name.endswith("id") and old in self._given) or self._now(old) == new


def _same_number(old: str, new: str) -> bool:
    try:
        return float(old) == float(new)
    except ValueError:
        return False


def text_of(value: Any) -> str:
    """As a document would have it."""
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


def _pairs(before: Any, after: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Scalars that stand in the same place of two documents, with their names."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() & after.keys():
            yield from _pairs(before[key], after[key], str(key).lower())
    elif isinstance(before, list) and isinstance(after, list):
        for old, new in zip(before, after, strict=False):
            yield from _pairs(old, new, name)
    elif not isinstance(before, (dict, list)) and not isinstance(after, (dict, list)):
        yield name, before, after


def _with(headers: Headers, name: str, value: str) -> Headers:
    lines = (line for line in headers if line[0].lower() != name.lower())
    return Headers(lines=(*lines, (name, value)))
