"""Tickets in the store: kept, changed, found, isolated, forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.faults import Conflict, NotFound
from mediaglot.gateway.model import Made, Secret, Status, Ticket
from mediaglot.gateway.store import Key, Letter, Topic, Work
from mediaglot.gateway.store.sqlite import SqliteStore


async def reopened(store: SqliteStore, folder: Path) -> SqliteStore:
    await store.close()
    return await SqliteStore.open(folder)


async def test_a_ticket_comes_back_after_reopening(tmp_path, make):
    store = await SqliteStore.open(tmp_path)
    async with store.write() as tx:
        added = await tx.add(make(1))
    async with await reopened(store, tmp_path) as again:
        assert again.peek(Key.of(added)) is None
        assert await again.get(Key.of(added)) == added
        assert again.peek(Key.of(added)) == added


async def test_serials_count_the_submissions_of_one_account(store, make):
    async with store.write() as tx:
        anns = [await tx.add(make(n)) for n in range(3)]
        bobs = await tx.add(make(0, account="bob"))
    assert [ticket.serial for ticket in anns] == [1, 2, 3]
    assert bobs.serial == 1


async def test_a_taken_key_is_a_conflict_and_changes_nothing(store, make, add):
    (key,) = await add(make(1))
    with pytest.raises(Conflict):
        await add(make(2), make(1, status=Status.FAILED))
    assert (await store.get(key)).status is Status.QUEUED
    assert await store.get(Key("acme", "ann", "job-2")) is None


async def test_an_exception_undoes_the_transaction_and_the_cache(store, make, add):
    (key,) = await add(make(1))

    async def undone() -> None:
        async with store.write() as tx:
            await tx.put(replace(await tx.get(key), status=Status.FAILED))
            assert (await tx.get(key)).status is Status.FAILED
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert store.peek(key).status is Status.QUEUED
    async with store.write() as tx:
        assert (await tx.get(key)).status is Status.QUEUED


async def test_the_cache_changes_only_after_the_commit(store, make, add):
    (key,) = await add(make(1))
    async with store.write() as tx:
        await tx.put(replace(await tx.get(key), status=Status.RUNNING))
        assert store.peek(key).status is Status.QUEUED
        assert (await store.get(key)).status is Status.QUEUED
    assert store.peek(key).status is Status.RUNNING


async def test_putting_what_does_not_exist_is_not_found(store, make):
    with pytest.raises(NotFound):
        async with store.write() as tx:
            await tx.put(make(1))


async def test_progress_is_seen_at_once_and_kept_by_the_next_put(tmp_path, make):
    store = await SqliteStore.open(tmp_path, cache=2)
    async with store.write() as tx:
        keys = [Key.of(await tx.add(make(n))) for n in range(2)]
    touched = store.touch(keys[0], lambda ticket: replace(ticket, progress=Fraction(1, 2)))
    assert touched is not None
    async with store.write() as tx:
        for number in range(2, 9):
            await tx.add(make(number))
    assert store.peek(keys[0]).progress == Fraction(1, 2), "progress is not evicted"
    assert store.peek(keys[1]) is None
    assert store.touch(keys[1], lambda ticket: ticket) is None
    async with store.write() as tx:
        await tx.put(replace(await tx.get(keys[0]), status=Status.RUNNING))
    async with await reopened(store, tmp_path) as again:
        assert (await again.get(keys[0])).progress == Fraction(1, 2)


@pytest.mark.heavy
async def test_get_many_keeps_the_order_and_leaves_out_strangers(tmp_path, make):
    store = await SqliteStore.open(tmp_path)
    async with store.write() as tx:
        for number in range(500):
            await tx.add(make(number))
        await tx.add(make(0, account="bob", id="bobs"))
    async with await reopened(store, tmp_path) as again:
        wanted = [f"job-{number}" for number in reversed(range(450))]
        found = await again.get_many("acme", "ann", ["none", *wanted, "bobs"])
    assert [ticket.id for ticket in found] == wanted


async def test_an_output_leads_to_its_ticket_until_it_is_replaced_or_deleted(store, make, add):
    (key,) = await add(make(1))
    assert await store.find_output("acme", "ann", "out-1-1") == key
    assert await store.find_output("acme", "bob", "out-1-1") is None
    async with store.write() as tx:
        await tx.put(replace(await tx.get(key), outputs=(Made(id="new"),)))
    assert await store.find_output("acme", "ann", "out-1-1") is None
    assert await store.find_output("acme", "ann", "new") == key
    async with store.write() as tx:
        ticket = await tx.get(key)
        await tx.put(replace(ticket, deleted=ticket.created))
    assert await store.find_output("acme", "ann", "new") is None


async def test_accounts_and_dialects_do_not_see_each_other(store, make, add):
    await add(make(1), make(2, account="bob"), make(3, dialect="zed"))
    assert await store.get(Key("acme", "bob", "job-1")) is None
    assert await store.get(Key("zed", "ann", "job-1")) is None
    assert await store.get_many("acme", "bob", ["job-1", "job-2", "job-3"]) == (
        await store.get(Key("acme", "bob", "job-2")),
    )


async def test_live_lists_what_is_not_at_its_end(store, make, add):
    states = [Status.HELD, Status.QUEUED, Status.RUNNING, Status.UNKNOWN]
    over = [Status.FINISHED, Status.FAILED, Status.CANCELLED]
    keys = await add(*(make(n, status=status) for n, status in enumerate(states + over)))
    assert await store.live() == tuple(keys[:4])
    async with store.write() as tx:
        await tx.put(replace(await tx.get(keys[0]), status=Status.CANCELLED))
        await tx.put(replace(await tx.get(keys[5]), status=Status.QUEUED))
    assert await store.live() == (keys[1], keys[2], keys[3], keys[5])
    assert await store.live(Status.QUEUED) == (keys[1], keys[5])
    assert await store.live(Status.FINISHED) == ()


async def test_unqueued_are_those_that_wait_for_nothing(store, make, add):
    waiting, claimed, lost, other, _ = await add(
        *(make(n) for n in range(3)), make(2, account="bob"), make(4, status=Status.HELD)
    )
    async with store.write() as tx:
        for key in (waiting, claimed):
            await tx.enqueue(Work(key=key, priority=int(key is claimed)))
        assert (await tx.claim()).key == claimed
    assert await store.unqueued() == (lost, other)


async def test_counts_follow_every_change(store, make, add):
    keys = await add(*(make(n) for n in range(5)), make(9, account="bob"))
    async with store.write() as tx:
        for key, status in zip(keys, (Status.RUNNING, Status.FAILED, Status.FAILED), strict=False):
            await tx.put(replace(await tx.get(key), status=status))
    async with store.write() as tx:
        ticket = await tx.get(keys[1])
        await tx.put(replace(ticket, deleted=ticket.created))
    assert await store.count("acme", "ann") == {Status.RUNNING: 1, Status.FAILED: 1, Status.QUEUED: 2}
    assert await store.count("acme", "nobody") == {}


def over(ticket: Ticket) -> Ticket:
    return replace(ticket, status=Status.FINISHED, finished=ticket.created + timedelta(hours=1))


async def test_what_is_forgotten_leaves_nothing(store, make, add):
    old, young, live = await add(over(make(0)), over(make(100)), make(0, id="live"))
    letter = Letter(id="l", key=old, target="t", event="e", url=Secret("http://x"), due=make(0).created)
    async with store.write() as tx:
        await tx.post(letter)
    assert (await store.list("acme", "ann", Filter(), Window())).total == 3
    async with store.write() as tx:
        await tx.forget(old)
    assert await store.get(old) is None
    assert store.peek(old) is None
    assert await store.letters(old) == ()
    assert await store.find_output("acme", "ann", "out-0-0") == live
    assert await store.count("acme", "ann") == {Status.FINISHED: 1, Status.QUEUED: 1}
    assert {one.id for one in (await store.list("acme", "ann", Filter(), Window())).items} == {young.id, live.id}


async def test_tickets_are_found_by_their_end_page_by_page(store, make, add):
    keys = await add(*(over(make(number, minute=number // 3)) for number in range(9)))
    await add(make(50), over(make(60)))
    before, found, after = over(make(60)).finished, [], None
    while page := await store.ended(before, 2, after):
        assert len(page) <= 2
        found, after = [*found, *page], page[-1]
    assert [one.key for one in found] == keys
    assert found[0].ended == make(0).created + timedelta(hours=1)


async def test_serial_numbers_never_repeat(tmp_path):
    store = await SqliteStore.open(tmp_path)
    async with store.write() as tx:
        assert list(await tx.serials("jobs", 3, start=1000)) == [1000, 1001, 1002]
        assert list(await tx.serials("jobs", start=1)) == [1003]
        assert list(await tx.serials("other")) == [1]
    async with await reopened(store, tmp_path) as again, again.write() as tx:
        assert list(await tx.serials("jobs", 2, start=1000)) == [1004, 1005]


@pytest.mark.heavy
async def test_a_thousand_concurrent_writes_are_all_there(store, make):
    async def submit(number: int) -> Ticket:
        async with store.write() as tx:
            (serial,) = await tx.serials("ids")
            return await tx.add(make(number, id=f"id-{serial}"))

    made = await asyncio.gather(*(submit(number) for number in range(1000)))
    assert {ticket.serial for ticket in made} == set(range(1, 1001))
    assert sum((await store.count("acme", "ann")).values()) == 1000
    assert len(await store.get_many("acme", "ann", [f"id-{n}" for n in range(1, 1001)])) == 1000


async def test_concurrent_changes_of_one_ticket_are_not_lost(store, make, add):
    (key,) = await add(make(1))

    async def count_up() -> None:
        async with store.write() as tx:
            ticket = await tx.get(key)
            await asyncio.sleep(0)
            await tx.put(replace(ticket, revision=ticket.revision + 1))

    await asyncio.gather(*(count_up() for _ in range(50)))
    assert store.peek(key).revision == 50


async def test_a_cancelled_writer_leaves_no_transaction_open(store, make, add):
    """Cancelled at every await in turn: the ticket is there completely or not at all, and the store goes on."""
    for step in range(40):

        async def submit(number: int) -> None:
            async with store.write() as tx:
                await tx.add(make(number))

        task = asyncio.create_task(submit(step))
        for _ in range(step):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        key = Key("acme", "ann", f"job-{step}")
        assert (store.peek(key) is not None) == (await store.get(key) is not None)
    await add(make(1000))
    assert sum((await store.count("acme", "ann")).values()) == len(await store.live())


async def test_watchers_hear_of_commits_only(store, make):
    heard: list[frozenset[Key]] = []
    store.watch(Topic.TICKETS, heard.append)
    async with store.write() as tx:
        first, second = Key.of(await tx.add(make(1))), Key.of(await tx.add(make(2)))
        assert heard == []

    async def undone() -> None:
        async with store.write() as tx:
            await tx.add(make(3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await undone()
    assert heard == [frozenset({first, second})]
