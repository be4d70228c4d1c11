"""The yardstick: a plain aiohttp reverse proxy, which passes requests and answers on as they are.

python proxy.py PORT SITE
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from yarl import URL

PORT, SITE = int(sys.argv[1]), sys.argv[2]
HOP = frozenset({"host", "content-length", "connection", "transfer-encoding"})
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def answer(request: web.Request) -> web.Response:
    lines = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP]
    body = await request.read()
    async with request.app[SESSION].request(
        request.method,
        URL(SITE + request.raw_path, encoded=True),
        data=body or None,
        headers=lines,
        allow_redirects=False,
    ) as got:
        kept = [(name, value) for name, value in got.headers.items() if name.lower() not in HOP]
        return web.Response(status=got.status, headers=kept, body=await got.read())  # type: ignore[arg-type]


async def opened(app: web.Application) -> AsyncIterator[None]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as app[SESSION]:
        yield


app = web.Application()
app.cleanup_ctx.append(opened)
app.router.add_route("*", "/{path:.*}", answer)
web.run_app(app, host="127.0.0.1", port=PORT, access_log=None, print=None)
