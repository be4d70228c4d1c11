"""Lanes: who waits for a lane that is full keeps nobody waiting who is in another."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack, nullcontext

from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.engine.aside import aside
from mediaglot.gateway.engine.embedded import HANDFUL, EmbeddedEngine
from mediaglot.gateway.engine.gate import Gate
from mediaglot.gateway.engine.lane import Sorter
from mediaglot.gateway.store import Key
from mediaglot.gateway.store.sqlite import SqliteStore
from mediaglot.tests.engine.test_embedded import Shop, drained, key, submit, working


class Roads:
    """The lane of work is what comes before the hyphen of its name, unless ``moved`` says another one."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.moved: dict[str, str] = {}

    async def __call__(self, key: Key) -> str:
        self.asked[key.id] += 1
        await asyncio.sleep(0)
        return self.moved.get(key.id, key.id.partition("-")[0])


def engine_of(store: SqliteStore, clock: VirtualClock, roads: Roads, gate: Gate | None = None) -> EmbeddedEngine:
    return EmbeddedEngine(store, clock, gate=gate, sorter=Sorter(of=roads, home="home", places=2))


async def stirred(store: SqliteStore, engine: EmbeddedEngine) -> None:
    """The engine had its chances to begin something."""
    for _ in range(5):
        await submit(store, engine, "withdrawn")
        assert await engine.cancel(key("withdrawn"))


async def test_a_full_lane_keeps_nobody_waiting_who_is_in_another(store, clock):
    engine, shop = engine_of(store, clock, Roads()), Shop()
    async with working(engine, shop):
        await submit(store, engine, "far-1", "far-2", "far-3", "home-1", "home-2", "off-1")
        await shop.until(lambda: len(shop.begun) == 4)
        assert shop.names == ["far-1", "far-2", "home-1", "off-1"]
        shop.finish("far-2")
        await shop.until(lambda: shop.names[4:] == ["far-3"])
        shop.finish("home-1")
        await shop.until(lambda: shop.names[5:] == ["home-2"])
        assert [work.attempt for work in shop.begun] == [1] * 6


async def test_what_comes_late_goes_by_a_long_queue_of_a_lane_that_is_full(store, clock):
    roads, shop = Roads(), Shop()
    engine, many = engine_of(store, clock, roads), 3 * HANDFUL
    async with working(engine, shop):
        await submit(store, engine, *(f"far-{number}" for number in range(many)))
        await submit(store, engine, "home-1")
        await shop.until(lambda: "home-1" in shop.names)
        assert shop.names == ["far-0", "far-1", "home-1"]
        assert roads.asked.total() == many + 1, "where it belongs is asked once"
        shop.is_open = True
        for name in ("far-0", "far-1", "home-1"):
            shop.finish(name)
        await drained(store, engine)
    assert [name for name in shop.names if name != "home-1"] == [f"far-{number}" for number in range(many)]


async def test_in_a_lane_the_greatest_priority_goes_first(store, clock):
    engine, shop = engine_of(store, clock, Roads()), Shop()
    async with working(engine, shop):
        await submit(store, engine, "far-1", "far-2")
        await shop.until(lambda: len(shop.begun) == 2)
        await submit(store, engine, "far-3")
        await submit(store, engine, "far-4", priority=5)
        shop.finish("far-1")
        await shop.until(lambda: len(shop.begun) == 3)
        assert shop.names[2] == "far-4"


async def test_what_waits_is_asked_again_after_a_start(store, clock):
    roads, shop = Roads(), Shop()
    first = engine_of(store, clock, roads)
    async with working(first, shop):
        await submit(store, first, "far-1", "far-2", "far-3", "home-1")
        await shop.until(lambda: len(shop.begun) == 3)
    roads.moved = {"far-3": "off"}
    second, again = engine_of(store, clock, roads), Shop()
    async with working(second, again):
        await again.until(lambda: len(again.begun) == 4)
        assert again.names == ["far-1", "far-2", "far-3", "home-1"]


async def test_what_is_submitted_again_may_be_in_another_lane(store, clock):
    roads, shop = Roads(), Shop()
    engine = engine_of(store, clock, roads)
    async with working(engine, shop):
        await submit(store, engine, "far-1", "far-2", "far-3", "home-1")
        await shop.until(lambda: len(shop.begun) == 3)
        roads.moved = {"far-3": "off"}
        await submit(store, engine, "far-3")
        await shop.until(lambda: shop.names[3:] == ["far-3"])


async def test_what_is_submitted_again_while_it_is_sorted_is_asked_again(store, clock):
    class Late(Roads):
        async def __call__(self, key: Key) -> str:
            lane = await super().__call__(key)
            if key.id == "far-3" and self.asked[key.id] == 1:
                self.moved = {"far-3": "off"}
                await submit(store, engine, "far-3")
            return lane

    shop = Shop()
    engine = engine_of(store, clock, Late())
    async with working(engine, shop):
        await submit(store, engine, "far-1", "far-2", "far-3")
        await shop.until(lambda: shop.names == ["far-1", "far-2", "far-3"])


async def test_what_comes_back_to_the_queue_may_be_in_another_lane(store, clock):
    roads, shop, failed = Roads(), Shop(), list[str]()
    engine = engine_of(store, clock, roads)

    async def work(work):
        if work.key.id == "far-1" and work.attempt == 1:
            await shop.until(lambda: len(shop.begun) == 1)
            roads.moved = {"far-1": "off"}
            failed.append(work.key.id)
            await submit(store, engine, "far-3")
            raise ValueError
        await shop(work)

    async with working(engine, work):
        await submit(store, engine, "far-1", "far-2")
        await shop.until(lambda: {*shop.names} == {"far-1", "far-2", "far-3"})
    assert failed == ["far-1"]


async def test_work_that_waits_in_a_lane_can_be_taken_out(store, clock):
    engine, shop = engine_of(store, clock, Roads()), Shop()
    async with working(engine, shop):
        await submit(store, engine, "far-1", "far-2", "far-3", "far-4", "home-1")
        await shop.until(lambda: len(shop.begun) == 3)
        assert await engine.cancel(key("far-3"))
        shop.finish("far-1")
        await shop.until(lambda: shop.names[3:] == ["far-4"])


async def test_work_that_belongs_nowhere_is_done_at_home(store, clock):
    class Lost(Roads):
        async def __call__(self, key: Key) -> str:
            if key.id == "far-1":
                raise ValueError(key.id)
            return await super().__call__(key)

    engine, shop = engine_of(store, clock, Lost()), Shop()
    async with working(engine, shop):
        await submit(store, engine, "far-1", "home-1", "far-2")
        await shop.until(lambda: len(shop.begun) == 2)
        assert shop.names == ["far-1", "far-2"], "home has one place"


async def test_only_at_home_a_greater_priority_gets_a_place_beside_those_that_wait_at_the_gate(store, clock):
    gate, shop, both = Gate(seats=0), Shop(), asyncio.Event()
    engine = engine_of(store, clock, Roads(), gate)

    async def wait() -> None:
        if gate.waiting == 2:
            both.set()

    async def work(work):
        if work.key.id.startswith("home"):
            async with gate.room(0, priority=work.priority, wait=wait):
                return
        await shop(work)

    async with working(engine, work):
        await submit(store, engine, "home-1", "far-1", "far-2")
        await shop.until(lambda: len(shop.begun) == 2)
        await submit(store, engine, "far-3", "home-2", priority=1)
        await asyncio.wait_for(both.wait(), 20)
        assert shop.names == ["far-1", "far-2"]
        assert [one.key.id for one in await store.queue()] == ["far-3"]


async def test_who_steps_aside_lets_another_have_the_place(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()

    async def work(work):
        with aside() if work.key.id == "slow" else nullcontext():
            await shop(work)
        if work.key.id == "slow":
            await shop.gates["back"].wait()

    shop.gates["back"] = asyncio.Event()
    async with working(engine, work):
        await submit(store, engine, "slow", "a", "b", "c")
        await shop.until(lambda: shop.names == ["slow", "a"])
        shop.finish("a")
        await shop.until(lambda: shop.names == ["slow", "a", "b"])
        shop.finish("slow")
        await shop.until(lambda: len(shop.ended) == 2)
        shop.finish("b")
        await shop.until(lambda: len(shop.ended) == 3)
        await stirred(store, engine)
        assert shop.names == ["slow", "a", "b"], "who has come back has a place again"
        shop.finish("back")
        await shop.until(lambda: shop.names[3:] == ["c"])


async def test_who_waits_for_several_at_once_has_one_place_to_give(store, clock):
    engine, shop = EmbeddedEngine(store, clock), Shop()

    async def work(work):
        many = 3 if work.key.id == "slow" else 0
        with ExitStack() as waits:
            for _ in range(many):
                waits.enter_context(aside())
            await shop(work)

    async with working(engine, work):
        await submit(store, engine, "slow", "a", "b")
        await shop.until(lambda: shop.names == ["slow", "a"])
        await stirred(store, engine)
        assert shop.names == ["slow", "a"]
        shop.finish("slow")
        shop.finish("a")
        await shop.until(lambda: shop.names[2:] == ["b"])


async def test_who_finds_too_many_aside_steps_there_when_one_of_them_is_gone(store, clock, monkeypatch):
    monkeypatch.setattr("mediaglot.gateway.engine.lane.ASIDE", 1)
    engine, shop = EmbeddedEngine(store, clock), Shop()

    async def work(work):
        with aside():
            await shop(work)

    async with working(engine, work):
        await submit(store, engine, "slow", "slower", "a")
        await shop.until(lambda: shop.names == ["slow", "slower"])
        await stirred(store, engine)
        assert shop.names == ["slow", "slower"]
        shop.finish("slow")
        await shop.until(lambda: shop.names[2:] == ["a"])


async def test_outside_of_an_engine_nobody_has_a_place():
    with aside():
        pass
