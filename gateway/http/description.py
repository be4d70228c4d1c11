"""The dialects of a server, told to whoever asks: a list, and an OpenAPI document of each, assembled at first sight."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from mediaglot.gateway.dialect import Dialect

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

FILE = "openapi.json"


class Descriptions:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._made: dict[tuple[str, str], asyncio.Task[bytes]] = {}

    def index(self) -> dict[str, Any]:
        return {"dialects": [self._entry(dialect) for _, dialect in sorted(self._server.dialects.items())]}

    def _entry(self, dialect: Dialect) -> dict[str, Any]:
        site = self._server.site
        place = f"{site.url}/_mediaglot/dialects/{dialect.name}/{FILE}"
        return {"name": dialect.name, "title": dialect.title, "url": site.base(dialect.name), "openapi": place}

    async def find(self, path: str) -> bytes | None:
        """The document at ``NAME/openapi.json``; None where there is none."""
        name, _, file = path.partition("/")
        if file != FILE or name not in self._server.dialects:
            return None
        key = (name, self._server.site.base(name))
        if key not in self._made:
            self._made[key] = asyncio.create_task(asyncio.to_thread(made, self._server.dialects[name], key[1]))
        return await asyncio.shield(self._made[key])


def made(dialect: Dialect, url: str) -> bytes:
    from mediaglot.gateway.contract.openapi import document  # noqa: PLC0415 - reads all fixtures

    return json.dumps(document(dialect, [url]), separators=(",", ":")).encode()
