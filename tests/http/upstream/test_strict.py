"""A gateway whose policy is strict sends nothing that another provider would do otherwise than it was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.model import Job
from mediaglot.gateway.testing.crossing import asked as fixtures
from mediaglot.gateway.translation import write_job

SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]
RING = list(zip(SPOKEN, SPOKEN[1:] + SPOKEN[:1], strict=True))


def orders(name: str, options: dict[str, str]) -> list[Job]:
    """What the fixtures of a dialect ask for, as far as its own client can say it, to be kept by whoever works."""
    found = []
    for job, _ in fixtures(name).values():
        kept = tuple(replace(output, destinations=()) for output in job.outputs)
        plain = replace(job, outputs=kept, notifications=(), hold=False)
        got = write_job(registry.find(name), plain, options=options).got
        if got is not None and got not in found:
            found.append(got)
    return found


@pytest.mark.parametrize(("asked", "working"), RING)
async def test_what_is_sent_is_what_was_asked_for(asked: str, working: str, lay: Any) -> None:
    road = await lay(asked, working, "--backend", "simulated", lines="policy = 'strict'\npoll = 600\nper_second = 1000")
    ours, theirs = road.asking.agent.client, road.working.agent.client
    taken: list[Job] = []
    for job in orders(asked, ours.options):
        try:
            await road.asking.send(job)
        except Fault:
            continue
        taken.append(job)

    async def arrived() -> bool:
        return len(await road.working.find()) == len(taken)

    await road.wait(arrived)
    for job in taken:
        own = replace(job, outputs=tuple(replace(output, destinations=()) for output in job.outputs))
        report = write_job(registry.find(working), own, options=theirs.options).report
        assert report.lossless, report.summary()
