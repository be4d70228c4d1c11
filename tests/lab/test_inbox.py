"""Letter boxes hold what came, as much as there is room for, and answer as they are told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from mediaglot.gateway.lab import inbox
from mediaglot.gateway.lab.inbox import Inbox, Manners
from mediaglot.gateway.lab.matcher import Matcher

NOW = datetime(2026, 1, 1, tzinfo=UTC)


async def put(boxes: Inbox, name: str, body: str = "") -> int:
    return await boxes.put(name, NOW, "POST", "", (), body)


async def test_boxes_by_name() -> None:
    boxes = Inbox()
    for name in ("one", "two", "one"):
        assert await put(boxes, name, name) == 200
    assert [message.number for message in boxes.messages("one")] == [1, 2]
    boxes.clear("one")
    assert (boxes.messages("one"), len(boxes.messages("two"))) == ([], 1)


async def test_old_messages_make_room() -> None:
    boxes = Inbox()
    for _ in range(inbox.MOST + 1):
        await put(boxes, "one")
    assert [boxes.messages("one")[0].number, len(boxes.messages("one"))] == [2, inbox.MOST]


async def test_all_boxes_together_have_a_bound() -> None:
    boxes, large = Inbox(), "x" * (inbox.ROOM // 2 - 1)
    for name in ("one", "two", "three"):
        await put(boxes, name, large)
    assert [len(boxes.messages(name)) for name in ("one", "two", "three")] == [0, 1, 1]
    for _ in range(3):
        await put(boxes, "three", large)
    assert [len(boxes.messages(name)) for name in ("two", "three")] == [0, 2]


async def test_refusals_are_counted_down() -> None:
    boxes = Inbox()
    boxes.behave("one", Manners(status=500, times=2))
    assert [await put(boxes, "one") for _ in range(3)] == [500, 500, 200]
    boxes.behave("one", Manners(status=410))
    assert [await put(boxes, "one") for _ in range(3)] == [410, 410, 410]


@pytest.mark.parametrize(
    "document", [{}, {"status": 199}, {"status": 600}, {"status": True}, {"status": 500, "times": 0}, {"say": 500}]
)
def test_manners_that_can_not_be(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"status|times|say"):
        Manners.read(document)


async def test_waiting_for_a_message() -> None:
    boxes = Inbox()
    waiting = asyncio.create_task(boxes.wait("one", Matcher.read({"body": "b"}), 1, 30))
    for body in ("a", "b"):
        await put(boxes, "one", body)
    assert [message.body for message in await waiting] == ["b"]
    assert await boxes.wait("one", Matcher.read({"body": "c"}), 1, 0.01) == []
