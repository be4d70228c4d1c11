"""A world of which one address may be reached, a name server that lies, and what must not be got by any trick.

The server may reach 127.0.0.2, which stands for the world, and nothing else that is local. On 127.0.0.1, at the same
port, is what must never be asked.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web


class World:
    """What the server may reach. Paths under /to/n redirect to what is ``there``, /cut breaks off in the middle."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.port = 0
        self.asked: list[str] = []
        self.inside: list[str] = []
        """What arrived where nothing may."""

    async def outside(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path.startswith("/cut"):
            assert request.transport is not None
            if request.method == "PUT":
                request.transport.abort()
                return web.Response()
            response = web.StreamResponse(headers={"ETag": '"one"'})
            response.content_length = 100_000
            await response.prepare(request)
            await response.write(b"x" * 50_000)
            request.transport.close()
            return response
        way = "/".join(request.path.split("/")[:3])
        return web.Response(status=302, headers={"Location": self.there[way]})

    async def within(self, request: web.BaseRequest) -> web.StreamResponse:
        self.inside.append(f"{request.method} {request.path}")
        return web.Response(body=b"secret" * 10_000)


def one_port() -> list[socket.socket]:
    """The same port of two addresses, neither of which anybody else has."""
    while True:
        first = socket.create_server(("127.0.0.2", 0))
        try:
            return [first, socket.create_server(("127.0.0.1", first.getsockname()[1]))]
        except OSError:
            first.close()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    one = World()
    runners = [web.ServerRunner(web.Server(handler), shutdown_timeout=0.1) for handler in (one.outside, one.within)]
    sockets = one_port()
    one.port = sockets[0].getsockname()[1]
    for runner, bound in zip(runners, sockets, strict=True):
        await runner.setup()
        await web.SockSite(runner, bound).start()
    yield one
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server in whose hands nobody is safe."""
    known = {
        "rebind.test": [["127.0.0.2"], ["127.0.0.1"]],
        "both.test": [["127.0.0.2", "127.0.0.1"]],
        "inside.test": [["127.0.0.1"]],
        "six.test": [["::ffff:127.0.0.1"]],
    }
    asked: dict[str, int] = {}
    system = socket.getaddrinfo

    def look_up(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        key, _, tail = str(name).partition(".")
        answers = known.get(f"{key.partition('-')[0]}.{tail}")
        if answers is None:
            return system(host, port, *more, **options)
        count = asked[name] = asked.get(name, 0) + 1
        found = answers[min(count, len(answers)) - 1]
        return [row for one in found for row in system(one, port, type=socket.SOCK_STREAM)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder, secret = tmp_path / "allowed", tmp_path / "secret"
    folder.mkdir()
    secret.mkdir()
    (secret / "film.mp4").write_bytes(b"film")
    (folder / "link.mp4").symlink_to(secret / "film.mp4")
    (folder / "door").symlink_to(secret)
    return folder


@pytest.fixture
def settings(allowed: Path) -> dict[str, Any]:
    nets = {"local_addresses": "off", "allow_network": ("127.0.0.2/32",)}
    return {**nets, "file_sources": True, "allow_dir": (allowed,), "workers": 8}


ADDRESSES = (
    "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[::1]", "[::]", "0.0.0.0",
    "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "both.test", "inside.test", "six.test",
)  # fmt: skip
METADATA = ("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/x", "http://168.63.129.16/x")


@pytest.fixture
def tricks(world: World, allowed: Path) -> list[str]:
    """Sources that must not be fetched. A fresh name for each dialect, where it matters, has {dialect} in it."""
    port, hops = world.port, [f"http://{host}:{world.port}/x" for host in ADDRESSES]
    hops += [*METADATA, "file:///etc/passwd", f"file://{allowed}/link.mp4"]
    world.there = {f"/to/{number}": hop for number, hop in enumerate([*hops, "gopher://127.0.0.1/x"])}
    return [
        *hops,
        *(f"http://127.0.0.2:{port}{path}" for path in world.there),
        f"http://rebind-{{dialect}}.test:{port}/cut",
        f"http://127.0.0.2@127.0.0.1:{port}/x",
        f"http://127.0.0.2:{port}@127.0.0.1:{port}/x",
        f"http://user@127.0.0.2:{port}@127.0.0.1:{port}/x",
        f"http://127.0.0.2:{port}\\@127.0.0.1:{port}/x",
        f"http://127.0.0.2:{port}/{'x' * 9000}",
        f"file://{allowed}/../secret/film.mp4",
        f"file://{allowed}/%2e%2e/secret/film.mp4",
        f"file://{allowed}/..%2fsecret/film.mp4",
        f"file://{allowed}/door/film.mp4",
        f"file://elsewhere{allowed}/film.mp4",
        "file:///proc/self/environ",
    ]
