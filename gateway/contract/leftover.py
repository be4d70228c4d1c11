"""What a client makes at an account for a job (a webhook, a pipeline): remembered, to be taken away again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.example import leaves
from mediaglot.gateway.contract.judge import judge
from mediaglot.gateway.contract.stage import Line, Stage, Steps, Want
from mediaglot.gateway.errand import Client, Errand
from mediaglot.gateway.exchange import DeleteThing, PutThing, Request, Response
from mediaglot.gateway.testing.case import read_call

T = TypeVar("T")


@dataclass(slots=True)
class Leftovers:
    stage: Stage
    made: list[tuple[str, Request, Response]] = field(default_factory=list)
    """By kind."""

    def of(self, steps: Errand[T]) -> Errand[T]:
        """The same errand, with an eye on what it makes."""
        try:
            request = next(steps)
            while True:
                response = yield request
                intent = read_call(self.stage.dialect, request).intent
                if isinstance(intent, PutThing) and intent.id is None:
                    self.made.append((intent.kind, request, response))
                request = steps.send(response)
        except StopIteration as end:
            found: T = end.value
            return found

    def take_away(self, line: Line, client: Client, want: Want) -> Steps[None]:
        """The last first. Of all that the client knows only what it has made."""
        for kind, request, response in self.made[::-1]:
            told = {str(value) for _, value in leaves(judge(self.stage.dialect, request, response).tree)}
            for thing_id in (each for (what, _), each in client.known.items() if what == kind and each in told):
                yield from self._taken_away(line, kind, thing_id, want)

    def _taken_away(self, line: Line, kind: str, thing_id: str, want: Want) -> Steps[None]:
        def wanted(sample: Sample) -> bool:
            return isinstance(sample.reading.intent, DeleteThing) and sample.reading.intent.kind == kind

        sample = next(self.stage.firsts(wanted), None)
        request = asking.with_id(self.stage.dialect, sample, thing_id) if sample is not None else None
        ready = self.stage.ready(request) if request is not None else None
        if ready is not None:
            yield from self.stage.ask(line, ready, want)
