"""Our own prefix, which no provider uses: health, readiness, generated clips and finished outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web

from mediaglot.gateway.faults import Fault, Invalid, NotFound

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

PREFIX: Final = "/_mediaglot/"
GUARDS: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""Outputs are made from hostile input: a browser shall not take one for a page of ours."""


class Reserved:
    def __init__(self, server: Server) -> None:
        self._server = server

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.method not in ("GET", "HEAD"):
            return problem(405, "method_not_allowed", f"{request.method} is not allowed here, use GET")
        room, _, rest = request.path.removeprefix(PREFIX).partition("/")
        match room:
            case "health":
                return answer({"status": "ok"})
            case "ready":
                return self._ready()
            case "media":
                return await self._media(rest)
            case "outputs":
                return self._output(rest)
        return problem(404, "not_found", "there are health, ready, media/ and outputs/ here")

    def lost(self, path: str) -> web.Response:
        mounts = ", ".join(f"/{name}/" for name in sorted(self._server.mounts.by_name))
        return problem(404, "not_found", f"nothing answers at this path; the dialects are at {mounts}")

    def _ready(self) -> web.Response:
        if self._server.house is None:
            return problem(503, "starting", "the server is starting or stopping")
        return answer({"status": "ready", "dialects": sorted(self._server.mounts.by_name)})

    async def _media(self, name: str) -> web.StreamResponse:
        assert self._server.house is not None  # noqa: S101
        try:
            path = await self._server.house.clip(name)
        except Invalid as fault:
            return problem(404, "no_such_recipe", f"{fault.data.get('field')}: {fault.data.get('reason')}")
        except NotFound as fault:
            return problem(404, "no_such_recipe", f"no {fault.data.get('part')} of that name")
        except Fault as fault:
            return problem(500, fault.code, "this clip could not be generated; try `mediaglot doctor`")
        return web.FileResponse(path, headers=GUARDS)

    def _output(self, name: str) -> web.StreamResponse:
        assert self._server.house is not None  # noqa: S101
        path = below(self._server.house.outputs, name)
        if path is None:
            return problem(404, "not_found", "no such output")
        return web.FileResponse(path, headers=GUARDS)


def below(folder: Path, name: str) -> Path | None:
    """The file ``name`` in ``folder``, None if there is none or it lies elsewhere."""
    if "\0" in name:
        return None
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def answer(document: object) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")


def problem(status: int, code: str, hint: str) -> web.Response:
    body = orjson.dumps({"error": {"code": code, "message": hint}})
    return web.Response(status=status, body=body, content_type="application/json")
