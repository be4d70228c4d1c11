"""What the proxy makes of clients that mean harm, or know no better: an answer in one line, in time, and no trace."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.test_utils import make_mocked_request

from mediaglot.gateway import registry
from mediaglot.gateway.http.proxy import Proxy, _without_proxy
from mediaglot.gateway.http.tunnel import LARGEST_HEAD, Limits

HOST, OTHER = "manage.encoding.com", "api.xvid.com"
PATIENCE = 30
QUERY = b'json={"query":{"userid":"100","userkey":"k","action":"GetMediaList"}}'
EMPTY = {"response": {"media": []}}
pytestmark = pytest.mark.usefixtures("no_mistakes")


def post(target: str, *lines: str, body: bytes = QUERY) -> bytes:
    head = (f"POST {target} HTTP/1.1", *lines, "Content-Type: application/x-www-form-urlencoded")
    return "\r\n".join((*head, f"Content-Length: {len(body)}", "", "")).encode() + body


def connect(authority: str, *lines: str) -> bytes:
    return "\r\n".join((f"CONNECT {authority} HTTP/1.1", f"Host: {authority}", *lines, "", "")).encode()


class Line:
    """A connection to the proxy, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> tuple[int, str, bytes]:
        """One answer: status, reason and body."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            _, status, reason = head.partition("\r\n")[0].split(" ", 2)
            sizes = [line for line in head.lower().splitlines() if line.startswith("content-length:")]
            body = await self.reader.readexactly(int(sizes[0].partition(":")[2])) if sizes else b""
        return int(status), reason, body

    async def ask(self, data: bytes) -> tuple[int, str, bytes]:
        await self.say(data)
        return await self.hear()

    async def end(self) -> bytes:
        """All that still comes until the other side has hung up."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except (ConnectionError, ssl.SSLError):
                return b""


Dial = Callable[..., Awaitable[Line]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
async def client(serve: Any) -> Any:
    return await serve(backend="simulated", proxy_port=0)


@pytest.fixture
async def dial(client: Any) -> AsyncIterator[Dial]:
    """A connection to the server's proxy, or to another one."""
    lines: list[Line] = []

    async def start(proxy: Proxy | None = None) -> Line:
        port = int((proxy or client.server.proxy).url.rpartition(":")[2])
        lines.append(Line(*await asyncio.open_connection("127.0.0.1", port)))
        return lines[-1]

    yield start
    for line in lines:
        line.writer.transport.abort()


@pytest.fixture
def trust(client: Any, data: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=data / "proxy-ca.pem")


@pytest.fixture
def tunnel(client: Any, dial: Dial) -> Dial:
    """A connection through the proxy, with TLS on it that has believed the certificate."""

    async def start(host: str = HOST, port: int = 443, proxy: Proxy | None = None) -> Line:
        line = await dial(proxy)
        assert (await line.ask(connect(f"{host}:{port}")))[0] == 200
        trust = ssl.create_default_context(cadata=(proxy or client.server.proxy).pem.decode())
        await line.writer.start_tls(trust, server_hostname=host)
        return line

    return start


async def test_a_tunnel_carries_several_requests(tunnel: Dial) -> None:
    line = await tunnel()
    for _ in range(3):
        status, _, body = await line.ask(post("/", f"Host: {HOST}"))
        assert (status, orjson.loads(body)) == (200, EMPTY)


@pytest.mark.parametrize("authority", [f"{HOST.upper()}:443", f"{HOST}.:443", f"{HOST}:8443"])
async def test_other_spellings_and_ports_are_the_same_host(dial: Dial, trust: ssl.SSLContext, authority: str) -> None:
    line = await dial()
    assert (await line.ask(connect(authority)))[0] == 200
    await line.writer.start_tls(trust, server_hostname=HOST)
    assert orjson.loads((await line.ask(post("/", f"Host: {authority}")))[2]) == EMPTY


async def test_a_certificate_that_can_not_be_made_is_told(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_options: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr("mediaglot.gateway.http.authority.tempfile", SimpleNamespace(NamedTemporaryFile=full))
        assert (await (await dial()).ask(connect(f"{HOST}:443")))[0] == 503
    assert (await (await dial()).ask(connect(f"{HOST}:443")))[0] == 200


async def test_port_80_of_a_tunnel_is_plain(dial: Dial) -> None:
    line = await dial()
    assert (await line.ask(connect(f"{HOST}:80")))[0] == 200
    for _ in range(2):
        assert orjson.loads((await line.ask(post("/", f"Host: {HOST}")))[2]) == EMPTY


async def test_the_target_of_a_plain_request_goes_before_its_header(dial: Dial) -> None:
    line = await dial()
    lines = ("Host: example.com", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5")
    for _ in range(2):
        status, _, body = await line.ask(post(f"http://{HOST}/", *lines))
        assert (status, orjson.loads(body)) == (200, EMPTY)
    assert (await line.ask(post("http://example.com/", f"Host: {HOST}")))[0] == 403


async def test_a_header_that_is_no_text_is_no_mistake_of_ours(dial: Dial) -> None:
    line = await dial()
    for name in (b"Authorization: Bearer ", b"X-Any: "):
        asked = post(f"http://{HOST}/", f"Host: {HOST}").replace(b"Content-Type", name + b"\xff\xfe\r\nContent-Type")
        status, _, body = await line.ask(asked)
        assert (status, orjson.loads(body)) == (200, EMPTY)


def test_the_provider_sees_its_own_name_and_nothing_of_the_proxy() -> None:
    lines = {"Host": "a.example", "PROXY-Authorization": "Basic eDp5", "Proxy-Connection": "close", "Hostess": "b"}
    seen = _without_proxy(make_mocked_request("GET", f"http://{HOST}:8080/a?b", headers=lines), f"{HOST}:8080")
    assert dict(seen.headers) == {"Host": f"{HOST}:8080", "Hostess": "b"}
    assert str(seen.rel_url) == "/a?b"


async def test_a_client_may_ask_whether_to_go_on(tunnel: Dial, dial: Dial) -> None:
    for line, target in ((await tunnel(), "/"), (await dial(), f"http://{HOST}/")):
        head, body = post(target, f"Host: {HOST}", "Expect: 100-continue").split(b"\r\n\r\n")
        assert (await line.ask(head + b"\r\n\r\n"))[:2] == (100, "Continue")
        assert orjson.loads((await line.ask(body))[2]) == EMPTY


async def test_links_lead_to_the_host_that_was_asked(client: Any, tunnel: Dial, dial: Dial) -> None:
    media = await client.add("http://nowhere.test/bars-1s.mp4", {"output": "mp4"})
    direct = (await client.end(media))["format"]["s3_destination"]
    assert direct.startswith(f"{client.site}/_mediaglot/outputs/")
    query = orjson.dumps({"query": {"userid": "100", "userkey": "k", "action": "GetStatus", "mediaid": media}})
    for line, target, origin in (
        (await tunnel(), "/", f"https://{HOST}"),
        (await dial(), f"http://{HOST}/", f"http://{HOST}"),
    ):
        for _ in range(2):
            _, _, body = await line.ask(post(target, f"Host: {HOST}", body=b"json=" + query))
            link = orjson.loads(body)["response"]["format"]["s3_destination"]
            assert link == direct.replace(client.site, origin)
    assert (await client.end(media))["format"]["s3_destination"] == direct


async def test_a_large_file_comes_through_a_tunnel(client: Any, tunnel: Dial, data: Path) -> None:
    content = bytes(range(256)) * 12_000
    (data / "outputs" / "large.bin").write_bytes(content)
    line = await tunnel()
    status, _, body = await line.ask(f"GET /_mediaglot/outputs/large.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert (status, body) == (200, content)
    assert (await line.ask(post("/", f"Host: {HOST}")))[0] == 200


async def test_our_own_addresses_are_served_too(client: Any, dial: Dial) -> None:
    line = await dial()
    own = client.server.proxy.url
    for origin in (client.site, own, own.replace("127.0.0.1", "localhost")):
        target = f"{origin}/_mediaglot/ca.pem"
        status, _, body = await line.ask(f"GET {target} HTTP/1.1\r\nHost: {origin[7:]}\r\n\r\n".encode())
        assert (status, body) == (200, client.server.proxy.pem)
    status, _, body = await line.ask(f"GET /_mediaglot/ready HTTP/1.1\r\nHost: {own[7:]}\r\n\r\n".encode())
    assert (status, orjson.loads(body)) == (200, {"status": "ready"})


@pytest.mark.parametrize("name", ["example.com", f"{HOST}.evil.example", f"x{HOST}", "127.0.0.1", "[::1]", "localhost"])
async def test_nothing_is_passed_on_to_anybody_else(dial: Dial, name: str) -> None:
    for line, asked in (
        (await dial(), connect(f"{name}:443")),
        (await dial(), post(f"http://{name}/", f"Host: {HOST}")),
        (await dial(), post("/", f"Host: {name}")),
    ):
        status, reason, body = await line.ask(asked)
        assert status == 403
        assert reason == f"{name} is no provider's host. Served here: {known(reason)}. Name others in NO_PROXY."
        assert body.decode() == f"{reason}\n"
        assert await line.end() == b""


def known(reason: str) -> str:
    listed = reason.partition("Served here: ")[2].partition(". Name")[0]
    assert {HOST, OTHER, "app.tpstreams.com", "api.transparentcdn.com"} <= set(listed.split(", "))
    return listed


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("said", "status", "says"),
    [
        (connect(HOST), 400, "CONNECT host:port"),
        (connect(f"{HOST}:0"), 400, "no host"),
        (connect(f"{HOST}:99999"), 400, "no host"),
        (connect(f"user:password@{HOST}:443"), 400, "no host"),
        (connect(f"{HOST}:443 x"), 400, "CONNECT host:port"),
        (connect("[::1:443"), 400, "no host"),
        (connect(f"http://{HOST}/"), 400, "no host"),
        (b"CONNECT \r\n\r\n", 400, "CONNECT host:port"),
        (b"CONNECT \x00\xff:443 HTTP/1.1\r\n\r\n", 400, "no host"),
        (b"CONNECT manage.encoding.com:443 SPDY/3\r\n\r\n", 400, "CONNECT host:port"),
        (connect(f"{HOST}:443") + b"\x16\x03\x01", 400, "wait for the proxy's answer"),
        (connect(f"{HOST}:443", f"X: {'x' * LARGEST_HEAD}"), 431, "larger than"),
        (b"CONNECT " + b"x" * 300_000, 431, "larger than"),
        (post("ftp://manage.encoding.com/", f"Host: {HOST}"), 400, "no host"),
        (post("http://[::1/", f"Host: {HOST}"), 400, ""),
        (post("/", "Host: a b"), 400, ""),
        (post("http://manage.encoding.com/", f"X: {'x' * 20_000}"), 400, ""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), 400, ""),
        (b"\r\n\r\n\x00\xff\r\n\r\n", 400, ""),
    ],
)
async def test_garbage_is_refused_and_the_connection_ended(dial: Dial, said: bytes, status: int, says: str) -> None:
    line = await dial()
    found, reason, body = await line.ask(said)
    assert (found, says in reason) == (status, True), reason
    assert body
    assert await line.end() == b""
    assert (await (await dial()).ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200


async def test_a_tunnel_is_to_one_host(tunnel: Dial) -> None:
    status, reason, _ = await (await tunnel()).ask(post("/", f"Host: {OTHER}"))
    assert (status, reason) == (421, f"This tunnel is to {HOST}; open another one for {OTHER}.")
    assert (await (await tunnel()).ask(post(f"http://{OTHER}/", f"Host: {HOST}")))[0] == 421


async def test_a_request_without_a_host_is_for_the_tunnels(tunnel: Dial, dial: Dial) -> None:
    old = post("/").replace(b"HTTP/1.1", b"HTTP/1.0")
    assert orjson.loads((await (await tunnel()).ask(old))[2]) == EMPTY
    assert (await (await dial()).ask(old))[0] == 400


async def test_a_tunnel_wants_a_connection_of_its_own(dial: Dial) -> None:
    line = await dial()
    assert (await line.ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200
    status, reason, _ = await line.ask(connect(f"{HOST}:443"))
    assert (status, "of its own" in reason) == (400, True)
    assert await line.end() == b""


async def test_the_control_room_is_not_reached_by_a_providers_name(tunnel: Dial) -> None:
    line = await tunnel()
    assert (await line.ask(f"GET /_mediaglot/notifications HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()))[0] == 403


async def test_too_large_a_body_is_told_in_the_dialect(serve: Any, dial: Dial, client: Any) -> None:
    async with Proxy.open(client.server) as proxy:
        line = await dial(proxy)
        _, _, body = await line.ask(post(f"http://{HOST}/", f"Host: {HOST}", body=b"json=" + b" " * 4_000_001))
        assert b"errors" in body


@pytest.fixture
async def hasty(client: Any) -> AsyncIterator[Proxy]:
    """A second proxy of the same server, without patience."""
    async with Proxy.open(client.server, Limits(head=0.2, handshake=0.2, idle=0.2, linger=0.1, most=2)) as proxy:
        yield proxy


@pytest.mark.parametrize("said", [b"", b"CONN", b"CONNECT manage.encoding.com:443 HTTP/1.1\r\nX: "])
async def test_who_does_not_finish_its_head_is_sent_away(dial: Dial, hasty: Proxy, said: bytes) -> None:
    line = await dial(hasty)
    assert (await line.ask(said))[0] == 408
    assert await line.end() == b""


async def test_who_does_not_begin_with_tls_is_sent_away(
    dial: Dial, hasty: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    for said in (b"", b"GET / HTTP/1.1\r\nHost: manage.encoding.com\r\n\r\n"):
        line = await dial(hasty)
        assert (await line.ask(connect(f"{HOST}:443")))[0] == 200
        await line.say(said)
        assert not (await line.end()).startswith(b"HTTP")
    assert "trust the certificate that `mediaglot env` names" in caplog.text


@pytest.mark.heavy
async def test_a_connection_without_a_request_is_closed(tunnel: Dial, dial: Dial, hasty: Proxy) -> None:
    line = await dial(hasty)
    assert (await line.ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200
    assert await line.end() == b""
    line = await dial(hasty)
    await line.say(b"GET http://manage.encod")
    assert await line.end() == b""


async def test_there_may_only_be_so_many(dial: Dial, client: Any) -> None:
    async with Proxy.open(client.server, Limits(most=2)) as proxy:
        first, second, third = [await dial(proxy) for _ in range(3)]
        status, reason, _ = await third.hear()
        assert (status, "close some" in reason) == (503, True)
        assert (await first.ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200
        assert (await (await dial(proxy)).hear())[0] == 503
        second.writer.close()
        await second.writer.wait_closed()
        assert (await first.ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200
        assert (await (await dial(proxy)).ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200


async def test_the_end_of_the_server_is_the_end_of_tunnels(client: Any, tunnel: Dial, dial: Dial) -> None:
    async with Proxy.open(client.server) as proxy:
        lines = [await dial(proxy), await dial(proxy), await tunnel(proxy=proxy), await dial(proxy)]
        await lines[0].say(b"CONN")
        assert (await lines[1].ask(connect(f"{HOST}:443")))[0] == 200
        assert (await lines[3].ask(post(f"http://{HOST}/", f"Host: {HOST}")))[0] == 200
    for line in lines:
        assert await line.end() == b""


async def test_a_client_that_distrusts_us_gets_nothing(client: Any, session: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await session.post(f"https://{HOST}/", data=QUERY, proxy=client.server.proxy.url)


PLUGIN = """
from mediaglot.gateway.registry import find

class Visitor(type(find("encoding_com"))):
    name, title, hosts = "visitor", "A visitor", ("api.visitor.example",)
"""


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A dialect from outside, as pip would install it; its host."""
    info = tmp_path / "visitor-1.0.dist-info"
    info.mkdir()
    (tmp_path / "visitor_of_proxies.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: visitor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mediaglot.dialects]\nvisitor = visitor_of_proxies:Visitor\n")
    monkeypatch.syspath_prepend(tmp_path)
    registry._class.cache_clear()
    yield "api.visitor.example"
    registry._class.cache_clear()
    sys.modules.pop("visitor_of_proxies", None)


async def test_the_hosts_of_a_dialect_from_outside_are_served_too(visitor: str, tunnel: Dial, dial: Dial) -> None:
    for line, target in ((await tunnel(visitor), "/"), (await dial(), f"http://{visitor}/")):
        assert orjson.loads((await line.ask(post(target, f"Host: {visitor}")))[2]) == EMPTY


async def test_there_is_no_proxy_unless_it_is_wanted(serve: Any, session: aiohttp.ClientSession) -> None:
    client = await serve(backend="simulated")
    assert client.server.proxy is None
    assert (await client.get("/_mediaglot/ca.pem"))[0] == 404
    assert orjson.loads((await client.get("/_mediaglot/proxy"))[2])["proxy"] is None
