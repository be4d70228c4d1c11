from __future__ import annotations

import asyncio
import base64

import pytest
from aiohttp import web

from mediaglot.gateway.faults import DeliveryFailed, DeliveryForbidden
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.http import Http
from mediaglot.gateway.transfer.policy import Policy


def at(url, **access):
    return Location(url=url, access=Access(**access) if access else None)


class Shelf:
    """Takes PUTs; answers with the statuses in turn, then 201."""

    def __init__(self):
        self.statuses, self.got, self.url = [], [], ""

    async def answer(self, request):
        body = await request.content.read()
        self.got.append((request.method, request.path_qs, dict(request.headers), body))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 201, headers={"ETag": '"made"'})


@pytest.fixture
async def shelf(serve):
    shelf = Shelf()
    shelf.url = await serve(shelf.answer)
    return shelf


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "made.mp4"
    path.write_bytes(bytes(range(256)) * 10_000)
    return path


async def test_a_file_is_put_with_its_length_and_credentials(http, shelf, made):
    seen = []
    receipt = await http.deliver(
        made,
        at(shelf.url + "/out/x.mp4?sig=s3cret", user="ann", password=Secret("pw")),
        content_type="video/mp4",
        on_progress=lambda *now: seen.append(now),
    )
    method, path, headers, body = shelf.got[0]
    assert (method, path, body) == ("PUT", "/out/x.mp4?sig=s3cret", made.read_bytes())
    assert headers["Content-Length"] == str(len(body))
    assert headers["Content-Type"] == "video/mp4"
    assert headers["Authorization"] == "Basic " + base64.b64encode(b"ann:pw").decode()
    assert (receipt.size, receipt.etag, receipt.url) == (len(body), '"made"', shelf.url + "/out/x.mp4")
    assert seen[-1] == (len(body), len(body))


async def test_no_content_type_is_made_up(http, shelf, made):
    await http.deliver(made, at(shelf.url + "/x"))
    assert "Content-Type" not in shelf.got[0][2]


async def test_an_empty_file_is_put(http, shelf, made):
    made.write_bytes(b"")
    assert (await http.deliver(made, at(shelf.url + "/x"))).size == 0
    assert shelf.got[0][3] == b""


async def test_a_directory_takes_the_given_name(http, shelf, made):
    await http.deliver(made, at(shelf.url + "/out/?k=v"), name="a b.mp4")
    assert shelf.got[0][1] == "/out/a%20b.mp4?k=v"


@pytest.mark.parametrize("name", [None, "", "..", "a/b"])
async def test_a_directory_needs_a_plain_name(http, shelf, made, name):
    with pytest.raises(DeliveryForbidden):
        await http.deliver(made, at(shelf.url + "/out/"), name=name)


async def test_trouble_of_the_server_is_tried_again_with_the_whole_body(http, shelf, made, eager):
    shelf.statuses = [503, 500]
    await http.deliver(made, at(shelf.url + "/x"))
    assert [len(body) for *_, body in shelf.got] == [made.stat().st_size] * 3
    assert eager.slept == [0.5, 1.0]


@pytest.mark.parametrize(("status", "calls"), [(403, 1), (409, 1), (507, 3)])
async def test_a_refusal_is_a_failed_delivery(http, shelf, made, status, calls):
    shelf.statuses = [status] * 9
    with pytest.raises(DeliveryFailed) as caught:
        await http.deliver(made, at(shelf.url + "/x"))
    assert caught.value.data["status"] == status
    assert len(shelf.got) == calls


async def test_a_redirected_put_goes_on_with_its_body_and_without_credentials(http, shelf, serve, made):
    async def move(request):
        await request.content.read()
        return web.Response(status=307, headers={"Location": shelf.url + "/there"})

    await http.deliver(made, at(await serve(move) + "/x", user="ann", password=Secret("pw")))
    assert shelf.got[0][3] == made.read_bytes()
    assert "Authorization" not in shelf.got[0][2]


async def test_a_see_other_is_no_delivery(http, shelf, serve, made):
    async def move(request):
        await request.content.read()
        return web.Response(status=303, headers={"Location": shelf.url + "/there"})

    with pytest.raises(DeliveryFailed):
        await http.deliver(made, at(await serve(move) + "/x"))
    assert shelf.got == []


@pytest.mark.heavy
async def test_a_server_that_stops_taking_bytes_is_a_failed_delivery(serve, made, hasty, http):
    never = asyncio.Event()

    async def stuck(_):
        await never.wait()

    with made.open("wb") as file:
        file.truncate(64 << 20)
    with pytest.raises(DeliveryFailed) as caught:
        await asyncio.wait_for(http.deliver(made, at(await serve(stuck) + "/x"), limits=hasty), 10)
    assert caught.value.data == {"seconds": 0.2, "reason": "stall"}
    never.set()


async def test_a_server_that_answers_yes_without_taking_the_body_is_not_believed(http, serve_raw, made):
    with made.open("wb") as file:
        file.truncate(64 << 20)
    url = await serve_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", True)
    with pytest.raises(DeliveryFailed) as caught:
        await asyncio.wait_for(http.deliver(made, at(url + "/x")), 10)
    assert caught.value.data == {"reason": "cut"}


async def test_a_cancelled_delivery_stops(serve, made, http):
    begun, never = asyncio.Event(), asyncio.Event()

    async def stuck(_):
        begun.set()
        await never.wait()

    task = asyncio.create_task(http.deliver(made, at(await serve(stuck) + "/x")))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    never.set()


async def test_a_destination_inside_is_forbidden_by_default(made, eager):
    http = Http(Policy(), eager)
    with pytest.raises(DeliveryForbidden) as caught:
        await http.deliver(made, at("http://169.254.169.254/x"))
    assert caught.value.data == {"reason": "address"}
    await http.close()


async def test_a_file_that_is_gone_is_a_failed_delivery(http, shelf, tmp_path):
    with pytest.raises(DeliveryFailed) as caught:
        await http.deliver(tmp_path / "gone", at(shelf.url + "/x"))
    assert caught.value.data == {"reason": "missing"}


async def test_no_fault_shows_a_credential(http, shelf, made):
    shelf.statuses = [403]
    with pytest.raises(DeliveryFailed) as caught:
        await http.deliver(made, at(shelf.url.replace("://", "://ann:hunter2@") + "/x?sig=t0ken"))
    assert "hunter2" not in str(caught.value)
    assert "t0ken" not in str(caught.value)
