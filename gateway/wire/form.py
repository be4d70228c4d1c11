"""Form bodies: documents that travel as one field of a form, and plain forms."""

from __future__ import annotations

import re
from binascii import a2b_qp, unhexlify
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from email import policy
from email.message import Message
from email.parser import Parser
from email.utils import collapse_rfc2231_value
from typing import Final, Protocol

from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.model.quick import quick
from mediaglot.gateway.wire import FORM, Media, Medium, Tree, Wire, media_of

SAFE: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
ESCAPES: Final = {code: (bytes((code,)), b"%%%02X" % code) for code in range(256) if code not in SAFE}
DONE: Final = frozenset(b" %")
"""What is replaced last, and first."""
ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
BLANK: Final = re.compile(rb"\r?\n\r?\n")
"""What is between the headers of a part and the rest of it."""
LONGEST_HEAD: Final = 2048
MOST_PARTS: Final = 100


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


def fields(body: bytes) -> list[tuple[str, str]]:
    """As ``urllib.parse.parse_qsl`` with blank values, which takes seconds over a body of signs that escape nothing."""
    split = (part.partition(b"=") for part in body.split(b"&") if part)
    return [(_text(name), _text(value)) for name, _, value in split]


def _text(value: bytes) -> str:
    return unescaped(value).decode("utf-8", "replace")


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
    return text if sure else ESCAPE.sub(lambda found: unhexlify(found[1]), spaced)


def parts(kind: str, body: bytes) -> list[tuple[str, bytes, bool]] | None:
    """The parts of a multipart form that have names, with what is in them and whether they are files.

    ``kind`` is its Content-Type. None for what is no such form at all. Raises Malformed.
    """
    try:
        boundary = _head(f"Content-Type: {kind}").get_boundary()
        pieces = [*_pieces(boundary, body)] if boundary else []
        return [*_parts(pieces)] if pieces else None
    except (LookupError, ValueError, TypeError, AttributeError) as error:  # the library stumbles over some headers
        raise Malformed(format="form", reason="unreadable headers") from error


def _head(text: str) -> Message:
    """Headers read as they are asked for, and by a parser whose time does not grow with the square of their length."""
    return Parser(policy=policy.compat32).parsestr(text, headersonly=True)


def _pieces(boundary: str, body: bytes) -> Iterator[bytes]:
    """What is between the lines of the boundary. The library would look at each line of the body, a hundred times as
    long, and into parts that have parts again."""
    line = re.compile(rb"(?:\A|(?<=\n))--%s(--)?[ \t]*(?=\r?\n|\Z)" % re.escape(boundary.encode("utf-8", "replace")))
    start = None
    for count, found in enumerate(line.finditer(body)):
        if count > MOST_PARTS:
            raise Malformed(format="form", reason="too many parts")
        if start is not None:
            yield body[start : found.start()]
        if found[1]:
            return
        start = found.end()
    if start is not None:
        yield body[start:]


def _parts(pieces: Iterable[bytes]) -> Iterator[tuple[str, bytes, bool]]:
    for piece in pieces:
        blank = BLANK.search(piece)
        if (blank.start() if blank else len(piece)) > LONGEST_HEAD:
            raise Malformed(format="form", reason="too long headers")
        if blank is None:
            continue
        part = _head(piece[: blank.start()].decode("utf-8", "replace").lstrip("\r\n"))
        if name := part.get_param("name", header="content-disposition"):
            content = piece[blank.end() :].removesuffix(b"\n").removesuffix(b"\r")
            part.set_payload(content.decode("ascii", "surrogateescape"))
            filled = part.get_payload(decode=True)
            assert isinstance(filled, bytes)  # noqa: S101 - no parts in it
            yield collapse_rfc2231_value(name), filled, part.get_filename() is not None


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
