"""Destinations that are in trouble for a while."""

from __future__ import annotations

import logging
import socket

import pytest
from aiohttp import web

from mediaglot.gateway.faults import DeliveryFailed
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

PATIENT = 600.0


@pytest.fixture
async def carrier(local, eager, tmp_path):
    one = Carrier(Policy(local_addresses=True, allow_dirs=(tmp_path,), tries=2), Passing(), patience=PATIENT)
    yield one
    await one.close()


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(b"film" * 1000)
    return path


class Passing:
    """A clock on which sleeping is what makes time pass."""

    def __init__(self):
        self.slept = []

    def now(self):
        raise NotImplementedError

    def monotonic(self):
        return sum(self.slept)

    async def sleep(self, seconds):
        self.slept.append(seconds)


class Moody:
    def __init__(self, *statuses):
        self.statuses, self.calls, self.got = list(statuses), 0, b""

    async def __call__(self, request):
        body = await request.read()
        self.calls += 1
        status = self.statuses.pop(0) if self.statuses else 201
        if status == 201:
            self.got = body
        return web.Response(status=status)


async def test_a_server_that_is_down_for_a_while_gets_its_file(carrier, serve, made):
    shelf = Moody(*[503] * 9)
    url = await serve(shelf)
    receipt = await carrier.deliver(made, Location(url=f"{url}/x.mp4"))
    assert (receipt.size, shelf.got, shelf.calls) == (4000, made.read_bytes(), 10)
    waits = [pause for pause in carrier._clock.slept if pause > 1]
    assert waits == sorted(waits)
    assert len(waits) == 4
    assert all(4 * 2**n / 2 <= pause <= 4 * 2**n for n, pause in enumerate(waits))


async def test_it_is_given_up_when_patience_ends(carrier, serve, made):
    shelf = Moody(*[503] * 1000)
    url = await serve(shelf)
    with pytest.raises(DeliveryFailed) as caught:
        await carrier.deliver(made, Location(url=f"{url}/x.mp4"))
    assert caught.value.data == {"status": 503, "reason": "Service Unavailable"}
    slept = sum(carrier._clock.slept)
    assert PATIENT - 120 <= slept <= PATIENT + 10
    assert shelf.calls > 6


@pytest.mark.parametrize("status", [401, 403, 404, 411, 413])
async def test_a_refusal_is_no_mood(carrier, serve, made, status):
    shelf = Moody(status)
    url = await serve(shelf)
    with pytest.raises(DeliveryFailed) as caught:
        await carrier.deliver(made, Location(url=f"{url}/x.mp4"))
    assert (caught.value.data["status"], shelf.calls, carrier._clock.slept) == (status, 1, [])


async def test_a_server_that_is_not_there_is_waited_for_and_the_log_says_so(carrier, made, caplog):
    caplog.set_level(logging.INFO)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://u:s3cret@127.0.0.1:{free.getsockname()[1]}/x.mp4"
    with pytest.raises(DeliveryFailed) as caught:
        await carrier.deliver(made, Location(url=url))
    assert caught.value.data == {"reason": "connection"}
    waits = [record.getMessage() for record in caplog.records if "waits" in record.getMessage()]
    assert len(waits) == len([pause for pause in carrier._clock.slept if pause > 1])
    assert "reason=connection" in waits[0]
    assert "s3cret" not in caplog.text


async def test_what_is_not_allowed_is_not_waited_for(carrier, made):
    with pytest.raises(DeliveryFailed):
        await carrier.deliver(made, Location(url="file:///somewhere/else.mp4"))
    with pytest.raises(DeliveryFailed):
        await carrier.deliver(made, Location(url="gopher://h.test/x.mp4"))
    assert carrier._clock.slept == []
