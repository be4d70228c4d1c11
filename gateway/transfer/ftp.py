"""FTP and FTPS: sources that are resumed, deliveries that are resumed and get their name when they are whole.

``ftps://`` is encrypted from the first byte on its usual port, and after AUTH TLS on all others. Switches of the URL's
query: ``passive=no``, and ``tls=implicit`` or ``tls=explicit``, the latter for ``ftp://`` too.
"""

from __future__ import annotations

import contextlib
import errno
import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.faults import SourceMissing, SourceTimeout, SourceUnreachable
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Part, in_thread
from mediaglot.gateway.transfer.fileserver import PAUSE, FileServer, Work
from mediaglot.gateway.transfer.ftp_file import Load, Store, remove
from mediaglot.gateway.transfer.ftp_line import Garbled, Line, Refused
from mediaglot.gateway.transfer.pinned import LookUp, dial, look_up
from mediaglot.gateway.transfer.policy import Limits, Policy, judge_address, judge_port
from mediaglot.gateway.transfer.retry import Transient
from mediaglot.gateway.transfer.shuttle import Shuttle
from mediaglot.gateway.transfer.site import Site
from mediaglot.gateway.transfer.trust import tls_context

TLS_PORT: Final = 990
AWAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOTCONN})


class Ftp(FileServer):
    def __init__(
        self, policy: Policy, clock: Clock | None = None, *, pause: float = PAUSE, find: LookUp = look_up
    ) -> None:
        super().__init__(policy, clock, pause=pause, find=find)
        self._context: ssl.SSLContext | None = None

    async def _prepare(self) -> None:
        """Nothing: the standard library is there."""

    def _load(self, there: Site, part: Part, limits: Limits, told: OnProgress) -> Load:
        return Load(part, limits, self._judge, told, active=_active(there))

    def _store(self, there: Site, path: Path, temporary: str, limits: Limits, told: OnProgress) -> Store:
        return Store(path, temporary, self._judge, told, active=_active(there))

    def _removal(self, temporary: str) -> Work:
        return partial(remove, path=temporary)

    async def _talk(self, there: Site, limits: Limits, work: Work) -> None:
        implicit, context, lenient = await self._manner(there)
        with _translated(limits):
            sock = await dial(there.host, there.port, self._policy, limits, self._find)
            shuttle = Shuttle()

            def talk() -> None:
                line = Line(shuttle, sock, there, limits)
                line.open(context, implicit=implicit, lenient=lenient)
                work(line)
                with contextlib.suppress(OSError, EOFError, Garbled):
                    line.wait(line.sock, limits.connect_timeout)
                    line.ask("QUIT")

            await shuttle.run(talk)

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

    def _judge(self, address: str, port: int) -> None:
        judge_address(address, self._policy)
        judge_port(port, self._policy)


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


def _active(there: Site) -> bool:
    return there.switches.get("passive", "").lower() in {"no", "0", "false", "off"}
