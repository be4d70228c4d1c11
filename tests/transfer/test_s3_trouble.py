"""What goes wrong on the way to an object store and back: pressure, lies, cuts, silence, full disks."""

from __future__ import annotations

import asyncio
import errno
import os
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
from mediaglot.gateway.transfer.refusal import Elsewhere, trouble
from mediaglot.gateway.transfer.retry import Transient

BODY = bytes(range(256)) * 8_000


@pytest.fixture
def target(tmp_path):
    return tmp_path / "got"


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(BODY)
    return path


@pytest.fixture
def large(tmp_path):
    """Three parts, the last of 1 MiB."""
    path = tmp_path / "large.mp4"
    path.write_bytes(os.urandom(1 << 20) * 33)
    return path


async def test_the_right_region_is_learned_from_the_answer(opened, store, made, eager, signed, everywhere):
    s3 = opened(resolver=everywhere)
    store.region = "eu-north-1"
    for key in ("a", "b"):
        await s3.deliver(made, signed(f"http://{store.bucket}.s3.amazonaws.com/{key}"))
    assert store.refused == ["AuthorizationHeaderMalformed"]
    assert store.asked[-1].headers["Host"] == f"{store.bucket}.s3.eu-north-1.amazonaws.com"


async def test_a_moved_bucket_is_asked_in_its_region(opened, store, target, signed, everywhere):
    s3 = opened(resolver=everywhere)
    await store.put("a", BODY)

    async def moved(request, body):
        if "eu-north-1" in request.headers["Host"]:
            return None
        return web.Response(status=301, headers={"x-amz-bucket-region": "eu-north-1"})

    store.mischief = moved
    await s3.fetch(signed(f"http://{store.bucket}.s3.amazonaws.com/a"), target)
    assert target.read_bytes() == BODY


async def test_a_store_that_sends_around_in_circles_is_given_up(s3, store, target, signed):
    async def moved(request, body):
        return web.Response(status=301, headers={"x-amz-bucket-region": f"eu-north-{len(store.asked)}"})

    store.mischief = moved
    with pytest.raises(SourceUnreachable):
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target)
    assert len(store.asked) == 3


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError"), (400, "RequestTimeout")])
async def test_a_busy_store_is_asked_again_after_a_pause(s3, store, made, target, eager, status, code, signed):
    async def busy(request, body):
        return web_fault(status, code) if len(store.asked) % 3 else None

    store.mischief = busy
    await s3.deliver(made, signed(f"s3://{store.bucket}/a"))
    await s3.fetch(signed(f"s3://{store.bucket}/a"), target)
    assert target.read_bytes() == BODY
    assert eager.slept == [0.5, 1.0] * 2


def web_fault(status, code):
    body = f"<Error><Code>{code}</Code><Message>SE/CR+ET</Message></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")


@pytest.mark.parametrize(
    ("status", "said", "wanted"),
    [
        (400, {"Code": "InvalidRequest", "Region": "eu-north-1"}, (SourceMissing, None)),
        (404, {"Code": "NoSuchKey"}, (SourceMissing, None)),
        (499, {}, (SourceMissing, None)),
        (304, {}, (SourceUnreachable, None)),
        (429, {}, (Transient, SourceMissing)),
        (500, {}, (Transient, SourceUnreachable)),
        (400, {"Code": "AuthorizationHeaderMalformed", "Region": "eu-north-1"}, (Elsewhere, SourceMissing)),
        (301, {"Region": "eu-north-1"}, (Elsewhere, SourceUnreachable)),
        (301, {"Region": "eu-north-1/../x"}, (SourceUnreachable, None)),
    ],
)
def test_what_an_answer_stands_for(status, said, wanted):
    found = trouble(status, said)
    held = getattr(found, "fault", None)
    assert (type(found), held and type(held)) == wanted


async def test_a_full_store_is_a_failed_delivery(s3, store, made, signed):
    async def full(request, body):
        return web_fault(507, "XMinioStorageFull")

    store.mischief = full
    with pytest.raises(DeliveryFailed) as caught:
        await s3.deliver(made, signed(f"s3://{store.bucket}/a"))
    assert caught.value.data == {"status": 507, "reason": "XMinioStorageFull"}
    assert len(store.asked) == 3


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Error><Code>&b;</Code></Error>',
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><Error><Code>&f;</Code></Error>',
        b"<Error>" + b"<a>" * 10_000,
        b"<Error><Code>SE/CR+ET is your secret</Code></Error>",
        b"<Error><Code><Code>NoSuchKey</Code></Code></Error>",
        b"x" * 3_000_000,
        b"\xff\xfe\x00",
        b"",
    ],
    ids=["laughs", "outside", "deep", "prose", "nested", "long", "binary", "empty"],
)
async def test_a_hostile_answer_is_worth_its_status(s3, store, target, body, signed):
    async def hostile(request, _):
        return web.Response(status=404, body=body, content_type="application/xml")

    store.mischief = hostile
    with pytest.raises(SourceMissing) as caught:
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target)
    assert caught.value.data == {"status": 404, "reason": "Not Found"}


@pytest.mark.heavy
async def test_a_source_cut_in_the_middle_is_resumed(s3, store, target, large, tmp_path, signed):
    await store.put("a", large.read_bytes())
    cuts = [5_000_000, 9_000_000]

    async def cut(request, body):
        if not cuts:
            return None
        end, start = cuts.pop(0), int(request.headers.get("Range", "bytes=0-")[6:-1])
        response = web.StreamResponse(status=206 if start else 200)
        response.headers["ETag"] = (await store.get("a"))[1]["ETag"]
        size = large.stat().st_size
        if start:
            response.headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
        response.content_length = size - start
        await response.prepare(request)
        await response.write(large.read_bytes()[start:end])
        request.transport.close()
        return response

    store.mischief = cut
    seen = []
    await s3.fetch(signed(f"s3://{store.bucket}/a"), target, on_progress=lambda *now: seen.append(now))
    assert target.read_bytes() == large.read_bytes()
    first, *rest = [request.headers.get("Range") for request in store.asked]
    assert first is None
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in rest]
    assert 0 < starts[0] <= 5_000_000
    assert starts[0] <= starts[1] <= 9_000_000
    assert store.refused == []
    assert seen[-1] == (33 << 20, 33 << 20)


async def test_a_stalled_source_is_a_timeout(s3, store, target, hasty, signed):
    never = asyncio.Event()

    async def stuck(request, body):
        await never.wait()

    store.mischief = stuck
    with pytest.raises(SourceTimeout) as caught:
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target, limits=hasty)
    assert caught.value.data == {"seconds": 0.2, "reason": "stall"}
    never.set()


async def test_a_store_that_does_not_answer_a_delivery_is_a_timeout(s3, store, made, hasty, signed):
    never = asyncio.Event()

    async def stuck(request, body):
        await never.wait()

    store.mischief = stuck
    with pytest.raises(DeliveryFailed) as caught:
        await s3.deliver(made, signed(f"s3://{store.bucket}/a"), limits=hasty)
    assert caught.value.data == {"seconds": 0.2, "reason": "stall"}
    never.set()


async def test_a_full_disk_is_no_space(s3, store, target, monkeypatch, signed):
    await store.put("a", BODY)

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpace):
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target)
    monkeypatch.undo()
    assert list(target.parent.iterdir()) == []


async def test_a_large_source_and_a_missing_file(s3, store, target, local, signed):
    await store.put("a", BODY)
    with pytest.raises(SourceTooLarge):
        await s3.fetch(signed(f"s3://{store.bucket}/a"), target, limits=replace(local, max_bytes=100))
    with pytest.raises(DeliveryFailed) as caught:
        await s3.deliver(target, signed(f"s3://{store.bucket}/b"))
    assert caught.value.data == {"reason": "missing"}


@pytest.mark.heavy
async def test_a_hundred_transfers_at_once(s3, store, made, tmp_path, signed):
    made.write_bytes(BODY[:100_000])

    async def there_and_back(number):
        where = signed(f"s3://{store.bucket}/{number}")
        await s3.deliver(made, where)
        await s3.fetch(where, tmp_path / f"got-{number}")
        return (tmp_path / f"got-{number}").read_bytes() == made.read_bytes()

    assert all(await asyncio.gather(*map(there_and_back, range(100))))
    assert store.refused == []
