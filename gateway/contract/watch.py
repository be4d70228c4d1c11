"""One job under watch: what was seen of it, what was heard of it, and whether the one is what the other says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from mediaglot.gateway.contract import message
from mediaglot.gateway.contract.echo import problems
from mediaglot.gateway.contract.finding import Finding, short
from mediaglot.gateway.contract.forecast import EVENTS, Forecast
from mediaglot.gateway.contract.labour import follow, reachable
from mediaglot.gateway.contract.message import BODY, Certainty, Heard, hear, repeated, wrong
from mediaglot.gateway.contract.post import Post
from mediaglot.gateway.contract.stage import Line, Listen, Stage, Steps, errand
from mediaglot.gateway.errand import Client, Errand, Glimpse, Pass, Placed
from mediaglot.gateway.exchange import Request
from mediaglot.gateway.faults import NotFound, Refused
from mediaglot.gateway.model import TERMINAL, Event, Status

STRANGERS: Final = 20
"""Jobs of others that are looked up, where one hears of them too."""


@dataclass(slots=True)
class Watch:
    """One job, what was seen of it, and what was heard."""

    stage: Stage
    line: Line
    client: Client
    post: Post
    forecast: Forecast
    certainty: Certainty
    placed: Placed = field(default_factory=lambda: Placed(id=""))
    over: bool = False
    """Whether all that had to come had its time."""
    heard: list[Heard] = field(default_factory=list)
    looks: list[tuple[int, Glimpse]] = field(default_factory=list)
    """Each with how many messages had come before it was asked for."""
    others: dict[str, bool] = field(default_factory=dict)
    """Ids of jobs that are not this one, and whether they are there."""

    def play(self, permit: Pass, steps: Errand[Placed]) -> Steps[None]:
        """``steps`` create the job. Raises Faults."""
        self.placed = yield from errand(self.stage, self.line, steps)
        self.stage.made.append(self.placed.id)
        last = yield from follow(self.stage, self.line, self._look, self.placed)
        if last.status not in TERMINAL:
            self.line.skipped = "the job did not come to an end"
            return
        yield from self._await(permit)
        yield from errand(self.stage, self.line, self._look(permit, self.placed))
        self.over = True

    def sum_up(self) -> None:
        self._learn()
        self.line.findings += [each.of(self.line.name) for each in self._findings()]

    def _look(self, permit: Pass, placed: Placed) -> Errand[Glimpse]:
        before = len(self.post.came)
        glimpse = yield from self.client.look(permit, placed)
        self.looks.append((before, glimpse))
        return glimpse

    # --- waiting --------------------------------------------------------------------------------------

    def _learn(self) -> list[Heard]:
        """All that was heard, what came just now included."""
        since = self.heard[-1].order + 1 if self.heard else 0
        for order, told in self.post.at(self.forecast.place, since):
            self.heard.append(self._understood(order, told))
        return self.heard

    def _understood(self, order: int, told: Request) -> Heard:
        return hear(self.client, self.stage.dialect, order, told, self.forecast.message())

    def _event(self, heard: Heard) -> Event | None:
        """What a message is about; None for what can't be understood."""
        if heard.glimpse is None or (not heard.glimpse.word and Event.DELIVERED not in self.forecast.events):
            return None
        return EVENTS.get(heard.glimpse.status) if heard.glimpse.word else Event.DELIVERED

    def _missing(self) -> dict[Event, Glimpse]:
        """What one is told of and no message came about, and where it was seen. One that can't be understood may be
        about all of it."""
        told = {self._event(each) for each in self._own()}
        seen = {glimpse.status: glimpse for _, glimpse in self.looks}
        due = {event: each for each in seen.values() for event in self.forecast.due(each.status)}
        return {} if None in told else {event: each for event, each in due.items() if event not in told}

    def _own(self) -> list[Heard]:
        """All but what is about jobs of others: what comes about one that is not there was meant for this one."""
        return [each for each in self._learn() if not self._is_foreign(each)]

    def _is_foreign(self, heard: Heard) -> bool:
        about = heard.glimpse.id if heard.glimpse is not None else self.placed.id
        return bool(self.stage.dialect.standing) and about != self.placed.id and self.others.get(about, True)

    def _unknown(self) -> list[str]:
        ids = dict.fromkeys(each.glimpse.id for each in self._learn() if each.glimpse is not None)
        return [each for each in ids if each != self.placed.id and each not in self.others]

    def _await(self, permit: Pass) -> Steps[None]:
        def enough() -> bool:
            return bool(self._unknown()) or not self._missing()

        for _ in range(STRANGERS):
            yield Listen(enough, self.stage.terms.hear_patience)
            if not (unknown := self._unknown()):
                return
            self.others[unknown[0]] = yield from self._is_there(permit, unknown[0])

    def _is_there(self, permit: Pass, job_id: str) -> Steps[bool]:
        try:
            yield from errand(self.stage, self.line, self.client.look(permit, Placed(id=job_id)))
        except Refused as fault:
            return not isinstance(fault.meaning, NotFound)
        return True

    # --- what is wrong ----------------------------------------------------------------------------------

    def _findings(self) -> Iterator[Finding]:
        for event, glimpse in self._missing().items():
            evidence = self.certainty.end if glimpse.status in TERMINAL else self.certainty.steps
            about = f"{event} at {glimpse.word!r}" if event is Event.DELIVERED else repr(glimpse.word)
            said = f"expected a message about {about} at {self.post.home}, none came"
            yield wrong("unsent", message.NAME, said, evidence)
        for each in self._own():
            yield from each.findings
            if each.glimpse is not None:
                yield from self._told(each, each.glimpse)
        for _, glimpse in self.twice():
            said = f"expected a message about {glimpse.word!r} once, it came twice"
            yield wrong("twice", message.NAME, said, self.certainty.once)

    def twice(self) -> Sequence[tuple[Heard, Glimpse]]:
        return tuple(repeated(self._own())) if self.certainty.once else ()

    def _told(self, heard: Heard, glimpse: Glimpse) -> Iterator[Finding]:
        how = self.certainty.how
        if glimpse.id != self.placed.id:
            there = "another one" if self.others.get(glimpse.id, True) else "one that is not there"
            yield wrong("id", BODY, f"expected the job {self.placed.id}, found {short(glimpse.id)}, {there}", how)
            return
        if self._event(heard) is None:
            if not heard.findings:
                yield wrong("state", BODY, f"expected a word for a state, found {glimpse.word!r}", how)
            return
        told = glimpse.status if glimpse.word else Status.UNKNOWN
        later = (look for before, look in self.looks if before > heard.order)
        if (now := next((each for each in later if each.status not in reachable(told)), None)) is not None:
            said = f"expected what the job itself says later, {now.word!r}, or what comes before it"
            yield wrong("state", BODY, f"{said}, found {glimpse.word!r}", how)
        yield from self._echoed(heard)

    def _echoed(self, heard: Heard) -> Iterator[Finding]:
        paper = self.forecast.message(self._event(heard))
        if heard.tree is not None and not heard.findings:
            shown = message.document(self.stage.dialect, paper, paper)
            for rule, place, said in problems(self.forecast.known, shown, heard.tree):
                yield wrong(rule, place.replace("response.body", BODY, 1), said, self.certainty.how)
