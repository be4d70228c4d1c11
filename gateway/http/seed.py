"""A world's state from a file and into one: steps that are played at its beginning, and all that it holds."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mediaglot.gateway import codec
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.exchange import Headers, Request, Response
from mediaglot.gateway.http.stage import Curtain
from mediaglot.gateway.lab.spec import seconds
from mediaglot.gateway.lab.word import check
from mediaglot.gateway.model import Ticket

if TYPE_CHECKING:
    from mediaglot.gateway.http.world import World

MOST: Final = 10_000
"""Steps of one seed."""
WORDS: Final = frozenset({"dialect", "method", "path", "query", "headers", "body"})
TEXTS: Final = ("dialect", "method", "path", "query")
EARLIER: Final = re.compile(r"\{(\d{1,5})\.([\w.-]{1,200})\}")
END_OF_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)
PAGE: Final = 500
Tree = dict[str, Any]


async def play(world: World, document: Any) -> list[Tree]:
    """``{"steps": [...]}``: a request of a dialect, or ``{"advance": seconds}`` for a virtual clock; the answers.

    In texts ``{secret}`` is the world's, and ``{0.access_token}`` a part of the JSON that step 0 was answered with.
    Raises ValueError, whose text says what to change.
    """
    steps = check(document, {"steps"}, "a seed").get("steps")
    if not isinstance(steps, list) or len(steps) > MOST:
        raise ValueError(f"steps is a list, of {MOST} at most")
    answers: list[Tree] = []
    for number, step in enumerate(steps):
        if not isinstance(step, dict):
            raise ValueError(f"step {number} is no object")
        try:
            answers.append(await _step(world, step, answers))
        except ValueError as error:
            raise ValueError(f"step {number}: {error}") from None
    return answers


async def _step(world: World, step: Tree, answers: Sequence[Tree]) -> Tree:
    if step.keys() == {"advance"}:
        return await _advance(world, step["advance"])
    if not {"dialect", "path"} <= check(step, WORDS, "a step that is no advance").keys():
        raise ValueError("a step has a dialect and a path, or is an advance")
    headers = step.get("headers", {})
    if not all(isinstance(step.get(word, ""), str) for word in TEXTS):
        raise ValueError(f"{', '.join(TEXTS)} are texts")
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise ValueError("headers are an object of texts")
    if step["dialect"] not in world.dialects:
        raise ValueError(f"no dialect is called {step['dialect']!r}")
    response = await _ask(world, _filled(step, world.spec.secret, answers))
    text = response.body.decode("utf-8", "replace")
    if response.status >= 400:
        raise ValueError(f"it was answered with {response.status}: {text[:500]}")
    return {"status": response.status, "body": _document(text)}


async def _advance(world: World, value: Any) -> Tree:
    if not isinstance(world.clock, VirtualClock):
        raise ValueError("only a virtual clock can be advanced")
    await world.clock.advance(seconds(value, world.clock.now(), "advance"))
    return {"now": world.clock.now().isoformat()}


async def _ask(world: World, step: Tree) -> Response:
    found = world.mounts.find("", f"/{step['dialect']}{step['path']}")
    if found is None or not str(step["path"]).startswith("/"):
        raise ValueError("path begins with /, as the provider's own does")
    endpoint, path = found
    body, headers = step.get("body", ""), dict(step.get("headers", {}))
    if not isinstance(body, str):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    request = Request(
        method=step.get("method", "POST" if body else "GET"),
        path=path,
        query=step.get("query", ""),
        headers=Headers(lines=tuple(headers.items())),
        body=body.encode(),
        base=world.site.base(endpoint.dialect.name),
        site=world.site.url,
        received=world.clock.now(),
    )
    return await endpoint.answer(request)


def _filled(value: Any, secret: str, answers: Sequence[Tree]) -> Any:
    """With the secret and parts of earlier answers in the places that name them."""
    if isinstance(value, dict):
        return {key: _filled(item, secret, answers) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, secret, answers) for item in value]
    if not isinstance(value, str):
        return value
    return EARLIER.sub(lambda match: _earlier(match, answers), value.replace("{secret}", secret))


def _earlier(match: re.Match[str], answers: Sequence[Tree]) -> str:
    found: Any = answers[int(match[1])].get("body") if int(match[1]) < len(answers) else None
    for key in match[2].split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if found is None or isinstance(found, dict | list):
        raise ValueError(f"step {match[1]} was not answered with {match[2]}")
    return str(found)


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


async def export(world: World) -> Tree:
    """The spec, the time, all jobs and the journal. Secrets are masked: it is for reading, not for coming back."""
    jobs = [tree async for tree in jobs_of(world)]
    journal = [entry.tree() for entry in world.lab.journal]
    spec = {key: value for key, value in world.spec.tree().items() if key != "secret"}
    return {"world": spec, "now": world.clock.now().isoformat(), "jobs": jobs, "journal": journal}


async def jobs_of(world: World) -> AsyncIterator[Tree]:
    """All jobs as trees, secrets masked, in the order in which they came."""
    if isinstance(world.clock, VirtualClock):
        await world.clock.settle()  # what was begun before may have more to come
    curtain = Curtain(None, None, world.site.url)
    async for ticket in _tickets(world):
        yield {**curtain.of(ticket).tree(codec.encode(ticket)), **_state(ticket)}


def _state(ticket: Ticket) -> Tree:
    """What is asked of every job, where it is as at the beginning, too, and numbers that can be compared."""
    progress = {"progress": float(ticket.progress), "phase_progress": float(ticket.phase_progress)}
    return {"status": ticket.status.value, "phase": ticket.phase.value if ticket.phase else None, **progress}


async def _tickets(world: World) -> AsyncIterator[Ticket]:
    """All jobs, in the order in which they came."""
    async with world.kept_still() as house:
        store = house.store
        keys, last = [*await store.live()], None
        while page := await store.ended(END_OF_TIME, PAGE, last):
            keys += [each.key for each in page]
            last = page[-1]
        found = [ticket for key in keys if (ticket := await store.get(key)) is not None]
    for ticket in sorted(found, key=lambda ticket: (ticket.created, ticket.dialect, ticket.id)):
        yield ticket
