"""The test double: a server in which each credential opens a world of its own, steered through ``/_mediaglot/``."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections import OrderedDict
from collections.abc import AsyncIterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web
from yarl import URL

from mediaglot.gateway.accounts import digest
from mediaglot.gateway.config import ConfigError, Settings
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Internal
from mediaglot.gateway.http.app import Server, plain
from mediaglot.gateway.http.control import refused
from mediaglot.gateway.http.links import INSIDE
from mediaglot.gateway.http.patience import open_files
from mediaglot.gateway.http.refusal import Refusal
from mediaglot.gateway.http.reserved import PREFIX, problem
from mediaglot.gateway.http.whereabouts import Site
from mediaglot.gateway.http.workshop import Workshop
from mediaglot.gateway.http.world import FOLDER, HINT, MOST, SHARE, Full, World, key_of
from mediaglot.gateway.lab.inbox import Inbox
from mediaglot.gateway.lab.spec import Spec
from mediaglot.gateway.model import Secret

if TYPE_CHECKING:
    from mediaglot.gateway.http.laboratory import Laboratory

LOG = logging.getLogger(__name__)
LOBBY: Final = "lobby"
"""The world of requests that say nothing of who they are from."""
INBOX: Final = f"{PREFIX}inbox/"
ROOMS: Final = frozenset({"worlds", "inboxes", "reset", "openapi.json"})
"""Those of the laboratory."""


class Double(Server):
    """Worlds are opened when they are first asked for, or through the control API; none outlives the server."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.inbox = Inbox()
        self._worlds: OrderedDict[str, asyncio.Task[World]] = OrderedDict()
        self._made: set[str] = set()
        """Those that nobody has asked for by name."""
        self._keys: dict[str, str] = {}
        self._closing: dict[str, asyncio.Task[None]] = {}
        self._count = 0
        self._workshop: Workshop | None = None
        self._steps = steps_of(settings.seed_file) if settings.seed_file else []

    async def _open(self, app: web.Application) -> AsyncIterator[None]:
        async for _ in super()._open(app):  # the folder is ours from here on, and what a former double left in it
            await asyncio.to_thread(shutil.rmtree, self.settings.data / FOLDER, ignore_errors=True)
            self._workshop = Workshop(self.settings)
            yield
            for name in [*self._worlds]:
                await self.close(name)
            await self._workshop.close()

    @cached_property
    def _laboratory(self) -> Laboratory:
        from mediaglot.gateway.http.laboratory import Laboratory  # noqa: PLC0415 - few look before the first request

        return Laboratory(self)

    # --- worlds -----------------------------------------------------------------------------------------

    async def create(self, document: object) -> World:
        """A world by what the control API was sent. Raises ValueError, KeyError where it is there, and Full."""
        planted = {"steps": self._steps} if self._steps else {}
        given = {**self._manner(), **planted, **document} if isinstance(document, dict) else document
        spec = Spec.read(given, f"w{self._count + 1}", secrets.token_hex(16))
        await self._make_room(spec.id)
        if spec.id in self._worlds:
            raise KeyError(spec.id)
        if digest(Secret(spec.secret)) in self._keys:
            raise ValueError("secret is another world's already")
        return await self._begin(spec)

    async def world(self, name: str) -> World:
        """Raises Refusal where there is none of that name."""
        opening = self._worlds.get(name)
        if opening is None:
            raise Refusal(404, "no_such_world", f"there is no world {name!r}; POST {PREFIX}worlds makes one")
        return await asyncio.shield(opening)

    async def all(self) -> list[World]:
        return [await world for world in [*self._worlds.values()]]

    async def close(self, name: str) -> bool:
        """False where there is none of that name."""
        opening = self._worlds.get(name)
        if opening is None:
            return False
        self._forget(name)
        self._closing[name] = asyncio.create_task(self._closed(name, opening))
        await asyncio.shield(self._closing[name])
        return True

    def _forget(self, name: str) -> None:
        del self._worlds[name]
        self._made.discard(name)
        self._keys = {key: owner for key, owner in self._keys.items() if owner != name}

    async def _closed(self, name: str, opening: asyncio.Task[World]) -> None:
        try:
            await asyncio.wait({opening})
            if opening.exception() is None:
                await opening.result().close()
        finally:
            self._empty_boxes(name)
            del self._closing[name]

    async def restart(self, world: World) -> None:
        """It begins again, and so do the letter boxes that are named after it."""
        await world.reset()
        self._empty_boxes(world.spec.id)

    def _empty_boxes(self, name: str) -> None:
        """Ids have dots in them, too: those of a world whose id begins like this one are its own."""
        others = (f"{each}." for each in self._worlds)
        self.inbox.empty(
            f"{name}.", but=tuple(each for each in others if each.startswith(f"{name}.") and each != f"{name}.")
        )

    async def _make_room(self, name: str) -> None:
        """For a world of that name, when a former one is gone. Raises Full."""
        most = max(1, min(MOST, open_files() // SHARE))
        while name not in self._worlds and (name in self._closing or len(self._worlds) >= most):
            if name in self._closing:
                await asyncio.wait({self._closing[name]})
                continue
            idle = next((name for name in self._worlds if name in self._made), None)
            if idle is None:
                raise Full
            await self.close(idle)

    async def _begin(self, spec: Spec, *, made: bool = False) -> World:
        """For which there is room: until it is listed, nobody else may have a turn."""
        self._count += 1
        self._keys[digest(Secret(spec.secret))] = spec.id
        if made:
            self._made.add(spec.id)
        self._worlds[spec.id] = asyncio.create_task(self._opened(spec))
        return await asyncio.shield(self._worlds[spec.id])

    async def _opened(self, spec: Spec) -> World:
        assert self._workshop is not None  # noqa: S101 - it is there as long as requests are answered

        def learn(key: str) -> None:
            self._keys[key] = spec.id

        world = World(self.settings, self.dialects, spec, site=self.site.url, workshop=self._workshop, learn=learn)
        world.inspection = self.inspection
        try:
            await world.start()
            await world.plant()
        except BaseException:
            await world.close()
            if self._worlds.get(spec.id) is asyncio.current_task():
                self._forget(spec.id)
            raise
        return world

    async def _of(self, dialect: Dialect, request: Request) -> World:
        """The world that a request's credential opens."""
        key = key_of(dialect, request)
        name = self._keys.get(key) if key is not None else LOBBY
        if name is None and key is not None and not key.startswith("name:") and may_open(dialect, request):
            # Nobody shall learn a secret from the name of its world.
            name = f"{dialect.name.replace('_', '-')}-{digest(Secret(key))[:12]}"
        name = name or LOBBY
        await self._make_room(name)
        opening = self._worlds.get(name)
        if opening is not None:
            self._worlds.move_to_end(name)
            return await asyncio.shield(opening)
        world = await self._begin(self._plain(name), made=name != LOBBY)
        if key is not None and name != LOBBY:
            self._keys[key] = name
        return world

    def _plain(self, name: str) -> Spec:
        """A world without wishes is as the settings say."""
        return Spec.read(self._manner(), name, secrets.token_hex(16))

    def _manner(self) -> dict[str, object]:
        wanted = self.settings
        return {word: getattr(wanted, word) for word in ("seed", "clock", "progression", "speed")}

    # --- requests ---------------------------------------------------------------------------------------

    async def answer(self, raw: web.Request, site: Site, host: str) -> web.StreamResponse:
        path = raw.path
        if path.startswith(INSIDE):
            return await self._inside(raw, path.removeprefix(INSIDE), site)
        if path.startswith(INBOX):
            return await self._receive(raw, path.removeprefix(INBOX))
        if path.startswith(PREFIX) and path.removeprefix(PREFIX).partition("/")[0] in ROOMS:
            return await self._laboratory.handle(raw, path)
        found = None if path.startswith(PREFIX) else self.mounts.find(host, path)
        if found is None:
            return await super().answer(raw, site, host)
        endpoint, own_path = found
        body = await self._body(raw, endpoint, own_path, site)
        if isinstance(body, web.Response):
            return body
        request = self._request(raw, endpoint, own_path, body, site)
        try:
            world = await self._of(endpoint.dialect, request)
        except Full:
            return problem(503, "too_many_worlds", HINT)
        except Exception:
            mistake = Internal(reference=secrets.token_hex(4))
            LOG.exception("no world could be opened: %s", mistake)
            return plain(endpoint.refuse(request, mistake))
        return await world.answer(raw, site, host)

    async def _inside(self, raw: web.Request, rest: str, site: Site) -> web.StreamResponse:
        """A request that names its world in its path."""
        name, slash, _ = rest.partition("/")
        try:
            world = await self.world(name if slash else "")
        except Refusal as refusal:
            return refused(refusal)
        target = raw.rel_url.raw_path.partition(f"{INSIDE}{name}")[2]
        query = f"?{raw.rel_url.raw_query_string}" if raw.rel_url.raw_query_string else ""
        return await world.answer(raw.clone(rel_url=URL(f"{target}{query}", encoded=True)), site, "")

    async def _receive(self, raw: web.Request, name: str) -> web.Response:
        try:
            body = await raw.read()
        except web.HTTPRequestEntityTooLarge:
            return problem(413, "too_large", f"a letter box takes {self.settings.max_body} bytes at most")
        lines = tuple((key, value) for key, value in raw.headers.items())
        query = raw.rel_url.raw_query_string
        assert self.house is not None  # noqa: S101
        at = self.house.clock.now()
        status = await self.inbox.put(name, at, raw.method, query, lines, body.decode("utf-8", "replace"))
        return web.Response(status=status)


def steps_of(file: str) -> list[object]:
    """The steps of a seed file. Raises ConfigError."""
    try:
        document = orjson.loads(Path(file).read_bytes())
    except OSError as error:
        raise ConfigError(f"seed_file: {file}: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"seed_file: {file} is no JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("steps"), list):
        raise ConfigError(f'seed_file: {file} has no list of "steps"')
    return list(document["steps"])


def may_open(dialect: Dialect, request: Request) -> bool:
    """Whether an unknown secret is an account of its own: a token that nobody issued is one only where it is free."""
    credential = dialect.open(request).credential
    return credential is None or not credential.token or dialect.free_tokens
