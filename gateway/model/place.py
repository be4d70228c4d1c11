"""Where things are and how we may get at them; what every part of the model is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final

VERSION: Final = 1
EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


class Secret:
    """A credential. It compares and hashes like its text but never prints it; ``reveal`` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))


def essential() -> Any:
    """A field whose loss changes the picture: a translation that drops it is refused by default."""
    return field(default=None, metadata={"essential": True})


def is_essential(cls: type, name: str) -> bool:
    return any(f.name == name and f.metadata.get("essential", False) for f in fields(cls))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a location lets us in: the names that come with it, and its secret."""

    user: str | None = None
    password: Secret | None = None
    region: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A source or a destination: a URL without its credentials, and the credentials beside it.

    ``spelling`` is the client's own text, credentials included, for echoing to that client only.
    """

    url: str
    access: Access | None = None
    spelling: Secret | None = field(default=None, compare=False)

    @property
    def verbatim(self) -> str:
        return self.spelling.reveal() if self.spelling is not None else self.url
