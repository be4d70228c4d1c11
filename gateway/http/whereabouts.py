"""Where the server, its dialects and its proxy are: what a client is pointed at them with (``mediaglot env``)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

ADDRESS: Final = "address"
"""The file of the data folder with the URL of the server that runs on it."""
NEAR: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - names to call, not to bind to


@dataclass(slots=True)
class Site:
    """Where the server can be reached from outside; known for sure once it listens."""

    url: str = ""
    provider: str = ""
    """The provider's own address, which its paths lie right below, where a client finds us by that."""

    def base(self, dialect: str) -> str:
        return self.provider or f"{self.url}/{dialect}"


def url_of(host: str, port: int) -> str:
    """Of a server that listens there, for callers on the same machine."""
    name = NEAR.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def whereabouts(server: Server) -> dict[str, Any]:
    """``open`` are dialects that let any well-formed credential in."""
    return {
        "url": server.site.url,
        "proxy": server.proxy.url if server.proxy else None,
        "certificate": server.proxy.pem.decode() if server.proxy else None,
        "dialects": {
            name: {
                "url": server.site.base(name),
                "hosts": list(dialect.hosts),
                "open": name not in server.settings.accounts,
            }
            for name, dialect in server.dialects.items()
        },
    }


@contextlib.contextmanager
def posted(server: Server) -> Iterator[None]:
    """As long as the server runs, its data folder says where. Raises OSError where that can't be written."""
    file = server.settings.data / ADDRESS
    try:
        file.write_text(f"{server.site.url}\n")
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder may be gone, or nobody's to write to any more
            file.unlink()
