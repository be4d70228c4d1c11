"""What is over is forgotten when its time has come: by the clock, in small steps, and nothing of what is younger."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mediaglot.gateway.backends.announce import follow, packed
from mediaglot.gateway.backends.dropbox import note
from mediaglot.gateway.backends.ffmpeg import FFmpegCraft
from mediaglot.gateway.backends.retention import BATCH, Keep, Retention
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Thing
from mediaglot.gateway.http.uploads import Uploads
from mediaglot.gateway.model import Input, Job, Location, Secret, Status, Ticket
from mediaglot.gateway.store import Attempt, Key, Letter, LetterFilter, LetterState
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.gateway.transfer import Carrier
from mediaglot.gateway.transfer.policy import Policy

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
async def craft(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[FFmpegCraft]:
    carrier = Carrier(Policy(), clock)
    yield FFmpegCraft(tmp_path, pytest.fail, pytest.fail, carrier)
    await carrier.close()


@pytest.fixture
def keeping(store: SqliteStore, craft: FFmpegCraft, clock: VirtualClock) -> Callable[..., Retention]:
    return lambda **keep: Retention(store, craft, clock, Keep(**keep), dialect=lambda _: None)


async def fill(store: SqliteStore, craft: FFmpegCraft, *ages: float) -> list[Key]:
    """A finished job with a result for each age in hours; None is one that runs."""
    keys = []
    for number, age in enumerate(ages):
        ended = START - timedelta(hours=age)
        ticket = Ticket(id=f"job-{number}", account="ann", dialect="acme", job=Job(), created=START - 1000 * HOUR)
        ticket = replace(ticket, ids={"folder": f"room-{number}"}, status=Status.FINISHED, finished=ended)
        async with store.write() as tx:
            keys.append(Key.of(await tx.add(ticket)))
        (craft.outputs / f"room-{number}").mkdir(parents=True)
        (craft.outputs / f"room-{number}" / "a.mp4").write_bytes(b"x")
    return keys


def rooms(craft: FFmpegCraft) -> set[str]:
    return {path.name.removeprefix("room-") for path in craft.outputs.iterdir()}


async def ids(store: SqliteStore) -> set[str]:
    return {one.key.id for one in await store.ended(START + 1000 * HOUR, 1000)}


async def test_jobs_go_with_everything_after_their_time(store: Any, craft: Any, keeping: Any) -> None:
    ages = [10, 9, 1, 0] + [20] * (2 * BATCH)
    await fill(store, craft, *ages)
    await keeping(jobs=5 * HOUR).sweep()
    assert await ids(store) == {"job-2", "job-3"}
    assert rooms(craft) == {"2", "3"}
    assert (await store.count("acme", "ann"))[Status.FINISHED] == 2


async def test_results_go_and_their_jobs_stay(store: Any, craft: Any, keeping: Any, clock: VirtualClock) -> None:
    await fill(store, craft, 10, 9, 1)
    await keeping(results=5 * HOUR).sweep()
    assert rooms(craft) == {"2"}
    assert await ids(store) == {"job-0", "job-1", "job-2"}
    (craft.outputs / "room-0").mkdir()  # nobody looks there again,
    await clock.advance(4.5 * 3600)
    await keeping(results=5 * HOUR).sweep()
    assert rooms(craft) == {"0"}
    async with store.write() as tx:  # unless the job is made again
        ticket = await tx.get(Key("acme", "ann", "job-0"))
        await tx.put(replace(ticket, finished=clock.now()))
    await clock.advance(6 * 3600)
    await keeping(results=5 * HOUR).sweep()
    assert rooms(craft) == set()


async def test_a_job_that_runs_again_keeps_what_it_makes(store: Any, craft: Any, keeping: Any) -> None:
    (key,) = await fill(store, craft, 10)
    async with store.write() as tx:
        await tx.put(replace(await tx.get(key), status=Status.RUNNING, finished=None))
    await keeping(results=HOUR, jobs=HOUR).sweep()
    assert rooms(craft) == {"0"}
    assert (await store.get(key)).status is Status.RUNNING


@pytest.mark.parametrize("keep", [Keep(results=HOUR), Keep(jobs=HOUR)])
async def test_a_job_that_begins_again_while_it_is_looked_at_stays(
    tmp_path: Path, craft: Any, clock: VirtualClock, keep: Keep
) -> None:
    class Begun(SqliteStore):
        """Every job that is found over begins again before anything else happens."""

        async def ended(self, *asked: Any) -> Any:
            found = await super().ended(*asked)
            for one in found:
                async with self.write() as tx:
                    ticket = await tx.get(one.key)
                    assert ticket is not None
                    await tx.put(replace(ticket, status=Status.QUEUED, finished=None))
            return found

    async with await Begun.open(tmp_path / "data") as store:
        (key,) = await fill(store, craft, 10)
        await Retention(store, craft, clock, keep, dialect=lambda _: None).sweep()
        assert rooms(craft) == {"0"}
        assert await store.get(key) is not None


async def test_documents_of_a_job_go_with_it_but_for_those_that_outlive_it(
    store: Any, craft: Any, clock: VirtualClock
) -> None:
    class Billing(Dialect):
        name: ClassVar[str] = "acme"

        def derive(self, ticket: Ticket) -> tuple[Thing, ...]:
            bill = Thing(kind="bill", id=ticket.id, document={})
            return (bill,) if ticket.deleted is not None else (bill, Thing(kind="film", id=ticket.id, document={}))

    billing = Billing()
    for key in await fill(store, craft, 10, 10):
        async with store.write() as tx:
            await follow(tx, billing, await tx.get(key))
    assert await things(store) == {"film": ["job-0", "job-1"], "bill": ["job-0", "job-1"]}
    async with store.write() as tx:
        await follow(tx, billing, replace(await tx.get(Key("acme", "ann", "job-0")), deleted=START))
    assert await things(store) == {"film": ["job-1"], "bill": ["job-0", "job-1"]}
    await Retention(store, craft, clock, Keep(jobs=HOUR), dialect=lambda _: billing).sweep()
    assert await things(store) == {"film": [], "bill": ["job-0", "job-1"]}


async def things(store: SqliteStore) -> dict[str, list[str]]:
    return {kind: [one for one, _ in await store.list_things("acme", "ann", kind)] for kind in ("film", "bill")}


async def test_letters_go_when_they_are_over(store: Any, keeping: Any) -> None:
    def letter(name: str, age: float, state: LetterState) -> Letter:
        due, key = START - timedelta(hours=age), Key("acme", "ann", "1")
        return Letter(id=name, key=key, target="t", event="e", url=Secret("http://x"), due=due, state=state)

    async with store.write() as tx:
        await tx.post(letter("old", 10, LetterState.DELIVERED))
        await tx.post(letter("lost", 10, LetterState.GIVEN_UP))
        await tx.post(letter("waiting", 10, LetterState.OPEN))
        await tx.post(letter("young", 1, LetterState.DELIVERED))
        await tx.mark(letter("waiting", 10, LetterState.OPEN), START, Attempt(at=START, seconds=1))
    await keeping(letters=5 * HOUR).sweep()
    assert [one.id for one in await store.find_letters(LetterFilter(), 10)] == ["young", "waiting"]
    assert len(await store.attempts("waiting")) == 1


async def sleeping(clock: VirtualClock, seconds: float) -> None:
    async with asyncio.timeout(20):
        while clock.next_due is None or abs(clock.next_due - seconds) > 1e-3:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0)


async def test_it_looks_again_and_again_and_survives_a_mistake(
    store: Any, craft: Any, keeping: Any, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A tenth of the time passes between two looks. The first one can't read what it finds."""
    (key,) = await fill(store, craft, 3)
    (kept,) = await store._writer.rows("SELECT body FROM bodies")
    await store._writer.rows("UPDATE bodies SET body = CAST('{' AS BLOB)")
    store._cache.forget(key)
    running = asyncio.create_task(keeping(jobs=2 * HOUR).run())
    await sleeping(clock, 720)
    assert "could be forgotten" in caplog.text
    assert rooms(craft) == {"0"}
    await store._writer.rows("UPDATE bodies SET body = :body", body=kept[0])
    await clock.advance(720)
    await sleeping(clock, 720)
    assert rooms(craft) == await ids(store) == set()
    running.cancel()
    await asyncio.wait([running])


async def test_where_everything_is_kept_nobody_looks(keeping: Any) -> None:
    async with asyncio.timeout(5):
        await keeping().run()


async def test_uploads_go_that_no_job_has_used_and_all_that_is_called_after_them(
    store: Any, craft: Any, tmp_path: Path, clock: VirtualClock
) -> None:
    uploads = Uploads(tmp_path / "uploads", most=10, clock=clock)
    retention = Retention(store, craft, clock, Keep(results=5 * HOUR), dialect=lambda _: None, dropbox=uploads)
    names = ("old", "empty", "used", "awaited", "newer")
    for name in names[:-1]:
        uploads.announce(name)
    for name in names:
        thing = Thing(kind="upload", id=f"{name}-id", document={"upload": name}, aliases=(("object", "film.mp4"),))
        async with store.write() as tx:
            for kind, thing_id in (("upload", thing.id), *thing.aliases):
                await tx.put_thing("acme", "ann", kind, thing_id, packed(thing))
            await note(tx, "acme", "ann", thing)
        if name != "empty":
            (tmp_path / "uploads" / name).write_bytes(b"film")
            os.utime(tmp_path / "uploads" / name, (START.timestamp(), START.timestamp()))
    source = Input(location=Location(url="https://uploads.mediaglot.test/awaited"))
    ticket = Ticket(id="job", account="ann", dialect="acme", job=Job(inputs=(source,)), created=START)
    async with store.write() as tx:
        await tx.add(ticket)
    await clock.advance(3 * 3600)
    uploads.announce("newer")
    assert await uploads.resolve("https://uploads.mediaglot.test/used")
    await clock.advance(3 * 3600)
    await retention.sweep()
    assert {path.stem for path in (tmp_path / "uploads").iterdir()} == {"used", "awaited", "newer"}
    ids = [one for one, _ in await store.list_things("acme", "ann", "upload")]
    assert ids == ["used-id", "awaited-id", "newer-id"]
    assert await store.get_thing("acme", "ann", "object", "film.mp4")
    await clock.advance(6 * 3600)
    await retention.sweep()
    assert {path.stem for path in (tmp_path / "uploads").iterdir()} == {"awaited"}
    assert await store.get_thing("acme", "ann", "object", "film.mp4") is None


async def test_nobody_waits_for_the_deletion_of_results(
    store: Any, craft: FFmpegCraft, tmp_path: Path, clock: VirtualClock
) -> None:
    class Writing(FFmpegCraft):
        """Somebody writes before anything is deleted."""

        async def empty(self) -> None:
            async with asyncio.timeout(5), store.write() as tx:
                left.append(len(list(self.outputs.glob("*/a.mp4"))))
                await tx.put_thing("acme", "ann", "kind", "id", {})
            await super().empty()

    left: list[int] = []
    writing = Writing(tmp_path, pytest.fail, pytest.fail, craft.carrier)
    await fill(store, writing, 10, 9)
    for keep in (Keep(results=HOUR), Keep(jobs=HOUR)):
        await Retention(store, writing, clock, keep, dialect=lambda _: None).sweep()
    assert left == [2, 0]
    assert rooms(craft) == set()
