"""The test double for code on an event loop: the same words as in ``sync``, each to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from urllib.parse import quote

from mediaglot.gateway.remote import plan
from mediaglot.gateway.remote.ask import Ask, Plan, is_told, steer
from mediaglot.gateway.remote.host import Host, Running, Separate, Threaded
from mediaglot.gateway.remote.sync import NOWHERE
from mediaglot.gateway.remote.value import Credentials, Tree

__tracebackhide__ = is_told
P = ParamSpec("P")
T = TypeVar("T")


class AsyncWire:
    """Sends what is asked. Raises DoubleError."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url.rstrip("/"), token

    async def __call__(self, ask: Ask) -> Any:
        from mediaglot.gateway.http.courier import carry  # noqa: PLC0415 - loaded when it is used

        return await carry(self.url, self.token, ask)


class AsyncFace:
    """A part of the control API."""

    def __init__(self, wire: AsyncWire, path: str, scope: Mapping[str, str] = NOWHERE) -> None:
        self.wire, self.path, self.scope = wire, path, scope

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} of {self.wire.url}>"


def does(verb: Callable[Concatenate[Any, P], Plan[T]]) -> Callable[Concatenate[Any, P], Awaitable[T]]:
    """A plan as a method that carries it out."""

    @wraps(verb)
    async def method(here: Any, /, *given: P.args, **more: P.kwargs) -> T:
        return await steer(verb(here, *given, **more), here.wire)

    return method


class AsyncClock(AsyncFace):
    now = does(plan.now)
    pending = does(plan.pending)
    advance = does(plan.advance)
    set = does(plan.set_clock)
    next = does(plan.step)
    run = does(plan.run)
    freeze = does(plan.freeze)


class AsyncPlanning(AsyncFace):
    """Faults on the wire, or fates of messages."""

    add = does(plan.add)
    list = does(plan.planned)
    get = does(plan.get)
    remove = does(plan.remove)
    clear = does(plan.clear)


class AsyncRules(AsyncFace):
    """What becomes of which jobs: see docs/double.md."""

    add = does(plan.add)
    list = does(plan.planned)
    remove = does(plan.remove)
    clear = does(plan.clear)
    default = does(plan.default)


class AsyncRequests(AsyncFace):
    """The journal. ``match`` and further arguments are conditions, ``response__status=200`` that of a path."""

    list = does(plan.entries)
    count = does(plan.count)
    dropped = does(plan.dropped)
    find = does(plan.find)
    wait = does(plan.wait)
    verify = does(plan.verify)
    in_order = does(plan.in_order)
    near = does(plan.near)
    clear = does(plan.forget)
    last = does(plan.last)


class AsyncJobs(AsyncFace):
    list = does(plan.jobs)
    get = does(plan.job)


class AsyncInbox(AsyncFace):
    """A receiver of messages at ``url``."""

    messages = does(plan.messages)
    wait = does(plan.wait_for_messages)
    respond = does(plan.respond)
    clear = does(plan.forget)

    @property
    def url(self) -> str:
        return f"{self.wire.url}/_mediaglot/inbox/{quote(self.path.removeprefix('inboxes/'))}"


class AsyncNotifications(AsyncFace):
    """What was to be told to receivers, as the outbox has it."""

    list = does(plan.letters)
    get = does(plan.letter)
    redeliver = does(plan.redeliver)


class AsyncAccount(AsyncFace):
    """A provider in a world: the base URL that its clients are given, and what they log in with."""

    def __init__(self, wire: AsyncWire, world: str, name: str, told: Tree) -> None:
        super().__init__(wire, world, {"dialect": name})
        self.name, self.url = name, str(told["url"])
        self.credentials = Credentials(**told["credentials"])
        self.jobs = AsyncJobs(wire, f"{world}/jobs", self.scope)
        self.faults = AsyncPlanning(wire, f"{world}/faults", self.scope)
        self.requests = AsyncRequests(wire, f"{world}/journal", self.scope)


class AsyncWorld(AsyncFace):
    """Jobs, clock, faults and journal of its own. Each provider is an attribute of its name; see ``AsyncAccount``."""

    def __init__(self, wire: AsyncWire, told: Tree) -> None:
        super().__init__(wire, f"worlds/{told['id']}")
        self.id, self.secret, self.url, self.spec = str(told["id"]), str(told["secret"]), str(told["url"]), told
        self.accounts = {name: AsyncAccount(wire, self.path, name, each) for name, each in told["dialects"].items()}
        self.clock = AsyncClock(wire, f"{self.path}/clock")
        self.faults = AsyncPlanning(wire, f"{self.path}/faults")
        self.fates = AsyncPlanning(wire, f"{self.path}/fates")
        self.rules = AsyncRules(wire, f"{self.path}/rules")
        self.requests = AsyncRequests(wire, f"{self.path}/journal")
        self.jobs = AsyncJobs(wire, f"{self.path}/jobs")
        self.notifications = AsyncNotifications(wire, f"{self.path}/notifications")

    def __getattr__(self, name: str) -> AsyncAccount:
        accounts: dict[str, AsyncAccount] = self.__dict__.get("accounts", {})
        if name not in accounts:
            raise AttributeError(f"a world has no {name!r}; its providers are {', '.join(accounts)}")
        return accounts[name]

    def __getitem__(self, name: str) -> AsyncAccount:
        return self.accounts[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def inbox(self, name: str = "inbox") -> AsyncInbox:
        """A receiver of this world's own."""
        return AsyncInbox(self.wire, f"inboxes/{self.id}.{name}")

    close = does(plan.close)
    reset = does(plan.reset)
    seed = does(plan.seed)
    export = does(plan.export)
    snapshot = does(plan.snapshot)
    restore = does(plan.restore)


class AsyncDouble(AsyncFace):
    """A test double that is started and stopped, as an asynchronous context manager or by ``start`` and ``stop``; or
    one that runs already."""

    def __init__(self, host: Host, token: str = "") -> None:
        super().__init__(AsyncWire("", token), "")
        self._host = host

    @classmethod
    def started(cls, *, process: bool = False, **settings: Any) -> Self:
        """One of its own, in a thread of this process or in a process. ``settings`` are those of ``mediaglot serve``,
        such as ``seed=7`` or ``dialects=["acme"]``."""
        return cls(Separate(settings) if process else Threaded(settings))

    @classmethod
    def at(cls, url: str, token: str = "") -> Self:
        """One that runs already; ``token`` is its control_token, where it has one."""
        double = cls(Running(url), token)
        double.wire = AsyncWire(url, token)
        return double

    @property
    def url(self) -> str:
        """Its base URL, empty while it does not run."""
        return self.wire.url

    async def start(self) -> Self:
        starting = asyncio.ensure_future(asyncio.to_thread(self._host.start))
        try:
            self.wire = AsyncWire(await asyncio.shield(starting), self.wire.token)
        except asyncio.CancelledError:  # its thread goes on
            await asyncio.gather(starting, return_exceptions=True)
            await self.stop()
            raise
        return self

    async def stop(self) -> None:
        self.wire = AsyncWire("", self.wire.token)
        await asyncio.to_thread(self._host.stop)

    async def __aenter__(self) -> Self:
        return self if self.url else await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def world(self, **spec: Any) -> AsyncWorld:
        """A new world: ``id``, ``secret``, ``seed``, ``clock`` ("real" or "virtual"), ``start`` and ``journal``, or
        what the double chooses."""
        return AsyncWorld(self.wire, await steer(plan.make_world(self, **spec), self.wire))

    async def find(self, name: str) -> AsyncWorld:
        """The world of that id. Raises DoubleError where there is none."""
        return AsyncWorld(self.wire, await steer(plan.show_world(self, name), self.wire))

    async def worlds(self) -> list[AsyncWorld]:
        return [AsyncWorld(self.wire, told) for told in await steer(plan.show_worlds(self), self.wire)]

    reset = does(plan.reset)
