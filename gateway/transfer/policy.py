"""What transfers may reach and how much they may take. Pure: it judges texts and addresses, it opens nothing.

On loopback a server may reach local addresses; one that listens beyond it should run with
``local_addresses=False``, which refuses every address that is not public: private, loopback,
link-local (cloud metadata), shared, reserved, multicast, also when written inside an IPv6 address. Lists of
hosts, ports and networks (``Reach``) go before that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urlsplit

from mediaglot.gateway.faults import SourceForbidden
from mediaglot.gateway.transfer.reach import Address, Reach
from mediaglot.gateway.transfer.trust import Trust

LONGEST_URL: Final = 8192
NAT64: Final = IPv6Network("64:ff9b::/96")
SITE: Final = IPv6Network("fec0::/10")
"""Addresses of one site, given up long ago: virtual machines still find their host at some."""
# Public by number, but a cloud's own: Azure answers its guests' metadata and DNS questions there.
METADATA: Final = frozenset({IPv4Address("168.63.129.16")})
ASSIGNED: Final = IPv4Network("192.0.0.0/24")
"""For protocols: a cloud answers its guests' metadata questions at one. Older Pythons take most of them for public."""
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
PORTS: Final[Mapping[str, int]] = MappingProxyType(
    {"http": 80, "https": 443, "ftp": 21, "ftps": 990, "sftp": 22, "fasp": 22}
)
"""Where a URL without a port leads. A scheme that is not here names no server: it is judged by whoever knows one."""
UNSPECIFIED: Final[Mapping[Address, Address]] = MappingProxyType(
    {IPv4Address("0.0.0.0"): IPv4Address("127.0.0.1"), IPv6Address("::"): IPv6Address("::1")}  # noqa: S104 - no bind
)
"""Where a connection to no address really goes."""
NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bytes and seconds of one transfer. ``tries`` counts attempts in a row that bring no new byte."""

    max_bytes: int | None = 64 * 2**30
    redirects: int = 5
    tries: int = 4
    connect_timeout: float = 10.0
    stall_timeout: float = 30.0
    total_timeout: float = 6 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Limits):
    """The server's own rules. Nothing under ``file://`` is allowed until ``allow_dirs`` names a directory,
    and reading from there needs ``file_sources`` besides."""

    allow_dirs: tuple[Path, ...] = ()
    file_sources: bool = False
    local_addresses: bool = False
    schemes: frozenset[str] = frozenset({"http", "https", "file", "ftp", "ftps", "s3", "sftp"})
    reach: Reach = field(default_factory=Reach)
    trust: Trust = field(default_factory=Trust)


def judge(url: str, policy: Policy) -> None:
    """Raise SourceForbidden (``reason``) when ``url`` itself shows that it may not be followed.

    A host name passes: its addresses are judged by ``judge_address`` when they are known.
    """
    if len(url) > LONGEST_URL:
        raise SourceForbidden(reason="length")
    if CONTROLS.search(url):
        raise SourceForbidden(reason="control_character")
    parts = split(url)
    if parts.scheme not in policy.schemes:
        raise SourceForbidden(reason="scheme")
    if parts.netloc.count("@") > 1 or re.search(r"[\\\s]", parts.netloc):
        raise SourceForbidden(reason="authority")
    if parts.scheme != "file":
        _judge_host(parts.hostname, policy)
    if parts.scheme in PORTS:
        judge_server(parts.hostname or "", parts.port or PORTS[parts.scheme], policy)


def judge_server(host: str, port: int, policy: Policy) -> None:
    """Raise SourceForbidden when the lists of hosts and ports do not let us go there."""
    if not policy.reach.host(host):
        raise SourceForbidden(reason="host")
    judge_port(port, policy)


def judge_port(port: int, policy: Policy) -> None:
    """Raise SourceForbidden when the lists of ports do not let us go there."""
    if not policy.reach.port(port):
        raise SourceForbidden(reason="port")


def judge_address(address: str, policy: Policy) -> None:
    """Raise SourceForbidden when ``address``, the number that will be connected to, may not be reached."""
    if policy.local_addresses and not policy.reach.deny_networks:
        return
    try:
        number = ip_address(address)
    except ValueError:
        raise SourceForbidden(reason="address") from None
    if not _may(number, policy):
        raise SourceForbidden(reason="address")


def _may(address: Address, policy: Policy) -> bool:
    """All that an address stands for must be allowed, and no form of it denied."""
    meant = list(_unwrapped(UNSPECIFIED.get(address, address)))
    if any(policy.reach.address(one) is False for one in (address, *meant)):
        return False
    return all(policy.local_addresses or policy.reach.address(one) or _is_public(one) for one in meant)


def split(url: str) -> SplitResult:
    """Raises SourceForbidden for what is no URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise SourceForbidden(reason="url") from None
    return parts


def _judge_host(host: str | None, policy: Policy) -> None:
    if not host:
        raise SourceForbidden(reason="host")
    try:
        ip_address(host)
    except ValueError:
        # 2130706433, 0x7f.1 and 127.1 are addresses to some resolvers: nobody needs that spelling.
        if NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise SourceForbidden(reason="host") from None
    else:
        judge_address(host, policy)


def _unwrapped(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that an IPv6 one stands for, or else the address itself."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address.sixtofour:
        yield address.sixtofour
    elif address.teredo:
        yield from address.teredo
    elif address in NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address


def _is_public(address: Address) -> bool:
    if address in METADATA or address in SITE or address in ASSIGNED:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
