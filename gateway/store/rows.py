"""Between values and the columns that hold them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mediaglot.gateway.model import TERMINAL, Ticket
from mediaglot.gateway.store import Attempt, Key, Letter, LetterState, Work
from mediaglot.gateway.store.query import Row
from mediaglot.gateway.store.vault import Vault

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TICK: Final = timedelta(microseconds=1)
CONTAINER: Final = ":container"
"""The facet in which the store itself keeps the outputs' containers."""


def ticks(time: datetime | None) -> int | None:
    return None if time is None else (time - EPOCH) // TICK


def time_of(number: int) -> datetime:
    return EPOCH + number * TICK


def columns(ticket: Ticket) -> dict[str, Any]:
    ended = (ticket.finished or ticket.updated or ticket.created) if ticket.status in TERMINAL else None
    return {
        "status": ticket.status.value,
        "created": ticks(ticket.created),
        "started": ticks(ticket.started),
        "finished": ticks(ticket.finished),
        "source": ticket.job.inputs[0].location.shown if ticket.job.inputs else None,
        "ended": ticks(ended),
        "deleted": ticks(ticket.deleted),
    }


def output_ids(ticket: Ticket) -> list[str]:
    return [made.id for made in ticket.outputs]


def containers(ticket: Ticket) -> list[list[str]]:
    """Facets, as pairs of name and value: what the job's outputs are packed in, in small letters."""
    found = {output.container or (output.package and output.package.kind.value) for output in ticket.job.outputs}
    return [[CONTAINER, name.lower()] for name in sorted(name for name in found if name)]


def listed(ticket: Ticket) -> tuple[Any, ...]:
    """All that decides in which lists the ticket appears, and where."""
    return columns(ticket), output_ids(ticket), containers(ticket)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def work_columns(work: Work) -> dict[str, Any]:
    return {**work.key._asdict(), "place": work.place, "attempt": work.attempt}


def work_of(row: Row) -> Work:
    dialect, account, id_, priority, attempt, place, lane = row
    return Work(key=Key(dialect, account, id_), priority=priority, attempt=attempt, place=place, lane=lane)


def letter_columns(letter: Letter, vault: Vault) -> dict[str, Any]:
    return {
        "letter": letter.id,
        "state": letter.state.value,
        "due": ticks(letter.due),
        "attempts": letter.attempts,
        "status": letter.status,
        "answer": vault.pack_text(letter.answer),
    }


def letter_of(row: Row, vault: Vault) -> Letter:
    body, sequence, state, due, attempts, status, answer = row
    return replace(
        vault.unpack(body, Letter),
        sequence=sequence,
        state=LetterState(state),
        due=time_of(due),
        attempts=attempts,
        status=status,
        answer=vault.unpack_text(answer),
    )


def attempt_columns(attempt: Attempt, vault: Vault) -> dict[str, Any]:
    return {
        "at": ticks(attempt.at),
        "took": round(attempt.seconds * 1e6),
        "status": attempt.status,
        "answer": vault.pack_text(attempt.answer),
    }


def attempt_of(row: Row, vault: Vault) -> Attempt:
    at, took, status, answer = row
    return Attempt(at=time_of(at), seconds=took / 1e6, status=status, answer=vault.unpack_text(answer))
