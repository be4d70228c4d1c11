"""Writes what the code makes of the fixtures, for a maintainer to review as a diff.

    python tests/laws/record.py [dialect[/operation[/case]] ...]

A folder needs a request.http and, where there is an answer, a result.json; or a ticket.json and an event.json. This
script writes intent.json, losses.json and response.http, or message.http, beside them; where the request is refused
while it is read, also result.json. It makes no fixture right: compare each line with the provider's reference.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from mediaglot.gateway import codec, registry
from mediaglot.gateway.exchange import Intent
from mediaglot.gateway.faults import Fault, Malformed
from mediaglot.gateway.testing.case import Case, Folder, Notice, encode_result, folders, write_request, write_response


def dump(tree: Any) -> bytes:
    return (json.dumps(tree, indent=2, ensure_ascii=False) + "\n").encode()


def made_of(folder: Folder) -> dict[str, bytes]:
    """The files that follow from the others; b"" for one that must not be there."""
    if isinstance(folder, Notice):
        message = folder.render(folder.ticket)
        return {"message.http": write_request(message) if message else b""}
    assert isinstance(folder, Case)
    reading = folder.read()
    made = {"intent.json": b"", "losses.json": b""}
    if reading.intent is not None:
        made["intent.json"] = dump(codec.encode(reading.intent, Intent))
        made["losses.json"] = dump([codec.encode(loss) for loss in reading.losses])
    if reading.fault is not None:
        made["result.json"] = dump(encode_result(without_parser(reading.fault)))
    result = reading.fault or folder.result
    answer = folder.dialect.render_response(reading.call, result) if result is not None else None
    return made | {"response.http": write_response(answer) if answer else b""}


def without_parser(fault: Fault) -> Fault:
    """Without the words of a parser, which change with its version; a fixture may leave data out."""
    return Malformed(format=fault.data.get("format")) if type(fault) is Malformed else fault


def main(wanted: list[str]) -> None:
    for folder in (each for name in registry.names() for each in folders(name)):
        if wanted and not any(str(folder) == want or str(folder).startswith(f"{want}/") for want in wanted):
            continue
        for name, content in made_of(folder).items():
            path = Path(str(folder.folder.joinpath(name)))
            if (path.read_bytes() if path.exists() else b"") != content:
                print(f"{'wrote' if content else 'removed'} {folder}/{name}")
                path.write_bytes(content) if content else path.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
