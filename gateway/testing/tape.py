"""Tapes: exchanges with a provider as fixture folders without secrets, and answers from them. Pure.

A folder of a tape is one that ``case`` describes, ``<operation>/<number>_<status>/``, so the laws run over it: what the
dialect reads in the request is written beside it. It has a ``result.json`` only where the request can't be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mediaglot.gateway import codec
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Intent, Request, Response
from mediaglot.gateway.faults import Malformed, Unavailable
from mediaglot.gateway.testing.case import encode_result, read_call, write_request, write_response
from mediaglot.gateway.testing.scrub import Scrubber, Shapes
from mediaglot.gateway.wire.schema import stem

UNKNOWN: Final = "unknown"
"""The operation of a request that the dialect does not know."""
Skeleton = tuple[str, str, str, bytes]
BEGINNING: Final = re.compile(r"\d{1,18}", re.ASCII)


def turn(name: str) -> tuple[int, str]:
    """What folders of exchanges are in order by: the number that their names begin with, then the names."""
    match = BEGINNING.match(name)
    return (int(match[0]) if match else 0), name


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """``path`` below the tape's own folder, and its files."""

    path: str
    files: Mapping[str, bytes]


class Tape:
    """Makes a folder of each exchange; ``number`` is that of the next one."""

    def __init__(self, dialect: Dialect, number: int = 1) -> None:
        self._dialect, self._number = dialect, number
        self._scrubber = Scrubber(dialect, Shapes())

    def record(self, request: Request, response: Response) -> Folder:
        asked, told = self._scrubber.request(request), self._scrubber.response(response)
        reading = read_call(self._dialect, asked)
        files = {"request.http": write_request(asked), "response.http": write_response(told)}
        if reading.intent is not None:
            files["intent.json"] = _dump(codec.encode(reading.intent, Intent))
            files["losses.json"] = _dump([codec.encode(loss) for loss in reading.losses])
        elif reading.fault is not None:
            fault = reading.fault
            shown = Malformed(format=fault.data.get("format")) if type(fault) is Malformed else fault
            files["result.json"] = _dump(encode_result(shown))
        route = reading.call.route
        operation = stem(route.name) if route is not None else UNKNOWN
        path = f"{operation}/{self._number:04d}_{response.status}"
        self._number += 1
        return Folder(path=path, files=files)


def _dump(tree: Any) -> bytes:
    return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode()


class Replay:
    """Answers as the tape has them: to requests that are alike but for what was replaced, in the order of the tape. The
    last one of several is given again and again."""

    def __init__(self, dialect: Dialect, exchanges: Iterable[tuple[Request, Response]]) -> None:
        self._scrubber = Scrubber(dialect, lambda value: "*" if value.strip() else value)
        self._answers: dict[Skeleton, list[Response]] = {}
        for request, response in exchanges:
            self._answers.setdefault(self._skeleton(request), []).append(response)

    def answer(self, request: Request) -> Response:
        """Raises Unavailable for what is not on the tape."""
        found = self._answers.get(self._skeleton(request))
        if not found:
            raise Unavailable(reason="not_on_tape")
        return found.pop(0) if len(found) > 1 else found[0]

    def _skeleton(self, request: Request) -> Skeleton:
        bare = self._scrubber.request(request)
        return bare.method, bare.path, bare.query, bare.body
