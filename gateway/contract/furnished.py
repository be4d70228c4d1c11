"""What jobs need at an account, made there and known on paper; and fixtures' jobs as this account can ask for them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Final

from mediaglot.gateway import codec
from mediaglot.gateway.accounts import ANYBODY
from mediaglot.gateway.backends.trial import STAND_IN
from mediaglot.gateway.contract import asking, labour
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.judge import hear
from mediaglot.gateway.contract.stage import Line, Stage, Steps, errand
from mediaglot.gateway.contract.variant import ABSENT, Change, at, changed, inside
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Errand, Placed
from mediaglot.gateway.exchange import CreateJob, Request
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.media.plan import plan
from mediaglot.gateway.media.tool import PROMISED_ENCODERS, PROMISED_MUXERS
from mediaglot.gateway.model import Input, Job, Location
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.testing.case import read_call
from mediaglot.gateway.translation import client_of, entered

Needs = tuple[tuple[str, str], ...]
LENGTH: Final = Fraction(2)
SHORT: Final = replace(
    STAND_IN,
    duration=LENGTH,
    video=tuple(replace(each, duration=LENGTH) for each in STAND_IN.video),
    audio=tuple(replace(each, duration=LENGTH) for each in STAND_IN.audio),
)
"""A source that any may be longer than."""


@dataclass(frozen=True, slots=True)
class Room:
    """An account that has what a job needs: ``needs`` are the kinds and ids of that, ``tree`` is a request that would
    create a small job, ``known`` the addresses that jobs may name, and ``paper`` a provider that has the same."""

    stage: Stage
    needs: Needs
    tree: Any
    known: tuple[str, ...]
    paper: Rehearsal

    def job(self, request: Request) -> Job | None:
        """What a request asks for, with what its things say. None for one that creates no job, or keeps something."""
        intent = read_call(self.stage.dialect, request).intent
        if not isinstance(intent, CreateJob) or intent.presets or intent.unique:
            return None
        try:
            return self.paper.settled(intent, ANYBODY)
        except Fault:
            return None

    def strange(self, job: Job) -> int:
        """How many there are that it would be told to, and places that it is not to fetch from or bring to."""
        foreign = [each for each in addresses(job) if not each.startswith(self.known)]
        return len(job.notifications) + len(foreign)

    def is_plain(self, job: Job) -> bool:
        """Whether everybody can make it. Who refuses a pixel format that there is not, or a start behind the end of the
        source, does not break a contract that leaves both open."""
        inputs = job.inputs or (Input(location=Location(url=self.stage.terms.source)),)
        sources = [SHORT] * len(inputs)
        drawn = plan(replace(job, inputs=inputs), sources, encoders=PROMISED_ENCODERS, muxers=PROMISED_MUXERS)
        return not drawn.faults

    def left(self, request: Request) -> int:
        """What of a request is strange; more than anything else where it creates no job."""
        job = self.job(request)
        return sys.maxsize if job is None else self.strange(job)


def addresses(job: Job) -> frozenset[str]:
    """Everything that a job fetches, or brings somewhere."""
    return frozenset(str(value) for place, value in inside(codec.encode(job)) if place[-1:] == ("url",))


# --- an account -------------------------------------------------------------------------------------------


def furnish(stage: Stage, line: Line) -> Steps[Room | None]:
    """Makes what the small job of the other scenes needs. None where no client can. Raises Faults."""
    dialect, terms = stage.dialect, stage.terms
    job = labour.possible(dialect, terms.source, terms.deliver) if dialect.client else None
    if job is None or stage.permit is None:
        return None
    steps = client_of(dialect).create(stage.permit, job, Ledger())
    asked = yield from errand(stage, line, up_to_the_job(dialect, steps))
    reading, paper = read_call(dialect, asked), stage.paper()
    needs: Needs = getattr(reading.intent, "needs", ())
    _furnish_paper(paper, job, needs)
    room = Room(stage, needs, reading.call.tree, (terms.source, terms.deliver), paper)
    settled = room.job(asked)
    return replace(room, known=(*room.known, *addresses(settled))) if settled is not None else room


def up_to_the_job(dialect: Dialect, steps: Errand[Placed]) -> Errand[Request]:
    """An errand that ends with the request that would create the job."""
    request = next(steps)
    while not isinstance(read_call(dialect, request).intent, CreateJob):
        request = steps.send((yield request))
    steps.close()
    return request


def _furnish_paper(paper: Rehearsal, job: Job, needs: Needs) -> None:
    """The things that the same errand makes on paper, under the ids that the implementation gave."""
    dialect = paper.dialect
    done = paper.run(up_to_the_job(dialect, client_of(dialect).create(entered(dialect), job, Ledger())))
    intent = read_call(dialect, done.value).intent if done.value is not None else None
    for (kind, ours), (_, theirs) in zip(getattr(intent, "needs", ()), needs, strict=False):
        if (thing := paper.thing(kind, ours, ANYBODY)) is not None:
            paper.keep(thing, (kind, theirs))


# --- fixtures' jobs ---------------------------------------------------------------------------------------


def at_home(room: Room, sample: Sample) -> Request | None:
    """A fixture's job with what this account has, and the source and the places that jobs are to have; it tells nobody.

    None where that can't be said of it, or a provider on paper refuses it.
    """
    dialect, ready = room.stage.dialect, room.stage.ready(sample.request)
    if ready is None:
        return None
    request = asking.with_tree(dialect, ready, _with_needs(read_call(dialect, ready).call.tree, sample, room.needs))
    request = _brought_home(room, request) if request is not None else None
    if request is None:
        return None
    return None if hear(dialect, request, room.paper.answer(request)).is_error else request


def moved_in(room: Room, sample: Sample) -> Sample:
    """A fixture that names what jobs need, as fixtures of jobs do, with what this account has in its place."""
    own, request = dict(room.needs), sample.request
    for other in room.stage.samples:
        for kind, name in getattr(other.reading.intent, "needs", ()):
            if kind in own:
                request = replace(request, query=request.query.replace(name, own[kind]))
    return replace(sample, request=request, reading=read_call(room.stage.dialect, request))


def _with_needs(tree: Any, sample: Sample, needs: Needs) -> Any:
    own = dict(needs)
    for kind, name in getattr(sample.reading.intent, "needs", ()):
        tree = asking.swapped(tree, name, own[kind]) if kind in own else tree
    return tree


def _changes(room: Room, request: Request) -> Iterator[Change]:
    """What may bring a job home: what the small job says in that place, our own places for others, less of it."""
    tree, terms = read_call(room.stage.dialect, request).call.tree, room.stage.terms
    yield from (Change(place, value) for place, value in inside(room.tree) if at(tree, place) is not ABSENT)
    for place, value in inside(tree):
        if isinstance(value, str) and "://" in value:
            yield from (Change(place, terms.source), Change(place, terms.deliver))
    ways = {place[:depth] for place, _ in inside(tree) for depth in range(1, len(place) + 1)}
    yield from (Change(place, ABSENT) for place in sorted(ways, key=lambda place: (len(place), str(place))))


def _brought_home(room: Room, request: Request) -> Request | None:
    """The request with all changes that leave less that is strange; None where something stays."""
    left = room.left(request)
    for change in _changes(room, request):
        if not left:
            break
        tree = changed(read_call(room.stage.dialect, request).call.tree, change)
        other = asking.with_tree(room.stage.dialect, request, tree)
        if other is not None and (less := room.left(other)) < left:
            request, left = other, less
    return None if left else request
