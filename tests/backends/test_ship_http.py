"""A package on its way to a real server that has its moods."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from mediaglot.gateway.backends import Product
from mediaglot.gateway.backends.ship import ship
from mediaglot.gateway.faults import DeliveryFailed
from mediaglot.gateway.model import File, Location
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

NAMES = ("index.m3u8", *(f"v/{number}.ts" for number in range(6)))
KEY = "?X-Amz-Signature=ab%2Fcd&x=1"


class Shelf:
    """Breaks the first attempt at ``cut`` off in the middle, and answers 403 to ``refused``."""

    def __init__(self) -> None:
        self.cut, self.refused, self.url = "", "", ""
        self.begun: list[str] = []
        self.whole: dict[str, str] = {}
        self.asked: set[str] = set()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.removeprefix("/show/")
        self.begun.append(name)
        self.asked.add(request.path_qs.removeprefix(request.path))
        if name == self.cut:
            self.cut = ""
            await request.content.readexactly(100_000)
            assert request.transport is not None
            request.transport.abort()
        content = await request.content.read()
        if name == self.refused:
            return web.Response(status=403)
        self.whole[name] = hashlib.sha256(content).hexdigest()
        return web.Response(status=201)


@pytest.fixture
async def shelf() -> AsyncIterator[Shelf]:
    one = Shelf()
    runner = web.ServerRunner(web.Server(one), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/show/index.m3u8{KEY}"
    yield one
    await runner.cleanup()


@pytest.fixture
async def carrier() -> AsyncIterator[Carrier]:
    one = Carrier(Policy(local_addresses=True))
    yield one
    await one.close()


@pytest.fixture
def package(tmp_path: Path) -> list[Product]:
    found = []
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() * 50_000)
        role = "playlist" if name.endswith("m3u8") else "segment"
        found.append(Product(path=path, file=File(path=name, size=path.stat().st_size, role=role)))
    return found


@pytest.mark.heavy
async def test_the_playlist_comes_when_everything_is_there(
    carrier: Carrier, shelf: Shelf, package: list[Product]
) -> None:
    shelf.cut = "v/3.ts"
    await ship(carrier, Location(url=shelf.url), package, NAMES)
    assert shelf.whole == {one.file.path: hashlib.sha256(one.path.read_bytes()).hexdigest() for one in package}
    assert list(shelf.whole)[-1] == "index.m3u8"
    assert shelf.begun.count("v/3.ts") == 2
    assert shelf.asked == {KEY}


async def test_without_a_segment_there_is_no_playlist(carrier: Carrier, shelf: Shelf, package: list[Product]) -> None:
    shelf.refused = "v/5.ts"
    with pytest.raises(DeliveryFailed) as caught:
        await ship(carrier, Location(url=shelf.url), package, NAMES)
    assert caught.value.data["status"] == 403
    assert "index.m3u8" not in shelf.begun
