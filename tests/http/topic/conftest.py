"""Real topics and queues: moto, behind a door that verifies who signed what, and that can misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import html
import io
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
from aiohttp import web

from mediaglot.gateway.model import Secret
from mediaglot.gateway.transfer.endpoint import Keys
from mediaglot.gateway.transfer.topic import Outlet

REGION = "eu-west-1"
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/sns/aws4_request, SignedHeaders=([^,]+), "
    r"Signature=([0-9a-f]{64})"
)
SECRET = "SE/CR+ET-of-the-topics"


class Bus:
    """The door. ``asked`` are the forms that came, ``answers`` what the next ones get in moto's place."""

    def __init__(self, moto: str, session: aiohttp.ClientSession, signature_of: Callable[..., str]) -> None:
        self.url, self.moto, self.session, self._signature_of = "", moto, session, signature_of
        self.keys = {"KEY-OF-FILMS": SECRET}
        self.asked: list[dict[str, str]] = []
        self.headers: list[Any] = []
        self.answers: list[tuple[int, str]] = []
        self.mute = False
        """Whether what is published now gets no answer before all is ``over``."""
        self.knocked, self.over = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(dict(parse_qsl(body.decode(), strict_parsing=True)))
        self.headers.append(request.headers)
        if not self.signed(request, body):
            told = f"Your key {SECRET} of KEY-OF-FILMS\nis &quot;wrong&quot;, it signs {body.decode()}"
            return fault(403, "SignatureDoesNotMatch", told)
        if self.answers:
            status, text = self.answers.pop(0)
            return web.Response(status=status, text=text, content_type="text/xml")
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type", "X-Amz-Date")}
        async with self.session.post(f"{self.moto}/", data=io.BytesIO(body), headers=headers) as got:
            answer = web.Response(status=got.status, body=await got.read(), content_type="text/xml")
        if self.mute:
            self.knocked.set()
            await self.over.wait()
        return answer

    def signed(self, request: web.BaseRequest, body: bytes) -> bool:
        given = SIGNED.fullmatch(request.headers["Authorization"])
        assert given is not None, request.headers["Authorization"]
        user, day, region, names, signature = given.groups()
        digest = hashlib.sha256(body).hexdigest()
        secret = self.keys.get(user, "another")
        wanted = self._signature_of(request, secret, (day, region), names.split(";"), digest, "sns")
        return (signature, region) == (wanted, REGION)

    def outlet(self, **more: Any) -> Outlet:
        keys = Keys(user="KEY-OF-FILMS", secret=Secret(SECRET))
        return Outlet(**{"topic": "*", "keys": keys, "url": self.url, **more})

    # --- what tests put there and find there, past the door ---

    async def ask(self, service: str, action: str, **fields: str) -> str:
        headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, "}
        headers["Authorization"] += "SignedHeaders=host, Signature=x"
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode({"Action": action, **{name.replace("_", "."): value for name, value in fields.items()}})
        async with self.session.post(f"{self.moto}/", data=body, headers=headers) as got:
            text = await got.text()
            assert got.status == 200, text
            return text

    async def topic(self, *, fifo: bool = False) -> Topic:
        """A new topic, with a queue that gets all of it."""
        name = f"films-{secrets.token_hex(6)}{'.fifo' if fifo else ''}"
        kinds: tuple[dict[str, str], ...] = ({}, {})
        if fifo:
            entry = {"Attributes_entry_1_key": "FifoTopic", "Attributes_entry_1_value": "true"}
            kinds = (entry, {"Attribute_1_Name": "FifoQueue", "Attribute_1_Value": "true"})
        arn = inside(await self.ask("sns", "CreateTopic", Name=name, **kinds[0]), "TopicArn")[0]
        queue = inside(await self.ask("sqs", "CreateQueue", QueueName=name, **kinds[1]), "QueueUrl")[0]
        place = arn.replace(":sns:", ":sqs:")
        await self.ask("sns", "Subscribe", TopicArn=arn, Protocol="sqs", Endpoint=place)
        return Topic(self, arn, queue)


class Topic:
    def __init__(self, bus: Bus, arn: str, queue: str) -> None:
        self.bus, self.arn, self.queue = bus, arn, queue

    async def told(self) -> list[Any]:
        """What is in its queue, with the envelope of SNS."""
        found: list[Any] = []
        while texts := inside(
            await self.bus.ask("sqs", "ReceiveMessage", QueueUrl=self.queue, MaxNumberOfMessages="10"), "Body"
        ):
            found += map(json.loads, texts)
        return found


def inside(text: str, tag: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(rf"<{tag}>([^<]*)</{tag}>", text)]


def fault(status: int, code: str, message: str) -> web.Response:
    text = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return web.Response(status=status, text=f"<ErrorResponse>{text}</ErrorResponse>", content_type="text/xml")


@pytest.fixture
async def bus(moto: str, session: Any, signature_of: Callable[..., str], standing: Any) -> AsyncIterator[Bus]:
    async with standing(Bus(moto, session, signature_of)) as one:
        yield one
        one.over.set()
