"""The test double for code that blocks: each word is answered before it returns. Any thread may use it."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, Self, TypeVar
from urllib.parse import quote, urlsplit

from mediaglot.gateway.remote import plan
from mediaglot.gateway.remote.ask import Ask, Plan, drive, is_told, read, silent
from mediaglot.gateway.remote.host import Host, Running, Separate, Threaded
from mediaglot.gateway.remote.value import Credentials, Entry, Job, Tree

if TYPE_CHECKING:
    from mediaglot.gateway.remote.asynchronous import AsyncWorld

__tracebackhide__ = is_told
P = ParamSpec("P")
T = TypeVar("T")
NOWHERE: Final[Mapping[str, str]] = {}


class Wire:
    """Sends what is asked, over a connection of its own. Raises DoubleError."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url, self.token = url.rstrip("/"), token

    def __call__(self, ask: Ask) -> Any:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=ask.timeout)
        try:
            connection.request(ask.method, parts.path + ask.target, ask.body, self.headers)
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise silent(self.url, error) from None
        finally:
            connection.close()
        return read(status, body)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class Face:
    """A part of the control API."""

    def __init__(self, wire: Wire, path: str, scope: Mapping[str, str] = NOWHERE) -> None:
        self.wire, self.path, self.scope = wire, path, scope

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} of {self.wire.url}>"


def does(verb: Callable[Concatenate[Any, P], Plan[T]]) -> Callable[Concatenate[Any, P], T]:
    """A plan as a method that carries it out."""

    @wraps(verb)
    def method(here: Any, /, *given: P.args, **more: P.kwargs) -> T:
        return drive(verb(here, *given, **more), here.wire)

    return method


class Clock(Face):
    now = does(plan.now)
    pending = does(plan.pending)
    advance = does(plan.advance)
    set = does(plan.set_clock)
    next = does(plan.step)
    run = does(plan.run)
    freeze = does(plan.freeze)


class Planning(Face):
    """Faults on the wire, or fates of messages."""

    add = does(plan.add)
    list = does(plan.planned)
    get = does(plan.get)
    remove = does(plan.remove)
    clear = does(plan.clear)


class Rules(Face):
    """What becomes of which jobs: see docs/double.md."""

    add = does(plan.add)
    list = does(plan.planned)
    remove = does(plan.remove)
    clear = does(plan.clear)
    default = does(plan.default)


class Requests(Face):
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

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.list())

    def __len__(self) -> int:
        return self.count()


class Jobs(Face):
    list = does(plan.jobs)
    get = does(plan.job)

    def __iter__(self) -> Iterator[Job]:
        return iter(self.list())

    def __len__(self) -> int:
        return len(self.list())


class Inbox(Face):
    """A receiver of messages at ``url``."""

    messages = does(plan.messages)
    wait = does(plan.wait_for_messages)
    respond = does(plan.respond)
    clear = does(plan.forget)

    @property
    def url(self) -> str:
        return f"{self.wire.url}/_mediaglot/inbox/{quote(self.path.removeprefix('inboxes/'))}"


class Notifications(Face):
    """What was to be told to receivers, as the outbox has it."""

    list = does(plan.letters)
    get = does(plan.letter)
    redeliver = does(plan.redeliver)


class Account(Face):
    """A provider in a world: the base URL that its clients are given, and what they log in with."""

    def __init__(self, wire: Wire, world: str, name: str, told: Tree) -> None:
        super().__init__(wire, world, {"dialect": name})
        self.name, self.url = name, str(told["url"])
        self.credentials = Credentials(**told["credentials"])
        self.jobs = Jobs(wire, f"{world}/jobs", self.scope)
        self.faults = Planning(wire, f"{world}/faults", self.scope)
        self.requests = Requests(wire, f"{world}/journal", self.scope)


class World(Face):
    """Jobs, clock, faults and journal of its own. Each provider is an attribute of its name; see ``Account``."""

    def __init__(self, wire: Wire, told: Tree) -> None:
        super().__init__(wire, f"worlds/{told['id']}")
        self.id, self.secret, self.url, self.spec = str(told["id"]), str(told["secret"]), str(told["url"]), told
        self.accounts = {name: Account(wire, self.path, name, each) for name, each in told["dialects"].items()}
        self.clock = Clock(wire, f"{self.path}/clock")
        self.faults = Planning(wire, f"{self.path}/faults")
        self.fates = Planning(wire, f"{self.path}/fates")
        self.rules = Rules(wire, f"{self.path}/rules")
        self.requests = Requests(wire, f"{self.path}/journal")
        self.jobs = Jobs(wire, f"{self.path}/jobs")
        self.notifications = Notifications(wire, f"{self.path}/notifications")

    def __getattr__(self, name: str) -> Account:
        accounts: dict[str, Account] = self.__dict__.get("accounts", {})
        if name not in accounts:
            raise AttributeError(f"a world has no {name!r}; its providers are {', '.join(accounts)}")
        return accounts[name]

    def __getitem__(self, name: str) -> Account:
        return self.accounts[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def inbox(self, name: str = "inbox") -> Inbox:
        """A receiver of this world's own."""
        return Inbox(self.wire, f"inboxes/{self.id}.{name}")

    @property
    def asynchronous(self) -> AsyncWorld:
        """The same world for an event loop."""
        from mediaglot.gateway.remote.asynchronous import AsyncWire, AsyncWorld  # noqa: PLC0415 - only what is used

        return AsyncWorld(AsyncWire(self.wire.url, self.wire.token), self.spec)

    close = does(plan.close)
    reset = does(plan.reset)
    seed = does(plan.seed)
    export = does(plan.export)
    snapshot = does(plan.snapshot)
    restore = does(plan.restore)


class Double(Face):
    """A test double that is started and stopped, as a context manager or by ``start`` and ``stop``; or one that runs
    already."""

    def __init__(self, host: Host, token: str = "") -> None:
        super().__init__(Wire("", token), "")
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
        double.start()
        return double

    @property
    def url(self) -> str:
        """Its base URL, empty while it does not run."""
        return self.wire.url

    def start(self) -> Self:
        self.wire = Wire(self._host.start(), self.wire.token)
        return self

    def stop(self) -> None:
        self.wire = Wire("", self.wire.token)
        self._host.stop()

    def __enter__(self) -> Self:
        return self if self.url else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def world(self, **spec: Any) -> World:
        """A new world: ``id``, ``secret``, ``seed``, ``clock`` ("real" or "virtual"), ``start`` and ``journal``, or
        what the double chooses."""
        return World(self.wire, drive(plan.make_world(self, **spec), self.wire))

    def find(self, name: str) -> World:
        """The world of that id. Raises DoubleError where there is none."""
        return World(self.wire, drive(plan.show_world(self, name), self.wire))

    def worlds(self) -> list[World]:
        return [World(self.wire, told) for told in drive(plan.show_worlds(self), self.wire)]

    reset = does(plan.reset)
