"""A file on a file server, as ``ftp://``, ``ftps://`` and ``sftp://`` URLs name it. Pure texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.model import Location, Secret
from mediaglot.gateway.transfer.address import FTP_TYPE
from mediaglot.gateway.transfer.policy import PORTS, split

BREAKS: Final = re.compile(r"[\x00\r\n]")
"""What would end a command, or a text of C, before its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``path`` is what comes after the "/" behind the host, percent-decoded once; bytes that are no UTF-8 are
    surrogates. ``url`` has neither user nor query: it may be shown."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    user: str | None
    password: Secret | None
    switches: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folders(self) -> tuple[str, ...]:
        """The directories above the file, from the outside in, each with its whole path."""
        return tuple(self.path[: match.start()] for match in re.finditer("(?<=[^/])/+", self.path))

    def beside(self, name: str) -> str:
        """The path of another file in the same directory."""
        return self.path[: len(self.path) - len(self.name)] + name


def site(location: Location) -> Site:
    """Raises SourceForbidden (``reason``) for what can't be asked of a server."""
    place, _, query = location.url.partition("?")
    parts = split(place.partition("#")[0])
    scheme = parts.scheme.lower()
    written = place.partition("://")[2].partition("/")[2]
    path = FTP_TYPE.sub("", written) if scheme.startswith("ftp") else written
    path = unquote(path, errors="surrogateescape")
    user, password = _entrance(parts, location)
    for text in (path, user or "", password.reveal() if password else ""):
        _judge(text)
    host, port = parts.hostname, parts.port or PORTS.get(scheme)
    if not host or port is None:
        raise SourceForbidden(reason="host")
    return Site(
        url=f"{scheme}://{parts.netloc.rpartition('@')[2]}/{written}",
        scheme=scheme,
        host=host,
        port=port,
        path=path,
        user=user,
        password=password,
        switches=dict(parse_qsl(query)),
    )


def filed(url: str, name: str | None) -> str:
    """A bare host is a directory too: the same place with the "/" that says so, where a ``name`` can follow."""
    place, mark, query = url.partition("?")
    return url if not name or "/" in place.partition("://")[2] else f"{place}/{mark}{query}"


def _entrance(parts: SplitResult, location: Location) -> tuple[str | None, Secret | None]:
    """The credentials beside the URL, or else those that were written in it."""
    access = location.access
    if access is not None and access.user is not None:
        return access.user, access.password
    if parts.username is None:
        return None, None
    return unquote(parts.username), None if parts.password is None else Secret(unquote(parts.password))


def _judge(text: str) -> None:
    if BREAKS.search(text):
        raise SourceForbidden(reason="control_character")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SourceForbidden(reason="url") from None
