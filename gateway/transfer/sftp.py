"""SFTP: sources that are resumed, deliveries that are resumed and get their name when they are whole.

A path is absolute, and below the home directory where it begins with ``~/``. No agent, no configuration of OpenSSH, no
forwarding: nothing but what the URL and the settings give. The library is an extra, loaded for the first transfer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mediaglot.gateway.faults import SourceUnreachable
from mediaglot.gateway.transfer import OnProgress
from mediaglot.gateway.transfer.disk import Part, in_thread
from mediaglot.gateway.transfer.fileserver import FileServer, Load, Store, Work
from mediaglot.gateway.transfer.pinned import dial
from mediaglot.gateway.transfer.policy import Limits
from mediaglot.gateway.transfer.site import Site

if TYPE_CHECKING:
    from mediaglot.gateway.transfer.ssh.hostkey import HostKeys

INSTALL: Final = "pip install 'mediaglot[sftp]'"


class Sftp(FileServer):
    _keys: HostKeys | None = None

    async def _talk(self, there: Site, limits: Limits, work: Work) -> None:
        from mediaglot.gateway.transfer.ssh.connection import connected  # noqa: PLC0415 - of the extra

        sock = await dial(there.host, there.port, self._policy, limits, self._find)
        async with connected(sock, there, self._policy.trust, self._host_keys(), limits) as session:
            await work(session)

    def _load(self, there: Site, part: Part, limits: Limits, told: OnProgress) -> Load:
        from mediaglot.gateway.transfer.ssh.file import Load  # noqa: PLC0415

        return Load(_on_server(there.path), part, limits, told)

    def _store(self, there: Site, path: Path, temporary: str, limits: Limits, told: OnProgress) -> Store:
        from mediaglot.gateway.transfer.ssh.file import Store  # noqa: PLC0415

        folders = [_on_server(folder) for folder in there.folders if folder != "~"]
        return Store(path, _on_server(there.path), folders, _on_server(temporary), limits, told)

    def _removal(self, temporary: str) -> Work:
        from mediaglot.gateway.transfer.ssh.file import remove  # noqa: PLC0415

        return partial(remove, path=_on_server(temporary))

    async def _prepare(self) -> None:
        """Raises SourceUnreachable, which names the command that installs what is missing."""
        if self._keys is None:
            await in_thread(_import)
            self._host_keys()

    def _host_keys(self) -> HostKeys:
        from mediaglot.gateway.transfer.ssh.hostkey import HostKeys  # noqa: PLC0415

        if self._keys is None:
            self._keys = HostKeys(self._policy.trust)
        return self._keys


def _import() -> None:
    try:
        import mediaglot.gateway.transfer.ssh.file  # noqa: F401, PLC0415 - a second of work, off the event loop
    except ImportError:
        raise SourceUnreachable(reason=f"SFTP is not installed here: {INSTALL}") from None


def _on_server(path: str) -> str:
    return path[2:] if path.startswith("~/") else f"/{path}"
