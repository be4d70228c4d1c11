"""Fixtures: one folder is one test, ``fixtures/<dialect>/<operation>/<case>/``.

============== =====================================================================================
request.http   the HTTP message of a client: head, empty line, body; the Host header is where we are
intent.json    what it means (``codec.encode``); absent where the request is refused while it is read
losses.json    what the ledger noted on the way, absent like the intent
result.json    what the backend answers, or what the request is refused with: a Result as the codec
               writes it, or ``{"fault": code, "data": {...}}``; absent where only reading matters
response.http  the HTTP message that tells the client
options.json   the dialect's options, where they are not the default ones
============== =====================================================================================

The operation ``notification`` is another kind: ``ticket.json``, ``event.json`` (``event``, ``notification`` and
``subject`` as indices, ``base``) and ``message.http``, which is absent where there is nothing to say. In place of
``notification`` there may be a ``thing``: the document of a standing subscription.

Lines of a head end with LF or CRLF; a body is what follows the empty line, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from http import HTTPStatus
from importlib.resources.abc import Traversable
from typing import Any, Final

from mediaglot.gateway import codec, registry
from mediaglot.gateway.accounts import Accounts
from mediaglot.gateway.dialect import Call, Dialect
from mediaglot.gateway.exchange import Headers, Intent, Request, Response, Result, Thing
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger, Loss
from mediaglot.gateway.model import Delivery, Event, Made, Notification, Ticket

NOTIFICATION: Final = "notification"
HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
RENAMED: Final = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""Phrases of RFC 9110, which Python has since 3.13 and before had others for: files are the same with each of them."""


# --- HTTP messages ----------------------------------------------------------------------------------


def _split(message: bytes) -> tuple[str, Headers, bytes]:
    head, _, body = HEAD_END.sub(b"\n\n", message, count=1).partition(b"\n\n")
    first, *lines = head.decode().splitlines()
    pairs = (line.partition(":") for line in lines if line)
    return first, Headers(lines=tuple((name.strip(), value.strip()) for name, _, value in pairs)), body


def _join(first: str, headers: Headers, body: bytes) -> bytes:
    return "\n".join([first, *(f"{name}: {value}" for name, value in headers), "", ""]).encode() + body


def read_request(message: bytes) -> Request:
    """The request in an HTTP message; our own URLs follow from its Host header."""
    first, headers, body = _split(message)
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    site = f"http://{headers.get('Host')}"
    return Request(method=method, path=path, query=query, headers=headers, body=body, base=site, site=site)


def write_request(request: Request) -> bytes:
    target = request.path + (f"?{request.query}" if request.query else "")
    return _join(f"{request.method} {target} HTTP/1.1", request.headers, request.body)


def read_response(message: bytes) -> Response:
    first, headers, body = _split(message)
    return Response(status=int(first.split(" ")[1]), headers=headers, body=body)


def write_response(response: Response) -> bytes:
    return _join(f"HTTP/1.1 {response.status} {_phrase(response.status)}", response.headers, response.body)


def _phrase(status: int) -> str:
    """Nothing for a status of somebody's own."""
    if status in RENAMED:
        return RENAMED[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


# --- results ----------------------------------------------------------------------------------------


def every_fault(cls: type[Fault] = Fault) -> Iterator[type[Fault]]:
    """The class and all below it, those of dialects included."""
    yield cls
    for child in cls.__subclasses__():
        yield from every_fault(child)


def encode_result(result: Result | Fault) -> Any:
    if isinstance(result, Fault):
        return {"fault": result.code, **({"data": result.data} if result.data else {})}
    return codec.encode(result, codec.OUTCOME)


def decode_result(tree: Any) -> Result | Fault:
    if isinstance(tree, dict) and "fault" in tree:
        return next(cls for cls in every_fault() if cls.code == tree["fault"])(**tree.get("data", {}))
    found: Result | Fault = codec.decode(tree, codec.OUTCOME)
    return found


# --- folders ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """How far a dialect came with a request."""

    call: Call
    intent: Intent | None = None
    losses: tuple[Loss, ...] = ()
    fault: Fault | None = None


def read_call(dialect: Dialect, request: Request) -> Reading:
    """What happens to a request up to the backend, when every well-formed credential is let in."""
    call = Call(request=request, wire=dialect.wire.choose(request))
    ledger = Ledger()
    try:
        call = dialect.open(request)
        admitted = Accounts(free={dialect.name}.__contains__).admit(dialect.name, call.credential)
        call = replace(call, account=dialect.tenant(call, admitted))
        intent = dialect.read(call, ledger)
    except Fault as fault:
        return Reading(call, losses=tuple(ledger), fault=fault)
    return Reading(replace(call, intent=intent), intent, tuple(ledger))


@dataclass(frozen=True)
class Folder:
    """One fixture of either kind."""

    spec: str
    """The dialect that it came with, by name or with options."""
    operation: str
    name: str
    folder: Traversable = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.spec}/{self.operation}/{self.name}"

    def has(self, file: str) -> bool:
        return self.folder.joinpath(file).is_file()

    def bytes_of(self, file: str) -> bytes:
        return self.folder.joinpath(file).read_bytes()

    def tree_of(self, file: str) -> Any:
        return json.loads(self.bytes_of(file)) if self.has(file) else None

    @cached_property
    def dialect(self) -> Dialect:
        options = self.tree_of("options.json") or {}
        return registry.find(",".join([self.spec, *(f"{key}={value}" for key, value in options.items())]))


class Case(Folder):
    """A request, and what comes of it."""

    @cached_property
    def request(self) -> Request:
        return read_request(self.bytes_of("request.http"))

    def read(self) -> Reading:
        return read_call(self.dialect, self.request)

    @property
    def result(self) -> Result | Fault | None:
        """A new one each time, so that nobody can spoil it for others."""
        return decode_result(self.tree_of("result.json")) if self.has("result.json") else None


class Notice(Folder):
    """A ticket, an event on it, and the message about that."""

    @property
    def ticket(self) -> Ticket:
        return codec.decode(self.tree_of("ticket.json"), Ticket)

    def render(self, ticket: Ticket) -> Request | None:
        said = self.tree_of("event.json")
        subject = _subject(ticket, said.get("subject"))
        return self.dialect.render_notification(
            ticket, self.notification(ticket), Event(said["event"]), said["base"], subject
        )

    def notification(self, ticket: Ticket) -> Notification:
        said = self.tree_of("event.json")
        if "thing" in said:
            return self.dialect.subscription(codec.decode(said["thing"], Thing))
        return ticket.job.notifications[int(said["notification"])]

    @property
    def mail(self) -> bool:
        """Whether the message goes to people."""
        return self.notification(self.ticket).target.url.startswith("mailto:")


def _subject(ticket: Ticket, indices: list[int] | None) -> tuple[Made, Delivery | None] | None:
    if indices is None:
        return None
    made = ticket.outputs[indices[0]]
    return made, made.deliveries[indices[1]] if len(indices) > 1 else None


@cache
def folders(spec: str) -> tuple[Folder, ...]:
    """Every fixture of a dialect, in alphabetical order."""
    root = registry.find(spec).material("fixtures")
    found = []
    for operation in _inside(root):
        kind = Notice if operation.name == NOTIFICATION else Case
        found += [kind(spec, operation.name, case.name, case) for case in _inside(operation)]
    return tuple(found)


def _inside(folder: Traversable) -> list[Traversable]:
    inside = (each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else ()
    return sorted(inside, key=lambda each: each.name)
