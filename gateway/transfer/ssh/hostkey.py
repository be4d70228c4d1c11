"""Whether an SSH server is the one it was: pinned fingerprints, a known_hosts file, and what was met before.

A fingerprint that is set for a host decides alone; then entries of the known_hosts file do, then the key that the
host had at the first meeting. A host that nothing is known of is met for the first time, unless ``ssh_strict``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any, Final

import asyncssh

from mediaglot.gateway.faults import SourceForbidden, SourceUnreachable
from mediaglot.gateway.transfer.trust import Trust

NOBODY: Final[tuple[Any, ...]] = ((), (), ())
"""No host keys, no authorities, none revoked: every key is the callback's to judge."""


class Acquaintance:
    """What is known of one server. ``known`` is for asyncssh, which asks ``meet`` about all other keys."""

    def __init__(self, name: str, known: tuple[Any, ...], pins: frozenset[str], *, new: bool) -> None:
        self.name = name
        self.known = known
        self.met: asyncssh.SSHKey | None = None
        """The key of a first meeting."""
        self._pins = pins
        self._new = new

    @property
    def trouble(self) -> str:
        """The reason why a key was refused."""
        return "host_key_unknown" if self.known == NOBODY and not self._pins else "host_key_changed"

    def meet(self, key: asyncssh.SSHKey) -> bool:
        if self._pins:
            return key.get_fingerprint() in self._pins
        if self._new:
            self.met = key
        return self._new


class HostKeys:
    """Blocking: it reads and writes files. One for all connections of a process."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}
        """First meetings, where no file keeps them."""

    def find(self, host: str, address: str, port: int) -> Acquaintance:
        """Raises SourceUnreachable for a known_hosts file that can't be read."""
        name = f"[{host}]:{port}"
        if pins := self._pins(host, port):
            return Acquaintance(name, NOBODY, pins, new=False)
        known = self._listed(host, address, port)
        if not any(known):
            known = self._remembered(name)
        if any(known):
            return Acquaintance(name, known, frozenset(), new=False)
        return Acquaintance(name, NOBODY, frozenset(), new=not self._trust.ssh_strict)

    def keep(self, new: Acquaintance) -> None:
        """Write down a first meeting. Raises SourceForbidden when another key was quicker."""
        if new.met is None:
            return
        with self._lock:
            if any(known := self._remembered(new.name)):
                if new.met not in known[0]:
                    raise SourceForbidden(reason="host_key_changed")
                return
            line = f"{new.name} {new.met.export_public_key('openssh').decode().strip()}\n"
            self._texts[new.name] = line
            if self._trust.ssh_met is not None:
                _append(self._trust.ssh_met, line)

    def _pins(self, host: str, port: int) -> frozenset[str]:
        """``SHA256:...`` is for all hosts, ``host=SHA256:...`` and ``host:port=SHA256:...`` for one."""
        found = set()
        for pin in self._trust.ssh_host_key:
            place, _, print_ = pin.rpartition("=") if not pin.startswith("SHA256:") else ("", "", pin)
            if place.lower() in {"", host, f"{host}:{port}", f"[{host}]:{port}"}:
                found.add(print_)
        return frozenset(found)

    def _listed(self, host: str, address: str, port: int) -> tuple[Any, ...]:
        if self._trust.ssh_known_hosts is None:
            return NOBODY
        try:
            text = self._trust.ssh_known_hosts.read_text()
            return tuple(asyncssh.import_known_hosts(text).match(host, address, port))
        except (OSError, ValueError):
            raise SourceUnreachable(reason="ssh_known_hosts") from None

    def _remembered(self, name: str) -> tuple[Any, ...]:
        text = self._texts.get(name, "")
        if self._trust.ssh_met is not None:
            with contextlib.suppress(FileNotFoundError):
                text = self._trust.ssh_met.read_text()
        try:
            return tuple(asyncssh.import_known_hosts(text).match(name, "", None))
        except ValueError:
            raise SourceUnreachable(reason="ssh_met") from None


def _append(path: Path, line: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
