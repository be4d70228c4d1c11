"""Bytes <-> one plain tree of dictionaries, lists and scalars.

A Wire is a value: it reads a request's body into a tree and writes a tree as a body. ``choose`` picks the
Wire that one request and its answer are written in, for dialects that speak several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

from mediaglot.gateway.exchange import Request

Tree = dict[str, Any]
FORM: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"


class Wire(Protocol):
    @property
    def content_type(self) -> str: ...

    def choose(self, request: Request) -> Wire:
        """The Wire for this request's answer. Never raises: an answer must be possible to anything."""
        ...

    def read(self, request: Request) -> Tree:
        """The request's document. Raises Malformed where the bytes are not what they should be."""
        ...

    def write(self, tree: Tree) -> bytes: ...

    def read_answer(self, body: bytes) -> Tree:
        """The document of an answer in this Wire. Raises Malformed."""
        ...


@runtime_checkable
class Swapping(Protocol):
    """A Wire whose requests can be signed by somebody else, where the credential is in the document."""

    def swap(self, request: Request, values: Mapping[str, str]) -> Request:
        """The request with other texts for outermost fields of its document, and every other byte as it was.

        Raises Unswappable.
        """
        ...


# --- what a Wire says of itself --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """One way in which documents travel."""

    content_type: str
    root: str = ""
    """The one member, or element, that the document is in."""
    fields: Mapping[str, Medium] = field(default_factory=dict)
    """Of a form in which the whole document is one field: the fields that it may be."""
    documents: frozenset[str] = frozenset()
    """Of a form whose fields are those of the document: which of them are JSON."""

    @property
    def kind(self) -> str:
        """The media type without its parameters."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_form(self) -> bool:
        """Whether the fields of a form are the document."""
        return self.kind in (FORM, MULTIPART) and not self.fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """How requests are written that a Wire reads, and the answers that it writes."""

    asked: tuple[Medium, ...]
    told: tuple[Medium, ...]
    query: bool = False
    """Whether the query is the document of requests that are no POST or PUT."""
    documents: frozenset[str] = frozenset()
    """Which parameters of such a query are JSON."""


@runtime_checkable
class Telling(Protocol):
    """A Wire that says what it reads and writes."""

    @property
    def media(self) -> Media: ...


def media_of(wire: Wire) -> Media:
    if isinstance(wire, Telling):
        return wire.media
    medium = (Medium(content_type=wire.content_type),)
    return Media(asked=medium, told=medium)
