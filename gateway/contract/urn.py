"""Requests for jobs, drawn for one operation in one format: fixtures' jobs with a few settings said in other ways.

What is drawn is valid against the operation's schema, asks for the same account, tells nobody and keeps no preset.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from random import Random
from typing import Any, Final

from mediaglot.gateway.contract import asking
from mediaglot.gateway.contract.asking import Sample
from mediaglot.gateway.contract.furnished import Room, at_home
from mediaglot.gateway.contract.judge import schemas
from mediaglot.gateway.contract.variant import Atlas, Change, Face, Place, changed, changes
from mediaglot.gateway.exchange import CreateJob, Request
from mediaglot.gateway.testing.case import Reading, read_call
from mediaglot.gateway.wire.schema import stem

TRIES: Final = 60
"""Documents that are drawn for one that can be sent."""


@dataclass(frozen=True, slots=True)
class Base:
    """A job that others differ from in some fields: ``places`` are those that can be said otherwise."""

    request: Request
    reading: Reading
    places: list[tuple[Place, Face]]

    @property
    def needs(self) -> Any:
        return getattr(self.reading.intent, "needs", ())


@dataclass(frozen=True, slots=True)
class Drawn:
    """A request that says ``said`` where its base says something else."""

    base: Base
    request: Request
    said: tuple[Change, ...]


class Urn:
    """``kind`` is a sample of the operation in the format. The same seed draws the same."""

    def __init__(self, room: Room, kind: Sample, name: str) -> None:
        self.room, self.kind, self.name = room, kind, name
        self.dialect = room.stage.dialect
        self.chance = Random(f"{room.stage.terms.seed} {name}")  # noqa: S311 - the same jobs each time
        self.known = schemas(room.stage.home)
        self.schema = f"{stem(kind.operation)}.request"
        self.atlas = Atlas(self.known.document)
        self.bases: list[Base] = []
        self.left = [each for each in room.stage.samples if self._alike(each)]
        self.seen: set[Request] = set()

    def _alike(self, sample: Sample) -> bool:
        same = (sample.operation, sample.format) == (self.kind.operation, self.kind.format)
        return same and not sample.wrong and isinstance(sample.reading.intent, CreateJob)

    # --- what others differ from --------------------------------------------------------------------

    def base(self) -> Base | None:
        """One of those that are known, or a new one; what can't be brought home is not tried again."""
        while self.left and (not self.bases or self.chance.random() < 0.5):
            sample = self.left.pop(self.chance.randrange(len(self.left)))
            if (request := at_home(self.room, sample)) is not None:
                self.seen.add(request)
                self.bases.append(self._based(request))
                return self.bases[-1]
        return self.chance.choice(self.bases) if self.bases else None

    def _based(self, request: Request) -> Base:
        held = self.dialect.auth.sign({}, asking.ANYBODY).keys()
        reading = read_call(self.dialect, request)
        every = self.atlas.places(reading.call.tree, self.atlas.face(self.schema))
        return Base(request, reading, [each for each in every if each[0][0] not in held])

    # --- drawing ------------------------------------------------------------------------------------

    def draw(self, *, refused: bool) -> Drawn | None:
        """Rather one that is ``refused`` on paper, or is not. None where nothing new was found that may be sent."""
        other = None
        for _ in range(TRIES if self.schema in self.known.names else 0):
            found = self._try()
            if found is None:
                continue
            other = other or found
            if self._refused(found.request) is refused:
                other = found
                break
        if other is not None:
            self.seen.add(other.request)
        return other

    def _try(self) -> Drawn | None:
        if (base := self.base()) is None:
            return None
        said = changes(base.reading.call.tree, base.places, self.atlas, self.chance)
        tree = reduce(changed, said, base.reading.call.tree)
        if not said or self.known.check(self.schema, tree):
            return None
        request = asking.with_tree(self.dialect, base.request, tree)
        if request is None or request in self.seen or not self._may_be_sent(base, read_call(self.dialect, request)):
            return None
        return Drawn(base, request, said)

    def _refused(self, request: Request) -> bool:
        return read_call(self.dialect, request).fault is not None or self.room.job(request) is None

    def _may_be_sent(self, base: Base, reading: Reading) -> bool:
        call, own = reading.call, base.reading.call
        if (call.route, call.wire.content_type, call.credential) != (own.route, own.wire.content_type, own.credential):
            return False
        if reading.fault is not None:
            return True
        intent = reading.intent
        if not isinstance(intent, CreateJob) or intent.presets or intent.unique:
            return False
        job = self.room.job(call.request)
        return not self.room.strange(intent.job if job is None else job)
