"""Connections that go only to addresses which the policy has seen.

The check is made on the numbers that the resolver gave, and once more on the number that a socket is opened
for, so that no second look-up and no odd spelling of a host can lead elsewhere (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from mediaglot.gateway.faults import SourceTimeout, SourceUnreachable
from mediaglot.gateway.transfer.policy import Limits, Policy, judge_address
from mediaglot.gateway.transfer.retry import Transient, within
from mediaglot.gateway.transfer.trust import tls_context

NAMES: Final = ThreadPoolExecutor(128, thread_name_prefix="names")
"""Threads that wait for name servers, begun as they are needed: more than there are jobs that may have stepped aside.
Not the event loop's own: in those files are written."""


class CheckedResolver(AbstractResolver):
    """Raises SourceForbidden when any address of a host may not be reached."""

    def __init__(self, policy: Policy, inner: AbstractResolver) -> None:
        self._policy = policy
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._inner.resolve(host, port, family)
        except UnicodeError:  # what can be no name is not looked up
            raise socket.gaierror(socket.EAI_NONAME, "no name of a host") from None
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
        resolver=CheckedResolver(policy, resolver or Names()),
        use_dns_cache=False,
        limit=0,
        socket_factory=socket_for,
        ssl=True if policy.trust.ca_bundle is None else tls_context(policy.trust),
    )


LookUp = Callable[[str, int], Awaitable[Sequence[tuple[Any, ...]]]]
"""(host, port) to rows as ``socket.getaddrinfo`` gives them."""


async def look_up(host: str, port: int, flags: int = 0) -> Sequence[tuple[Any, ...]]:
    """The system's own."""
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM, flags=flags)
    return await asyncio.get_running_loop().run_in_executor(NAMES, ask)


class Names(AbstractResolver):
    """``look_up`` as aiohttp has it."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=target[0], port=target[1], family=kind, proto=protocol, flags=numeric)
            for kind, _, protocol, _, target in await look_up(host, port, socket.AI_ADDRCONFIG)
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def dial(host: str, port: int, policy: Policy, limits: Limits, find: LookUp = look_up) -> socket.socket:
    """A connected socket that does not block. Raises SourceForbidden when any address of the host may not be reached,
    and Transient."""
    try:
        async with within(limits.connect_timeout, SourceTimeout(seconds=limits.connect_timeout, reason="connect")):
            found = await find(host, port)
            for *_, target in found:
                judge_address(target[0], policy)
            return await connect(found)
    except SourceTimeout as fault:
        raise Transient(fault) from None
    except socket.gaierror:
        raise Transient(SourceUnreachable(reason="dns")) from None
    except (OSError, UnicodeError):
        raise Transient(SourceUnreachable(reason="connection")) from None


async def connect(found: Sequence[tuple[Any, ...]]) -> socket.socket:
    """A socket that does not block, at the first of these addresses that answers. Raises OSError."""
    loop, trouble = asyncio.get_running_loop(), OSError()
    for family, kind, protocol, _, target in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, target)
        except OSError as error:
            sock.close()
            trouble = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise trouble
