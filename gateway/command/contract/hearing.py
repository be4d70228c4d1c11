"""Where ``verify`` listens for messages, and what an implementation is told of that."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from mediaglot.gateway.command.contract.drive import Hear, deaf
from mediaglot.gateway.command.contract.flags import url_of
from mediaglot.gateway.command.listening import cannot_listen
from mediaglot.gateway.contract.stage import Stage, Terms

OFF: Final = "off"


def flags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--listen", type=place, default="127.0.0.1:0", metavar="HOST:PORT", help="where messages are listened for"
    )
    command.add_argument(
        "--hear",
        default="",
        metavar="URL",
        help="the URL that leads there from the implementation, or off; without it our own, for one on this machine",
    )
    command.add_argument(
        "--hear-patience", type=float, default=Terms.hear_patience, metavar="SECONDS", help="longest wait for a message"
    )
    command.add_argument(
        "--linger", type=float, default=Terms.linger, metavar="SECONDS", help="wait for messages that come twice"
    )


def place(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise argparse.ArgumentTypeError(f"an address such as 127.0.0.1:9000 is wanted, not {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def hear_of(given: Mapping[str, Any], base: str) -> str | None:
    """The URL that leads to us, empty for our own; None where nobody knows one. Raises UserError for what is none."""
    hear = str(given.get("hear") or "")
    if hear in ("", OFF):
        return "" if not hear and is_near(urlsplit(base).hostname or "") else None
    return url_of(hear, "--hear")


def is_near(host: str) -> bool:
    """Whether who is there is on this machine, for all that its name says."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def listen(stage: Stage, given: Mapping[str, Any], stack: AsyncExitStack) -> Hear:
    """Raises UserError where it can't listen."""
    hear = hear_of(given, stage.base)
    if hear is None or stage.terms.jobs < 1:
        return deaf
    from mediaglot.gateway.http.receiver import Receiver  # noqa: PLC0415 - without messages one starts quicker

    receiver, (host, port) = Receiver(), given["listen"]
    try:
        await stack.enter_async_context(receiver.open(host, port, hear))
    except OSError as error:
        raise cannot_listen(host, port, error, "another --listen, or --hear off") from None
    stage.post = receiver.post
    return receiver.wait
