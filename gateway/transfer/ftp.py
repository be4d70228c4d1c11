"""FTP and FTPS: sources that are resumed, deliveries that are resumed and get their name when they are whole.

``ftps://`` is encrypted from the first byte on its usual port, and after AUTH TLS on all others. Switches of the URL's
query: ``passive=no``, and ``tls=implicit`` or ``tls=explicit``, the latter for ``ftp://`` too.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from mediaglot.gateway.clock import Clock, RealClock
from mediaglot.gateway.faults import SourceForbidden, SourceMissing, SourceTimeout, SourceUnreachable
from mediaglot.gateway.model import Location
from mediaglot.gateway.transfer import Fetched, OnProgress, Receipt, delivering, placed
from mediaglot.gateway.transfer.disk import Part, in_thread
from mediaglot.gateway.transfer.ftp_file import Load, Store, remove
from mediaglot.gateway.transfer.ftp_line import Garbled, Line, Refused
from mediaglot.gateway.transfer.pinned import LookUp, dial, look_up
from mediaglot.gateway.transfer.policy import Limits, Policy, judge, judge_address
from mediaglot.gateway.transfer.retry import Transient, persist, within
from mediaglot.gateway.transfer.shuttle import Shuttle
from mediaglot.gateway.transfer.site import Site, filed, site
from mediaglot.gateway.transfer.trust import tls_context

PAUSE: Final = 0.5
TLS_PORT: Final = 990
AWAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOTCONN})

T = TypeVar("T")


class Ftp:
    """A connection for each attempt. ``pause`` is the first back-off in seconds, and it doubles.

    ``find`` takes the place of the system's look-up of names.
    """

    def __init__(
        self, policy: Policy, clock: Clock | None = None, *, pause: float = PAUSE, find: LookUp = look_up
    ) -> None:
        self._policy = policy
        self._clock = clock or RealClock()
        self._pause = pause
        self._find = find
        self._context: ssl.SSLContext | None = None
        self._sweeping: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def close(self) -> None:
        while self._sweeping:
            await asyncio.wait(self._sweeping.values())

    async def fetch(
        self, location: Location, target: Path, *, limits: Limits | None = None, on_progress: OnProgress | None = None
    ) -> Fetched:
        limits = limits or self._policy
        there = self._site(location)
        async with within(limits.total_timeout, _too_long(limits)), Part.at(target) as part:
            load = Load(part, limits, self._judge, _told(on_progress), active=_active(there))
            await persist(
                partial(self._talk, there, limits, load.attempt),
                tries=limits.tries,
                clock=self._clock,
                pause=self._pause,
                reached=lambda: part.size,
            )
            await part.keep()
        return Fetched(path=target, size=part.size, name=there.name or None)

    async def deliver(
        self,
        path: Path,
        location: Location,
        *,
        name: str | None = None,
        content_type: str | None = None,
        limits: Limits | None = None,
        on_progress: OnProgress | None = None,
    ) -> Receipt:
        """Directories are made on the way, and a file that is there is replaced."""
        limits = limits or self._policy
        with delivering():
            location = filed(location, name)
            there = self._site(Location(url=placed(location.url, name), access=location.access))
            temporary = there.beside(_temporary(path, there))
            await self._swept(there, temporary)
            store = Store(path, temporary, self._judge, _told(on_progress), active=_active(there))
            try:
                async with within(limits.total_timeout, _too_long(limits)):
                    await persist(
                        partial(self._talk, there, limits, store.attempt),
                        tries=limits.tries,
                        clock=self._clock,
                        pause=self._pause,
                        reached=lambda: store.sent,
                    )
            except BaseException:
                if store.begun:
                    self._sweep(there, limits, temporary)
                raise
        return Receipt(url=there.url, size=store.size)

    async def _talk(self, there: Site, limits: Limits, work: Callable[[Line], T]) -> T:
        """``work`` on a fresh connection that is logged in. Raises Source* faults, and Transient around them."""
        implicit, context, lenient = await self._manner(there)
        with _translated(limits):
            sock = await dial(there.host, there.port, self._policy, limits, self._find)
            shuttle = Shuttle()

            def talk() -> T:
                line = Line(shuttle, sock, there, limits)
                line.open(context, implicit=implicit, lenient=lenient)
                done = work(line)
                with contextlib.suppress(OSError, EOFError, Garbled):
                    line.wait(line.sock, limits.connect_timeout)
                    line.ask("QUIT")
                return done

            return await shuttle.run(talk)

    async def _manner(self, there: Site) -> tuple[bool, ssl.SSLContext | None, bool]:
        """Whether TLS comes first, its context or None for no TLS, whether none is good enough."""
        wish = there.switches.get("tls") or (self._policy.trust.ftp_tls if there.scheme == "ftp" else "")
        if there.scheme == "ftp" and wish == "off":
            return False, None, False
        if self._context is None:
            try:
                self._context = await in_thread(tls_context, self._policy.trust)
            except OSError:
                raise SourceUnreachable(reason="ca_bundle") from None
        default = there.scheme == "ftps" and there.port == TLS_PORT
        implicit = {"implicit": True, "explicit": False}.get(wish, default)
        return implicit, self._context, wish == "offered"

    def _site(self, location: Location) -> Site:
        judge(location.url, self._policy)
        there = site(location)
        if not there.name:
            raise SourceForbidden(reason="path")
        return there

    def _judge(self, address: str) -> None:
        judge_address(address, self._policy)

    async def _swept(self, there: Site, temporary: str) -> None:
        """The same delivery that was given up before may still be cleaning up."""
        if task := self._sweeping.get((there.url, temporary)):
            await asyncio.wait([task])

    def _sweep(self, there: Site, limits: Limits, temporary: str) -> None:
        """Beside whatever goes on now, as nobody who cancels should have to wait for a server."""
        key = there.url, temporary

        async def sweep() -> None:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(limits.connect_timeout):
                    await self._talk(there, limits, partial(remove, path=temporary))

        task = self._sweeping[key] = asyncio.create_task(sweep(), name="sweep")
        task.add_done_callback(lambda _: self._sweeping.pop(key, None))


@contextlib.contextmanager
def _translated(limits: Limits) -> Iterator[None]:
    """What breaks on the way, as faults. A server's texts are not passed on: they may quote what we sent."""
    try:
        yield
    except TimeoutError:
        raise Transient(SourceTimeout(seconds=limits.stall_timeout, reason="stall")) from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError, EOFError):
        raise Transient(SourceUnreachable(reason="cut")) from None
    except ssl.SSLError:
        raise SourceUnreachable(reason="tls") from None
    except Garbled:
        raise SourceUnreachable(reason="protocol") from None
    except Refused as refused:
        raise _fault(refused) from None
    except OSError as error:
        if error.errno not in AWAY:
            raise
        raise Transient(SourceUnreachable(reason="connection")) from None


def _fault(refused: Refused) -> Exception:
    code = refused.code
    if refused.login:
        return SourceUnreachable(status=code, reason="login")
    if code in {452, 552}:
        return SourceUnreachable(status=code, reason="no_space")
    if code < 500:
        return Transient(SourceUnreachable(status=code, reason="refused"))
    if code in {550, 553}:
        return SourceMissing(status=code, reason="File unavailable")
    return SourceUnreachable(status=code, reason="refused")


def _told(on_progress: OnProgress | None) -> OnProgress:
    """To be called in any thread; it is told on the event loop."""
    if on_progress is None:
        return lambda done, total: None
    loop = asyncio.get_running_loop()

    def tell(done: int, total: int | None) -> None:
        loop.call_soon_threadsafe(on_progress, done, total)

    return tell


def _active(there: Site) -> bool:
    return there.switches.get("passive", "").lower() in {"no", "0", "false", "off"}


def _temporary(path: Path, there: Site) -> str:
    """The same for the same delivery: what a killed process left is replaced."""
    seed = hashlib.sha256(os.fsencode(f"{path}\0{there.path}")).hexdigest()
    return f".mediaglot-{seed[:16]}.part"


def _too_long(limits: Limits) -> SourceTimeout:
    return SourceTimeout(seconds=limits.total_timeout, reason="total")
