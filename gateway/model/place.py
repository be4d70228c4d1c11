"""Where things are and how we may get at them; what every part of the model is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from mediaglot.gateway.model.mask import STARS, is_credential, masked
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.model.secret import Secret

VERSION: Final = 1
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


def essential() -> Any:
    """A field whose loss changes the picture: a translation that drops it is refused by default."""
    return field(default=None, metadata={"essential": True})


@quick
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Access:
    """How a location lets us in: the names that come with it, and its secret."""

    user: str | None = None
    password: Secret | None = None
    region: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: EMPTY)

    def __repr__(self) -> str:
        options = {name: STARS if is_credential(name) else value for name, value in self.options.items()}
        return f"Access(user={self.user!r}, password={self.password!r}, region={self.region!r}, options={options!r})"


@quick
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Location:
    """A source or a destination: a URL without its user name and password, and these beside it.

    The query stays in ``url`` as it is, with a signature that may be in it: it is never printed, ``shown`` is.
    ``spelling`` is the client's own text, credentials included, for echoing to that client only.
    """

    url: str
    access: Access | None = essential()
    spelling: Secret | None = field(default=None, compare=False)

    @property
    def verbatim(self) -> str:
        return self.spelling.reveal() if self.spelling is not None else self.url

    @property
    def shown(self) -> str:
        """The URL for people: without user name, password and what signs it."""
        return masked(self.url) if "?" in self.url or "@" in self.url else self.url

    def __repr__(self) -> str:
        return f"Location(url={self.shown!r}, access={self.access!r}, spelling={self.spelling!r})"
