"""Bytes <-> one plain tree of dictionaries, lists and scalars.

A Wire is a value: it reads a request's body into a tree and writes a tree as a body. ``choose`` picks the
Wire that one request and its answer are written in, for dialects that speak several.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from mediaglot.gateway.exchange import Request

Tree = dict[str, Any]


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
