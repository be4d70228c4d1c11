"""The outbox in the control API: what was to be told, what came of each attempt, and once more, please."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from mediaglot.gateway.clock import Clock
from mediaglot.gateway.http.links import NOTIFICATIONS
from mediaglot.gateway.http.refusal import Refusal, wrong_method
from mediaglot.gateway.model import credentials_of, is_credential, masked, secrets_in
from mediaglot.gateway.model.mask import STARS
from mediaglot.gateway.notify import credentials
from mediaglot.gateway.store import Attempt, Letter, LetterFilter, LetterState, Store

FILTERS: Final = {"dialect": "dialect", "account": "account", "job": "id", "state": "state"}
PAGE: Final = 50
MOST: Final = 500
EXCERPT: Final = 4000
"""Characters of a body that are shown."""
Tree = dict[str, Any]


class Letters:
    def __init__(self, store: Store, clock: Clock, place: str = NOTIFICATIONS) -> None:
        """``place`` is the path at which they are told."""
        self._store = store
        self._clock = clock
        self._place = place

    async def handle(self, request: web.Request, rest: str) -> Tree:
        letter_id, _, verb = rest.partition("/")
        ways: Mapping[str, Callable[[], Awaitable[Tree]]] = {"GET": lambda: self.list(request.query)}
        if letter_id:
            ways = {"GET": lambda: self.show(letter_id), "DELETE": lambda: self.drop(letter_id)}
        if verb:
            ways = {"POST": lambda: self.redeliver(letter_id)}
        if verb not in ("", "redeliver"):
            raise Refusal(404, "not_found", "there are notifications, notifications/ID and notifications/ID/redeliver")
        if request.method not in ways:
            raise wrong_method(request.method, *ways)
        return await ways[request.method]()

    async def list(self, query: Mapping[str, str]) -> Tree:
        """A page of them, the newest first. Raises Refusal for a filter that is none."""
        unknown = query.keys() - FILTERS.keys() - {"limit", "before"}
        if unknown:
            known = ", ".join([*FILTERS, "limit", "before"])
            raise Refusal(400, "unknown_parameter", f"there is no parameter {min(unknown)!r}; there are {known}")
        limit, before = _number(query, "limit", PAGE), _number(query, "before", 0)
        found = await self._store.find_letters(_filter(query), min(limit, MOST) + 1, before or None)
        page = found[: min(limit, MOST)]
        further = {**query, "before": str(page[-1].sequence)} if len(found) > len(page) and page else None
        link = f"{self._place}?{urlencode(further)}" if further else None
        return {"notifications": [brief(letter) for letter in page], "next": link}

    async def show(self, letter_id: str) -> Tree:
        """One, with each attempt. Raises Refusal."""
        letter = await self._found(letter_id)
        ticket = await self._store.get(letter.key)
        attempts = [told(attempt) for attempt in await self._store.attempts(letter_id)]
        known = [*credentials(letter), *(each for secret in secrets_in(ticket) for each in _parts(secret))]
        return {**brief(letter), "request": asked(letter, known), "log": attempts}

    async def redeliver(self, letter_id: str) -> Tree:
        """Once more, whatever its state. Raises Refusal."""
        async with self._store.write() as tx:
            if not await tx.reopen(letter_id, self._clock.now()):
                raise self._missing(letter_id)
        return brief(await self._found(letter_id))

    async def drop(self, letter_id: str) -> Tree:
        """It is not tried again. Raises Refusal."""
        letter = await self._found(letter_id)
        async with self._store.write() as tx:
            if not await tx.drop(letter_id, self._clock.now()):
                hint = f"it is {letter.state.value}: only what is open can be dropped"
                raise Refusal(409, "not_open", hint)
        return brief(await self._found(letter_id))

    async def _found(self, letter_id: str) -> Letter:
        letter = await self._store.letter(letter_id)
        if letter is None:
            raise self._missing(letter_id)
        return letter

    def _missing(self, letter_id: str) -> Refusal:
        return Refusal(404, "not_found", f"there is no notification {letter_id!r}; GET {self._place} lists them")


def _filter(query: Mapping[str, str]) -> LetterFilter:
    given: Tree = {field: query[name] for name, field in FILTERS.items() if name in query}
    try:
        state = LetterState(given["state"]) if "state" in given else None
    except ValueError:
        states = ", ".join(state.value for state in LetterState)
        raise Refusal(400, "unknown_state", f"state is one of {states}") from None
    return LetterFilter(**{**given, "state": state})


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 18) or (text == "0" and default):
        raise Refusal(400, "not_a_number", f"{name} is a whole number, not {text[:40]!r}")
    return int(text)


def brief(letter: Letter) -> Tree:
    """A notification as lists show it."""
    key = letter.key
    return {
        "id": letter.id,
        "sequence": letter.sequence,
        "dialect": key.dialect,
        "account": key.account,
        "job": key.id,
        "event": letter.event,
        "url": masked(letter.url.reveal(), credentials_of(letter.url.reveal())),
        "state": letter.state.value,
        "attempts": letter.attempts,
        "due": letter.due.isoformat(),
        "status": letter.status,
        "answer": letter.answer,
    }


def asked(letter: Letter, known: Sequence[str]) -> Tree:
    """What each attempt sends."""
    lines = [[name, STARS if is_credential(name) else masked(value, known)] for name, value in letter.headers.lines]
    body = masked(letter.body.decode("utf-8", "replace"), known)
    return {"method": letter.method, "headers": lines, "size": len(letter.body), "body": body[:EXCERPT]}


def _parts(secret: str) -> Iterator[str]:
    """A secret, or what of it is one if it is a URL in its client's spelling."""
    yield from list(credentials_of(secret)) or [secret]


def told(attempt: Attempt) -> Tree:
    at, seconds = attempt.at.isoformat(), round(attempt.seconds, 3)
    return {"at": at, "seconds": seconds, "status": attempt.status, "answer": attempt.answer}
