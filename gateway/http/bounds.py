"""How far the settings let the server go: into the network, and into the files of this machine."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from mediaglot.gateway.config import ConfigError, Settings
from mediaglot.gateway.transfer.policy import Policy
from mediaglot.gateway.transfer.reach import Reach
from mediaglot.gateway.transfer.trust import Trust, tls_context


def policy_of(settings: Settings) -> Policy:
    """One policy for sources, destinations, pictures, fonts and notifications. Raises ConfigError."""
    return Policy(
        allow_dirs=tuple(path.resolve() for path in settings.allow_dir),
        file_sources=settings.file_sources,
        local_addresses=_local(settings),
        reach=reach_of(settings),
        trust=trust_of(settings),
        max_bytes=settings.max_source,
        connect_timeout=settings.connect_timeout,
        stall_timeout=settings.fetch_stall,
        total_timeout=settings.fetch_time,
    )


def trust_of(settings: Settings) -> Trust:
    files = ("ca_bundle", "ssh_key", "ssh_known_hosts")
    trust = Trust(
        **{name: Path(path).resolve() for name in files if (path := getattr(settings, name))},
        ftp_tls=settings.ftp_tls,
        ssh_host_key=settings.ssh_host_key,
        ssh_strict=settings.ssh_strict,
        ssh_met=settings.data / "ssh_known_hosts",
    )
    if trust.ca_bundle is not None:
        try:
            tls_context(trust)
        except OSError as error:
            raise ConfigError(f"ca_bundle: {settings.ca_bundle}: {error.strerror or 'no certificates in it'}") from None
    for name, path in (("ssh_key", trust.ssh_key), ("ssh_known_hosts", trust.ssh_known_hosts)):
        try:
            if path is not None:
                path.open("rb").close()
        except OSError as error:
            raise ConfigError(f"{name}: {path}: {error.strerror}") from None
    return trust


def reach_of(settings: Settings) -> Reach:
    try:
        return Reach.parse(
            allow_host=settings.allow_host,
            deny_host=settings.deny_host,
            allow_port=settings.allow_port,
            deny_port=settings.deny_port,
            allow_network=settings.allow_network,
            deny_network=settings.deny_network,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _local(settings: Settings) -> bool:
    """On loopback, local addresses may be reached; a server that others can reach must not be their way inside."""
    if settings.local_addresses != "auto":
        return settings.local_addresses == "on"
    try:
        return ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        return settings.host == "localhost"
