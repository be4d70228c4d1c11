"""The control API, for whoever runs the server: below our own prefix, in JSON, and without credentials.

With a ``control_token`` it wants ``Authorization: Bearer <token>``. Without one it answers only what comes straight
from this machine to a server that nobody else can reach.
"""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from mediaglot.gateway.auth import as_bytes
from mediaglot.gateway.config import Settings
from mediaglot.gateway.http.letters import Letters
from mediaglot.gateway.http.refusal import Refusal, wrong_method
from mediaglot.gateway.model import Secret
from mediaglot.gateway.report import Report
from mediaglot.gateway.store import Key

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server
    from mediaglot.gateway.http.house import House

ROOMS: Final = frozenset({"contract", "notifications", "providers", "reports", "routes"})
PASSED_ON: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Via", "Origin")
"""Headers of what comes through a proxy, or from a page in somebody's browser."""
HINT: Final = "set control_token in the file or MEDIAGLOT_CONTROL_TOKEN, and send it as Authorization: Bearer TOKEN"


class Control:
    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle(self, request: web.Request, room: str, rest: str) -> web.Response:
        try:
            check(request, self._server.settings)
            if room == "contract":
                return _json(self._contract(request, rest))
            if room == "providers":
                return _json(await self._providers(request, rest))
            if room == "reports":
                return _json(await self._report(request, rest))
            if room == "routes":
                from mediaglot.gateway.http import roads  # noqa: PLC0415 - only what is used is loaded

                return _json(await roads.foresee(self._server, self._house(), request, rest))
            return _json(await self._letters().handle(request, rest))
        except Refusal as refusal:
            return refused(refusal)

    def _contract(self, request: web.Request, rest: str) -> dict[str, object]:
        """How much was held against the schemas, and what did not fit."""
        if request.method != "GET":
            raise wrong_method(request.method, "GET")
        inspection = self._server.inspection
        if inspection is None or rest:
            raise Refusal(404, "not_checked", "nothing is checked; start the server with --check-contract")
        return inspection.document()

    def _letters(self) -> Letters:
        house = self._house()
        return Letters(house.store, house.clock)

    async def _providers(self, request: web.Request, rest: str) -> dict[str, object]:
        from mediaglot.gateway.http import news  # noqa: PLC0415 - only what is used is loaded

        away = self._house().away
        if request.method != "GET":
            raise wrong_method(request.method, "GET")
        if not rest:
            return {"providers": news.states(away)}
        found = await news.jobs(away, rest)
        if found is None:
            raise Refusal(404, "not_found", f"no provider is called {rest!r}; GET /_mediaglot/providers lists them")
        return {"jobs": found}

    async def _report(self, request: web.Request, rest: str) -> dict[str, object]:
        """What became of the settings of one job: everything that did not come through exactly."""
        dialect, _, place = rest.partition("/")
        account, _, job = place.partition("/")
        if request.method != "GET":
            raise wrong_method(request.method, "GET")
        ticket = await self._house().store.get(Key(dialect, account, job))
        if ticket is None:
            raise Refusal(404, "not_found", "a report is at /_mediaglot/reports/DIALECT/ACCOUNT/JOB")
        return Report(losses=ticket.losses).document()

    def _house(self) -> House:
        house = self._server.house
        if house is None:
            raise Refusal(503, "starting", "the server is starting or stopping, try again")
        return house


def check(request: web.Request, settings: Settings) -> None:
    """Raises Refusal unless the request may see what is in here."""
    token = settings.control_token
    if token.reveal():
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(as_bytes(Secret(given.strip())), as_bytes(token)):
            raise Refusal(401, "unauthorized", "send the control_token of this server as Authorization: Bearer TOKEN")
        return
    if settings.url or not is_loopback(settings.host):
        raise Refusal(403, "no_control_token", f"others can reach this server: {HINT}")
    host = request.headers.get("Host", "").rpartition(":")
    name = host[0] if host[2].isdigit() else request.headers.get("Host", "")
    if not is_loopback(name.strip("[]")) or not is_loopback(request.remote or ""):
        raise Refusal(403, "not_local", f"without a token only this machine is answered, by its own name: {HINT}")
    if any(header in request.headers for header in PASSED_ON):
        raise Refusal(403, "not_direct", f"this came through a proxy or from a web page: {HINT}")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json(document: object, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json", headers=headers)


def refused(refusal: Refusal) -> web.Response:
    """The answer of the control API to what it does not do."""
    response = _json({"error": {"code": refusal.code, "message": refusal.hint}}, refusal.status)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if refusal.allow:
        response.headers["Allow"] = refusal.allow
    return response
