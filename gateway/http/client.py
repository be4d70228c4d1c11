"""The way out for notifications: one HTTP request for a letter, under the same policy as the sources, a mail, or a
message that is published to a topic."""

from __future__ import annotations

import aiohttp
from aiohttp.abc import AbstractResolver

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.notify import Answer, Send, Undeliverable
from mediaglot.gateway.store import Letter
from mediaglot.gateway.transfer.pinned import connector
from mediaglot.gateway.transfer.policy import Policy, judge

OURS = (("User-Agent", "mediaglot"), ("Accept-Encoding", "identity"))
MOST = 10_000
"""Bytes of an answer that are read."""


def session(policy: Policy, resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """Goes where the policy lets it, keeps no cookie and heeds no variable. Needs a running loop."""
    return aiohttp.ClientSession(
        connector=connector(policy, resolver),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )


class Sender:
    """Sends letters by the scheme of their URL; ``mail`` takes those to ``mailto:``, ``topics`` those to ``arn:``.

    One session; ``close`` ends it. ``resolver`` takes the place of the system's.
    """

    def __init__(
        self,
        policy: Policy,
        clock: Clock,
        mail: Send | None = None,
        topics: Send | None = None,
        *,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._policy, self._clock, self._resolver = policy, clock, resolver
        self._ways = {"http": self._send, "https": self._send, "mailto": mail, "arn": topics}
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, letter: Letter) -> Answer:
        send = self._ways.get(letter.url.reveal().partition(":")[0].lower())
        if send is None:
            raise Undeliverable("nothing here can deliver to this kind of URL")
        try:
            with self._clock.busy():
                return await send(letter)
        except SourceForbidden as fault:
            raise Undeliverable(f"the policy does not allow it ({fault.data['reason']})") from None

    async def _send(self, letter: Letter) -> Answer:
        url = letter.url.reveal()
        judge(url, self._policy)
        if self._session is None:
            self._session = session(self._policy, self._resolver)
        headers = [*letter.headers, *OURS, ("Mediaglot-Delivery", letter.id)]
        async with self._session.request(
            letter.method, url, data=letter.body, headers=headers, allow_redirects=False
        ) as answer:
            text = await answer.content.read(MOST)
            return Answer(answer.status, text.decode("utf-8", "replace"))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
