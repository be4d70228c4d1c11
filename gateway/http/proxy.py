"""The forward proxy, for clients with a compiled-in host: it is the providers' hosts, and goes nowhere.

A request that comes out of it is answered as if its host name were resolved to this server, with links that lead to
the host that the client asked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.config import ConfigError
from mediaglot.gateway.http.authority import Authority, Leaf
from mediaglot.gateway.http.control import is_loopback
from mediaglot.gateway.http.patience import GRACE, affordable, burst, limit_unread
from mediaglot.gateway.http.tunnel import Limits, Refused, Tunnel, split
from mediaglot.gateway.http.whereabouts import Site, url_of

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

FULL: Final = (503, "The proxy has as many connections as it may have; close some.")
ALONE: Final = (400, "A tunnel wants a connection of its own; open one for CONNECT.")


class Gate(web.BaseSite):
    """The proxy's socket. Behind it are tunnels, and behind those the handlers of ``runner``."""

    def __init__(self, runner: web.AppRunner, proxy: Proxy, limits: Limits) -> None:
        super().__init__(runner)
        self._proxy, self.limits = proxy, limits
        self._tunnels: set[Tunnel] = set()

    @property
    def name(self) -> str:
        return self._proxy.url

    async def start(self) -> None:
        await super().start()
        settings, loop = self._proxy.server.settings, asyncio.get_running_loop()
        port, backlog = max(settings.proxy_port, 0), burst(self.limits.most)
        self._server = await loop.create_server(lambda: Tunnel(self), settings.host, port, backlog=backlog)
        limit_unread(self._server, self.limits.idle)

    async def stop(self) -> None:
        await super().stop()
        for tunnel in tuple(self._tunnels):
            tunnel.close()

    def enter(self, tunnel: Tunnel) -> None:
        assert self._runner.server is not None  # noqa: S101
        if len(self._tunnels) + len(self._runner.server.connections) >= self.limits.most:
            raise Refused(*FULL)
        self._tunnels.add(tunnel)

    def leave(self, tunnel: Tunnel) -> None:
        self._tunnels.discard(tunnel)

    async def context(self, host: str) -> ssl.SSLContext:
        return await self._proxy.leaf(host)

    def handler(self) -> asyncio.Protocol:
        assert self._runner.server is not None  # noqa: S101
        return self._runner.server()


class Proxy:
    """``url`` is what clients set as their proxy, ``pem`` the certificate that they have to trust."""

    def __init__(self, server: Server, authority: Authority) -> None:
        self.server, self._authority = server, authority
        self.url, self.pem = "", authority.pem

    @classmethod
    @asynccontextmanager
    async def open(cls, server: Server, limits: Limits | None = None) -> AsyncIterator[Self]:
        """Raises ConfigError where the port can't be had."""
        limits = limits or Limits(idle=server.settings.client_patience)
        limits = replace(limits, most=min(limits.most, affordable()))
        hosts = await asyncio.to_thread(lambda: tuple(server.mounts.hosts))
        authority = await asyncio.to_thread(Authority, hosts, server.settings.data, RealClock().now)
        proxy = cls(server, authority)
        app = web.Application(client_max_size=server.settings.max_body, middlewares=[proxy.handle])
        app.on_response_prepare.extend(server.app.on_response_prepare)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GRACE, keepalive_timeout=limits.idle)
        await runner.setup()
        try:
            await proxy.listen(runner, limits)
            yield proxy
        finally:
            await runner.cleanup()

    async def listen(self, runner: web.AppRunner, limits: Limits) -> None:
        """Raises ConfigError."""
        try:
            await Gate(runner, self, limits).start()
        except OSError as error:
            raise ConfigError(unusable(self.server, error)) from None
        self.url = url_of(*runner.addresses[0][:2])

    async def leaf(self, host: str) -> Leaf:
        """Raises Refused for a host that is no provider's."""
        self._demand(host)
        return await self._authority.leaf(host)

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """In front of a router without routes, which knows no targets but paths."""
        try:
            authority = self._asked(request)
            site, host = self._place(request, authority)
        except Refused as refused:
            response = web.Response(status=refused.status, reason=refused.line, text=f"{refused.line}\n")
            response.force_close()
            return response
        return await self.server.serve(_without_proxy(request, authority), site, host)

    def _asked(self, raw: web.Request) -> str:
        """The authority that a request names: in its target, else in its header, else by its tunnel."""
        if raw.method == "CONNECT":
            raise Refused(*ALONE)
        if not raw.raw_path.startswith("/"):
            return _target(raw.raw_path)
        leaf = raw.get_extra_info("sslcontext")
        return raw.headers.get("Host") or (leaf.host if isinstance(leaf, Leaf) else "")

    def _place(self, raw: web.Request, authority: str) -> tuple[Site, str]:
        """Where the client finds us, and the host that it means; none for our own addresses. Raises Refused."""
        host, port = split(authority)
        leaf = raw.get_extra_info("sslcontext")
        if isinstance(leaf, Leaf) and leaf.host != host:
            raise Refused(421, f"This tunnel is to {leaf.host}; open another one for {host}.")
        if self._is_ours(authority, host, port):
            return self.server.site, ""
        self._demand(host)
        origin = f"{'https' if leaf else 'http'}://{authority.lower()}"
        return Site(origin, provider=origin), host

    def _is_ours(self, authority: str, host: str, port: int | None) -> bool:
        urls = self.server.site.url, self.url
        return authority in {urlsplit(url).netloc for url in urls} or (
            port is not None and is_loopback(host.strip("[]")) and port in {urlsplit(url).port for url in urls}
        )

    def _demand(self, host: str) -> None:
        if host not in self.server.mounts.hosts:
            known = ", ".join(self.server.mounts.hosts) or "none"
            raise Refused(403, f"{host} is no provider's host. Served here: {known}. Name others in NO_PROXY.")


def _target(url: str) -> str:
    """The authority of a target in absolute form; nothing where it is none for a proxy of the web."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.netloc.rpartition("@")[2] if parts.scheme.lower() in {"http", "https"} else ""


def _without_proxy(raw: web.Request, authority: str) -> web.Request:
    """The request as the provider would see it."""
    lines = [("Host", authority)]
    for name, value in raw.headers.items():
        if name.lower() != "host" and not name.lower().startswith("proxy-"):
            # what is no UTF-8 came as half characters, of which no header can be made again
            lines.append((name, value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")))
    return raw.clone(headers=lines)


def unusable(server: Server, error: OSError) -> str:
    place = f"{server.settings.host}:{server.settings.proxy_port}"
    return f"the proxy cannot listen on {place}: {error.strerror or error}; try --proxy-port 0"
