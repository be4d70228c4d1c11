"""The way out for notifications: what one receiver says is no business of the next letter."""

from __future__ import annotations

from datetime import UTC, datetime

from aiohttp import web
from aiohttp.test_utils import TestServer

from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.http.client import Sender
from mediaglot.gateway.model import Secret
from mediaglot.gateway.store import Key, Letter
from mediaglot.gateway.transfer.policy import Policy


async def test_no_cookie_is_kept() -> None:
    """Letters of several accounts go to one host."""
    cookies = []

    async def take(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        answer = web.Response()
        answer.set_cookie("who", "the first")
        return answer

    app = web.Application()
    app.router.add_post("/", take)
    sender = Sender(Policy(local_addresses=True), RealClock())
    async with TestServer(app) as receiver:
        url = Secret(f"http://localhost:{receiver.port}/")
        for name in ("first", "second"):
            key, now = Key("acme", name, "1"), datetime.now(UTC)
            answer = await sender(Letter(id=name, key=key, target="t", event="e", url=url, due=now))
            assert answer.status == 200
        await sender.close()
    assert cookies == [None, None]
