"""The craft of make-believe: a job's whole life on a clock, always the same."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from mediaglot.gateway.backends.simulated import SimulatedCraft, result_file, source_facts
from mediaglot.gateway.clock import VirtualClock
from mediaglot.gateway.exchange import CreateJob
from mediaglot.gateway.faults import UnknownEncoder
from mediaglot.gateway.model import Average, Input, Job, Location, Output, Phase, Status, Video

START = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = "https://media.example/bars-60s-640x360.mp4"


@pytest.fixture
def media_clock() -> VirtualClock:
    """The craft's own, so that whoever sleeps on it is the craft."""
    return VirtualClock(START)


@pytest.fixture
def craft(media_clock: VirtualClock) -> SimulatedCraft:
    return SimulatedCraft(media_clock, speed=30)


def job(*outputs: Output, url: str = SOURCE, **more: Any) -> CreateJob:
    return CreateJob(job=Job(inputs=(Input(location=Location(url=url)),), outputs=outputs, **more))


def test_facts_follow_from_the_url() -> None:
    facts = source_facts(SOURCE)
    assert (facts.duration, facts.video[0].width, facts.video[0].height) == (60, 640, 360)
    assert facts == source_facts(SOURCE)
    unnamed = source_facts("https://h/a")
    assert unnamed == source_facts("https://h/a") != source_facts("https://h/b")
    assert facts.size == int(facts.bitrate or 0) * 60 // 8


def test_the_size_of_a_result_follows_from_its_settings() -> None:
    slow = result_file(Output(video=Video(rate=Average(bitrate=400_000))), source_facts(SOURCE), "a.mp4")
    fast = result_file(Output(video=Video(rate=Average(bitrate=800_000))), source_facts(SOURCE), "a.mp4")
    assert fast.size - slow.size == 400_000 * 60 // 8


async def drive(works: Any, clock: VirtualClock, job_id: str) -> list[tuple[Status, Phase | None, Fraction]]:
    """Every state that is seen at the craft's naps, until the job has finished."""
    seen = []
    async with asyncio.timeout(10):
        while (ticket := await works.ticket(job_id)).status is not Status.FINISHED:
            if clock.next_due is not None:
                seen.append((ticket.status, ticket.phase, ticket.progress))
                await clock.advance(clock.next_due)
            else:
                await asyncio.to_thread(lambda: None)
    return seen


async def test_a_simulated_job_passes_every_phase_in_virtual_time(works: Any, media_clock: VirtualClock) -> None:
    ticket = await works.ask(job(Output(container="mp4"), Output(container="webm")))
    async with works.running():
        seen = await drive(works, media_clock, ticket.id)
    done = await works.ticket(ticket.id)
    assert {Phase.FETCHING, Phase.ENCODING} <= {phase for _, phase, _ in seen}
    progress = [share for _, _, share in seen]
    assert progress == sorted(progress)
    assert done.sources[0].facts == source_facts(SOURCE)
    assert [made.status for made in done.outputs] == [Status.FINISHED, Status.FINISHED]
    assert all(made.files[0].path.startswith(f"{done.ids['folder']}/{made.id}/") for made in done.outputs)
    assert media_clock.monotonic() == pytest.approx(2 + 4 * 0.02), "60 seconds of media at 30 times the speed"


async def test_the_same_job_has_the_same_results(works: Any, clock: VirtualClock) -> None:
    craft = SimulatedCraft(clock)
    request = job(Output(container="mp4", video=Video(rate=Average(bitrate=500_000))))
    tickets = [await works.ask(request) for _ in range(2)]
    facts = [await craft.probe(ticket, 0) for ticket in tickets]
    assert facts[0] == facts[1]


async def test_a_source_that_nobody_could_fetch_is_missing(works: Any) -> None:
    ticket = await works.ask(job(Output(container="mp4"), url="nowhere:x"))
    await works.run_once()
    failed = await works.ticket(ticket.id)
    assert (failed.status, failed.trouble.code) == (Status.FAILED, "source_missing")


async def test_what_a_real_server_would_refuse_is_refused(works: Any) -> None:
    with pytest.raises(UnknownEncoder):
        await works.ask(job(Output(container="mp4", video=Video(codec="vp6"))))
