"""Which dialect a URL belongs to, and which path of that dialect it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from mediaglot.gateway import registry


@dataclass(frozen=True)
class Whereabouts:
    """``dialect`` is who speaks at ``base``. Without either, the provider's own host names and our mounts tell."""

    dialect: str = ""
    base: str = ""
    _known: tuple[str, ...] = field(default_factory=registry.names)

    def find(self, url: str) -> tuple[str, str] | None:
        """The dialect's name and the path as the dialect has it; None for the URL of somebody else."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            return None
        if self.base:
            return self._below(url, parts)
        if host in self.hosts:
            name = self.hosts[host]
            return (name, parts.path or "/") if self.dialect in ("", name) else None
        first = parts.path.lstrip("/").partition("/")[0]
        if first in ((self.dialect,) if self.dialect else self._known):
            return first, parts.path.removeprefix(f"/{first}") or "/"
        return None

    def _below(self, url: str, parts: SplitResult) -> tuple[str, str] | None:
        """Under the base, in whatever case its host is written."""
        base = urlsplit(self.base.rstrip("/"))
        same = (base.scheme, base.netloc.lower()) == (parts.scheme.lower(), parts.netloc.lower())
        if not same or not f"{parts.path}/".startswith(f"{base.path}/"):
            return None
        return self.dialect, parts.path.removeprefix(base.path) or "/"

    @cached_property
    def hosts(self) -> dict[str, str]:
        names = (self.dialect,) if self.dialect else self._known
        return {host: name for name in names for host in registry.find(name).hosts}
