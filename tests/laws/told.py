"""Prints a digest of each translation of a run, and of each reading of a fixture.

    python told.py EXAMPLES [forget]

With ``forget`` nothing is remembered.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import hypothesis

from mediaglot.gateway import memory

if "forget" in sys.argv:  # before anybody has it by its name
    memory.remember = lambda known, key, value: None
    memory.recur = lambda values: None

from mediaglot.gateway import registry
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Loss
from mediaglot.gateway.model import Job
from mediaglot.gateway.testing.case import Case, folders
from mediaglot.gateway.testing.output import JOBS
from mediaglot.gateway.translation import Untranslatable, read_job, write_job

WRITERS = [dialect for dialect in map(registry.find, registry.names()) if dialect.client is not None]


def generated(examples: int) -> list[Job]:
    found: list[Job] = []

    def collect(job: Job) -> None:
        found.append(job)

    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    settings(hypothesis.given(JOBS)(collect))()
    return found


Asked = tuple[Job, tuple[Loss, ...]]


def reading(dialect: Dialect, request: Request) -> Asked | None:
    try:
        return read_job(dialect, request)
    except (Fault, Untranslatable):
        return None


def fixtures() -> Iterator[Asked]:
    for case in (case for name in registry.names() for case in folders(name) if isinstance(case, Case)):
        if (found := reading(case.dialect, case.request)) is not None:
            yield found


def wanted(examples: int) -> Iterator[Asked]:
    """The jobs of all fixtures, twice; any others; and those as each provider reads them, with parts of one another."""
    known = [*fixtures(), *fixtures(), *((job, ()) for job in generated(examples))]
    yield from known
    read = [got for job, _ in known for to in WRITERS if (got := write_job(to, job).got) and got.outputs]
    chance = Random(5)
    for job in read:
        yield job, ()
        first, other = job.outputs[0], chance.choice(read).outputs[0]
        yield replace(job, outputs=(replace(first, video=other.video, audio=other.audio), *job.outputs[1:])), ()


def told(job: Job, notes: tuple[Loss, ...], to: Dialect) -> str:
    done = write_job(to, job, notes=notes)
    return hashlib.sha256(repr((done.requests, done.report, done.got)).encode()).hexdigest()


def main() -> None:
    for number, (job, notes) in enumerate(wanted(int(sys.argv[1]))):
        for to in WRITERS:
            print(number, to.name, told(job, notes, to))


if __name__ == "__main__":
    main()
