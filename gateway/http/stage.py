"""What a world does to a request on its way: notes it in the journal, and lets go wrong what is to go wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from mediaglot.gateway import codec
from mediaglot.gateway.dialect import Call
from mediaglot.gateway.exchange import Headers, Intent, Request, Response, Result
from mediaglot.gateway.faults import Fault, Internal
from mediaglot.gateway.lab.journal import Entry
from mediaglot.gateway.lab.lab import Lab
from mediaglot.gateway.lab.mishap import DATA, Effects
from mediaglot.gateway.lab.weather import CALM
from mediaglot.gateway.loss import Kind, Ledger
from mediaglot.gateway.mask import secrets
from mediaglot.gateway.model import Ticket, is_credential, masked
from mediaglot.gateway.model.mask import STARS

SCHEMES: Final = frozenset({"basic", "bearer", "token"})
LONGEST: Final = 20_000
"""Characters of a body that the journal keeps."""
SPARE: Final = 8192
"""Characters behind those that are looked through, too: the last ones may be the first half of a secret."""
BLOCK: Final = 1024
RESET: Final = struct.pack("ii", 1, 0)
"""Linger for no time: the connection is reset when it is closed."""


class Visit:
    """One request in a world. ``enter`` and ``leave`` are the endpoint's to call; ``finish`` sends what is left."""

    def __init__(self, lab: Lab, dialect: str, request: Request) -> None:
        self._lab, self._dialect, self.request = lab, dialect, request
        self._effects: Effects | None = None
        self.call: Call | None = None
        self.result: Result | Fault | None = None
        self._unread: tuple[str, ...] = ()
        self.idle = asyncio.Event()
        """Not set while the house does what was asked."""
        self.idle.set()

    @property
    def intent(self) -> Intent | None:
        return self.call.intent if self.call is not None else None

    async def enter(self, call: Call) -> None:
        """Raises the Fault that is to be answered instead of doing what was asked."""
        effects = await self._meet(call)
        if effects.ends and not effects.performed:
            raise effects.fault or Internal(**DATA)
        self.idle.clear()

    def leave(self, call: Call, result: Result | Fault, ledger: Ledger) -> Result | Fault:
        """What is to be rendered."""
        self.idle.set()
        self.call, self.result = call, result
        self._unread = tuple(dict.fromkeys(loss.path for loss in ledger if loss.kind is Kind.UNREAD))
        fault = self._effects.fault if self._effects is not None else None
        return result if fault is None else fault

    async def finish(self, raw: web.Request, response: Response) -> web.StreamResponse:
        """Journal first: whoever has the answer finds the entry."""
        effects = self._effects if self._effects is not None else await self._meet(self.call)
        answer = changed(response, effects)
        await self._lab.journal.add(self._entry(None if effects.cut else answer, effects.names))
        if effects.cut:
            return cut(raw, reset=effects.cut == "reset")
        if effects.slow is None and effects.truncate is None:
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers.lines)
        return await trickle(raw, answer, effects)

    async def _meet(self, call: Call | None) -> Effects:
        """What goes wrong with it; a request that can't be read has no operation."""
        self._effects = CALM
        if len(self._lab.weather):
            operation = call.route.name if call is not None and call.route is not None else None
            tree = self._entry(None, (), call).tree()
            self._effects = self._lab.weather.strike(self._dialect, operation, tree, self._lab.clock.monotonic())
            await asyncio.sleep(self._effects.latency)
        return self._effects

    def _entry(self, answer: Response | None, injected: tuple[str, ...], call: Call | None = None) -> Entry:
        call, asked = call or self.call, self.request
        curtain = Curtain(call, self.result, asked.site)
        intent = call.intent if call is not None else None
        return Entry(
            number=self._lab.journal.next_number,
            at=self._lab.clock.now(),
            dialect=self._dialect,
            operation=call.route.name if call is not None and call.route is not None else None,
            account=call.account.id if call is not None else "",
            method=asked.method,
            path=curtain.text(asked.path),
            query=curtain.text(asked.query),
            headers=curtain.lines(asked.headers),
            body=curtain.excerpt(asked.body.decode("utf-8", "replace")),
            status=answer.status if answer is not None else None,
            answer_headers=curtain.lines(answer.headers) if answer is not None else (),
            answer=curtain.excerpt(answer.body.decode("utf-8", "replace")) if answer is not None else "",
            intent=curtain.tree(codec.encode(intent, Intent)) if intent is not None else None,
            fault=self._fault(curtain),
            job=self.result.id if isinstance(self.result, Ticket) else None,
            unread=self._unread,
            injected=injected,
            length=len(asked.body),
        )

    def _fault(self, curtain: Curtain) -> Any:
        if not isinstance(self.result, Fault):
            return None
        return curtain.tree({"code": self.result.code, "data": {k: str(v) for k, v in self.result.data.items()}})


class Curtain:
    """Hides what nobody may see: the secrets of a request and its answer; and the address of this server, which would
    make two journals of the same calls differ."""

    def __init__(self, call: Call | None, result: Result | Fault | None, site: str) -> None:
        asked = (call.intent, call.credential) if call is not None else ()
        known = {text for value in (*asked, result) for text in secrets(value)}
        self._known = sorted(known, key=len, reverse=True)
        host = site.partition("://")[2].partition("/")[0]
        quoted = quote(host, safe="")
        self._site = site
        self._places = {site: "{site}", host: "{host}", quoted: "{host}", quote(quoted, safe=""): "{host}"}

    def of(self, value: Any) -> Curtain:
        """One that hides the secrets of ``value``, too."""
        more = Curtain(None, value, self._site)
        more._known += self._known
        return more

    def text(self, text: str) -> str:
        shown = masked(text, self._known)
        for place, name in self._places.items():
            shown = shown.replace(place, name) if place else shown
        return shown

    def excerpt(self, text: str) -> str:
        """The beginning. To look for credentials in megabytes would take minutes."""
        shown = self.text(text[: LONGEST + SPARE])
        return (shown[:-SPARE] if len(text) > LONGEST + SPARE else shown)[:LONGEST]

    def lines(self, headers: Headers) -> tuple[tuple[str, str], ...]:
        return tuple((name, starred(value) if is_credential(name) else self.text(value)) for name, value in headers)

    def tree(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.tree(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.tree(item) for item in value]
        return self.excerpt(value) if isinstance(value, str) else value


def starred(value: str) -> str:
    """A header that is a credential; which kind of one stays to be seen."""
    scheme, blank, _ = value.partition(" ")
    return f"{scheme} {STARS}" if blank and scheme.lower() in SCHEMES else STARS


def changed(response: Response, effects: Effects) -> Response:
    """The answer as it is sent, but for its pace and its end."""
    status = effects.status if effects.status is not None else response.status
    body = response.body if effects.body is None else effects.body.encode()
    if effects.malform:
        body = malformed(body)
    given = dict(effects.headers)
    if effects.content_type is not None:
        given["Content-Type"] = effects.content_type
    kept = tuple(line for line in response.headers if line[0].lower() not in {name.lower() for name in given})
    return replace(response, status=status, body=body, headers=Headers(lines=(*kept, *given.items())))


def malformed(body: bytes) -> bytes:
    """Its first half, and an end that no format has."""
    return body[: len(body) // 2] + b"\x00<{"


def cut(raw: web.Request, *, reset: bool) -> web.Response:
    """End the connection without a word, in order or not."""
    transport = raw.transport
    if transport is not None:
        sock = transport.get_extra_info("socket")
        if reset and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()
    return web.Response(status=444)


async def trickle(raw: web.Request, answer: Response, effects: Effects) -> web.StreamResponse:
    """The body slowly, or not to its end, with the length of all of it in the header."""
    response = web.StreamResponse(status=answer.status, headers=answer.headers.lines)
    response.content_length = len(answer.body)
    await response.prepare(raw)
    body = answer.body if effects.truncate is None else answer.body[: effects.truncate]
    step = min(BLOCK, max(1, (effects.slow or BLOCK) // 10))
    for start in range(0, len(body), step):
        await response.write(body[start : start + step])
        if effects.slow is not None:
            await asyncio.sleep(step / effects.slow)
    if len(body) < len(answer.body) and raw.transport is not None:
        raw.transport.close()
        return response
    await response.write_eof()
    return response
