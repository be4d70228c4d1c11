"""Clients that are slow, or never come to an end: each loses its connection in time, and its dialect tells it why."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mediaglot.gateway.config import Settings
from mediaglot.gateway.http.app import Server, listen
from mediaglot.gateway.http.patience import UNREAD

pytestmark = pytest.mark.usefixtures("no_mistakes")

PATIENCE = 0.3
HEAD = "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
ENDLESS = "Content-Length: 3000000\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
SLOW = {
    "/encoding_com/": (200, b"<error>The query was not complete after 0.3 seconds</error>"),
    "/xvid_mediahub/v1/jobs": (400, b'"error_message":"Invalid Input"'),
    "/tpstreams/api/v1/org/assets/": (408, b'{"detail":"The request was not complete after 0.3 seconds."}'),
    "/transparent_edge/v1/media/1/transcode/": (408, b'{"detail":"The request was not complete after 0.3 seconds."}'),
    "/_mediaglot/routes/tpstreams": (408, b'"code":"too_slow"'),
}


@pytest.fixture
async def site(serve: Any) -> str:
    return str((await serve(backend="simulated", client_patience=PATIENCE)).site)


async def connected(site: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(site)
    return await asyncio.open_connection(parts.hostname, parts.port)


@contextlib.asynccontextmanager
async def said(site: str, *words: str) -> Any:
    """A connection on which this was said, and that goes on."""
    reader, writer = await connected(site)
    writer.write("".join(words).encode())
    try:
        async with asyncio.timeout(10):
            yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("path", SLOW)
@pytest.mark.parametrize("body", [ENDLESS, CHUNKED], ids=["length", "chunked"])
async def test_a_body_that_stops_is_answered_in_the_dialects_own_words(site: str, path: str, body: str) -> None:
    async with said(site, HEAD.format(path), body) as (reader, _):
        answer = await reader.read()
    status, words = SLOW[path]
    assert answer.split()[1] == b"%d" % status
    assert words in answer


async def test_a_body_that_drips_is_not_waited_for_any_longer(site: str) -> None:
    async with said(site, HEAD.format("/tpstreams/api/v1/org/assets/"), ENDLESS) as (reader, writer):

        async def drip() -> None:
            while True:
                writer.write(b" ")
                await asyncio.sleep(0)

        dripping = asyncio.create_task(drip())
        with contextlib.suppress(ConnectionError):  # it speaks against a closed door
            await reader.read()
        dripping.cancel()


@pytest.mark.parametrize("before", ["", "GET /_mediaglot/health HTTP/1.1\r\nHost: h\r\n\r\n"])
@pytest.mark.parametrize("head", ["", "POST /encoding_com/ HTTP/1.1\r\nHo"])
async def test_who_says_nothing_or_half_a_head_is_hung_up_on(site: str, before: str, head: str) -> None:
    async with said(site, before, head) as (reader, _):
        assert (await reader.read()).count(b"HTTP/1.1 200") == bool(before)


@pytest.mark.skipif(UNREAD is None, reason="this system's TCP gives up no connection whose other end does not read")
@pytest.mark.parametrize("through_proxy", [False, True])
async def test_who_does_not_read_loses_the_connection(
    serve: Any, data: Path, wait: Any, *, through_proxy: bool
) -> None:
    (data / "outputs" / "a").mkdir(parents=True)
    with (data / "outputs" / "a" / "film.mp4").open("wb") as film:
        film.truncate(50_000_000)
    client = await serve(backend="simulated", client_patience=PATIENCE, proxy_port=0)
    door = urlsplit(client.server.proxy.url if through_proxy else client.site)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((door.hostname, door.port))
        line.sendall(f"GET {client.site}/_mediaglot/outputs/a/film.mp4 HTTP/1.1\r\nHost: h\r\n\r\n".encode())

        async def gone() -> bool:
            try:
                return line.send(b"\n") < 0
            except ConnectionError:
                return True

        await wait(gone)
    assert (await client.get("/_mediaglot/health"))[0] == 200


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_who_comes_when_there_are_too_many_is_sent_away(
    serve: Any, monkeypatch: pytest.MonkeyPatch, wait: Any, *, through_proxy: bool
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (6, 100))
    server = (await serve(backend="simulated", proxy_port=0)).server
    site = server.proxy.url if through_proxy else server.site.url
    ask = f"GET {server.site.url}/_mediaglot/health HTTP/1.1\r\nHost: h\r\n\r\n"
    async with said(site, ask) as (first, _), said(site, ask) as (second, leaving):
        assert [(await each.readline()).split()[1] for each in (first, second)] == [b"200", b"200"]
        async with said(site) as (third, _):
            assert (await third.read()).startswith(b"HTTP/1.1 503 The ")
        leaving.close()
        await wait(lambda: heard(site, ask))


async def heard(site: str, ask: str) -> bool:
    async with said(site, ask) as (reader, _):
        with contextlib.suppress(ConnectionError):
            return b" 200 " in await reader.readline()
    return False


async def test_a_burst_of_clients_takes_no_file_that_is_needed(program: Any, wait: Any) -> None:
    process = await program("--backend", "simulated", ULIMIT="100")
    parts = urlsplit(process.site)
    with contextlib.ExitStack() as stack:
        for _ in range(120):
            line = stack.enter_context(socket.create_connection((parts.hostname, parts.port)))
        line.settimeout(10)
        assert line.recv(100).startswith(b"HTTP/1.1 503 ")
    await wait(lambda: heard(process.site, "GET /_mediaglot/health HTTP/1.1\r\nHost: h\r\n\r\n"))
    assert await process.end() == 0
    assert process.log.read_text() == ""


@pytest.mark.heavy
async def test_a_server_that_stops_waits_for_nobody_until_its_container_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, asked = Server(Settings(port=0, data=tmp_path, backend="simulated")), asyncio.Event()

    async def endless(*_: Any) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(server, "answer", endless)
    runner = await listen(server)
    async with said(server.site.url, "GET /encoding_com/ HTTP/1.1\r\nHost: h\r\n\r\n"):
        await asked.wait()
        async with asyncio.timeout(8):
            await runner.cleanup()
