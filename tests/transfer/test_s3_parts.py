"""Large files go in parts: what has arrived is not sent again, and what is given up leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from aiohttp import web

from mediaglot.gateway.faults import DeliveryFailed

MIB = 1 << 20
SIZE = 33 * MIB


@pytest.fixture
def large(tmp_path):
    """Three parts, the last of 1 MiB."""
    path = tmp_path / "large.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def there(store, signed):
    return signed(f"s3://{store.bucket}/a")


def fault(status, code):
    body = f"<Error><Code>{code}</Code><Message>SE/CR+ET</Message></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")


def sent(store):
    """How often each part was begun."""
    return Counter(request.query["partNumber"] for request in store.asked if "partNumber" in request.query)


async def left(store):
    """Whether parts are kept at the store for which nobody will come."""
    return "<Upload>" in await store.ask("uploads")


@pytest.mark.heavy
async def test_a_large_file_goes_in_parts_and_arrives_whole(s3, store, large, there):
    seen = []
    receipt = await s3.deliver(large, there, content_type="video/mp4", on_progress=lambda *now: seen.append(now))
    content, headers = await store.get("a")
    assert content == large.read_bytes()
    assert headers["Content-Type"] == "video/mp4"
    assert receipt.size == SIZE
    assert receipt.etag == headers["ETag"]
    assert sent(store) == {"1": 1, "2": 1, "3": 1}
    assert store.refused == []
    assert seen[-1] == (SIZE, SIZE)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.heavy
async def test_bytes_are_signed_on_an_open_way_to_a_clients_server(s3, opened, store, large, there, signed):
    await opened().deliver(large, signed(f"{store.url.replace('http:', 's3:')}/{store.bucket}/b"))
    assert (await store.get("b"))[0] == large.read_bytes()
    assert not [one for one in store.asked if one.headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"]
    await s3.deliver(large, there)
    assert store.asked[-2].headers["X-Amz-Content-SHA256"] == "UNSIGNED-PAYLOAD"
    assert store.refused == []


@pytest.mark.heavy
async def test_a_part_that_is_cut_is_sent_again_and_no_other(s3, store, large, there, serve):
    cuts = ["2", "2"]

    async def cut(request, body):
        if request.query.get("partNumber") not in cuts:
            return None
        cuts.remove(request.query["partNumber"])
        request.transport.abort()
        return web.Response()

    store.mischief = cut
    await s3.deliver(large, there)
    assert (await store.get("a"))[0] == large.read_bytes()
    assert sent(store) == {"1": 1, "2": 3, "3": 1}
    assert not await left(store)


@pytest.mark.heavy
async def test_a_part_that_stalls_is_sent_again_when_others_have_arrived(s3, store, large, there, hasty):
    never, stuck = asyncio.Event(), []

    async def stall(request, body):
        if request.query.get("partNumber") == "2" and not stuck:
            stuck.append(request)
            await never.wait()

    store.mischief = stall
    await s3.deliver(large, there, limits=replace(hasty, stall_timeout=2.0))
    assert (await store.get("a"))[0] == large.read_bytes()
    assert sent(store) == {"1": 1, "2": 2, "3": 1}
    never.set()


@pytest.mark.heavy
@pytest.mark.parametrize(("status", "code", "times"), [(403, "AccessDenied", 1), (503, "SlowDown", 3)])
async def test_a_delivery_that_is_given_up_leaves_no_parts(s3, store, large, there, status, code, times):
    async def refuse(request, body):
        return fault(status, code) if request.query.get("partNumber") == "3" else None

    store.mischief = refuse
    with pytest.raises(DeliveryFailed) as caught:
        await s3.deliver(large, there)
    assert caught.value.data == {"status": status, "reason": code}
    assert sent(store)["3"] >= times
    assert store.methods()[-1] == "DELETE"
    assert not await left(store)


@pytest.mark.heavy
async def test_a_store_that_stumbles_over_it_is_told_again_to_forget_the_parts(s3, store, large, there):
    async def refuse(request, body):
        if request.method == "DELETE" and store.methods().count("DELETE") < 3:
            return fault(503, "SlowDown")
        return fault(403, "AccessDenied") if request.query.get("partNumber") == "3" else None

    store.mischief = refuse
    with pytest.raises(DeliveryFailed):
        await s3.deliver(large, there)
    assert store.methods().count("DELETE") == 3
    assert not await left(store)


@pytest.mark.heavy
async def test_a_delivery_that_is_cancelled_leaves_no_parts(s3, store, large, there):
    begun, never = asyncio.Event(), asyncio.Event()

    async def stuck(request, body):
        if "partNumber" in request.query:
            begun.set()
            await never.wait()

    store.mischief = stuck
    task = asyncio.create_task(s3.deliver(large, there))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    never.set()
    assert store.methods()[-1] == "DELETE"
    assert not await left(store)


@pytest.mark.heavy
async def test_a_store_that_is_gone_does_not_keep_us_from_giving_up(s3, store, large, there, hasty):
    never = asyncio.Event()

    async def stuck(request, body):
        if request.query.get("partNumber") or request.method == "DELETE":
            await never.wait()

    store.mischief = stuck
    with pytest.raises(DeliveryFailed) as caught:
        await s3.deliver(large, there, limits=hasty)
    assert caught.value.data == {"seconds": 0.2, "reason": "stall"}
    never.set()


@pytest.mark.heavy
async def test_a_store_that_finds_no_end_does_not_keep_us_from_giving_up(s3, store, large, there, hasty):
    async def drip(request):
        response = web.StreamResponse(status=500)
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async def refuse(request, body):
        if request.method == "DELETE":
            await drip(request)
        return fault(403, "AccessDenied") if request.query.get("partNumber") == "3" else None

    store.mischief = refuse
    task = asyncio.create_task(s3.deliver(large, there, limits=replace(hasty, connect_timeout=10, stall_timeout=2)))
    await asyncio.wait([task], timeout=20)
    assert task.done()
    assert task.exception().data == {"status": 403, "reason": "AccessDenied"}
    assert store.methods().count("DELETE") == 1


@pytest.mark.heavy
async def test_a_part_is_called_what_the_store_calls_it_in_whatever_bytes(s3, store, large, there):
    named = []

    async def name(request, body):
        if "partNumber" in request.query:
            request.transport.write(
                b'HTTP/1.1 200 OK\r\nETag: "\xff"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
            )
            request.transport.close()
        if request.method == "POST" and "uploadId" in request.query:
            named.append(body.count(b'<ETag>"\xff"</ETag>'))
            return web.Response(text='<R><ETag>"whole"</ETag></R>')
        return web.Response() if "partNumber" in request.query else None

    store.mischief = name
    assert (await s3.deliver(large, there)).etag == '"whole"'
    assert named == [3]


@pytest.mark.heavy
async def test_a_failure_that_is_told_with_a_good_status_is_one(s3, store, large, there, eager):
    troubles = ["InternalError", "InternalError"]

    async def pretend(request, body):
        if request.method == "POST" and "uploadId" in request.query and troubles:
            return fault(200, troubles.pop())
        return None

    store.mischief = pretend
    await s3.deliver(large, there)
    assert (await store.get("a"))[0] == large.read_bytes()
    assert eager.slept == [0.5, 1.0]


@pytest.mark.heavy
async def test_an_object_whose_completion_was_not_heard_of_is_found(s3, store, large, there):
    lost = []

    async def deaf(request, body):
        if request.method == "POST" and "uploadId" in request.query:
            if lost:
                return fault(404, "NoSuchUpload")
            lost.append(await store.session.post(store.moto + request.raw_path, data=body))
            request.transport.abort()
        return None

    store.mischief = deaf
    receipt = await s3.deliver(large, there)
    content, headers = await store.get("a")
    assert content == large.read_bytes()
    assert receipt.etag == headers["ETag"]
    assert store.methods()[-1] == "HEAD"


@pytest.mark.heavy
async def test_another_object_is_not_taken_for_ours(s3, store, large, there):
    await store.put("a", b"another")
    asked = []

    async def deaf(request, body):
        if request.method == "POST" and "uploadId" in request.query:
            asked.append(request)
            return fault(404, "NoSuchUpload") if len(asked) > 1 else fault(500, "InternalError")
        return None

    store.mischief = deaf
    with pytest.raises(DeliveryFailed) as caught:
        await s3.deliver(large, there)
    assert caught.value.data == {"status": 404, "reason": "NoSuchUpload"}
    assert (await store.get("a"))[0] == b"another"


@pytest.mark.parametrize("own", [True, False])
async def test_a_file_that_shrinks_on_its_way_is_a_failed_delivery(s3, opened, store, large, there, signed, own):
    async def shrink(request, body):
        if "uploads" in request.query:
            os.truncate(large, 17 * MIB)

    store.mischief = shrink
    site = f"{store.url.replace('http:', 's3:')}/{store.bucket}/a"
    with pytest.raises(DeliveryFailed) as caught:
        await (s3.deliver(large, there) if own else opened().deliver(large, signed(site)))
    assert caught.value.data == {"reason": "changed"}
    assert not await left(store)


SCRIPT = """
import asyncio, json, os, pathlib, resource, sys
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.endpoint import Endpoint
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.s3 import S3

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

async def main(site, bucket, folder):
    s3 = S3(Policy(local_addresses=True), endpoints=[Endpoint(url=site)])
    def at(key):
        return Location(url=f"s3://{bucket}/{key}", access=Access(user="KEY", password=Secret("SE/CR+ET")))
    (folder / "small").write_bytes(b"x" * 5_000_000)
    await s3.deliver(folder / "small", at("small"))
    await s3.fetch(at("small"), folder / "back")
    before = peak()
    await s3.deliver(folder / "big", at("big"))
    sent = peak()
    await s3.fetch(at("big"), folder / "back")
    await s3.close()
    print(json.dumps([sent - before, peak() - sent]))

asyncio.run(main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])))
"""


@pytest.mark.heavy
async def test_memory_does_not_grow_with_the_file(store, tmp_path):
    """A process of its own sends and fetches 96 MiB after 5 MB have warmed it up."""
    with (tmp_path / "big").open("wb") as file:
        for _ in range(96):
            file.write(os.urandom(MIB))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, store.url, store.bucket, str(tmp_path), stdout=subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    grown = json.loads(said)
    assert max(grown) < 32 * MIB, grown
    assert (tmp_path / "back").read_bytes() == (tmp_path / "big").read_bytes()
