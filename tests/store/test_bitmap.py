"""Sets of positions: in memory, in rows, and kept right by whatever happens to tickets."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediaglot.gateway.exchange import Filter, Window
from mediaglot.gateway.model import Status
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.bitmap import CHUNK, FEW, one_bit, pack, part, positions, unpack, with_bits, without_bit
from mediaglot.gateway.store.connection import SqliteConnection
from mediaglot.gateway.store.migration import FOLDER, migrate
from mediaglot.gateway.store.rank import rank
from mediaglot.gateway.store.sqlite import FILE, SqliteStore

FEWER = settings(max_examples=30, deadline=None, database=None)
SETS = st.sets(st.integers(0, CHUNK - 1), max_size=3 * FEW) | st.integers(0, CHUNK).map(lambda n: set(range(n)))


def bits_of(numbers: set[int]) -> int:
    return sum(1 << number for number in numbers)


@FEWER
@given(SETS, SETS)
def test_sets_come_back_from_their_rows(one: set[int], other: set[int]) -> None:
    assert unpack(pack(bits_of(one))) == bits_of(one)
    assert list(positions(bits_of(one))) == sorted(one)
    assert with_bits(pack(bits_of(one)), pack(bits_of(other))) == pack(bits_of(one | other))
    assert len(pack(bits_of(one))) <= 1 + CHUNK // 8


@FEWER
@given(SETS, st.integers(0, CHUNK - 1))
def test_one_number_comes_and_goes(numbers: set[int], number: int) -> None:
    more = with_bits(pack(bits_of(numbers)), one_bit(number))
    assert unpack(more) == bits_of(numbers | {number})
    assert without_bit(more, number) == pack(bits_of(numbers - {number}))


@FEWER
@given(SETS, st.integers(0, CHUNK), st.integers(0, 200))
def test_a_part_is_a_slice(numbers: set[int], offset: int, limit: int) -> None:
    assert part(bits_of(numbers), offset, limit) == sorted(numbers)[offset : offset + limit]


OWNER = {"dialect": "acme", "account": "ann"}
FAILED = Filter(statuses=frozenset({Status.FAILED}))


async def rows(store: SqliteStore) -> list[tuple[object, ...]]:
    return await store._reader.rows("SELECT name, value, chunk, bits FROM bitmaps ORDER BY name, value, chunk")


async def test_bits_follow_tickets_to_their_end(store, make, add):
    keys = await add(*(make(number) for number in range(5)), facets={"drm": "yes"})
    async with store.write() as tx:
        await tx.put(replace(await tx.get(keys[1]), status=Status.FAILED, finished=make(1).created))
        await tx.put(replace(await tx.get(keys[3]), deleted=make(9).created))
        await tx.put(await tx.get(keys[4]), {"drm": "no"})
    shown = {(name, value): list(positions(unpack(bits))) for name, value, _, bits in await rows(store)}
    assert shown[":status", "queued"] == [1, 3, 5]
    assert shown[":status", "failed"] == [2]
    assert shown["drm", "yes"] == [1, 2, 3]
    assert shown["drm", "no"] == [5]
    async with store.write() as tx:
        await tx.forget(keys[1])
    shown = {(name, value): list(positions(unpack(bits))) for name, value, _, bits in await rows(store)}
    assert (":status", "failed") not in shown
    assert shown["drm", "yes"] == [1, 3]


@pytest.mark.heavy
async def test_lists_go_over_many_chunks(store, make):
    count = CHUNK + 500
    async with store.write() as tx:
        await tx.serials("unused")
        await tx._connection.rows(
            "INSERT INTO owners (dialect, account, serial) VALUES ('acme', 'ann', :n)", n=count - 600
        )
        for number in range(800):
            status = Status.FAILED if number % 3 else Status.QUEUED
            await tx.add(make(number, status=status), {"zone": "a" if number % 2 else "b"})
    failed = [f"job-{number}" for number in range(800) if number % 3]
    for descending in (False, True):
        expected = failed[::-1] if descending else failed
        for offset in (0, 250, 400, 530):
            page = await store.list("acme", "ann", FAILED, Window(offset=offset, limit=5, descending=descending))
            assert [ticket.id for ticket in page.items] == expected[offset : offset + 5]
            assert page.total == len(failed)
    both = replace(FAILED, facets={"zone": "a"}, created_from=make(100).created, created_to=make(699).created)
    page = await store.list("acme", "ann", both, Window(sort="id"))
    wanted = {f"job-{number}" for number in range(100, 700) if number % 3 and number % 2}
    assert {ticket.id for ticket in page.items} == wanted
    assert page.total == len(wanted)
    nobody = replace(FAILED, created_from=make(5000).created)
    assert (await store.list("acme", "ann", nobody, Window())).total == 0


async def test_an_account_whose_clock_was_set_back_is_listed_all_the_same(store, make, add):
    await add(make(1), make(2))
    assert (await rank(store._reader, OWNER, Filter())).ordered
    await add(make(3, minute=0))
    assert not (await rank(store._reader, OWNER, Filter())).ordered
    page = await store.list("acme", "ann", Filter(), Window())
    assert [ticket.id for ticket in page.items] == ["job-3", "job-1", "job-2"]
    other = {"dialect": "acme", "account": "bob"}
    await add(make(4, account="bob"), make(5, account="bob"))
    assert (await rank(store._reader, other, Filter())).ordered


@pytest.mark.parametrize("ordered", [True, False])
async def test_data_from_before_the_bitmaps_gets_them(tmp_path, make, ordered):
    earlier = tmp_path / "migrations"
    earlier.mkdir()
    (earlier / "0001_first.sql").write_text((FOLDER / "0001_first.sql").read_text())
    connection = await SqliteConnection.open(tmp_path / FILE)
    await migrate(connection, earlier)
    await connection.rows("BEGIN")
    await connection.rows("INSERT INTO owners VALUES (1, 'acme', 'ann', 300)")
    chance = random.Random(1)
    for serial in range(1, 301):
        minute = serial if ordered else chance.randrange(300)
        created = (make(0).created + timedelta(minutes=minute)).timestamp() * 1e6
        status = "failed" if serial % 5 == 0 else "finished"
        await connection.rows(
            "INSERT INTO tickets (number, owner, id, serial, status, created) VALUES (:n, 1, 'job-' || :n, :n, :s, :c)",
            n=serial,
            s=status,
            c=int(created),
        )
        await connection.rows("INSERT INTO facets VALUES (1, 'drm', 'yes', :c, :n)", c=int(created), n=serial)
    await connection.rows("COMMIT")
    await connection.close()
    async with await SqliteStore.open(tmp_path) as store:
        found = await rank(store._reader, OWNER, replace(FAILED, facets={"drm": "yes"}))
        assert found.ordered is ordered
        assert found.total == 60
        assert found.page("created", 58, 2, descending=False) == [295, 300]
        assert found.page("created", 58, 2, descending=True) == [10, 5]


async def test_what_lists_read_is_as_much_as_the_tickets_tell(store, make):
    """After any changes the bits are those of the tickets that are there."""
    chance, kinds = random.Random(3), list(Status)
    async with store.write() as tx:
        for number in range(200):
            await tx.add(make(number, status=chance.choice(kinds)))
    for _ in range(4):
        async with store.write() as tx:
            for number in chance.sample(range(200), 60):
                ticket = await tx.get(Key("acme", "ann", f"job-{number}"))
                if ticket is not None and ticket.deleted is None:
                    gone = ticket.created if chance.random() < 0.2 else None
                    await tx.put(replace(ticket, status=chance.choice(kinds), deleted=gone))
        for status in kinds:
            found = await rank(store._reader, OWNER, Filter(statuses=frozenset({status})))
            counted = await store._reader.rows(
                "SELECT serial FROM tickets WHERE status = :s AND deleted IS NULL ORDER BY serial", s=status.value
            )
            assert found.serials() == [row[0] for row in counted]
