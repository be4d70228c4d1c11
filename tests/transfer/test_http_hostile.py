"""Servers that lie, drip and flood: resumed with equal bytes, or ended by the right fault within bounds."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
import tracemalloc
from dataclasses import replace

import pytest
from aiohttp import web

from mediaglot.gateway.faults import (
    DeliveryFailed,
    NoSpace,
    SourceMissing,
    SourceTimeout,
    SourceTooLarge,
    SourceUnreachable,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer.disk import in_thread

ENOUGH = 15
"""Seconds in which each of these must have come to an end."""


def at(url):
    return Location(url=url)


@pytest.fixture
def target(tmp_path):
    (tmp_path / "in").mkdir()
    return tmp_path / "in" / "source"


def left(target):
    return sorted(path.name for path in target.parent.iterdir())


class Liar:
    """Breaks its first answer off in the middle, then answers a range with the headers that it was given."""

    def __init__(self, body, headers, *, offset=0, status=206):
        self.body, self.headers, self.offset, self.status = body, headers, offset, status
        self.asked = []

    async def __call__(self, request):
        self.asked.append(request.headers.get("Range"))
        if len(self.asked) == 1:
            response = web.StreamResponse(headers={"ETag": '"one"'})
            response.content_length = len(self.body)
            await response.prepare(request)
            await response.write(self.body[: 1 << 20])
            request.transport.close()
            return response
        if self.asked[-1] is None or len(self.asked) > 2:
            return web.Response(body=self.body, headers={"ETag": '"one"'})
        start = int(self.asked[-1][6:-1])
        said = {name: text.format(start=start, size=len(self.body)) for name, text in self.headers.items()}
        return web.Response(status=self.status, body=self.body[start + self.offset :], headers=said)


@pytest.mark.parametrize(
    ("headers", "offset", "status"),
    [
        ({"Content-Range": "bytes 5-{size}/{size}"}, 0, 206),
        ({"Content-Range": "bytes 0-{size}/{size}"}, -(1 << 20), 206),
        ({"Content-Range": "bytes {start}-{size}/7"}, 0, 206),
        ({"Content-Range": "bytes */{size}"}, 0, 206),
        ({"Content-Range": "lines {start}-{size}/{size}"}, 0, 206),
        ({}, 0, 206),
        ({"Content-Range": "bytes {start}-{size}/{size}", "ETag": '"two"'}, 0, 206),
        ({"Content-Range": "bytes */{size}"}, 0, 416),
    ],
    ids=["offset", "whole", "total", "unknown", "unit", "no-range", "etag", "refused"],
)
async def test_a_range_that_does_not_continue_what_is_there_is_thrown_away(
    http, origin, serve, target, headers, offset, status
):
    liar = Liar(origin.body, headers, offset=offset, status=status)
    await http.fetch(at(await serve(liar) + "/x"), target)
    assert target.read_bytes() == origin.body
    assert liar.asked[0] is None
    assert liar.asked[1].startswith("bytes=")
    assert liar.asked[2] is None


@pytest.mark.parametrize("part", ["4-7/8", f"{'9' * 5000}-7/8", f"0-7/{'9' * 5000}"], ids=["rest", "start", "total"])
async def test_a_part_that_nobody_asked_for_is_no_file(http, serve, target, part):
    async def answer(_):
        return web.Response(status=206, body=b"film", headers={"Content-Range": f"bytes {part}"})

    with pytest.raises(SourceUnreachable) as caught:
        await http.fetch(at(await serve(answer)), target)
    assert caught.value.data == {"reason": "range"}
    assert left(target) == []


async def test_a_file_that_came_as_a_part_from_the_first_may_change_as_any_other(http, serve, target):
    asked = []

    async def answer(request):
        asked.append((request.headers.get("Range"), request.headers.get("If-Range")))
        old = len(asked) == 1
        start = int((asked[-1][0] or "bytes=0-")[6:-1])
        said = {"Content-Range": f"bytes {start}-7/8", "ETag": '"old"' if old else '"new"'}
        response = web.StreamResponse(status=206, headers=said)
        response.content_length = 8 - start
        await response.prepare(request)
        await response.write(b"old " if old else b"new film"[start:])
        if old:
            request.transport.close()
        return response

    await http.fetch(at(await serve(answer)), target)
    assert target.read_bytes() == b"new film"
    assert asked == [(None, None), ("bytes=4-", '"old"'), (None, None)]


async def test_a_body_without_end_is_cut_at_the_limit(http, serve_flood, target, local):
    url = await serve_flood(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)
    with pytest.raises(SourceTooLarge):
        await asyncio.wait_for(http.fetch(at(url), target, limits=replace(local, max_bytes=5_000_000)), ENOUGH)
    assert left(target) == []


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("head", "flood"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 1000),
        (b"HTTP/1.1 200 ", b"x" * 1000),
        (b"", b"x" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 70_000),
    ],
    ids=["headers", "header", "reason", "garbage", "continue", "chunk-size", "chunk-extension"],
)
async def test_a_head_without_end_is_given_up(http, serve_flood, target, local, head, flood):
    url = await serve_flood(head, flood)
    limits = replace(local, connect_timeout=1, stall_timeout=1)
    tracemalloc.start()
    try:
        with pytest.raises(SourceUnreachable):
            await asyncio.wait_for(http.fetch(at(url), target, limits=limits), ENOUGH)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
    assert left(target) == []


async def test_a_server_that_does_not_take_the_connection_ends_as_a_timeout(http, target, hasty):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/x"
        with pytest.raises(SourceTimeout) as caught:
            await asyncio.wait_for(http.fetch(at(url), target, limits=hasty), ENOUGH)
        for filler in fillers:
            filler.close()
    assert caught.value.data == {"seconds": 0.2, "reason": "connect"}


@pytest.fixture
def tiny(target):
    folder = target.parent
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield target
    subprocess.run(["umount", folder], check=True)


async def test_a_disk_that_fills_up_in_the_middle_is_no_space(http, origin, tiny):
    with pytest.raises(NoSpace):
        await http.fetch(at(origin.url), tiny)
    assert left(tiny) == []


@pytest.mark.heavy
async def test_a_hundred_in_both_directions_at_once(http, origin, serve, tmp_path):
    origin.body = origin.body[:300_000]
    origin.cuts = [100_000, 300_000] * 30
    got = {}

    async def take(request):
        got[request.path] = await request.content.read()
        return web.Response(status=201)

    url, made = await serve(take), tmp_path / "made"
    made.write_bytes(os.urandom(300_000))
    targets = [tmp_path / f"in-{number}" for number in range(100)]
    await asyncio.gather(
        *(http.fetch(at(origin.url), target) for target in targets),
        *(http.deliver(made, at(f"{url}/{number}")) for number in range(100)),
    )
    assert {target.read_bytes() for target in targets} == {origin.body}
    assert len(got) == 100
    assert set(got.values()) == {made.read_bytes()}
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


# --- deliveries ----------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(os.urandom(5 << 20))
    return path


async def test_a_put_that_is_cut_in_the_middle_is_sent_anew(http, serve, made):
    got = []

    async def take(request):
        if len(got) < 2:
            got.append(await request.content.readexactly(1 << 20))
            request.transport.abort()
            return web.Response()
        got.append(await request.content.read())
        return web.Response(status=201)

    receipt = await http.deliver(made, at(await serve(take) + "/x"))
    assert receipt.size == 5 << 20
    assert [len(body) for body in got] == [1 << 20, 1 << 20, 5 << 20]
    assert got[-1] == made.read_bytes()


@pytest.mark.parametrize(("status", "reason"), [(401, "Unauthorized"), (403, "Forbidden"), (413, "Too Large")])
async def test_a_refusal_before_the_body_is_heard(http, serve_raw, made, status, reason):
    with made.open("wb") as file:
        file.truncate(64 << 20)
    said = f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    url = await serve_raw(said, False)
    with pytest.raises(DeliveryFailed) as caught:
        await asyncio.wait_for(http.deliver(made, at(url + "/x")), ENOUGH)
    assert caught.value.data == {"status": status, "reason": reason}
    assert not caught.value.passing


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Non trouv\u00e9".encode("latin-1"), "Non trouv\ufffd"),
        ("Non trouv\u00e9".encode(), "Non trouv\u00e9"),
        (b"\x01\x1b[31m", "\ufffd\ufffd[31m"),
    ],
    ids=["latin-1", "utf-8", "controls"],
)
async def test_words_of_a_refusal_are_a_text_whatever_their_bytes_are(http, serve_raw, target, words, told):
    url = await serve_raw(b"HTTP/1.1 404 " + words + b"\r\nContent-Length: 0\r\n\r\n", False)
    with pytest.raises(SourceMissing) as caught:
        await http.fetch(at(url + "/x"), target)
    assert caught.value.data == {"status": 404, "reason": told}


@pytest.mark.parametrize("host", ["a..example", ".example", "a" * 64 + ".example"])
async def test_a_host_that_no_name_server_can_be_asked_for_is_not_there(http, target, host):
    with pytest.raises(SourceUnreachable, match="dns"):
        await http.fetch(at(f"http://{host}/a"), target)
    assert left(target) == []


async def test_a_name_server_that_does_not_answer_holds_up_no_files(http, monkeypatch, target):
    system, answered, asked = socket.getaddrinfo, threading.Event(), asyncio.Semaphore(0)
    loop = asyncio.get_running_loop()

    def look_up(host, *options, **more):
        if host == "slow.example":
            loop.call_soon_threadsafe(asked.release)
            answered.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return system(host, *options, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    waiting = [
        asyncio.create_task(http.fetch(at("http://slow.example/x"), target.with_name(f"{number}")))
        for number in range(40)
    ]
    try:
        await asked.acquire()
        done, _ = await asyncio.wait([asyncio.create_task(in_thread(int, "5"))], timeout=10)
        assert done
    finally:
        answered.set()
    assert {str(fault) for fault in await asyncio.gather(*waiting, return_exceptions=True)} == {
        "source_unreachable reason=dns"
    }


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_takes_the_body_along(http, serve, made, status):
    got = []

    async def take(request):
        got.append((request.method, request.path_qs, await request.content.read()))
        return web.Response(status=201)

    there = await serve(take)

    async def move(request):
        await request.content.read()
        return web.Response(status=status, headers={"Location": there + "/there?a=%2Fb+c"})

    await http.deliver(made, at(await serve(move) + "/x"))
    assert got == [("PUT", "/there?a=%2Fb+c", made.read_bytes())]


SIGNED = (
    "/bucket/a%20b/%C3%A9%2Fc/x.mp4?X-Amz-Credential=KEY%2F20260101%2Fus-east-1%2Fs3%2Faws4_request"
    "&X-Amz-Signature=ab%2bcd&empty=&flag&plus=a+b&tilde=~&paren=(x)&x-id=PutObject"
)


async def test_a_signed_url_is_sent_byte_for_byte(http, made):
    heard = asyncio.get_running_loop().create_future()

    async def talk(reader, writer):
        heard.set_result(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        while await reader.read(1 << 20):
            pass
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        made.write_bytes(b"film")
        await asyncio.wait_for(http.deliver(made, at(f"http://127.0.0.1:{port}{SIGNED}")), ENOUGH)
    assert await heard == f"PUT {SIGNED} HTTP/1.1\r\n".encode()


async def test_memory_does_not_grow_with_what_is_delivered(http, serve, made):
    async def take(request):
        async for _ in request.content.iter_any():
            pass
        return web.Response(status=201)

    with made.open("wb") as file:
        file.truncate(64 << 20)
    url = await serve(take)
    tracemalloc.start()
    try:
        await http.deliver(made, at(url + "/x"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20
