"""Transparent routes: what the client sends arrives, what the provider answers comes back, and a ticket tells of it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from mediaglot.gateway.auth import Credential
from mediaglot.gateway.model import Secret, Status
from mediaglot.gateway.store import Key

pytestmark = pytest.mark.ffmpeg

KNOWN = (Credential("100", Secret("our-key")),)
ADDED = b'{ "response" : {"message":"Added",  "MediaID":"77001"} }\r\n'
Gateway = Callable[..., Awaitable[Any]]


class Provider:
    """Remembers what it was asked, and answers what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str, Any, bytes]] = []
        self.status, self.body, self.headers = 200, ADDED, {"Content-Type": "application/json; odd=1", "X-Theirs": "a"}
        self.hang = asyncio.Event()
        self.hang.set()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append((request.method, request.raw_path, request.headers, await request.read()))  # type: ignore[attr-defined]
        await self.hang.wait()
        status = 200 if "/login" in request.path else self.status
        return web.Response(status=status, body=self.body, headers=self.headers)


@pytest.fixture
async def provider(standing: Any) -> AsyncIterator[Provider]:
    async with standing(Provider()) as one:
        yield one
        one.hang.set()


@pytest.fixture
def gateway(serve: Any, provider: Provider, tmp_path: Path) -> Gateway:
    async def start(credentials: str = "configured", dialect: str = "encoding_com", **more: Any) -> Any:
        away = {"dialect": dialect, "url": f"{provider.url}/p", "user": "900", "secret": Secret("their-key")}
        away |= {"timeout": 2.0, "tenant": "42", **more.pop("away", {})}
        route = {"to": ["away"], "transparent": True, "credentials": credentials, **more.pop("route", {})}
        accounts = more.pop("accounts", {"encoding_com": KNOWN})
        settings = {"providers": {"away": away}, "routes": (route,), "accounts": accounts, **more}
        client = await serve(data=tmp_path / "gateway", **settings)
        client.key = "our-key"
        return client

    return start


def query(client: Any, **fields: Any) -> bytes:
    document = {"query": {"userid": client.user, "userkey": client.key, **fields}}
    return aiohttp.FormData({"json": orjson.dumps(document).decode()})()._value


ADD = {"action": "AddMedia", "source": "https://media.example.com/a.mp4", "format": [{"output": "mp4"}], "odd": 1.50}


async def post(client: Any, body: bytes, path: str = "/encoding_com/", **headers: str) -> tuple[int, Any, bytes]:
    lines = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    async with client.session.post(client.site + path, data=body, headers=lines) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_all_passes_but_who_asks(gateway: Gateway, provider: Provider) -> None:
    client = await gateway()
    more = {"Cookie": "c=1", "Mediaglot-Policy": "warn", "Connection": "keep-alive, X-Hop", "X-Hop": "1", "X-Mine": "m"}
    status, headers, body = await post(client, query(client, **ADD), "/encoding_com/?a=%20b", **more)
    assert (status, body) == (200, ADDED)
    assert (headers["Content-Type"], headers["X-Theirs"]) == ("application/json; odd=1", "a")
    assert headers["Mediaglot-Passed"] == "away"
    ((method, path, lines, sent),) = provider.asked
    assert (method, path, lines["X-Mine"]) == ("POST", "/p/?a=%20b", "m")
    assert not {"Cookie", "Mediaglot-Policy", "X-Hop"} & set(lines)
    assert sent == query(client, **ADD).replace(b"100", b"900", 1).replace(b"our-key", b"their-key")


async def test_a_ticket_of_ours_tells_what_the_answers_said(gateway: Gateway, provider: Provider) -> None:
    client = await gateway()
    _, headers, _ = await post(client, query(client, **ADD))
    async with client.session.get(headers["Mediaglot-Report"]) as answer:
        assert orjson.loads(await answer.read())["losses"] == []
    key = Key("encoding_com", KNOWN[0].account, "77001")
    for word, status in (("Processing", Status.RUNNING), ("Finished", Status.FINISHED), ("Processing", Status.RUNNING)):
        told = {"response": {"id": "77001", "status": word, "progress": "40", "format": {"id": "5", "status": word}}}
        provider.body = orjson.dumps(told)
        _, headers, body = await post(client, query(client, action="GetStatus", mediaid="77001"))
        assert body == provider.body
        ticket = await client.server.house.store.get(key)
        assert ticket.status is status
        assert (ticket.finished is not None) is (word == "Finished")
    assert (ticket.ids["passed"], len(ticket.outputs), ticket.trouble) == ("away", 1, None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"\xff\x00 no document"),
        (200, b'{"response":{"errors":{"error":"No"}}}'),
        (503, b"busy"),
        (418, b""),
        (302, b""),
        (200, b"x" * 200_000),
    ],
)
async def test_what_can_not_be_read_passes_all_the_same(
    status: int, body: bytes, gateway: Gateway, provider: Provider
) -> None:
    client = await gateway()
    provider.status, provider.body = status, body
    if status == 302:
        provider.headers = {"Location": "http://127.0.0.1:9/"}
    session = client.session
    lines = {"Content-Type": "application/x-www-form-urlencoded"}
    async with session.post(
        f"{client.site}/encoding_com/", data=query(client, **ADD), headers=lines, allow_redirects=False
    ) as answer:
        assert (answer.status, await answer.read()) == (status, body)
        assert "Mediaglot-Report" not in answer.headers
    assert len(provider.asked) == 1


async def test_bytes_that_are_packed_stay_packed(gateway: Gateway, provider: Provider) -> None:
    client = await gateway()
    provider.body, provider.headers = gzip.compress(ADDED), {"Content-Encoding": "gzip", "Content-Type": "text/x"}
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        client.session = session
        _, headers, body = await post(client, query(client, **ADD))
    assert (headers["Content-Encoding"], body) == ("gzip", provider.body)


@pytest.mark.parametrize("action", ["GetStatus", "NeverHeardOf"])
async def test_nobody_comes_in_without_a_key_of_ours(action: str, gateway: Gateway, provider: Provider) -> None:
    client = await gateway()
    for key in ("their-key", "wrong", ""):
        client.key = key
        await post(client, query(client, action=action, mediaid="1"))
        await post(client, query(client, action=action), "/encoding_com/unknown/../path")
    assert provider.asked == []


async def test_an_operation_that_we_do_not_know_is_passed_on(gateway: Gateway, provider: Provider) -> None:
    client = await gateway()
    status, _, body = await post(client, query(client, action="NeverHeardOf"))
    assert (status, body, len(provider.asked)) == (200, ADDED, 1)


async def test_other_accounts_stay_here(gateway: Gateway, provider: Provider) -> None:
    two = (*KNOWN, Credential("200", Secret("k")))
    client = await gateway(route={"accounts": ["200"]}, accounts={"encoding_com": two})
    assert "response" in (await client.json("GetMediaList") and {"response": 1})
    assert provider.asked == []
    client.user, client.key = "200", "k"
    await post(client, query(client, action="GetMediaList"))
    assert len(provider.asked) == 1


async def test_a_provider_that_does_not_answer_is_told_in_the_clients_dialect(
    gateway: Gateway, provider: Provider
) -> None:
    client = await gateway(away={"timeout": 0.2, "tries": 1, "failures": 1})
    provider.hang.clear()
    status, _, body = await post(client, query(client, **ADD))
    assert status in (200, 500, 503)
    assert "errors" in orjson.loads(body)["response"]
    await post(client, query(client, **ADD))
    assert len(provider.asked) == 1, "the breaker is open"


async def test_with_credentials_of_their_own_clients_are_let_in_by_the_provider(
    gateway: Gateway, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    client = await gateway("client")
    client.key = "a-secret-of-theirs"
    body = query(client, **ADD)
    await post(client, body, Cookie="c=1")
    assert provider.asked[0][3] == body
    assert provider.asked[0][2]["Cookie"] == "c=1"
    account = Credential("100", Secret("a-secret-of-theirs")).account
    assert await client.server.house.store.get(Key("encoding_com", account, "77001")) is not None
    assert "a-secret-of-theirs" not in caplog.text
    stored = [path for path in (tmp_path / "gateway").rglob("*") if path.is_file()]
    assert not [path for path in stored if b"a-secret-of-theirs" in path.read_bytes()]


async def test_a_token_is_traded_for_ours_and_a_tenant_for_the_configured_one(
    gateway: Gateway, provider: Provider
) -> None:
    """The provider's own token is traded once; one that it refuses is traded once more."""
    client = await gateway(dialect="tpstreams", accounts={}, away={"tenant": "ourorg"})
    provider.body = b'{"token": "t0ken", "expiry": null}'
    headers = {"Authorization": "Token theirs"}
    for _ in range(2):
        async with client.session.get(
            f"{client.site}/tpstreams/api/v1/theirs/transcoding_jobs/", headers=headers
        ) as answer:
            assert await answer.read() == provider.body
    login, *others = provider.asked
    assert "/login" in login[1]
    assert [(each[1], each[2]["Authorization"]) for each in others] == [
        ("/p/api/v1/ourorg/transcoding_jobs/", "Token t0ken")
    ] * 2
    provider.status = 401
    async with client.session.get(
        f"{client.site}/tpstreams/api/v1/theirs/transcoding_jobs/", headers=headers
    ) as answer:
        assert answer.status == 401
    assert len(provider.asked) == 6, "asked, a new token, asked again"
