"""A gateway whose policy is strict sends nothing that another provider would do otherwise than it was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.model import Job
from mediaglot.gateway.testing.crossing import asked as fixtures
from mediaglot.gateway.translation import read_job, write_job

SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]
FIRST, SECOND, *_ = SPOKEN
PAIRS = [*((FIRST, other) for other in SPOKEN[1:]), (SECOND, FIRST)]


def orders(name: str, options: dict[str, str]) -> list[Job]:
    """What the fixtures of a dialect ask for, to be kept by whoever works, as far as its own client can say it and
    nothing of it is left unread."""
    found = []
    for job, _ in fixtures(name).values():
        kept = tuple(replace(output, destinations=()) for output in job.outputs)
        plain = replace(job, outputs=kept, notifications=(), hold=False)
        written = write_job(registry.find(name), plain, options=options)
        got = written.got
        if got is not None and got not in found and not read_job(registry.find(name), written.requests[-1])[1]:
            found.append(got)
    return found


@pytest.mark.heavy
@pytest.mark.parametrize(("asked", "working"), PAIRS)
async def test_what_is_sent_is_what_was_asked_for(asked: str, working: str, lay: Any) -> None:
    road = await lay(asked, working, "--backend", "simulated", lines="policy = 'strict'\npoll = 600\nper_second = 1000")
    ours, theirs = road.asking.agent.client, road.working.agent.client
    taken, able = [], []
    for job in orders(asked, ours.options):
        own = replace(job, outputs=tuple(replace(output, destinations=()) for output in job.outputs))
        if write_job(registry.find(working), own, options=theirs.options).report.lossless:
            able.append(job)
        try:
            await road.asking.send(job)
        except Fault:
            continue
        taken.append(job)
    assert taken == able

    async def arrived() -> bool:
        """What the provider took and what it refused for reasons of its own: no encoder makes that."""
        refused = road.gateway.log.read_text().count("refuses it")
        return len(await road.working.find()) + refused == len(taken)

    await road.wait(arrived)
