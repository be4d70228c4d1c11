"""The yardstick: an aiohttp server that does nothing but read the request and answer ready-made bytes.

python bare.py PORT FILE CONTENT_TYPE
"""

from __future__ import annotations

import sys
from pathlib import Path

from aiohttp import web

PORT, BODY, CONTENT_TYPE = int(sys.argv[1]), Path(sys.argv[2]).read_bytes(), sys.argv[3]


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=BODY, headers={"Content-Type": CONTENT_TYPE})


app = web.Application()
app.router.add_route("*", "/{path:.*}", answer)
web.run_app(app, host="127.0.0.1", port=PORT, access_log=None, print=None)
