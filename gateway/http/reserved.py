"""Our own prefix, which no provider uses: health, readiness, clips, outputs, signed links, uploads, control."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from mediaglot.gateway.faults import Fault, Invalid, NoSpace, NotFound, SourceTimeout, TooLarge, Unsupported
from mediaglot.gateway.http import control
from mediaglot.gateway.http.description import Descriptions
from mediaglot.gateway.http.links import presented
from mediaglot.gateway.http.patience import File
from mediaglot.gateway.http.whereabouts import whereabouts
from mediaglot.gateway.model.mime import kind_of

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

PREFIX: Final = "/_mediaglot/"
GUARDS: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""Outputs are made from hostile input: a browser shall not take one for a page of ours."""

PUBLIC: Final = frozenset({"media", "outputs", "files"})
"""What a page of any other site may read, as the storage that a provider's players fetch from lets them: whoever has
the link has the file, and no cookie is involved."""

OPEN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Length, Content-Range, Date, ETag",
}
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}

BYTES: Final = "application/octet-stream"
SHARED: Final = frozenset({"outputs", "storage", "uploads"})
"""The folders of the data folder that signed links lead to."""
HINT: Final = "an OpenAPI document is at /_mediaglot/dialects/NAME/openapi.json; GET /_mediaglot/dialects lists them"
RECIPE: Final = "a clip is called like bars-10s-1280x720-30fps.mp4 or mandelbrot-2s.webm"
PLACES: Final = "dialects/, media/, outputs/, files/ and uploads/"
DOUBLE: Final = frozenset({"worlds", "inbox", "inboxes", "reset", "openapi.json"})
"""Where a test double alone has something."""
REFUSALS: Final = {Fault: 400, NotFound: 404, SourceTimeout: 408, TooLarge: 413, Unsupported: 415, NoSpace: 507}
"""How a refused upload is told."""


class Reserved:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._descriptions = Descriptions(server)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        room, _, rest = request.path.removeprefix(PREFIX).partition("/")
        if room not in PUBLIC:
            return await self._answer(request, room, rest)
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=OPEN | PREFLIGHT)
        response = await self._answer(request, room, rest)
        response.headers.update(OPEN)
        return response

    async def _answer(self, request: web.Request, room: str, rest: str) -> web.StreamResponse:
        if room == "uploads":
            return await self._upload(request, rest)
        if room == "providers" and "/" in rest:
            return await self._news(request, rest)
        if room in control.ROOMS:
            return await control.Control(self._server).handle(request, room, rest)
        if room in DOUBLE:
            return problem(404, "no_double", "this server is no test double; start it with --double")
        pages = {"health": self._health, "ready": self._ready, "proxy": self._proxy, "ca.pem": self._certificate}
        if request.method not in ("GET", "HEAD") and room in {*pages, "dialects", *PUBLIC}:
            return problem(405, "method_not_allowed", f"{request.method} is not allowed here, use GET")
        if room in pages:
            return pages[room]()
        found = await self._read(request, room, rest)
        if found is not None:
            return found
        more = DOUBLE if self._server.settings.double else ()
        return problem(404, "not_found", f"there are {', '.join([*pages, *sorted(more)])}, {PLACES} here")

    async def _read(self, request: web.Request, room: str, rest: str) -> web.StreamResponse | None:
        match room:
            case "dialects":
                return await self._dialects(rest)
            case "media":
                return await self._media(rest)
            case "outputs":
                return self._output(rest)
            case "files":
                return self._file(request, rest)
        return None

    async def _news(self, request: web.Request, rest: str) -> web.StreamResponse:
        from mediaglot.gateway.http import news  # noqa: PLC0415 - only what is used is loaded

        name, _, marker = rest.partition("/")
        away = self._server.house.away if self._server.house is not None else None
        status = await news.receive(away, name, marker, request)
        return answer({}) if status == 200 else problem(status, "not_expected", "nobody waits for this message here")

    def lost(self, path: str) -> web.Response:
        mounts = ", ".join(f"/{name}/" for name in sorted(self._server.dialects))
        return problem(404, "not_found", f"nothing answers at this path; the dialects are at {mounts}")

    def _health(self) -> web.Response:
        return answer({"status": "ok", "dialects": sorted(self._server.dialects)})

    def _ready(self) -> web.Response:
        if self._server.house is None:
            return problem(503, "starting", "the server is starting or stopping")
        return answer({"status": "ready"})

    async def _dialects(self, rest: str) -> web.Response:
        if not rest:
            return answer(self._descriptions.index())
        document = await self._descriptions.find(rest)
        if document is None:
            return problem(404, "not_found", HINT)
        return web.Response(body=document, content_type="application/json")

    def _proxy(self) -> web.Response:
        return answer(whereabouts(self._server))

    def _certificate(self) -> web.Response:
        if self._server.proxy is None:
            return problem(404, "no_proxy", "this server has no proxy; start it with --proxy-port 0")
        return web.Response(body=self._server.proxy.pem, content_type="application/x-pem-file")

    async def _media(self, name: str) -> web.StreamResponse:
        assert self._server.house is not None  # noqa: S101
        try:
            path = await self._server.house.clip(name)
        except Invalid as fault:
            return problem(404, "no_such_recipe", f"{fault.data.get('field')}: {fault.data.get('reason')}")
        except NotFound as fault:
            return problem(404, "no_such_recipe", f"no {fault.data.get('part')} of that name; {RECIPE}")
        except Fault as fault:
            return problem(500, fault.code, "this clip could not be generated; try `mediaglot doctor`")
        return File(path, headers=GUARDS | {"Content-Type": kind_of(path.name) or BYTES})

    def _output(self, name: str) -> web.StreamResponse:
        assert self._server.house is not None  # noqa: S101
        path = below(self._server.house.outputs, name)
        if path is None:
            return problem(404, "not_found", "no such output")
        kind = kind_of(path.name)
        return File(path, headers=GUARDS | ({"Content-Type": kind} if kind else {}))

    def _file(self, request: web.Request, name: str) -> web.StreamResponse:
        house = self._server.house
        assert house is not None  # noqa: S101
        query = request.rel_url.raw_query_string
        if not house.signer.check(name, query, house.clock.now()):
            return problem(403, "link_refused", "this link is not signed by this server, or its time is over")
        room, _, rest = name.partition("/")
        path = below(house.data / room, rest) if room in SHARED else None
        if path is None:
            return problem(404, "not_found", "no such file")
        disposition, shown = presented(query)
        kind = kind_of(path.name) or kind_of(shown or "") or BYTES
        return File(path, headers={**GUARDS, "Content-Disposition": disposition, "Content-Type": kind})

    async def _upload(self, request: web.Request, upload_id: str) -> web.StreamResponse:
        assert self._server.house is not None  # noqa: S101
        if request.method not in ("POST", "PUT"):
            return problem(405, "method_not_allowed", f"{request.method} is not allowed here, use POST or PUT")
        try:
            size = await self._server.house.uploads.receive(request, upload_id)
        except Fault as fault:
            status = next(REFUSALS[cls] for cls in type(fault).__mro__ if cls in REFUSALS)
            said = problem(status, fault.code, str(fault))
        except (web.RequestPayloadError, ConnectionError):
            said = problem(400, "malformed", "the body broke off")
        else:
            return answer({"id": upload_id, "size": size}, status=201)
        said.force_close()
        return said


def below(folder: Path, name: str) -> Path | None:
    """The file ``name`` in ``folder``, None if there is none or it lies elsewhere."""
    try:
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):  # no file can have this name
        return None


def answer(document: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(document), content_type="application/json")


def problem(status: int, code: str, hint: str) -> web.Response:
    body = orjson.dumps({"error": {"code": code, "message": hint}})
    return web.Response(status=status, body=body, content_type="application/json")
