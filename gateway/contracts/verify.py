"""``mediaglot contract verify``: the contract of a dialect, walked against a running implementation."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any

from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.contracts.flags import credentials, dialect, dialect_of, login_of
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.http.transport import Transport
from mediaglot.gateway.screen import BAD, GOOD, Screen
from mediaglot.gateway.testing.case import Case, folders


def flags(command: argparse.ArgumentParser) -> None:
    dialect(command)
    command.add_argument("--base-url", required=True, metavar="URL", help="what the dialect's own paths hang under")
    credentials(command)


def run(given: dict[str, Any]) -> int:
    held, login = dialect_of(given), login_of(given)
    base = str(given["base_url"]).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise UserError(f"{base}: --base-url wants a URL such as http://127.0.0.1:8080/{held.name}")
    requests = [each for each in reads(held) if login is None or each.headers]
    findings = asyncio.run(walk(held, requests, base))
    screen = Screen()
    for finding in findings:
        screen.say(str(finding), BAD)
    screen.say(f"{len(requests)} exchanges, {len(findings)} findings", BAD if findings else GOOD)
    return 1 if findings or not requests else 0


def reads(held: Dialect) -> Iterator[Request]:
    """What only looks."""
    for case in folders(held.name):
        if isinstance(case, Case) and case.request.method == "GET":
            yield case.request


async def walk(held: Dialect, requests: list[Request], base: str) -> list[Finding]:
    found: list[Finding] = []
    async with Transport() as transport:
        for request in requests:
            found += judge(held, request, await transport.send(request, base)).told
    return found
