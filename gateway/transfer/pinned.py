"""Connections that go only to addresses which the policy has seen.

The check is made on the numbers that the resolver gave, and once more on the number that a socket is opened
for, so that no second look-up and no odd spelling of a host can lead elsewhere (DNS rebinding).
"""

from __future__ import annotations

import socket
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from mediaglot.gateway.transfer.policy import Policy, judge_address


class CheckedResolver(AbstractResolver):
    """Raises SourceForbidden when any address of a host may not be reached."""

    def __init__(self, policy: Policy, inner: AbstractResolver) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            judge_address(one["host"], self._policy)
        return found

    async def close(self) -> None:
        await self._inner.close()


def connector(policy: Policy, resolver: AbstractResolver | None = None) -> aiohttp.TCPConnector:
    """For any client session that follows URLs of others. Needs a running loop."""

    def socket_for(address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, target = address
        judge_address(target[0], policy)
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        resolver=CheckedResolver(policy, resolver or aiohttp.ThreadedResolver()),
        use_dns_cache=False,
        limit=0,
        socket_factory=socket_for,
    )
