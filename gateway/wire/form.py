"""Form bodies: documents that travel as one field of a form, and plain forms."""

from __future__ import annotations

from binascii import a2b_qp
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.wire import FORM, Media, Medium, Tree, Wire, media_of

SAFE: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
ESCAPES: Final = {code: (bytes((code,)), b"%%%02X" % code) for code in range(256) if code not in SAFE}
DONE: Final = frozenset(b" %")
"""What is replaced last, and first."""


class TextWire(Wire, Protocol):
    def read_text(self, text: bytes) -> Tree: ...

    def swap_text(self, text: bytes, values: Mapping[str, str]) -> bytes: ...


def pairs(body: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and decoded values of a form. Lenient as PHP is: only ``&`` separates, and characters that should
    have been percent-encoded stand for themselves."""
    for part in body.split(b"&"):
        name, equals, value = part.partition(b"=")
        if equals:
            yield name.decode("utf-8", "replace").strip(), unescaped(value)


def escaped(value: bytes) -> str:
    """As ``urllib.parse.quote_plus``, in passes over all of a text in place of its single characters."""
    unsafe = set(value.translate(None, SAFE)) - DONE
    value = value.replace(b"%", b"%25")
    for code in unsafe:
        value = value.replace(*ESCAPES[code])
    return value.replace(b" ", b"+").decode("ascii")


def unescaped(value: bytes) -> bytes:
    """A form's value decoded; what only looks like an escape is left as it is.

    But for its sign, an escape is one of a quoted text in mail, for which Python has a decoder in C. Each that it
    decodes takes two bytes away; nothing else takes as much, but what it would take for the end of a line.
    """
    spaced = value.replace(b"+", b" ")
    if not (escapes := spaced.count(b"%")):
        return spaced
    text = a2b_qp(spaced.replace(b"=", b"=3D").replace(b"%", b"="))
    sure = len(text) == len(value) - 2 * escapes and b"%\n" not in value and b"%\r" not in value
    return text if sure else unquote_to_bytes(spaced)


def parts(kind: str, body: bytes) -> list[tuple[str, bytes, bool]] | None:
    """The parts of a multipart form that have names, with what is in them and whether they are files.

    ``kind`` is its Content-Type. None for what is no such form at all. Raises Malformed.
    """
    head = f"Content-Type: {kind}\r\n\r\n".encode("utf-8", "replace")
    try:
        message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
        return [*_parts(message)] if message.is_multipart() else None
    except (LookupError, ValueError, TypeError, AttributeError) as error:  # the library stumbles over some headers
        raise Malformed(format="form", reason="unreadable headers") from error


def _parts(message: EmailMessage) -> Iterator[tuple[str, bytes, bool]]:
    for part in message.iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if name and isinstance(content, bytes):
            yield str(name), content, part.get_filename() is not None


@dataclass(frozen=True, slots=True)
class FormField:
    """A document in the form field that is named after its format; the answer comes in the same format."""

    formats: Mapping[str, TextWire]
    otherwise: str

    @property
    def content_type(self) -> str:
        return self.formats[self.otherwise].content_type

    @property
    def media(self) -> Media:
        fields = {name: medium for name, wire in self.formats.items() for medium in media_of(wire).asked}
        told = tuple(medium for wire in self.formats.values() for medium in media_of(wire).told)
        return Media(asked=(Medium(content_type=FORM, fields=fields),), told=told)

    def choose(self, request: Request) -> Wire:
        for body in (request.body, request.query.encode("utf-8", "replace")):
            for name, text in pairs(body):
                if name in self.formats and text.strip():
                    return Found(self.formats[name], text, name)
        return self

    def read(self, request: Request) -> Tree:
        raise Malformed(format="form", reason=f"no field called {' or '.join(self.formats)}")

    def write(self, tree: Tree) -> bytes:
        return self.formats[self.otherwise].write(tree)

    def read_answer(self, body: bytes) -> Tree:
        return self.formats[self.otherwise].read_answer(body)


@quick
@dataclass(frozen=True, slots=True)
class Found:
    """A FormField settled on the format and the text of one request."""

    format: TextWire
    text: bytes
    name: str = ""

    @property
    def content_type(self) -> str:
        return self.format.content_type

    def choose(self, request: Request) -> Found:
        return self

    def read(self, request: Request) -> Tree:
        return self.format.read_text(self.text)

    def swap(self, request: Request, values: Mapping[str, str]) -> Request:
        """Encoded anew, as a form should be."""
        field = f"{self.name}={escaped(self.format.swap_text(self.text, values))}".encode()

        def within(form: bytes) -> bytes:
            parts = form.split(b"&")
            place = next((at for at, part in enumerate(parts) if (self.name, self.text) in pairs(part)), None)
            return form if place is None else b"&".join([*parts[:place], field, *parts[place + 1 :]])

        if (body := within(request.body)) != request.body:
            return replace(request, body=body)
        return replace(request, query=within(request.query.encode("utf-8", "replace")).decode())

    def write(self, tree: Tree) -> bytes:
        return self.format.write(tree)

    def read_answer(self, body: bytes) -> Tree:
        return self.format.read_answer(body)
