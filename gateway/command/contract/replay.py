"""``mediaglot contract replay``: a recording is asked of another implementation; what it answers otherwise is told."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from mediaglot.gateway.command.contract import flags as shared
from mediaglot.gateway.command.contract import source, telling
from mediaglot.gateway.config import UserError
from mediaglot.gateway.contract.carrying import Carrying
from mediaglot.gateway.contract.difference import differences
from mediaglot.gateway.contract.finding import Finding, short, spot
from mediaglot.gateway.contract.form import parsed as media_type
from mediaglot.gateway.contract.judge import is_deep
from mediaglot.gateway.contract.outcome import Outcome, Trial
from mediaglot.gateway.contract.recording import Exchange, Recording
from mediaglot.gateway.contract.whereabout import Whereabouts
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import (
    FindThings,
    GetAccount,
    GetJob,
    GetJobs,
    GetPreset,
    GetThing,
    ListJobs,
    ListPresets,
    ListThings,
    Request,
    Response,
)
from mediaglot.gateway.faults import Fault, Unavailable
from mediaglot.gateway.testing.case import Reading, read_call

LOOKS: Final = (
    GetJob,
    GetJobs,
    ListJobs,
    GetThing,
    ListThings,
    FindThings,
    GetPreset,
    ListPresets,
    GetAccount,
)
"""Requests that may be repeated until the answer is the recorded one."""
AGAIN: Final = "looks at what is looked at again later, which may be far by then"
PAUSE: Final = 0.5
Send = Callable[[Request], Awaitable[Response]]


def flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", metavar="FOLDER", help="the recording: a tape's folder, a journal or a HAR file")
    command.add_argument("--base-url", required=True, metavar="URL", help="the implementation that is asked")
    command.add_argument("--dialect", metavar="DIALECT", help="whose it is, where the recording does not say it")
    shared.credentials(command)
    about = "a place that may differ, such as 'response.body: job.*'; may be said more than once"
    command.add_argument("--ignore", action="append", metavar="PLACE", help=about)
    about = "another value for a recorded one, such as the URL of a source; may be said more than once"
    command.add_argument("--set", action="append", type=pair, metavar="RECORDED=VALUE", help=about)
    patience = "how long to ask again for what is looked at until it is as recorded, 0 without it"
    seconds = shared.up_to(86_400, "seconds")
    command.add_argument("--patience", type=seconds, default=0.0, metavar="SECONDS", help=patience)
    telling.flags(command)


def pair(text: str) -> tuple[str, str]:
    recorded, mark, value = text.partition("=")
    if not recorded or not mark:
        raise argparse.ArgumentTypeError(f"RECORDED=VALUE is wanted, not {text[:100]!r}")
    return recorded, value


def run(given: dict[str, Any]) -> int:
    base = shared.url_of(given["base_url"], "--base-url")
    recording = source.read([Path(given["folder"])], Whereabouts(dialect=given.get("dialect") or ""))
    names = {each.dialect.partition(",")[0] for each in recording}
    if len(names) != 1 or "" in names:
        raise UserError("the recording does not say whose it is; name --dialect")
    dialect = shared.dialect_of({"dialect": names.pop()})
    replay = Replay(
        dialect,
        Carrying(dialect, shared.login_of(given), dict(given.get("set") or ())),
        tuple(given.get("ignore") or ()),
        given["patience"],
    )
    asyncio.run(replay.play(recording, base))
    outcome = Outcome(
        command="replay", subject=f"{given['folder']} at {base}", trials=replay.trials, left_out=recording.left_out
    )
    return telling.tell(given, outcome)


@dataclass
class Replay:
    """One recording against one implementation."""

    dialect: Dialect
    carrying: Carrying
    ignored: tuple[str, ...] = ()
    patience: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    answered: bool = False

    async def play(self, recording: Recording, base: str) -> None:
        """Raises UserError where nobody answers from the first."""
        from mediaglot.gateway.http.provider import Transport  # noqa: PLC0415 - loaded when there is something to send

        self.carrying.foresee(recording)
        exchanges = self._looked_at_last(recording) if self.patience else recording.exchanges
        transport = Transport(base, timeout=60)
        try:
            for exchange in exchanges:
                silence = await self._step(exchange, transport)
                if silence and not self.answered:
                    raise UserError(f"no answer from {base}: {silence}; is the server running?")
        finally:
            await transport.close()

    def _looked_at_last(self, recording: Recording) -> list[Exchange]:
        """Without looks at what is looked at once more before anything is changed: how often is a matter of pace."""
        kept: list[Exchange] = []
        later: set[Request] = set()
        for exchange in reversed(recording.exchanges):
            if not isinstance(read_call(self.dialect, exchange.request).intent, LOOKS):
                later.clear()
            elif exchange.request in later:
                recording.left_out[AGAIN] += 1
                continue
            else:
                later.add(exchange.request)
            kept.append(exchange)
        return kept[::-1]

    async def _step(self, exchange: Exchange, send: Send) -> str:
        """Why there was no answer, if there was none."""
        carrying = self.carrying
        request = carrying.onward(exchange.request)
        reading = read_call(self.dialect, exchange.request)
        comparison = Comparison(self.dialect, reading, exchange, carrying)
        name, operation = exchange.name, comparison.operation
        if request is None:
            self.trials.append(Trial(operation=operation, name=name, skipped="its body is not in the recording"))
            return ""
        silence = ""
        try:
            found, told = await self._asked(comparison, request, send)
        except Unavailable as fault:
            silence = str(fault.data.get("reason"))
            found = [comparison.wrong("answer", "response", f"expected an answer, there is none: {silence}")]
        else:
            self.answered = True
            carrying.learn(comparison.recorded, comparison.document(told))
        self.trials.append(Trial(operation=operation, name=name, findings=tuple(found)))
        return silence

    async def _asked(self, comparison: Comparison, request: Request, send: Send) -> tuple[list[Finding], Response]:
        """Again and again while there is patience. Raises Unavailable."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (self.patience if isinstance(comparison.reading.intent, LOOKS) else 0)
        while True:
            told = await send(request)
            found = [each for each in comparison.findings(told) if not self._ignores(each)]
            if not found or loop.time() >= end:
                return found, told
            await asyncio.sleep(min(PAUSE, self.patience))

    def _ignores(self, finding: Finding) -> bool:
        return any(fnmatchcase(finding.place, pattern) for pattern in self.ignored)


@dataclass
class Comparison:
    """A recorded answer, and what another one is held against it."""

    dialect: Dialect
    reading: Reading
    exchange: Exchange
    carrying: Carrying

    @property
    def operation(self) -> str:
        return self.reading.call.route.name if self.reading.call.route else self.exchange.operation

    @property
    def recorded(self) -> Any:
        return self.document(self.exchange.response)

    def document(self, response: Response) -> Any:
        """None for what is none in the wire of this call."""
        wire = self.reading.call.wire
        told = media_type(response.headers.get("Content-Type"))[0]
        if not response.body or told not in ("", media_type(wire.content_type)[0]):
            return None
        try:
            tree = wire.read_answer(response.body)
        except (Fault, ValueError, RecursionError):
            return None
        return None if is_deep(tree) else tree

    def wrong(self, rule: str, place: str, message: str) -> Finding:
        name = self.exchange.name
        return Finding(rule=rule, operation=self.operation, place=place, message=message, exchange=name)

    def findings(self, told: Response) -> Iterator[Finding]:
        was = self.exchange.response
        if was.status != told.status:
            yield self.wrong("status", "response.status", f"expected {was.status}, found {told.status}")
        kinds = [each.headers.get("Content-Type") for each in (was, told)]
        if media_type(kinds[0]) != media_type(kinds[1]):
            place = spot("response.headers", ["Content-Type"])
            yield self.wrong("content_type", place, f"expected {short(kinds[0])}, found {short(kinds[1])}")
        before, after = self.recorded, self.document(told)
        if (before is None) is not (after is None):
            if media_type(kinds[0]) == media_type(kinds[1]):
                wanted, got = ("a document" if each is not None else "none" for each in (before, after))
                yield self.wrong("body", "response.body", f"expected {wanted}, found {got}")
        elif before is not None:
            for each in differences(before, after, self.carrying.alike):
                yield self.wrong(each.what, spot("response.body", each.path), each.message)
