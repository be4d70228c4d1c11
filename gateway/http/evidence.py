"""What a test finds out afterwards: the journal of a world, its notifications, and what came into letter boxes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import orjson

from mediaglot.gateway.http import letters as post
from mediaglot.gateway.http import seed
from mediaglot.gateway.http.letters import Letters
from mediaglot.gateway.http.refusal import Refusal
from mediaglot.gateway.http.reserved import PREFIX
from mediaglot.gateway.http.verbs import Asked, Tree
from mediaglot.gateway.lab import inbox, journal
from mediaglot.gateway.lab.inbox import Manners
from mediaglot.gateway.lab.journal import Entry, Near
from mediaglot.gateway.lab.matcher import Matcher
from mediaglot.gateway.lab.verify import Expectation, verify
from mediaglot.gateway.model import Ticket

if TYPE_CHECKING:
    from mediaglot.gateway.http.double import Double
    from mediaglot.gateway.http.world import World

LONGEST: Final = 60.0
"""Seconds of real time that somebody may wait for something to happen."""
SHOWN: Final = 100
"""Entries in one answer, unless a limit says otherwise."""
MANY: Final = 1_000_000
TICKET: Final = frozenset(each.name for each in fields(Ticket))
FILTERS: Final = dict.fromkeys((*post.FILTERS, "limit", "before"), "only those, or so many of them")
OWN: Final = frozenset({"match", "limit", "count", "seconds"})
"""Parameters that are no paths of a matcher."""


async def read_journal(world: World, asked: Asked) -> Tree:
    found = world.lab.journal.find(_matcher(asked, journal.FIELDS))
    most = asked.whole("limit", SHOWN, MANY)
    return {**_counts(world), "matching": len(found), "entries": _trees(found[-most:] if most else [])}


async def wait_for(world: World, asked: Asked) -> Tree:
    count, seconds = asked.whole("count", 1, MANY), asked.number("seconds", 5, LONGEST)
    found = await world.lab.journal.wait(_matcher(asked, journal.FIELDS), count, seconds)
    if len(found) < count:
        raise Refusal(408, "not_yet", f"{len(found)} of {count} requests came within {seconds:g} s")
    return {**_counts(world), "matching": len(found), "entries": _trees(found)}


async def verify_journal(world: World, asked: Asked) -> Tree:
    verdict = verify(world.lab.journal, Expectation.read(asked.document))
    near = [{"number": each.entry.number, "misses": each.misses} for each in verdict.near]
    said: Tree = {"passed": verdict.passed, "matching": len(verdict.found), "reason": verdict.reason, "near": near}
    return {**said, "entries": [entry.number for entry in verdict.found]}


async def near_misses(world: World, asked: Asked) -> Tree:
    return {"near": [_near(each) for each in world.lab.journal.near(_matcher(asked, journal.FIELDS))]}


async def clear_journal(world: World, asked: Asked) -> Tree:
    world.lab.journal.clear()
    return _counts(world)


def _near(one: Near) -> Tree:
    return {"misses": one.misses, "entry": one.entry.tree()}


def _counts(world: World) -> Tree:
    journal = world.lab.journal
    return {"total": journal.total, "kept": len(journal), "dropped": journal.dropped}


def _trees(entries: list[Entry]) -> list[Tree]:
    return [entry.tree() for entry in entries]


def _matcher(asked: Asked, fields: Collection[str]) -> Matcher:
    """``match`` of the query is a matcher as JSON; every other parameter is a path with its value."""
    plain = {name: value for name, value in asked.query.items() if name not in OWN}
    try:
        given = orjson.loads(asked.query.get("match", "{}"))
    except orjson.JSONDecodeError as error:
        raise Refusal(400, "malformed", f"match is no JSON: {error}") from None
    if not isinstance(given, dict):
        raise Refusal(400, "malformed", "match is a JSON object of paths and conditions")
    return Matcher.read({**plain, **given}, fields)


async def list_jobs(world: World, asked: Asked) -> Tree:
    matcher = _matcher(asked, TICKET)
    return {"jobs": [tree async for tree in seed.jobs_of(world) if matcher.matches(tree)]}


# --- messages ------------------------------------------------------------------------------------------


async def list_letters(world: World, asked: Asked) -> Any:
    async with _letters(world) as letters:
        return await letters.list(asked.query)


async def show_letter(world: World, asked: Asked) -> Any:
    async with _letters(world) as letters:
        return await letters.show(asked.names["letter"])


async def redeliver_letter(world: World, asked: Asked) -> Any:
    async with _letters(world) as letters:
        return await letters.redeliver(asked.names["letter"])


async def read_box(double: Double, asked: Asked) -> Tree:
    messages = double.inbox.messages(asked.names["box"], _matcher(asked, inbox.FIELDS))
    return {"messages": [message.tree() for message in messages]}


async def wait_for_box(double: Double, asked: Asked) -> Tree:
    count, seconds = asked.whole("count", 1, MANY), asked.number("seconds", 5, LONGEST)
    found = await double.inbox.wait(asked.names["box"], _matcher(asked, inbox.FIELDS), count, seconds)
    if len(found) < count:
        raise Refusal(408, "not_yet", f"{len(found)} of {count} messages came within {seconds:g} s")
    return {"messages": [message.tree() for message in found]}


async def clear_box(double: Double, asked: Asked) -> Tree:
    double.inbox.clear(asked.names["box"])
    return {"messages": []}


async def instruct_box(double: Double, asked: Asked) -> Tree:
    double.inbox.behave(asked.names["box"], Manners.read(asked.document))
    return {"box": asked.names["box"], **asked.document}


@asynccontextmanager
async def _letters(world: World) -> AsyncIterator[Letters]:
    async with world.kept_still() as house:
        yield Letters(house.store, house.clock, f"{PREFIX}worlds/{world.spec.id}/notifications")
