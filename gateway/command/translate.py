"""``mediaglot translate``: what another provider would be asked for the same job, and what is lost on the way."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.address import read_location
from mediaglot.gateway.command.screen import BAD, FAINT, Screen
from mediaglot.gateway.config import UserError
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Policy, forbidden
from mediaglot.gateway.mask import masked, secrets
from mediaglot.gateway.registry import UnknownDialect
from mediaglot.gateway.report import Report
from mediaglot.gateway.translation import Untranslatable, client_of, find, read_job, write_job

LARGEST: Final = 4_000_000
"""Bytes of a request; the server takes no more by default either."""


def run(given: dict[str, Any]) -> int:
    """Exit code 1, and no request, for a loss that the policy forbids."""
    try:
        source, target = find(given["read"]), find(given["write"])
        client_of(target, options := options_of(given["option"]))
        places = [read_location(value) for value in options.values() if "://" in value]
        job, notes = read_job(source, read(given["file"]))
        translation = write_job(target, job, notes=notes, options=options)
    except (UnknownDialect, Untranslatable, ValueError) as error:
        raise UserError(str(error)) from None
    except Fault as fault:
        raise UserError(f"{source.name} would refuse this request: {fault}; is it one that creates a job?") from None
    policy = Policy(given["policy"])
    refused = forbidden(translation.report.losses, policy)
    known = [*secrets(job), *secrets(places), client_of(target).example.secret.reveal()]
    requests = [] if refused else [masked(request, known) for request in translation.requests]
    show = show_document if given["json"] else show_messages
    show(requests, translation.report, policy)
    return 1 if refused else 0


def options_of(words: list[str] | None) -> Mapping[str, str]:
    pairs = [word.partition("=") for word in words or []]
    if wrong := next((word for word, mark, _ in pairs if not mark), ""):
        raise ValueError(f"{wrong!r} is not an option such as name=value")
    return {name: value for name, _, value in pairs}


def read(name: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``."""
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"cannot read {name}: {error.strerror}; '-' is standard input") from None
    if len(content) > LARGEST:
        raise UserError(f"{name} is larger than {LARGEST} bytes; give the request that creates the job")
    if not content.strip():
        raise UserError(f"{'standard input' if name == '-' else name} is empty; give the request that creates the job")
    return content


def show_document(requests: Sequence[Request], report: Report, policy: Policy) -> None:
    refused = [loss.path for loss in forbidden(report.losses, policy)]
    tree = {"requests": [*map(shown, requests)], "policy": str(policy), "forbidden": refused}
    print(json.dumps(tree | {"report": report.document()}, indent=2, ensure_ascii=False))


def shown(request: Request) -> dict[str, Any]:
    lines = [{"name": name, "value": value} for name, value in request.headers]
    body = request.body.decode("utf-8", "replace")
    return {"method": request.method, "path": target(request), "headers": lines, "body": body}


def target(request: Request) -> str:
    return request.path + (f"?{request.query}" if request.query else "")


def show_messages(requests: Sequence[Request], report: Report, policy: Policy) -> None:
    """Requests on standard output, with an empty line between them; the report on standard error."""
    for number, request in enumerate(requests):
        head = [f"{request.method} {target(request)}", *(f"{name}: {value}" for name, value in request.headers)]
        text = "\n".join([*head, "", request.body.decode("utf-8", "replace").rstrip("\n")])
        print(("\n" if number else "") + text.rstrip("\n"))
    show_report(report, policy)


def show_report(report: Report, policy: Policy) -> None:
    screen = Screen(sys.stderr)
    refused = forbidden(report.losses, policy)
    rows = [
        (str(loss.kind), loss.path, loss.wanted or "", loss.got or "", why(loss.essential, loss.reason))
        for loss in report.losses
    ]
    if rows:
        screen.table(("", "setting", "asked", "becomes", ""), rows)
        screen.say()
    screen.say(report.summary(), FAINT)
    if refused:
        screen.say(f"The policy {policy} forbids {len(refused)} of these; --policy warn lets them pass.", BAD)


def why(essential: bool, reason: str | None) -> str:
    return "; ".join([*(["essential"] if essential else []), *([reason] if reason else [])])
