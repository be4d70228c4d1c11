"""``mediaglot contract record``: a proxy in front of a real provider that writes down what goes by, without secrets."""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
from collections import Counter
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.command.contract import flags as shared
from mediaglot.gateway.command.contract.source import LABEL, owner_of
from mediaglot.gateway.command.ending import heed
from mediaglot.gateway.command.listening import cannot_listen
from mediaglot.gateway.command.screen import Screen
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.recording import Unreadable
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.dialect import Dialect

MOST: Final = 8_000_000
LEAST_PORT, MOST_PORT = 0, 65_535


def flags(command: argparse.ArgumentParser) -> None:
    shared.dialect(command)
    command.add_argument("--upstream", required=True, metavar="URL", help="the provider; paths are put behind this URL")
    command.add_argument("--out", required=True, metavar="FOLDER", help="where the recording goes, or goes on")
    command.add_argument("--host", default="127.0.0.1", metavar="HOST", help="address to listen on")
    command.add_argument(
        "--port", type=_port, default=0, metavar="PORT", help="port to listen on; a free one without it"
    )
    command.add_argument("--most", type=_size, default=MOST, metavar="BYTES", help="the longest body that is recorded")
    command.add_argument("--ca", metavar="FILE", help="certificates to trust, for an upstream with one of its own")


def _port(text: str) -> int:
    if not text.isdecimal() or not LEAST_PORT <= int(text) <= MOST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a number from {LEAST_PORT} to {MOST_PORT}, not {text!r}")
    return int(text)


def _size(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"a number of bytes up to 1000000000 is wanted, not {text!r}")
    return int(text)


def run(given: dict[str, Any]) -> int:
    dialect = shared.dialect_of(given)
    upstream, folder = shared.url_of(given["upstream"], "--upstream"), Path(given["out"])
    _label(folder, dialect)
    return asyncio.run(_record(dialect, upstream, folder, given))


def _label(folder: Path, dialect: Dialect) -> None:
    """Makes the folder, and says whose recording it is. Raises UserError where it is another dialect's."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = owner_of(folder, Whereabouts()) if (folder / LABEL).exists() else dialect.name
        if owner != dialect.name:
            raise UserError(f"{folder} is a recording of {owner or 'something else'}; choose another folder with --out")
        (folder / LABEL).write_text(json.dumps({"dialect": dialect.name, "version": 1}) + "\n")
    except Unreadable as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from None


async def _record(dialect: Dialect, upstream: str, folder: Path, given: dict[str, Any]) -> int:
    from mediaglot.gateway.http.recorder import Limits, Recorder  # noqa: PLC0415 - the other verbs start quicker without

    stop = asyncio.Event()
    heed(lambda _: stop.set())
    recorder = Recorder(dialect, upstream, folder, Limits(body=given["most"]))
    try:
        async with recorder.open(given["host"], given["port"], _trust(given.get("ca"))):
            print(recorder.url, flush=True)  # noqa: T201 - whoever started it waits for this line
            await stop.wait()
    except OSError as error:
        raise cannot_listen(given["host"], given["port"], error) from None
    _sum_up(Screen(), folder, recorder.kept, recorder.lost)
    return 0 if recorder.kept else 1


def _trust(file: str | None) -> ssl.SSLContext | None:
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise UserError(f"--ca {file}: no certificates in it") from None
    except OSError as error:
        raise UserError(f"--ca {file}: {error.strerror}") from None


def _sum_up(screen: Screen, folder: Path, kept: Counter[str], lost: Counter[str]) -> None:
    if kept:
        screen.table(
            ("operation", "exchanges"), [(name, str(kept[name])) for name in sorted(kept)], right=("exchanges",)
        )
        screen.say()
    screen.say(f"{_many(sum(kept.values()))} recorded in {folder}")
    for reason, count in lost.items():
        screen.say(f"{_many(count)} not recorded: {reason}")


def _many(count: int) -> str:
    return f"{count} exchange{'' if count == 1 else 's'}"
