"""Lists of hosts, ports and networks that may or may not be reached. Pure: texts and numbers, no look-ups.

A deny list wins over an allow list of its kind. A list of allowed hosts or ports leaves out all others. Of networks
the narrowest that an address lies in decides; an address that lies in none is left to the rule for public ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Self, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
HOST: Final = re.compile(r"(?:\*\.)?[^\s/:*@?#]+|[0-9a-f:.]*:[0-9a-f:.]*", re.IGNORECASE)
PORTS: Final = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Hosts are exact names, or ``*.example.com`` for all below that. All empty: nothing but the rule for addresses."""

    allow_hosts: tuple[str, ...] = ()
    deny_hosts: tuple[str, ...] = ()
    allow_ports: tuple[range, ...] = ()
    deny_ports: tuple[range, ...] = ()
    allow_networks: tuple[Network, ...] = ()
    deny_networks: tuple[Network, ...] = ()

    @classmethod
    def parse(
        cls,
        *,
        allow_host: Iterable[str] = (),
        deny_host: Iterable[str] = (),
        allow_port: Iterable[str] = (),
        deny_port: Iterable[str] = (),
        allow_network: Iterable[str] = (),
        deny_network: Iterable[str] = (),
    ) -> Self:
        """From the texts of settings. Raises ValueError, which names the setting."""
        return cls(
            allow_hosts=tuple(_host(text, "allow_host") for text in allow_host),
            deny_hosts=tuple(_host(text, "deny_host") for text in deny_host),
            allow_ports=tuple(_ports(text, "allow_port") for text in allow_port),
            deny_ports=tuple(_ports(text, "deny_port") for text in deny_port),
            allow_networks=tuple(_network(text, "allow_network") for text in allow_network),
            deny_networks=tuple(_network(text, "deny_network") for text in deny_network),
        )

    def host(self, name: str) -> bool:
        """Whether a host may be reached, as far as its name goes."""
        plain = ordinary(name)
        allowed = not self.allow_hosts or any(_is(plain, pattern) for pattern in self.allow_hosts)
        return allowed and not any(_is(plain, pattern) for pattern in self.deny_hosts)

    def port(self, number: int) -> bool:
        """Whether a port may be reached."""
        allowed = not self.allow_ports or any(number in ports for ports in self.allow_ports)
        return allowed and not any(number in ports for ports in self.deny_ports)

    def address(self, address: Address) -> bool | None:
        """Whether an address may be reached; None where no list has it."""
        lists = ((self.allow_networks, True), (self.deny_networks, False))
        found = [(one.prefixlen, not good) for networks, good in lists for one in networks if address in one]
        return not max(found)[1] if found else None


def ordinary(name: str) -> str:
    """A host's name as it is compared: small letters, ASCII, without the dot of the root; addresses in one spelling."""
    plain = name.rstrip(".").lower()
    try:
        return str(ip_address(plain.strip("[]")))
    except ValueError:
        pass
    try:
        return plain if plain.isascii() else plain.encode("idna").decode().lower()
    except UnicodeError:
        return plain


def _is(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern


def _host(text: str, setting: str) -> str:
    if not HOST.fullmatch(text.strip("[]")):
        raise ValueError(f"{setting}: {text!r} is no host, as in example.com or *.example.com")
    below = "*." if text.startswith("*.") else ""
    return below + ordinary(text.removeprefix("*."))


def _ports(text: str, setting: str) -> range:
    match = PORTS.fullmatch(text.strip())
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if not 0 < first <= last <= 65_535:
        raise ValueError(f"{setting}: {text!r} is no port and no range of ports, as in 443 or 8000-8999")
    return range(first, last + 1)


def _network(text: str, setting: str) -> Network:
    try:
        return ip_network(text.strip())
    except ValueError:
        raise ValueError(f"{setting}: {text!r} is no address and no network, as in 10.1.0.0/16") from None
