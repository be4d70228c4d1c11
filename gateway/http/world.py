"""A world of the test double: a server without a listener, with a house of its own. The double lets requests in."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from mediaglot.gateway.accounts import digest
from mediaglot.gateway.auth import Credential
from mediaglot.gateway.backends.play import Play
from mediaglot.gateway.chance import SeededChance
from mediaglot.gateway.clock import Clock, RealClock, VirtualClock
from mediaglot.gateway.config import Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Login
from mediaglot.gateway.exchange import IssueToken, Request, Result, Token
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.http import seed
from mediaglot.gateway.http.app import Server
from mediaglot.gateway.http.control import refused
from mediaglot.gateway.http.house import House, open_house
from mediaglot.gateway.http.links import INSIDE
from mediaglot.gateway.http.refusal import Refusal
from mediaglot.gateway.http.reserved import PREFIX
from mediaglot.gateway.http.stage import Visit
from mediaglot.gateway.http.whereabouts import Site
from mediaglot.gateway.http.workshop import Workshop
from mediaglot.gateway.lab.lab import Lab
from mediaglot.gateway.lab.post import Post
from mediaglot.gateway.lab.spec import Spec
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Secret
from mediaglot.gateway.notify import Send

if TYPE_CHECKING:
    from mediaglot.gateway.http.endpoint import Endpoint

FOLDER: Final = "worlds"
MOST: Final = 1000
"""Worlds at a time. Of those that a mere request has made, the one least lately used makes room for a new one."""
SHARE: Final = 10
"""One world for so many files that the server may open: it holds six, and a third of all is for connections."""
HINT: Final = "there are as many worlds as there may be; DELETE /_mediaglot/worlds/ID closes one"
PATIENCE: Final = 5.0
"""Seconds that a change waits for requests that are being answered."""
Learn = Callable[[str], None]
"""Told of one more key that opens the world."""


class Full(Exception):
    """There are as many worlds as there may be."""


class World(Server):
    """``start`` it before it is asked, ``close`` it in the end; what it kept is gone then."""

    def __init__(
        self,
        settings: Settings,
        dialects: Mapping[str, Dialect],
        spec: Spec,
        *,
        site: str,
        workshop: Workshop,
        learn: Learn,
    ) -> None:
        inside = settings.data / FOLDER / spec.id, f"{site}{INSIDE}{spec.id}"
        backend = "simulated" if settings.backend == "auto" else settings.backend
        super().__init__(replace(settings, data=inside[0], url=inside[1], backend=backend), dialects)
        self.spec, self._workshop, self._learn = spec, workshop, learn
        self.lab = Lab.open(_clock(spec), spec.seed, spec.journal, operations(dialects))
        self._stack = AsyncExitStack()
        self._changing = asyncio.Lock()
        self._closed = False
        self._visits: set[Visit] = set()
        self._times: dict[str, datetime] = {}

    @property
    def clock(self) -> Clock:
        return self.lab.clock

    async def start(self) -> None:
        stack = AsyncExitStack()
        self.house = await stack.enter_async_context(
            open_house(
                self.settings,
                self.dialects,
                self.site.base,
                self.clock,
                SeededChance(self.spec.seed),
                self._play(),
                workshop=self._workshop,
                post=self._post,
            )
        )
        self._stack = stack

    async def close(self) -> None:
        """Everything that it kept is deleted, its snapshots too. What somebody else does to it is done before."""
        async with self._changing:
            self._closed = True
            await self._clear()

    async def steady(self) -> Self:
        """When nobody changes it any more. Raises Refusal where it is closed, or could not begin again."""
        async with self.kept_still():
            return self

    @asynccontextmanager
    async def kept_still(self) -> AsyncIterator[House]:
        """Its house, which nobody takes away meanwhile. Raises Refusal as ``steady`` does."""
        async with self._change():
            if self.house is None:
                raise Refusal(503, "broken", f"the world {self.spec.id!r} could not begin again; DELETE it")
            yield self.house

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[None]:
        """Alone with it. Raises Refusal where it is closed."""
        async with self._changing:
            if self._closed:
                raise Refusal(404, "no_such_world", f"the world {self.spec.id!r} is closed")
            yield

    async def _clear(self) -> None:
        await self._stop()
        for folder in (self.settings.data, *map(self.kept, self._times)):
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _play(self) -> Play:
        spec = self.spec
        about = {"progression": spec.progression, "seed": str(spec.seed)}
        return Play(self.clock, speed=spec.speed, script=self.lab.script, **about)

    def _post(self, send: Send, stack: AsyncExitStack) -> Send:
        post = Post(send, self.clock, self.lab.fates)
        stack.push_async_callback(post.close)
        return post

    async def _stop(self) -> None:
        self.house = None
        self.mounts.forget()
        await self._leave()
        await self._stack.aclose()

    async def _leave(self) -> None:
        """Whoever is in the house may end what he does there, if that takes no time."""
        leaving = [asyncio.create_task(visit.idle.wait()) for visit in self._visits if not visit.idle.is_set()]
        if leaving:
            await asyncio.wait(leaving, timeout=PATIENCE)
        for each in leaving:
            each.cancel()

    async def reset(self) -> None:
        """Begin again: nothing is there but what the spec says."""
        async with self._change():
            await self._clear()
            spec = self.spec
            self.lab = Lab.open(_clock(spec), spec.seed, spec.journal, operations(self.dialects))
            self._times.clear()
            await self.start()
            await self.plant()

    async def plant(self) -> None:
        """Play the steps of the spec. Raises ValueError where one of them can't be."""
        if self.spec.steps:
            await seed.play(self, {"steps": [*self.spec.steps]})

    def credentials(self, dialect: str) -> dict[str, str]:
        """What a client logs in with: a well-formed name, this world's secret, and what the paths name."""
        client = self.dialects[dialect].client
        example = client.example if client is not None else Login(secret=Secret(""))
        return {"name": example.name or "double", "secret": self.spec.secret, "tenant": example.tenant}

    def kept(self, name: str) -> Path:
        """Where a snapshot of that name is."""
        return self.settings.data.with_name(f"{self.spec.id}@{name}")

    async def snapshot(self, name: str) -> None:
        """Keep all that the house knows, and its time, under a name. Work in progress is taken up where it was."""
        async with self._change():
            now = self.clock.now()
            await self._stop()
            try:
                await asyncio.to_thread(_copy, self.settings.data, self.kept(name))
                self._times[name] = now
            finally:
                await self.start()

    async def restore(self, name: str) -> bool:
        """False where nothing is kept under that name. A virtual clock goes back, too; journal and faults stay."""
        async with self._change():
            if name not in self._times:
                return False
            await self._stop()
            try:
                await asyncio.to_thread(_copy, self.kept(name), self.settings.data)
                self.lab.clock = _clock(self.spec, self._times[name])
            finally:
                await self.start()
        return True

    async def answer(self, raw: web.Request, site: Site, host: str) -> web.StreamResponse:
        """As this world is; what is for no dialect is answered as every server would.

        Who comes by way of a proxy stays at the provider's address, all others are led to the world's own.
        """
        if self.house is None:
            try:
                await self.steady()
            except Refusal as refusal:
                return refused(refusal)
        house, own = self.house, self.site
        if site.provider:
            own = Site(f"{site.url}{INSIDE}{self.spec.id}", site.provider)
        found = None if raw.path.startswith(PREFIX) else self.mounts.find(host, raw.path)
        if found is None:
            return await super().answer(raw, own, host)
        endpoint, path = found
        body = await self._body(raw, endpoint, path, own)
        if isinstance(body, web.StreamResponse):
            return body
        if self.house is not house:  # the body took its time, and is kept
            return await self.answer(raw, site, host)
        visit = Visit(self.lab, endpoint.dialect.name, self._request(raw, endpoint, path, body, own))
        return await self._received(visit, endpoint, raw)

    async def _received(self, visit: Visit, endpoint: Endpoint, raw: web.Request) -> web.StreamResponse:
        self._visits.add(visit)
        try:
            response = await endpoint.answer(visit.request, visit=visit)
        finally:
            self._visits.discard(visit)
            visit.idle.set()
        self._remember(visit.intent, visit.result)
        return await visit.finish(raw, response)

    def _remember(self, intent: object, result: Result | Fault | None) -> None:
        """What a client got a token for, and the token, lead here from now on."""
        if isinstance(intent, IssueToken) and isinstance(result, Token):
            self._learn(digest(result.text))
            self._learn(f"name:{intent.name}")


def key_of(dialect: Dialect, request: Request) -> str | None:
    """What of a request says which world it is for: the digest of its secret or token, or the name that signed it."""
    try:
        call = dialect.open(request)
        if call.credential is not None:
            return _key(call.credential)
        intent = dialect.read(call, Ledger())
    except Fault:
        return None
    return digest(intent.secret) if isinstance(intent, IssueToken) else None


def _key(credential: Credential) -> str:
    return f"name:{credential.name}" if credential.signed is not None else digest(credential.secret)


def operations(dialects: Mapping[str, Dialect]) -> dict[str, frozenset[str]]:
    return {name: frozenset(route.name for route in dialects[name].routes) for name in dialects}


def _clock(spec: Spec, now: datetime | None = None) -> Clock:
    return VirtualClock(now or spec.start) if spec.clock == "virtual" else RealClock()


def _copy(source: Path, target: Path) -> None:
    """As a whole, or not at all."""
    made = target.with_name(f"{target.name}~")
    try:
        shutil.copytree(source, made)
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
