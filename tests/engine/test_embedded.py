"""The embedded engine: order, cancelling, replacing, crashes, leases, stopping."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.clock import RealClock, VirtualClock
from mediaglot.gateway.engine import Work
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.sqlite import FILE, SqliteStore


def key(name: str | int) -> Key:
    return Key("acme", "ann", str(name))


class Shop:
    """A handler that tests steer: each work waits for its gate unless ``open``."""

    def __init__(self, *, is_open: bool = False) -> None:
        self.is_open = is_open
        self.begun: list[Work] = []
        self.ended: list[tuple[str, str]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.inside: Counter[Key] = Counter()
        self.most = 0
        self.news = asyncio.Condition()

    async def __call__(self, work: Work) -> None:
        name = work.key.id
        self.begun.append(work)
        self.inside[work.key] += 1
        assert self.inside[work.key] == 1, "one ticket in two hands"
        self.most = max(self.most, self.inside.total())
        await self.tell()
        try:
            if not self.is_open:
                await self.gates.setdefault(name, asyncio.Event()).wait()
            self.ended.append((name, "done"))
        except asyncio.CancelledError:
            self.ended.append((name, "cancelled"))
            await asyncio.sleep(0)
            raise
        finally:
            self.inside[work.key] -= 1
            await self.tell()

    async def tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(met)

    def finish(self, name: str | int) -> None:
        self.gates.setdefault(str(name), asyncio.Event()).set()

    @property
    def names(self) -> list[str]:
        return [work.key.id for work in self.begun]


@asynccontextmanager
async def working(engine: EmbeddedEngine, handler: Any, give_up: Any = None) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.run(handler, give_up))
    try:
        yield
    finally:
        await asyncio.wait_for(engine.stop(), 20)
        await asyncio.wait_for(task, 20)


async def submit(store: SqliteStore, engine: EmbeddedEngine, *names: str | int, priority: int = 0) -> list[Work]:
    async with store.write() as tx:
        return [await engine.enqueue(tx, Work(key=key(name), priority=priority)) for name in names]


async def drained(store: SqliteStore, engine: EmbeddedEngine) -> None:
    """Until nothing waits or runs; asked while nobody can claim, so that nothing is on its way between the two."""
    busy = True
    async with asyncio.timeout(20):
        while busy:
            async with store.write():
                busy = bool(engine.running or await store.queue())


async def test_fifty_works_go_by_priority_then_by_submission(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop(is_open=True)
    priorities = {str(number): number * 7 % 5 for number in range(50)}
    for name, priority in priorities.items():
        await submit(store, engine, name, priority=priority)
    async with working(engine, shop):
        await shop.until(lambda: len(shop.ended) == 50)
        await drained(store, engine)
    assert shop.names == sorted(priorities, key=lambda name: (-priorities[name], int(name)))


async def test_what_comes_in_urgent_overtakes_what_waits(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    async with working(engine, shop):
        await submit(store, engine, "first", "second")
        await shop.until(lambda: shop.names == ["first"])
        await submit(store, engine, "urgent", priority=10)
        shop.finish("first")
        await shop.until(lambda: len(shop.begun) == 2)
        assert shop.names == ["first", "urgent"]


async def test_as_many_at_once_as_there_are_workers(store, clock):
    engine, shop = EmbeddedEngine(store, clock, workers=3), Shop()
    async with working(engine, shop):
        await submit(store, engine, *range(7))
        await shop.until(lambda: len(shop.begun) == 3)
        for name in range(7):
            shop.finish(name)
        await shop.until(lambda: len(shop.ended) == 7)
    assert shop.most == 3


async def test_work_of_an_undone_transaction_never_runs(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop(is_open=True)

    async def undone() -> None:
        async with store.write() as tx:
            await engine.enqueue(tx, Work(key=key("undone")))
            raise ZeroDivisionError

    async with working(engine, shop):
        with pytest.raises(ZeroDivisionError):
            await undone()
        await submit(store, engine, "done")
        await shop.until(lambda: len(shop.ended) == 1)
    assert shop.names == ["done"]


async def test_cancelled_while_waiting(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    async with working(engine, shop):
        await submit(store, engine, "first", "second", "third")
        await shop.until(lambda: shop.names == ["first"])
        assert await engine.cancel(key("second"))
        assert not await engine.cancel(key("second"))
        shop.finish("first")
        await shop.until(lambda: shop.names == ["first", "third"])


async def test_cancelled_while_running_its_handler_has_ended_on_return(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    async with working(engine, shop):
        await submit(store, engine, "first", "second")
        await shop.until(lambda: shop.names == ["first"])
        assert await engine.cancel(key("first"))
        assert shop.ended == [("first", "cancelled")]
        assert not await engine.cancel(key("first"))
        await shop.until(lambda: shop.names == ["first", "second"])
        assert await store.queue() == ()


async def test_withdrawn_in_a_transaction_the_handler_is_stopped_by_the_commit(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    async with working(engine, shop):
        await submit(store, engine, "first")
        await shop.until(lambda: shop.names == ["first"])
        async with store.write() as tx:
            assert await tx.unqueue(key("first"))
            assert not await tx.complete(shop.begun[0]), "the end of withdrawn work is not recorded"
        await shop.until(lambda: shop.ended == [("first", "cancelled")])
        await drained(store, engine)


async def test_enqueued_again_while_waiting_the_last_one_wins(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop(is_open=True)
    await submit(store, engine, "a", "b")
    await submit(store, engine, "a", priority=-1)
    assert [(work.key.id, work.priority) for work in await store.queue()] == [("b", 0), ("a", -1)]
    async with working(engine, shop):
        await drained(store, engine)
    assert shop.names == ["b", "a"]


async def test_enqueued_again_while_running_the_run_is_replaced(store, clock):
    engine, shop = EmbeddedEngine(store, clock, workers=2), Shop()
    async with working(engine, shop):
        await submit(store, engine, "a")
        await shop.until(lambda: shop.names == ["a"])
        (again,) = await submit(store, engine, "a")
        await shop.until(lambda: shop.names == ["a", "a"])
        assert shop.ended == [("a", "cancelled")]
        old, new = shop.begun
        assert (new.place, new.attempt) == (again.place, 1)
        assert not await engine.progress(old)
        assert await engine.progress(new)
        async with store.write() as tx:
            assert not await tx.complete(old)
        shop.finish("a")
        await shop.until(lambda: len(shop.ended) == 2)
        await drained(store, engine)
    assert shop.ended[1] == ("a", "done")


async def test_a_storm_of_submissions_and_cancels_never_doubles_a_run(store, clock):
    engine, shop = EmbeddedEngine(store, clock, workers=4), Shop()

    async def annoy(name: int) -> None:
        for turn in range(10):
            await submit(store, engine, name)
            if turn % 3 == 2:
                await engine.cancel(key(name))
        shop.finish(name)

    async with working(engine, shop):
        await asyncio.gather(*(annoy(name) for name in range(8)))
        await drained(store, engine)
    done = {name for name, end in shop.ended if end == "done"}
    assert done == {str(name) for name in range(8)}


async def test_a_handler_can_record_its_end_itself_and_only_once(store, clock):
    recorded: list[bool] = []
    engine = EmbeddedEngine(store, clock)
    over = asyncio.Event()

    async def handler(work: Work) -> None:
        for _ in range(2):
            async with store.write() as tx:
                recorded.append(await tx.complete(work))
        over.set()

    async with working(engine, handler):
        await submit(store, engine, "a")
        await asyncio.wait_for(over.wait(), 20)
        await drained(store, engine)
    assert recorded == [True, False]


async def test_enqueued_again_behind_its_recorded_end_it_begins_when_the_handler_has_let_go(store, clock):
    engine, seen = EmbeddedEngine(store, clock, workers=2), []
    recorded, again = asyncio.Event(), asyncio.Event()

    async def handler(work: Work) -> None:
        seen.append(f"begin {work.place} {work.attempt}")
        async with store.write() as tx:
            assert await tx.complete(work)
        if again.is_set():
            return
        recorded.set()
        try:
            await again.wait()
        finally:
            for _ in range(20):
                async with store.write() as tx:
                    await tx.serials("other")
            seen.append("let go")

    async with working(engine, handler):
        await submit(store, engine, "a")
        await asyncio.wait_for(recorded.wait(), 20)
        assert await store.queue() == ()
        await submit(store, engine, "a")
        again.set()
        await drained(store, engine)
    assert seen == ["begin 1 1", "let go", "begin 2 1"]


async def test_a_failing_handler_gets_more_attempts_and_is_given_up_then(store, clock):
    attempts: list[int] = []
    given_up: list[tuple[Work, BaseException | None]] = []
    over = asyncio.Event()

    async def handler(work: Work) -> None:
        attempts.append(work.attempt)
        raise ZeroDivisionError

    async def give_up(work: Work, error: BaseException | None) -> None:
        given_up.append((work, error))
        over.set()

    engine = EmbeddedEngine(store, clock, attempts=3)
    async with working(engine, handler, give_up):
        await submit(store, engine, "bad")
        await asyncio.wait_for(over.wait(), 20)
        await drained(store, engine)
    assert attempts == [1, 2, 3]
    assert [(work.key, type(error)) for work, error in given_up] == [(key("bad"), ZeroDivisionError)]


async def test_without_a_sign_of_life_the_work_is_taken_back(store, clock):
    engine, shop, given_up = EmbeddedEngine(store, clock, lease=40, attempts=2), Shop(), []

    async def give_up(work: Work, error: BaseException | None) -> None:
        given_up.append(type(error))

    async with working(engine, shop, give_up):
        await submit(store, engine, "a")
        await shop.until(lambda: len(shop.begun) == 1)
        for _ in range(3):
            await clock.advance(30)
            assert await engine.progress(shop.begun[0])
        assert await engine.reap() == ()
        await clock.advance(39)
        assert await engine.reap() == ()
        await clock.advance(2)
        await shop.until(lambda: len(shop.begun) == 2)
        assert shop.begun[1].attempt == 2
        assert not await engine.progress(shop.begun[0])
        await clock.advance(50)
        await shop.until(lambda: len(shop.ended) == 2)
        await drained(store, engine)
    assert shop.ended == [("a", "cancelled")] * 2
    assert given_up == [TimeoutError], "the process did not die"


async def test_one_that_does_not_let_go_keeps_no_other_from_being_taken_back(store, clock):
    let_go, shop = asyncio.Event(), Shop()

    async def handler(work: Work) -> None:
        try:
            await shop(work)
        finally:
            if work.key.id == "stubborn":
                await let_go.wait()

    engine = EmbeddedEngine(store, clock, workers=2, lease=40)
    async with working(engine, handler):
        await submit(store, engine, "stubborn", "b")
        await shop.until(lambda: len(shop.begun) == 2)
        await clock.advance(30)
        assert await engine.progress(shop.begun[1])
        await clock.advance(15)
        await clock.advance(60)
        await shop.until(lambda: shop.names == ["stubborn", "b", "b"])
        let_go.set()


async def test_stopping_puts_running_work_back_in_its_place_uncounted(store, clock):
    engine, shop = EmbeddedEngine(store, clock, workers=2), Shop()
    async with working(engine, shop):
        await submit(store, engine, *"abc")
        await shop.until(lambda: len(shop.begun) == 2)
        await engine.stop()
        assert sorted(shop.ended) == [("a", "cancelled"), ("b", "cancelled")]
    assert [(work.key.id, work.attempt) for work in await store.queue()] == [("a", 0), ("b", 0), ("c", 0)]


async def test_stopping_without_requeueing_lets_running_work_finish(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    task = asyncio.create_task(engine.run(shop))
    await submit(store, engine, *"ab")
    await shop.until(lambda: shop.names == ["a"])
    stopping = asyncio.create_task(engine.stop(requeue=False))
    await asyncio.sleep(0)
    assert not stopping.done()
    shop.finish("a")
    await asyncio.wait_for(stopping, 20)
    await task
    assert shop.ended == [("a", "done")]
    assert [work.key.id for work in await store.queue()] == ["b"]


async def test_a_cancelled_run_leaves_everything_in_the_queue(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    task = asyncio.create_task(engine.run(shop))
    await submit(store, engine, *"ab")
    await shop.until(lambda: shop.names == ["a"])
    task.cancel()
    await asyncio.wait({task})
    assert shop.ended == [("a", "cancelled")]
    assert [work.key.id for work in await store.queue()] == ["a", "b"]


@asynccontextmanager
async def locked(store: SqliteStore, folder: Path) -> AsyncIterator[None]:
    """Somebody else writes to the database, and we don't wait for him."""
    await store._writer.rows("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(folder / "data" / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def logged(caplog: pytest.LogCaptureFixture, clock: VirtualClock, text: str) -> None:
    async with asyncio.timeout(10):
        while text not in caplog.text:
            await clock.settle()


async def test_a_queue_that_can_not_be_asked_is_asked_again(store, clock, tmp_path, caplog):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    async with AsyncExitStack() as stack:
        async with locked(store, tmp_path):
            await stack.enter_async_context(working(engine, shop))
            await logged(caplog, clock, "could not be put back")
        await clock.advance(200)
        async with locked(store, tmp_path):
            await clock.advance(200)
            await logged(caplog, clock, "can't be asked")
        await submit(store, engine, "first")
        await shop.until(lambda: shop.names == ["first"])


async def test_an_end_that_can_not_be_written_down_is_written_down_later(store, clock, tmp_path, caplog):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    async with working(engine, shop):
        await submit(store, engine, "first", "second")
        await shop.until(lambda: shop.names == ["first"])
        async with locked(store, tmp_path):
            shop.finish("first")
            await logged(caplog, clock, "locked")
        assert engine.running
        await clock.advance(200)
        await shop.until(lambda: shop.names == ["first", "second"])
        shop.finish("second")
        await drained(store, engine)
    async with store.write() as tx:
        await tx.release_all()
    assert await store.queue() == ()


async def test_it_stops_though_nothing_can_be_written_down(store, clock, tmp_path, caplog):
    engine, shop = EmbeddedEngine(store, clock), Shop()
    task = asyncio.create_task(engine.run(shop))
    await submit(store, engine, "first")
    await shop.until(lambda: shop.names == ["first"])
    async with locked(store, tmp_path):
        await asyncio.wait_for(engine.stop(), 20)
    await asyncio.wait({task})
    assert shop.ended == [("first", "cancelled")]


CHILD = """
import asyncio, sys
from pathlib import Path
from mediaglot.gateway.clock import RealClock
from mediaglot.gateway.engine import Work
from mediaglot.gateway.engine.embedded import EmbeddedEngine
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.sqlite import SqliteStore

async def handler(work):
    print(work.key.id, work.attempt, flush=True)
    if int(work.key.id) >= 5:
        await asyncio.Event().wait()

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    if not await store.queue():
        async with store.write() as tx:
            for number in range(20):
                await tx.enqueue(Work(key=Key("acme", "ann", str(number))))
    await EmbeddedEngine(store, RealClock(), workers=2).run(handler)

asyncio.run(main())
"""


@pytest.mark.heavy
async def test_after_kill_9_what_was_running_runs_again_first_and_nothing_is_lost(tmp_path):
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    begun = [(await child.stdout.readline()).decode().split() for _ in range(7)]
    assert begun == [[str(number), "1"] for number in range(7)]
    child.send_signal(signal.SIGKILL)
    await child.wait()
    async with await SqliteStore.open(tmp_path) as store:
        engine, shop = EmbeddedEngine(store, RealClock()), Shop(is_open=True)
        async with working(engine, shop):
            await shop.until(lambda: bool(shop.begun))
            await drained(store, engine)
    attempts = {work.key.id: work.attempt for work in shop.begun}
    assert shop.names[-15:] == [str(number) for number in range(5, 20)], "in the old order"
    assert len(attempts) == len(shop.names)
    assert {name for name, attempt in attempts.items() if attempt == 2} >= {"5", "6"}


async def test_work_that_kills_its_process_each_time_is_given_up(tmp_path):
    async with await SqliteStore.open(tmp_path) as store:
        async with store.write() as tx:
            await tx.enqueue(Work(key=key("poison")))
        for _ in range(3):
            async with store.write() as tx:
                assert await tx.claim() is not None
                await tx.release_all()
        given_up: list[Any] = []
        over = asyncio.Event()

        async def give_up(work: Work, error: BaseException | None) -> None:
            given_up.append((work.key.id, error))
            over.set()

        engine, shop = EmbeddedEngine(store, RealClock(), attempts=3), Shop(is_open=True)
        async with working(engine, shop, give_up):
            await asyncio.wait_for(over.wait(), 20)
            await drained(store, engine)
    assert shop.begun == []
    assert given_up == [("poison", None)]
