"""Answers that were meant for somebody else, read by each provider's own client."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from mediaglot.gateway import registry
from mediaglot.gateway.backends import hearsay
from mediaglot.gateway.errand import Placed
from mediaglot.gateway.exchange import CreateJob, Request, Response
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import (
    Audio,
    Average,
    Input,
    Job,
    Location,
    Output,
    Package,
    PackageKind,
    Size,
    Status,
    Variant,
    Video,
)
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.translation import client_of, entered, stage

SPOKEN = [name for name in registry.names() if registry.find(name).client is not None]
INPUTS = (Input(location=Location(url="https://media.example.com/a.mp4")),)
FILE = Output(container="mp4", video=Video(codec="h264", rate=Average(bitrate=200_000)), audio=Audio(codec="aac"))
STREAM = Output(
    package=Package(kind=PackageKind.HLS, variants=(Variant(name="240p", video=Video(size=Size(height=240))),))
)


class Overheard:
    """A provider on paper whose answers somebody listens to."""

    def __init__(self, name: str) -> None:
        self.dialect = registry.find(name)
        self.rehearsal = stage(self.dialect).again()
        options = {"storage": "s3://films/out/"} if "storage" in (self.dialect.client or object).knobs else {}  # type: ignore[union-attr]
        self.client = client_of(self.dialect, options)
        self.heard: list[tuple[Request, Response]] = []

    def run(self, errand: object) -> object:
        try:
            request = next(errand)  # type: ignore[call-overload]
            while True:
                self.heard.append((request, self.rehearsal.answer(request)))
                request = errand.send(self.heard[-1][1])  # type: ignore[attr-defined]
        except StopIteration as end:
            return end.value

    def create(self) -> tuple[Placed, Job, Response]:
        for output in (FILE, STREAM):
            job = Job(inputs=INPUTS, outputs=(output,))
            try:
                placed = self.run(self.client.create(entered(self.dialect), job, Ledger()))
            except Fault:
                continue
            for request, response in self.heard:
                intent = self.rehearsal.read(request)[1]
                if isinstance(intent, CreateJob):
                    assert isinstance(placed, Placed)
                    return placed, intent.job, response
        raise AssertionError("no job can be created")


@pytest.mark.parametrize("name", SPOKEN)
def test_the_id_of_a_new_job_is_heard(name: str) -> None:
    there = Overheard(name)
    placed, job, response = there.create()
    heard = hearsay.created(there.dialect, job, response)
    assert heard is not None
    assert heard.id == placed.id


@pytest.mark.parametrize("name", SPOKEN)
def test_how_a_job_goes_is_heard_also_of_a_finished_one(name: str) -> None:
    there = Overheard(name)
    placed, _, _ = there.create()
    for status in (Status.RUNNING, Status.FINISHED):
        ticket = there.rehearsal.tickets[placed.id]
        outputs = tuple(replace(made, status=status) for made in ticket.outputs)
        there.rehearsal.tickets[placed.id] = replace(ticket, status=status, outputs=outputs)
        there.heard.clear()
        with suppress(Fault):  # files that are not there on paper
            there.run(there.client.look(entered(there.dialect), placed))
        glimpse = hearsay.seen(there.dialect, placed.id, there.heard[0][1])
        assert glimpse is not None
        assert glimpse.status is status


@pytest.mark.parametrize("name", SPOKEN)
@pytest.mark.parametrize("body", [b"", b"{}", b"<a", b"\xff\x00", b'{"id": {}}', b"[[[["])
def test_what_says_nothing_is_not_heard(name: str, body: bytes) -> None:
    there = Overheard(name)
    placed, job, _ = there.create()
    for status in (200, 404, 500):
        assert hearsay.created(there.dialect, job, Response(status=status, body=body)) is None
        assert hearsay.seen(there.dialect, placed.id, Response(status=status, body=body)) is None


def test_a_refusal_creates_nothing() -> None:
    there = Overheard("encoding_com")
    _, job, _ = there.create()
    refusal = there.rehearsal.answer(there.client.frame(b"<query><source>x</source></query>"))
    assert hearsay.created(there.dialect, job, refusal) is None
    assert isinstance(there.rehearsal, Rehearsal)


def test_a_status_is_heard_in_every_way_that_it_can_be_asked_for() -> None:
    there = Overheard("encoding_com")
    placed, _, _ = there.create()
    for kind in ("xml", "json"):
        for extended in ({}, {"extended": "yes"}):
            client = client_of(there.dialect, {"format": kind})
            errand = client._do(entered(there.dialect), "GetStatus", mediaid=placed.id, **extended)  # type: ignore[attr-defined]
            response = there.rehearsal.answer(next(errand))
            errand.close()
            glimpse = hearsay.seen(there.dialect, placed.id, response)
            assert glimpse is not None
            assert (glimpse.id, glimpse.status) == (placed.id, Status.QUEUED)
