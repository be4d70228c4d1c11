"""Jobs drawn from the schemas of their requests: a fixture's job, with a few of its settings said in other ways.

What has to come of one is found out on paper, at a provider that has what this account has. A drawn job has the source
and the places of the other scenes' jobs, tells nobody of itself and keeps no preset; what would is not sent.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.furnished import Room, furnish
from mediaglot.gateway.contract.judge import Hearing, hear
from mediaglot.gateway.contract.labour import outcome
from mediaglot.gateway.contract.scene import short_format
from mediaglot.gateway.contract.stage import GOOD, Line, Stage, Steps, Want, errand
from mediaglot.gateway.contract.urn import Drawn, Urn
from mediaglot.gateway.contract.variant import ABSENT, at, inside
from mediaglot.gateway.errand import Placed
from mediaglot.gateway.exchange import CreateJob, GetJob, Response
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.translation import client_of

SCENE: Final = "drawn job"
DRAWS: Final = 8
"""Jobs for each operation and format."""
WRONG: Final = 4
"""Every one of so many is a job that a provider refuses, where one is found."""


def ventures(stage: Stage) -> Steps[None]:
    """Jobs as their schemas allow them, of each kind in turn, as long as jobs are left."""
    kinds = list(stage.firsts(lambda each: isinstance(each.reading.intent, CreateJob) and not each.wrong))
    names = [f"{each.operation} {short_format(each.format)}" for each in kinds]
    if stage.jobs_left < 1:
        for name in names:
            stage.skip(SCENE, name, stage.terms.spent)
        return
    room = yield from _room(stage)
    urns = [Urn(room, kind, name) for kind, name in zip(kinds, names, strict=True)] if room is not None else []
    for number in range(DRAWS):
        for urn in tuple(urns):
            drawn = urn.draw(refused=number % WRONG == WRONG - 1) if stage.jobs_left > 0 else None
            if drawn is not None:
                yield from _sent(stage, urn, drawn, number)
                continue
            urns.remove(urn)
            stage.skip(SCENE, urn.name, _why(stage, urn))


def _room(stage: Stage) -> Steps[Room | None]:
    with stage.line(SCENE, "what jobs need") as line:
        try:
            room = yield from furnish(stage, line)
        except Fault as fault:
            line.findings.append(outcome(line, f"expected an answer that a client can use, found {fault}"))
            return None
        if room is None or not line.exchanges:
            line.skipped = "nobody here speaks to this provider" if room is None else "jobs need nothing here"
    return room


def _why(stage: Stage, urn: Urn) -> str:
    if stage.jobs_left < 1:
        return stage.terms.spent
    return "no more of them could be drawn" if urn.bases else "none of its fixtures can be asked for by this account"


# --- one job ----------------------------------------------------------------------------------------------


def _sent(stage: Stage, urn: Urn, drawn: Drawn, number: int) -> Steps[None]:
    stage.jobs_left -= 1
    paper, before = urn.room.paper, set(urn.room.paper.tickets)
    answer = paper.answer(drawn.request)
    ours = next((each for each in paper.tickets if each not in before), "")
    with stage.line(SCENE, f"{urn.name} {number}: {', '.join(map(str, drawn.said))}") as line:
        on_paper = hear(stage.dialect, drawn.request, answer)
        told = yield from stage.ask(line, drawn.request, _want(urn.room, drawn, on_paper, answer))
        theirs = counterpart(on_paper.tree, told.judgement.tree, ours) if told is not None and told.good else ""
        if theirs:
            yield from _looked_at(stage, line, urn, theirs, ours)
            yield from _cancelled(stage, line, theirs)


def counterpart(shown: Any, told: Any, ours: str) -> str:
    """What ``told`` says where ``shown`` says ``ours``, alone or within a sentence; empty where nothing does."""
    places = [(place, str(value)) for place, value in inside(shown) if ours and ours in str(value)]
    for place, said in sorted(places, key=lambda each: each[1] != ours)[:1]:
        before, _, after = said.partition(ours)
        theirs = str(value) if (value := at(told, place)) is not ABSENT else ""
        if theirs.startswith(before) and theirs.endswith(after):
            return theirs[len(before) : len(theirs) - len(after)]
    return ""


def _want(room: Room, drawn: Drawn, on_paper: Hearing, answer: Response) -> Want:
    """As on paper, unless it depends on what an implementation can make, or on what else the account has."""
    if not on_paper.is_error:
        job = room.job(drawn.request)
        return GOOD if job is not None and room.is_plain(job) else None
    needs = getattr(on_paper.reading.intent, "needs", drawn.base.needs)
    return answer if needs == drawn.base.needs else None


def _looked_at(stage: Stage, line: Line, urn: Urn, theirs: str, ours: str) -> Steps[None]:
    """The job that was made, ``ours`` on paper, as it is shown in the same format."""
    stage.made.append(theirs)
    for sample in stage.firsts(lambda each: isinstance(each.reading.intent, GetJob)):
        own, other = (asking.with_id(stage.dialect, sample, each) for each in (theirs, ours))
        ready, shadow = (stage.ready(each) if each is not None else None for each in (own, other))
        if sample.format == urn.kind.format and ready is not None and shadow is not None:
            wrong = hear(stage.dialect, shadow, urn.room.paper.answer(shadow)).is_error
            yield from stage.ask(line, ready, None if wrong else GOOD)


def _cancelled(stage: Stage, line: Line, job_id: str) -> Steps[None]:
    """Nobody waits for it: it need not cost more. That it is over already, or can't be cancelled, is no mistake."""
    if stage.permit is not None:
        with suppress(Fault):
            yield from errand(stage, line, client_of(stage.dialect).cancel(stage.permit, Placed(id=job_id)))
