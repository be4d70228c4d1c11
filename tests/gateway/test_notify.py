"""The courier: order, retries, isolation of targets, crashes, the delivery log."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediaglot.gateway.chance import Chance
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.dialect import Insistence
from mediaglot.gateway.exchange import headers
from mediaglot.gateway.model import Secret
from mediaglot.gateway.notify import Answer, Backoff, Courier
from mediaglot.gateway.store import Key, Letter, LetterState
from mediaglot.gateway.store.query import statements
from mediaglot.gateway.store.sqlite import FILE, SqliteStore

START = datetime(2026, 1, 1, tzinfo=UTC)
JOB = Key("acme", "ann", "1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with await SqliteStore.open(tmp_path / "data") as opened:
        yield opened


class Drawn(Chance):
    """Always the same."""

    def __init__(self, number: float) -> None:
        self.number = number
        super().__init__()

    def random(self) -> float:
        return self.number


def letter(name: str, *, key: Key = JOB, target: str = "hook") -> Letter:
    return Letter(
        id=name,
        key=key,
        target=target,
        event="finished",
        url=Secret(f"https://user:pass@{target}.example/"),
        due=START,
        headers=headers(x_token="t"),
        body=f"body of {name}\xff".encode("latin-1"),
    )


class Receivers:
    """Answers by the name of the letter or of the target: a list of answers, or an event to hang on first."""

    def __init__(self, **answers: object) -> None:
        self.answers = answers
        self.came: list[str] = []
        self.letters: list[Letter] = []
        self.at_once = 0
        self.most = 0
        self.news = asyncio.Condition()

    async def __call__(self, letter: Letter) -> Answer:
        self.came.append(letter.id)
        self.letters.append(letter)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        async with self.news:
            self.news.notify_all()
        try:
            planned = self.answers.get(letter.id, self.answers.get(letter.target))
            if isinstance(planned, asyncio.Event):
                await planned.wait()
            if isinstance(planned, list) and planned:
                answer = planned.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return Answer(answer, "sorry" * 1000)
            return Answer(204)
        finally:
            self.at_once -= 1

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(met)


@asynccontextmanager
async def delivering(courier: Courier) -> AsyncIterator[None]:
    task = asyncio.create_task(courier.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def post(store: SqliteStore, *letters: Letter) -> None:
    async with store.write() as tx:
        for each in letters:
            await tx.post(each)


async def until(store: SqliteStore, name: str, met: Callable[[Letter], bool]) -> Letter:
    async with asyncio.timeout(20):
        while not met(found := await store.letter(name)):
            pass
    return found


async def over(store: SqliteStore, *names: str) -> None:
    for name in names:
        await until(store, name, lambda found: found.state is not LetterState.OPEN)


async def sleeping(clock: VirtualClock, seconds: float) -> None:
    """Until the courier's only sleep is the wait for the next letter that is due."""
    async with asyncio.timeout(20):
        while clock.next_due is None or abs(clock.next_due - seconds) > 1e-3:  # noqa: ASYNC110  (nobody tells)
            await asyncio.sleep(0)


async def test_a_letter_goes_out_as_soon_as_its_transaction_commits(store, clock):
    receivers = Receivers()
    async with delivering(Courier(store, receivers, clock)):
        async with store.write() as tx:
            await tx.post(letter("a"))
            assert receivers.came == []
        await over(store, "a")
    assert receivers.letters == [replace(letter("a"), sequence=1)]
    found = await store.letter("a")
    assert (found.state, found.status, found.attempts) == (LetterState.DELIVERED, 204, 1)
    assert found.body == letter("a").body
    assert (found.url, found.headers) == (letter("a").url, letter("a").headers)


async def test_a_letter_of_an_undone_transaction_never_goes_out(store, clock):
    receivers = Receivers()

    async def undone() -> None:
        async with store.write() as tx:
            await tx.post(letter("undone"))
            raise ZeroDivisionError

    async with delivering(Courier(store, receivers, clock)):
        with pytest.raises(ZeroDivisionError):
            await undone()
        await post(store, letter("done"))
        await over(store, "done")
    assert receivers.came == ["done"]


async def test_order_holds_within_a_ticket_and_target_through_retries(store, clock):
    receivers = Receivers(a=[500, OSError("gone")])
    courier = Courier(store, receivers, clock, backoff=Backoff(first=10), chance=Drawn(0.0))
    async with delivering(courier):
        await post(store, letter("a"), letter("b"), letter("c"))
        first = await until(store, "a", lambda found: found.attempts == 1)
        assert (first.status, first.answer, first.due) == (500, ("sorry" * 1000)[:500], START + timedelta(seconds=10))
        await sleeping(clock, 10)
        await clock.advance(9)
        assert receivers.came == ["a"]
        await clock.advance(1)
        second = await until(store, "a", lambda found: found.attempts == 2)
        assert (second.status, second.answer, second.due) == (None, "OSError", START + timedelta(seconds=30))
        await sleeping(clock, 20)
        await clock.advance(20)
        await over(store, "a", "b", "c")
    assert receivers.came == ["a", "a", "a", "b", "c"]
    assert [found.id for found in await store.letters(JOB)] == ["a", "b", "c"]


async def test_a_clock_that_is_set_back_delays_nothing(store, clock):
    receivers = Receivers(a=[500])
    courier = Courier(store, receivers, clock, backoff=Backoff(first=10), chance=Drawn(0.0))
    async with delivering(courier):
        await post(store, letter("a"))
        await until(store, "a", lambda found: found.attempts == 1)
        await sleeping(clock, 10)
        await clock.set(START - timedelta(days=365))
        await post(store, letter("b", target="other"))
        await over(store, "b")
        await clock.advance(10)
        await over(store, "a")
    assert receivers.came == ["a", "b", "a"]
    (_, attempt) = await store.attempts("a")
    assert attempt.at == START - timedelta(days=365, seconds=-10)


async def test_what_was_written_by_a_clock_that_was_ahead_goes_out_with_the_next_start(store, clock):
    receivers = Receivers()
    await post(store, replace(letter("a"), due=START + timedelta(days=365)))
    async with delivering(Courier(store, receivers, clock)):
        await over(store, "a")
    assert receivers.came == ["a"]


def test_backoff_doubles_up_to_its_most_and_jitter_takes_off_up_to_half():
    backoff = Backoff(first=5, most=60)
    assert [backoff.seconds(n, 0.0) for n in range(1, 7)] == [5, 10, 20, 40, 60, 60]
    assert backoff.seconds(3, 1.0) == 10
    assert backoff.seconds(5000, 0.0) == 60


async def test_given_up_visibly_and_the_next_in_line_goes_on(store, clock):
    receivers = Receivers(a=[500] * 9)
    courier = Courier(store, receivers, clock, retries=2, backoff=Backoff(first=10), chance=Drawn(0.5))
    async with delivering(courier):
        await post(store, letter("a"), letter("b"))
        await sleeping(clock, 7.5)
        await clock.advance(7.5)
        await over(store, "a", "b")
    states = [(found.state, found.attempts, found.status) for found in await store.letters(JOB)]
    assert states == [(LetterState.GIVEN_UP, 2, 500), (LetterState.DELIVERED, 1, 204)]


async def test_a_dead_receiver_delays_nobody_else(store, clock):
    hang = asyncio.Event()
    receivers = Receivers(dead=hang)
    courier = Courier(store, receivers, clock, parallel=4, per_host=2)
    async with delivering(courier):
        dead = [letter(f"dead-{n}", key=JOB._replace(id=str(n)), target="dead") for n in range(20)]
        await post(store, *dead, letter("same-job"), *(letter(f"z{n}", target=f"z{n}") for n in range(10)))
        await over(store, "same-job", *(f"z{n}" for n in range(10)))
        assert sum(name.startswith("dead") for name in receivers.came) == 2
        hang.set()
        await over(store, *(each.id for each in dead))
    assert receivers.most <= 4


async def test_letters_for_a_dead_host_are_not_looked_through_for_those_of_others(store, clock):
    """What is due is found by an index of hosts, so a thousand more for one of them cost nothing."""
    dead = [replace(letter(f"dead-{n}", target=f"d{n}"), host="dead") for n in range(1000)]
    await post(store, *dead, replace(letter("b", target="b"), host="zzz"), replace(letter("a", target="a"), host="aaa"))
    assert {one.id for one in await store.due_letters(START, 100, 2)} == {"a", "b", "dead-0", "dead-1"}
    values = {"now": 0, "limit": 100, "per_host": 2}
    plan = await store._reader.rows(f"EXPLAIN QUERY PLAN {statements('letters')['due']}", **values)
    steps = [text for *_, text in plan if "letters" in text or "this" in text]
    assert steps
    assert all(re.search(r"letters_ready|letters_line|PRIMARY KEY", step) for step in steps), steps


async def test_a_receiver_that_does_not_answer_is_a_timeout(store, clock):
    receivers = Receivers(a=asyncio.Event())
    async with delivering(Courier(store, receivers, clock, timeout=3, retries=1)):
        await post(store, letter("a"))
        await receivers.until(lambda: receivers.came == ["a"])
        await sleeping(clock, 3)
        await clock.advance(3)
        await over(store, "a")
    found = await store.letter("a")
    assert (found.state, found.status, found.answer) == (LetterState.GIVEN_UP, None, "timeout")


async def test_what_was_under_way_at_the_end_goes_out_again_with_the_same_id(store, clock):
    receivers = Receivers(a=asyncio.Event())
    async with delivering(Courier(store, receivers, clock)):
        await post(store, letter("a"), letter("b"))
        await receivers.until(lambda: receivers.came == ["a"])
    assert (await store.letter("a")).state is LetterState.OPEN
    again = Receivers()
    async with delivering(Courier(store, again, clock)):
        await over(store, "a", "b")
    assert again.came == ["a", "b"]
    assert [each.id for each in again.letters] == ["a", "b"]


async def reopen(store: SqliteStore, name: str) -> bool:
    async with store.write() as tx:
        return await tx.reopen(name, START)


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    """As somebody else has it open."""
    with closing(sqlite3.connect(folder / "data" / FILE, isolation_level=None)) as other:
        yield other


async def logged(caplog: pytest.LogCaptureFixture, clock: VirtualClock, text: str) -> None:
    async with asyncio.timeout(10):
        while text not in caplog.text:
            await clock.settle()


async def test_what_was_delivered_and_can_not_be_recorded_yet_does_not_go_out_again(store, clock, tmp_path, caplog):
    hang = asyncio.Event()
    receivers = Receivers(a=hang)
    async with delivering(Courier(store, receivers, clock)):
        await post(store, letter("a"))
        await receivers.until(lambda: receivers.came == ["a"])
        await store._writer.rows("PRAGMA busy_timeout = 0")
        with database(tmp_path) as other:
            other.execute("BEGIN IMMEDIATE")
            hang.set()
            await logged(caplog, clock, "locked")
            await clock.settle()
        await clock.advance(5)
        await over(store, "a")
    assert receivers.came == ["a"]
    assert len(await store.attempts("a")) == 1


async def test_letters_go_out_when_the_outbox_can_be_read_again(store, clock, tmp_path, caplog):
    receivers = Receivers()
    async with delivering(Courier(store, receivers, clock)):
        await post(store, replace(letter("a"), due=START + timedelta(minutes=1)))
        await sleeping(clock, 60)
        with database(tmp_path) as other:
            other.execute("ALTER TABLE letters RENAME TO away")
            await clock.advance(60)
            await logged(caplog, clock, "no such table")
            other.execute("ALTER TABLE away RENAME TO letters")
        await clock.advance(5)
        await over(store, "a")
    assert receivers.came == ["a"]


async def test_a_letter_can_be_sent_again(store, clock):
    receivers = Receivers(a=[200, 500])
    async with delivering(Courier(store, receivers, clock, retries=1)):
        await post(store, letter("a"))
        await over(store, "a")
        assert await reopen(store, "a")
        await receivers.until(lambda: receivers.came == ["a", "a"])
        await over(store, "a")
        assert not await reopen(store, "nothing")
    assert (await store.letter("a")).state is LetterState.GIVEN_UP
    assert [attempt.status for attempt in await store.attempts("a")] == [200, 500]


async def test_what_is_sent_again_is_not_given_up_by_an_attempt_that_was_under_way(store, clock):
    hang = asyncio.Event()
    receivers = Receivers(a=hang)
    async with delivering(Courier(store, receivers, clock, retries=1)):
        await post(store, letter("a"))
        await receivers.until(lambda: receivers.came == ["a"])
        assert await reopen(store, "a")
        receivers.answers["a"] = [200]
        await clock.advance(30)  # the first attempt has no more time, and was the last one
        await receivers.until(lambda: receivers.came == ["a", "a"])
        await over(store, "a")
    assert (await store.letter("a")).state is LetterState.DELIVERED
    assert [attempt.status for attempt in await store.attempts("a")] == [None, 200]


async def test_what_is_dropped_does_not_come_back_by_an_attempt_that_was_under_way(store, clock):
    hang = asyncio.Event()
    receivers = Receivers(a=hang)
    async with delivering(Courier(store, receivers, clock)):
        await post(store, letter("a"), letter("b"))
        await receivers.until(lambda: receivers.came == ["a"])
        async with store.write() as tx:
            assert await tx.drop("a", START)
            assert not await tx.drop("nothing", START)
        hang.set()
        await over(store, "b")
        async with store.write() as tx:
            assert not await tx.drop("b", START)
    assert (await store.letter("a")).state is LetterState.DROPPED
    assert [attempt.status for attempt in await store.attempts("a")] == [204]


async def test_each_attempt_is_written_down_without_credentials(store, clock):
    told = Answer(500, "no access for user:pass at https://user:pass@hook.example/?token=abc, you sent tea-and-cake")

    async def refuse(one: Letter) -> Answer:
        await clock.sleep(1.5)
        return told

    sent = replace(letter("a"), headers=headers(x_token="tea-and-cake"))
    async with delivering(Courier(store, refuse, clock, retries=2, backoff=Backoff(first=8), chance=Drawn(0.0))):
        await post(store, sent)
        await sleeping(clock, 1.5)
        await clock.advance(1.5)
        await until(store, "a", lambda found: found.attempts == 1)
        await sleeping(clock, 8)
        await clock.advance(8)
        await sleeping(clock, 1.5)
        await clock.advance(1.5)
        await over(store, "a")
    first, second = await store.attempts("a")
    assert (first.at, first.seconds, first.status) == (START, 1.5, 500)
    assert second.at == START + timedelta(seconds=9.5)
    assert first.answer == "no access for ***:*** at https://***@hook.example/?token=***, you sent ***"
    assert (await store.letter("a")).answer == first.answer
    assert (await store.letter("a")).due == START + timedelta(seconds=11)


async def test_many_targets_of_a_dead_host_leave_room_for_others(store, clock):
    """As many addresses as a client likes: they are one host's."""
    hang = asyncio.Event()
    receivers = Receivers(**{f"d{n}": hang for n in range(20)})
    dead = [replace(letter(f"dead-{n}", target=f"d{n}"), host="http://dead.example:80") for n in range(20)]
    async with delivering(Courier(store, receivers, clock, parallel=4, per_host=2)):
        await post(store, *dead, *(letter(f"z{n}", target=f"z{n}") for n in range(10)))
        await over(store, *(f"z{n}" for n in range(10)))
        assert sum(name.startswith("dead") for name in receivers.came) == 2
        hang.set()
        await over(store, *(each.id for each in dead))


async def test_a_letter_for_later_waits_for_its_time(store, clock):
    receivers = Receivers()
    async with delivering(Courier(store, receivers, clock)):
        await post(store, replace(letter("later"), due=START + timedelta(hours=1)), letter("now", target="other"))
        await over(store, "now")
        await sleeping(clock, 3600)
        await clock.advance(3600)
        await over(store, "later")
    assert receivers.came == ["now", "later"]


@pytest.mark.heavy
async def test_five_hundred_letters_all_arrive_in_order_per_job(store, clock):
    receivers = Receivers()
    async with delivering(Courier(store, receivers, clock, per_host=8)):
        letters = [letter(f"{job}-{n}", key=JOB._replace(id=str(job))) for n in range(5) for job in range(100)]
        await post(store, *letters)
        await over(store, *(each.id for each in letters))
    for job in range(100):
        assert [name for name in receivers.came if name.startswith(f"{job}-")] == [f"{job}-{n}" for n in range(5)]


async def test_a_dialect_may_insist_in_a_way_of_its_own(store, clock):
    """Its answers that count as taken, its number of attempts and its timeout; others keep the server's."""
    receivers = Receivers(taken=[404], down=[500], late=asyncio.Event(), other=[404])
    ways = {"acme": Insistence(attempts=1, timeout=7, taken=range(200, 500)), "else": Insistence()}
    own = [letter(name, target=name) for name in ("taken", "down", "late")]
    async with delivering(Courier(store, receivers, clock, insistence=ways.__getitem__)):
        await post(store, *own, letter("other", target="other", key=Key("else", "ann", "1")))
        await over(store, "taken", "down")
        other = await until(store, "other", lambda found: found.attempts == 1)
        await clock.advance(7)
        await over(store, "late")
    found = [await store.letter(name) for name in ("taken", "down", "late")]
    assert [each.state for each in found] == [LetterState.DELIVERED, LetterState.GIVEN_UP, LetterState.GIVEN_UP]
    assert [each.answer for each in found if each.status is None] == ["timeout"]
    assert (other.state, other.status) == (LetterState.OPEN, 404)
