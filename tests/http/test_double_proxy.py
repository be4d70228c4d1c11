"""Clients with a compiled-in host, in worlds of their own: through the double's proxy."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from mediaglot.gateway.config import Settings
from mediaglot.gateway.http.app import listen
from mediaglot.gateway.http.double import Double

SOURCE = "https://media.mediaglot.test/bars-60s-640x360-30fps.mp4"
HOST = "manage.encoding.com"


class Client:
    """Has heard of the provider, and of a proxy."""

    def __init__(self, session: aiohttp.ClientSession, double: Double, secret: str, origin: str) -> None:
        assert double.proxy is not None
        self.session, self.proxy, self.secret, self.origin = session, double.proxy.url, secret, origin
        self.tls = ssl.create_default_context(cadata=double.proxy.pem.decode())

    async def said(self, action: str, **fields: Any) -> Any:
        query = {"query": {"userid": "100", "userkey": self.secret, "action": action, **fields}}
        form = {"json": orjson.dumps(query).decode()}
        async with self.session.post(f"{self.origin}/", data=form, proxy=self.proxy, ssl=self.tls) as answer:
            return orjson.loads(await answer.read())["response"]


@pytest.fixture
async def double(tmp_path: Path) -> AsyncIterator[Double]:
    one = Double(Settings(port=0, proxy_port=0, data=tmp_path / "data", double=True))
    runner = await listen(one)
    yield one
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.mark.parametrize("origin", [f"https://{HOST}", f"http://{HOST}"])
async def test_each_credential_has_its_world_behind_the_proxy(
    double: Double, session: aiohttp.ClientSession, origin: str
) -> None:
    control = f"{double.site.url}/_mediaglot/worlds"
    async with session.post(control, json={"id": "mine", "clock": "virtual"}) as answer:
        secret = (await answer.json())["secret"]
    mine, other = (Client(session, double, word, origin) for word in (secret, "another secret"))
    media = (await mine.said("AddMedia", source=SOURCE, format=[{"output": "mp4"}]))["MediaID"]
    assert (await other.said("GetMediaList"))["media"] == []
    async with session.post(f"{control}/mine/clock", json={"advance": 3600}) as answer:
        assert answer.status == 200
    found = await mine.said("GetStatus", mediaid=media)
    assert found["status"] == "Finished"
    assert found["format"]["s3_destination"].startswith(f"{origin}/_mediaglot/in/mine/_mediaglot/outputs/")
    async with session.get(f"{control}/mine/journal") as answer:
        assert media in (await answer.text())
    room = double.settings.data / "worlds" / "mine" / "outputs"
    put(room / "a.txt")
    link = f"{origin}/_mediaglot/in/mine/_mediaglot/outputs/a.txt"
    async with session.get(link, proxy=mine.proxy, ssl=mine.tls) as answer:
        assert (answer.status, await answer.read()) == (200, b"here")


def put(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"here")
