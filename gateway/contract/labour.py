"""Scenes that cost something: jobs, from their creation to their end, and everything that can be done to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.echo import Shadow, said
from mediaglot.gateway.contract.finding import Finding
from mediaglot.gateway.contract.scene import short_format
from mediaglot.gateway.contract.stage import GOOD, Line, Pause, Stage, Steps, Want, errand
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Client, Errand, Glimpse, Pass, Placed
from mediaglot.gateway.exchange import (
    CancelJob,
    CreateJob,
    DeleteJobs,
    GetJob,
    Request,
    RetryJob,
    StartJob,
    UpdateJob,
)
from mediaglot.gateway.faults import Conflict, Fault, NotFound, Refused, Unsupported
from mediaglot.gateway.life import MOVES
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import TERMINAL, Input, Job, Location, Output, Package, PackageKind, Status
from mediaglot.gateway.rehearsal import Rehearsal
from mediaglot.gateway.testing.case import read_call
from mediaglot.gateway.translation import Untranslatable, client_of, entered
from mediaglot.gateway.translation import stage as rehearsed

CHANGES: Final = (UpdateJob, RetryJob, CancelJob, DeleteJobs, StartJob)
LOOK: Final = 0.05
"""Seconds that a look is reckoned to take where there is no pause between two: a busy machine is to have its time."""
CERTAIN: Final = 4
"""Looks in a row after which a state is taken for lasting."""


def wishes(source: str, deliver: str) -> Iterator[Job]:
    """The same small job in several ways: some providers keep files, some want a place for them, some make packages."""
    inputs, place = (Input(location=Location(url=source)),), (Location(url=deliver),)
    for output in (
        Output(container="mp4"),
        Output(container="mp4", destinations=place),
        Output(package=Package(kind=PackageKind.HLS), destinations=place),
    ):
        yield Job(inputs=inputs, outputs=(output,))


def possible(dialect: Dialect, source: str, deliver: str) -> Job | None:
    """The first of them that the provider takes on paper."""
    for job in wishes(source, deliver):
        paper = rehearsed(dialect).again()
        try:
            done = paper.run(client_of(dialect).create(entered(dialect), job, Ledger()))
        except Untranslatable:
            return None
        if done.value is not None and paper.fault is None:
            return job
    return None


@cache
def _maker(home: Any, options: tuple[tuple[str, str], ...]) -> Callable[[Rehearsal], str] | None:
    dialect = home(**dict(options))
    job = possible(dialect, "https://media.mediaglot.test/bars.mp4", "s3://mediaglot-contract/")
    if job is None:
        return None

    def make(paper: Rehearsal) -> str:
        done = paper.run(client_of(dialect).create(entered(dialect), job, Ledger()))
        assert done.value is not None, done.fault  # noqa: S101 - it went well before
        return done.value.id

    return make


def on_paper(dialect: Dialect) -> Callable[[Rehearsal], str] | None:
    """Makes jobs on paper; None for a dialect whose client can't."""
    home: Any = type(dialect)
    return _maker(home, tuple(dialect.options.items()))


# --- a life ---------------------------------------------------------------------------------------------


def clients(dialect: Dialect) -> Mapping[str, Client]:
    """One for each format that the client can speak."""
    assert dialect.client is not None  # noqa: S101
    knob = dialect.client.knobs.get("format")
    return {name: client_of(dialect, {"format": name}) for name in knob.values} if knob else {"": client_of(dialect)}


def lives(stage: Stage) -> Steps[None]:
    """In each format: a job to its end, and one that is cancelled."""
    job = possible(stage.dialect, stage.terms.source, stage.terms.deliver) if stage.dialect.client else None
    if job is None or stage.permit is None:
        stage.skip("job", "all of its life", "nobody here speaks to this provider")
        return
    for name, client in clients(stage.dialect).items():
        for end, play in (("to its end", _to_its_end), ("cancelled", _cancelled)):
            title = f"{end} {name}".rstrip()
            if stage.jobs_left < 1:
                stage.skip("job", title, stage.terms.spent)
                continue
            with stage.line("job", title) as line:
                yield from _told(stage, line, play(stage, line, client, job))


def _told(stage: Stage, line: Line, play: Steps[None]) -> Steps[None]:
    try:
        yield from play
    except Fault as fault:
        line.findings.append(outcome(line, f"expected an answer that a client can use, found {fault}"))


def outcome(line: Line, message: str, rule: str = "outcome", place: str = "response.body") -> Finding:
    return Finding(rule=rule, operation="", place=place, message=message, exchange=line.name)


def create(stage: Stage, line: Line, client: Client, job: Job) -> Steps[Placed]:
    assert stage.permit is not None  # noqa: S101
    stage.jobs_left -= 1
    placed = yield from errand(stage, line, client.create(stage.permit, job, Ledger()))
    stage.made.append(placed.id)
    return placed


def shadowed(stage: Stage, client: Client, job: Job) -> Shadow:
    """The same job on paper, made by a client that knows nothing yet."""
    dialect, paper = stage.dialect, stage.paper()
    done = paper.run(client_of(dialect, client.options).create(entered(dialect), job, Ledger()))
    return Shadow(paper, done.value.id if done.value is not None else "", said(dialect, done.requests))


def _to_its_end(stage: Stage, line: Line, client: Client, job: Job) -> Steps[None]:
    assert stage.permit is not None  # noqa: S101
    placed = yield from create(stage, line, client, job)
    glimpse = yield from follow(stage, line, client.look, placed)
    if glimpse.status is Status.FINISHED:
        stage.outputs |= {part.id: placed.id for part in glimpse.parts if part.id}
    else:
        line.findings.append(outcome(line, f"expected the job to finish, found {glimpse.word!r} ({glimpse.status})"))
    known = yield from errand(stage, line, client.find(stage.permit))
    line.findings += [outcome(line, *each) for each in unlisted(placed, glimpse, known)]
    shadow = stage.shadows[placed.id] = shadowed(stage, client, job)
    yield from _read(stage, line, placed.id, shadow)


def unlisted(placed: Placed, looked: Glimpse, known: Iterable[Glimpse]) -> Iterator[tuple[str, str]]:
    """A list says of a job at its end what the job itself says."""
    listed = next((each for each in known if each.id == placed.id), None)
    if listed is None:
        yield f"expected the job {placed.id} in the list, it is not there", "list"
    elif looked.status in TERMINAL:
        if listed.status is not looked.status:
            yield f"expected {looked.word!r} in the list, as the job itself says, found {listed.word!r}", "list"
        if None not in (listed.created, looked.created) and listed.created != looked.created:
            yield (
                f"expected created {looked.created} in the list, as the job itself says, found {listed.created}",
                "list",
            )


Look = Callable[[Pass, Placed], Errand[Glimpse]]


def follow(stage: Stage, line: Line, look: Look, placed: Placed) -> Steps[Glimpse]:
    """Look until it is over, and see that it only goes where jobs go."""
    assert stage.permit is not None  # noqa: S101
    waited, last = 0.0, Glimpse(id=placed.id, status=Status.QUEUED)
    while True:
        glimpse = yield from errand(stage, line, look(stage.permit, placed))
        line.findings += [outcome(line, *each) for each in oddities(placed, last, glimpse)]
        last = glimpse
        if glimpse.status in TERMINAL or waited >= stage.terms.patience:
            return glimpse
        yield Pause(stage.terms.pause)
        waited += stage.terms.pause or LOOK


def oddities(placed: Placed, last: Glimpse, now: Glimpse) -> Iterator[tuple[str, str]]:
    if now.id and now.id != placed.id:
        yield f"expected the job {placed.id}, found {now.id}", "id"
    if now.status is Status.UNKNOWN:
        yield f"expected a word for a state, found {now.word!r}", "state"
    elif now.status not in reachable(last.status):
        yield f"expected no way from {last.status} to {now.status}, found {now.word!r}", "state"
    elif now.word == last.word and now.status is Status.RUNNING and now.progress < last.progress:
        shown = " and ".join(f"{float(each.progress):.0%}" for each in (last, now))
        yield f"expected progress that never goes back in {now.word!r}, found {shown}", "progress"
    if None not in (last.created, now.created) and last.created != now.created:
        yield f"expected created {last.created}, as it was told before, found {now.created}", "date"
    times = [each for each in (now.created, now.started, now.finished) if each is not None]
    if times != sorted(times):
        yield f"expected created, started, finished in this order, found {', '.join(map(str, times))}", "date"
    if now.status is Status.FINISHED and now.parts and not now.files:
        yield "expected a finished job to have files, found none", "files"


@cache
def reachable(status: Status) -> frozenset[Status]:
    """Where a job may be at the next look; looks miss steps, but an end is an end."""
    found, ahead = {status}, {status} - TERMINAL
    while ahead:
        news = {each for here in ahead for each in MOVES[here]} - found
        found |= news
        ahead = news - TERMINAL
    return frozenset(found)


def _read(stage: Stage, line: Line, job_id: str, shadow: Shadow) -> Steps[None]:
    """Everything that tells of one job, in each format, and of what its client said."""
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, GetJob)):
        request = asking.with_id(stage.dialect, sample, job_id)
        ready = stage.ready(request) if request is not None else None
        if ready is not None:
            told = yield from stage.ask(line, ready, GOOD)
            if told is not None and told.good:
                found = shadow.problems(sample, told.judgement.tree, job_id)
                line.findings += [stage.finding(line, sample.operation, *each) for each in found]


def _cancelled(stage: Stage, line: Line, client: Client, job: Job) -> Steps[None]:
    assert stage.permit is not None  # noqa: S101
    placed = yield from create(stage, line, client, job)
    glimpse = yield from errand(stage, line, client.look(stage.permit, placed))
    if glimpse.status in TERMINAL:
        line.skipped = "the job had ended before it could be cancelled"
        return
    try:
        yield from errand(stage, line, client.cancel(stage.permit, placed))
        for _ in range(CERTAIN):  # what only seems to be cancelled goes on
            glimpse = yield from errand(stage, line, client.look(stage.permit, placed))
            if glimpse.status not in TERMINAL or glimpse.status is Status.FINISHED:
                break
            yield Pause(stage.terms.pause)
    except Refused as fault:
        if isinstance(fault.meaning, Conflict):
            line.skipped = "the job had ended before it could be cancelled"
        elif not isinstance(fault.meaning, NotFound):  # cancelling may take it away
            raise
        return
    except Unsupported:
        line.skipped = "jobs can't be cancelled here"
        return
    if glimpse.status not in TERMINAL or glimpse.status is Status.FINISHED:
        line.findings.append(outcome(line, f"expected the job to be cancelled, found {glimpse.word!r}", "state"))


# --- everything that can be done to a job -----------------------------------------------------------------


def changes(stage: Stage) -> Steps[None]:
    """Each operation that changes a job, on one that is made for it; then each that creates one, as in the fixtures."""
    job = possible(stage.dialect, stage.terms.source, stage.terms.deliver) if stage.dialect.client else None
    client = client_of(stage.dialect) if job is not None else None
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, (*CHANGES, CreateJob)) and not each.wrong):
        name = f"{sample.operation} {short_format(sample.format)}"
        if stage.jobs_left < 1:
            stage.skip("job", name, stage.terms.spent)
        elif isinstance(sample.reading.intent, CreateJob):
            yield from _created(stage, name, sample)
        elif client is not None and job is not None and stage.permit is not None:
            with stage.line("job", name) as line:
                wanted = _wanted(stage, job, sample.reading.intent)
                yield from _told(stage, line, _changed(stage, line, client, wanted, sample))


def _wanted(stage: Stage, job: Job, intent: Any) -> Job:
    """One that can be changed that way: it waits, or it fails."""
    if isinstance(intent, RetryJob) and intent.failed_only:
        return replace(job, inputs=(Input(location=Location(url=stage.terms.broken)),))
    return replace(job, hold=isinstance(intent, StartJob))


def _changed(stage: Stage, line: Line, client: Client, job: Job, sample: Sample) -> Steps[None]:
    placed = yield from create(stage, line, client, job)
    request = asking.with_id(stage.dialect, sample, placed.id)
    ready = stage.ready(request) if request is not None else None
    if ready is None:
        line.skipped = "its fixtures' ids can't be replaced"
        return
    want: Want = None
    if isinstance(sample.reading.intent, RetryJob):
        glimpse = yield from follow(stage, line, client.look, placed)
        want = GOOD if glimpse.status is Status.FAILED else None
        ready = of_output(stage, ready, glimpse)
    if job.hold:
        yield from held(stage, line, client, placed)
    yield from stage.ask(line, ready, want)


def of_output(stage: Stage, request: Request, glimpse: Glimpse) -> Request:
    """About an output that the job has, where it is about an output."""
    reading = read_call(stage.dialect, request)
    old = getattr(reading.intent, "output_id", None)
    new = next((part.id for part in glimpse.parts if part.id), "")
    if not old or not new:
        return request
    return asking.with_tree(stage.dialect, request, asking.swapped(reading.call.tree, old, new)) or request


def held(stage: Stage, line: Line, client: Client, placed: Placed) -> Steps[None]:
    """Look until it waits for its go: for a few looks, as the word may be that of a phase on the way too."""
    assert stage.permit is not None  # noqa: S101
    waited, in_a_row = 0.0, 0
    while waited < stage.terms.patience and in_a_row < CERTAIN:
        glimpse = yield from errand(stage, line, client.look(stage.permit, placed))
        if glimpse.status in TERMINAL:
            return
        in_a_row = in_a_row + 1 if glimpse.status is Status.HELD else 0
        yield Pause(stage.terms.pause)
        waited += stage.terms.pause or LOOK


def _created(stage: Stage, name: str, sample: Sample) -> Steps[None]:
    request = stage.ready(sample.request)
    if request is not None:
        stage.jobs_left -= 1
        with stage.line("job", name) as line:
            yield from stage.ask(line, request, stage.likely(request))
