from __future__ import annotations

import asyncio
import errno
import gzip
import os
import socket
import tracemalloc
from dataclasses import replace

import pytest
from aiohttp import web

from mediaglot.gateway.faults import (
    NoSpace,
    SourceMissing,
    SourceTimeout,
    SourceTooLarge,
    SourceUnreachable,
)
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer.http import Http


def at(url):
    return Location(url=url)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "source"


def left(target):
    return sorted(path.name for path in target.parent.iterdir())


async def test_a_source_arrives_whole_with_its_name_type_and_progress(http, origin, target):
    origin.headers["Content-Type"] = "video/mp4; codecs=avc1"
    seen = []
    fetched = await http.fetch(at(origin.url), target, on_progress=lambda *now: seen.append(now))
    assert target.read_bytes() == origin.body
    assert (fetched.size, fetched.name, fetched.content_type) == (len(origin.body), "one two.mp4", "video/mp4")
    assert fetched.path == target
    assert seen[-1] == (len(origin.body), len(origin.body))
    assert seen == sorted(seen)
    assert left(target) == ["source"]
    assert origin.asked[0].headers["Accept-Encoding"] == "identity"


async def test_what_lay_at_the_target_is_replaced(http, origin, target):
    target.write_bytes(b"old")
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == origin.body


async def test_a_source_of_zero_bytes_is_no_transfer_error(http, origin, target):
    origin.body = b""
    assert (await http.fetch(at(origin.url), target)).size == 0
    assert target.read_bytes() == b""


async def test_cut_connections_are_resumed_where_they_broke(http, origin, target, eager):
    origin.cuts = [1_000_000, 700_001, 0, 65_536]
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == origin.body
    ranges = [request.headers.get("Range") for request in origin.asked]
    assert ranges[0] is None
    assert len(ranges) == 5
    assert all(int(text.removeprefix("bytes=").removesuffix("-")) > 0 for text in ranges[1:])
    assert {request.headers["If-Range"] for request in origin.asked[1:]} == {'"one"'}
    assert len(eager.slept) == 4


async def test_a_server_without_ranges_starts_again_from_zero(http, origin, target):
    origin.ranges = False
    origin.cuts = [1_000_000]
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == origin.body


async def test_a_source_that_changed_between_two_attempts_is_not_mixed(http, origin, target, eager):
    origin.cuts = [1_000_000]
    sleep, newer = eager.sleep, bytes(reversed(origin.body))

    async def change(seconds):
        origin.body, origin.etag = newer, '"two"'
        await sleep(seconds)

    eager.sleep = change
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == newer


async def test_a_server_that_resumes_another_version_is_asked_for_the_whole_file(http, origin, target, eager):
    origin.etag = 'W/"one"'  # weak: no If-Range, so the server can't refuse by itself
    origin.cuts = [1_000_000]
    newer = bytes(reversed(origin.body))

    async def change(_):
        origin.body, origin.etag = newer, 'W/"two"'

    eager.sleep = change
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == newer
    assert [request.headers.get("Range") is None for request in origin.asked] == [True, False, True]


async def test_a_server_that_always_breaks_off_is_given_up_with_growing_pauses(http, origin, target, eager):
    origin.ranges = False
    origin.cuts = [500_000] * 20
    with pytest.raises(SourceUnreachable) as caught:
        await http.fetch(at(origin.url), target)
    assert caught.value.data == {"reason": "cut"}
    assert len(origin.asked) < 8
    assert left(target) == []


async def test_a_length_that_is_a_lie_is_found_out(http, origin, target):
    origin.body = origin.body[:100_000]
    origin.length = 50_000
    with pytest.raises(SourceUnreachable):
        await http.fetch(at(origin.url), target)
    assert left(target) == []


@pytest.mark.heavy
async def test_a_slow_server_is_no_stall_while_it_sends(http, serve, target, local):
    loop = asyncio.get_running_loop()

    async def slow(request):
        response = web.StreamResponse()
        for _ in range(5):
            tick = asyncio.Event()
            loop.call_later(0.3, tick.set)
            await tick.wait()
            if not response.prepared:
                await response.prepare(request)
            await response.write(b"x")
        return response

    await http.fetch(at(await serve(slow)), target, limits=replace(local, stall_timeout=1.2))
    assert target.read_bytes() == b"xxxxx"


@pytest.mark.heavy
@pytest.mark.parametrize("held", [0, 300_000])
async def test_a_server_that_falls_silent_ends_as_a_timeout(http, origin, target, held, hasty):
    origin.hold, origin.held = asyncio.Event(), held
    with pytest.raises(SourceTimeout) as caught:
        await asyncio.wait_for(http.fetch(at(origin.url), target, limits=hasty), 10)
    assert caught.value.data == {"seconds": 0.2, "reason": "stall"}
    assert left(target) == []


async def test_a_server_that_never_answers_ends_as_a_timeout(http, serve, target, hasty):
    never = asyncio.Event()

    async def silent(_):
        await never.wait()

    with pytest.raises(SourceTimeout):
        await asyncio.wait_for(http.fetch(at(await serve(silent)), target, limits=hasty), 10)
    never.set()


async def test_the_total_time_is_bounded(origin, target, local, eager):
    origin.hold = asyncio.Event()
    http = Http(replace(local, stall_timeout=60, total_timeout=0.2), eager)
    with pytest.raises(SourceTimeout) as caught:
        await asyncio.wait_for(http.fetch(at(origin.url), target), 10)
    assert caught.value.data["reason"] == "total"
    assert left(target) == []
    await http.close()


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_refusal_is_final_and_tells_its_status(http, origin, target, status):
    origin.statuses = [status] * 9
    with pytest.raises(SourceMissing) as caught:
        await http.fetch(at(origin.url), target)
    assert caught.value.data["status"] == status
    assert caught.value.data["reason"]
    assert len(origin.asked) == 1
    assert left(target) == []


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_trouble_of_the_server_is_tried_again(http, origin, target, status, eager):
    origin.statuses = [status, status]
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == origin.body
    assert eager.slept == [0.5, 1.0]


async def test_lasting_trouble_of_the_server_is_unreachable(http, origin, target):
    origin.statuses = [502] * 9
    with pytest.raises(SourceUnreachable) as caught:
        await http.fetch(at(origin.url), target)
    assert caught.value.data == {"status": 502, "reason": "Bad Gateway"}
    assert len(origin.asked) == 3


async def test_a_closed_port_is_unreachable(http, target):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/x"
        with pytest.raises(SourceUnreachable) as caught:
            await http.fetch(at(url), target)
    assert caught.value.data == {"reason": "connection"}


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nfilm",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfilm\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /" + b"x" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_something_that_speaks_no_proper_http_is_unreachable(http, serve_raw, target, said):
    with pytest.raises(SourceUnreachable):
        await http.fetch(at(await serve_raw(said, False) + "/x"), target)
    assert left(target) == []


@pytest.mark.parametrize("told", [True, False])
async def test_a_source_over_the_limit_is_refused(http, origin, serve, target, local, told):
    async def untold(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(origin.body)
        return response

    url = origin.url if told else await serve(untold)
    with pytest.raises(SourceTooLarge) as caught:
        await http.fetch(at(url), target, limits=replace(local, max_bytes=1_000_000))
    assert caught.value.data == {"limit": 1_000_000}
    assert left(target) == []


async def test_an_answer_in_gzip_that_nobody_asked_for_is_refused(http, origin, target):
    origin.body = gzip.compress(bytes(1000))
    origin.headers["Content-Encoding"] = "gzip"
    with pytest.raises(SourceUnreachable) as caught:
        await http.fetch(at(origin.url), target)
    assert caught.value.data == {"reason": "content_encoding"}


async def test_a_cancelled_fetch_leaves_nothing(http, origin, target):
    origin.hold, origin.held = asyncio.Event(), 2_500_000
    task = asyncio.create_task(http.fetch(at(origin.url), target))
    await origin.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(target) == []


async def test_fifty_at_once(http, origin, tmp_path):
    origin.body = origin.body[:200_000]
    targets = [tmp_path / str(number) for number in range(50)]
    await asyncio.gather(*(http.fetch(at(origin.url), target) for target in targets))
    assert all(target.read_bytes() == origin.body for target in targets)


async def test_memory_does_not_grow_with_the_file(http, serve, target):
    block, count = bytes(1 << 20), 64

    async def large(request):
        response = web.StreamResponse()
        response.content_length = len(block) * count
        await response.prepare(request)
        for _ in range(count):
            await response.write(block)
        return response

    url = await serve(large)
    tracemalloc.start()
    try:
        await http.fetch(at(url), target)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert target.stat().st_size == len(block) * count
    assert peak < 16 * len(block)


async def test_a_full_disk_is_no_space(http, origin, target, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpace):
        await http.fetch(at(origin.url), target)
    monkeypatch.undo()
    assert left(target) == []
