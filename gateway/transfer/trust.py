"""Whom transfers believe: the certificates and the host keys that make a server the one it says it is."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """``ca_bundle`` holds certificates that are trusted beside those of the system.
    ``ftp_tls`` is what becomes of ``ftp://``: "off", encrypted where that is "offered", or "always".

    ``ssh_key`` is a private key that is offered where a URL brings no password. Host keys are those of
    ``ssh_known_hosts`` and the fingerprints ``ssh_host_key``; other servers are believed at their first meeting, which
    ``ssh_met`` keeps, and with ``ssh_strict`` never.
    """

    ca_bundle: Path | None = None
    ftp_tls: str = "off"
    ssh_key: Path | None = None
    ssh_known_hosts: Path | None = None
    ssh_host_key: tuple[str, ...] = ()
    ssh_strict: bool = False
    ssh_met: Path | None = None


def tls_context(trust: Trust) -> ssl.SSLContext:
    """For clients: certificates and host names are checked. Reads files; raises OSError and ssl.SSLError."""
    context = ssl.create_default_context()
    if trust.ca_bundle is not None:
        context.load_verify_locations(trust.ca_bundle)
    return context
