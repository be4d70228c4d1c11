"""Where a storage URL points, whatever its spelling. Pure texts.

One bucket is written in many ways: ``s3://bucket/key``, ``s3://wasabisys.com/bucket/key``,
``https://bucket.s3.amazonaws.com/key``, ``https://s3.eu-central-1.wasabisys.com/bucket/key``. All of them have the
same ``Address``. Query strings (credentials, signatures, switches) and user names are no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.transfer.policy import CONTROLS, LONGEST_URL, PORTS

STORES: Final = frozenset({"s3", "ftp", "ftps", "sftp", "fasp"})
"""Schemes that only storage has. Web hosts are storage when HOSTS or BUCKET_HOSTS knows them."""
HOSTS: Final = frozenset({"storage.cloudfiles.com"})
BUCKET: Final = r"(?:(?P<bucket>.+)\.)?"
S3: Final = re.compile(rf"{BUCKET}s3(?:[.-][a-z0-9-]+(?:\.[a-z0-9-]+)*)?")
BUCKET_HOSTS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        # A provider's domain, and what its hosts have before it: a bucket perhaps, and the name of the service.
        "amazonaws.com": S3,
        "amazonaws.com.cn": S3,
        "backblazeb2.com": S3,
        "scw.cloud": S3,
        "wasabisys.com": S3,
        "digitaloceanspaces.com": re.compile(rf"{BUCKET}[a-z]{{3}}\d(?:\.cdn)?"),
    }
)
FTP_TYPE: Final = re.compile(r";type=[aid]$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``room`` is s3, or the scheme; ``host`` the bucket, or the server with a port that is not the usual one.

    ``names`` is the path, percent-decoded once, without empty parts; it may hold ``..``. ``folder``: the URL ends in
    "/" or names nothing below the host. ``domain`` is the provider of a bucket, where the URL tells. ``known``:
    storage by its scheme or host alone.
    """

    room: str
    host: str
    names: tuple[str, ...] = ()
    folder: bool = False
    domain: str = ""
    known: bool = True

    @property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The ways from the outside in: the provider left out, and with it where it is known."""
        inner = (self.host, *self.names) if self.host else self.names
        return (self.room, *inner), (self.room, self.domain, *inner)


def address(url: str) -> Address:
    """Raises SourceForbidden (``reason``) for what is no usable URL with a host."""
    if len(url) > LONGEST_URL:
        raise SourceForbidden(reason="length")
    if CONTROLS.search(url):
        raise SourceForbidden(reason="control_character")
    scheme, mark, rest = url.partition("://")
    scheme, web = scheme.lower(), scheme.lower() in {"http", "https"}
    place = rest.partition("?")[0]
    authority, _, path = (place.partition("#")[0] if web else place).partition("/")
    host, port = host_of(authority)
    if not mark or not host:
        raise SourceForbidden(reason="host")
    names = _names(FTP_TYPE.sub("", path) if scheme in {"ftp", "ftps"} else path)
    folder = not path or path.endswith("/")
    full = host if port in {None, PORTS.get(scheme)} else f"{host}:{port}"
    if (scheme == "s3" or web) and (found := bucket_host(host, bare=scheme == "s3")):
        return _bucket(*found, names, folder)
    if scheme == "s3":
        # No bucket has a port: this is a server of its own.
        return _bucket("" if port else host, full if port else "", names, folder)
    room = "http" if web else scheme
    return Address(room=room, host=full, names=names, folder=folder, known=scheme in STORES or host in HOSTS)


def bucket_host(host: str, *, bare: bool) -> tuple[str, str] | None:
    """The bucket, if the host names one, and the provider's domain; ``bare`` takes the domain alone too."""
    for domain, pattern in BUCKET_HOSTS.items():
        if bare and host == domain:
            return "", domain
        service = host.removesuffix(f".{domain}")
        if service != host and (found := pattern.fullmatch(service)):
            return found["bucket"] or "", domain
    return None


def _bucket(bucket: str, domain: str, names: tuple[str, ...], folder: bool) -> Address:
    """The first name is the bucket where the host has none."""
    if not bucket and names:
        bucket, names = names[0].lower(), names[1:]
    return Address(room="s3", host=bucket, names=names, folder=folder or not names, domain=domain)


def host_of(authority: str) -> tuple[str, int | None]:
    """Host and port of what stands between the slashes. Raises SourceForbidden."""
    try:
        parts = urlsplit(f"//{authority}")
        port = parts.port
    except ValueError:
        raise SourceForbidden(reason="url") from None
    return parts.hostname or "", port


def _names(path: str) -> tuple[str, ...]:
    return tuple(name for name in unquote(path, errors="surrogateescape").split("/") if name not in {"", "."})
