"""Jobs that tell of themselves: in each format one to its end, and one that fails, with what comes to a place of ours.

What is made for that (a webhook, a pipeline) is taken away again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from mediaglot.gateway.contract.forecast import Forecast, forecast
from mediaglot.gateway.contract.judge import home_of
from mediaglot.gateway.contract.labour import clients, outcome, possible
from mediaglot.gateway.contract.leftover import Leftovers
from mediaglot.gateway.contract.message import NAME, Certainty, certainty
from mediaglot.gateway.contract.stage import GOOD, Listen, Stage, Steps, Terms
from mediaglot.gateway.contract.watch import Watch
from mediaglot.gateway.errand import Client, Errand, Pass, Placed
from mediaglot.gateway.faults import Fault
from mediaglot.gateway.loss import Ledger
from mediaglot.gateway.model import Event, Input, Job, Location, Notification
from mediaglot.gateway.translation import client_of

SCENE: Final = "news"
DEAF: Final = "nobody knows where messages reach us: --hear URL says it"
SHARED: Final = "who asks for messages hears of all of the account's jobs: --write allows it, and takes it away again"
NOWHERE: Final = "http://127.0.0.1/"


def news(stage: Stage) -> Steps[None]:
    terms, known = stage.terms, certainty(home_of(stage.dialect))
    job = possible(stage.dialect, terms.source, terms.deliver) if known and stage.dialect.client else None
    if job is None or stage.permit is None:
        stage.skip(SCENE, "all of it", "nobody here is told anything by this provider")
        return
    watches: list[Watch] = []
    for name, client in clients(stage.dialect).items():
        for play in plays(job, terms):
            title = f"{play.end} {name}".rstrip()
            place = stage.post.place(len(stage.lines)) if stage.post else NOWHERE
            expected = forecast(stage, partial(play.create, client_of(stage.dialect, client.options)), place)
            if expected is None or play.wish not in {None, *expected.events}:
                continue
            if why := _why_not(stage):
                stage.skip(SCENE, title, why)
            else:
                watches.append((yield from _watched(stage, title, client, play, expected)))
    yield from _judged([watch for watch in watches if watch.over], terms)


def _judged(watches: list[Watch], terms: Terms) -> Steps[None]:
    """What comes twice is waited for once."""
    if any(watch.certainty.once for watch in watches):
        yield Listen(lambda: any(watch.twice() for watch in watches), terms.linger)
    for watch in watches:
        watch.sum_up()


@dataclass(frozen=True, slots=True)
class Play:
    """A job, and what is to be heard of it: one thing, or all that its client wants to know."""

    end: str
    job: Job
    wish: Event | None = None

    def create(self, client: Client, permit: Pass, place: str) -> Errand[Placed]:
        if self.wish is None:
            return client.create(permit, self.job, Ledger(), hear=place)
        asked = Notification(target=Location(url=place), events=frozenset({self.wish}))
        return client.create(permit, replace(self.job, notifications=(asked,)), Ledger())


def plays(job: Job, terms: Terms) -> Iterator[Play]:
    yield Play("to its end", job)
    yield Play("that fails", replace(job, inputs=(Input(location=Location(url=terms.broken)),)))
    places = (Location(url=terms.deliver),)
    outputs = tuple(replace(each, destinations=places) for each in job.outputs)
    yield Play("that is delivered", replace(job, outputs=outputs), Event.DELIVERED)


def _why_not(stage: Stage) -> str:
    if stage.jobs_left < 1:
        return stage.terms.spent
    if stage.post is None:
        return DEAF
    return SHARED if stage.dialect.standing and not stage.terms.write else ""


def _watched(stage: Stage, title: str, client: Client, play: Play, expected: Forecast) -> Steps[Watch]:
    assert stage.post is not None  # noqa: S101
    assert stage.permit is not None  # noqa: S101
    stage.jobs_left -= 1
    client = client_of(stage.dialect, client.options)  # one that knows nothing of what was taken away again
    known, leftovers = certainty(home_of(stage.dialect)) or Certainty(), Leftovers(stage)
    with stage.line(SCENE, title) as line:
        line.operation = NAME
        watch = Watch(stage, line, client, stage.post, expected, known)
        try:
            yield from watch.play(stage.permit, leftovers.of(play.create(client, stage.permit, expected.place)))
        except Fault as fault:
            line.findings.append(outcome(line, f"expected an answer that a client can use, found {fault}"))
        # What goes on may need what was made for it.
        yield from leftovers.take_away(line, client, GOOD if watch.over else None)
    return watch
