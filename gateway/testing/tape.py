"""Tapes: exchanges with a provider as fixture folders without secrets, and answers from them. Pure.

A folder of a tape is one that ``case`` describes, ``<operation>/<number>_<status>/``, so the laws run over it: what the
dialect reads in the request is written beside it. It has a ``result.json`` only where the request can't be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mediaglot.gateway import codec
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Headers, Intent, Request, Response
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
    """Answers as the tape has them: to requests that are alike but for what was replaced, in the order of the tape.

    Who names what the tape names too, such as a job's id, gets what was said of that. The last answer of several is
    given again and again.
    """

    def __init__(self, dialect: Dialect, exchanges: Iterable[tuple[Request, Response]]) -> None:
        self._scrubber = Scrubber(dialect, self._met)
        self._names: set[str] = set()
        self._answers: dict[Skeleton, list[tuple[frozenset[str], Response]]] = {}
        for request, response in exchanges:
            skeleton, names = self._read(request)
            self._answers.setdefault(skeleton, []).append((names, response))

    def answer(self, request: Request) -> Response:
        """Raises Unavailable for what is not on the tape."""
        skeleton, names = self._read(request)
        found = self._answers.get(skeleton)
        if not found:
            raise Unavailable(reason="not_on_tape")
        shared = [len(names & theirs) for theirs, _ in found]
        first = shared.index(max(shared))
        _, response = found.pop(first) if shared.count(shared[first]) > 1 else found[first]
        return response

    def _met(self, value: str) -> str:
        self._names.add(value)
        return "*" if value.strip() else value

    def _read(self, request: Request) -> tuple[Skeleton, frozenset[str]]:
        """What is left without values, and these: but for those of headers, which say who asks and not for what."""
        kind = Headers(lines=(("Content-Type", request.headers.get("Content-Type")),))
        self._names.clear()
        bare = self._scrubber.request(replace(request, headers=kind))
        return (bare.method, bare.path, bare.query, bare.body), frozenset(self._names)
