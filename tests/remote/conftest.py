"""A double in a thread of the tests' process, worlds in it, and clients that know nothing of either."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import requests

from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.testing import Double, World

T = TypeVar("T")
collect_ignore = ["sample"]
SOURCE = "https://media.mediaglot.test/bars-60s-640x360-30fps.mp4"


@pytest.fixture(scope="module")
def double() -> Iterator[Double]:
    with Double.started(seed=7) as double:
        yield double


@pytest.fixture
def world(double: Double) -> Iterator[World]:
    with double.world(clock="virtual", seed=3) as world:
        yield world


class Encoding:
    """A client of Encoding.com with ``requests``."""

    def __init__(self, world: Any) -> None:
        account = world.encoding_com
        self.url, self.who = account.url, {"userid": account.credentials.name, "userkey": account.credentials.secret}

    def ask(self, action: str, **fields: Any) -> requests.Response:
        return requests.post(
            f"{self.url}/", data={"json": json.dumps({"query": {**self.who, "action": action, **fields}})}, timeout=30
        )

    def said(self, action: str, **fields: Any) -> Any:
        return self.ask(action, **fields).json()["response"]

    def create(self, **more: Any) -> str:
        return str(self.said("AddMedia", source=SOURCE, format={"output": "mp4", "size": "320x180"}, **more)["MediaID"])

    def status(self, job: str) -> str:
        return str(self.said("GetStatus", mediaid=job)["status"])


@pytest.fixture
def client(world: World) -> Encoding:
    return Encoding(world)


@pytest.fixture
def encoding() -> Callable[[Any], Encoding]:
    return Encoding


def send(url: str, request: Request) -> Response:
    """A dialect's own request, sent to the base URL of its account."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    target = parts.path + request.path + (f"?{request.query}" if request.query else "")
    try:
        connection.request(request.method, target, request.body, dict(request.headers))
        answer = connection.getresponse()
        return Response(status=answer.status, headers=Headers(lines=tuple(answer.getheaders())), body=answer.read())
    finally:
        connection.close()


def play(url: str, steps: Generator[Request, Response, T]) -> T:
    """What a dialect's sample client wants to know."""
    try:
        request = next(steps)
        while True:
            request = steps.send(send(url, request))
    except StopIteration as done:
        result: T = done.value
        return result


@pytest.fixture(name="send")
def _send() -> Callable[[str, Request], Response]:
    return send


@pytest.fixture(name="play")
def _play() -> Callable[..., Any]:
    return play
