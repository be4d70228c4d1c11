"""Where the server, its dialects and its proxy are: what a client is pointed at them with (``mediaglot env``)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mediaglot.gateway.http.app import Server

ADDRESS: Final = "address"
"""The file of the data folder with the URL of the server that runs on it."""


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
