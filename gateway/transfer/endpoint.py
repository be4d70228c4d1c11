"""Where the server of a bucket is: as the configuration says, or else as the bucket's provider has it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.model import Access, Secret
from mediaglot.gateway.transfer.bucket import NAME, Place
from mediaglot.gateway.transfer.policy import CONTROLS

DEFAULT: Final = "amazonaws.com"
"""Who has a bucket of which nothing but its name is known."""
HOSTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        # The host of a region, and the region where none is named.
        "amazonaws.com": ("s3.{region}.amazonaws.com", "us-east-1"),
        "amazonaws.com.cn": ("s3.{region}.amazonaws.com.cn", "cn-north-1"),
        "backblazeb2.com": ("s3.{region}.backblazeb2.com", "us-west-004"),
        "digitaloceanspaces.com": ("{region}.digitaloceanspaces.com", "nyc3"),
        "scw.cloud": ("s3.{region}.scw.cloud", "fr-par"),
        "wasabisys.com": ("s3.{region}.wasabisys.com", "us-east-1"),
    }
)
IN_HOST: Final = frozenset({"amazonaws.com", "amazonaws.com.cn"})
"""Providers who want the bucket in the host's name; all take it in the path."""
REGION: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")
TEXTS: Final = frozenset({"bucket", "domain", "endpoint", "region", "style", "access_key"})
SECRETS: Final = frozenset({"secret_key", "session_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Who signs."""

    user: str
    secret: Secret
    token: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An entry of the configuration: what holds for one ``bucket``, for a ``domain``'s, or for all.

    ``url`` is the server, and may be a local one. ``keys`` sign in the place of a client's own.
    """

    bucket: str = ""
    domain: str = ""
    url: str = ""
    region: str = ""
    style: str = ""
    keys: Keys | None = None

    @classmethod
    def read(cls, entry: Any) -> Self:
        """Raises ValueError."""
        given = read_texts(entry, TEXTS | SECRETS)
        if not given.keys() & {"endpoint", "region", "access_key"}:
            raise ValueError("it says neither endpoint nor region nor access_key")
        if given.get("style", "") not in {"", "path", "host"}:
            raise ValueError("style is path or host")
        if not REGION.fullmatch(given.get("region", "us")):
            raise ValueError("region is no name of one")
        if not NAME.fullmatch(given.get("bucket", "any")):
            raise ValueError("bucket is no name of one, in lower case")
        return cls(
            bucket=given.get("bucket", ""),
            domain=given.get("domain", "").lower().rstrip("/"),
            url=read_server(given.get("endpoint", "")),
            region=given.get("region", ""),
            style=given.get("style", ""),
            keys=read_keys(given),
        )

    def fits(self, place: Place) -> bool:
        return self.bucket in {"", place.bucket} and self.domain in {"", place.domain or DEFAULT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``url`` of an object and what signs requests to it; ``own``: on a server that the operator has named."""

    url: str
    region: str
    keys: Keys | None
    own: bool


def choose(endpoints: Iterable[Endpoint], place: Place) -> Endpoint | None:
    """The most particular entry: a bucket goes before a domain, and both before all."""
    fitting = [endpoint for endpoint in endpoints if endpoint.fits(place)]
    return max(fitting, key=lambda one: (bool(one.bucket), bool(one.domain)), default=None)


def aim(place: Place, access: Access | None, endpoint: Endpoint | None = None, learned: str = "") -> Target:
    """``learned`` is the region that the provider has told to be the right one. Raises SourceForbidden."""
    endpoint, access = endpoint or Endpoint(), access or Access()
    told = endpoint.region or place.region or access.region or place.options.get("region", "")
    domain = place.domain or DEFAULT
    template, usual = HOSTS.get(domain, ("", "us-east-1"))
    region = learned or (told if REGION.fullmatch(told) else usual)
    base = endpoint.url or f"{_scheme(place)}://{template.format(region=region) or domain}"
    style = endpoint.style or ("path" if endpoint.url or domain not in IN_HOST else "host")
    if style == "host" and "." in place.bucket and base.startswith("https:"):
        style = "path"  # no certificate is good for a name of two more parts
    key = quote(place.key, safe="/", errors="surrogateescape")
    if style == "host":
        url = f"{base.replace('://', f'://{place.bucket}.', 1)}/{key}"
    else:
        url = f"{base}/{place.bucket}/{key}"
    return Target(url=url, region=region, keys=endpoint.keys or _own(place, access), own=bool(endpoint.url))


def _scheme(place: Place) -> str:
    """As the client wrote it; for a server that is named by ``s3://host:port/`` TLS, but on this machine."""
    if place.scheme:
        return place.scheme
    host = urlsplit(f"//{place.domain}").hostname or ""
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost"
    return "http" if local else "https"


def _own(place: Place, access: Access) -> Keys | None:
    """The client's keys. Half a pair is none. Raises SourceForbidden for what no header can hold."""
    if not access.user or access.password is None:
        return None
    token = access.options.get("session_token") or place.options.get("session_token")
    if CONTROLS.search(f"{access.user}{access.password.reveal()}{token or ''}"):
        raise SourceForbidden(reason="credential")
    return Keys(user=access.user, secret=access.password, token=Secret(token) if token else None)


def read_texts(entry: Any, known: frozenset[str]) -> dict[str, str]:
    """A table of the configuration, without what is empty. Raises ValueError."""
    if not isinstance(entry, Mapping) or not all(isinstance(value, str) for value in entry.values()):
        raise ValueError("it is not a table of texts")
    if unknown := entry.keys() - known:
        raise ValueError(f"there is no {min(unknown)!r} in it; there are {', '.join(sorted(known))}")
    if any(CONTROLS.search(value) for value in entry.values()):
        raise ValueError("it has a control character in it")
    return {name: value for name, value in entry.items() if value}


def read_server(url: str) -> str:
    """Raises ValueError."""
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.query):
        raise ValueError("endpoint is an http or https URL without credentials")
    return url.rstrip("/")


def read_keys(given: Mapping[str, str]) -> Keys | None:
    """Raises ValueError for half a pair."""
    if ("access_key" in given) != ("secret_key" in given):
        raise ValueError("access_key and secret_key go together")
    if "access_key" not in given:
        return None
    token = given.get("session_token")
    return Keys(user=given["access_key"], secret=Secret(given["secret_key"]), token=Secret(token) if token else None)
