"""Scripted outcomes, from the words in a source's URL to what becomes of the job."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from mediaglot.gateway.backends.scripted import Scripted, scripted
from mediaglot.gateway.backends.sim import SimulatedCraft
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.exchange import CreateJob, RetryJob, StartJob
from mediaglot.gateway.faults import Busy, Invalid, by_code
from mediaglot.gateway.model import (
    Event,
    Input,
    Job,
    Location,
    Notification,
    Output,
    Package,
    PackageKind,
    Phase,
    Status,
)
from mediaglot.gateway.notify import Answer, Backoff, Courier
from mediaglot.gateway.script.blame import FAULTS, REFUSALS, Stage, words
from mediaglot.gateway.script.outcome import WORDS
from mediaglot.gateway.script.rule import Script
from mediaglot.gateway.store import Letter

SITE = "https://media.mediaglot.test/bars-60s-640x360.mp4"
OUT = Location(url="s3://bucket/a/")
MP4 = Output(container="mp4")


@pytest.fixture
def craft(clock: VirtualClock) -> Scripted:
    """Sixty seconds of media in a minute, so that a percent of encoding is 0.6 seconds."""
    return Scripted(SimulatedCraft(clock, speed=1), clock)


class Play:
    """A job on a clock."""

    def __init__(self, works: Any) -> None:
        self.works, self.clock, self.id = works, works.clock, ""

    async def add(self, query: str, *outputs: Output, **more: Any) -> None:
        source = Input(location=Location(url=f"{SITE}?{query}"))
        asked = Job(inputs=(source,), outputs=outputs or (MP4,), **more)
        self.id = (await self.works.ask(CreateJob(job=asked))).id

    async def ticket(self) -> Any:
        return await self.works.ticket(self.id)

    async def end(self) -> Any:
        """The ticket when nothing is to come."""
        while await self.clock.step() is not None:
            pass
        return await self.ticket()


@pytest.fixture
async def play(works: Any) -> Any:
    async with works.running():
        yield Play(works)


async def test_it_fails_where_it_is_told_to(play: Play) -> None:
    await play.add("fail=encoding&at=40&fault=corrupt&size=0&takes=3600")
    await play.clock.advance(1439.9)
    before = await play.ticket()
    assert (before.phase, before.phase_progress) == (Phase.ENCODING, pytest.approx(0.35))
    await play.clock.advance(0.1)
    failed = await play.ticket()
    assert (failed.status, failed.trouble.code) == (Status.FAILED, "source_unreadable")
    assert failed.outputs[0].trouble == failed.trouble
    assert play.clock.monotonic() == 1440


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("stage", "word"), [(stage, word) for stage in Stage for word in words(stage) if word in FAULTS[stage]]
)
async def test_every_fault_at_its_stage(play: Play, stage: Stage, word: str) -> None:
    outputs = (Output(container="mp4", destinations=(OUT,)),) if stage is Stage.DELIVERING else (MP4,)
    await play.add(f"fail={stage.value}&fault={word}&at=50", *outputs)
    failed = await play.end()
    assert failed.status is Status.FAILED
    wanted = words(stage)[word]().code
    assert failed.trouble.code == wanted
    seen = [step.phase for step in failed.history]
    assert (Phase.ENCODING in seen) == (stage not in {Stage.FETCHING, Stage.PROBING, Stage.WAITING})
    assert (Phase.WAITING in seen) == (stage is Stage.WAITING)


async def test_one_output_of_several(play: Play) -> None:
    await play.add("fail=encoding&output=2", MP4, Output(container="webm"), MP4)
    ended = await play.end()
    assert [made.status for made in ended.outputs] == [Status.FINISHED, Status.FAILED, Status.FINISHED]
    assert (ended.status, ended.trouble.code) == (Status.FAILED, "encoding_failed")


async def test_one_delivery_of_one_output(play: Play) -> None:
    output = Output(container="mp4", destinations=(OUT, OUT, OUT))
    await play.add("fail=delivering&output=2&deliver=2&fault=forbidden", output, output)
    ended = await play.end()
    saved = [[one.saved for one in made.deliveries] for made in ended.outputs]
    assert saved == [[True, True, True], [True, False, True]]
    assert ended.outputs[1].trouble.code == "delivery_forbidden"


async def test_storing_of_one_output_without_a_destination(play: Play) -> None:
    await play.add("fail=storing&output=1", MP4, MP4)
    assert [made.status for made in (await play.end()).outputs] == [Status.FAILED, Status.FINISHED]


async def test_packaging_is_what_packages_fail_at(play: Play) -> None:
    await play.add("fail=packaging", MP4, Output(package=Package(kind=PackageKind.HLS)))
    assert [made.status for made in (await play.end()).outputs] == [Status.FINISHED, Status.FAILED]


async def test_what_is_stuck_stays_so_until_somebody_ends_it(play: Play) -> None:
    await play.add("stuck&at=30")
    await play.clock.advance(90 * 86_400)
    stuck = await play.ticket()
    assert (stuck.status, stuck.phase, stuck.phase_progress) == (Status.RUNNING, Phase.ENCODING, pytest.approx(0.3))
    assert stuck.attempt == 1


@pytest.mark.parametrize("stage", ["fetching", "probing", "waiting", "encoding", "packaging", "storing", "delivering"])
async def test_a_stall_may_pass(play: Play, stage: str) -> None:
    await play.add(f"stall={stage}&for=7200&at=50")
    assert (await play.end()).status is Status.FINISHED
    assert 7200 + 60 < play.clock.monotonic() < 7200 + 70


async def test_it_waits_in_the_queue(play: Play) -> None:
    await play.add("wait=600&size=0")
    await play.clock.advance(599)
    assert (await play.ticket()).phase is Phase.WAITING
    await play.clock.advance(2)
    assert (await play.ticket()).phase is Phase.ENCODING


async def test_slow_then_fine(play: Play) -> None:
    await play.add("slow=10&until=50&size=0")
    await play.clock.advance(150)
    assert (await play.ticket()).phase_progress == pytest.approx(0.25)
    await play.clock.advance(150 + 15)
    assert (await play.ticket()).phase_progress == pytest.approx(0.75)


async def test_the_source_may_be_of_any_length_and_size(play: Play) -> None:
    await play.add("duration=3600&size=123")
    ended = await play.end()
    assert (ended.sources[0].size, ended.sources[0].facts.duration) == (123, 3600)
    assert ended.outputs[0].files[0].facts.duration == 3600
    assert 3600 < play.clock.monotonic() < 3660


async def test_a_retry_succeeds(play: Play) -> None:
    await play.add("fail=encoding&retry=succeeds")
    assert (await play.end()).status is Status.FAILED
    await play.works.ask(RetryJob(id=play.id))
    assert (await play.end()).status is Status.FINISHED


async def test_two_runs_fail_and_a_start_is_no_retry(play: Play) -> None:
    await play.add("fail=encoding&times=2", hold=True)
    assert (await play.end()).status is Status.HELD
    await play.works.ask(StartJob(id=play.id))
    for wanted in (Status.FAILED, Status.FAILED, Status.FINISHED):
        assert (await play.end()).status is wanted
        if wanted is Status.FAILED:
            await play.works.ask(RetryJob(id=play.id))


async def test_pressure_is_told_at_once_and_makes_no_job(play: Play) -> None:
    with pytest.raises(Busy):
        await play.add("refuse=busy")
    assert await play.works.store.live() == ()


async def test_what_can_not_be_followed_makes_no_job(play: Play) -> None:
    with pytest.raises(Invalid):
        await play.add("fail=cooking")
    assert await play.works.store.live() == ()


async def test_rules_work_alike(play: Play) -> None:
    play.works.script.add({"match": {"outputs[].container": "webm"}, "outcome": {"fail": "probing"}, "next": 1})
    ends = []
    for container in ("mp4", "webm", "webm"):
        await play.add("", Output(container=container))
        ends.append((await play.end()).status)
    assert ends == [Status.FINISHED, Status.FAILED, Status.FINISHED]


async def test_any_craft_can_be_told(works: Any, craft: Any, clock: VirtualClock) -> None:
    """One that encodes in one go, and says how far it is."""

    class Real(SimulatedCraft):
        async def make(self, ticket: Any, wanted: Any, report: Any, over: Any = None) -> Any:
            for share in (0.1, 0.55, 1.0):
                await clock.sleep(10)
                report(share)
            raise AssertionError("it was to be stopped before")

    craft.craft = Real(clock)
    play = Play(works)
    async with works.running():
        await play.add("fail=encoding&at=50&fault=killed&size=0")
        failed = await play.end()
    assert (failed.trouble.code, failed.trouble.data) == ("killed", {"signal": "SIGKILL"})
    assert clock.monotonic() == 20


@pytest.mark.parametrize(("query", "tries"), [("times=2", 3), ("times=1", 2), ("", 10)])
async def test_receivers_may_not_hear(works: Any, query: str, tries: int) -> None:
    came: list[str] = []

    async def send(letter: Letter) -> Answer:
        came.append(letter.event)
        return Answer(200)

    play, clock = Play(works), works.clock
    hook = Notification(target=Location(url="https://c/h"), events=frozenset({Event.FINISHED}))
    courier = Courier(works.store, scripted(send, works.store, clock), clock, backoff=Backoff(first=10))
    delivering = asyncio.create_task(courier.run())
    async with works.running():
        await play.add(f"fail=notifying&{query}", notifications=(hook,))
        assert (await play.end()).status is Status.FINISHED
        (letter,) = await works.letter_objects(play.id)
    delivering.cancel()
    await asyncio.wait([delivering])
    assert (letter.attempts, came) == (tries, ["finished"] if query else [])


# --- the page ---------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "double.md").read_text()
ROWS = re.findall(r"^\| `\?([^`]*)` \| [^|]+ \| `(\w+)`(?: `(\w+)`)? \|$", PAGE, re.MULTILINE)


def test_the_page_has_every_word_and_every_stage() -> None:
    assert len(ROWS) > 20
    told = {pair.partition("=")[0] for query, _, _ in ROWS for pair in query.split("&")}
    assert told == set(WORDS)
    assert {part[5:] for query, _, _ in ROWS for part in query.split("&") if part.startswith("fail=")} >= set(Stage)
    faults = dict(re.findall(r"^\| `(\w+)` \| ((?:`\w+` ?)+)\|$", PAGE, re.MULTILINE))
    assert faults.pop("refuse").replace("`", "").split() == list(REFUSALS)
    assert {stage: line.replace("`", "").split() for stage, line in faults.items()} == {
        stage.value: list(given) for stage, given in FAULTS.items() if given
    }


@pytest.mark.parametrize(("query", "status", "code"), ROWS)
async def test_the_page_keeps_its_word(play: Play, query: str, status: str, code: str) -> None:
    output = Output(container="mp4", destinations=(OUT,)) if "delivering" in query else MP4
    if status not in set(Status):
        with pytest.raises(by_code(status)):
            await play.add(query, output)
        return
    await play.add(query, output)
    ended = await play.end()
    assert ended.status.value == status
    assert (ended.trouble.code if ended.trouble else "") == code


async def test_the_second_destination_of_a_job_without_one_is_nobodys(play: Play) -> None:
    await play.add("fail=delivering&deliver=2", MP4)
    assert (await play.end()).status is Status.FINISHED


def test_the_rules_of_the_page_can_be_set() -> None:
    (text,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert len(Script(json.loads(text)).rules) == 5
