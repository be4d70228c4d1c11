"""The server: the mounts of all dialects, our own reserved prefix, and the resources behind them."""

from __future__ import annotations

import logging
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.http import SERVER_SOFTWARE

from mediaglot.gateway.config import Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.faults import Fault, Malformed, TooLarge, TooSlow
from mediaglot.gateway.http.house import House, open_house
from mediaglot.gateway.http.patience import GRACE, Door, hurried
from mediaglot.gateway.http.reserved import PREFIX, Reserved, problem
from mediaglot.gateway.http.whereabouts import Site, url_of
from mediaglot.gateway.http.wish import Wishes
from mediaglot.gateway.loss import Policy
from mediaglot.gateway.registry import Dialects, UnknownDialect, names
from mediaglot.gateway.store.folder import Damaged, FolderInUse
from mediaglot.gateway.store.migration import NewerData
from mediaglot.gateway.store.vault import Locked

if TYPE_CHECKING:
    from mediaglot.gateway.http.endpoint import Endpoint, Identity
    from mediaglot.gateway.http.inspection import Inspection
    from mediaglot.gateway.http.passing import Passing
    from mediaglot.gateway.http.proxy import Proxy

LOG = logging.getLogger(__name__)
REFUSALS: Final = (UnknownDialect, Damaged, FolderInUse, NewerData, Locked, ValueError)
"""Why a server does not start, beside OSError. Their texts say what to do."""
LINK_LIFE: Final = timedelta(minutes=5)


class Mounts:
    """Dialects by the first part of a path, and by the provider's own host name. A dialect is loaded when it is met."""

    def __init__(self, dialects: Mapping[str, Dialect], endpoint: Callable[[Dialect], Endpoint]) -> None:
        self._dialects = dialects
        self._endpoint = cache(lambda name: endpoint(dialects[name]))

    def find(self, host: str, path: str) -> tuple[Endpoint, str] | None:
        """The endpoint and the provider's own path."""
        name = host.partition(":")[0].lower()
        if not is_local(name) and name in self.hosts:
            return self._endpoint(self.hosts[name]), path
        name, slash, rest = path[1:].partition("/")
        return (self._endpoint(name), f"/{rest}" if slash else "/") if name in self._dialects else None

    def forget(self) -> None:
        """The endpoints, which hold on to a house."""
        self._endpoint.cache_clear()

    def load(self) -> None:
        """Load everything now, so that nobody waits for it later."""
        _ = self.hosts

    @cached_property
    def hosts(self) -> dict[str, str]:
        """The dialect of each provider's host name."""
        return {host: name for name, dialect in self._dialects.items() for host in dialect.hosts}


def is_local(host: str) -> bool:
    """A host name that can't be a provider's: most requests have one, and need no table to look it up in."""
    return host in ("", "localhost") or host[-1].isdigit() or host[0] == "["


class Server:
    """Everything that answers."""

    def __init__(self, settings: Settings, dialects: Mapping[str, Dialect] | None = None) -> None:
        self.settings = settings
        self.site = Site(settings.url.rstrip("/"))
        self.dialects = Dialects(settings.dialects) if dialects is None else dialects
        if settings.accounts and (strangers := settings.accounts.keys() - set(names())):
            # A list under a misspelt name would leave the dialect open to everybody.
            raise ValueError(f"accounts are listed for {min(strangers)!r}, which is no dialect: {', '.join(names())}")
        self.mounts = Mounts(self.dialects, self._endpoint)
        policies = {account: Policy(word) for account, word in settings.account_policies.items()}
        self.wishes = Wishes(policies, Policy(settings.loosest_policy))
        self.house: House | None = None
        self.proxy: Proxy | None = None
        self._reserved = Reserved(self)
        self.inspection = inspection(settings)

    @cached_property
    def app(self) -> web.Application:
        """The aiohttp application to run."""
        made = web.Application(client_max_size=self.settings.max_body)
        made.on_response_prepare.append(unsigned)
        made.cleanup_ctx.append(self._open)
        if self.settings.proxy_port >= 0:
            made.cleanup_ctx.append(self._open_proxy)
        made.router.add_route("*", r"/{path:[\s\S]*}", self._handle)  # a path may hold a line break
        return made

    async def _open(self, app: web.Application) -> AsyncIterator[None]:
        async with open_house(self.settings, self.dialects, self.site.base) as house:
            self.house = house
            yield
            self.house = None

    async def _open_proxy(self, app: web.Application) -> AsyncIterator[None]:
        from mediaglot.gateway.http.proxy import Proxy  # noqa: PLC0415 - only what is used is loaded

        async with Proxy.open(self) as self.proxy:
            yield
        self.proxy = None

    def _endpoint(self, dialect: Dialect) -> Endpoint:
        from mediaglot.gateway.http.endpoint import Endpoint  # noqa: PLC0415 - with the dialect, not at the start

        assert self.house is not None  # noqa: S101
        front, accounts = self.house.front, self.house.accounts
        passing = self._passing(dialect, self.house)
        look = self.inspection.of(dialect) if self.inspection is not None else None
        return Endpoint(
            dialect, front, accounts, recall=front, link=self._link, wishes=self.wishes, passing=passing, look=look
        )

    def _passing(self, dialect: Dialect, house: House) -> Passing | None:
        away = house.away
        passages = [each for each in away.passages if each.dialect.name == dialect.name] if away is not None else []
        if not passages:
            return None
        from mediaglot.gateway.backends.witness import Witness  # noqa: PLC0415 - only what is used is loaded
        from mediaglot.gateway.http.passing import Passing  # noqa: PLC0415

        return Passing(dialect, house.accounts, passages, Witness(house.desk.store, house.desk.clock))

    def _link(
        self,
        path: str,
        *,
        filename: str = "",
        inline: bool = False,
        until: datetime | None = None,
        room: str = "outputs",
        site: str = "",
    ) -> str:
        assert self.house is not None  # noqa: S101
        expires = until or self.house.clock.now() + LINK_LIFE
        return self.house.signer.link(
            site or self.site.url, f"{room}/{path}", expires, filename=filename, inline=inline
        )

    async def _handle(self, raw: web.Request) -> web.StreamResponse:
        return await self.serve(raw, self.site, raw.headers.get("Host", ""))

    async def serve(self, raw: web.Request, site: Site, host: str) -> web.StreamResponse:
        """``answer``, also where a body breaks off, does not come or can't be unpacked while it is read."""
        try:
            with hurried(raw, self.settings.client_patience):
                return await self.answer(raw, site, host)
        except TooSlow as fault:
            said = f"the request was not complete after {fault.data['seconds']} seconds"
            return await last_word(raw, problem(408, fault.code, said))
        except web.RequestPayloadError:
            return await last_word(raw, problem(400, "malformed", "the body is broken"))
        except ConnectionError:  # the client has left, there is nobody to answer
            return web.Response(status=400)
        except web.HTTPException:
            raise
        except Exception:
            reference = secrets.token_hex(4)
            LOG.exception("a request could not be answered: %s", reference)
            return problem(500, "internal", f"a mistake of the server's; its log says more at {reference}")

    async def answer(self, raw: web.Request, site: Site, host: str) -> web.StreamResponse:
        """What a client gets that has asked ``host``, and that finds us at ``site``."""
        path = raw.path
        if path.startswith(PREFIX):
            return await self._reserved.handle(raw)
        found = self.mounts.find(host, path)
        if found is None:
            return self._reserved.lost(path)
        endpoint, own_path = found
        body = await self._body(raw, endpoint, own_path, site)
        if isinstance(body, web.Response):
            return body
        identity = identify(raw, own_path, body, site)
        try:
            remembered = endpoint.recall(identity)
        except Fault:
            remembered = None
        if remembered is not None:
            return plain(remembered)
        return plain(await endpoint.answer(self._request(raw, endpoint, own_path, body, site), identity))

    async def _body(self, raw: web.Request, endpoint: Endpoint, path: str, site: Site) -> bytes | web.Response:
        """The whole body, or the answer to one that is too large or broken."""
        try:
            return await raw.read()
        except web.HTTPRequestEntityTooLarge:
            request = self._request(raw, endpoint, path, b"", site)
            return plain(endpoint.refuse(request, TooLarge(limit=self.settings.max_body)))
        except (web.RequestPayloadError, TooSlow) as error:
            fault = error if isinstance(error, TooSlow) else Malformed(format="HTTP", reason="broken body")
            request = self._request(raw, endpoint, path, b"", site)
            return await last_word(raw, plain(endpoint.refuse(request, fault)))
        except ConnectionError:  # the client has left, there is nobody to answer
            return web.Response(status=400)

    def _request(self, raw: web.Request, endpoint: Endpoint, path: str, body: bytes, site: Site) -> Request:
        return Request(
            method=raw.method,
            path=path,
            query=raw.rel_url.raw_query_string,
            headers=Headers(lines=tuple(raw.headers.items())),
            body=body,
            base=site.base(endpoint.dialect.name),
            site=site.url,
            received=self.house.clock.now() if self.house is not None else None,
        )


async def unsigned(raw: web.Request, response: web.StreamResponse) -> None:
    """Without aiohttp's name: no provider's answer has it. What a provider says of itself is passed on."""
    if response.headers.get("Server") == SERVER_SOFTWARE:
        del response.headers["Server"]


def inspection(settings: Settings) -> Inspection | None:
    if not settings.check_contract:
        return None
    from mediaglot.gateway.http.inspection import Inspection  # noqa: PLC0415 - only what is used is loaded

    return Inspection()


def identify(raw: web.Request, path: str, body: bytes, site: Site) -> Identity:
    """All of a request, since a dialect may look at every header, and the address that answers lead to."""
    return raw.method, path, raw.rel_url.raw_query_string, body, raw.raw_headers, site.url


async def last_word(raw: web.Request, response: web.Response) -> web.Response:
    """Answer and hang up: after a broken body nobody knows where the next request would begin."""
    response.force_close()
    await response.prepare(raw)
    await response.write_eof()
    raw.protocol.force_close()
    return response


def plain(response: Response) -> web.Response:
    return web.Response(status=response.status, body=response.body, headers=response.headers.lines)


async def listen(server: Server) -> web.AppRunner:
    """Start to answer; afterwards ``server.site.url`` is right. Raises OSError where the address is taken."""
    patience = server.settings.client_patience
    runner = web.AppRunner(
        server.app, access_log=None, handle_signals=False, shutdown_timeout=GRACE, keepalive_timeout=patience
    )
    try:
        await runner.setup()
        await Door(runner, server.settings.host, server.settings.port, patience=patience).start()
    except BaseException:
        await runner.cleanup()
        raise
    server.site.url = server.site.url or url_of(*runner.addresses[0][:2])
    return runner
