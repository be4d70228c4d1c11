"""What a provider on paper would tell of a job, and to whom: what an implementation's messages are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mediaglot.gateway.contract.echo import Said, said
from mediaglot.gateway.contract.stage import Stage
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.errand import Errand, Pass, Placed
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.model import Delivery, Event, Made, Notification, Status, Ticket
from mediaglot.gateway.model.change import replace
from mediaglot.gateway.rehearsal import SITE
from mediaglot.gateway.translation import entered

EVENTS: Final[Mapping[Status, Event]] = {
    Status.QUEUED: Event.QUEUED,
    Status.HELD: Event.READY,
    Status.RUNNING: Event.STARTED,
    Status.FINISHED: Event.FINISHED,
    Status.FAILED: Event.FAILED,
    Status.CANCELLED: Event.CANCELLED,
}
"""What a message tells of that has that state in it."""
DUE: Final[Mapping[Status, tuple[Event, ...]]] = {
    Status.RUNNING: (Event.STARTED,),
    Status.FINISHED: (Event.FINISHED, Event.DELIVERED),
    Status.FAILED: (Event.FAILED,),
    Status.CANCELLED: (Event.CANCELLED,),
}
"""What has to be told, if anybody wants to hear it, of a job that was seen in that state."""
STATES: Final = {event: status for status, event in EVENTS.items()}


@dataclass(frozen=True, slots=True)
class Forecast:
    dialect: Dialect
    place: str
    ticket: Ticket
    wishes: tuple[Notification, ...]
    """Of the job, and of the account, for that place."""
    known: Said
    """What the client said of the job."""

    @property
    def events(self) -> frozenset[Event]:
        return frozenset(event for wish in self.wishes for event in wish.events)

    def due(self, status: Status) -> Iterator[Event]:
        return (event for event in DUE.get(status, ()) if event in self.events)

    def message(self, event: Event | None = None) -> Request:
        """About that, or where nobody is told of it, about something else."""
        told = event if event in self.events else min(self.events)
        wish = next(each for each in self.wishes if told in each.events)
        ticket = replace(self.ticket, status=STATES.get(told, Status.FINISHED))
        subject = self._delivery() if told is Event.DELIVERED else None
        return self.dialect.render_notification(ticket, wish, told, SITE, subject) or Request(method="POST")

    def _delivery(self) -> tuple[Made, Delivery] | None:
        return next(((made, place) for made in self.ticket.outputs for place in made.deliveries), None)


def forecast(stage: Stage, create: Callable[[Pass, str], Errand[Placed]], place: str) -> Forecast | None:
    """Of a job that a client creates, who wants to hear of it at a place. None where nobody can ask for that here."""
    dialect, paper = stage.dialect, stage.paper()
    done = paper.run(create(entered(dialect), place))
    if done.value is None:
        return None
    ticket = paper.tickets[done.value.id]
    standing = (thing for thing in paper.things.values() if thing.kind == dialect.standing)
    wishes = (*ticket.job.notifications, *map(dialect.subscription, standing))
    ours = tuple(each for each in wishes if each.target.url == place and each.events)
    return Forecast(dialect, place, ticket, ours, said(dialect, done.requests)) if ours else None
