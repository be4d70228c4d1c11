"""One request to an object store: where it goes, who signs it, what its answer means."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer.bucket import Place, place
from mediaglot.gateway.transfer.endpoint import Endpoint, Target, aim, choose
from mediaglot.gateway.transfer.policy import Limits, Policy, judge
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.transfer.refusal import Elsewhere, refuse
from mediaglot.gateway.transfer.request import Body, Requests, alive
from mediaglot.gateway.transfer.retry import Transient
from mediaglot.gateway.transfer.signature import EMPTY, sign

WEB: Final = frozenset({"http", "https"})
MOST_REGIONS: Final = 10_000


class Client:
    """Two sessions: servers that the configuration names may be anywhere, all others where the policy lets us go."""

    def __init__(
        self, policy: Policy, endpoints: Sequence[Endpoint] = (), resolver: AbstractResolver | None = None
    ) -> None:
        self._endpoints = tuple(endpoints)
        self._domains = frozenset(one.domain for one in endpoints if one.domain)
        self._web = replace(policy, schemes=WEB)
        self._others = Requests(self._web, resolver)
        self._own = Requests(replace(policy, schemes=WEB, local_addresses=True, reach=Reach()), resolver)
        self._schemes = policy.schemes
        self._regions: dict[tuple[str, str], str] = {}

    async def close(self) -> None:
        await self._others.close()
        await self._own.close()

    def find(self, url: str) -> Place | None:
        """As ``bucket.place``, which raises SourceForbidden, with the domains of the configuration."""
        return place(url, self._domains)

    def is_named(self, where: Place) -> bool:
        """Whether the configuration has an entry for it."""
        return choose(self._endpoints, where) is not None

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        location: Location,
        limits: Limits,
        headers: Mapping[str, str],
        *,
        query: str = "",
        body: Body | None = None,
        digest: str = EMPTY,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A good answer, or 416. Raises Source* faults, and Transient around them."""
        where, target = self.target(location)
        url = f"{target.url}?{query}" if query else target.url
        if target.keys is not None:
            headers = await sign(method, url, headers, target.keys, target.region, digest)
        try:
            async with (self._own if target.own else self._others).once(method, url, limits, headers, body) as response:
                async with alive(limits.stall_timeout, limits):  # an answer that says no may come without an end
                    await refuse(response)
                yield response
        except Elsewhere as hint:
            self._learn(where, target, hint)

    def target(self, location: Location) -> tuple[Place, Target]:
        """Raises SourceForbidden for what is no object's URL."""
        where = self.find(location.url)
        if where is None or not where.key.strip("/"):
            raise SourceForbidden(reason="key" if where else "url")
        where = replace(where, key=where.key.rstrip("/"))
        learned = self._regions.get((where.domain, where.bucket), "")
        target = aim(where, _access(location), choose(self._endpoints, where), learned)
        if not target.own and (where.scheme or "s3") not in self._schemes:
            raise SourceForbidden(reason="scheme")
        return where, target

    def judge(self, location: Location) -> None:
        """Raises SourceForbidden for an object's URL that leads where the policy does not let us go."""
        _, target = self.target(location)
        if not target.own:
            judge(target.url, self._web)

    def _learn(self, where: Place, target: Target, hint: Elsewhere) -> None:
        """The next attempt asks in the right region."""
        if hint.region == target.region:
            raise hint.fault from None
        if len(self._regions) >= MOST_REGIONS:
            self._regions.clear()
        self._regions[where.domain, where.bucket] = hint.region
        raise Transient(hint.fault) from None


def _access(location: Location) -> Access | None:
    """The credentials beside the URL, or else those that were written in it."""
    if location.access is not None and location.access.user is not None:
        return location.access
    pair, at, _ = urlsplit(location.url).netloc.rpartition("@")
    user, _, password = pair.partition(":")
    return Access(user=unquote(user), password=Secret(unquote(password))) if at else location.access
