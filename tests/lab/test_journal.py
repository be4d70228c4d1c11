"""The journal keeps what happened, says what it dropped, and proves nothing that it does not know."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from mediaglot.gateway.lab.journal import Entry, Journal
from mediaglot.gateway.lab.matcher import Matcher
from mediaglot.gateway.lab.verify import Expectation, verify


def entry(journal: Journal, operation: str, **more: Any) -> Entry:
    return Entry(
        number=journal.next_number,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        dialect="acme",
        operation=operation,
        account="me",
        method="POST",
        path="/",
        query="",
        headers=(),
        status=200,
        **{"body": "", **more},
    )


async def filled(*operations: str, most: int = 100) -> Journal:
    journal = Journal(most)
    for operation in operations:
        await journal.add(entry(journal, operation))
    return journal


async def test_entries_in_order_and_by_matcher() -> None:
    journal = await filled("create", "look", "look")
    assert [each.operation for each in journal] == ["create", "look", "look"]
    assert [each.number for each in journal.find(Matcher.read({"operation": "look"}))] == [2, 3]


async def test_what_is_dropped_is_counted() -> None:
    journal = await filled("create", "look", "look", most=2)
    assert (len(journal), journal.dropped, journal.total) == (2, 1, 3)
    assert [each.number for each in journal] == [2, 3]
    journal.clear()
    assert (len(journal), journal.dropped, journal.total) == (0, 0, 0)


async def test_large_bodies_make_room_sooner() -> None:
    journal = Journal(most=100, room=1000)
    for _ in range(5):
        await journal.add(entry(journal, "create", body="x" * 400))
    assert (len(journal), journal.dropped) == (2, 3)
    await journal.add(entry(journal, "create", body="x" * 5000))
    assert [each.number for each in journal] == [6]
    for _ in range(2):
        await journal.add(entry(journal, "create", body="x", length=900))
    assert [each.number for each in journal] == [8], "what is cut off the body is in the intent yet"


async def test_waiting_ends_with_the_entry() -> None:
    journal = await filled("create")
    waiting = asyncio.create_task(journal.wait(Matcher.read({"operation": "look"}), 2, 30))
    for _ in range(2):
        await journal.add(entry(journal, "look"))
    assert [each.number for each in await waiting] == [2, 3]


async def test_waiting_ends_with_its_time() -> None:
    journal = await filled("create")
    assert await journal.wait(Matcher.read({"operation": "look"}), 1, 0.01) == []


async def test_near_misses_say_what_was_missing() -> None:
    journal = await filled("create", "look")
    near = journal.near(Matcher.read({"operation": "create", "response.status": 404}))
    assert [(each.entry.number, each.misses) for each in near] == [(1, {"response.status": [200]})]


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        ({"match": {"operation": "look"}}, True),
        ({"match": {"operation": "look"}, "exactly": 2}, True),
        ({"match": {"operation": "look"}, "exactly": 1}, False),
        ({"match": {"operation": "look"}, "at_least": 3}, False),
        ({"match": {"operation": "look"}, "at_least": 1, "at_most": 2}, True),
        ({"match": {"operation": "look"}, "at_most": 1}, False),
        ({"match": {"operation": "stop"}}, False),
        ({"match": {"operation": "stop"}, "at_most": 3}, False),
        ({"match": {"operation": "stop"}, "exactly": 0}, True),
        ({"match": {"operation": "stop"}, "at_most": 0}, True),
        ({"in_order": [{"operation": "create"}, {"operation": "look"}, {"operation": "look"}]}, True),
        ({"in_order": [{"operation": "look"}, {"operation": "create"}]}, False),
        ({"in_order": [{"operation": "look"}, {"operation": "look"}, {"operation": "look"}]}, False),
    ],
)
async def test_verdicts(wanted: Any, *, passes: bool) -> None:
    verdict = verify(await filled("create", "look", "look"), Expectation.read(wanted))
    assert verdict.passed is passes
    assert bool(verdict.reason) is not passes


async def test_a_journal_with_gaps_proves_no_absence() -> None:
    journal = await filled("create", "look", "look", most=2)
    assert not verify(journal, Expectation.read({"match": {"operation": "create"}, "exactly": 0})).passed
    assert verify(journal, Expectation.read({"match": {"operation": "look"}, "at_least": 2})).passed


@pytest.mark.parametrize(
    "wanted",
    [
        [],
        {"exactly": -1},
        {"exactly": "2"},
        {"exactly": True},
        {"exactly": 1, "at_least": 1},
        {"at_least": 3, "at_most": 2},
        {"often": 2},
        {"in_order": []},
        {"in_order": [{}], "exactly": 1},
    ],
)
def test_what_is_no_expectation(wanted: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        Expectation.read(wanted)


async def test_heads_take_room_too() -> None:
    journal = Journal(most=100, room=1000)
    for _ in range(20):
        await journal.add(entry(journal, "look", answer_headers=(("X-Long", "y" * 200),)))
    assert (len(journal), journal.dropped) == (4, 16)
