"""Encryption at rest: with a key no credential is in any file of the database, and only the right key opens it."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mediaglot.gateway.exchange import Filter, Window, headers
from mediaglot.gateway.model import Access, Input, Job, Location, Secret, Ticket
from mediaglot.gateway.store import Key, Letter
from mediaglot.gateway.store.sqlite import FILE, SqliteStore
from mediaglot.gateway.store.vault import SHORTEST, Locked, Vault

PLANTED = b"planted-hunter2"
KEY, OTHER = Secret("the first key of this house"), Secret("another key, and a longer one")


async def fill(store: SqliteStore, ticket: Ticket) -> None:
    """A ticket, a letter and a thing, each with the credential in it."""
    hidden = Secret(PLANTED.decode())
    place = Location(
        url=f"https://h/a?X-Amz-Signature={hidden.reveal()}",
        access=Access(user="ann", password=hidden),
        spelling=hidden,
    )
    letter = Letter(
        id="letter-1",
        key=Key.of(ticket),
        target="t",
        event="finished",
        url=hidden,
        due=ticket.created,
        headers=headers(x_token=hidden.reveal()),
        answer=f"you said {hidden.reveal()}",
        body=PLANTED,
    )
    async with store.write() as tx:
        await tx.add(replace(ticket, job=Job(inputs=(Input(location=place),), document={"source": hidden.reveal()})))
        await tx.post(letter)
        await tx.put_thing("acme", "ann", "hook", "1", {"secret_token": hidden.reveal()})


async def check(store: SqliteStore, ticket: Ticket) -> None:
    found = await store.get(Key.of(ticket))
    assert found is not None
    assert found.job.inputs[0].location.verbatim == PLANTED.decode()
    letter = await store.letter("letter-1")
    assert letter is not None
    assert (letter.body, letter.answer) == (PLANTED, f"you said {PLANTED.decode()}")
    assert await store.get_thing("acme", "ann", "hook", "1") == {"secret_token": PLANTED.decode()}
    page = await store.list("acme", "ann", Filter(), Window(sort="source"))
    assert [item.id for item in page.items] == [ticket.id]


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_without_a_key_it_is_all_there_to_be_read(tmp_path: Path, make: Callable[..., Ticket]) -> None:
    """The proof that the other tests would find it."""
    async with await SqliteStore.open(tmp_path) as store:
        await fill(store, make(1))
    assert written(tmp_path).count(PLANTED) > 5


async def test_with_a_key_nothing_shows_and_everything_comes_back(tmp_path: Path, make: Callable[..., Ticket]) -> None:
    async with await SqliteStore.open(tmp_path, keys=[KEY]) as store:
        await fill(store, make(1))
        assert PLANTED not in written(tmp_path)
    assert PLANTED not in written(tmp_path)
    async with await SqliteStore.open(tmp_path, keys=[KEY, Secret("")]) as store:
        await check(store, make(1))


async def test_a_key_that_comes_later_covers_what_was_written_before(
    tmp_path: Path, make: Callable[..., Ticket]
) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        await fill(store, make(1))
    async with await SqliteStore.open(tmp_path, keys=[KEY]) as store:
        assert PLANTED not in written(tmp_path)
        await check(store, make(1))


async def test_what_was_broken_off_while_it_was_sealed_goes_on(tmp_path: Path, make: Callable[..., Ticket]) -> None:
    async with await SqliteStore.open(tmp_path) as store:
        await fill(store, make(1))
        kept = bytes((await store._reader.rows("SELECT body FROM bodies"))[0][0])
    async with await SqliteStore.open(tmp_path, keys=[KEY]):
        pass
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("UPDATE bodies SET body = ?", (kept,))
        database.execute("UPDATE keys SET whole = 0")
    database.close()
    assert PLANTED in written(tmp_path)
    async with await SqliteStore.open(tmp_path, keys=[KEY]) as store:
        assert PLANTED not in written(tmp_path)
        await check(store, make(1))


@pytest.mark.parametrize(
    ("keys", "hint"),
    [([], "MEDIAGLOT_DATA_KEY"), ([OTHER], "data_key_old"), ([Secret("short")], f"shorter than {SHORTEST}")],
)
async def test_a_missing_or_wrong_key_opens_nothing(
    tmp_path: Path, make: Callable[..., Ticket], keys: list[Secret], hint: str
) -> None:
    async with await SqliteStore.open(tmp_path, keys=[KEY]) as store:
        await fill(store, make(1))
    before = written(tmp_path)
    with pytest.raises(Locked, match=hint):
        await SqliteStore.open(tmp_path, keys=keys)
    assert written(tmp_path) == before
    async with await SqliteStore.open(tmp_path, keys=[KEY]) as store:
        await check(store, make(1))


@pytest.mark.heavy
async def test_a_key_is_changed_with_the_old_one_beside_it(tmp_path: Path, make: Callable[..., Ticket]) -> None:
    async with await SqliteStore.open(tmp_path, keys=[KEY]) as store:
        await fill(store, make(1))
    async with await SqliteStore.open(tmp_path, keys=[OTHER, KEY]) as store:
        await check(store, make(1))
    async with await SqliteStore.open(tmp_path, keys=[OTHER]) as store:
        await check(store, make(1))
    with pytest.raises(Locked):
        await SqliteStore.open(tmp_path, keys=[KEY])


def test_a_sealed_document_can_not_be_changed() -> None:
    vault = Vault({7: bytes(32)}, 7)
    sealed = vault.seal(b'{"a": 1}')
    assert vault.open(sealed) == b'{"a": 1}'
    assert sealed != vault.seal(b'{"a": 1}'), "no nonce comes twice"
    for place in (6, len(sealed) - 1):
        broken = bytearray(sealed)
        broken[place] ^= 1
        with pytest.raises(Locked, match="damaged"):
            vault.open(bytes(broken))
    with pytest.raises(Locked, match="not there"):
        Vault().open(sealed)


async def test_nobody_else_can_read_the_files(tmp_path: Path, make: Callable[..., Ticket]) -> None:
    folder = tmp_path / "data"
    async with await SqliteStore.open(folder) as store:
        await fill(store, make(1))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert {FILE, f"{FILE}-wal", f"{FILE}-shm", "lock"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


async def test_a_database_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    (tmp_path / FILE).touch(0o644)
    (tmp_path / FILE).chmod(0o644)
    async with await SqliteStore.open(tmp_path):
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
