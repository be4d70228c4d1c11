"""The database file: one owner, migrations, crashes."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from mediaglot.gateway.model import Access, Input, Job, Location, Secret
from mediaglot.gateway.store import Key, Letter
from mediaglot.gateway.store.connection import SqliteConnection, to_the_end
from mediaglot.gateway.store.folder import FolderInUse
from mediaglot.gateway.store.migration import NewerData, migrate
from mediaglot.gateway.store.sqlite import FILE, SqliteStore

CHILD = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from mediaglot.gateway.model import Job, Ticket
from mediaglot.gateway.store import Key, Work
from mediaglot.gateway.store.sqlite import SqliteStore

async def main() -> None:
    store = await SqliteStore.open(Path(sys.argv[1]))
    async def submit(lane: int) -> None:
        while True:
            async with store.write() as tx:
                (serial,) = await tx.serials("ids")
                ticket = Ticket(id=str(serial), account="ann", dialect="acme", job=Job(), created=datetime.now(UTC))
                await tx.add(ticket)
                await tx.enqueue(Work(key=Key.of(ticket)))
            print(serial, flush=True)
    await asyncio.gather(*(submit(lane) for lane in range(8)))

asyncio.run(main())
"""


@pytest.mark.heavy
async def test_kill_9_in_the_middle_of_writes_loses_nothing_that_was_told(tmp_path):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    told = [int(await child.stdout.readline()) for _ in range(200)]
    child.send_signal(signal.SIGKILL)
    told += [int(line) for line in (await child.stdout.read()).split()]
    assert await child.wait() == -signal.SIGKILL
    async with await SqliteStore.open(tmp_path) as store:
        found = await store.get_many("acme", "ann", [str(serial) for serial in told])
        assert len(found) == len(told) == len(set(told))
        live = await store.live()
        assert {work.key for work in await store.queue()} == set(live), "a ticket and its work are kept together"
        assert sum((await store.count("acme", "ann")).values()) == len(live)
        async with store.write() as tx:
            assert (await tx.serials("ids"))[0] > max(told)


async def test_a_data_folder_has_one_owner_and_the_refusal_says_who(tmp_path):
    async with await SqliteStore.open(tmp_path):
        with pytest.raises(FolderInUse, match=rf"process {os.getpid()}.*--data"):
            await SqliteStore.open(tmp_path)
    await (await SqliteStore.open(tmp_path)).close()


async def test_power_cut_safety_is_a_setting(tmp_path):
    for durable, level in ((False, 1), (True, 2)):
        async with await SqliteStore.open(tmp_path, durable=durable) as store:
            assert await store._writer.rows("PRAGMA synchronous") == [(level,)]
            assert await store._writer.rows("PRAGMA journal_mode") == [("wal",)]


async def test_data_of_a_later_version_is_refused_and_left_alone(tmp_path):
    await (await SqliteStore.open(tmp_path)).close()
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("INSERT INTO migrations VALUES (999, 'future')")
    database.close()
    with pytest.raises(NewerData, match="999"):
        await SqliteStore.open(tmp_path)
    with pytest.raises(NewerData, match="999"):
        await SqliteStore.open(tmp_path)


@pytest.fixture
async def bare(tmp_path: Path):
    connection = await SqliteConnection.open(tmp_path / "bare.db")
    yield connection
    await connection.close()


@pytest.mark.parametrize("content", [b"no database\n" * 100, None])
def test_what_can_not_be_opened_leaves_no_thread_that_outlives_its_loop(tmp_path, content, monkeypatch):
    """It would complain to whoever started the command."""
    file, complaints = tmp_path / "bare.db", []
    file.mkdir() if content is None else file.write_bytes(content)
    monkeypatch.setattr(threading, "excepthook", complaints.append)
    before = threading.enumerate()
    for _ in range(50):
        with pytest.raises(sqlite3.Error):
            asyncio.run(SqliteConnection.open(file, "journal_mode = WAL"))
    for thread in threading.enumerate():
        if thread not in before:
            thread.join(10)
    assert complaints == []


async def test_migrations_run_once_and_in_order(bare, tmp_path):
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (x); INSERT INTO a VALUES (1);")
    assert await migrate(bare, tmp_path) == 1
    (tmp_path / "0002_second.sql").write_text("UPDATE a SET x = x + 1;")
    (tmp_path / "0010_third.sql").write_text("UPDATE a SET x = x * 10; -- a comment at the end")
    assert await migrate(bare, tmp_path) == 2
    assert await migrate(bare, tmp_path) == 0
    assert await bare.rows("SELECT x FROM a") == [(20,)]


async def test_a_new_database_is_what_the_migrations_make(bare, tmp_path):
    """It begins as a copy of one that was made in memory."""
    await migrate(bare)
    asked = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
    await (await SqliteStore.open(tmp_path / "new")).close()
    with sqlite3.connect(tmp_path / "new" / FILE) as database:
        assert database.execute(asked).fetchall() == await bare.rows(asked)
        assert database.execute("SELECT * FROM migrations").fetchall() == await bare.rows("SELECT * FROM migrations")
        assert database.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
    database.close()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["lock", FILE]


async def test_one_that_was_cut_off_while_it_was_made_is_made_again(tmp_path):
    (tmp_path / f"{FILE}.new").write_bytes(b"half of i")
    (tmp_path / FILE).touch()
    await (await SqliteStore.open(tmp_path)).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", FILE]
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


async def test_a_database_that_was_taken_away_leaves_nothing_to_the_next_one(tmp_path):
    """Its log stays after kill -9, and would be read as the new one's."""
    killed = """
import asyncio, os, signal, sys
from pathlib import Path
from mediaglot.gateway.store.sqlite import SqliteStore

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    async with store.write() as tx:
        await tx.put_thing("acme", "ann", "preset", "old", {"a": "x" * 100_000})
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", killed, str(tmp_path))
    assert await child.wait() == -signal.SIGKILL
    assert (tmp_path / f"{FILE}-wal").stat().st_size
    (tmp_path / FILE).unlink()
    async with await SqliteStore.open(tmp_path) as store:
        assert await store.list_things("acme", "ann", "preset") == ()
        async with store.write() as tx:
            await tx.put_thing("acme", "ann", "preset", "new", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", FILE]


async def test_a_new_database_lies_where_a_link_in_the_folder_leads(tmp_path):
    place = tmp_path / "disk" / "real.db"
    for folder in ("data", "disk"):
        (tmp_path / folder).mkdir()
    (tmp_path / "data" / FILE).symlink_to(place)
    await (await SqliteStore.open(tmp_path / "data")).close()
    assert (tmp_path / "data" / FILE).is_symlink()
    with sqlite3.connect(place) as database:
        assert database.execute("SELECT count(*) FROM tickets").fetchall() == [(0,)]
    database.close()


async def test_a_broken_migration_changes_nothing(bare, tmp_path):
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE a (x);")
    (tmp_path / "0002_broken.sql").write_text("INSERT INTO a VALUES (1); INSERT INTO nowhere VALUES (1);")
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        await migrate(bare, tmp_path)
    assert await bare.rows("SELECT x FROM a") == []
    assert await bare.rows("SELECT name FROM migrations") == [("0001_first",)]
    assert not bare.in_transaction


async def test_what_must_end_ends_before_the_cancellation_is_passed_on():
    begun, go, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def commit() -> None:
        begun.set()
        await go.wait()
        ended.set()

    task = asyncio.create_task(to_the_end(commit()))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_credentials_are_in_bodies_only(store, make):
    """So that encrypting the bodies is enough to keep them."""
    location = Location(
        url="ftp://h/a.mp4", access=Access(user="u", password=Secret("hunter2")), spelling=Secret("ftp://u:hunter2@h/a")
    )
    ticket = replace(make(1), job=Job(inputs=(Input(location=location),)))
    letter = Letter(
        id="l", key=Key.of(ticket), target="t", event="e", url=Secret("http://u:hunter2@x"), due=ticket.created
    )
    async with store.write() as tx:
        await tx.add(ticket)
        await tx.post(letter)
    tables = [row[0] for row in await store._reader.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        columns = [row[1] for row in await store._reader.rows(f"PRAGMA table_info({table})") if row[1] != "body"]
        rows = await store._reader.rows(f"SELECT {', '.join(columns)} FROM {table}")
        assert "hunter2" not in repr(rows), table
    assert "tickets" in tables
