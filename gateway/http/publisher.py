"""Letters to topics of Amazon SNS: each is published by one signed request.

The letter's body is the message; its content type, and the id by which receivers tell repeats, are attributes. In a
FIFO topic that id keeps repeats away, and what is told of one job stays in order.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

import aiohttp
from aiohttp.abc import AbstractResolver

from mediaglot.gateway.faults import SourceUnreachable
from mediaglot.gateway.http.client import session
from mediaglot.gateway.model import masked
from mediaglot.gateway.notify import Answer, Undeliverable
from mediaglot.gateway.store import Letter
from mediaglot.gateway.transfer.endpoint import Keys
from mediaglot.gateway.transfer.policy import Policy, judge
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.transfer.signature import sign
from mediaglot.gateway.transfer.topic import Outlet, Topic, choose

MOST: Final = 256 * 1024
"""Bytes of a message, its attributes included."""
LONGEST_SUBJECT: Final = 99
READ: Final = 10_000
"""Bytes of an answer that are read."""
FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"
GROUP: Final = re.compile(r"[!-~]{1,128}")
UNFIT: Final = re.compile(r"[^ -~]+")
CODE: Final = re.compile(r"<Code>([^<]{1,200})</Code>")
MESSAGE: Final = re.compile(r"<Message>([^<]*)</Message>")
PUBLISHED: Final = re.compile(r"<MessageId>([\w-]{1,100})</MessageId>")


class NotPublished(Exception):
    """A server says yes that is none of SNS."""


class Publisher:
    """Servers that an outlet names may be anywhere, those of the provider where the policy lets us go.

    Two sessions at most; ``close`` ends them. ``resolver`` takes the place of the system's.
    """

    def __init__(self, outlets: Sequence[Outlet], policy: Policy, resolver: AbstractResolver | None = None) -> None:
        self._outlets, self._resolver = tuple(outlets), resolver
        self._policies = {False: policy, True: replace(policy, local_addresses=True, reach=Reach())}
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __call__(self, letter: Letter) -> Answer:
        """What SNS says, in one line. Raises Undeliverable, SourceForbidden where the policy is against it, and
        whatever happens on the way."""
        topic, fields = _topic(letter.url.reveal()), message(letter)
        outlet = self._outlet(topic)
        url = f"{outlet.url}/" if outlet.url else topic.server
        told = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": topic.arn, **fields}
        body = urlencode(told | (order(letter) if topic.fifo else {})).encode()
        status, text = await self._post(outlet, url, body, await _signed(url, body, outlet.keys, topic.region))
        return Answer(status, masked(said(status, text), _secrets(outlet.keys)))

    async def _post(self, outlet: Outlet, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        own = bool(outlet.url)
        judge(url, self._policies[own])
        if own not in self._sessions:
            self._sessions[own] = session(self._policies[own], self._resolver)
        async with self._sessions[own].post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = bytearray()
            while len(said) < READ and (more := await answer.content.read(READ - len(said))):
                said += more
            return answer.status, said.decode("utf-8", "replace")

    def _outlet(self, topic: Topic) -> Outlet:
        outlet = choose(self._outlets, topic)
        if outlet is None and not self._outlets:
            raise Undeliverable("no Amazon SNS is configured: add [[sns]] with topic, access_key and secret_key")
        if outlet is None:
            raise Undeliverable("no [[sns]] of the configuration is for this topic")
        return outlet

    async def close(self) -> None:
        while self._sessions:
            await self._sessions.popitem()[1].close()


def message(letter: Letter) -> dict[str, str]:
    """What is told, as fields of the request. Raises Undeliverable where SNS would never take it."""
    subject = UNFIT.sub(" ", letter.headers.get("Subject")).strip() or f"Notification: {letter.event}"
    attributes = {"Content-Type": letter.headers.get("Content-Type"), "Mediaglot-Delivery": letter.id}
    text = letter.body.decode("utf-8", "replace")
    size = len(text.encode()) + sum(len(f"{name}String{value}".encode()) for name, value in attributes.items())
    if not text:
        raise Undeliverable("there is nothing in it, and Amazon SNS takes no empty message")
    if size > MOST:
        raise Undeliverable(f"the message has {size} bytes with its attributes, and Amazon SNS takes {MOST}")
    fields = {"Message": text, "Subject": subject[:LONGEST_SUBJECT]}
    for number, (name, value) in enumerate(((key, each) for key, each in attributes.items() if each), 1):
        entry = f"MessageAttributes.entry.{number}"
        fields |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
    return fields


def order(letter: Letter) -> dict[str, str]:
    """What a FIFO topic wants besides: whose messages stay in order, and which are the same one."""
    key = letter.key
    group = key.id if GROUP.fullmatch(key.id) else hashlib.sha256(key.id.encode()).hexdigest()
    return {"MessageGroupId": group, "MessageDeduplicationId": letter.id}


def said(status: int, text: str) -> str:
    """An answer in one line. Raises NotPublished."""
    if 200 <= status < 300:
        if (found := PUBLISHED.search(text)) is None:
            raise NotPublished
        return f"message {found[1]}"
    code, why = CODE.search(text), MESSAGE.search(text)
    if code is None:
        return text
    return " ".join(html.unescape(f"{code[1]} ({why[1] if why else ''})").split())


def _topic(arn: str) -> Topic:
    try:
        return Topic.parse(arn)
    except ValueError as error:
        raise Undeliverable(f"it {error}") from None


async def _signed(url: str, body: bytes, keys: Keys, region: str) -> dict[str, str]:
    headers = {"Content-Type": FORM, "User-Agent": "mediaglot", "Accept-Encoding": "identity"}
    try:
        return await sign("POST", url, headers, keys, region, hashlib.sha256(body).hexdigest(), "sns")
    except SourceUnreachable as fault:
        raise Undeliverable(f"signing is not installed: {fault.data['install']}") from None


def _secrets(keys: Keys) -> list[str]:
    return [keys.user, *(one.reveal() for one in (keys.secret, keys.token) if one is not None)]
