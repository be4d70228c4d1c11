"""Errands of several jobs run side by side and share what is known of the provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.errand import Client, Errand
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Average, Job, Video
from mediaglot.gateway.testing.crossing import plainest
from mediaglot.gateway.translation import client_of, entered, stage

NAMES = [name for name in registry.names() if registry.find(name).client is not None]


def several(job: Job) -> Job:
    """With outputs that need different presets."""
    first = job.outputs[0]
    rates = (Average(bitrate=kilobits * 1000) for kilobits in (300, 500, 900))
    outputs = (replace(first, name=f"{n}.mp4", video=Video(codec="h264", rate=rate)) for n, rate in enumerate(rates))
    return replace(job, outputs=tuple(outputs))


def beside(client: Client, errand: Errand[Mapping[str, str]]) -> Errand[Mapping[str, str]]:
    """The errand, and another one that finds out each time that what is known is not there any more."""
    try:
        request = next(errand)
        while True:
            response = yield request
            client.known.clear()
            request = errand.send(response)
    except StopIteration as end:
        ids: Mapping[str, str] = end.value
        return ids


@pytest.mark.parametrize("name", NAMES)
def test_what_an_errand_needs_may_be_forgotten_by_another_one(name: str) -> None:
    dialect = registry.find(name)
    job, client = several(plainest(dialect)), client_of(dialect)
    wanted = stage(dialect).again().run(client_of(dialect).wrap(entered(dialect), job, Ledger()))
    done = stage(dialect).again().run(beside(client, client.wrap(entered(dialect), job, Ledger())))
    assert done.fault is None
    assert {*(done.value or {})} == {*(wanted.value or {})}
    if name in ("xvid_mediahub", "transparent_edge"):
        assert len(done.requests) > 2, "presets and profiles are made one by one"
