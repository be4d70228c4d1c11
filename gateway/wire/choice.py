"""Answers in one of several formats; requests in always the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.wire import Media, Tree, Wire, media_of


def parameters(request: Request) -> dict[str, str]:
    """The query of a request; of a repeated parameter the last."""
    return dict(parse_qsl(request.query, keep_blank_values=True, errors="replace")) if request.query else {}


@dataclass(frozen=True, slots=True)
class Choice:
    """``writes`` holds the formats by name, the default first, each for machines and for human readers.

    A format is named by the parameter ``format``, or else by its media type in Accept; ``human=true`` is for human
    readers. What ``reads`` reads is the body of a POST or PUT; of others the query is the document, but for ``hidden``.
    """

    reads: Wire
    writes: Mapping[str, tuple[Wire, Wire]]
    format: str = "format"
    human: str = "human"
    hidden: str = "access_token"
    settled: Wire | None = None

    @property
    def _own(self) -> Wire:
        return self.settled or next(iter(self.writes.values()))[0]

    @property
    def content_type(self) -> str:
        return self._own.content_type

    @property
    def media(self) -> Media:
        told = (medium for machine, _ in self.writes.values() for medium in media_of(machine).told)
        return Media(asked=media_of(self.reads).asked, told=tuple(told), query=True)

    def choose(self, request: Request) -> Choice:
        asked = parameters(request)
        types = {pair[0].content_type.partition(";")[0]: name for name, pair in self.writes.items()}
        accepted = (word.partition(";")[0].strip().lower() for word in request.headers.get("Accept").split(","))
        name = next((types[word] for word in accepted if word in types), next(iter(self.writes)))
        name = asked[self.format] if asked.get(self.format) in self.writes else name
        settled = self.writes[name][asked.get(self.human) == "true"]
        return Choice(self.reads, self.writes, self.format, self.human, self.hidden, settled)

    def read(self, request: Request) -> Tree:
        if request.method in {"POST", "PUT"}:
            return self.reads.read(request)
        return {key: value for key, value in parameters(request).items() if key != self.hidden}

    def write(self, tree: Tree) -> bytes:
        return self._own.write(tree)

    def read_answer(self, body: bytes) -> Tree:
        return self._own.read_answer(body)
