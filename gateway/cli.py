"""The command line: serve, demo, dialects, doctor."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

from mediaglot.gateway import config
from mediaglot.gateway.config import ConfigError, Settings


class UserError(Exception):
    """Something that the user can mend: one line and a hint, no trace."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(argv)
    if given.run is None:
        parser.print_help()
        return 2
    try:
        return int(given.run(vars(given)) or 0)
    except (UserError, ConfigError) as error:
        print(f"mediaglot: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mediaglot",
        description="One server that speaks every video-transcoding provider's own HTTP dialect and really transcodes.",
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(title="commands", metavar="")
    serve = commands.add_parser("serve", help="start the server; prints its base URL when it answers")
    config.flags(serve)
    serve.set_defaults(run=_serve)
    for name, about in (
        ("demo", "run a real job through every dialect and show what came out"),
        ("dialects", "list the installed dialects, their operations and how sure we are of them"),
        ("doctor", "say which ffmpeg is used, what it can do and what is missing"),
    ):
        command = commands.add_parser(name, help=about)
        if name == "dialects":
            command.add_argument("name", nargs="?", help="only this one")
        if name == "doctor":
            command.add_argument("--ffmpeg", metavar="PROGRAM", default=None, help="look at this ffmpeg instead")
        command.set_defaults(run=_lazily(f"mediaglot.gateway.{name}"))
    return parser


def _lazily(module: str) -> Any:
    """``run`` of a module that is loaded only when its command is given."""
    return lambda given: importlib.import_module(module).run(given)


def _serve(given: dict[str, Any]) -> int:
    settings = config.load(given)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return asyncio.run(_serve_until_told(settings))


async def _serve_until_told(settings: Settings) -> int:
    from mediaglot.gateway.http.app import Server, listen  # noqa: PLC0415 - the other commands start quicker without
    from mediaglot.gateway.registry import UnknownDialect  # noqa: PLC0415
    from mediaglot.gateway.store.folder import FolderInUse  # noqa: PLC0415

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        server = Server(settings)
        runner = await listen(server)
    except (UnknownDialect, FolderInUse, ValueError) as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; try --port 0") from None
    try:
        print(server.site.url, flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()
    return 0
