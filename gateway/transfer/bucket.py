"""Which object of which bucket a URL names, in whatever spelling. Pure texts.

``address`` finds one path for all spellings. Here the key stays exactly the client's, as ``a//b`` is not ``a/b``
to an object store, and the query is read: it may say how to store the object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.model import EMPTY
from mediaglot.gateway.transfer.address import address, bucket_host, host_of
from mediaglot.gateway.transfer.policy import PORTS

WEB: Final = frozenset({"http", "https"})
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.)){0,254}(?<!\.)")
REGION: Final = re.compile(r"(?:^|[.-])([a-z]{2}(?:-[a-z]+){1,2}-\d{1,3}|[a-z]{2}-[a-z]{3}|[a-z]{3}\d)(?:\.cdn)?$")
SIGNED: Final = (frozenset({"x-amz-signature"}), frozenset({"signature", "expires"}))
"""What a query has in it when the URL was signed before it came to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """``domain`` is the provider, or a server with its port; empty where the URL tells none. ``scheme`` is that of
    a web URL. ``options`` are the query's, by names in lower case without ``x-amz-`` and with underscores."""

    bucket: str
    key: str
    domain: str = ""
    region: str = ""
    scheme: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    @property
    def folder(self) -> bool:
        return not self.key or self.key.endswith("/")


def place(url: str, domains: Iterable[str] = ()) -> Place | None:
    """None for what is no object store's, and for a URL that is signed already: it works as it is, and only so.

    ``domains`` are stores that no list knows. Raises SourceForbidden for what can be no name of an object.
    """
    address(url)
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in {"s3", *WEB}:
        return None
    main, _, query = rest.partition("?")
    authority, _, path = (main.partition("#")[0] if scheme in WEB else main).partition("/")
    host, port = host_of(authority)
    found = _store(scheme, host, port, domains)
    if found is None or is_signed(query):
        return None
    bucket, domain = found
    region = REGION.search(host.removesuffix(domain).removeprefix(bucket).strip("."))
    if not bucket:
        bucket, _, path = path.lstrip("/").partition("/")
        bucket = unquote(bucket).lower()
    return Place(
        bucket=_bucket(bucket),
        key=_key(path),
        domain=domain,
        region=region[1] if region else "",
        scheme=scheme if scheme in WEB else "",
        options=options(query),
    )


def is_signed(query: str) -> bool:
    names = {pair.partition("=")[0].lower() for pair in query.split("&")}
    return any(sign <= names for sign in SIGNED)


def options(query: str) -> dict[str, str]:
    """Values are percent-decoded, but a plus stays one."""
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {option(name): unquote(value) for name, _, value in pairs}


def option(name: str) -> str:
    return name.lower().removeprefix("x-amz-").replace("-", "_")


def _store(scheme: str, host: str, port: int | None, domains: Iterable[str]) -> tuple[str, str] | None:
    """The bucket, if the host names one, and the domain."""
    shown = f"[{host}]" if ":" in host else host
    full = shown if port in {None, PORTS.get(scheme)} else f"{shown}:{port}"
    for domain in domains:
        if full == domain:
            return "", domain
        if scheme in WEB and full.endswith(f".{domain}"):
            return full.removesuffix(f".{domain}"), domain
    if found := bucket_host(host, bare=scheme == "s3"):
        return found
    if scheme != "s3":
        return None
    return ("", full) if port else (host, "")


def _bucket(name: str) -> str:
    if not NAME.fullmatch(name):
        raise SourceForbidden(reason="bucket")
    return name


def _key(path: str) -> str:
    key = unquote(path, errors="surrogateescape")
    if not {".", ".."}.isdisjoint(key.split("/")):
        # No store needs them, and a proxy before it could take them for a way into another bucket.
        raise SourceForbidden(reason="traversal")
    return key
