from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.model import Input, Job, Location, Made, Output, Status, Ticket
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.sqlite import SqliteStore

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def make() -> Callable[..., Ticket]:
    """A ticket with two outputs, created ``minute`` minutes after the start."""

    def ticket(number: int, *, account: str = "ann", minute: int | None = None, **changes: Any) -> Ticket:
        source = Input(location=Location(url=f"https://media.example/{number % 7}.mp4"))
        outputs = tuple(Output(container=container) for container in changes.pop("containers", ("mp4", "webm")))
        return Ticket(
            id=changes.pop("id", f"job-{number}"),
            account=account,
            dialect=changes.pop("dialect", "acme"),
            job=Job(inputs=(source,), outputs=outputs),
            created=START + timedelta(minutes=number if minute is None else minute),
            outputs=tuple(Made(id=f"out-{number}-{index}") for index in range(len(outputs))),
            **{"status": Status.QUEUED, **changes},
        )

    return ticket


@pytest.fixture
def add(store: SqliteStore) -> Callable[..., Any]:
    async def add_all(*tickets: Ticket, facets: dict[str, str] | None = None) -> list[Key]:
        async with store.write() as tx:
            return [Key.of(await tx.add(ticket, facets)) for ticket in tickets]

    return add_all
