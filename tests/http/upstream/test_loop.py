"""Servers that are each other's providers: a job, or a request, goes round a few times and then comes to its end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from mediaglot.gateway.backends.hops import MOST_HOPS
from mediaglot.gateway.model import Secret

pytestmark = pytest.mark.heavy
ADD = {"action": "AddMedia", "source": "https://media.mediaglot.test/bars-1s.mp4", "format": {"output": "mp4"}}


class Mirror:
    """A provider that is nobody but the one who asks."""

    def __init__(self) -> None:
        self.url = self.site = ""

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        lines = {name: value for name, value in request.headers.items() if name not in {"Host", "Content-Length"}}
        body = await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, self.site + request.path_qs, data=body, headers=lines) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)


async def said(client: Any, **fields: Any) -> Any:
    query = {"query": {"userid": client.user, "userkey": client.key, **fields}}
    form = {"json": orjson.dumps(query).decode()}
    async with client.session.post(f"{client.site}/encoding_com/", data=form) as answer:
        return orjson.loads(await answer.read())["response"]


@pytest.mark.parametrize("transparent", [False, True])
async def test_what_goes_in_a_circle_ends(
    transparent: bool, serve: Any, standing: Any, tmp_path: Path, wait: Any
) -> None:
    async with standing(Mirror()) as mirror:
        away = {"dialect": "encoding_com", "url": f"{mirror.url}/encoding_com", "user": "100", "secret": Secret("key")}
        route = {"to": ["away"], "transparent": transparent}
        client = await serve(data=tmp_path / "gateway", providers={"away": away | {"poll": 0.05}}, routes=(route,))
        mirror.site = client.site
        client.user, client.key = "100", "key"
        added = await said(client, **ADD)
        if transparent:
            assert "errors" in added
            return

        async def ended() -> bool:
            return (await said(client, action="GetStatus", mediaid=added["MediaID"]))["status"] == "Error"

        assert await wait(ended, seconds=120)
        assert len((await said(client, action="GetMediaList"))["media"]) == MOST_HOPS + 1
